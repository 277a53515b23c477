"""Rows of imports sent over HTTP, and the chunks of their uploads.

Every write of a worker is fenced by the attempt's number; an import that ends loses its chunks in the
same transaction.
"""

from dataclasses import dataclass
from uuid import UUID

import msgspec

from sptraderb.candles.import_job import ImportJob, ImportState
from sptraderb.candles.import_options import ImportOptions
from sptraderb.domain.backtest import RunError
from sptraderb.errors import NotFound
from sptraderb.store.page_cursor import read_place, require_limit, write_place
from sptraderb.store.pool import Connection, Database, Row, require_row, transaction
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("import_job_rows")


async def take_upload_slot(connection: Connection, *, n_slots: int) -> bool:
    """Take one of the places for uploads until the transaction ends; false if all are taken."""
    for slot in range(n_slots):
        if await connection.fetchval(_QUERIES["take_slot"], slot):
            return True
    return False


async def count_open(connection: Connection) -> int:
    """Return how many imports wait or run."""
    return int(await connection.fetchval(_QUERIES["count_open"]))


async def insert_import(
    connection: Connection, import_id: UUID, options: ImportOptions, *, owner: str
) -> None:
    """Add the row of an upload that begins, and forget imports that ended a month ago."""
    await connection.execute(_QUERIES["prune"])
    text = msgspec.json.encode(options).decode()
    await connection.execute(_QUERIES["insert"], import_id, owner, options.file_name, text)


async def add_chunk(connection: Connection, import_id: UUID, number: int, data: bytes) -> None:
    """Keep the next piece of an upload; numbers count from 0."""
    await connection.execute(_QUERIES["add_chunk"], import_id, number, data)


async def end_upload(connection: Connection, import_id: UUID, *, n_bytes: int) -> ImportJob:
    """Write the size of an upload that is complete, and return its row."""
    return _job(require_row(await connection.fetchrow(_QUERIES["set_size"], import_id, n_bytes)))


async def read_chunk(database: Database, import_id: UUID, number: int) -> bytes | None:
    """Return a piece of an upload, None after the last."""
    data: bytes | None = await database.fetchval(_QUERIES["read_chunk"], import_id, number)
    return data


async def read_import(
    database: Database, import_id: UUID, *, owner: str | None, to_change: bool = False
) -> ImportJob:
    """Return an import.

    Parameters
    ----------
    database : Pool or Connection
        In a transaction where ``to_change``.
    import_id : UUID
        Which.
    owner : str or None
        Whose; None reads anybody's.
    to_change : bool
        Whether the row is held until the transaction ends.

    Raises
    ------
    NotFound
        ``import.not_found``.
    """
    row = await database.fetchrow(_QUERIES["lock" if to_change else "read"], import_id, owner)
    if row is None:
        raise NotFound("import.not_found", f"the import must exist, {import_id} does not")
    return _job(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPage:
    """A page of imports.

    Parameters
    ----------
    imports : tuple of ImportJob
        Newest first; of a report only symbol, timeframe, ``n_read``, ``n_kept``, unchanged and revision.
    next_cursor : str or None
        Where the next page begins; None after the last.
    """

    imports: tuple[ImportJob, ...]
    next_cursor: str | None


async def list_imports(
    database: Database,
    *,
    owner: str,
    state: ImportState | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> ImportPage:
    """Return a page of an owner's imports, newest first.

    Parameters
    ----------
    database : Pool or Connection
        Where to read.
    owner : str
        Whose.
    state : ImportState, optional
        Only those.
    limit : int, optional
        Rows of a page, at most 1,000.
    cursor : str, optional
        Where the page before ended.

    Raises
    ------
    InvalidInput
        ``cursor.invalid``, ``limit.invalid``.
    """
    created_at, last_id = read_place(cursor)
    n_rows = require_limit(limit)
    word = None if state is None else state.value
    rows = await database.fetch(_QUERIES["list"], owner, word, created_at, last_id, n_rows + 1)
    imports = tuple(_job(row) for row in rows[:n_rows])
    last = imports[-1] if len(rows) > n_rows else None
    return ImportPage(
        imports=imports, next_cursor=None if last is None else write_place(last.created_at, last.id)
    )


async def claim_import(database: Database, import_id: UUID) -> ImportJob | None:
    """Let a worker begin an import that waits; None if it does not wait (any more)."""
    row = await database.fetchrow(_QUERIES["claim"], import_id)
    return None if row is None else _job(row)


async def write_progress(
    database: Database, import_id: UUID, *, attempt: int, phase: str, percent: float
) -> bool | None:
    """Write how far an import is.

    Returns
    -------
    bool or None
        Whether it is to be cancelled; None if this attempt does not hold it any more.
    """
    is_to_stop: bool | None = await database.fetchval(
        _QUERIES["write_progress"], import_id, attempt, phase, percent
    )
    return is_to_stop


async def request_cancel(connection: Connection, import_id: UUID) -> None:
    """Ask the worker of a running import to stop."""
    await connection.execute(_QUERIES["request_cancel"], import_id)


async def end_import(
    database: Database,
    import_id: UUID,
    *,
    attempt: int,
    state: ImportState,
    report: bytes | None = None,
    error: RunError | None = None,
) -> ImportJob | None:
    """Give an import its final state and drop its upload.

    Returns
    -------
    ImportJob or None
        None if this attempt does not hold it any more; nothing is changed then.
    """
    async with transaction(database) as connection:
        row = await connection.fetchrow(
            _QUERIES["end"],
            import_id,
            attempt,
            state.value,
            None if report is None else report.decode(),
            None if error is None else msgspec.json.encode(error, enc_hook=str).decode(),
        )
        if row is None:
            return None
        await connection.execute(_QUERIES["drop_chunks"], import_id)
        return _job(row)


async def put_back(
    database: Database, import_id: UUID, *, attempt: int, counts_loss: bool
) -> ImportJob | None:
    """Let a running import wait again; None if this attempt does not hold it any more."""
    row = await database.fetchrow(_QUERIES["put_back"], import_id, attempt, int(counts_loss))
    return None if row is None else _job(row)


def _job(row: Row) -> ImportJob:
    return ImportJob(
        id=row["id"],
        owner=row["owner"],
        state=ImportState(row["state"]),
        file_name=row["file_name"],
        options=msgspec.json.decode(row["options"], type=ImportOptions),
        n_bytes=row["n_bytes"],
        attempt=row["attempt"],
        n_lost=row["n_lost"],
        cancel_requested=row["cancel_requested"],
        phase=row["phase"],
        progress=round(row["progress"], 2),
        error=None if row["error"] is None else msgspec.json.decode(row["error"], type=RunError),
        report=None if row["report"] is None else row["report"].encode(),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
