"""Loops over bars that are still forming: what a higher bar is so far, at each close of the run's bars."""

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.kernels.codes import series_jit
from sptraderb.engine.kernels.series import Float64Array

FIRST, HIGHEST, LOWEST, LATEST, SUM = range(5)


@series_jit
def so_far_nb(values: Float64Array, group: Int64Array, kind: int) -> Float64Array:
    """Return a figure of each group's values up to and including each bar.

    Parameters
    ----------
    values : ndarray of shape (n_bars,), dtype=float64
        One per bar of the run.
    group : ndarray of shape (n_bars,), dtype=int64
        Number of the higher bar that each bar belongs to, never falling; negative for none.
    kind : int
        FIRST, HIGHEST, LOWEST, LATEST or SUM.
    """
    out = np.empty(len(values), dtype=np.float64)
    held = np.nan
    for bar in range(len(values)):
        value = values[bar]
        if group[bar] < 0:
            out[bar] = np.nan
            continue
        if bar == 0 or group[bar] != group[bar - 1] or kind == LATEST:
            held = value
        elif kind == HIGHEST:
            held = max(held, value)
        elif kind == LOWEST:
            held = min(held, value)
        elif kind == SUM:
            held += value
        out[bar] = held
    return out
