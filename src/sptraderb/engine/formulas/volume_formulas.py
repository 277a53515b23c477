"""Indicators of price and volume that are composed: an empty window is undefined, never 0."""

from collections.abc import Mapping

import numpy as np
import talib

from sptraderb.engine.indicator_parts import Compute, Series, ema, rolling_sum, sma, where_traded


def _adosc(inputs: Series, params: tuple[float, ...]) -> Series:
    line = talib.AD(*inputs)
    return (ema(line, int(params[0])) - ema(line, int(params[1])),)


def _pvo(inputs: Series, params: tuple[float, ...]) -> Series:
    slow = ema(inputs[0], int(params[1]))
    return (100.0 * (ema(inputs[0], int(params[0])) - slow) / slow,)


def _facilitation(inputs: Series, _params: tuple[float, ...]) -> Series:
    return ((inputs[0] - inputs[1]) / inputs[2],)


def _mfi(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    x, volume = inputs
    change = np.diff(x, prepend=x[:1])
    flow = x * volume
    up = rolling_sum(np.where(change > 0.0, flow, 0.0), period)
    moved = np.where(change != 0.0, flow, 0.0)
    found = where_traded(100.0 * up / rolling_sum(moved, period), moved, period)
    found[:period] = np.nan  # the first bar has no change
    return (found,)


def _vwma(inputs: Series, params: tuple[float, ...]) -> Series:
    period = int(params[0])
    x, volume = inputs
    return (where_traded(sma(x * volume, period) / sma(volume, period), volume, period),)


def _cmf(inputs: Series, params: tuple[float, ...]) -> Series:
    high, low, close, volume = inputs
    period = int(params[0])
    reach = high - low
    place = np.divide(2.0 * close - high - low, reach, out=np.zeros(len(high)), where=reach > 0.0)
    flow = rolling_sum(place * volume, period) / rolling_sum(volume, period)
    return (where_traded(flow, volume, period),)


VOLUME: Mapping[str, Compute] = {
    "adosc": _adosc,
    "mfi": _mfi,
    "vwma": _vwma,
    "cmf": _cmf,
    "pvo": _pvo,
    "marketfi": _facilitation,
}
"""How each is computed, by its word."""
