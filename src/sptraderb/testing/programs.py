"""Real processes for tests: the program started on a data folder of its own, and what of it still runs."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a data folder that other users can enter (as root PostgreSQL runs as one), and remove it.

    Raises
    ------
    AssertionError
        If a process of it still runs at the end; it is killed first.
    """
    folder = Path(tempfile.mkdtemp(prefix="sptraderb-e2e-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        left = processes_of(folder)
        for pid in left:
            os.kill(pid, 9)
        shutil.rmtree(folder, ignore_errors=True)
        assert not left, f"still running: {left}"


def start_program(
    *arguments: str, data_dir: Path, given: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start `sptraderb` with arguments, in a process group of its own, output and errors in one pipe.

    Parameters
    ----------
    *arguments : str
        Command and options.
    data_dir : Path
        DATA_DIR.
    given : dict, optional
        Further environment variables; DATABASE_URL and PORT of the surroundings are not passed on.
    """
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "PORT")}
    return subprocess.Popen(
        [sys.executable, "-m", "sptraderb.cli.main", *arguments],
        env=kept | {"DATA_DIR": str(data_dir), "LOG_FORMAT": "json", "COLUMNS": "160"} | (given or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def processes_of(data_dir: Path) -> dict[int, str]:
    """Return the living processes whose command line or environment names a data folder, by id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            surroundings = (entry / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(data_dir) in command + surroundings:
            found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found
