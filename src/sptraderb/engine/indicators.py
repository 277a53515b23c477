"""Indicators: float64 series from float64 series, by TA-Lib where it has TradingView's seeds.

Means, RSI, CCI, deviations and extremes are TA-Lib's; MACD, ATR, ADX, Keltner and the stochastic are
composed of parts, because TA-Lib seeds or aligns them in another way. What each is called with, and
when its first value comes, stands in ``engine/indicator_registry``.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import talib

from sptraderb.engine.kernels import smoothing
from sptraderb.engine.kernels.series import highest_nb
from sptraderb.errors import InvalidInput

Float64Array = npt.NDArray[np.float64]
Series = tuple[Float64Array, ...]
_Compute = Callable[[Series, tuple[float, ...]], Series]


def compute_indicator(name: str, inputs: Series, params: tuple[float, ...]) -> Series:
    """Return all outputs of an indicator.

    Parameters
    ----------
    name : str
        A word of the registry.
    inputs : tuple of ndarray of shape (n_bars,), dtype=float64
        Series in the registry's order; NaN where undefined. ``vwap`` takes the session day as third.
    params : tuple of float
        Parameters in the registry's order.

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
    compute = INDICATORS.get(name)
    if compute is None:
        raise InvalidInput("plan.unknown_indicator", f"an indicator must be in the registry, was `{name}`")
    defined = np.ones(len(inputs[0]), dtype=np.bool_)
    for series in inputs:
        defined &= np.isfinite(series)
    with np.errstate(all="ignore"):
        if defined.all():
            found = compute(inputs, params) if len(defined) else tuple(inputs[:1] * N_OUTPUTS.get(name, 1))
        else:
            found = _by_stretches(compute, inputs, params, defined)
    return tuple(np.where(np.isfinite(series), series, np.nan) for series in found)


def _by_stretches(
    compute: _Compute, inputs: Series, params: tuple[float, ...], defined: npt.NDArray[np.bool_]
) -> Series:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], defined, [False]))))
    outputs: list[Float64Array] = []
    for start, stop in edges.reshape(-1, 2):
        part = compute(tuple(np.ascontiguousarray(series[start:stop]) for series in inputs), params)
        if not outputs:
            outputs = [np.full(len(defined), np.nan) for _ in part]
        for whole, values in zip(outputs, part, strict=True):
            whole[start:stop] = values
    if not outputs:
        count = len(compute((np.ones(1),) * len(inputs), params))
        outputs = [np.full(len(defined), np.nan) for _ in range(count)]
    return tuple(outputs)


N_OUTPUTS: Mapping[str, int] = {
    "macd": 3, "bbands": 3, "adx": 3, "stoch": 2, "donchian": 3, "keltner": 3, "supertrend": 2,
}  # fmt: skip
"""Outputs of the indicators that have several."""


def _windowed(function: Callable[..., Float64Array]) -> _Compute:
    """Return a one-series indicator of TA-Lib; a window of one value is the value itself."""

    def compute(inputs: Series, params: tuple[float, ...]) -> Series:
        period = int(params[0])
        return (inputs[0].copy() if period == 1 else function(inputs[0], timeperiod=period),)

    return compute


def _sma(x: Float64Array, period: int) -> Float64Array:
    return _windowed(talib.SMA)((x,), (period,))[0]


def _ema(x: Float64Array, period: int) -> Float64Array:
    """Return the EMA of a series that may start with NaN, seeded by the mean of its first values."""
    if period == 1 or np.isnan(x).all():
        return x.copy()
    result: Float64Array = talib.EMA(x, timeperiod=period)
    return result


def _rsi(inputs: Series, params: tuple[float, ...]) -> Series:
    return (talib.RSI(inputs[0], timeperiod=int(params[0])),)


def _macd(inputs: Series, params: tuple[float, ...]) -> Series:
    fast, slow, signal = (int(value) for value in params)
    line = _ema(inputs[0], fast) - _ema(inputs[0], slow)
    smooth = _ema(line, signal)
    return line, smooth, line - smooth


def _bbands(inputs: Series, params: tuple[float, ...]) -> Series:
    period, width = int(params[0]), float(params[1])
    bands = talib.BBANDS(inputs[0], timeperiod=period, nbdevup=width, nbdevdn=width)
    return bands[0], bands[1], bands[2]


def _true_range(inputs: Series) -> Float64Array:
    return smoothing.true_range_nb(*inputs)


def _atr(inputs: Series, params: tuple[float, ...]) -> Series:
    return (smoothing.wilder_nb(_true_range(inputs), int(params[0]), 0),)


def _adx(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    plus, minus = smoothing.directional_moves_nb(inputs[0], inputs[1])
    reach = smoothing.wilder_nb(_true_range(inputs), period, 0)
    plus_di, minus_di, index = smoothing.directional_index_nb(
        smoothing.wilder_nb(plus, period, 1), smoothing.wilder_nb(minus, period, 1), reach
    )
    return smoothing.wilder_nb(index, period, period), plus_di, minus_di


def _stoch(inputs: Series, params: tuple[float, ...]) -> Series:
    k_period, k_smooth, d_period = (int(value) for value in params)
    low, high = highest_nb(inputs[1], k_period, -1), highest_nb(inputs[0], k_period, 1)
    raw = 100.0 * (inputs[2] - low) / (high - low)
    k = compute_indicator("sma", (raw,), (k_smooth,))[0]
    return k, compute_indicator("sma", (k,), (d_period,))[0]


def _cci(inputs: Series, params: tuple[float, ...]) -> Series:
    return (talib.CCI(inputs[0], inputs[1], inputs[2], timeperiod=int(params[0])),)


def _shifted(x: Float64Array, bars: int) -> Float64Array:
    out = np.full(len(x), np.nan)
    out[bars:] = x[: max(len(x) - bars, 0)]
    return out


def _mom(inputs: Series, params: tuple[float, ...]) -> Series:
    return (inputs[0] - _shifted(inputs[0], int(params[0])),)


def _roc(inputs: Series, params: tuple[float, ...]) -> Series:
    before = _shifted(inputs[0], int(params[0]))
    return (100.0 * (inputs[0] - before) / before,)


def _stdev(inputs: Series, params: tuple[float, ...]) -> Series:
    if int(params[0]) == 1:
        return (np.zeros(len(inputs[0])),)
    return (talib.STDDEV(inputs[0], timeperiod=int(params[0]), nbdev=1.0),)


def _stdev_sample(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    return (_stdev(inputs, params)[0] * np.sqrt(period / (period - 1.0)),)


def _highest(inputs: Series, params: tuple[float, ...]) -> Series:
    return (highest_nb(inputs[0], int(params[0]), 1),)


def _lowest(inputs: Series, params: tuple[float, ...]) -> Series:
    return (highest_nb(inputs[0], int(params[0]), -1),)


def _donchian(inputs: Series, params: tuple[float, ...]) -> Series:
    upper, lower = highest_nb(inputs[0], int(params[0]), 1), highest_nb(inputs[1], int(params[0]), -1)
    return upper, (upper + lower) / 2.0, lower


def _keltner(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    middle, reach = _ema(inputs[2], period), params[1] * _ema(_true_range(inputs), period)
    return middle + reach, middle, middle - reach


def _supertrend(inputs: Series, params: tuple[float, ...]) -> Series:
    reach = params[0] * smoothing.wilder_nb(_true_range(inputs), int(params[1]), 0)
    return smoothing.supertrend_nb((inputs[0] + inputs[1]) / 2.0, inputs[2], reach)


INDICATORS: Mapping[str, _Compute] = {
    "sma": _windowed(talib.SMA),
    "sma_legacy": _windowed(talib.SMA),
    "ema": _windowed(talib.EMA),
    "ema_legacy": lambda inputs, params: (smoothing.ema_from_first_nb(inputs[0], float(params[0])),),
    "wma": _windowed(talib.WMA),
    "rsi": _rsi,
    "macd": _macd,
    "bbands": _bbands,
    "atr": _atr,
    "adx": _adx,
    "stoch": _stoch,
    "cci": _cci,
    "mom": _mom,
    "roc": _roc,
    "obv": lambda inputs, params: (smoothing.balance_volume_nb(*inputs),),
    "stdev": _stdev,
    "stddev": _stdev,
    "stdev_sample": _stdev_sample,
    "highest": _highest,
    "lowest": _lowest,
    "donchian": _donchian,
    "keltner": _keltner,
    "vwap": lambda inputs, params: (smoothing.session_vwap_nb(*inputs),),
    "supertrend": _supertrend,
}
"""How each indicator is computed, by its word."""
