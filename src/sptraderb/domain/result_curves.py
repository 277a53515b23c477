"""The curves of a result document: equity, drawdown, daily returns, as pairs of time and value.

Place: the part of the document that charts read. Curves keep the extremes in at most
`CURVE_POINTS` points; every bar is in the stored columns.
"""

import math

from sptraderb.domain.calendar import CalendarName, Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.equity_curve import DailyMarks, depths, thinned_bars
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.period_returns import period_returns
from sptraderb.domain.result_columns import Units, time_texts

CURVE_POINTS = 2000


def equity_block(outcome: Outcome, candles: Candles, units: Units) -> list[list[object]]:
    """Return ``[time, equity]`` pairs, money as decimal text, from the first tradable bar on."""
    bars = thinned_bars(outcome.equity_minor, CURVE_POINTS, first=_first(outcome))
    values = outcome.equity_minor[bars].tolist()
    return [[time, units.money(value)] for time, value in zip(_times(candles, bars), values, strict=True)]


def drawdown_block(outcome: Outcome, candles: Candles) -> list[list[object]]:
    """Return ``[time, drawdown]`` pairs: how far each bar's trough lies below the peak before it."""
    depth = depths(outcome)
    bars = thinned_bars(depth, CURVE_POINTS, first=_first(outcome))
    return [[time, value] for time, value in zip(_times(candles, bars), depth[bars].tolist(), strict=True)]


def daily_returns_block(marks: DailyMarks, candles: Candles) -> list[list[object]]:
    """Return ``[time, return]`` pairs at the closes of session days; None after ruin."""
    times = time_texts(candles.close_times_s[marks.bars])
    values = marks.returns.tolist()
    return [[time, None if math.isnan(value) else value] for time, value in zip(times, values, strict=True)]


def periods_block(marks: DailyMarks, calendar: CalendarName) -> dict[str, list[list[object]]]:
    """Return tables of ``[period, return, partial]`` for months and years; null after ruin."""
    return {f"{span}s": _period_rows(marks, calendar, span) for span in ("month", "year")}


def _period_rows(marks: DailyMarks, calendar: CalendarName, span: str) -> list[list[object]]:
    found = period_returns(marks, calendar, span=span)
    values: list[object] = found.returns.tolist()
    if marks.is_ruined:
        values = [None] * len(values)
    return [list(row) for row in zip(found.labels, values, found.partial, strict=True)]


def _first(outcome: Outcome) -> int:
    return min(outcome.first_tradable_bar, outcome.n_bars_done)


def _times(candles: Candles, bars: Int64Array) -> list[object]:
    return time_texts(candles.time_s[bars])
