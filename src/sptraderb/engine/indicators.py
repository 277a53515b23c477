"""Indicators: float64 series from float64 series, by TA-Lib where it has TradingView's seeds.

Means, RSI, CCI, deviations and extremes are TA-Lib's; MACD, ATR, ADX, Keltner and the stochastic are
composed of parts, because TA-Lib seeds or aligns them in another way. What each is called with, and
when its first value comes, stands in ``engine/indicator_registry``.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import talib

from sptraderb.engine.formulas.momentum_formulas import MOMENTUM
from sptraderb.engine.formulas.talib_formulas import DIRECT
from sptraderb.engine.formulas.trader_formulas import TRADERS
from sptraderb.engine.formulas.volume_formulas import VOLUME
from sptraderb.engine.indicator_parts import (
    Compute,
    Float64Array,
    Series,
    atr,
    defined_stretches,
    directional,
    ema,
    highest,
    lowest,
    mean,
    place_in_range,
    session_vwap,
    shifted,
    sma,
    true_range,
    windowed,
)
from sptraderb.engine.indicator_registry import ALIASES, REGISTRY
from sptraderb.engine.kernels import smoothing
from sptraderb.engine.kernels.series import count_infinite_nb, count_not_finite_nb
from sptraderb.engine.raw_indicators import RAW_INDICATORS
from sptraderb.errors import InvalidInput


def compute_indicator(name: str, inputs: Series, params: tuple[float, ...], *, raw: bool = False) -> Series:
    """Return all outputs of an indicator.

    Parameters
    ----------
    name : str
        A word of the registry.
    inputs : tuple of ndarray of shape (n_bars,), dtype=float64
        Series in the registry's order; NaN where undefined. The session day comes last where it
        is read.
    params : tuple of float
        Parameters in the registry's order.
    raw : bool
        Whether last bits are to be TradingView's (`engine/raw_indicators`).

    Returns
    -------
    tuple of ndarray of shape (n_bars,), dtype=float64
        One per output; NaN before the first value and wherever the value is not finite.

    Raises
    ------
    InvalidInput
        ``plan.unknown_indicator``.

    Notes
    -----
    Where an input is undefined so is the output, and the indicator starts anew after it: every
    stretch of defined values is computed on its own. Causal; O(n_bars).
    """
    compute = RAW_INDICATORS.get(name) if raw else None
    if compute is None:
        compute = INDICATORS.get(name)
    if compute is None:
        raise InvalidInput("plan.unknown_indicator", f"an indicator must be in the registry, was `{name}`")
    if not len(inputs[0]):
        return tuple(inputs[:1] * _n_outputs(name))
    with np.errstate(all="ignore"):
        if name in _ENDURING and params[0] > 1.0:
            found = compute(inputs, params)
            if np.isfinite(found[0][-1]):
                return found
        if all(count_not_finite_nb(series) == 0 for series in inputs):
            found = compute(inputs, params)
        else:
            defined = np.logical_and.reduce([np.isfinite(series) for series in inputs])
            found = _by_stretches(compute, inputs, params, defined)
    return tuple(_without_infinities(series) for series in found)


_ENDURING = frozenset({"sma", "sma_legacy", "ema"})
"""Windows by running sums and recursions of one input: a value that is not finite never leaves them, so
that where the last value is finite all inputs and outputs were."""


def _without_infinities(values: Float64Array) -> Float64Array:
    """Return values, NaN where they are infinite."""
    values = np.ascontiguousarray(values)
    return np.where(np.isinf(values), np.nan, values) if count_infinite_nb(values) else values


def _by_stretches(
    compute: Compute, inputs: Series, params: tuple[float, ...], defined: npt.NDArray[np.bool_]
) -> Series:
    outputs: list[Float64Array] = []
    for start, stop in defined_stretches(defined):
        part = compute(tuple(np.ascontiguousarray(series[start:stop]) for series in inputs), params)
        if not outputs:
            outputs = [np.full(len(defined), np.nan) for _ in part]
        for whole, values in zip(outputs, part, strict=True):
            whole[start:stop] = values
    if not outputs:
        count = len(compute((np.ones(1),) * len(inputs), params))
        outputs = [np.full(len(defined), np.nan) for _ in range(count)]
    return tuple(outputs)


def _n_outputs(name: str) -> int:
    return len(REGISTRY[ALIASES.get(name, name)].outputs)


def _windowed(function: Callable[..., Float64Array]) -> Compute:
    return lambda inputs, params: (windowed(function, inputs[0], int(params[0])),)


def _rsi(inputs: Series, params: tuple[float, ...]) -> Series:
    return (talib.RSI(inputs[0], timeperiod=int(params[0])),)


def _macd(inputs: Series, params: tuple[float, ...]) -> Series:
    fast, slow, signal = (int(value) for value in params)
    line = ema(inputs[0], fast) - ema(inputs[0], slow)
    smooth = ema(line, signal)
    return line, smooth, line - smooth


def _bbands(inputs: Series, params: tuple[float, ...]) -> Series:
    period, width = int(params[0]), float(params[1])
    bands = talib.BBANDS(inputs[0], timeperiod=period, nbdevup=width, nbdevdn=width)
    return bands[0], bands[1], bands[2]


def _adx(inputs: Series, params: tuple[float, ...]) -> Series:
    plus_di, minus_di, _, adx = directional(inputs, int(params[0]))
    return adx, plus_di, minus_di


def _stoch(inputs: Series, params: tuple[float, ...]) -> Series:
    k_period, k_smooth, d_period = (int(value) for value in params)
    raw = place_in_range(inputs[2], low=lowest(inputs[1], k_period), high=highest(inputs[0], k_period))
    k = sma(raw, k_smooth)
    return k, sma(k, d_period)


def _cci(inputs: Series, params: tuple[float, ...]) -> Series:
    out = np.empty(len(inputs[0]))
    windows = np.zeros((4, int(params[0])))
    smoothing.channel_index_into_nb(inputs[0], inputs[1], inputs[2], windows, out)
    return (out,)


def _mom(inputs: Series, params: tuple[float, ...]) -> Series:
    found = shifted(inputs[0], int(params[0]))
    return (np.subtract(inputs[0], found, out=found),)


def _roc(inputs: Series, params: tuple[float, ...]) -> Series:
    before = shifted(inputs[0], int(params[0]))
    found = np.subtract(inputs[0], before)
    found *= 100.0
    found /= before
    return (found,)


def _stdev(inputs: Series, params: tuple[float, ...]) -> Series:
    if int(params[0]) == 1:
        return (np.zeros(len(inputs[0])),)
    return (talib.STDDEV(inputs[0], timeperiod=int(params[0]), nbdev=1.0),)


def _stdev_sample(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    return (_stdev(inputs, params)[0] * np.sqrt(period / (period - 1.0)),)


def _donchian(inputs: Series, params: tuple[float, ...]) -> Series:
    upper, lower = highest(inputs[0], int(params[0])), lowest(inputs[1], int(params[0]))
    middle = upper + lower
    middle /= 2.0
    return upper, middle, lower


def _keltner(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    middle, reach = ema(inputs[2], period), params[1] * ema(true_range(inputs), period)
    return middle + reach, middle, middle - reach


def _supertrend(inputs: Series, params: tuple[float, ...]) -> Series:
    high, low, close = inputs
    ranges = atr(inputs, int(params[1]))
    line, direction = np.empty(len(ranges)), np.empty(len(ranges))
    smoothing.supertrend_into_nb(high, low, close, float(params[0]), ranges, line, direction)
    return line, direction


def _sma(inputs: Series, params: tuple[float, ...]) -> Series:
    return (mean(inputs[0], int(params[0])),)


def _ema_legacy(inputs: Series, params: tuple[float, ...]) -> Series:
    out = np.empty(len(inputs[0]))
    smoothing.ema_from_first_into_nb(inputs[0], float(params[0]), out)
    return (out,)


def _obv(inputs: Series, _params: tuple[float, ...]) -> Series:
    out = np.empty(len(inputs[0]))
    smoothing.balance_volume_into_nb(inputs[0], inputs[1], out)
    return (out,)


_CLASSIC: Mapping[str, Compute] = {
    "sma": _sma,
    "sma_legacy": _sma,
    "ema": _windowed(talib.EMA),
    "ema_legacy": _ema_legacy,
    "wma": _windowed(talib.WMA),
    "rsi": _rsi,
    "macd": _macd,
    "bbands": _bbands,
    "atr": lambda inputs, params: (atr(inputs, int(params[0])),),
    "adx": _adx,
    "stoch": _stoch,
    "cci": _cci,
    "mom": _mom,
    "roc": _roc,
    "obv": _obv,
    "stdev": _stdev,
    "stddev": _stdev,
    "stdev_sample": _stdev_sample,
    "highest": lambda inputs, params: (highest(inputs[0], int(params[0])),),
    "lowest": lambda inputs, params: (lowest(inputs[0], int(params[0])),),
    "donchian": _donchian,
    "keltner": _keltner,
    "vwap": lambda inputs, _params: (session_vwap(inputs[0], inputs[1], inputs[2]),),
    "supertrend": _supertrend,
}

INDICATORS: Mapping[str, Compute] = {**_CLASSIC, **DIRECT, **MOMENTUM, **VOLUME, **TRADERS}
"""How each indicator is computed, by its word."""
