"""``GET /api/backtest/{id}/report``: a result as one self-contained page (``report_page`` draws it)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from sptraderb.api.candle_encoding import candle_rows_of
from sptraderb.api.context import services_of
from sptraderb.api.media_types import HTML
from sptraderb.api.problems import problem_responses
from sptraderb.api.report_page import read_chart_script, report_html
from sptraderb.api.result_routes import read_run_with_result
from sptraderb.api.stored_documents import read_packed
from sptraderb.domain.backtest import Run
from sptraderb.domain.candle import Candles
from sptraderb.domain.timeframe import D1, H1, H4, H12, M1, M5, M15, W1, Timeframe, parse_timeframe
from sptraderb.errors import NotFound
from sptraderb.store import candle_rows, result_rows

AnyRequest = Request[Any, Any, Any]
MOST_BARS = 20_000
PAGE_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)


@get(
    "/api/backtest/{backtest_id:str}/report",
    tags=["results"],
    media_type=HTML,
    responses={
        200: ResponseSpec(str, media_type=HTML, description="The page", generate_examples=False),
        **problem_responses(404, 409),
    },
)
async def read_report(request: AnyRequest, backtest_id: FromPath[str]) -> Response[bytes]:
    """Give a result as one HTML page that needs nothing else: price, trades, equity, drawdown, figures."""
    run = await read_run_with_result(request, backtest_id)
    packed = await read_packed(services_of(request), run)
    candles = [await _find_candles(request, run, symbol) for symbol in run.request.symbols]
    page = await asyncio.to_thread(_page, packed, candles)
    return Response(page, media_type=HTML, headers={"content-security-policy": PAGE_POLICY})


def _page(packed: bytes, candles: Sequence[Candles | None]) -> bytes:
    document = msgspec.json.decode(result_rows.unpack_document(packed))
    first, *others = [_rows(one) for one in candles]
    names = [str(row["symbol"]) for row in document.get("symbols") or ()][1:]
    return report_html(
        document,
        first,
        chart_script=read_chart_script(),
        other_candles=dict(zip(names, others, strict=True)),
    ).encode()


def _rows(candles: Candles | None) -> list[dict[str, Any]]:
    return [] if candles is None else [msgspec.structs.asdict(row) for row in candle_rows_of(candles)]


async def _find_candles(request: AnyRequest, run: Run, symbol: str) -> Candles | None:
    services, asked = services_of(request), run.request
    timeframe = shown_timeframe(
        parse_timeframe(asked.timeframe), (asked.end_s - asked.start_s) * len(asked.symbols)
    )
    try:
        return await candle_rows.read_candles(
            services.pool,
            symbol,
            timeframe,
            asked.start_s,
            asked.end_s,
            cache=services.candle_cache,
        )
    except NotFound:
        # The candles may be gone while the result stays; its figures are worth a page without them.
        return None


def shown_timeframe(timeframe: Timeframe, seconds: int) -> Timeframe:
    """Return the timeframe to draw: the run's own, or the first coarser one of at most 20,000 bars.

    Examples
    --------
    >>> shown_timeframe(M1, 365 * 86_400).name
    '1h'
    """
    for coarser in (timeframe, M1, M5, M15, H1, H4, H12, D1):
        if coarser.is_multiple_of(timeframe) and seconds <= coarser.seconds * MOST_BARS:
            return coarser
    return W1
