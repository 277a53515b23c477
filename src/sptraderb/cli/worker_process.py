"""The worker that `serve` starts beside itself: kept running, told to end, waited for.

It runs in a session of its own, so that a Ctrl-C reaches the API first, and holds a pipe from us as
standard input, so that it ends by itself when we are killed.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from sptraderb.cli.surroundings import PROGRAM, environment
from sptraderb.telemetry import logger

_PATIENCE_S = 15.0
_LONGEST_PAUSE_S = 30.0
_SOUND_AFTER_S = 60.0

_log = logger(__name__)


@asynccontextmanager
async def worker_beside(
    database_url: str, concurrency: int, *, log_level: str | None = None
) -> AsyncIterator[None]:
    """Keep one worker process running for as long as the context is open.

    Parameters
    ----------
    database_url : str
        The effective one; handed over in the environment, never on the command line.
    concurrency : int
        Runs it computes at a time.
    log_level : str, optional
        Its LOG_LEVEL; ours where it is not given.
    """
    variables = {"DATABASE_URL": database_url} | ({"LOG_LEVEL": log_level} if log_level else {})
    keeper = asyncio.create_task(_keep(environment(**variables), concurrency), name="worker-process")
    try:
        yield
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper


async def _keep(variables: Mapping[str, str], concurrency: int) -> None:
    pause_s = 1.0
    loop = asyncio.get_running_loop()
    while True:
        begun = loop.time()
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "worker", "--concurrency", str(concurrency), "--until-stdin-closes",
            env=variables,
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                await _end(process)
        pause_s = 1.0 if loop.time() - begun > _SOUND_AFTER_S else min(pause_s * 2, _LONGEST_PAUSE_S)
        _log.error("worker process ended, starting it again", code=code, in_s=pause_s)
        await asyncio.sleep(pause_s)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _PATIENCE_S)
    except TimeoutError:
        _log.error("worker process did not end in time, killing it", after_s=_PATIENCE_S)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
