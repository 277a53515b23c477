"""Indicators that one kernel computes in one pass, each output only where it is wanted.

What TA-Lib has among them is TA-Lib's to about the last bit (tests compare): MACD, bands, the stochastic
and Supertrend would otherwise write and read a series of the run's length for every part.
"""

from collections.abc import Callable, Mapping

import numpy as np
import talib

from sptraderb.engine.array_pool import ArrayPool
from sptraderb.engine.indicator_parts import Float64Array, Series, highest, lowest, sma
from sptraderb.engine.kernels import mean_passes, smoothing, window_passes

OnePass = Callable[[Series, tuple[float, ...], Series, ArrayPool], None]
"""Writes outputs, in the registry's order, from defined inputs; outputs of length 0 are not wanted."""

NOT_WANTED = np.empty(0)


def _ema(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    mean_passes.ema_into_nb(inputs[0], int(params[0]), outputs[0])


def _several_ema(order: int) -> OnePass:
    def compute(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
        mean_passes.several_ema_into_nb(inputs[0], int(params[0]), order, outputs[0])

    return compute


def _kama(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    mean_passes.adaptive_mean_into_nb(inputs[0], int(params[0]), outputs[0])


def _rsi(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    mean_passes.strength_index_into_nb(inputs[0], int(params[0]), outputs[0])


def _macd(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    fast, slow, smooth = (int(value) for value in params)
    line, signal, histogram = outputs
    mean_passes.convergence_into_nb(inputs[0], fast, slow, smooth, line, signal, histogram)


def _keltner(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    high, low, close = inputs
    upper, middle, lower = outputs
    period, width = int(params[0]), float(params[1])
    mean_passes.range_channel_into_nb(high, low, close, period, width, upper, middle, lower)


def _bbands(inputs: Series, params: tuple[float, ...], outputs: Series, pool: ArrayPool) -> None:
    upper, middle, lower = outputs
    period, width = int(params[0]), float(params[1])
    reach = talib.STDDEV(inputs[0], timeperiod=period, nbdev=width)
    mean = sma(inputs[0], period, out=middle if len(middle) else pool.numbers(len(reach)))
    if len(upper):
        np.add(mean, reach, out=upper)
    if len(lower):
        np.subtract(mean, reach, out=lower)
    free = [[reach], [mean]]
    del reach, mean
    for box in free:
        pool.give_back(box)  # which leaves the mean where it is an output


def _cci(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    period = int(params[0])
    room = window_passes.window_room(period)
    high, low, close = inputs
    window_passes.channel_index_into_nb(high, low, close, period, room, outputs[0])


def _willr(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    high, low, close = inputs
    room = np.empty((2, int(params[0])))
    window_passes.place_in_window_into_nb(high, low, close, -100.0, room, outputs[0])


def _stoch(inputs: Series, params: tuple[float, ...], outputs: Series, pool: ArrayPool) -> None:
    k_period, k_smooth, d_period = (int(value) for value in params)
    high, low, close = inputs
    raw = [pool.numbers(len(close))]
    window_passes.place_in_window_into_nb(high, low, close, 0.0, np.empty((2, k_period)), raw[0])
    k = outputs[0] if len(outputs[0]) else pool.numbers(len(close))
    sma(raw[0], k_smooth, out=k)
    pool.give_back(raw)
    if len(outputs[1]):
        sma(k, d_period, out=outputs[1])


def _donchian(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    upper, middle, lower = outputs
    period = int(params[0])
    if len(upper) or len(middle):
        highest(inputs[0], period, out=upper if len(upper) else middle)
    if len(lower):
        lowest(inputs[1], period, out=lower)
    if len(middle):
        top = upper if len(upper) else middle
        bottom = lower if len(lower) else lowest(inputs[1], period)
        np.add(top, bottom, out=middle)
        np.divide(middle, 2.0, out=middle)


def _atr(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    high, low, close = inputs
    smoothing.average_range_into_nb(high, low, close, int(params[0]), outputs[0])


def _directional(*places: int) -> OnePass:
    """Return a computation of +DI (0), -DI (1), DX (2) and ADX (3), each output one of them."""

    def compute(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
        rows: list[Float64Array] = [NOT_WANTED] * 4
        for place, output in zip(places, outputs, strict=True):
            rows[place] = output
        high, low, close = inputs
        plus_di, minus_di, index, mean_index = rows
        smoothing.directional_into_nb(high, low, close, int(params[0]), plus_di, minus_di, index, mean_index)

    return compute


def _supertrend(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    high, low, close = inputs
    line, direction = outputs
    smoothing.supertrend_into_nb(high, low, close, float(params[0]), int(params[1]), line, direction)


def _mom(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    bars, out = int(params[0]), outputs[0]
    out[:bars] = np.nan
    np.subtract(inputs[0][bars:], inputs[0][: max(len(out) - bars, 0)], out=out[bars:])


def _roc(inputs: Series, params: tuple[float, ...], outputs: Series, _pool: ArrayPool) -> None:
    mean_passes.rate_into_nb(inputs[0], int(params[0]), outputs[0])


ONE_PASS: Mapping[str, OnePass] = {
    "ema": _ema,
    "dema": _several_ema(2),
    "tema": _several_ema(3),
    "kama": _kama,
    "rsi": _rsi,
    "macd": _macd,
    "keltner": _keltner,
    "bbands": _bbands,
    "cci": _cci,
    "willr": _willr,
    "stoch": _stoch,
    "donchian": _donchian,
    "atr": _atr,
    "adx": _directional(3, 0, 1),
    "plus_di": _directional(0),
    "minus_di": _directional(1),
    "dx": _directional(2),
    "supertrend": _supertrend,
    "mom": _mom,
    "roc": _roc,
}
"""How each is computed, by its word."""
