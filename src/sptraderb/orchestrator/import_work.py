"""An import in a child of a worker: the upload becomes a file, the file becomes candles.

1. fetch:   chunks from the database into a file of this machine      phase fetching
2. unpack:  archives and UTF-16 into a file beside it                 candles/formats/unpacking
3. import:  as on the command line                                    import_candles
4. end:     final state, report and end of the job; where candles were stored, in their transaction

A child that dies before the commit has changed nothing; one that dies after it has also ended the import.
An attempt that another worker has taken over cannot commit (`_FencedError`).
"""

import asyncio
import contextlib
import fcntl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from sptraderb.candles.formats.unpacking import plain_file
from sptraderb.candles.import_job import ImportState
from sptraderb.candles.import_report import ImportReport
from sptraderb.errors import Conflict, Unavailable
from sptraderb.orchestrator.child_pipe import ChildChannel, Ended, ImportAssignment, ProgressReport, Stopped
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.store import import_job_rows, jobs
from sptraderb.store.pool import (
    DATABASE_DOWN,
    Connection,
    Pool,
    close_pool,
    is_database_down,
    open_pool,
    transaction,
)

_SHARES = {
    "fetching": (0, 10),
    "unpacking": (10, 15),
    "reading": (15, 80),
    "checking": (80, 85),
    "storing": (85, 90),
    "deriving": (90, 100),
}
"""Percent of the whole at the beginning and the end of each phase."""
_REPORT_EVERY_S = 0.1
_NAMELESS = "upload"
_SWEEP_AFTER_S = 60.0


class _FencedError(Exception):
    """Another attempt holds the import; what this one did must not be committed."""


async def work_import(channel: ChildChannel, assignment: ImportAssignment) -> Ended | Stopped:
    """Do one import.

    Parameters
    ----------
    channel : ChildChannel
        Takes progress, knows of a stop.
    assignment : ImportAssignment
        The import.

    Raises
    ------
    SptraderbError
        Whatever makes the import impossible; `Unavailable` if it may be tried again.
    """
    pool = await open_pool(assignment.database_url, size=2, name="sptraderb import")
    try:
        with upload_file(Path(assignment.data_dir) / "imports", assignment) as path:
            return await _work(pool, channel, assignment, path)
    except DATABASE_DOWN as error:
        if not is_database_down(error):
            raise
        raise Unavailable("database.unreachable", f"the import was interrupted: {error}") from error
    finally:
        await close_pool(pool)


async def _work(
    pool: Pool, channel: ChildChannel, assignment: ImportAssignment, path: Path
) -> Ended | Stopped:
    meter = ImportMeter(channel)
    ending = _Ending(assignment)
    await _fetch(pool, assignment, path, channel=channel, meter=meter)
    if channel.is_stopped:
        return Stopped()
    try:
        report = await _import_packed(pool, channel, assignment, path, (meter, ending))
        if not ending.is_done:
            async with transaction(pool) as connection:
                await ending.complete(connection, report)
    except _FencedError:
        return Ended(status="fenced")
    except Conflict as error:
        if error.code == "import.cancelled":
            return Stopped()
        raise
    return Ended(status=ImportState.COMPLETED.value, n_bars=report.n_kept)


async def _import_packed(
    pool: Pool,
    channel: ChildChannel,
    assignment: ImportAssignment,
    path: Path,
    ends: tuple["ImportMeter", "_Ending"],
) -> ImportReport:
    meter, ending = ends
    with contextlib.ExitStack() as stack:
        packed = plain_file(
            path,
            name=assignment.options.file_name or _NAMELESS,
            folder=path.parent,
            on_bytes=lambda done, total: meter.advance("unpacking", done, total),
            should_stop=lambda: channel.is_stopped,
        )
        plain = await asyncio.to_thread(stack.enter_context, packed)
        return await import_candles(
            pool,
            plain.path,
            options=replace(assignment.options, file_name=plain.name),
            on_progress=meter.advance,
            should_stop=lambda: channel.is_stopped,
            on_stored=ending.complete,
        )


async def _fetch(
    pool: Pool, assignment: ImportAssignment, path: Path, *, channel: ChildChannel, meter: "ImportMeter"
) -> None:
    done = number = 0
    with path.open("wb") as file:
        while not channel.is_stopped:
            chunk = await import_job_rows.read_chunk(pool, assignment.import_id, number)
            if chunk is None:
                break
            file.write(chunk)
            done, number = done + len(chunk), number + 1
            meter.advance("fetching", done, assignment.n_bytes)


class _Ending:
    """Ends an import in the transaction it is given."""

    def __init__(self, assignment: ImportAssignment) -> None:
        self._assignment = assignment
        self.is_done = False

    async def complete(self, connection: Connection, report: ImportReport) -> None:
        """Write the final state and the report, and finish the job; raise if this attempt is fenced."""
        own = self._assignment
        ended = await import_job_rows.end_import(
            connection,
            own.import_id,
            attempt=own.attempt,
            state=ImportState.COMPLETED,
            report=msgspec.json.encode(replace(report, file=own.options.file_name or report.file)),
        )
        if ended is None or not await jobs.finish(connection, own.job_id, worker_id=own.worker_id):
            raise _FencedError
        self.is_done = True


class ImportMeter:
    """Turns an importer's steps into percents that never go back, at most ten a second.

    Parameters
    ----------
    channel : ChildChannel
        Where they are told.
    """

    def __init__(self, channel: ChildChannel) -> None:
        self._channel = channel
        self._phase = ""
        self._percent = 0.0
        self._told_s = 0.0

    def advance(self, phase: str, done: int, total: int) -> None:
        """Take a step of a phase."""
        begin, end = _SHARES[phase]
        self._percent = max(self._percent, begin + (end - begin) * min(1.0, done / max(1, total)))
        now_s = time.monotonic()
        if phase == self._phase and now_s - self._told_s < _REPORT_EVERY_S:
            return
        self._phase, self._told_s = phase, now_s
        self._channel.send(ProgressReport(phase=phase, percent=round(self._percent, 2)))


@contextlib.contextmanager
def upload_file(folder: Path, assignment: ImportAssignment) -> Iterator[Path]:
    """Give a file for the upload, gone at the end; files of children that died are swept before.

    Parameters
    ----------
    folder : Path
        Shared by the workers of this machine.
    assignment : ImportAssignment
        Names the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.upload"):
        with contextlib.suppress(OSError), old.open("rb") as file:
            # Its child holds the lock as long as it lives; a new file may not be locked yet.
            if time.time() - old.stat().st_mtime < _SWEEP_AFTER_S:
                continue
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            old.unlink()
    path = folder / f"{assignment.import_id}-{assignment.attempt}.upload"
    with path.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
