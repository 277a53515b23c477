"""The equity curve: marks at session-day closes, running peaks, points thinned for display.

Place: shared by ``engine/metrics`` (the figures) and ``domain/result_document`` (the curve); both
must mean the same days and the same peaks.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import YEAR_S, CalendarName, Int64Array, session_close_s, session_days
from sptraderb.domain.candle import Candles, Float64Array
from sptraderb.domain.outcome import Outcome

_BLOCK = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyMarks:
    """Equity at session-day closes, from the first tradable bar on (METRICS, T4).

    Parameters
    ----------
    bars : ndarray of shape (n_days,), dtype=int64
        Last bar of each session day, and the last bar.
    days : ndarray of shape (n_days,), dtype=int64
        Session days, days since 1970.
    equity_minor : ndarray of shape (n_days,), dtype=int64
        Equity at those closes.
    returns : ndarray of shape (n_days,), dtype=float64
        E_t / E_{t-1} - 1, the first from the deposit; NaN from the day after equity fell to zero.
    start_s, end_s : int
        Open of the first tradable bar, close of the last bar; equal where no bar was tradable.
    deposit_minor : int
        E_0.
    """

    bars: Int64Array
    days: Int64Array
    equity_minor: Int64Array
    returns: Float64Array
    start_s: int
    end_s: int
    deposit_minor: int

    @property
    def years(self) -> float:
        """Years of 365.25 days from the first open to the last close."""
        return (self.end_s - self.start_s) / YEAR_S

    @property
    def is_ruined(self) -> bool:
        """Whether equity was zero or below at a session-day close."""
        return bool((self.equity_minor <= 0).any())


def deposit_minor(outcome: Outcome) -> int:
    """Return the initial capital, the first row of the ledger."""
    return int(outcome.ledger_column("amount_minor")[0])


def daily_marks(outcome: Outcome, candles: Candles) -> DailyMarks:
    """Return the equity at session-day closes of a run.

    Parameters
    ----------
    outcome : Outcome
        A run; a stopped one counts up to its last bar.
    candles : Candles
        The candles of the run, at least as many as were done.
    """
    first, n_bars = outcome.first_tradable_bar, outcome.n_bars_done
    deposit = deposit_minor(outcome)
    days, bars = _session_ends(candles.close_times_s[first:n_bars], candles.instrument.calendar)
    equity = outcome.equity_minor[first:n_bars][bars]
    start_s = int(candles.time_s[first]) if len(days) else 0
    return DailyMarks(
        bars=bars + first,
        days=days,
        equity_minor=equity,
        returns=_returns(equity, deposit),
        start_s=start_s,
        end_s=int(candles.close_times_s[n_bars - 1]) if len(days) else 0,
        deposit_minor=deposit,
    )


def _session_ends(close_times_s: Int64Array, calendar: CalendarName) -> tuple[Int64Array, Int64Array]:
    """Return the session days that bars closed in, and the last bar of each: O(days log n_bars)."""
    if len(close_times_s) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    edges = close_times_s[:: max(len(close_times_s) - 1, 1)]
    first, last = session_days(edges, calendar)[[0, -1]].tolist()
    closes_s = [session_close_s(day, calendar) for day in range(first, last + 1)]
    ended = close_times_s.searchsorted(np.array(closes_s, dtype=np.int64), side="right")
    held = ended != 0
    held[1:] &= ended[1:] != ended[:-1]
    return held.nonzero()[0] + first, ended[held] - 1


def _returns(equity: Int64Array, deposit: int) -> Float64Array:
    before = equity.copy()
    before[:1], before[1:] = deposit, equity[:-1]
    if len(before) and before.min() > 0:
        return np.asarray((equity - before) / before, dtype=np.float64)
    alive = np.logical_and.accumulate(before > 0)
    returns = np.full(len(equity), np.nan)
    np.divide(equity - before, before, out=returns, where=alive)
    return returns


def peaks_before(outcome: Outcome) -> Int64Array:
    """Return the running peak of marks before each bar's close, starting at the deposit.

    Returns
    -------
    ndarray of shape (n_bars_done,), dtype=int64
        Minor units. A bar's trough and close are measured against it: a peak rises on marks only, so
        what happens inside a bar is compared with the marks before it.
    """
    peaks = np.empty(outcome.n_bars_done, dtype=np.int64)
    if outcome.n_bars_done:
        deposit = deposit_minor(outcome)
        peaks[0] = deposit
        np.maximum.accumulate(outcome.equity_minor[:-1], out=peaks[1:])
        np.maximum(peaks, deposit, out=peaks)
    return peaks


def depths(outcome: Outcome) -> Float64Array:
    """Return how far each bar's trough lies below the peak of the marks before it, as a fraction of that.

    Returns
    -------
    ndarray of shape (n_bars_done,), dtype=float64
        Never negative. Made block by block: a run may have millions of bars.
    """
    found = np.empty(outcome.n_bars_done, dtype=np.float64)
    highest = deposit_minor(outcome)
    for first in range(0, len(found), _BLOCK):
        block = slice(first, min(first + _BLOCK, len(found)))
        marks = outcome.equity_minor[block]
        peaks = np.maximum.accumulate(np.concatenate(([highest], marks)))
        highest, peaks = int(peaks[-1]), peaks[:-1]
        below = np.maximum(peaks - outcome.trough_minor[block], 0)
        np.divide(below, np.maximum(peaks, 1), out=found[block])
    return found


def thinned_bars(values: npt.NDArray[np.int64] | Float64Array, most: int, *, first: int = 0) -> Int64Array:
    """Return at most ``most`` indices that keep the shape of a curve: extremes of equal stretches.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The curve.
    most : int
        How many points are wanted at most, at least 4.
    first : int
        Index of the first point that matters.

    Returns
    -------
    ndarray of shape (at most ``most``,), dtype=int64
        Ascending, without repeats; the first and last point, and the lowest and highest of each stretch.
    """
    count = len(values) - first
    if count <= most:
        return np.arange(first, len(values), dtype=np.int64)
    width = -(-count // ((most - 2) // 2))
    whole = count // width * width
    rows = values[first : first + whole].reshape(-1, width)
    starts = first + width * np.arange(len(rows), dtype=np.int64)
    found = [starts + rows.argmin(axis=1), starts + rows.argmax(axis=1), np.array([first, len(values) - 1])]
    if whole < count:
        rest = values[first + whole :]
        found.append(first + whole + np.array([int(rest.argmin()), int(rest.argmax())]))
    return np.unique(np.concatenate(found))
