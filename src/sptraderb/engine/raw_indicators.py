"""Indicators to the last bit as TradingView computes them, for a profile that compares raw doubles.

Only those whose last bits differ from `engine/indicators`; the others are the same there. Means start
from windows summed by `kernels/rolling_sums`, deviations from two such sums.
"""

from collections.abc import Mapping

import numpy as np

from sptraderb.engine.indicator_parts import Compute, Float64Array, Series, true_range
from sptraderb.engine.kernels import rolling_sums


def window_sum(x: Float64Array, period: int) -> Float64Array:
    """Return the sum of each window; one of a single value is the value."""
    if period == 1:
        return x.copy()
    out = np.empty(len(x))
    rolling_sums.window_sum_into_nb(x, period, np.empty(period), out)
    return out


def sma(x: Float64Array, period: int) -> Float64Array:
    """Return the mean of each window."""
    found = window_sum(x, period)
    return found if period == 1 else np.divide(found, period, out=found)


def ema(x: Float64Array, period: int) -> Float64Array:
    """Return the EMA from the mean of its first values."""
    if period == 1:
        return x.copy()
    out = np.empty(len(x))
    rolling_sums.exponential_into_nb(x, period, sma(x, period), out)
    return out


def wilder(x: Float64Array, period: int) -> Float64Array:
    """Return Wilder's smoothing from the mean of its first values."""
    if period == 1:
        return x.copy()
    out = np.empty(len(x))
    rolling_sums.wilder_from_into_nb(x, period, sma(x, period), out)
    return out


def deviation(x: Float64Array, period: int, *, is_sample: bool = False) -> Float64Array:
    """Return the standard deviation of each window: the root of mean square less squared mean, 0 below it."""
    total, squares = window_sum(x, period), window_sum(x * x, period)
    mean = total / period
    if is_sample:
        spread = squares / (period - 1) - total * mean / (period - 1)
    else:
        spread = squares / period - mean * mean
    found: Float64Array = np.sqrt(np.maximum(spread, 0.0))
    return found


def _wma(inputs: Series, params: tuple[float, ...]) -> Series:
    out = np.empty(len(inputs[0]))
    rolling_sums.weighted_into_nb(inputs[0], int(params[0]), out)
    return (out,)


def _rsi(inputs: Series, params: tuple[float, ...]) -> Series:
    x, period = inputs[0], int(params[0])
    change = np.full(len(x), np.nan)
    change[1:] = x[1:] - x[:-1]
    up, down = wilder(np.maximum(change, 0.0), period), wilder(np.maximum(-change, 0.0), period)
    return (100.0 - 100.0 / (1.0 + up / down),)


def _macd(inputs: Series, params: tuple[float, ...]) -> Series:
    fast, slow, signal = (int(value) for value in params)
    line = ema(inputs[0], fast) - ema(inputs[0], slow)
    smooth = ema(line, signal)
    return line, smooth, line - smooth


def _bbands(inputs: Series, params: tuple[float, ...]) -> Series:
    middle = sma(inputs[0], int(params[0]))
    reach = deviation(inputs[0], int(params[0])) * float(params[1])
    return middle + reach, middle, middle - reach


def _atr(inputs: Series, params: tuple[float, ...]) -> Series:
    return (wilder(true_range(inputs), int(params[0])),)


def _keltner(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    middle, reach = ema(inputs[2], period), params[1] * ema(true_range(inputs), period)
    return middle + reach, middle, middle - reach


def _supertrend(inputs: Series, params: tuple[float, ...]) -> Series:
    high, low, close = inputs
    ranges = _atr(inputs, params[1:])[0]
    line, direction = np.empty(len(ranges)), np.empty(len(ranges))
    rolling_sums.supertrend_from_into_nb(high, low, close, float(params[0]), ranges, line, direction)
    return line, direction


def _stdev(inputs: Series, params: tuple[float, ...]) -> Series:
    return (deviation(inputs[0], int(params[0])),)


RAW_INDICATORS: Mapping[str, Compute] = {
    "sma": lambda inputs, params: (sma(inputs[0], int(params[0])),),
    "ema": lambda inputs, params: (ema(inputs[0], int(params[0])),),
    "wma": _wma,
    "rma": lambda inputs, params: (wilder(inputs[0], int(params[0])),),
    "rsi": _rsi,
    "macd": _macd,
    "bbands": _bbands,
    "atr": _atr,
    "keltner": _keltner,
    "supertrend": _supertrend,
    "stdev": _stdev,
    "stddev": _stdev,
    "stdev_sample": lambda inputs, params: (deviation(inputs[0], int(params[0]), is_sample=True),),
}
"""How each of these is computed, by its word."""
