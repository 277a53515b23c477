"""The layer contracts of .importlinter hold, and the API process stays light."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numba", "talib", "pandas", "pyarrow", "llvmlite")


def test_layers_when_linted_then_contracts_are_kept() -> None:
    """Every contract of .importlinter is kept."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(program), "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_api_when_imported_then_loads_no_heavy_library() -> None:
    """The API process imports no Numba, TA-Lib, pandas or pyarrow."""
    code = (
        "import sys, sptraderb.api.app, sptraderb.bootstrap; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_worker_parent_when_imported_then_loads_no_heavy_library() -> None:
    """The worker's parent process stays light: kernels are loaded by its template process only."""
    code = f"import sys, sptraderb.orchestrator.worker; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
