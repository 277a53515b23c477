"""Results of a bench as dated JSON: the question, the machine, its load before and after, the commit."""

import asyncio
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")


def figures(seconds: Sequence[float]) -> dict[str, float]:
    """Return how often something was timed, its median and its 99th percentile, in milliseconds."""
    ordered = sorted(seconds)
    last = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {
        "n": len(ordered),
        "p50_ms": round(statistics.median(ordered) * 1000, 2),
        "p99_ms": round(last * 1000, 2),
    }


def peak_mb(pid: int | str = "self") -> float:
    """Return the most memory a process ever held, in MB (Linux; 0 elsewhere)."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = next((line for line in lines if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return round(int(found.split()[1]) / 1024, 1)


def own_mb(pid: int | None) -> float:
    """Return the memory a process has of its own now, without mapped files, in MB (Linux; 0 elsewhere)."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = next((line for line in lines if line.startswith("RssAnon:")), "RssAnon: 0 kB")
    return round(int(found.split()[1]) / 1024, 1)


class Watch:
    """The most a process holds of its own while something runs, asked every 10 ms.

    Parameters
    ----------
    pid : int
        The process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.most_mb = 0.0

    async def __aenter__(self) -> "Watch":
        self._task = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _ask(self) -> None:
        while True:
            self.most_mb = max(self.most_mb, own_mb(self._pid))
            await asyncio.sleep(0.01)


def write_results(name: str, question: str, found: Mapping[str, Any], *, load_before: float) -> None:
    """Write ``bench/results/DATE-name.json`` and print the figures."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    now = datetime.now(tz=UTC)
    document = {
        "question": question,
        "at": now.isoformat(timespec="seconds"),
        "commit": commit,
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_average_before": round(load_before, 1),
            "load_average_after": round(os.getloadavg()[0], 1),
        },
        "figures": dict(found),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%d}-{name}.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for word, value in found.items():
        print(f"{word:28} {value}")
    print(f"written to {path}", file=sys.stderr)
