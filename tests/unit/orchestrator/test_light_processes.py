"""What a process of the orchestrator must not load."""

import subprocess
import sys

import pytest

HEAVY = ("numba", "llvmlite", "talib", "pandas", "pyarrow", "litestar", "sptraderb.engine.simulate")


@pytest.mark.parametrize("module", ["worker", "queue", "verify", "child", "template"])
def test_module_when_imported_then_loads_no_kernels(module: str) -> None:
    """The worker's parent, the API and the child's entry stay light."""
    code = (
        f"import sys, sptraderb.orchestrator.{module};"
        f"print(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
