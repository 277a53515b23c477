"""Recursive indicators that TA-Lib has not, or seeds in another way than TradingView.

All take whole series without undefined values, write into arrays that callers made (`series` says why) and
give NaN before their first value.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit

Float64Array = npt.NDArray[np.float64]


@kernel_jit
def wilder_into_nb(x: Float64Array, n: int, first: int, out: Float64Array) -> None:
    """Write Wilder's smoothing of ``x[first:]``: from the mean of its first ``n`` values.

    Parameters
    ----------
    x : ndarray of shape (n_bars,), dtype=float64
        Values; those before ``first`` are not read.
    n : int
        Period.
    first : int
        First bar with a value.
    out : ndarray of shape (n_bars,), dtype=float64
        NaN before bar ``first + n - 1``.
    """
    for bar in range(min(first + n - 1, len(x))):
        out[bar] = np.nan
    if first + n > len(x):
        return
    total = 0.0
    for bar in range(first, first + n):
        total += x[bar]
    value = total / n
    out[first + n - 1] = value
    for bar in range(first + n, len(x)):
        value = (value * (n - 1) + x[bar]) / n
        out[bar] = value


@kernel_jit
def true_range_into_nb(high: Float64Array, low: Float64Array, close: Float64Array, out: Float64Array) -> None:
    """Write the true range; that of the first bar is high - low."""
    for bar in range(len(high)):
        out[bar] = true_range_nb(bar, high, low, close)


@kernel_jit
def directional_moves_into_nb(
    high: Float64Array, low: Float64Array, plus: Float64Array, minus: Float64Array
) -> None:
    """Write Wilder's +DM and -DM; NaN on the first bar."""
    if len(high) > 0:
        plus[0] = minus[0] = np.nan
    for bar in range(1, len(high)):
        up, down = high[bar] - high[bar - 1], low[bar - 1] - low[bar]
        plus[bar] = up if up > down and up > 0.0 else 0.0
        minus[bar] = down if down > up and down > 0.0 else 0.0


@kernel_jit
def average_range_into_nb(
    high: Float64Array, low: Float64Array, close: Float64Array, n: int, out: Float64Array
) -> None:
    """Write Wilder's smoothing of the true range."""
    weight = 1.0 / n
    total = value = 0.0
    for bar in range(len(high)):
        reach = true_range_nb(bar, high, low, close)
        if bar < n:
            total += reach
            value = total / n
        else:
            value += (reach - value) * weight
        out[bar] = value if bar >= n - 1 else np.nan


@inlined_jit
def true_range_nb(bar: int, high: Float64Array, low: Float64Array, close: Float64Array) -> float:
    """Return the true range of one bar."""
    top: float = high[bar]
    bottom: float = low[bar]
    if bar > 0:
        before = close[bar - 1]
        top = before if before > top else top
        bottom = before if before < bottom else bottom
    return top - bottom


@kernel_jit
def directional_into_nb(
    high: Float64Array,
    low: Float64Array,
    close: Float64Array,
    n: int,
    plus_di: Float64Array,
    minus_di: Float64Array,
    index: Float64Array,
    mean_index: Float64Array,
) -> None:
    """Write Wilder's +DI, -DI, DX and ADX in one pass; a range of 0 keeps the last DI.

    The four recursions wait for each other's steps together. An output of length 0 is not written.
    """
    weight = 1.0 / n
    plus_sum = minus_sum = range_sum = index_sum = 0.0
    plus = minus = reach = mean = last_plus = last_minus = this_index = 0.0
    for bar in range(len(high)):
        this_range = true_range_nb(bar, high, low, close)
        if bar < n:
            range_sum += this_range
            reach = range_sum / n
        else:
            reach += (this_range - reach) * weight
        if bar > 0:
            up, down = high[bar] - high[bar - 1], low[bar - 1] - low[bar]
            up, down = max(up, 0.0), max(down, 0.0)
            this_plus = up if up > down else 0.0
            this_minus = down if down > up else 0.0
            if bar <= n:
                plus_sum += this_plus
                minus_sum += this_minus
                plus, minus = plus_sum / n, minus_sum / n
            else:
                plus += (this_plus - plus) * weight
                minus += (this_minus - minus) * weight
        if bar >= n:
            if reach > 0.0:
                share = 100.0 / reach
                last_plus, last_minus = plus * share, minus * share
            total = last_plus + last_minus
            this_index = 100.0 * abs(last_plus - last_minus) / (total if total > 0.0 else 1.0)
            if bar < 2 * n:
                index_sum += this_index
                mean = index_sum / n
            else:
                mean += (this_index - mean) * weight
        if len(plus_di) > 0:
            plus_di[bar] = last_plus if bar >= n else np.nan
        if len(minus_di) > 0:
            minus_di[bar] = last_minus if bar >= n else np.nan
        if len(index) > 0:
            index[bar] = this_index if bar >= n else np.nan
        if len(mean_index) > 0:
            mean_index[bar] = mean if bar >= 2 * n - 1 else np.nan


@kernel_jit
def place_into_nb(x: Float64Array, low: Float64Array, high: Float64Array, out: Float64Array) -> None:
    """Write where ``x`` lies from low (0) to high (100); undefined where they are equal."""
    for bar in range(len(x)):
        out[bar] = 100.0 * (x[bar] - low[bar]) / (high[bar] - low[bar])


@kernel_jit
def ema_from_first_into_nb(x: Float64Array, span: float, out: Float64Array) -> None:
    """Write pandas' ``ewm(span=span, adjust=False).mean()``: it starts at the first value itself."""
    new_weight = 2.0 / (span + 1.0)
    old_weight = 1.0 - new_weight
    value = 0.0
    for bar in range(len(x)):
        if bar == 0:
            value = x[0]
        elif value != x[bar]:
            value = (old_weight * value + new_weight * x[bar]) / (old_weight + new_weight)
        out[bar] = value


@kernel_jit
def balance_volume_into_nb(x: Float64Array, volume: Float64Array, out: Float64Array) -> None:
    """Write on-balance volume: 0 on the first bar, volume added on a rise and taken off on a fall."""
    total = 0.0
    for bar in range(len(x)):
        if bar > 0 and x[bar] > x[bar - 1]:
            total += volume[bar]
        elif bar > 0 and x[bar] < x[bar - 1]:
            total -= volume[bar]
        out[bar] = total


@kernel_jit
def session_vwap_into_nb(x: Float64Array, volume: Float64Array, day: Float64Array, out: Float64Array) -> None:
    """Write the volume-weighted mean of ``x`` since the session day began; NaN while volume is 0."""
    value, traded = 0.0, 0.0
    for bar in range(len(x)):
        if bar == 0 or day[bar] != day[bar - 1]:
            value, traded = 0.0, 0.0
        value += x[bar] * volume[bar]
        traded += volume[bar]
        out[bar] = value / traded if traded > 0.0 else np.nan


@kernel_jit
def supertrend_into_nb(
    high: Float64Array,
    low: Float64Array,
    close: Float64Array,
    width: float,
    n: int,
    line: Float64Array,
    direction: Float64Array,
) -> None:
    """Write Supertrend's line and direction (1 up, -1 down): bands lie ``width`` mean ranges from the middle.

    An output of length 0 is not written.

    References
    ----------
    TradingView's reference code of ``ta.supertrend``; its direction has the other sign.
    """
    weight = 1.0 / n
    total = mean = 0.0
    upper, lower, rises = 0.0, 0.0, False
    for bar in range(len(close)):
        reach = true_range_nb(bar, high, low, close)
        if bar < n:
            total += reach
            mean = total / n
        else:
            mean += (reach - mean) * weight
        if bar >= n - 1:
            middle, away = (high[bar] + low[bar]) / 2.0, width * mean
            new_upper, new_lower = middle + away, middle - away
            if bar >= n:
                before, now = close[bar - 1], close[bar]
                new_lower = new_lower if (new_lower > lower) | (before < lower) else lower
                new_upper = new_upper if (new_upper < upper) | (before > upper) else upper
                rises = (rises & (now >= new_lower)) | (~rises & (now > new_upper))
            upper, lower = new_upper, new_lower
        if len(line) > 0:
            line[bar] = (lower if rises else upper) if bar >= n - 1 else np.nan
        if len(direction) > 0:
            direction[bar] = (1.0 if rises else -1.0) if bar >= n - 1 else np.nan
