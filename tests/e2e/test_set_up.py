"""The set-up from nothing: what it needs, what it says when that is missing, and how it survives a kill.

Runs the real scripts on a tiny project of the same shape, so that it takes seconds.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sptraderb.testing.eventually import eventually

ROOT = Path(__file__).resolve().parents[2]
SENTENCE = "Python 3.11 or newer with venv is needed. Debian, Ubuntu: sudo apt-get install python3-venv"
PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "sptraderb"
version = "0.1.0"
[tool.setuptools.packages.find]
where = ["src"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project of our shape with nothing to install but itself."""
    root = tmp_path / "a project"
    for folder in ("requirements", "src/sptraderb/engine"):
        (root / folder).mkdir(parents=True)
    shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tools" / "web_assets.py").write_text("")
    shutil.copy(ROOT / "Makefile", root)
    shutil.copy(ROOT / "requirements" / "build.txt", root / "requirements")
    for name in ("run", "dev", "web"):
        (root / "requirements" / f"{name}.txt").write_text("# nothing\n")
    (root / "pyproject.toml").write_text(PROJECT)
    package = root / "src" / "sptraderb"
    for name in ("__init__", "engine/__init__", "api/server", "cli/main", "orchestrator/worker"):
        (package / f"{name}.py").parent.mkdir(exist_ok=True)
        (package / f"{name}.py").write_text("")
    (root / "src" / "sptraderb" / "engine" / "warm.py").write_text("print('warm')\n")
    return root


def make(root: Path, **variables: str) -> subprocess.Popen[str]:
    """Start `make setup` in a project, in a process group of its own."""
    return subprocess.Popen(
        ["make", "--no-print-directory", "setup"], cwd=root, env={**os.environ, **variables}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def script(path: Path, text: str) -> Path:
    """Write an executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_set_up_when_python_is_too_old_then_one_sentence_and_exit_2(project: Path, tmp_path: Path) -> None:
    """An interpreter before 3.11 is answered with the sentence that says what is needed."""
    old = script(tmp_path / "old-python", "exit 1")
    process = make(project, PYTHON=str(old))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert SENTENCE in errors
    assert not (project / ".venv").exists()


def test_set_up_when_ensurepip_is_missing_then_one_sentence_and_exit_2(project: Path, tmp_path: Path) -> None:
    """Debian's python3 without python3-venv is answered with the same sentence, before anything is made."""
    shadow = tmp_path / "shadow" / "ensurepip"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError('no ensurepip')\n")
    bare = script(tmp_path / "bare-python", f'PYTHONPATH="{shadow.parent}" exec "{sys.executable}" "$@"')
    process = make(project, PYTHON=str(bare))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert SENTENCE in errors
    assert not (project / ".venv").exists()


def test_set_up_when_killed_and_started_twice_then_both_end_well_and_the_next_does_nothing(
    project: Path,
) -> None:
    """A killed set-up leaves no stamp: of two started together one makes it again, the other waits."""
    killed = make(project)
    log = project / ".venv" / "set_up.log"
    asyncio.run(eventually(log.exists, within_s=60))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (project / ".venv" / "sptraderb-stamp.json").exists()

    both = [make(project, PYTHONDONTWRITEBYTECODE="1") for _ in range(2)]
    said = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    text = "".join(out for out, _ in said)
    assert text.count("set-up: ready in") == 1
    assert "an unfinished or foreign .venv is made again" in text
    written = project / "src" / "sptraderb" / "cli" / "__pycache__"
    assert list(written.glob("main.*.pyc")), "later starts must find bytecode, whatever the environment says"

    again = make(project)
    out, errors = again.communicate(timeout=60)
    assert (again.returncode, out, errors) == (0, "", "")
    found = subprocess.run(
        [project / ".venv" / "bin" / "python", "-c", "import sptraderb; print(sptraderb.__file__)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(project) in found.stdout

    kernels = project / "src" / "sptraderb" / "engine" / "kernels"
    kernels.mkdir()
    (kernels / "bars.py").write_text("# changed by an update\n")
    out, _ = make(project).communicate(timeout=60)
    assert "compiled the kernels" in out, "an update's kernels must not be compiled by the first run"
    assert "installed" not in out


def test_set_up_when_a_pin_cannot_be_had_then_its_reason_is_shown_and_no_stamp_is_left(project: Path) -> None:
    """A failing step prints the end of its output and leaves the set-up unfinished."""
    pin = "no-such-package-of-ours==1.0 --hash=sha256:" + "0" * 64
    (project / "requirements" / "build.txt").write_text(pin + "\n")
    process = make(project, PIP_NO_INDEX="1")
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "no-such-package-of-ours" in errors
    assert not (project / ".venv" / "sptraderb-stamp.json").exists()
