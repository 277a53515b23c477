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
        out[bar] = _true_range_nb(bar, high, low, close)


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
    total = value = 0.0
    for bar in range(len(high)):
        reach = _true_range_nb(bar, high, low, close)
        if bar < n:
            total += reach
            value = total / n
        else:
            value = (value * (n - 1) + reach) / n
        out[bar] = value if bar >= n - 1 else np.nan


@inlined_jit
def _true_range_nb(bar: int, high: Float64Array, low: Float64Array, close: Float64Array) -> float:
    """Return the true range of one bar."""
    reach: float = high[bar] - low[bar]
    if bar > 0:
        reach = max(reach, abs(high[bar] - close[bar - 1]), abs(low[bar] - close[bar - 1]))
    return reach


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

    Each of the four recursions waits for a division on every bar: here they wait together.
    """
    plus_sum = minus_sum = range_sum = index_sum = 0.0
    plus = minus = reach = mean = last_plus = last_minus = 0.0
    for bar in range(len(high)):
        this_range = _true_range_nb(bar, high, low, close)
        if bar < n:
            range_sum += this_range
            reach = range_sum / n
        else:
            reach = (reach * (n - 1) + this_range) / n
        if bar > 0:
            up, down = high[bar] - high[bar - 1], low[bar - 1] - low[bar]
            this_plus = up if up > down and up > 0.0 else 0.0
            this_minus = down if down > up and down > 0.0 else 0.0
            if bar <= n:
                plus_sum += this_plus
                minus_sum += this_minus
                plus, minus = plus_sum / n, minus_sum / n
            else:
                plus, minus = (plus * (n - 1) + this_plus) / n, (minus * (n - 1) + this_minus) / n
        plus_di[bar] = minus_di[bar] = index[bar] = mean_index[bar] = np.nan
        if bar >= n:
            if reach > 0.0:
                last_plus, last_minus = 100.0 * plus / reach, 100.0 * minus / reach
            total = last_plus + last_minus
            this_index = 100.0 * abs(last_plus - last_minus) / (total if total > 0.0 else 1.0)
            plus_di[bar], minus_di[bar], index[bar] = last_plus, last_minus, this_index
            if bar < 2 * n:
                index_sum += this_index
                mean = index_sum / n
            else:
                mean = (mean * (n - 1) + this_index) / n
            if bar >= 2 * n - 1:
                mean_index[bar] = mean


@kernel_jit
def place_into_nb(x: Float64Array, low: Float64Array, high: Float64Array, out: Float64Array) -> None:
    """Write where ``x`` lies from low (0) to high (100); undefined where they are equal."""
    for bar in range(len(x)):
        out[bar] = 100.0 * (x[bar] - low[bar]) / (high[bar] - low[bar])


@kernel_jit
def channel_index_into_nb(
    high: Float64Array,
    low: Float64Array,
    close: Float64Array,
    windows: Float64Array,
    out: Float64Array,
) -> None:
    """Write the commodity channel index of windows as long as a row of ``windows`` (four rows of room).

    Every window is added up in TA-Lib's order, so to the same last bit; four bars at a time, whose sums
    do not wait for each other.
    """
    n = windows.shape[1]
    n_bars = len(close)
    for bar in range(min(n - 1, n_bars)):
        out[bar] = np.nan
        for row in range(4):
            windows[row, bar] = (high[bar] + low[bar] + close[bar]) / 3.0
    bar = n - 1
    while bar < n_bars:
        width = min(4, n_bars - bar)
        for step in range(width):
            price = (high[bar + step] + low[bar + step] + close[bar + step]) / 3.0
            for row in range(step, 4):
                windows[row, (bar + step) % n] = price
        _four_indices_nb(bar, width, windows, out)
        for row in range(width - 1):
            for step in range(row + 1, width):
                windows[row, (bar + step) % n] = windows[width - 1, (bar + step) % n]
        bar += width


@inlined_jit
def _four_indices_nb(bar: int, width: int, windows: Float64Array, out: Float64Array) -> None:
    """Write the index of up to four bars whose windows are filled."""
    n = windows.shape[1]
    a = b = c = d = 0.0
    for place in range(n):
        a += windows[0, place]
        b += windows[1, place]
        c += windows[2, place]
        d += windows[3, place]
    a, b, c, d = a / n, b / n, c / n, d / n
    p = q = r = s = 0.0
    for place in range(n):
        p += abs(windows[0, place] - a)
        q += abs(windows[1, place] - b)
        r += abs(windows[2, place] - c)
        s += abs(windows[3, place] - d)
    means, deviations = (a, b, c, d), (p, q, r, s)
    for step in range(width):
        away = windows[step, (bar + step) % n] - means[step]
        out[bar + step] = 0.0
        if away != 0.0 and deviations[step] != 0.0:
            out[bar + step] = away / (0.015 * (deviations[step] / n))


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
    ranges: Float64Array,
    line: Float64Array,
    direction: Float64Array,
) -> None:
    """Write Supertrend's line and direction (1 up, -1 down): bands lie ``width`` mean ranges from the middle.

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
