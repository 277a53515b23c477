"""Returns of weeks, months and years, made of session days (METRICS, growth).

Place: beside ``equity_curve``; ``engine/metrics_returns`` takes the extremes, the result document shows
the tables. A period that the run does not cover from its first to its last session day is partial.
"""

from dataclasses import dataclass

import numpy as np

from sptraderb.domain.calendar import CalendarName, Int64Array, session_close_s, session_weeks
from sptraderb.domain.candle import Float64Array
from sptraderb.domain.equity_curve import DailyMarks

SPANS = ("day", "week", "month", "year")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReturns:
    """Returns of consecutive periods.

    Parameters
    ----------
    labels : tuple of str
        ``2024-02`` for a month, ``2024`` for a year, the first session day for weeks and days.
    returns : ndarray of shape (n_periods,), dtype=float64
        Equity at the period's end over equity at its start, less 1; the first from the deposit.
    partial : tuple of bool
        Whether session days of the period lie before the first or after the last one of the run.
    """

    labels: tuple[str, ...]
    returns: Float64Array
    partial: tuple[bool, ...]


def period_keys(days: Int64Array, span: str) -> Int64Array:
    """Return which period of a span (one of `SPANS`) each session day belongs to, ascending integers."""
    if span == "day":
        return days
    if span == "week":
        return session_weeks(days)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months if span == "month" else months // 12


def period_returns(marks: DailyMarks, calendar: CalendarName, *, span: str) -> PeriodReturns:
    """Return the returns of the periods of one span.

    Parameters
    ----------
    marks : DailyMarks
        Equity at session-day closes; equity that is not positive makes later returns meaningless, the
        caller judges by ``marks.is_ruined``.
    calendar : CalendarName
        For the session days a period should have.
    span : {'day', 'week', 'month', 'year'}
        How long a period is.
    """
    if not len(marks.days):
        return PeriodReturns(labels=(), returns=np.empty(0), partial=())
    starts = _period_starts(marks.days, span)
    partial = [False] * len(starts)
    partial[0] = _reaches(marks, calendar, span=span, towards=-1)
    partial[-1] = partial[-1] or _reaches(marks, calendar, span=span, towards=1)
    length = {"month": 7, "year": 4}.get(span, 10)
    names = marks.days[starts].astype("datetime64[D]").astype(str)
    return PeriodReturns(
        labels=tuple(name[:length] for name in names.tolist()),
        returns=_between(marks, starts),
        partial=tuple(partial),
    )


def span_returns(marks: DailyMarks, span: str) -> Float64Array:
    """Return the returns of the periods of one span alone, as `period_returns` has them.

    Only where there is a session day and equity stays positive.
    """
    return marks.returns if span == "day" else _between(marks, _period_starts(marks.days, span))


def _period_starts(days: Int64Array, span: str) -> Int64Array:
    """Return the first session day of each period, by number."""
    keys = period_keys(days, span)
    changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    return np.concatenate([_FIRST, changes])


_FIRST = np.zeros(1, dtype=np.int64)


def _between(marks: DailyMarks, starts: Int64Array) -> Float64Array:
    """Return equity at the end of periods over equity at their start, less 1."""
    equity = np.empty(len(starts) + 1, dtype=np.int64)
    equity[0], equity[-1] = marks.deposit_minor, marks.equity_minor[-1]
    equity[1:-1] = marks.equity_minor[starts[1:] - 1]
    before = np.maximum(equity[:-1], 1)
    return np.asarray((equity[1:] - equity[:-1]) / before, dtype=np.float64)


def _reaches(marks: DailyMarks, calendar: CalendarName, *, span: str, towards: int) -> bool:
    """Return whether the first (-1) or last (1) period has a session day beyond those of the run."""
    edge = int(marks.days[0 if towards < 0 else -1])
    if towards > 0 and marks.end_s < session_close_s(edge, calendar):
        return True
    beyond = edge + towards
    while calendar is CalendarName.FX and (beyond + 3) % 7 >= 5:
        beyond += towards
    days = np.array(sorted((edge, beyond)), dtype=np.int64)
    first, second = period_keys(days, span)
    return bool(first == second)
