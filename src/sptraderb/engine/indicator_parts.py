"""Building blocks of indicators: means with TradingView's seeds, sums, lags and true ranges.

Lies below ``engine/formulas`` and ``engine/indicators``, which compose indicators of these.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import talib

from sptraderb.engine.kernels import series, smoothing

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


def sma(x: Float64Array, period: int, *, out: Float64Array | None = None) -> Float64Array:
    """Return the mean, in ``out`` if given; after an undefined value it starts anew."""
    found = mean(x, period, out=out)
    if not len(x) or np.isfinite(found[-1]) or not np.isnan(x).any():
        return found
    found[:] = np.nan
    for start, stop in defined_stretches(~np.isnan(x)):
        mean(np.ascontiguousarray(x[start:stop]), period, out=found[start:stop])
    return found


def mean(x: Float64Array, period: int, *, out: Float64Array | None = None) -> Float64Array:
    """Return the mean of windows, TA-Lib's to the last bit; a window of one value is the value itself.

    ``x`` may begin with undefined values and have none later. It is written to ``out`` if given.
    """
    found = np.empty(len(x)) if out is None else out
    if period == 1:
        found[:] = x
    else:
        series.mean_into_nb(x, period, found)
    return found


def defined_stretches(defined: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return [start, stop) of every stretch of defined bars, as rows."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], defined, [False]))))
    return edges.reshape(-1, 2)


def rolling_sum(x: Float64Array, period: int) -> Float64Array:
    """Return the sum of each window."""
    return x.copy() if period == 1 else talib.SUM(x, timeperiod=period)


def highest(x: Float64Array, period: int, *, out: Float64Array | None = None) -> Float64Array:
    """Return the highest of each window, in ``out`` if given; undefined while one of its values is."""
    return _extreme(x, period, 1, out)


def lowest(x: Float64Array, period: int, *, out: Float64Array | None = None) -> Float64Array:
    """Return the lowest of each window, in ``out`` if given; undefined while one of its values is."""
    return _extreme(x, period, -1, out)


def _extreme(x: Float64Array, period: int, direction: int, out: Float64Array | None) -> Float64Array:
    found = np.empty(len(x)) if out is None else out
    if series.count_not_finite_nb(x) == series.first_defined_nb(x):
        series.extreme_into_nb(x, period, direction, np.empty(period), found)
        return found
    extreme, n_defined = window_extremes(x, period, direction)
    extreme[n_defined < period] = np.nan
    found[:] = extreme
    return found


def window_extremes(
    x: Float64Array, period: int, direction: int
) -> tuple[Float64Array, npt.NDArray[np.int64]]:
    """Return the extreme of the defined values of each window, and how many of them are defined."""
    extreme, n_defined = np.empty(len(x)), np.empty(len(x), dtype=np.int64)
    queue = np.empty(1 << period.bit_length(), dtype=np.int64)
    series.window_extreme_into_nb(x, period, direction, queue, extreme, n_defined)
    return extreme, n_defined


def rank(x: Float64Array, period: int) -> Float64Array:
    """Return the percentage of the ``period`` values before each that are not larger."""
    out = np.empty(len(x))
    series.rank_into_nb(x, period, out)
    return out


def shifted(x: Float64Array, bars: int) -> Float64Array:
    """Return the values ``bars`` bars ago."""
    out = np.empty(len(x))
    out[:bars] = np.nan
    out[bars:] = x[: max(len(x) - bars, 0)]
    return out


def wilder(x: Float64Array, period: int, *, first: int = 0) -> Float64Array:
    """Return Wilder's smoothing of the values from bar ``first`` on."""
    out = np.empty(len(x))
    smoothing.wilder_into_nb(x, period, first, out)
    return out


def true_range(bars: Series) -> Float64Array:
    """Return the true range of (high, low, close); that of the first bar is high - low."""
    out = np.empty(len(bars[0]))
    smoothing.true_range_into_nb(bars[0], bars[1], bars[2], out)
    return out


def atr(bars: Series, period: int) -> Float64Array:
    """Return the Wilder mean of the true range of (high, low, close)."""
    out = np.empty(len(bars[0]))
    smoothing.average_range_into_nb(bars[0], bars[1], bars[2], period, out)
    return out


def directional_moves(bars: Series) -> tuple[Float64Array, Float64Array]:
    """Return Wilder's +DM and -DM of (high, low, ...)."""
    plus, minus = np.empty(len(bars[0])), np.empty(len(bars[0]))
    smoothing.directional_moves_into_nb(bars[0], bars[1], plus, minus)
    return plus, minus


def directional(bars: Series, period: int) -> tuple[Float64Array, Float64Array, Float64Array, Float64Array]:
    """Return +DI, -DI, DX and ADX of (high, low, close)."""
    plus, minus, index, mean_index = (np.empty(len(bars[0])) for _ in range(4))
    smoothing.directional_into_nb(bars[0], bars[1], bars[2], period, plus, minus, index, mean_index)
    return plus, minus, index, mean_index


def session_vwap(x: Float64Array, volume: Float64Array, group: Float64Array) -> Float64Array:
    """Return the volume-weighted mean since the group's first bar."""
    out = np.empty(len(x))
    smoothing.session_vwap_into_nb(x, volume, group, out)
    return out


def place_in_range(x: Float64Array, *, low: Float64Array, high: Float64Array) -> Float64Array:
    """Return where ``x`` lies from low (0) to high (100); undefined where they are equal."""
    out = np.empty(len(x))
    smoothing.place_into_nb(x, low, high, out)
    return out


def where_traded(values: Float64Array, volume: Float64Array, period: int) -> Float64Array:
    """Return values, undefined where no volume traded in the window: its running sum is not exactly 0."""
    return np.where(highest(volume, period) > 0.0, values, np.nan)
