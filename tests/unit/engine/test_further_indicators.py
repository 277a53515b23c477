"""TA-Lib's seldom used indicators against plain definitions written here."""

import math

import numpy as np
import pytest

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.engine.frames import Frame
from sptraderb.engine.indicator_registry import FAMILIES, REGISTRY
from sptraderb.engine.indicators import compute_indicator
from sptraderb.testing.plain_series import Array, ema, lag, mean, wilder, windows
from sptraderb.testing.random_runs import random_candles

N_BARS = 300
_FRAME = Frame(random_candles(SEEDED_INSTRUMENTS["EURUSD"], seed=47, n_bars=N_BARS))
OPEN, HIGH, LOW, CLOSE = (_FRAME.price(name) for name in ("open", "high", "low", "close"))
MIDDLE = (HIGH + LOW) / 2
VOLUME = _FRAME.price("volume") + 1.0
CHANGE = CLOSE - lag(CLOSE)
RANGE = HIGH - LOW


def inputs_of(name: str) -> tuple[Array, ...]:
    """Return the default inputs of an indicator on the sample, with some volume on every bar."""
    return tuple(
        VOLUME if row.price == "volume" else _FRAME.price(row.price) for row in REGISTRY[name].inputs
    )


def weighted(n: int, x: Array) -> Array:
    """Return the mean weighted 1, 2, .. n."""
    return windows(lambda w: float(w @ np.arange(1, n + 1)) / (n * (n + 1) / 2), n, x)


def acceleration_bands(n: int) -> tuple[Array, Array, Array]:
    """Return Headley's bands."""
    ratio = 4 * RANGE / (HIGH + LOW)
    return mean(n, HIGH * (1 + ratio)), mean(n, CLOSE), mean(n, LOW * (1 - ratio))


def zero_lag(n: int) -> Array:
    """Return Ehlers' zero-lag average."""
    behind = (n - 1) // 2
    return ema(CLOSE + (CLOSE - lag(CLOSE, behind)), n)


def percentile(n: int, percent: float) -> Array:
    """Return the percentile by nearest rank."""
    rank = max(math.ceil(percent / 100 * n), 1)
    return windows(lambda w: float(np.sort(w)[rank - 1]), n, CLOSE)


def swings(left: int, right: int) -> tuple[Array, Array]:
    """Return the confirmed swing points: a bar beyond all its neighbours."""

    def swing(values: Array) -> float:
        others = np.delete(values, left)
        return 100.0 if values[left] > others.max() else 0.0

    n = left + right + 1
    return windows(swing, n, HIGH), windows(swing, n, -LOW)


def awesome(fast: int, slow: int) -> Array:
    """Return the awesome oscillator."""
    return mean(fast, MIDDLE) - mean(slow, MIDDLE)


def relative(n: int) -> Array:
    """Return the rate of change in percent."""
    return 100 * (CLOSE / lag(CLOSE, n) - 1)


def forecast(n: int) -> Array:
    """Return the forecast oscillator."""
    line = windows(lambda w: float(np.polyval(np.polyfit(np.arange(n), w, 1), n)), n, CLOSE)
    return 100 * (CLOSE - lag(line)) / CLOSE


def intraday(n: int) -> Array:
    """Return the intraday momentum index."""
    return windows(lambda m: 100 * m[m > 0].sum() / np.abs(m).sum(), n, CLOSE - OPEN)


def volatility_index(n: int, deviation_period: int) -> Array:
    """Return the relative volatility index."""
    deviation = windows(np.std, deviation_period, CLOSE)
    up = wilder(np.where(CHANGE > 0, deviation, np.where(np.isnan(deviation), np.nan, 0.0)), n)
    down = wilder(np.where(CHANGE < 0, deviation, np.where(np.isnan(deviation), np.nan, 0.0)), n)
    return 100 * up / (up + down)


def slow_place(n: int, k_smooth: int, d_smooth: int) -> tuple[Array, Array, Array]:
    """Return KDJ."""
    low, high = windows(np.min, n, LOW), windows(np.max, n, HIGH)
    k = wilder(100 * (CLOSE - low) / (high - low), k_smooth)
    d = wilder(k, d_smooth)
    whole = np.where(np.isnan(d), np.nan, k)
    return whole, d, 3 * k - 2 * d


def blau(n: int, fast: int, slow: int, signal: int) -> tuple[Array, Array]:
    """Return Blau's index and its signal, both from the signal's first value on."""
    low, high = windows(np.min, n, LOW), windows(np.max, n, HIGH)
    distance, reach = (ema(ema(x, slow), fast) for x in (CLOSE - (high + low) / 2, (high - low) / 2))
    index = 100 * distance / reach
    mean_of_it = ema(index, signal)
    return np.where(np.isnan(mean_of_it), np.nan, index), mean_of_it


def mass(n: int, count: int) -> Array:
    """Return the mass index."""
    once = ema(RANGE, n)
    return windows(np.sum, count, once / ema(once, n))


def volume_index(sign: int) -> Array:
    """Return the index of bars with less (-1) or more (1) volume, relative to its start."""
    out = [1.0]
    for t in range(1, N_BARS):
        moved = sign * (VOLUME[t] - VOLUME[t - 1]) > 0
        out.append(out[-1] * (CLOSE[t] / CLOSE[t - 1] if moved else 1.0))
    return np.array(out)


def accumulation() -> Array:
    """Return Williams' line."""
    total, out = 0.0, [0.0]
    for t in range(1, N_BARS):
        if CLOSE[t] > CLOSE[t - 1]:
            total += CLOSE[t] - min(LOW[t], CLOSE[t - 1])
        elif CLOSE[t] < CLOSE[t - 1]:
            total += CLOSE[t] - max(HIGH[t], CLOSE[t - 1])
        out.append(total)
    return np.array(out)


WAY = windows(np.sum, 10, np.abs(CHANGE))
EXTENT = windows(np.ptp, 10, CLOSE)
SHORT_VOLUME, LONG_VOLUME = ema(VOLUME, 5), ema(VOLUME, 13)
CASES: dict[str, tuple[tuple[float, ...], tuple[Array, ...]]] = {
    "accbands": ((9,), acceleration_bands(9)),
    "zlema": ((9,), (zero_lag(9),)),
    "avgdev": ((9,), (windows(lambda w: float(np.abs(w - w.mean()).mean()), 9, CLOSE),)),
    "percentile": ((30, 70), (percentile(30, 70),)),
    "percentrank": ((30,), (windows(lambda w: 100 * float(np.mean(w[:-1] <= w[-1])), 31, CLOSE),)),
    "adr": ((9,), (mean(9, RANGE),)),
    "fractal": ((2, 3), swings(2, 3)),
    "ao": ((5, 13), (awesome(5, 13),)),
    "ac": ((5, 13, 4), (awesome(5, 13) - mean(4, awesome(5, 13)),)),
    "coppock": ((10, 14, 11), (weighted(10, relative(14) + relative(11)),)),
    "dpo": ((20,), (lag(CLOSE, 11) - mean(20, CLOSE),)),
    "er": ((10,), (np.abs(CLOSE - lag(CLOSE, 10)) / WAY,)),
    "vhf": ((10,), (EXTENT / WAY,)),
    "eri": ((13,), (HIGH - ema(CLOSE, 13), LOW - ema(CLOSE, 13))),
    "kdj": ((9, 3, 4), slow_place(9, 3, 4)),
    "smi": ((13, 2, 25, 9), blau(13, 2, 25, 9)),
    "marketfi": ((), (RANGE / VOLUME,)),
    "fosc": ((5,), (forecast(5),)),
    "imi": ((14,), (intraday(14),)),
    "qstick": ((10,), (mean(10, CLOSE - OPEN),)),
    "tsi": ((25, 13), (100 * ema(ema(CHANGE, 25), 13) / ema(ema(np.abs(CHANGE), 25), 13),)),
    "rvi": ((14, 10), (volatility_index(14, 10),)),
    "massi": ((9, 25), (mass(9, 25),)),
    "cvi": ((10, 8), (100 * (ema(RANGE, 10) / lag(ema(RANGE, 10), 8) - 1),)),
    "pvo": ((5, 13), (100 * (SHORT_VOLUME / LONG_VOLUME - 1),)),
    "efi": ((13,), (ema(CHANGE * VOLUME, 13),)),
    "rvol": ((20,), (VOLUME / lag(mean(20, VOLUME)),)),
    "nvi": ((), (volume_index(-1),)),
    "pvi": ((), (volume_index(1),)),
    "pvt": ((), (np.cumsum(np.nan_to_num(VOLUME * CHANGE / lag(CLOSE))),)),
    "wad": ((), (accumulation(),)),
}
_COARSE = frozenset({"avgdev", "fosc", "coppock", "dpo", "ao", "ac", "rvi"})
_SCALED = frozenset({"nvi", "pvi"})
"""Indexes that start at a number of TA-Lib's: compared by what they grow to."""


@pytest.mark.parametrize("name", sorted(CASES))
def test_further_indicator_when_computed_then_equals_its_definition(name: str) -> None:
    """Every output equals a plain computation of the definition, window by window or step by step."""
    params, expected = CASES[name]
    found = compute_indicator(name, inputs_of(name), tuple(float(value) for value in params))
    assert len(found) == len(expected) == len(REGISTRY[name].outputs)
    for got, wanted in zip(found, expected, strict=True):
        rtol = 1e-6 if name in _COARSE else 1e-9
        value = got / got[0] if name in _SCALED else got
        np.testing.assert_allclose(value, wanted, rtol=rtol, atol=rtol * float(np.nanmax(np.abs(wanted))))


def test_further_families_when_listed_then_every_indicator_is_tested_here() -> None:
    """Each indicator of the families has a definition in this file."""
    names = {
        spec.name for family, specs in FAMILIES.items() if family.startswith("Further") for spec in specs
    }
    assert names == set(CASES)
