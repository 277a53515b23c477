"""Figures of drawdown: equity against its running peak, at closes and inside bars.

Place: part of ``engine/metrics``. The peak starts at the deposit and rises on marks only.
"""

from dataclasses import dataclass

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.equity_curve import DailyMarks, peaks_before
from sptraderb.domain.outcome import Outcome
from sptraderb.engine.metrics_figures import Figures, Undefined, ratio


@dataclass(frozen=True, slots=True)
class _Episodes:
    """Stretches of closes below the peak: first bar below, first bar at or above it again."""

    starts: Int64Array
    ends: Int64Array
    is_open: bool


def drawdown_figures(outcome: Outcome, candles: Candles, *, marks: DailyMarks, net_minor: int) -> Figures:
    """Return depth and duration of drawdowns.

    Parameters
    ----------
    outcome, candles : Outcome, Candles
        The run.
    marks : DailyMarks
        For the indices on daily closes.
    net_minor : int
        Net profit, for the recovery factor.
    """
    first, n_bars = outcome.first_tradable_bar, outcome.n_bars_done
    if first >= n_bars:
        return dict.fromkeys(_NAMES, Undefined("no_bars"))
    equity = outcome.equity_minor[first:n_bars]
    peaks = peaks_before(outcome)[first:]
    stretches = np.concatenate([[0], np.flatnonzero(peaks[1:] != peaks[:-1]) + 1])
    closes = _Depths(peaks[stretches], np.minimum.reduceat(equity, stretches))
    troughs = _Depths(peaks[stretches], np.minimum.reduceat(outcome.trough_minor[first:n_bars], stretches))
    return {
        "max_drawdown": troughs.largest_fraction,
        "max_drawdown_money": troughs.largest_money,
        "max_drawdown_close": closes.largest_fraction,
        "max_drawdown_close_money": closes.largest_money,
        "recovery_factor": ratio(net_minor, troughs.largest_money),
        **_episode_figures(equity, peaks, candles, first=first),
        **_daily_figures(marks),
    }


@dataclass(frozen=True, slots=True)
class _Depths:
    """Stretches with one peak, and the lowest equity in each; O(stretches) instead of O(bars)."""

    peaks: Int64Array
    lows: Int64Array

    @property
    def largest_fraction(self) -> float:
        return max(0.0, float(((self.peaks - self.lows) / self.peaks).max()))

    @property
    def largest_money(self) -> int:
        return max(0, int((self.peaks - self.lows).max()))


_NAMES = (
    *("max_drawdown", "max_drawdown_money", "max_drawdown_close", "max_drawdown_close_money"),
    *(
        "recovery_factor",
        "max_drawdown_duration",
        "average_drawdown_duration",
        "max_recovery_time",
        "drawdown_is_open",
    ),
    *("drawdown_episodes", "average_drawdown", "ulcer_index", "pain_index"),
)


def _episodes(under_water: np.typing.NDArray[np.bool_]) -> _Episodes:
    changes = np.flatnonzero(under_water[1:] != under_water[:-1]) + 1
    edges = np.concatenate([[0] if under_water[0] else [], changes]).astype(np.int64)
    is_open = bool(under_water[-1])
    ends = np.append(edges[1::2], len(under_water)) if is_open else edges[1::2]
    return _Episodes(edges[0::2], ends, is_open)


def _episode_figures(equity: Int64Array, peaks: Int64Array, candles: Candles, *, first: int) -> Figures:
    episodes = _episodes(equity < peaks)
    count = len(episodes.starts)
    if not count:
        return {
            "max_drawdown_duration": 0,
            "average_drawdown_duration": 0.0,
            "max_recovery_time": 0,
            "drawdown_is_open": 0,
            "drawdown_episodes": 0,
            "average_drawdown": 0.0,
        }
    durations = _durations_s(episodes, candles, first=first, n_bars=len(equity))
    tops, lows = peaks[episodes.starts], np.minimum.reduceat(equity, episodes.starts)
    return {
        "max_drawdown_duration": int(durations.max()),
        "average_drawdown_duration": float(durations.mean()),
        "max_recovery_time": _longest_recovery_s(episodes, equity, candles, first=first),
        "drawdown_is_open": int(episodes.is_open),
        "drawdown_episodes": count,
        "average_drawdown": float(((tops - lows) / tops).mean()),
    }


def _durations_s(episodes: _Episodes, candles: Candles, *, first: int, n_bars: int) -> Int64Array:
    """Return seconds from the mark that set the peak to the mark that reached it again."""
    closes = candles.close_times_s[first : first + n_bars]
    from_s = np.where(episodes.starts > 0, closes[np.maximum(episodes.starts - 1, 0)], candles.time_s[first])
    to_s = closes[np.minimum(episodes.ends, n_bars - 1)]
    return np.asarray(to_s - from_s, dtype=np.int64)


def _longest_recovery_s(episodes: _Episodes, equity: Int64Array, candles: Candles, *, first: int) -> int:
    """Return the longest time from an episode's lowest mark to the mark that reached the peak again.

    An episode that is still open counts up to the last mark.
    """
    closes = candles.close_times_s[first : first + len(equity)]
    starts = episodes.starts
    lengths = np.diff(np.append(starts, len(equity)))
    lows = np.repeat(np.minimum.reduceat(equity, starts), lengths)
    at_low = np.flatnonzero(equity[starts[0] :] == lows) + starts[0]
    first_low = at_low[np.searchsorted(at_low, starts)]
    return int((closes[np.minimum(episodes.ends, len(equity) - 1)] - closes[first_low]).max())


def _daily_figures(marks: DailyMarks) -> Figures:
    equity = marks.equity_minor
    peaks = np.maximum(np.maximum.accumulate(equity), marks.deposit_minor)
    depth = (peaks - equity) / peaks
    return {
        "ulcer_index": float(np.sqrt((depth**2).mean())),
        "pain_index": float(depth.mean()),
    }
