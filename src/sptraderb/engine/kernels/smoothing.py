"""Recursive indicators that TA-Lib has not, or seeds in another way than TradingView.

All take whole series without undefined values and give NaN before their first value.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.engine.kernels.codes import series_jit

Float64Array = npt.NDArray[np.float64]


@series_jit
def wilder_nb(x: Float64Array, n: int, first: int) -> Float64Array:
    """Return Wilder's smoothing of ``x[first:]``: from the mean of its first ``n`` values.

    Parameters
    ----------
    x : ndarray of shape (n_bars,), dtype=float64
        Values; those before ``first`` are not read.
    n : int
        Period.
    first : int
        First bar with a value.

    Returns
    -------
    ndarray of shape (n_bars,), dtype=float64
        NaN before bar ``first + n - 1``.
    """
    out = np.full(len(x), np.nan)
    if first + n > len(x):
        return out
    total = 0.0
    for bar in range(first, first + n):
        total += x[bar]
    value = total / n
    out[first + n - 1] = value
    for bar in range(first + n, len(x)):
        value = (value * (n - 1) + x[bar]) / n
        out[bar] = value
    return out


@series_jit
def true_range_nb(high: Float64Array, low: Float64Array, close: Float64Array) -> Float64Array:
    """Return the true range; that of the first bar is high - low."""
    out = np.empty(len(high))
    for bar in range(len(high)):
        reach = high[bar] - low[bar]
        if bar > 0:
            reach = max(reach, abs(high[bar] - close[bar - 1]), abs(low[bar] - close[bar - 1]))
        out[bar] = reach
    return out


@series_jit
def directional_moves_nb(high: Float64Array, low: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return Wilder's +DM and -DM; NaN on the first bar."""
    plus = np.full(len(high), np.nan)
    minus = np.full(len(high), np.nan)
    for bar in range(1, len(high)):
        up, down = high[bar] - high[bar - 1], low[bar - 1] - low[bar]
        plus[bar] = up if up > down and up > 0.0 else 0.0
        minus[bar] = down if down > up and down > 0.0 else 0.0
    return plus, minus


@series_jit
def directional_index_nb(
    plus: Float64Array, minus: Float64Array, reach: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return +DI, -DI and DX of smoothed moves and true range; a range of 0 keeps the last DI."""
    n_bars = len(plus)
    plus_di, minus_di, index = np.full(n_bars, np.nan), np.full(n_bars, np.nan), np.full(n_bars, np.nan)
    last_plus, last_minus = 0.0, 0.0
    for bar in range(n_bars):
        if np.isnan(plus[bar]) or np.isnan(reach[bar]):
            continue
        if reach[bar] > 0.0:
            last_plus, last_minus = 100.0 * plus[bar] / reach[bar], 100.0 * minus[bar] / reach[bar]
        total = last_plus + last_minus
        plus_di[bar], minus_di[bar] = last_plus, last_minus
        index[bar] = 100.0 * abs(last_plus - last_minus) / (total if total > 0.0 else 1.0)
    return plus_di, minus_di, index


@series_jit
def ema_from_first_nb(x: Float64Array, span: float) -> Float64Array:
    """Return pandas' ``ewm(span=span, adjust=False).mean()``: it starts at the first value itself."""
    out = np.empty(len(x))
    new_weight = 2.0 / (span + 1.0)
    old_weight = 1.0 - new_weight
    value = 0.0
    for bar in range(len(x)):
        if bar == 0:
            value = x[0]
        elif value != x[bar]:
            value = (old_weight * value + new_weight * x[bar]) / (old_weight + new_weight)
        out[bar] = value
    return out


@series_jit
def balance_volume_nb(x: Float64Array, volume: Float64Array) -> Float64Array:
    """Return on-balance volume: 0 on the first bar, volume added on a rise and taken off on a fall."""
    out = np.empty(len(x))
    total = 0.0
    for bar in range(len(x)):
        if bar > 0 and x[bar] > x[bar - 1]:
            total += volume[bar]
        elif bar > 0 and x[bar] < x[bar - 1]:
            total -= volume[bar]
        out[bar] = total
    return out


@series_jit
def session_vwap_nb(x: Float64Array, volume: Float64Array, day: Float64Array) -> Float64Array:
    """Return the volume-weighted mean of ``x`` since the session day began; NaN while volume is 0."""
    out = np.empty(len(x))
    value, traded = 0.0, 0.0
    for bar in range(len(x)):
        if bar == 0 or day[bar] != day[bar - 1]:
            value, traded = 0.0, 0.0
        value += x[bar] * volume[bar]
        traded += volume[bar]
        out[bar] = value / traded if traded > 0.0 else np.nan
    return out


@series_jit
def supertrend_nb(
    middle: Float64Array, close: Float64Array, reach: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return Supertrend's line and direction (1 up, -1 down) for bands ``middle +- reach``.

    References
    ----------
    TradingView's reference code of ``ta.supertrend``; its direction has the other sign.
    """
    line, direction = np.full(len(close), np.nan), np.full(len(close), np.nan)
    upper, lower, trend = 0.0, 0.0, -1.0
    started = False
    for bar in range(len(close)):
        if np.isnan(reach[bar]):
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
    return line, direction
