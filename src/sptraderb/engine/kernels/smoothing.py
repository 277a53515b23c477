"""Recursive indicators that TA-Lib has not, or seeds in another way than TradingView.

All take whole series without undefined values, write into arrays that callers made (`series` says why) and
give NaN before their first value.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.engine.kernels.codes import kernel_jit

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
        reach = high[bar] - low[bar]
        if bar > 0:
            reach = max(reach, abs(high[bar] - close[bar - 1]), abs(low[bar] - close[bar - 1]))
        out[bar] = reach


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
def directional_index_into_nb(
    plus: Float64Array, minus: Float64Array, reach: Float64Array, index: Float64Array
) -> None:
    """Write +DI and -DI over the smoothed moves, and DX, of them and the smoothed true range.

    A range of 0 keeps the last DI.
    """
    last_plus, last_minus = 0.0, 0.0
    for bar in range(len(plus)):
        if np.isnan(plus[bar]) or np.isnan(reach[bar]):
            plus[bar] = minus[bar] = index[bar] = np.nan
            continue
        if reach[bar] > 0.0:
            last_plus, last_minus = 100.0 * plus[bar] / reach[bar], 100.0 * minus[bar] / reach[bar]
        total = last_plus + last_minus
        plus[bar], minus[bar] = last_plus, last_minus
        index[bar] = 100.0 * abs(last_plus - last_minus) / (total if total > 0.0 else 1.0)


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
    middle: Float64Array,
    close: Float64Array,
    reach: Float64Array,
    line: Float64Array,
    direction: Float64Array,
) -> None:
    """Write Supertrend's line and direction (1 up, -1 down) for bands ``middle +- reach``.

    References
    ----------
    TradingView's reference code of ``ta.supertrend``; its direction has the other sign.
    """
    upper, lower, trend = 0.0, 0.0, -1.0
    started = False
    for bar in range(len(close)):
        if np.isnan(reach[bar]):
            line[bar] = direction[bar] = np.nan
            continue
        new_upper, new_lower = middle[bar] + reach[bar], middle[bar] - reach[bar]
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
