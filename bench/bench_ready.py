"""Answer: how long until a worker's template is ready to fork, with the kernels on disk.

Starts the template as a worker does, waits for its ``ready``, and kills it by closing its socket; several
times, after one start that is not counted. Wall time and the processor time of the process are told apart:
the second is what other programs on the machine disturb least. Then where the time goes: bare Python, NumPy,
and Numba imported alone. Writes ``bench/results/DATE-ready.json``.
"""

import json
import os
import platform
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROUNDS = 3
RESULTS = Path(__file__).with_name("results")
ALONE = {"python": "pass", "numpy": "import numpy", "numba": "import numba"}


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as data_dir:
        _start(data_dir)
        starts = [_start(data_dir) for _ in range(ROUNDS)]
    figures: dict[str, Any] = {"ready": _told(starts)}
    for name, script in ALONE.items():
        figures[f"{name} alone"] = _told([_timed([sys.executable, "-c", script]) for _ in range(ROUNDS)])
    for name, value in figures.items():
        print(name, value)
    _write(figures)


def _told(found: list[tuple[float, float]]) -> dict[str, float]:
    walls, processors = zip(*found, strict=True)
    return {
        "wall_best_s": round(min(walls), 3),
        "wall_median_s": round(statistics.median(walls), 3),
        "processor_best_s": round(min(processors), 3),
    }


def _start(data_dir: str) -> tuple[float, float]:
    """Return seconds until ``ready``, and processor seconds of the whole process."""
    ours, theirs = socket.socketpair()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "sptraderb.orchestrator.template", str(theirs.fileno())]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "sptraderb.orchestrator.child", data_dir, "info", "json"], pass_fds=[theirs.fileno()]
    )
    theirs.close()
    if b"ready" not in ours.recv(4096):
        raise SystemExit("the template must say that it is ready, it ended")
    wall = time.perf_counter() - started
    ours.close()
    process.wait()
    return wall, _processor_s(before)


def _timed(command: list[str]) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - started, _processor_s(before)


def _processor_s(before: resource.struct_rusage) -> float:
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _write(figures: dict[str, Any]) -> None:
    root = Path(__file__).parents[1]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, check=False, capture_output=True, text=True
    ).stdout.strip()
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0]},
        "python": platform.python_version(),
        **figures,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-ready.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {path.relative_to(root)}")


if __name__ == "__main__":
    main()
