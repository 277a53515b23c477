"""Oscillators and directional movement that are composed: TA-Lib seeds them in another way or not at all."""

from collections.abc import Mapping

import numpy as np
import talib

from sptraderb.engine.indicator_parts import (
    Compute,
    Series,
    atr,
    directional,
    directional_moves,
    ema,
    highest,
    lowest,
    place_in_range,
    shifted,
    sma,
    true_range,
    wilder,
)


def _apo(inputs: Series, params: tuple[float, ...]) -> Series:
    return (ema(inputs[0], int(params[0])) - ema(inputs[0], int(params[1])),)


def _ppo(inputs: Series, params: tuple[float, ...]) -> Series:
    slow = ema(inputs[0], int(params[1]))
    return (100.0 * (ema(inputs[0], int(params[0])) - slow) / slow,)


def _stochf(inputs: Series, params: tuple[float, ...]) -> Series:
    k_period, d_period = int(params[0]), int(params[1])
    k = place_in_range(inputs[2], low=lowest(inputs[1], k_period), high=highest(inputs[0], k_period))
    return k, sma(k, d_period)


def _stochrsi(inputs: Series, params: tuple[float, ...]) -> Series:
    rsi_period, k_period, k_smooth, d_period = (int(value) for value in params)
    rsi = talib.RSI(inputs[0], timeperiod=rsi_period)
    raw = place_in_range(rsi, low=lowest(rsi, k_period), high=highest(rsi, k_period))
    k = sma(raw, k_smooth)
    return k, sma(k, d_period)


def _ultosc(inputs: Series, params: tuple[float, ...]) -> Series:
    found = talib.ULTOSC(*inputs, *(int(value) for value in params))
    return (np.where(highest(true_range(inputs), int(min(params))) > 0.0, found, np.nan),)


def _efficiency(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    changes = np.abs(np.diff(inputs[0], prepend=inputs[0][:1]))
    found = talib.ER(inputs[0], timeperiod=period)
    return (np.where(highest(changes, period) > 0.0, found, np.nan),)


def _kdj(inputs: Series, params: tuple[float, ...]) -> Series:
    period, k_smooth, d_smooth = (int(value) for value in params)
    found = talib.KDJ(*inputs, period, k_smooth, talib.MA_Type.RMA, d_smooth, talib.MA_Type.RMA)
    reach = highest(inputs[0], period) > lowest(inputs[1], period)
    return tuple(np.where(reach, series, np.nan) for series in found)


def _adxr(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    adx = directional(inputs, period)[3]
    return ((adx + shifted(adx, period - 1)) / 2.0,)


def _moves(output: int) -> Compute:
    def compute(inputs: Series, params: tuple[float, ...]) -> Series:
        moves = directional_moves(inputs)[output]
        return (wilder(moves, int(params[0]), first=1),)

    return compute


MOMENTUM: Mapping[str, Compute] = {
    "apo": _apo,
    "ppo": _ppo,
    "stochf": _stochf,
    "stochrsi": _stochrsi,
    "ultosc": _ultosc,
    "er": _efficiency,
    "kdj": _kdj,
    "adxr": _adxr,
    "plus_dm": _moves(0),
    "minus_dm": _moves(1),
    "trange": lambda inputs, _params: (true_range(inputs),),
    "natr": lambda inputs, params: (100.0 * atr(inputs, int(params[0])) / inputs[2],),
}
"""How each is computed, by its word."""
