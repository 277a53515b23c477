"""``GET /api/candles/quality``: how sound a series is, judged against its instrument's calendar."""

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import QueryParameter

from sptraderb.api.context import services_of
from sptraderb.api.problems import problem_responses
from sptraderb.api.wire_time import text_from_seconds
from sptraderb.candles.check import check_candles
from sptraderb.candles.coverage import CoverageCell, measure_coverage
from sptraderb.domain.candle import Candles, Gap, QualityReport
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import InvalidInput
from sptraderb.store import candle_rows

AnyRequest = Request[Any, Any, Any]
N_CELLS = 100


class GapAnswer(msgspec.Struct, kw_only=True):
    """A stretch the calendar expects bars in and the series has none.

    Parameters
    ----------
    after, before : str
        Open times of the bars around it.
    missing_bars : int
        Bars expected between them.
    """

    after: str
    before: str
    missing_bars: int


class CoverageAnswer(msgspec.Struct, kw_only=True):
    """One of up to 100 equal parts of a series: what a small picture of it is drawn from."""

    start: str
    end: str
    bars: int
    expected: int


class QualityAnswer(msgspec.Struct, kw_only=True):
    """How sound a series is.

    Parameters
    ----------
    symbol, timeframe, side : str
        The series.
    grade : str
        A (complete and clean), B, C, D or F.
    bars : int
        Bars looked at: all there are.
    first, last : str or None
        Open times of the first and last.
    missing_bars : int
        Bars the calendar expects and the series lacks, short gaps included.
    spikes, flat_runs, misaligned : int
        Bars with an outlying range, runs of unmoving bars, bars off the timeframe's grid.
    gaps : list of GapAnswer
        The largest first, at most 100.
    coverage : list of CoverageAnswer
        Ascending.
    notes : list of str
        Sentences for people.
    """

    symbol: str
    timeframe: str
    side: str
    grade: str
    bars: int
    first: str | None
    last: str | None
    missing_bars: int
    spikes: int
    flat_runs: int
    misaligned: int
    gaps: list[GapAnswer]
    coverage: list[CoverageAnswer]
    notes: list[str]


@get("/api/candles/quality", tags=["candles"], responses=problem_responses(400, 404))
async def read_quality(
    request: AnyRequest,
    symbol: Annotated[str | None, QueryParameter(description="Such as EURUSD; required")] = None,
    timeframe: Annotated[
        str | None, QueryParameter(description="1m 5m 15m 1h 4h 12h 1d 1w; required")
    ] = None,
) -> QualityAnswer:
    """Say how sound a series is: gaps against its instrument's calendar, spikes, flat runs, a grade."""
    name, length = _required(symbol, "symbol"), parse_timeframe(_required(timeframe, "timeframe"))
    services = services_of(request)
    candles = await candle_rows.read_candles(services.pool, name, length, cache=services.candle_cache)
    return await asyncio.to_thread(_judged, candles)


def _judged(candles: Candles) -> QualityAnswer:
    report = check_candles(candles)
    return _answer(candles, report, measure_coverage(candles, n_cells=N_CELLS))


def _answer(candles: Candles, report: QualityReport, cells: tuple[CoverageCell, ...]) -> QualityAnswer:
    return QualityAnswer(
        symbol=candles.instrument.symbol,
        timeframe=candles.timeframe.name,
        side=str(candles.instrument.side),
        grade=report.grade,
        bars=report.n_bars,
        first=None if report.first_s is None else text_from_seconds(report.first_s),
        last=None if report.last_s is None else text_from_seconds(report.last_s),
        missing_bars=report.n_missing,
        spikes=report.n_spikes,
        flat_runs=report.n_flat,
        misaligned=report.n_misaligned,
        gaps=[_gap(gap) for gap in report.gaps],
        coverage=[
            CoverageAnswer(
                start=text_from_seconds(cell.from_s),
                end=text_from_seconds(cell.to_s),
                bars=cell.n_bars,
                expected=cell.n_expected,
            )
            for cell in cells
        ],
        notes=list(report.notes),
    )


def _gap(gap: Gap) -> GapAnswer:
    return GapAnswer(
        after=text_from_seconds(gap.after_s),
        before=text_from_seconds(gap.before_s),
        missing_bars=gap.missing_bars,
    )


def _required(value: str | None, name: str) -> str:
    if value is None or not value.strip():
        raise InvalidInput("query.missing", f"the query must hold `{name}`, and did not", parameter=name)
    return value.strip()
