"""The full tables of a result: trades, equity, ledger, orders and events, page by page or as CSV.

Only the chunks that hold the wanted rows are read; a download goes chunk by chunk.
"""

import asyncio
import csv
import io
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from sptraderb.api.context import services_of
from sptraderb.api.media_types import CSV, JSON, chosen_media_type
from sptraderb.api.paging import decode_cursor, encode_cursor, next_link, page_limit
from sptraderb.api.problems import problem_responses
from sptraderb.api.result_routes import read_run_with_result
from sptraderb.api.stored_documents import read_packed
from sptraderb.bootstrap import Services
from sptraderb.domain.backtest import Run
from sptraderb.domain.portfolio_columns import AccountUnits, units_of_document
from sptraderb.domain.result_columns import ColumnChunk, Row, Units, read_columns
from sptraderb.store import result_rows
from sptraderb.store.pool import Database

AnyRequest = Request[Any, Any, Any]
DEFAULT_ROWS = 1_000
MAX_ROWS = 10_000
_DOWNLOAD_ROWS = 5_000
_FORMATS = {"json": JSON, "csv": CSV}
_UNITS_KEPT = 256
_LAST_ROW = 2**31 - 2 * MAX_ROWS
AnyUnits = Units | AccountUnits

Limit = Annotated[int | None, QueryParameter(description="Rows of a page, 1..10000; 1000 without it")]
Cursor = Annotated[str | None, QueryParameter(description="From a Link header")]
Format = Annotated[str | None, QueryParameter(name="format", description="json, or csv for the whole table")]
_RESPONSES = {
    200: ResponseSpec(list[dict[str, Any]], description="Rows", generate_examples=False),
    **problem_responses(400, 404, 406, 409),
}


@get("/api/backtest/{backtest_id:str}/trades", tags=["results"], responses=_RESPONSES)
async def list_trades(
    request: AnyRequest,
    backtest_id: FromPath[str],
    limit: Limit = None,
    cursor: Cursor = None,
    format_: Format = None,
) -> Response[Any]:
    """Give closed trades in the order they were closed."""
    return await _answer(request, backtest_id, "trades", page=(limit, cursor), format_=format_)


@get("/api/backtest/{backtest_id:str}/equity", tags=["results"], responses=_RESPONSES)
async def list_equity(
    request: AnyRequest,
    backtest_id: FromPath[str],
    limit: Limit = None,
    cursor: Cursor = None,
    format_: Format = None,
) -> Response[Any]:
    """Give equity at the close of every bar."""
    return await _answer(request, backtest_id, "equity", page=(limit, cursor), format_=format_)


@get("/api/backtest/{backtest_id:str}/ledger", tags=["results"], responses=_RESPONSES)
async def list_ledger(
    request: AnyRequest,
    backtest_id: FromPath[str],
    limit: Limit = None,
    cursor: Cursor = None,
    format_: Format = None,
) -> Response[Any]:
    """Give every change of cash, the deposit first; the sum is the final balance, exactly."""
    return await _answer(request, backtest_id, "ledger", page=(limit, cursor), format_=format_)


@get("/api/backtest/{backtest_id:str}/orders", tags=["results"], responses=_RESPONSES)
async def list_orders(
    request: AnyRequest,
    backtest_id: FromPath[str],
    limit: Limit = None,
    cursor: Cursor = None,
    format_: Format = None,
) -> Response[Any]:
    """Give entry orders, filled or not, with the reason."""
    return await _answer(request, backtest_id, "orders", page=(limit, cursor), format_=format_)


@get("/api/backtest/{backtest_id:str}/events", tags=["results"], responses=_RESPONSES)
async def list_events(
    request: AnyRequest,
    backtest_id: FromPath[str],
    limit: Limit = None,
    cursor: Cursor = None,
    format_: Format = None,
) -> Response[Any]:
    """Give what happened beside fills: both sides at once, limits reached, trading ended."""
    return await _answer(request, backtest_id, "events", page=(limit, cursor), format_=format_)


async def _answer(
    request: AnyRequest,
    backtest_id: str,
    table: str,
    *,
    page: tuple[int | None, str | None],
    format_: str | None,
) -> Response[Any]:
    n_rows = page_limit(page[0], default=DEFAULT_ROWS, ceiling=MAX_ROWS)
    key = decode_cursor(page[1], tuple[int])
    first = 0 if key is None else min(max(0, key[0]), _LAST_ROW)
    media_type = chosen_media_type(format_, request.headers.get("accept", ""), _FORMATS)
    run = await read_run_with_result(request, backtest_id)
    services = services_of(request)
    pool = services.pool
    units = await _units_of(services, run)
    if media_type == CSV:
        name = f"{run.id}-{table}.csv"
        headers = {"content-disposition": f'attachment; filename="{name}"', "vary": "Accept"}
        return Stream(_csv_pieces(pool, run.id, table, units=units), headers=headers, media_type=CSV)
    rows = await read_rows(pool, run.id, table, units=units, first=first, limit=n_rows + 1)
    headers = {"vary": "Accept"}
    if len(rows) > n_rows:
        headers["link"] = next_link(request, encode_cursor(first + n_rows))
    body = await asyncio.to_thread(msgspec.json.encode, rows[:n_rows])
    return Response(body, headers=headers, media_type=JSON)


async def read_rows(
    database: Database, run_id: UUID, table: str, *, units: AnyUnits, first: int, limit: int
) -> list[Row]:
    """Return rows of a stored table as they are served.

    Parameters
    ----------
    database : Pool or Connection
        Where the result is stored.
    run_id : UUID
        Whose; the caller has checked that it may be read.
    table : str
        One of `domain.result_columns.RESULT_TABLES`.
    units : Units or AccountUnits
        What the stored integers mean.
    first, limit : int
        Number of the first row, from 0, and how many at most.
    """
    chunks = await result_rows.read_columns(database, run_id, table, first_row=first, limit=limit)
    return await asyncio.to_thread(_rows_of, chunks, table, units, (first, first + limit))


def _rows_of(
    chunks: Sequence[ColumnChunk], table: str, units: AnyUnits, bounds: tuple[int, int]
) -> list[Row]:
    rows: list[Row] = []
    for chunk in chunks:
        names = units.stored_columns(table)
        columns = read_columns(table, chunk.n_rows, data=chunk.data, names=names)
        start, stop = max(0, bounds[0] - chunk.first_row), max(0, bounds[1] - chunk.first_row)
        wanted = {name: column[start:stop] for name, column in columns.items()}
        rows += units.rows(table, wanted, first_row=chunk.first_row + start)
    return rows


async def _csv_pieces(
    database: Database, run_id: UUID, table: str, *, units: AnyUnits
) -> AsyncIterator[bytes]:
    first = 0
    while True:
        rows = await read_rows(database, run_id, table, units=units, first=first, limit=_DOWNLOAD_ROWS)
        yield _csv_text(rows, with_header=first == 0)
        first += len(rows)
        if len(rows) < _DOWNLOAD_ROWS:
            return


def _csv_text(rows: Sequence[Row], *, with_header: bool) -> bytes:
    if not rows:
        return b""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, fieldnames=list(rows[0]), lineterminator="\n")
    if with_header:
        writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode()


class _UnitsCache:
    """Units of the results read last: a page need not unpack the whole document for them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, int], AnyUnits] = OrderedDict()

    async def read(self, services: Services, run: Run) -> AnyUnits:
        """Return a result's units; a result never changes, so neither do they."""
        key = (run.id, run.attempt)
        units = self._kept.get(key)
        if units is None:
            packed = await read_packed(services, run)
            units = await asyncio.to_thread(_stated_units, packed)
            self._kept[key] = units
            while len(self._kept) > _UNITS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return units


_units_of = _UnitsCache().read


class _Stated(msgspec.Struct):
    units: dict[str, Any]


def _stated_units(packed: bytes) -> AnyUnits:
    stated = msgspec.json.decode(result_rows.unpack_document(packed), type=_Stated)
    return units_of_document({"units": stated.units})
