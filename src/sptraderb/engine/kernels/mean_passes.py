"""Means of the language in one pass each: what several calls of TA-Lib and NumPy would give, in one.

All take whole series without undefined values, write into arrays that callers made and give NaN before
their first value; an output of length 0 is not wanted and not written. Seeds are TradingView's: the mean of
the first ``n`` values. The order of operations is TA-Lib's where it has the function, so that both differ
in the last bit at most (its builds may fuse a product and a sum, these never do: M8).
"""

import numpy as np
import numpy.typing as npt

from sptraderb.engine.kernels.codes import kernel_jit
from sptraderb.engine.kernels.smoothing import true_range_nb

Float64Array = npt.NDArray[np.float64]
_NOTHING = 1e-14
"""What TA-Lib takes for zero in a denominator."""


@kernel_jit
def ema_into_nb(x: Float64Array, n: int, out: Float64Array) -> None:
    """Write the exponential mean, weight 2 / (n + 1)."""
    weight = 2.0 / (n + 1)
    total = 0.0
    for bar in range(min(n, len(x))):
        total += x[bar]
        out[bar] = np.nan
    if len(x) < n:
        return
    value = total / n
    out[n - 1] = value
    for bar in range(n, len(x)):
        value = (x[bar] - value) * weight + value
        out[bar] = value


@kernel_jit
def several_ema_into_nb(x: Float64Array, n: int, order: int, out: Float64Array) -> None:
    """Write the double (``order`` 2) or triple (3) exponential mean: means of means, their lag taken off."""
    weight = 2.0 / (n + 1)
    first = order * (n - 1)
    once = twice = thrice = 0.0
    once_sum = twice_sum = thrice_sum = 0.0
    for bar in range(len(x)):
        if bar < n:
            once_sum += x[bar]
            once = once_sum / n
        else:
            once = (x[bar] - once) * weight + once
        if bar >= n - 1:
            if bar < 2 * n - 1:
                twice_sum += once
                twice = twice_sum / n
            else:
                twice = (once - twice) * weight + twice
        if bar >= 2 * n - 2:
            if bar < 3 * n - 2:
                thrice_sum += twice
                thrice = thrice_sum / n
            else:
                thrice = (twice - thrice) * weight + thrice
        value = 2.0 * once - twice if order == 2 else 3.0 * once - 3.0 * twice + thrice
        out[bar] = value if bar >= first else np.nan


@kernel_jit
def adaptive_mean_into_nb(x: Float64Array, n: int, out: Float64Array) -> None:
    """Write Kaufman's adaptive mean: from the value before the first whole window on."""
    slow, reach = 2.0 / 31.0, 2.0 / 3.0 - 2.0 / 31.0
    for bar in range(min(n, len(x))):
        out[bar] = np.nan
    if len(x) <= n:
        return
    path = 0.0
    for bar in range(1, n + 1):
        path += abs(x[bar] - x[bar - 1])
    value = x[n - 1]
    for bar in range(n, len(x)):
        way = x[bar] - x[bar - n]
        if bar > n:
            path -= abs(x[bar - n] - x[bar - n - 1])
            path += abs(x[bar] - x[bar - 1])
        share = 1.0 if path <= way or path < _NOTHING else abs(way / path)
        weight = share * reach + slow
        weight *= weight
        value = (x[bar] - value) * weight + value
        out[bar] = value


@kernel_jit
def strength_index_into_nb(x: Float64Array, n: int, out: Float64Array) -> None:
    """Write Wilder's relative strength index; 0 where nothing has moved."""
    weight = 1.0 / n
    gain = loss = 0.0
    for bar in range(len(x)):
        up = down = 0.0
        if bar > 0:
            move = x[bar] - x[bar - 1]
            up, down = max(move, 0.0), max(-move, 0.0)
        if bar <= n:
            gain += up
            loss += down
            out[bar] = np.nan
            if bar < n:
                continue
            gain /= n
            loss /= n
        else:
            gain += (up - gain) * weight
            loss += (down - loss) * weight
        both = gain + loss
        out[bar] = 100.0 * (gain / both) if both >= _NOTHING else 0.0


@kernel_jit
def convergence_into_nb(
    x: Float64Array,
    fast: int,
    slow: int,
    smooth: int,
    line: Float64Array,
    signal: Float64Array,
    histogram: Float64Array,
) -> None:
    """Write MACD: the fast exponential mean less the slow one, the mean of that, and the rest."""
    fast_weight, slow_weight, weight = 2.0 / (fast + 1), 2.0 / (slow + 1), 2.0 / (smooth + 1)
    quick = lazy = mean = quick_sum = lazy_sum = mean_sum = 0.0
    begin = max(fast, slow) - 1
    for bar in range(len(x)):
        if bar < fast:
            quick_sum += x[bar]
            quick = quick_sum / fast
        else:
            quick = (x[bar] - quick) * fast_weight + quick
        if bar < slow:
            lazy_sum += x[bar]
            lazy = lazy_sum / slow
        else:
            lazy = (x[bar] - lazy) * slow_weight + lazy
        apart = quick - lazy
        if bar >= begin + smooth:
            mean = (apart - mean) * weight + mean
        elif bar >= begin:
            mean_sum += apart
            mean = mean_sum / smooth
        if len(line) > 0:
            line[bar] = apart if bar >= begin else np.nan
        if len(signal) > 0:
            signal[bar] = mean if bar >= begin + smooth - 1 else np.nan
        if len(histogram) > 0:
            histogram[bar] = apart - mean if bar >= begin + smooth - 1 else np.nan


@kernel_jit
def range_channel_into_nb(
    high: Float64Array,
    low: Float64Array,
    close: Float64Array,
    n: int,
    width: float,
    upper: Float64Array,
    middle: Float64Array,
    lower: Float64Array,
) -> None:
    """Write Keltner's channel: ``width`` exponential means of the true range around that of the close."""
    weight = 2.0 / (n + 1)
    price = reach = price_sum = reach_sum = 0.0
    for bar in range(len(close)):
        this_range = true_range_nb(bar, high, low, close)
        if bar < n:
            price_sum += close[bar]
            reach_sum += this_range
            price, reach = price_sum / n, reach_sum / n
        else:
            price = (close[bar] - price) * weight + price
            reach = (this_range - reach) * weight + reach
        away = width * reach
        if len(upper) > 0:
            upper[bar] = price + away if bar >= n - 1 else np.nan
        if len(middle) > 0:
            middle[bar] = price if bar >= n - 1 else np.nan
        if len(lower) > 0:
            lower[bar] = price - away if bar >= n - 1 else np.nan


@kernel_jit
def rate_into_nb(x: Float64Array, n: int, out: Float64Array) -> None:
    """Write the change since ``n`` bars ago in percent; undefined where the value then was 0."""
    for bar in range(min(n, len(x))):
        out[bar] = np.nan
    for bar in range(n, len(x)):
        before = x[bar - n]
        rate = (x[bar] - before) * 100.0 / before
        out[bar] = rate if before != 0.0 else np.nan
