"""Indicators: float64 series from float64 series, by TA-Lib where it has TradingView's seeds.

The commonest are one kernel each (``formulas/one_pass_formulas``), equal to TA-Lib's where it has them with
those seeds; MACD, ATR, ADX, Keltner and the stochastic TA-Lib seeds or aligns in another way. What each is
called with, and when its first value comes, stands in ``engine/indicator_registry``.
"""

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import talib

from sptraderb.engine.array_pool import ArrayPool
from sptraderb.engine.formulas.momentum_formulas import MOMENTUM
from sptraderb.engine.formulas.one_pass_formulas import NOT_WANTED, ONE_PASS, OnePass
from sptraderb.engine.formulas.talib_formulas import DIRECT
from sptraderb.engine.formulas.trader_formulas import TRADERS
from sptraderb.engine.formulas.volume_formulas import VOLUME
from sptraderb.engine.indicator_parts import (
    Compute,
    Float64Array,
    Series,
    defined_stretches,
    highest,
    lowest,
    mean,
    session_vwap,
    wma,
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


_ENDURING = frozenset({"sma", "sma_legacy"})
"""Windows by running sums of one input: a value that is not finite never leaves them, so that where the
last value is finite all inputs and outputs were."""


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


def wanted_outputs(
    name: str, inputs: Series, params: tuple[float, ...], wanted: Collection[int], pool: ArrayPool
) -> Mapping[int, Float64Array]:
    """Return some outputs of an indicator of prices, by their number.

    Parameters
    ----------
    name, inputs, params
        As `compute_indicator` takes them; the inputs are prices, so each value is there and none is
        large.
    wanted : collection of int
        Which outputs; the others cost nothing where one kernel computes the indicator.
    pool : ArrayPool
        Where outputs come from.

    Raises
    ------
    InvalidInput
        ``plan.unknown_indicator``.
    """
    one_pass, n_bars = ONE_PASS.get(name), len(inputs[0])
    if one_pass is None or not n_bars:
        found = compute_indicator(name, inputs, params)
        return {place: found[place] for place in wanted}
    outputs = tuple(
        pool.numbers(n_bars) if place in wanted else NOT_WANTED for place in range(_n_outputs(name))
    )
    one_pass(inputs, params, outputs, pool)
    return {place: outputs[place] for place in wanted}


def _every_output(name: str, one_pass: OnePass) -> Compute:
    def compute(inputs: Series, params: tuple[float, ...]) -> Series:
        outputs = tuple(np.empty(len(inputs[0])) for _ in range(_n_outputs(name)))
        one_pass(inputs, params, outputs, ArrayPool())
        return outputs

    return compute


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


def _stdev(inputs: Series, params: tuple[float, ...]) -> Series:
    if int(params[0]) == 1:
        return (np.zeros(len(inputs[0])),)
    return (talib.STDDEV(inputs[0], timeperiod=int(params[0]), nbdev=1.0),)


def _stdev_sample(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    return (_stdev(inputs, params)[0] * np.sqrt(period / (period - 1.0)),)


_CLASSIC: Mapping[str, Compute] = {
    "sma": _sma,
    "sma_legacy": _sma,
    "ema_legacy": _ema_legacy,
    "wma": lambda inputs, params: (wma(inputs[0], int(params[0])),),
    "obv": _obv,
    "stdev": _stdev,
    "stddev": _stdev,
    "stdev_sample": _stdev_sample,
    "highest": lambda inputs, params: (highest(inputs[0], int(params[0])),),
    "lowest": lambda inputs, params: (lowest(inputs[0], int(params[0])),),
    "vwap": lambda inputs, _params: (session_vwap(inputs[0], inputs[1], inputs[2]),),
}
_ONE_PASS: Mapping[str, Compute] = {name: _every_output(name, compute) for name, compute in ONE_PASS.items()}

INDICATORS: Mapping[str, Compute] = {**_CLASSIC, **DIRECT, **MOMENTUM, **VOLUME, **TRADERS, **_ONE_PASS}
"""How each indicator is computed, by its word."""
