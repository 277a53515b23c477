"""``GET /api/candles``: a symbol's candles, the whole range in one streamed answer or page by page."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from litestar import Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.response import Stream

from sptraderb.api.candle_encoding import (
    SLICE_BARS,
    CandleRow,
    compressed,
    encode_array,
    newest_first,
    stream_rows,
)
from sptraderb.api.context import services_of
from sptraderb.api.media_types import (
    ARROW_STREAM,
    CSV,
    JSON,
    PARQUET,
    accepted_quality,
    chosen_media_type,
)
from sptraderb.api.paging import decode_cursor, encode_cursor, next_link, page_limit
from sptraderb.api.preconditions import is_unchanged, weak_tag
from sptraderb.api.problems import problem_responses
from sptraderb.api.query_names import known_query_only
from sptraderb.api.wire_time import LAST_SECOND, time_range
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.timeframe import Timeframe, parse_timeframe
from sptraderb.errors import InvalidInput
from sptraderb.store import candle_rows

AnyRequest = Request[Any, Any, Any]
MAX_PAGE_BARS = 100_000
_FORMATS = {"json": JSON, "csv": CSV, "arrow": ARROW_STREAM, "parquet": PARQUET}
_VARY = "Accept, Accept-Encoding, Origin"
_OWN = "own"
_ORDERS = ("asc", "desc")


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleQuery:
    """What is asked for; bounds are candle open times, inclusive, None = no bound."""

    symbol: str
    timeframe: Timeframe
    from_s: int | None
    to_s: int | None
    limit: int | None
    descending: bool
    media_type: str
    gzip: bool

    def tag(self, state: candle_rows.SeriesState, cursor: str | None) -> str | None:
        """Return the answer's weak ETag; None for adopted tables, which change unseen."""
        if state.origin != _OWN:
            return None
        facts = (self.symbol, self.timeframe, self.from_s, self.to_s, self.limit, self.media_type)
        key = "|".join(map(str, (*facts, self.descending, cursor)))
        digest = hashlib.sha256(f"{key}|{state.content_hash}".encode()).hexdigest()[:16]
        return weak_tag(f"r{state.revision}-{digest}")

    def headers(self, state: candle_rows.SeriesState, cursor: str | None = None) -> dict[str, str]:
        """Return the headers of an answer made of what ``state`` says: an import may have come between."""
        tag = self.tag(state, cursor)
        tagged = {} if tag is None else {"etag": tag, "cache-control": "private, no-cache"}
        return {"vary": _VARY} | tagged


@get(
    "/api/candles",
    tags=["candles"],
    guards=[known_query_only],
    responses={
        200: ResponseSpec(list[CandleRow], description="Candles, ascending", generate_examples=False),
        **problem_responses(400, 404, 406, 422),
    },
)
async def read_candles(  # noqa: PLR0913  query parameters are a route's arguments
    request: AnyRequest,
    symbol: Annotated[str | None, QueryParameter(description="Such as EURUSD; required")] = None,
    timeframe: Annotated[
        str | None, QueryParameter(description="1m 5m 15m 1h 4h 12h 1d 1w; required")
    ] = None,
    start: Annotated[
        str | None, QueryParameter(name="from", description="Unix seconds, RFC 3339 or a date, inclusive")
    ] = None,
    end: Annotated[str | None, QueryParameter(name="to", description="As `from`, inclusive")] = None,
    limit: Annotated[
        int | None, QueryParameter(description="Page by page, with a Link header; 1..100000")
    ] = None,
    cursor: Annotated[str | None, QueryParameter(description="From a Link header")] = None,
    order: Annotated[
        str | None, QueryParameter(description="asc (oldest first, the default) or desc (newest first)")
    ] = None,
    format_: Annotated[
        str | None, QueryParameter(name="format", description="json, csv, arrow or parquet")
    ] = None,
) -> Response[Any]:
    """Give candles: the whole range streamed and compressed, or with ``limit`` a page.

    Prices are JSON numbers of exactly the stored decimal value; ``time`` is the bar's open. Oldest first, or
    newest first with ``order=desc``; pages then begin at the newest.
    """
    bounds = time_range(start, end)
    query = CandleQuery(
        symbol=_required(symbol, "symbol"),
        timeframe=parse_timeframe(_required(timeframe, "timeframe")),
        from_s=bounds[0],
        to_s=bounds[1],
        limit=None if limit is None else page_limit(limit, ceiling=MAX_PAGE_BARS),
        descending=_is_descending(order),
        media_type=chosen_media_type(format_, request.headers.get("accept", ""), _FORMATS),
        gzip=accepted_quality(request.headers.get("accept-encoding", "identity"), "gzip") > 0,
    )
    state = await candle_rows.find_revision(services_of(request).pool, query.symbol, query.timeframe)
    tag = query.tag(state, cursor)
    if tag is not None and is_unchanged(request.headers.get("if-none-match"), tag):
        headers = query.headers(state, cursor)
        return Response(b"", status_code=304, headers=headers, media_type=query.media_type)
    if query.limit is not None:
        return await _page(request, query, cursor, state)
    return await _stream(request, query)


async def _stream(request: AnyRequest, query: CandleQuery) -> Response[Any]:
    services = services_of(request)
    stream = await candle_rows.open_candle_stream(
        services.pool,
        query.symbol,
        query.timeframe,
        from_s=query.from_s,
        to_s=query.to_s,
        descending=query.descending,
        cache=services.candle_cache,
    )
    slices = _newest_first(stream.slices) if query.descending else stream.slices
    return await _streamed(request, query, stream.state, slices, headers=query.headers(stream.state))


async def _streamed(
    request: AnyRequest,
    query: CandleQuery,
    state: candle_rows.SeriesState,
    slices: AsyncIterator[Candles],
    *,
    headers: dict[str, str],
) -> Response[Any]:
    """Return slices in the form asked for, written while they are sent."""
    if query.media_type in (ARROW_STREAM, PARQUET):
        # Loaded when first asked for: the Arrow library is of no use to most processes.
        from sptraderb.api.candle_tables import spooled_parquet, stream_arrow

        empty = empty_candles(state.instrument, query.timeframe)
        if query.media_type == ARROW_STREAM:
            return Stream(stream_arrow(slices, empty), headers=headers, media_type=query.media_type)
        folder = services_of(request).settings.data_dir / "spool"
        file = await spooled_parquet(slices, empty, folder)
        return Stream(file, headers=headers, media_type=query.media_type)
    pieces: AsyncIterator[bytes] = stream_rows(slices, query.media_type)
    if query.gzip:
        headers["content-encoding"] = "gzip"
        pieces = compressed(pieces)
    return Stream(pieces, headers=headers, media_type=query.media_type)


def empty_candles(instrument: Instrument, timeframe: Timeframe) -> Candles:
    """Return no bars of a series."""
    none = np.empty(0, dtype=np.int64)
    names = ("time_s", *PRICE_COLUMNS, *(ASK_COLUMNS if instrument.side is CandleSide.BOTH else ()))
    return Candles.from_columns(dict.fromkeys(names, none), instrument=instrument, timeframe=timeframe)


async def _newest_first(slices: AsyncIterator[Candles]) -> AsyncIterator[Candles]:
    async for candles in slices:
        yield newest_first(candles)


async def _page(
    request: AnyRequest, query: CandleQuery, cursor: str | None, known: candle_rows.SeriesState
) -> Response[Any]:
    services = services_of(request)
    from_s, to_s = _page_bounds(query, cursor)
    page = await candle_rows.candle_page(
        services.pool,
        query.symbol,
        query.timeframe,
        from_s=from_s,
        to_s=to_s,
        limit=query.limit or MAX_PAGE_BARS,
        descending=query.descending,
        cache=services.candle_cache,
        known=known,
    )
    headers = query.headers(page.state, cursor)
    if page.has_more:
        times = page.candles.time_s
        beyond_s = int(times[0]) - 1 if query.descending else int(times[-1]) + 1
        headers["link"] = next_link(request, encode_cursor(beyond_s))
    candles = newest_first(page.candles) if query.descending else page.candles
    if query.media_type == JSON and len(candles) <= SLICE_BARS:
        # No more than a slice of a stream.
        return Response(encode_array(candles), headers=headers, media_type=query.media_type)
    return await _streamed(request, query, page.state, _once(candles), headers=headers)


async def _once(candles: Candles) -> AsyncIterator[Candles]:
    yield candles


def _page_bounds(query: CandleQuery, cursor: str | None) -> tuple[int | None, int | None]:
    """Return the bounds of a page: a cursor takes the place of the one it moves on from."""
    key = decode_cursor(cursor, tuple[int])
    if key is None:
        return query.from_s, query.to_s
    beyond_s = min(max(key[0], 0), LAST_SECOND)
    if query.descending:
        return query.from_s, beyond_s if query.to_s is None else min(beyond_s, query.to_s)
    return beyond_s if query.from_s is None else max(beyond_s, query.from_s), query.to_s


def _required(value: str | None, name: str) -> str:
    if value is None or not value.strip():
        raise InvalidInput("query.missing", f"the query must hold `{name}`, and did not", parameter=name)
    return value.strip()


def _is_descending(order: str | None) -> bool:
    if order is not None and order not in _ORDERS:
        raise InvalidInput("query.bad_order", f"`order` must be asc or desc, was `{order[:20]}`")
    return order == "desc"
