"""What a run leaves behind: the document as gzip bytes, and its tables in column chunks.

``run_moves`` writes them with the final state; here they are packed and read. The document is served
as stored. A chunk holds int64 columns (``domain.result_columns``), compressed with zlib.
"""

import gzip
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from sptraderb.domain.result_columns import ColumnChunk
from sptraderb.errors import Conflict
from sptraderb.store.pool import Database
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("result_rows")
_DOCUMENT_LEVEL = 6
_CHUNK_LEVEL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """A result on its way into the store.

    Parameters
    ----------
    summary : bytes
        JSON object of a few figures, for ``backtest_runs.result``.
    document : bytes
        The canonical document, by :func:`pack_document`.
    digest : str
        Digest of the result's integers (M8), hex.
    chunks : tuple of ColumnChunk
        The tables, by :func:`pack_chunks`: whole and packed before a transaction begins, since writing may
        be tried again, and the run's row is locked meanwhile.
    """

    summary: bytes
    document: bytes
    digest: str
    chunks: tuple[ColumnChunk, ...] = ()


def pack_chunks(chunks: Iterable[ColumnChunk]) -> tuple[ColumnChunk, ...]:
    """Return chunks with their data compressed, taking them one by one."""
    return tuple(replace(chunk, data=zlib.compress(chunk.data, _CHUNK_LEVEL)) for chunk in chunks)


def pack_document(document: bytes) -> bytes:
    """Return a document as gzip bytes; the same document always gives the same bytes."""
    return gzip.compress(document, _DOCUMENT_LEVEL, mtime=0)


def unpack_document(packed: bytes) -> bytes:
    """Return the document that :func:`pack_document` packed."""
    return gzip.decompress(packed)


async def read_document(database: Database, run_id: UUID) -> bytes:
    """Return a run's document as stored.

    Parameters
    ----------
    database : Pool or Connection
        Where to read.
    run_id : UUID
        Which; the caller has checked whose it is.

    Returns
    -------
    bytes
        Gzip; fit for ``Content-Encoding: gzip``.

    Raises
    ------
    Conflict
        If none is stored (``run.no_result``).
    """
    document = await database.fetchval(_QUERIES["read_document"], run_id)
    if document is None:
        raise Conflict(
            "run.no_result", f"a run must have a result to be read, {run_id} has none", run=str(run_id)
        )
    return bytes(document)


async def read_summary(database: Database, run_id: UUID) -> bytes | None:
    """Return a run's summary as JSON text, None without a result."""
    text = await database.fetchval(_QUERIES["read_summary"], run_id)
    return text.encode() if text is not None else None


async def read_columns(
    database: Database, run_id: UUID, table: str, *, first_row: int = 0, limit: int
) -> list[ColumnChunk]:
    """Return the chunks of a table that cover some rows.

    Parameters
    ----------
    database : Pool or Connection
        Where to read.
    run_id : UUID
        Which; the caller has checked whose it is.
    table : str
        One of ``domain.result_columns.RESULT_TABLES``.
    first_row : int
        First row wanted, from 0.
    limit : int
        How many rows are wanted.

    Returns
    -------
    list of ColumnChunk
        Unpacked, in order; their outer rows may lie outside what is wanted. Empty past the end.
    """
    rows = await database.fetch(_QUERIES["read_columns"], run_id, table, first_row, first_row + limit)
    return [
        ColumnChunk(
            table=row["table_name"],
            number=row["number"],
            first_row=row["first_row"],
            n_rows=row["n_rows"],
            data=zlib.decompress(row["data"]),
        )
        for row in rows
    ]


async def count_rows(database: Database, run_id: UUID, table: str) -> int:
    """Return how many rows a table of a run's result has."""
    return int(await database.fetchval(_QUERIES["count_rows"], run_id, table))
