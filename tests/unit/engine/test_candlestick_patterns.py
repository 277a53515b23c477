"""Candlestick patterns: their table is TA-Lib's, and some against plain definitions."""

import numpy as np
import pytest
import talib
from talib import abstract

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.engine.frames import Frame
from sptraderb.engine.indicator_registry import FAMILIES, REGISTRY
from sptraderb.engine.indicators import compute_indicator
from sptraderb.testing.random_runs import random_candles

_FRAME = Frame(random_candles(SEEDED_INSTRUMENTS["EURUSD"], seed=23, n_bars=2_000))
BARS = tuple(_FRAME.price(name) for name in ("open", "high", "low", "close"))
OPEN, HIGH, LOW, CLOSE = BARS
SIZES = (80, 100, 200)
PATTERNS = {spec.name: spec for spec in FAMILIES["Candlestick patterns"]}


def mean_before(values: np.ndarray, n: int = 10) -> np.ndarray:
    """Return the mean of the n values before each bar."""
    return np.array([values[t - n : t].mean() if t >= n else np.nan for t in range(len(values))])


def test_patterns_when_listed_then_are_all_of_talibs() -> None:
    """Every pattern of TA-Lib has a row, with its own look-back and penetration."""
    names = talib.get_function_groups()["Pattern Recognition"]
    assert set(PATTERNS) == {name.lower() for name in names}
    for name in names:
        function, spec = abstract.Function(name), PATTERNS[name.lower()]
        assert spec.first_value((0.0,), "value") == function.lookback
        assert [row.default for row in spec.parameters] == list(function.parameters.values())


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_pattern_when_computed_then_says_up_down_or_none(name: str) -> None:
    """Values are those the reference names, and TA-Lib's called by its own description."""
    params = tuple(row.default or 0.0 for row in REGISTRY[name].parameters)
    (found,) = compute_indicator(name, BARS, params)
    assert set(found[~np.isnan(found)]) <= {
        0.0,
        *(sign * float(value) for sign in (1, -1) for value in SIZES if str(value) in PATTERNS[name].formula),
    }
    wanted = abstract.Function(name.upper())(dict(zip(("open", "high", "low", "close"), BARS, strict=True)))
    defined = ~np.isnan(found)
    np.testing.assert_array_equal(found[defined], wanted[defined])


def test_doji_when_computed_then_equals_its_definition() -> None:
    """A doji's body is at most a tenth of the mean range of the ten bars before it."""
    small = np.abs(CLOSE - OPEN) <= 0.1 * mean_before(HIGH - LOW)
    (found,) = compute_indicator("cdldoji", BARS, ())
    assert 0 < small.sum() < len(small)
    differ = np.flatnonzero((found == 100)[10:] != small[10:])
    edges = np.abs(np.abs(CLOSE - OPEN) - 0.1 * mean_before(HIGH - LOW))[10:][differ]
    assert (edges < 1e-12).all()  # a body that is exactly a tenth may fall to either side


def test_engulfing_when_computed_then_equals_its_definition() -> None:
    """The second body holds the first of the other colour, and is larger at one end at least."""
    (found,) = compute_indicator("cdlengulfing", BARS, ())
    expected = np.zeros(len(OPEN))
    for t in range(2, len(OPEN)):
        white, was_white = CLOSE[t] >= OPEN[t], CLOSE[t - 1] >= OPEN[t - 1]
        bottom, top = sorted((OPEN[t], CLOSE[t]))
        inner, outer = sorted((OPEN[t - 1], CLOSE[t - 1]))
        if white != was_white and bottom <= inner and top >= outer and (bottom < inner or top > outer):
            expected[t] = 100.0 if white else -100.0
    assert np.abs(expected).sum() > 0
    np.testing.assert_array_equal(np.sign(found[2:]), np.sign(expected[2:]))
