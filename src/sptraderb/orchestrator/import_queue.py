"""Imports sent over HTTP: taking an upload in, reading what became of it, cancelling it.

1. options:  what can be known to be wrong is refused before a byte is stored     check_options
2. upload:   pieces of a mebibyte, one transaction over a connection of its own    submit_import
3. job:      row, chunks and job are committed together; a worker does the rest    import_work

A cut upload is a transaction that was never committed: it leaves nothing, whatever died.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from sptraderb.candles.import_job import ImportJob, ImportState
from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.timezones import parse_zone
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import Conflict, InvalidInput, TooLarge, Unavailable
from sptraderb.store import import_job_rows, jobs
from sptraderb.store.listen import CANCEL_CHANNEL, notify
from sptraderb.store.pool import DATABASE_DOWN, Connection, Pool, connect, transaction

IMPORT = "import"
"""Kind of the jobs that are imports."""
CHUNK_BYTES = 1024 * 1024
_MAX_UPLOADS = 4
_MAX_OPEN = 100
_PIECE_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file on its way in.

    Parameters
    ----------
    pieces : async iterator of bytes
        The file, in pieces of any size.
    options : ImportOptions
        What the file does not say.
    limit : int
        The most bytes it may have.
    """

    pieces: AsyncIterator[bytes]
    options: ImportOptions
    limit: int


def check_options(options: ImportOptions) -> None:
    """Refuse options that no file could be imported with.

    Raises
    ------
    InvalidInput
        ``timeframe.unknown``, ``import.timezone_unknown``.
    """
    if options.timeframe is not None:
        parse_timeframe(options.timeframe)
    if options.timezone is not None and options.timezone.lower() != "auto":
        parse_zone(options.timezone)


def require_size(n_bytes: int, limit: int) -> None:
    """Refuse an upload that is larger than allowed.

    Raises
    ------
    TooLarge
        ``import.too_large``.
    """
    if n_bytes > limit:
        raise TooLarge(
            "import.too_large",
            f"a file must have at most {limit} bytes, has {n_bytes} or more",
            hint="import it with `sptraderb import`, or in parts",
            limit=limit,
        )


async def submit_import(database_url: str, upload: Upload, *, owner: str) -> ImportJob:
    """Take a file in and queue its import.

    Parameters
    ----------
    database_url : str
        A connection of its own is opened, so that slow uploads never hold those of the pool.
    upload : Upload
        File and options.
    owner : str
        Who sends it.

    Returns
    -------
    ImportJob
        Queued.

    Raises
    ------
    InvalidInput
        ``import.file_empty``, ``import.upload_cut``, and those of `check_options`.
    TooLarge
        ``import.too_large``.
    Unavailable
        ``import.too_many_uploads``, ``import.queue_full``, ``database.unreachable``.
    """
    check_options(upload.options)
    connection = await connect(database_url, wait_s=2.0, name="sptraderb upload")
    try:
        async with connection.transaction():
            await _require_room(connection)
            import_id = uuid4()
            await import_job_rows.insert_import(connection, import_id, upload.options, owner=owner)
            n_bytes = await _store(connection, import_id, upload)
            queued = await import_job_rows.end_upload(connection, import_id, n_bytes=n_bytes)
            await jobs.enqueue(connection, kind=IMPORT, entity_id=import_id)
        return queued
    finally:
        with contextlib.suppress(*DATABASE_DOWN):
            await connection.close(timeout=5.0)


async def cancel_import(pool: Pool, import_id: UUID, *, owner: str) -> ImportJob:
    """Cancel an import that waits or runs; one that is cancelled stays so.

    Returns
    -------
    ImportJob
        Cancelled if it was waiting; a running one is cancelled by its worker within a second.

    Raises
    ------
    NotFound
        ``import.not_found``.
    Conflict
        ``import.wrong_state`` if it has completed or failed.
    """
    async with transaction(pool) as connection:
        found = await import_job_rows.read_import(connection, import_id, owner=owner, to_change=True)
        if found.state in (ImportState.COMPLETED, ImportState.FAILED):
            raise Conflict(
                "import.wrong_state",
                f"an import must be queued or running to be cancelled, was {found.state}",
                state=found.state.value,
            )
        if found.state is ImportState.QUEUED:
            await jobs.withdraw(connection, kind=IMPORT, entity_id=import_id)
            ended = await import_job_rows.end_import(
                connection, import_id, attempt=found.attempt, state=ImportState.CANCELLED
            )
            return ended or found
        if found.state is ImportState.RUNNING:
            await import_job_rows.request_cancel(connection, import_id)
            await notify(connection, CANCEL_CHANNEL, str(import_id))
            return replace(found, cancel_requested=True)
        return found


async def _require_room(connection: Connection) -> None:
    if not await import_job_rows.take_upload_slot(connection, n_slots=_MAX_UPLOADS):
        raise Unavailable(
            "import.too_many_uploads", f"at most {_MAX_UPLOADS} files are taken in at a time, and are"
        )
    n_open = await import_job_rows.count_open(connection)
    if n_open >= _MAX_OPEN:
        raise Unavailable("import.queue_full", f"at most {_MAX_OPEN} imports may wait, {n_open} do")


async def _store(connection: Connection, import_id: UUID, upload: Upload) -> int:
    """Write the chunks and return the file's size."""
    n_bytes = n_chunks = 0
    held = bytearray()
    async for piece in _in_time(upload.pieces):
        n_bytes += len(piece)
        require_size(n_bytes, upload.limit)
        held += piece
        while len(held) >= CHUNK_BYTES:
            await import_job_rows.add_chunk(connection, import_id, n_chunks, bytes(held[:CHUNK_BYTES]))
            del held[:CHUNK_BYTES]
            n_chunks += 1
    if held:
        await import_job_rows.add_chunk(connection, import_id, n_chunks, bytes(held))
    if n_bytes == 0:
        raise InvalidInput("import.file_empty", "the body must hold a file of candles, it is empty")
    return n_bytes


async def _in_time(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces as they come; a sender that says nothing for a minute is cut."""
    while True:
        try:
            async with asyncio.timeout(_PIECE_WITHIN_S):
                piece = await anext(pieces, None)
        except TimeoutError:
            raise InvalidInput(
                "import.upload_cut", f"an upload must go on within {_PIECE_WITHIN_S:g} s, did not"
            ) from None
        if piece is None:
            return
        yield piece
