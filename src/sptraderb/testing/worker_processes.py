"""Real worker processes for tests: started, killed, told to stop.

As a module (``python -m sptraderb.testing.worker_processes URL DATA_DIR CHILD_MODULE CONCURRENCY
PYTHON_DIR``) it
is such a worker, which says ``ready`` on its standard output.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvloop

from sptraderb.orchestrator.component_policy import OFF, ComponentPolicy
from sptraderb.orchestrator.worker import WorkerOptions, run_worker
from sptraderb.telemetry import configure_logging

SCRIPTED = "sptraderb.testing.scripted_child"
_READY_WITHIN_S = 300.0
_ENDS_WITHIN_S = 10.0


class WorkerProcess:
    """A worker in a process of its own; made by `start_worker`.

    Parameters
    ----------
    process : Process
        Started, and ready.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    async def kill(self) -> None:
        """Kill it with signal 9, as a crash would, and wait until it is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit code."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        async with asyncio.timeout(_ENDS_WITHIN_S):
            return await self._process.wait()


@asynccontextmanager
async def start_worker(
    database_url: str,
    data_dir: Path,
    *,
    child_module: str = SCRIPTED,
    concurrency: int = 1,
    python_dir: Path | None = None,
) -> AsyncIterator[WorkerProcess]:
    """Give a worker that takes jobs; it is killed at the end, unless it ended before.

    Parameters
    ----------
    database_url : str
        A test's own database.
    data_dir : Path
        For the candle cache.
    child_module : str
        Whose ``run_child`` its children run.
    concurrency : int
        Children at a time.
    python_dir : Path, optional
        Folder of strategies' own Python; without it there is none.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sptraderb.testing.worker_processes",
        database_url,
        str(data_dir),
        child_module,
        str(concurrency),
        "" if python_dir is None else str(python_dir),
        stdout=asyncio.subprocess.PIPE,
    )
    worker = WorkerProcess(process)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_READY_WITHIN_S):
            assert await process.stdout.readline() == b"ready\n", "the worker must come up"
        yield worker
    finally:
        await worker.kill()


def children_of(pid: int) -> list[int]:
    """Return the processes whose parent is ``pid``."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in found.read_text().split()] if found.exists() else []


def run_children_of(worker_pid: int) -> list[int]:
    """Return the children that compute runs for a worker: those of its template."""
    return [child for template in children_of(worker_pid) for child in children_of(template)]


def main() -> None:
    """Be a worker."""
    configure_logging("info", "json")
    url, data_dir, child_module, concurrency, python_dir = sys.argv[1:]
    options = WorkerOptions(
        database_url=url,
        data_dir=Path(data_dir),
        child_module=child_module,
        concurrency=int(concurrency),
        python=ComponentPolicy(mode="confined", folder=python_dir) if python_dir else OFF,
    )
    uvloop.run(run_worker(options, on_ready=_say_ready))


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
