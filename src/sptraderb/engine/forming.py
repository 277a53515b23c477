"""Prices of a bar that is still open: the only word of the language that sees one (T3).

On each bar of the run, `forming` is what the higher bar around it is up to that bar's close: the open of
its first bar, the highest high and lowest low so far, the latest close, the volume so far. On the last bar
of the higher one it is the finished bar. Nothing after the bar's own close is read.
"""

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.frames import Float64Array, Frame, higher_frame
from sptraderb.engine.kernels.forming_bars import FIRST, HIGHEST, LATEST, LOWEST, SUM, so_far_nb
from sptraderb.errors import InvalidInput

_KINDS = {"open": FIRST, "high": HIGHEST, "low": LOWEST, "close": LATEST, "volume": SUM}
_MEANS = {"hl2": ("high", "low"), "hlc3": ("high", "low", "close"), "ohlc4": ("open", "high", "low", "close")}


def forming_price(base: Frame, name: str, seconds: int) -> Float64Array:
    """Return a price of the higher bar around each bar of the run, as it is at that bar's close.

    Parameters
    ----------
    base : Frame
        The run's bars.
    name : str
        A price such as ``high`` or ``hlc3``, or ``volume``.
    seconds : int
        Length of the higher bar.

    Returns
    -------
    ndarray of shape (n_bars,), dtype=float64
        NaN on the bars of a first higher bar of which the beginning was not loaded.

    Raises
    ------
    InvalidInput
        ``plan.unknown_op`` for an unknown price; those of `higher_frame`.
    """
    if name not in _KINDS and name not in _MEANS:
        known = sorted([*_KINDS, *_MEANS])
        raise InvalidInput("plan.unknown_op", f"a forming price must be one of {known}, was `{name}`")
    group = _groups(base, seconds)
    parts = _MEANS.get(name, (name,))
    figures = [so_far_nb(base.price(part), group, _KINDS[part]) for part in parts]
    mean: Float64Array = sum(figures[1:], start=figures[0]) / len(parts)
    return mean


def _groups(base: Frame, seconds: int) -> Int64Array:
    """Return the number of the higher bar that holds each bar, -1 before the first whole one."""
    higher = higher_frame(base, seconds)
    found: Int64Array = (
        np.searchsorted(higher.candles.time_s, base.candles.time_s, side="right").astype(np.int64) - 1
    )
    return found
