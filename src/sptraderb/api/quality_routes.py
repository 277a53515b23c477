"""``GET /api/candles/quality``: how sound a series is, judged against its instrument's calendar."""

import asyncio
import hashlib
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from sptraderb.api.context import services_of
from sptraderb.api.health_routes import program_version
from sptraderb.api.preconditions import is_unchanged, weak_tag
from sptraderb.api.problems import problem_responses
from sptraderb.api.query_names import known_query_only
from sptraderb.api.wire_time import text_from_seconds, time_range
from sptraderb.candles.check import check_candles
from sptraderb.candles.coverage import CoverageCell, measure_coverage
from sptraderb.domain.candle import Candles, Gap, QualityReport
from sptraderb.domain.timeframe import Timeframe, parse_timeframe
from sptraderb.errors import InvalidInput
from sptraderb.store import candle_rows
from sptraderb.store.import_faults import ImportFaults, read_import_faults
from sptraderb.store.pool import Pool

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


class ImportFaultsAnswer(msgspec.Struct, kw_only=True):
    """What imports found in the files the series was made of; none of it is in the series.

    Parameters
    ----------
    files : int
        Imports that changed the series or a finer one of the symbol.
    rows_read : int
        Rows they read.
    rows : dict
        Rows that were not simply kept, by the words of the import report.
    """

    files: int
    rows_read: int
    rows: dict[str, int]


class QualityAnswer(msgspec.Struct, kw_only=True):
    """How sound a series is.

    Parameters
    ----------
    symbol, timeframe, side : str
        The series.
    grade : str
        A (complete and clean), B, C, D or F.
    bars : int
        Bars looked at: all there are, or those between the bounds.
    first, last : str or None
        Open times of the first and last.
    missing_bars : int
        Bars the calendar expects and the series lacks, short gaps included.
    spikes, flat_runs, misaligned : int
        Bars with an outlying range, runs of unmoving bars, bars off the timeframe's grid.
    clock_faults : int
        FX weeks that begin and end at another hour in summer than in winter.
    duplicates, bid_over_ask : int
        Rows of the imported files that repeated a time, and that had the bid above the ask; left out.
    imports : ImportFaultsAnswer
        All that was found in the files.
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
    clock_faults: int
    duplicates: int
    bid_over_ask: int
    imports: ImportFaultsAnswer
    gaps: list[GapAnswer]
    coverage: list[CoverageAnswer]
    notes: list[str]


@get(
    "/api/candles/quality",
    tags=["candles"],
    guards=[known_query_only],
    responses={
        200: ResponseSpec(QualityAnswer, description="How sound the series is", generate_examples=False),
        **problem_responses(400, 404, 422),
    },
)
async def read_quality(
    request: AnyRequest,
    symbol: Annotated[str | None, QueryParameter(description="Such as EURUSD; required")] = None,
    timeframe: Annotated[
        str | None, QueryParameter(description="1m 5m 15m 1h 4h 12h 1d 1w ...; the finest stored if absent")
    ] = None,
    start: Annotated[
        str | None, QueryParameter(name="from", description="Unix seconds, RFC 3339 or a date, inclusive")
    ] = None,
    end: Annotated[str | None, QueryParameter(name="to", description="As `from`, inclusive")] = None,
) -> Response[Any]:
    """Say how sound a series is: gaps against the hours of its market, spikes, flat runs, clocks, a grade.

    What its files held and the series does not (duplicates, crossed prices, refused rows) is told beside it.
    """
    services = services_of(request)
    name = _required(symbol, "symbol")
    length = await _timeframe(services.pool, name, timeframe)
    bounds = time_range(start, end)
    state = await candle_rows.find_revision(services.pool, name, length)
    headers = {}
    if state.revision is not None:
        tag = _tag(state, bounds)
        headers = {"etag": tag, "cache-control": "private, no-cache"}
        if is_unchanged(request.headers.get("if-none-match"), tag):
            return Response(b"", status_code=304, headers=headers)
    candles = await candle_rows.read_candles(
        services.pool, name, length, *bounds, cache=services.candle_cache
    )
    faults = await read_import_faults(services.pool, name, state.source)
    return Response(await asyncio.to_thread(_judged, candles, faults), headers=headers)


async def _timeframe(pool: Pool, symbol: str, text: str | None) -> Timeframe:
    if text is not None and text.strip():
        return parse_timeframe(text.strip())
    return parse_timeframe((await candle_rows.read_metadata(pool, symbol)).timeframes[0])


def _tag(state: candle_rows.SeriesState, bounds: tuple[int | None, int | None]) -> str:
    """Return the answer's weak ETag: of the data, the question, and the program that judges."""
    key = f"{state.symbol}|{state.timeframe}|{bounds}|{program_version()}"
    return weak_tag(f"q{state.revision}-{hashlib.sha256(key.encode()).hexdigest()[:16]}")


def _judged(candles: Candles, faults: ImportFaults) -> QualityAnswer:
    report = check_candles(candles)
    return _answer(candles, report, measure_coverage(candles, n_cells=N_CELLS), faults)


def _answer(
    candles: Candles, report: QualityReport, cells: tuple[CoverageCell, ...], faults: ImportFaults
) -> QualityAnswer:
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
        clock_faults=report.n_clock_faults,
        duplicates=faults.rows.get("duplicate", 0) + faults.rows.get("conflict", 0),
        bid_over_ask=faults.rows.get("bid_over_ask", 0),
        imports=ImportFaultsAnswer(files=faults.n_files, rows_read=faults.n_read, rows=dict(faults.rows)),
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
