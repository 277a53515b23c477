"""TA-Lib's indicators against plain definitions written here, and what holds where none is short."""

import numpy as np
import pytest

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.engine.frames import Frame
from sptraderb.engine.indicator_registry import FAMILIES, REGISTRY
from sptraderb.engine.indicators import compute_indicator
from sptraderb.testing.plain_series import Array, ema, lag, mean, wilder, windows
from sptraderb.testing.random_runs import random_candles

N_BARS = 300
_FRAME = Frame(random_candles(SEEDED_INSTRUMENTS["EURUSD"], seed=11, n_bars=N_BARS))
OPEN, HIGH, LOW, CLOSE = (_FRAME.price(name) for name in ("open", "high", "low", "close"))
TYPICAL = _FRAME.price("hlc3")
VOLUME = _FRAME.price("volume") + 1.0


def inputs_of(name: str) -> tuple[Array, ...]:
    """Return the default inputs of an indicator on the sample, with some volume on every bar."""
    return tuple(
        VOLUME if row.price == "volume" else _FRAME.price(row.price) for row in REGISTRY[name].inputs
    )


def true_range() -> Array:
    """Return the true range, the first one high - low."""
    return np.fmax(HIGH - LOW, np.fmax(np.abs(HIGH - lag(CLOSE)), np.abs(LOW - lag(CLOSE))))


def moves() -> tuple[Array, Array]:
    """Return Wilder's +DM and -DM."""
    up, down = HIGH - lag(HIGH), lag(LOW) - LOW
    plus, minus = np.where((up > down) & (up > 0), up, 0.0), np.where((down > up) & (down > 0), down, 0.0)
    plus[0] = minus[0] = np.nan
    return plus, minus


def directional(n: int) -> tuple[Array, Array, Array]:
    """Return +DI, -DI and DX."""
    reach = wilder(true_range(), n)
    plus, minus = (100 * wilder(series, n) / reach for series in moves())
    return plus, minus, 100 * np.abs(plus - minus) / (plus + minus)


def triangle(n: int) -> Array:
    """Return the mean with weights that rise to the middle and fall."""
    weights = np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1))
    return windows(lambda w: float(w @ weights / weights.sum()), n, CLOSE)


def kaufman(n: int) -> Array:
    """Return Kaufman's average."""
    out = np.full(N_BARS, np.nan)
    value = CLOSE[n - 1]
    for t in range(n, N_BARS):
        way = np.abs(np.diff(CLOSE[t - n : t + 1])).sum()
        ratio = abs(CLOSE[t] - CLOSE[t - n]) / way
        value += (ratio * (2 / 3 - 2 / 31) + 2 / 31) ** 2 * (CLOSE[t] - value)
        out[t] = value
    return out


def tillson(n: int, v: float) -> Array:
    """Return T3: (1 + v) e - v ema(e) applied three times, multiplied out over six averages."""
    chain = [ema(CLOSE, n)]
    for _ in range(5):
        chain.append(ema(chain[-1], n))
    powers = np.polynomial.Polynomial([1 + v, -v]) ** 3
    return sum(weight * chain[2 + at] for at, weight in enumerate(powers.coef))


def parabolic(step: float, limit: float) -> Array:
    """Return Wilder's stop and reverse; the first direction is that of the larger move of bar 1."""
    minus = moves()[1]
    rising = not minus[1] > 0
    extreme, stop = (HIGH[1], LOW[0]) if rising else (LOW[1], HIGH[0])
    speed = step
    out = np.full(N_BARS, np.nan)
    for t in range(1, N_BARS):
        before = max(t - 1, 1)
        crossed = LOW[t] <= stop if rising else HIGH[t] >= stop
        if crossed:
            rising = not rising
            stop = max(extreme, HIGH[before], HIGH[t]) if not rising else min(extreme, LOW[before], LOW[t])
            out[t] = stop
            speed, extreme = step, HIGH[t] if rising else LOW[t]
        else:
            out[t] = stop
            further = HIGH[t] > extreme if rising else LOW[t] < extreme
            if further:
                extreme, speed = HIGH[t] if rising else LOW[t], min(speed + step, limit)
        stop += speed * (extreme - stop)
        stop = min(stop, LOW[before], LOW[t]) if rising else max(stop, HIGH[before], HIGH[t])
    return out


def aroon(n: int) -> tuple[Array, Array]:
    """Return how lately the highest high and the lowest low were, of ties the later."""
    up = windows(lambda w: 100 * (n - int(np.argmax(w[::-1]))) / n, n + 1, HIGH)
    down = windows(lambda w: 100 * (n - int(np.argmin(w[::-1]))) / n, n + 1, LOW)
    return up, down


def chande(n: int) -> Array:
    """Return Chande's momentum oscillator."""
    change = CLOSE - lag(CLOSE)
    return windows(lambda w: 100 * w.sum() / np.abs(w).sum(), n, change)


def place(n: int, x: Array, low: Array, high: Array) -> Array:
    """Return where x lies in the range of the last n bars, 0 to 100."""
    bottom, top = windows(np.min, n, low), windows(np.max, n, high)
    return 100 * (x - bottom) / (top - bottom)


def rsi(n: int) -> Array:
    """Return the relative strength index."""
    change = CLOSE - lag(CLOSE)
    up, down = np.maximum(change, 0), np.maximum(-change, 0)
    return 100 * wilder(up, n) / (wilder(up, n) + wilder(down, n))


def ultimate(periods: tuple[int, ...]) -> Array:
    """Return the ultimate oscillator."""
    bottom, top = np.minimum(LOW, lag(CLOSE)), np.maximum(HIGH, lag(CLOSE))
    parts = [windows(np.sum, n, CLOSE - bottom) / windows(np.sum, n, top - bottom) for n in periods]
    return 100 * (4 * parts[0] + 2 * parts[1] + parts[2]) / 7


def flow_index(n: int) -> Array:
    """Return the money flow index."""
    change, flow = TYPICAL - lag(TYPICAL), TYPICAL * VOLUME
    return windows(lambda c, f: 100 * f[c > 0].sum() / f[c != 0].sum(), n, change, flow)


def of_range(x: Array) -> Array:
    """Return a part of each bar's range, 0 where the bar has none."""
    reach = HIGH - LOW
    return np.array([a / b if b else 0.0 for a, b in zip(x, reach, strict=True)])


def flow_share() -> Array:
    """Return where the close lies in its bar, -1 to 1."""
    return of_range((CLOSE - LOW) - (HIGH - CLOSE))


def line(n: int, at: float) -> Array:
    """Return the least-squares line of each window at a place, 0 its first bar."""
    return windows(lambda w: float(np.polyval(np.polyfit(np.arange(n), w, 1), at)), n, CLOSE)


def slope(n: int) -> Array:
    """Return the slope of the least-squares line of each window."""
    return windows(lambda w: float(np.polyfit(np.arange(n), w, 1)[0]), n, CLOSE)


def beta(n: int) -> Array:
    """Return how the open's relative changes follow those of the close."""
    x, y = (series / lag(series) - 1 for series in (CLOSE, OPEN))
    return windows(lambda a, b: float(np.cov(a, b, ddof=0)[0, 1] / np.var(a)), n, x, y)


def averages(fast: int, slow: int) -> tuple[Array, Array]:
    """Return two exponential means of the close."""
    return ema(CLOSE, fast), ema(CLOSE, slow)


def adxr(n: int) -> Array:
    """Return the mean of ADX and the one n - 1 bars ago."""
    adx = wilder(directional(n)[2], n)
    return (adx + lag(adx, n - 1)) / 2


E1 = ema(CLOSE, 9)
E2 = ema(E1, 9)
E3 = ema(E2, 9)
FAST_K = place(5, CLOSE, LOW, HIGH)
RSI_K = mean(3, place(10, rsi(14), rsi(14), rsi(14)))
LINE = np.cumsum(flow_share() * VOLUME)
CASES: dict[str, tuple[tuple[float, ...], tuple[Array, ...]]] = {
    "dema": ((9,), (2 * E1 - E2,)),
    "tema": ((9,), (3 * E1 - 3 * E2 + E3,)),
    "trima": ((8,), (triangle(8),)),
    "kama": ((10,), (kaufman(10),)),
    "t3": ((5, 0.6), (tillson(5, 0.6),)),
    "midpoint": ((7,), ((windows(np.max, 7, CLOSE) + windows(np.min, 7, CLOSE)) / 2,)),
    "midprice": ((7,), ((windows(np.max, 7, HIGH) + windows(np.min, 7, LOW)) / 2,)),
    "sar": ((0.02, 0.2), (parabolic(0.02, 0.2),)),
    "avgprice": ((), ((OPEN + HIGH + LOW + CLOSE) / 4,)),
    "medprice": ((), ((HIGH + LOW) / 2,)),
    "typprice": ((), (TYPICAL,)),
    "wclprice": ((), ((HIGH + LOW + 2 * CLOSE) / 4,)),
    "apo": ((5, 13), (averages(5, 13)[0] - averages(5, 13)[1],)),
    "ppo": ((5, 13), (100 * (averages(5, 13)[0] / averages(5, 13)[1] - 1),)),
    "aroon": ((14,), aroon(14)),
    "aroonosc": ((14,), (aroon(14)[0] - aroon(14)[1],)),
    "bop": ((), (of_range(CLOSE - OPEN),)),
    "cmo": ((9,), (chande(9),)),
    "rocp": ((10,), (CLOSE / lag(CLOSE, 10) - 1,)),
    "rocr": ((10,), (CLOSE / lag(CLOSE, 10),)),
    "stochf": ((5, 3), (FAST_K, mean(3, FAST_K))),
    "stochrsi": ((14, 10, 3, 4), (RSI_K, mean(4, RSI_K))),
    "trix": ((9,), (100 * (E3 / lag(E3) - 1),)),
    "ultosc": ((7, 14, 28), (ultimate((7, 14, 28)),)),
    "willr": ((14,), (place(14, CLOSE, LOW, HIGH) - 100,)),
    "adxr": ((7,), (adxr(7),)),
    "dx": ((7,), (directional(7)[2],)),
    "plus_di": ((7,), (directional(7)[0],)),
    "minus_di": ((7,), (directional(7)[1],)),
    "plus_dm": ((7,), (wilder(moves()[0], 7),)),
    "minus_dm": ((7,), (wilder(moves()[1], 7),)),
    "trange": ((), (true_range(),)),
    "natr": ((7,), (100 * wilder(true_range(), 7) / CLOSE,)),
    "ad": ((), (LINE,)),
    "adosc": ((3, 10), (ema(LINE, 3) - ema(LINE, 10),)),
    "mfi": ((14,), (flow_index(14),)),
    "vwma": ((9,), (mean(9, CLOSE * VOLUME) / mean(9, VOLUME),)),
    "cmf": ((9,), (mean(9, flow_share() * VOLUME) / mean(9, VOLUME),)),
    "beta": ((9,), (beta(9),)),
    "correl": ((9,), (windows(lambda a, b: float(np.corrcoef(a, b)[0, 1]), 9, CLOSE, OPEN),)),
    "linearreg": ((9,), (line(9, 8),)),
    "linearreg_slope": ((9,), (slope(9),)),
    "linearreg_angle": ((9,), (np.degrees(np.arctan(slope(9))),)),
    "linearreg_intercept": ((9,), (line(9, 0),)),
    "tsf": ((9,), (line(9, 9),)),
    "var": ((9,), (windows(np.var, 9, CLOSE),)),
}
REGISTRY_DEFAULTS = {"mama": (0.5, 0.05), "ht_trendline": ()}
HILBERT = {"mama", "ht_trendline", *(spec.name for spec in FAMILIES["Cycles"])}
_COARSE = frozenset({"var", "beta", "correl", "linearreg_slope", "linearreg_angle", "trix", "apo", "ppo"})
"""Small differences of large sums: TA-Lib keeps about six digits of them."""


@pytest.mark.parametrize("name", sorted(CASES))
def test_talib_indicator_when_computed_then_equals_its_definition(name: str) -> None:
    """Every output equals a plain computation of the definition, window by window or step by step."""
    params, expected = CASES[name]
    found = compute_indicator(name, inputs_of(name), tuple(float(value) for value in params))
    assert len(found) == len(expected) == len(REGISTRY[name].outputs)
    for got, wanted in zip(found, expected, strict=True):
        rtol = 1e-6 if name in _COARSE else 1e-9
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol * float(np.nanmax(np.abs(wanted))))


def test_talib_families_when_listed_then_every_indicator_is_tested_here() -> None:
    """Each indicator of TA-Lib has a definition in this file, a law of its own, or is a pattern."""
    families = ("Averages and levels", "Oscillators", "Direction and range", "Volume", "Statistics", "Cycles")
    names = {spec.name for family in families for spec in FAMILIES[family]}
    assert names == set(CASES) | HILBERT


def test_hilbert_when_fed_a_sine_then_finds_its_period_and_phase() -> None:
    """On a sine of twenty bars the cycle is twenty bars long, its phase turns 18 degrees a bar, no trend."""
    angle = 2 * np.pi * np.arange(600) / 20
    wave = 100 + np.sin(angle)
    (period,) = compute_indicator("ht_dcperiod", (wave,), ())
    np.testing.assert_allclose(period[300:], 20, rtol=0.02)
    (phase,) = compute_indicator("ht_dcphase", (wave,), ())
    np.testing.assert_allclose(np.mod(np.diff(phase[300:]), 360), 18, atol=1.5)
    sine, lead = compute_indicator("ht_sine", (wave,), ())
    np.testing.assert_allclose(sine[300:], np.sin(np.radians(phase[300:])), atol=1e-9)
    np.testing.assert_allclose(lead[300:], np.sin(np.radians(phase[300:] + 45)), atol=1e-9)
    inphase, quadrature = compute_indicator("ht_phasor", (wave,), ())
    assert np.corrcoef(inphase[300:], quadrature[300:])[0, 1] == pytest.approx(0, abs=0.05)
    assert np.ptp(inphase[300:]) == pytest.approx(np.ptp(quadrature[300:]), rel=0.1)
    assert not compute_indicator("ht_trendmode", (wave,), ())[0][300:].any()


def test_hilbert_when_prices_climb_or_stand_then_the_averages_follow() -> None:
    """A constant is its own average; on a ramp the averages lag, fama behind mama, and it is a trend."""
    flat = np.full(300, 1.5)
    for name in ("mama", "ht_trendline"):
        for series in compute_indicator(name, (flat,), REGISTRY_DEFAULTS[name]):
            np.testing.assert_allclose(series[200:], 1.5, rtol=1e-6)
    ramp = 100 + 0.1 * np.arange(400.0)
    mama, fama = compute_indicator("mama", (ramp,), REGISTRY_DEFAULTS["mama"])
    assert (ramp > mama)[100:].all()
    assert (mama > fama)[100:].all()
    assert (compute_indicator("ht_trendline", (ramp,), ())[0] < ramp)[100:].all()
    assert (compute_indicator("ht_trendmode", (ramp,), ())[0] == 1)[200:].all()


@pytest.mark.parametrize("name", ["willr", "stochf", "stochrsi", "ultosc", "er", "choppiness", "zscore"])
def test_oscillator_when_prices_stand_still_then_it_is_undefined(name: str) -> None:
    """Where nothing moves there is no place in a range: undefined, not an extreme."""
    spec = REGISTRY[name]
    inputs = tuple(np.full(100, 1.25) for _ in spec.inputs)
    for series in compute_indicator(name, inputs, tuple(float(row.default or 9) for row in spec.parameters)):
        assert np.isnan(series).all()


@pytest.mark.parametrize("name", ["mfi", "vwma", "cmf", "pvo", "rvol"])
def test_volume_indicator_when_nothing_trades_then_it_is_undefined(name: str) -> None:
    """Bars without volume, before or after some that traded, give no value."""
    spec = REGISTRY[name]
    volume = np.where((np.arange(300) > 100) & (np.arange(300) < 150), VOLUME, 0.0)
    inputs = tuple(volume if row.price == "volume" else _FRAME.price(row.price) for row in spec.inputs)
    params = tuple(float(row.default or 9) for row in spec.parameters)
    (found,) = compute_indicator(name, inputs, params)
    assert np.isnan(found[:100]).all()
    assert np.isfinite(found[130:149]).all()
    if name != "pvo":  # a recursive mean never forgets
        assert np.isnan(found[200:]).all()
