"""What there is to work with: ``/api/metadata``, ``/api/instruments``, ``/api/indicators``."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from sptraderb.api.context import services_of
from sptraderb.api.problems import problem_responses
from sptraderb.domain.fixed import percent_text_from_rate, text_from_ticks
from sptraderb.domain.instrument import Instrument
from sptraderb.engine.indicator_registry import registry_document
from sptraderb.store import candle_rows, instrument_rows
from sptraderb.store.candle_rows import SymbolMetadata

AnyRequest = Request[Any, Any, Any]
TIMEFRAMES = ("5m", "15m", "1h", "4h", "12h")


class SymbolAnswer(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What is stored for one symbol.

    Parameters
    ----------
    symbol : str
        Name.
    earliest, latest : int
        First and last candle open time of the finest series, Unix seconds.
    tick_count : int
        Number of the finest bars.
    timeframes : list of str
        What can be asked for; in the answer to ``?symbol=`` only.
    """

    symbol: str
    earliest: int
    latest: int
    tick_count: int
    timeframes: list[str] | msgspec.UnsetType = msgspec.UNSET


class MetadataAnswer(msgspec.Struct, kw_only=True):
    """All symbols that have candles, and the timeframes clients offer."""

    symbols: list[SymbolAnswer]
    timeframes: list[str]


class InstrumentAnswer(msgspec.Struct, kw_only=True):
    """What a symbol's numbers mean; prices and quantities as decimal text."""

    symbol: str
    kind: str
    base: str
    quote: str
    price_scale: int
    quantity_scale: int
    tick_size: str
    pip: str
    lot: int
    quantity_step: str
    quantity_min: str
    calendar: str
    side: str
    margin_rate: str
    point_value: int


@get(
    "/api/metadata",
    tags=["candles"],
    responses={200: ResponseSpec(MetadataAnswer, generate_examples=False), **problem_responses(404)},
)
async def read_metadata(
    request: AnyRequest,
    symbol: Annotated[str | None, QueryParameter(description="Only this symbol")] = None,
) -> MetadataAnswer | SymbolAnswer:
    """Say which symbols have candles, from when to when; with ``?symbol=`` one of them."""
    pool = services_of(request).pool
    if symbol is not None:
        row = await candle_rows.read_metadata(pool, symbol.strip())
        answer = _symbol_answer(row)
        answer.timeframes = list(row.timeframes)
        return answer
    rows = await candle_rows.list_metadata(pool)
    return MetadataAnswer(symbols=[_symbol_answer(row) for row in rows], timeframes=list(TIMEFRAMES))


@get("/api/instruments", tags=["candles"])
async def list_instruments(request: AnyRequest) -> list[InstrumentAnswer]:
    """Give every instrument the server knows."""
    rows = await instrument_rows.list_instruments(services_of(request).pool)
    return [instrument_answer(row) for row in rows]


@get(
    "/api/indicators",
    tags=["strategies"],
    sync_to_thread=False,
    responses={200: ResponseSpec(list[dict[str, Any]], generate_examples=False)},
)
def list_indicators() -> Response[bytes]:
    """Give the registry of indicators: inputs, outputs, parameters with bounds, source."""
    return Response(msgspec.json.encode(registry_document()), media_type="application/json")


def instrument_answer(row: Instrument) -> InstrumentAnswer:
    """Return an instrument as clients see it."""
    return InstrumentAnswer(
        symbol=row.symbol,
        kind=row.kind,
        base=row.base,
        quote=row.quote,
        price_scale=row.price_scale,
        quantity_scale=row.quantity_scale,
        tick_size=text_from_ticks(1, row.price_scale),
        pip=text_from_ticks(row.pip_ticks, row.price_scale),
        lot=row.lot_units,
        quantity_step=text_from_ticks(row.quantity_step, row.quantity_scale),
        quantity_min=text_from_ticks(row.quantity_min, row.quantity_scale),
        calendar=row.calendar_word,
        side=row.side.value,
        margin_rate=percent_text_from_rate(row.margin_rate_ppb),
        point_value=row.point_value,
    )


def _symbol_answer(row: SymbolMetadata) -> SymbolAnswer:
    return SymbolAnswer(
        symbol=row.symbol, earliest=row.earliest_s, latest=row.latest_s, tick_count=row.tick_count
    )
