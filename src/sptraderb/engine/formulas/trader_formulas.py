"""What charting programs have and TA-Lib lacks, of TA-Lib's and NumPy's parts."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import talib

from sptraderb.engine.indicator_parts import (
    Compute,
    Float64Array,
    Series,
    highest,
    lowest,
    rank,
    rolling_sum,
    session_vwap,
    shifted,
    sma,
    true_range,
    wilder,
    wma,
)

_EPOCH_WEEKDAY = 3  # day 0 of the count was a Thursday, Monday is 0


def _hull(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    half = max(period // 2, 1)
    return (wma(2.0 * wma(inputs[0], half) - wma(inputs[0], period), int(period**0.5)),)


def _alma(inputs: Series, params: tuple[float, ...]) -> Series:
    period, offset, sigma = int(params[0]), params[1], params[2]
    places = np.arange(period)
    weights = np.exp(-((places - offset * (period - 1)) ** 2) / (2.0 * (period / sigma) ** 2))
    weights /= weights.sum()
    found = np.full(len(inputs[0]), np.nan)
    if len(found) >= period:
        found[period - 1 :] = np.correlate(inputs[0], weights, mode="valid")
    return (found,)


def _ichimoku(inputs: Series, params: tuple[float, ...]) -> Series:
    high, low = inputs
    lines = [(highest(high, int(n)) + lowest(low, int(n))) / 2.0 for n in params[:3]]
    behind = int(params[3]) - 1
    conversion, base, wide = lines
    return conversion, base, shifted((conversion + base) / 2.0, behind), shifted(wide, behind)


def _pivot_points(inputs: Series, _params: tuple[float, ...]) -> Series:
    """Give each bar the levels of the session before; the first loaded session may be cut."""
    high, low, close, day = inputs
    begins = np.diff(day, prepend=np.nan) != 0.0
    starts = np.flatnonzero(begins)
    last = np.append(starts[1:], len(day)) - 1
    session = np.cumsum(begins) - 1
    columns = (np.maximum.reduceat(high, starts), np.minimum.reduceat(low, starts), close[last])
    h, lo, c = (np.where(session > 1, column[session - 1], np.nan) for column in columns)
    p = (h + lo + c) / 3.0
    reach = h - lo
    return p, 2.0 * p - lo, p + reach, h + 2.0 * (p - lo), 2.0 * p - h, p - reach, lo - 2.0 * (h - p)


def _anchored(group: Callable[[Float64Array], npt.NDArray[np.int64]]) -> Compute:
    def compute(inputs: Series, _params: tuple[float, ...]) -> Series:
        x, volume, day = inputs
        return (session_vwap(x, volume, group(day).astype(np.float64)),)

    return compute


def _week(day: Float64Array) -> npt.NDArray[np.int64]:
    return (day.astype(np.int64) + _EPOCH_WEEKDAY) // 7


def _month(day: Float64Array) -> npt.NDArray[np.int64]:
    return day.astype(np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _choppiness(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    reach = highest(inputs[0], period) - lowest(inputs[1], period)
    return (100.0 * np.log(rolling_sum(true_range(inputs), period) / reach) / np.log(period),)


def _zscore(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    deviation = talib.STDDEV(inputs[0], timeperiod=period, nbdev=1.0)
    return ((inputs[0] - sma(inputs[0], period)) / deviation,)


def _linreg_channel(inputs: Series, params: tuple[float, ...]) -> Series:
    """Take what the line explains off the variance: slope^2 * (n^2 - 1) / 12."""
    period, width = int(params[0]), params[1]
    middle = talib.LINEARREG(inputs[0], timeperiod=period)
    slope = talib.LINEARREG_SLOPE(inputs[0], timeperiod=period)
    explained = slope**2 * (period**2 - 1.0) / 12.0
    rest = np.maximum(talib.VAR(inputs[0], timeperiod=period, nbdev=1.0) - explained, 0.0)
    reach = width * np.sqrt(rest)
    return middle + reach, middle, middle - reach


def _connors_rsi(inputs: Series, params: tuple[float, ...]) -> Series:
    rsi_period, streak_period, rank_period = (int(value) for value in params)
    x = inputs[0]
    ranks = rank(x / shifted(x, 1) - 1.0, rank_period)
    strength = talib.RSI(x, timeperiod=rsi_period), talib.RSI(_streak(x), timeperiod=streak_period)
    return ((strength[0] + strength[1] + ranks) / 3.0,)


def _streak(x: Float64Array) -> Float64Array:
    """Return how many bars in a row ``x`` rose (negative: fell), 0 where it stood."""
    sign = np.sign(np.diff(x, prepend=x[:1]))
    bars = np.arange(len(x))
    starts = np.maximum.accumulate(np.where(np.diff(sign, prepend=0.0) != 0.0, bars, 0))
    return sign * (bars - starts + (starts > 0))


TRADERS: Mapping[str, Compute] = {
    "hma": _hull,
    "alma": _alma,
    "rma": lambda inputs, params: (wilder(inputs[0], int(params[0])),),
    "ichimoku": _ichimoku,
    "pivot_points": _pivot_points,
    "vwap_week": _anchored(_week),
    "vwap_month": _anchored(_month),
    "choppiness": _choppiness,
    "zscore": _zscore,
    "linreg_channel": _linreg_channel,
    "connors_rsi": _connors_rsi,
    "percentrank": lambda inputs, params: (rank(inputs[0], int(params[0])),),
}
"""How each is computed, by its word."""
