"""How much of a stretch of time a series covers, cell by cell: what a picture of it is drawn from. Pure."""

from dataclasses import dataclass

import numpy as np

from sptraderb.candles.market_hours import hours_of
from sptraderb.domain.candle import Candles

_CLOCK_CHANGE_S = 2 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageCell:
    """One of several equal stretches of a series.

    Parameters
    ----------
    from_s, to_s : int
        Its bounds, Unix seconds, the second one not in it.
    n_bars : int
        Bars that open in it.
    n_expected : int
        Bars the calendar expects to open in it; never fewer than there are.
    """

    from_s: int
    to_s: int
    n_bars: int
    n_expected: int

    @property
    def share(self) -> float | None:
        """Part of the expected bars that is there, 0..1; None where the market was closed throughout."""
        return self.n_bars / self.n_expected if self.n_expected else None


def measure_coverage(candles: Candles, *, n_cells: int) -> tuple[CoverageCell, ...]:
    """Return how much of each part of a series is there.

    Parameters
    ----------
    candles : Candles
        The series.
    n_cells : int
        How many parts at most, at least 1; a short series has one part for each bar's length.

    Returns
    -------
    tuple of CoverageCell
        From the first bar to the end of the last, without overlap or hole; none for no candles.

    Notes
    -----
    O(n_bars + n_cells).
    """
    if len(candles.time_s) == 0:
        return ()
    bar_s = candles.timeframe.seconds
    first_s, n_steps = int(candles.time_s[0]), int(candles.time_s[-1] - candles.time_s[0]) // bar_s + 1
    n_parts = min(n_cells, n_steps)
    edges = first_s + bar_s * (np.arange(n_parts + 1, dtype=np.int64) * n_steps // n_parts)
    # A session's bar opens an hour earlier or later when clocks change; it stays in its cell.
    slack_s = _CLOCK_CHANGE_S if candles.timeframe.follows_sessions else 0
    places = np.searchsorted(candles.time_s, edges - slack_s)
    places[-1] = len(candles.time_s)
    bars = np.diff(places)
    hours = hours_of(candles.instrument)
    due = np.diff(hours.open_seconds(edges, needed=True)) // hours.bar_seconds(candles.timeframe)
    return tuple(
        CoverageCell(from_s=int(low), to_s=int(high), n_bars=int(there), n_expected=int(max(there, expected)))
        for low, high, there, expected in zip(edges[:-1], edges[1:], bars, due, strict=True)
    )
