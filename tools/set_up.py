"""Make `.venv` ready, from nothing or from a broken half, with the standard library only.

Steps, each skipped when its stamp is still true:

1. lock the project folder, so that two ``make`` at once wait for each other (`locked`);
2. compare the stamp in ``.venv`` with the lock files (`is_ready`);
3. make ``.venv`` anew when its base stamp is missing or foreign (`make_venv`);
4. install the hashed pins and the package itself (`install_pins`, `install_package`);
5. unpack the web assets that are built in, never committed (``tools/web_assets.py``);
6. compile the kernels into Numba's disk cache (`warm_kernels`);
7. write the stamp, last.

A stamp is removed before anything is touched, so an interrupted run is always seen.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "sptraderb-stamp.json"
LOG = VENV / "set_up.log"
LEVELS = {"run": ("build", "run"), "dev": ("build", "run", "dev")}
WIDTH = 24
# What would make pip or Python look elsewhere than into `.venv`.
FOREIGN_VARIABLES = (
    "PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT",
    "PIP_REQUIRE_VIRTUALENV", "PIP_NO_DEPS", "PIP_CONSTRAINT", "PIP_REQUIREMENT", "VIRTUAL_ENV",
    "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip


class SetUpFailed(Exception):
    """A step did not succeed; the text says which, and where its output is."""


def fingerprint(level: str) -> str:
    """Return a hash of everything that decides what a level's environment holds."""
    digest = hashlib.sha256(f"{ROOT}\n{sys.version}\n{sys.base_prefix}\n".encode())
    for name in (*LEVELS[level], "web"):
        digest.update((ROOT / "requirements" / f"{name}.txt").read_bytes())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [project["build-system"], project["project"], project["tool"].get("setuptools")]
    digest.update(json.dumps(parts, sort_keys=True).encode())
    return digest.hexdigest()


def kernels_fingerprint() -> str:
    """Return a hash of the kernels' sources: after a change they are compiled here, not in the first run."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src" / "sptraderb" / "engine" / "kernels").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_stamp() -> dict[str, str]:
    """Return the finished levels and their fingerprints; empty when nothing is finished."""
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if (VENV / "bin" / "python").exists() else {}


def is_ready(level: str) -> bool:
    """Tell whether the environment holds exactly what ``level`` asks for."""
    stamp = read_stamp()
    return stamp.get(level) == fingerprint(level) and stamp.get("kernels") == kernels_fingerprint()


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Hold the project folder's lock until this process and the steps it started have ended."""
    folder = os.open(ROOT, os.O_RDONLY)
    os.set_inheritable(folder, True)  # a pip that outlives a killed set-up still keeps others out
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is at work in this folder, waiting for it")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"set-up: {text}", flush=True)


def draw_bar(done: int, total: int, text: str) -> None:
    """Redraw the progress bar on a terminal; say nothing elsewhere."""
    if sys.stdout.isatty():
        filled = WIDTH * min(done, total) // max(total, 1)
        bar = "█" * filled + "░" * (WIDTH - filled)
        print(f"\r\033[Kset-up: {bar} {done:3}/{total} {text[:40]}", end="", flush=True)


def clear_bar() -> None:
    """Remove the progress bar from a terminal."""
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would lead pip out of ``.venv`` or leave no bytecode."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN_VARIABLES}
    return kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1", "NUMBA_CPU_NAME": "generic"}


def run_step(what: str, command: Sequence[str | Path], *, total: int = 0) -> None:
    """Run one command, its output going to the log, and count its steps on a bar.

    Raises
    ------
    SetUpFailed
        If the command fails; the message carries the end of its output.
    """
    begun = time.monotonic()
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(map(str, command))}\n")
        process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, env=clean_environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
            close_fds=False,
        )  # fmt: skip
        try:
            tail = _follow(process, log, what, total=total)
        except BaseException:
            process.kill()
            raise
        finally:
            clear_bar()
    if process.wait() != 0:
        raise SetUpFailed(f"{what} failed; its last lines ({LOG} has all):\n" + "".join(tail))
    say(f"{what} ({time.monotonic() - begun:.0f} s)")


def _follow(process: subprocess.Popen[str], log: object, what: str, *, total: int) -> list[str]:
    """Copy a process's output to the log, drawing progress; return its last lines."""
    tail: list[str] = []
    done = 0
    assert process.stdout is not None
    for line in process.stdout:
        log.write(line)  # type: ignore[attr-defined]
        tail = [*tail[-14:], line]
        collecting = re.match(
            r"Collecting ([A-Za-z0-9_.\[\]-]+)|Requirement already satisfied: (\S+?)==", line
        )
        done += bool(collecting)
        text = f"{what}: {collecting[1] or collecting[2]}" if collecting else what
        if line.startswith("Installing collected"):
            text = f"{what}: unpacking"
        draw_bar(done, total, text)
    return tail


def make_venv() -> None:
    """Make an empty ``.venv``, whatever stood there before."""
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        say("an unfinished or foreign .venv is made again")
        shutil.rmtree(VENV)
    VENV.mkdir()
    run_step("made .venv", [sys.executable, "-m", "venv", VENV])


def pip(*arguments: str | Path) -> list[str | Path]:
    """Return the command line of the environment's own pip."""
    return [VENV / "bin" / "python", "-I", "-m", "pip", *arguments]


def install_pins(name: str) -> None:
    """Install one lock file; every file must match one of its hashes.

    The lock is complete, so nothing is resolved; bytecode comes with the first import of what is used,
    which is a third of it. Together that halves the time.
    """
    pins = ROOT / "requirements" / f"{name}.txt"
    total = sum(1 for line in pins.read_text(encoding="utf-8").splitlines() if "==" in line)
    run_step(
        f"installed {name} requirements",
        pip("install", "--require-hashes", "--no-deps", "--no-compile", "--progress-bar", "off", "-r", pins),
        total=total,
    )


def install_package() -> None:
    """Install the package itself, editable, from this folder and without the network."""
    run_step(
        "installed sptraderb",
        pip("install", "--no-index", "--no-deps", "--no-build-isolation", "-e", ROOT),
    )


def unpack_web_assets() -> None:
    """Put the hashed web assets where the API serves them from."""
    run_step("unpacked web assets", [VENV / "bin" / "python", "-I", ROOT / "tools" / "web_assets.py"])


def warm_kernels() -> None:
    """Compile the kernels once, so that no run has to wait for it."""
    say("compiling the simulation kernels (once, three to four minutes)")
    run_step("compiled the kernels", [VENV / "bin" / "python", "-m", "sptraderb.engine.warm"])


def write_bytecode() -> None:
    """Import what commands and servers import, so that no start compiles it, even where none may write."""
    modules = "sptraderb.cli.main, sptraderb.api.server, sptraderb.orchestrator.worker"
    run_step("wrote bytecode", [VENV / "bin" / "python", "-c", f"import {modules}"])


def set_up(level: str) -> None:
    """Bring ``.venv`` to ``level``, doing only what is missing."""
    stamp = read_stamp()
    base_is_sound = stamp.get("run") == fingerprint("run")
    STAMP.unlink(missing_ok=True)
    if base_is_sound:
        finished = {"run": stamp["run"]}
    else:
        finished = {}
        make_venv()
        for name in LEVELS["run"]:
            install_pins(name)
        install_package()
        unpack_web_assets()
        finished["run"] = fingerprint("run")
    if not base_is_sound or stamp.get("kernels") != kernels_fingerprint():
        warm_kernels()
        write_bytecode()
    finished["kernels"] = kernels_fingerprint()
    if level == "dev":
        install_pins("dev")
        finished["dev"] = fingerprint("dev")
    STAMP.write_text(json.dumps(finished, indent=1), encoding="utf-8")
    say(f"ready in {VENV}")


def main() -> int:
    """Run the set-up named on the command line; return the exit code."""
    level = sys.argv[1] if len(sys.argv) > 1 else "run"
    if is_ready(level):
        return 0
    try:
        with locked():
            if not is_ready(level):
                set_up(level)
    except SetUpFailed as failure:
        print(f"set-up: {failure}\nset-up: mend the cause and say make again", file=sys.stderr)
        return 2
    except OSError as failure:
        print(f"set-up: {ROOT} must be writable and have 600 MB free: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        clear_bar()
        print("set-up: interrupted; the next make starts it again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
