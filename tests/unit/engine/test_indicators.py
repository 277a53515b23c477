"""Indicators against plain loops written here from their definitions, and against the registry."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.engine.frames import Frame
from sptraderb.engine.indicator_registry import FAMILIES, REGISTRY
from sptraderb.engine.indicators import INDICATORS, compute_indicator
from sptraderb.errors import InvalidInput
from sptraderb.testing.random_runs import random_candles

N_BARS = 400
NAN = math.nan
FRAME = Frame(random_candles(SEEDED_INSTRUMENTS["EURUSD"], seed=5, n_bars=N_BARS))
HIGH, LOW, CLOSE = (FRAME.price(name).tolist() for name in ("high", "low", "close"))
VOLUME = FRAME.price("volume").tolist()
Numbers = list[float]


def inputs_of(name: str) -> tuple[np.ndarray, ...]:
    """Return the default inputs of an indicator on the sample."""
    inputs = tuple(FRAME.price(row.price) for row in REGISTRY[name].inputs)
    return (*inputs, FRAME.session_day) if REGISTRY[name].reads_sessions else inputs


def params_of(name: str, larger: float = 0) -> tuple[float, ...]:
    """Return the defaults of an indicator, or what they are missing, a little larger if so wanted."""
    return tuple(
        float(min((row.low if row.default is None else row.default) + larger, row.high))
        for row in REGISTRY[name].parameters
    )


def windowed(values: Numbers, n: int, function: Callable[[Numbers], float]) -> Numbers:
    """Apply a function to each window of n values."""
    return [NAN if t < n - 1 else function(values[t - n + 1 : t + 1]) for t in range(len(values))]


def mean(values: Numbers) -> float:
    """Return the mean."""
    return math.fsum(values) / len(values)


def deviation(values: Numbers) -> float:
    """Return the population's standard deviation."""
    return math.sqrt(mean([(value - mean(values)) ** 2 for value in values]))


def smoothed(values: Numbers, n: int, weight: float) -> Numbers:
    """Smooth recursively from the mean of the first n defined values, as TradingView does."""
    first = next(t for t, value in enumerate(values) if not math.isnan(value))
    out = [NAN] * len(values)
    out[first + n - 1] = mean(values[first : first + n])
    for t in range(first + n, len(values)):
        out[t] = weight * values[t] + (1 - weight) * out[t - 1]
    return out


def ema(values: Numbers, n: int) -> Numbers:
    """Return the exponential mean."""
    return smoothed(values, n, 2 / (n + 1))


def wilder(values: Numbers, n: int) -> Numbers:
    """Return Wilder's mean."""
    return smoothed(values, n, 1 / n)


def true_range() -> Numbers:
    """Return the true range, the first one high - low."""
    later = [
        max(HIGH[t] - LOW[t], abs(HIGH[t] - CLOSE[t - 1]), abs(LOW[t] - CLOSE[t - 1]))
        for t in range(1, N_BARS)
    ]
    return [HIGH[0] - LOW[0], *later]


def rsi(n: int) -> Numbers:
    """Return the relative strength index."""
    moves = [NAN] + [CLOSE[t] - CLOSE[t - 1] for t in range(1, N_BARS)]
    up = wilder([NAN, *(max(move, 0.0) for move in moves[1:])], n)
    down = wilder([NAN, *(max(-move, 0.0) for move in moves[1:])], n)
    return [100 * u / (u + d) for u, d in zip(up, down, strict=True)]


def adx(n: int) -> tuple[Numbers, Numbers, Numbers]:
    """Return ADX, +DI and -DI."""
    plus, minus = [NAN], [NAN]
    for t in range(1, N_BARS):
        up, down = HIGH[t] - HIGH[t - 1], LOW[t - 1] - LOW[t]
        plus.append(up if up > down and up > 0 else 0.0)
        minus.append(down if down > up and down > 0 else 0.0)
    reach = wilder(true_range(), n)
    di = [
        [100 * move / r for move, r in zip(wilder(series, n), reach, strict=True)] for series in (plus, minus)
    ]
    index = [100 * abs(p - m) / (p + m) for p, m in zip(*di, strict=True)]
    return wilder(index, n), di[0], di[1]


def stochastic(k_period: int, k_smooth: int, d_period: int) -> tuple[Numbers, Numbers]:
    """Return %K and %D."""
    low, high = windowed(LOW, k_period, min), windowed(HIGH, k_period, max)
    raw = [100 * (c - lo) / (hi - lo) for c, lo, hi in zip(CLOSE, low, high, strict=True)]
    k = windowed(raw, k_smooth, mean)
    return k, windowed(k, d_period, mean)


def supertrend(factor: float, n: int) -> tuple[Numbers, Numbers]:
    """Return line and direction, step by step as TradingView's reference code."""
    reach = wilder(true_range(), n)
    line, direction = [NAN] * N_BARS, [NAN] * N_BARS
    upper = lower = NAN
    for t in range(n - 1, N_BARS):
        middle = (HIGH[t] + LOW[t]) / 2
        up, down = middle + factor * reach[t], middle - factor * reach[t]
        if t > n - 1:
            down = down if down > lower or CLOSE[t - 1] < lower else lower
            up = up if up < upper or CLOSE[t - 1] > upper else upper
            was_down = line[t - 1] == upper
            rises = CLOSE[t] > up if was_down else not CLOSE[t] < down
        else:
            rises = False
        upper, lower = up, down
        line[t], direction[t] = (lower, 1.0) if rises else (upper, -1.0)
    return line, direction


def vwap() -> Numbers:
    """Return the volume-weighted mean since the session day began."""
    out, value, volume = [], 0.0, 0.0
    source, days = FRAME.price("hlc3").tolist(), FRAME.session_day.tolist()
    for t in range(N_BARS):
        if t == 0 or days[t] != days[t - 1]:
            value = volume = 0.0
        value, volume = value + source[t] * VOLUME[t], volume + VOLUME[t]
        out.append(value / volume if volume else NAN)
    return out


def weighted(values: Numbers) -> float:
    """Return the mean weighted 1, 2, .. n."""
    return math.fsum(w * v for w, v in enumerate(values, 1)) / (len(values) * (len(values) + 1) / 2)


def cci() -> Numbers:
    """Return the commodity channel index of 20 bars."""
    typical = [(h + lo + c) / 3 for h, lo, c in zip(HIGH, LOW, CLOSE, strict=True)]
    return windowed(
        typical, 20, lambda w: (w[-1] - mean(w)) / (0.015 * mean([abs(value - mean(w)) for value in w]))
    )


def obv() -> Numbers:
    """Return on-balance volume from 0."""
    out = [0.0]
    for t in range(1, N_BARS):
        sign = (CLOSE[t] > CLOSE[t - 1]) - (CLOSE[t] < CLOSE[t - 1])
        out.append(out[-1] + sign * VOLUME[t])
    return out


def first_server_ema(span: int) -> Numbers:
    """Return pandas' ewm(span, adjust=False).mean()."""
    out = [CLOSE[0]]
    for value in CLOSE[1:]:
        out.append(out[-1] + 2 / (span + 1) * (value - out[-1]))
    return out


def band(middle: Numbers, width: Numbers, factor: float) -> tuple[Numbers, Numbers, Numbers]:
    """Return upper, middle and lower band."""
    pairs = list(zip(middle, width, strict=True))
    return [m + factor * w for m, w in pairs], middle, [m - factor * w for m, w in pairs]


def minus(one: Numbers, other: Numbers) -> Numbers:
    """Return the difference bar by bar."""
    return [a - b for a, b in zip(one, other, strict=True)]


LINE = minus(ema(CLOSE, 12), ema(CLOSE, 26))
CASES: dict[str, tuple[tuple[float, ...], tuple[Numbers, ...]]] = {
    "sma": ((14,), (windowed(CLOSE, 14, mean),)),
    "sma_legacy": ((14,), (windowed(CLOSE, 14, mean),)),
    "ema": ((14,), (ema(CLOSE, 14),)),
    "ema_legacy": ((14,), (first_server_ema(14),)),
    "wma": ((14,), (windowed(CLOSE, 14, weighted),)),
    "rsi": ((14,), (rsi(14),)),
    "macd": ((12, 26, 9), (LINE, ema(LINE, 9), minus(LINE, ema(LINE, 9)))),
    "bbands": ((20, 2.5), band(windowed(CLOSE, 20, mean), windowed(CLOSE, 20, deviation), 2.5)),
    "atr": ((14,), (wilder(true_range(), 14),)),
    "adx": ((14,), adx(14)),
    "stoch": ((14, 3, 5), stochastic(14, 3, 5)),
    "cci": ((20,), (cci(),)),
    "mom": ((10,), ([NAN] * 10 + [CLOSE[t] - CLOSE[t - 10] for t in range(10, N_BARS)],)),
    "roc": ((9,), ([NAN] * 9 + [100 * (CLOSE[t] / CLOSE[t - 9] - 1) for t in range(9, N_BARS)],)),
    "obv": ((), (obv(),)),
    "stdev": ((20,), (windowed(CLOSE, 20, deviation),)),
    "stdev_sample": ((20,), ([v * math.sqrt(20 / 19) for v in windowed(CLOSE, 20, deviation)],)),
    "highest": ((14,), (windowed(HIGH, 14, max),)),
    "lowest": ((14,), (windowed(LOW, 14, min),)),
    "donchian": (
        (20,),
        (
            windowed(HIGH, 20, max),
            [(a + b) / 2 for a, b in zip(windowed(HIGH, 20, max), windowed(LOW, 20, min), strict=True)],
            windowed(LOW, 20, min),
        ),
    ),
    "keltner": ((20, 1.5), band(ema(CLOSE, 20), ema(true_range(), 20), 1.5)),
    "vwap": ((), (vwap(),)),
    "supertrend": ((3.0, 10), supertrend(3.0, 10)),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_indicator_when_computed_then_equals_its_definition(name: str) -> None:
    """Every output equals a plain loop over the definition, with TradingView's seeds."""
    params, expected = CASES[name]
    found = compute_indicator(name, inputs_of(name), tuple(float(value) for value in params))
    assert len(found) == len(expected)
    for got, wanted in zip(found, expected, strict=True):
        tolerance = 1e-7 if name in ("bbands", "stdev", "stdev_sample") else 1e-9
        np.testing.assert_allclose(got, np.array(wanted), rtol=tolerance, atol=tolerance * 1e-2)


def test_indicators_when_listed_then_are_those_of_the_registry() -> None:
    """Whatever the registry names is computed, and nothing else but aliases."""
    assert set(CASES) == {spec.name for spec in FAMILIES["Classic"]}
    assert sum(len(family) for family in FAMILIES.values()) == len(REGISTRY)
    assert set(REGISTRY) <= set(INDICATORS)
    assert set(INDICATORS) - set(REGISTRY) == {"stddev"}


@pytest.mark.parametrize("name", sorted(REGISTRY))
@pytest.mark.parametrize("larger", [0, 3])
def test_first_value_when_the_registry_tells_it_then_it_comes_there(name: str, larger: int) -> None:
    """The first defined value of every output lies where the registry says (T2)."""
    spec = REGISTRY[name]
    params = params_of(name, larger)
    found = compute_indicator(name, inputs_of(name), params)
    assert len(found) == len(spec.output_names)
    for output, values in zip(spec.output_names, found, strict=True):
        first = int(np.argmax(~np.isnan(values)))
        if name == "ema_legacy":
            assert first <= spec.first_value(params, output)  # rules wait until a whole span has passed
        elif spec.first_sessions:
            assert first == np.flatnonzero(np.diff(FRAME.session_day))[spec.first_sessions - 1] + 1
        elif not spec.reads_sessions or VOLUME[0]:
            assert first == spec.first_value(params, output)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_indicator_when_the_future_changes_then_its_past_stays(name: str) -> None:
    """No value depends on a later bar."""
    arguments = params_of(name, 2)
    whole = compute_indicator(name, inputs_of(name), arguments)
    for cut in (1, 27, 113, 399):
        part = compute_indicator(name, tuple(series[:cut].copy() for series in inputs_of(name)), arguments)
        for one, other in zip(whole, part, strict=True):
            np.testing.assert_array_equal(one[:cut], other)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_indicator_when_an_input_is_undefined_then_it_starts_anew(name: str) -> None:
    """A hole in the input leaves both sides as if they were series of their own."""
    arguments = params_of(name, 2)
    inputs = tuple(series.copy() for series in inputs_of(name))
    inputs[0][150:153] = NAN
    found = compute_indicator(name, inputs, arguments)
    before = compute_indicator(name, tuple(series[:150].copy() for series in inputs), arguments)
    after = compute_indicator(name, tuple(series[153:].copy() for series in inputs), arguments)
    for got, one, other in zip(found, before, after, strict=True):
        np.testing.assert_array_equal(got, np.concatenate([one, np.full(3, NAN), other]))


@pytest.mark.parametrize("name", sorted(REGISTRY))
@pytest.mark.parametrize("n_bars", [0, 1, 5])
def test_indicator_when_the_series_is_short_or_empty_then_it_is_undefined(name: str, n_bars: int) -> None:
    """Too few bars give undefined values, as many as bars, never an error."""
    arguments = params_of(name, 2)
    inputs = tuple(series[:n_bars].copy() for series in inputs_of(name))
    found = compute_indicator(name, inputs, arguments)
    assert [len(series) for series in found] == [n_bars] * len(REGISTRY[name].output_names)
    undefined = compute_indicator(name, tuple(np.full(n_bars, NAN) for _ in inputs), arguments)
    assert all(np.isnan(series).all() for series in undefined)


def test_indicator_when_unknown_then_refused() -> None:
    """A word outside the registry is a defect of the caller."""
    with pytest.raises(InvalidInput) as caught:
        compute_indicator("magic", (np.ones(3),), ())
    assert caught.value.code == "plan.unknown_indicator"
