"""Building blocks of indicators: means with TradingView's seeds, sums, lags and true ranges.

Lies below ``engine/formulas`` and ``engine/indicators``, which compose indicators of these.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import talib

from sptraderb.engine.kernels import smoothing
from sptraderb.engine.kernels.series import highest_nb

Float64Array = npt.NDArray[np.float64]
Series = tuple[Float64Array, ...]
Compute = Callable[[Series, tuple[float, ...]], Series]


def windowed(function: Callable[..., Float64Array], x: Float64Array, period: int) -> Float64Array:
    """Return a mean of windows by TA-Lib; a window of one value is the value itself.

    ``x`` may begin with undefined values and have none later.
    """
    if period == 1 or not len(x) or np.isnan(x[-1]):
        return x.copy()
    result: Float64Array = function(x, timeperiod=period)
    return result


def ema(x: Float64Array, period: int) -> Float64Array:
    """Return the EMA from the mean of its first values."""
    return windowed(talib.EMA, x, period)


def wma(x: Float64Array, period: int) -> Float64Array:
    """Return the linearly weighted mean."""
    return windowed(talib.WMA, x, period)


def sma(x: Float64Array, period: int) -> Float64Array:
    """Return the mean; after an undefined value it starts anew."""
    if not np.isnan(x).any():
        return windowed(talib.SMA, x, period)
    out = np.full(len(x), np.nan)
    for start, stop in defined_stretches(~np.isnan(x)):
        out[start:stop] = windowed(talib.SMA, np.ascontiguousarray(x[start:stop]), period)
    return out


def defined_stretches(defined: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return [start, stop) of every stretch of defined bars, as rows."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], defined, [False]))))
    return edges.reshape(-1, 2)


def rolling_sum(x: Float64Array, period: int) -> Float64Array:
    """Return the sum of each window."""
    return x.copy() if period == 1 else talib.SUM(x, timeperiod=period)


def highest(x: Float64Array, period: int) -> Float64Array:
    """Return the highest of each window."""
    return highest_nb(x, period, 1)


def lowest(x: Float64Array, period: int) -> Float64Array:
    """Return the lowest of each window."""
    return highest_nb(x, period, -1)


def shifted(x: Float64Array, bars: int) -> Float64Array:
    """Return the values ``bars`` bars ago."""
    out = np.full(len(x), np.nan)
    out[bars:] = x[: max(len(x) - bars, 0)]
    return out


def true_range(bars: Series) -> Float64Array:
    """Return the true range of (high, low, close); that of the first bar is high - low."""
    return smoothing.true_range_nb(*bars)


def atr(bars: Series, period: int) -> Float64Array:
    """Return the Wilder mean of the true range."""
    return smoothing.wilder_nb(true_range(bars), period, 0)


def directional(bars: Series, period: int) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return +DI, -DI and DX of (high, low, close)."""
    plus, minus = smoothing.directional_moves_nb(bars[0], bars[1])
    return smoothing.directional_index_nb(
        smoothing.wilder_nb(plus, period, 1), smoothing.wilder_nb(minus, period, 1), atr(bars, period)
    )


def place_in_range(x: Float64Array, *, low: Float64Array, high: Float64Array) -> Float64Array:
    """Return where ``x`` lies from low (0) to high (100); undefined where they are equal."""
    place: Float64Array = 100.0 * (x - low) / (high - low)
    return place


def where_traded(values: Float64Array, volume: Float64Array, period: int) -> Float64Array:
    """Return values, undefined where no volume traded in the window: its running sum is not exactly 0."""
    return np.where(highest(volume, period) > 0.0, values, np.nan)
