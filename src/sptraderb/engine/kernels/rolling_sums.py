"""Sums, means, deviations of windows and what follows them as TradingView computes them, to the last bit.

References
----------
PyneCore (github.com/PyneSys/pynecore), `lib/_math_stateful.py` and `lib/ta.py`: the order of operations
measured on TradingView, written here anew.
"""

import numpy as np

from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.series import Float64Array, first_defined_nb


@kernel_jit
def window_sum_into_nb(x: Float64Array, n: int, added: Float64Array, out: Float64Array) -> None:
    """Write the sum of each window of ``n`` values: a compensated running sum, the oldest value out first.

    Where the value would lose the compensation the sum is taken anew from the window, the newest first.

    Parameters
    ----------
    x : ndarray of shape (n_bars,), dtype=float64
        May begin with undefined values.
    n : int
        Values in a window, at least 1.
    added : ndarray of shape (n,), dtype=float64
        Room for what each value of the window really added.
    out : ndarray of shape (n_bars,), dtype=float64
        NaN before the first whole window.
    """
    first = first_defined_nb(x)
    total = lost = 0.0
    place = 0
    for bar in range(len(x)):
        if bar < first:
            out[bar] = np.nan
            continue
        value, count = x[bar], bar - first + 1
        if _is_lost_nb(value, lost):
            total = value
            for back in range(1, min(count, n)):
                total = x[bar - back] + total
            lost, added[place] = 0.0, value
        else:
            leaving = added[place] if count > n else 0.0
            step = -leaving - lost
            less = total + step
            arriving = value - ((less - total) - step)
            total = less + arriving
            lost, added[place] = (total - less) - arriving, arriving
        place = place + 1 if place + 1 < n else 0
        out[bar] = total if count >= n else np.nan


@inlined_jit
def _is_lost_nb(value: float, lost: float) -> bool:
    """Return whether a sum with ``value`` would lose what was kept of its rounding."""
    if lost == 0.0 or value == 0.0:
        return False
    size = abs(lost)
    together = value + size
    return bool(together != 0.0 and np.isfinite(together) and size - (together - value) > 0.0)


@kernel_jit
def exponential_into_nb(x: Float64Array, n: int, means: Float64Array, out: Float64Array) -> None:
    """Write the EMA of ``x``: from the first of the windows' ``means`` on, a share of each difference."""
    begin = first_defined_nb(means)
    share, value = 2.0 / (n + 1), 0.0
    for bar in range(len(x)):
        if bar < begin:
            out[bar] = np.nan
        elif bar == begin:
            out[bar] = value = means[bar]
        else:
            value = value + share * (x[bar] - value)
            out[bar] = value


@kernel_jit
def wilder_from_into_nb(x: Float64Array, n: int, means: Float64Array, out: Float64Array) -> None:
    """Write Wilder's smoothing of ``x`` from the first of the windows' ``means`` on."""
    begin = first_defined_nb(means)
    value = 0.0
    for bar in range(len(x)):
        if bar < begin:
            out[bar] = np.nan
        elif bar == begin:
            out[bar] = value = means[bar]
        else:
            value = (value * (n - 1) + x[bar]) / n
            out[bar] = value


@kernel_jit
def weighted_into_nb(x: Float64Array, n: int, out: Float64Array) -> None:
    """Write the linearly weighted mean of each window, summed anew on every bar, the oldest value first."""
    first = first_defined_nb(x)
    weights = 0.0
    for weight in range(1, n + 1):
        weights += float(weight)
    for bar in range(len(x)):
        if bar < first + n - 1:
            out[bar] = np.nan
            continue
        total, factor = 0.0, 0.0
        for place in range(bar - n + 1, bar + 1):
            factor += 1.0
            total = total + x[place] * factor
        out[bar] = total / weights


@kernel_jit
def supertrend_from_into_nb(
    high: Float64Array,
    low: Float64Array,
    close: Float64Array,
    width: float,
    ranges: Float64Array,
    line: Float64Array,
    direction: Float64Array,
) -> None:
    """Write Supertrend's line and direction (1 up, -1 down) from the mean ranges, as TradingView rounds them.

    References
    ----------
    TradingView's reference code of ``ta.supertrend``; its direction has the other sign.
    """
    upper, lower, trend = 0.0, 0.0, -1.0
    started = False
    for bar in range(len(close)):
        if np.isnan(ranges[bar]):
            line[bar] = direction[bar] = np.nan
            continue
        middle, reach = (high[bar] + low[bar]) / 2.0, width * ranges[bar]
        new_upper, new_lower = middle + reach, middle - reach
        if started:
            if not (new_lower > lower or close[bar - 1] < lower):
                new_lower = lower
            if not (new_upper < upper or close[bar - 1] > upper):
                new_upper = upper
            if trend < 0.0:
                trend = 1.0 if close[bar] > new_upper else -1.0
            else:
                trend = -1.0 if close[bar] < new_lower else 1.0
        upper, lower, started = new_upper, new_lower, True
        line[bar] = lower if trend > 0.0 else upper
        direction[bar] = trend
