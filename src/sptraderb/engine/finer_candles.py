"""Finer candles under a run's bars: which bars they add up to, as arrays for the walk (X6)."""

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles


def finer_tables(candles: Candles, finer: Candles | None) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Return each bar's stretch of finer bars, and the finer prices of the main and the ask side.

    Parameters
    ----------
    candles : Candles
        The run's bars.
    finer : Candles or None
        Shorter bars of the same instrument and side.

    Returns
    -------
    tuple of ndarray, dtype=int64
        Shape (2, n_bars): first and last (exclusive) finer bar, equal where there are none that add up
        to the bar in every price; then two of shape (4, n_finer). Without finer candles (2, 0), (4, 0).
    """
    if finer is None or len(finer) == 0 or len(candles) == 0:
        return np.empty((2, 0), np.int64), np.empty((4, 0), np.int64), np.empty((4, 0), np.int64)
    first = np.searchsorted(finer.time_s, candles.time_s)
    last = np.searchsorted(finer.time_s, candles.close_times_s)
    adds_up = first < last
    prices = _prices(finer, PRICE_COLUMNS)
    adds_up &= _adds_up(_prices(candles, PRICE_COLUMNS), prices, first, last)
    ask = prices[:, :0]
    if candles.ask_open_ticks is not None:
        ask = _prices(finer, ASK_COLUMNS)
        adds_up &= _adds_up(_prices(candles, ASK_COLUMNS), ask, first, last)
    last = np.where(adds_up, last, first)
    return np.ascontiguousarray(np.stack([first, last])), prices, np.ascontiguousarray(ask)


def _prices(candles: Candles, columns: tuple[str, ...]) -> Int64Array:
    return np.stack([getattr(candles, name) for name in columns])


def _adds_up(
    bars: Int64Array, finer: Int64Array, first: Int64Array, last: Int64Array
) -> npt.NDArray[np.bool_]:
    """Return which bars are their finer bars: first open, highest, lowest, last close."""
    begin = np.minimum(first, finer.shape[1] - 1)
    end = np.maximum(last - 1, 0)
    same: npt.NDArray[np.bool_] = (bars[0] == finer[0, begin]) & (bars[3] == finer[3, end])
    has_some = np.flatnonzero(first < last)
    edges = np.stack([first[has_some], last[has_some]], axis=1).ravel()
    for price, combine in ((1, np.maximum), (2, np.minimum)):
        padded = np.append(finer[price], finer[price, -1])
        found = combine.reduceat(padded, edges)[::2] if len(edges) else padded[:0]
        same[has_some] &= found == bars[price, has_some]
    return same
