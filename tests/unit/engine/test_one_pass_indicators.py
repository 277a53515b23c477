"""Indicators of one kernel each: TA-Lib's values where it has them, and the same whatever is wanted."""

from collections.abc import Callable

import numpy as np
import pytest
import talib

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.engine.array_pool import ArrayPool
from sptraderb.engine.formulas.one_pass_formulas import ONE_PASS
from sptraderb.engine.frames import Frame
from sptraderb.engine.indicator_registry import ALIASES, REGISTRY
from sptraderb.engine.indicators import compute_indicator, wanted_outputs
from sptraderb.testing.random_runs import random_candles

_N_BARS = 1500
_FRAME = Frame(random_candles(SEEDED_INSTRUMENTS["EURUSD"], seed=9, n_bars=_N_BARS))
_HIGH, _LOW, _CLOSE = (_FRAME.price(name) for name in ("high", "low", "close"))
Numbers = tuple[float, ...]

_BY_TALIB: dict[str, Callable[[int], tuple[np.ndarray, ...]]] = {
    "ema": lambda n: (talib.EMA(_CLOSE, n),),
    "dema": lambda n: (talib.DEMA(_CLOSE, n),),
    "tema": lambda n: (talib.TEMA(_CLOSE, n),),
    "kama": lambda n: (talib.KAMA(_CLOSE, n),),
    "rsi": lambda n: (talib.RSI(_CLOSE, n),),
    "cci": lambda n: (talib.CCI(_HIGH, _LOW, _CLOSE, n),),
    "willr": lambda n: (talib.WILLR(_HIGH, _LOW, _CLOSE, n),),
    "mom": lambda n: (talib.MOM(_CLOSE, n),),
    "roc": lambda n: (talib.ROC(_CLOSE, n),),
}


def _inputs(name: str) -> tuple[np.ndarray, ...]:
    return tuple(_FRAME.price(row.price) for row in REGISTRY[ALIASES.get(name, name)].inputs)


def _params(name: str) -> Numbers:
    rows = REGISTRY[ALIASES.get(name, name)].parameters
    return tuple(20.0 if row.default is None else float(row.default) for row in rows)


@pytest.mark.parametrize("name", _BY_TALIB)
@pytest.mark.parametrize("period", [2, 14, 20, 99, 400])
def test_indicator_when_compared_with_talib_then_is_the_same(name: str, period: int) -> None:
    """Same first value, same values: what differs is the rounding of the last digits."""
    (found,) = compute_indicator(name, _inputs(name), (float(period),))
    (expected,) = _BY_TALIB[name](period)
    if name == "willr":  # TradingView's is undefined where nothing moved, TA-Lib's 0
        expected = np.where(np.isnan(found), found, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 if name in ("cci", "willr") else 1e-13)


@pytest.mark.parametrize("period", [2, 20, 300])
@pytest.mark.parametrize("width", [0.5, 2.0])
def test_bands_when_compared_with_talib_then_are_the_same(period: int, width: float) -> None:
    """All three bands, whichever windows and widths."""
    found = compute_indicator("bbands", (_CLOSE,), (float(period), width))
    expected = talib.BBANDS(_CLOSE, period, width, width)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("name", ONE_PASS)
def test_output_when_wanted_alone_then_is_the_same(name: str) -> None:
    """Leaving other outputs out changes no bit of one, nor does memory that was used before."""
    inputs, params = _inputs(name), _params(name)
    whole = compute_indicator(name, inputs, params)
    pool = ArrayPool()
    for place, expected in enumerate(whole):
        pool.give_back([np.full(_N_BARS, 7.5)])
        found = wanted_outputs(name, inputs, params, (place,), pool)
        assert list(found) == [place]
        np.testing.assert_array_equal(found[place], expected)


@pytest.mark.parametrize("name", ONE_PASS)
@pytest.mark.parametrize("n_bars", [0, 1, 2, 13, 19, 20, 21, 40])
def test_indicator_when_bars_are_few_then_it_is_a_prefix(name: str, n_bars: int) -> None:
    """Fewer bars than a window or a seed give the first values of a longer run, undefined or not."""
    inputs, params = _inputs(name), _params(name)
    whole = compute_indicator(name, inputs, params)
    part = compute_indicator(name, tuple(series[:n_bars].copy() for series in inputs), params)
    for one, other in zip(part, whole, strict=True):
        np.testing.assert_array_equal(one, other[:n_bars])


def test_prices_when_they_stand_still_then_nothing_remains_of_rounding() -> None:
    """After a move, a window of equal prices has no deviation, no channel index and level bands."""
    still = np.concatenate([_CLOSE[:300], np.full(400, _CLOSE[299])])
    (deviation,) = compute_indicator("stdev", (still,), (20.0,))
    (index,) = compute_indicator("cci", (still, still, still), (20.0,))
    upper, middle, lower = compute_indicator("bbands", (still,), (20.0, 2.0))
    np.testing.assert_array_equal(deviation[320:], 0.0)
    np.testing.assert_array_equal(upper[320:], lower[320:])
    np.testing.assert_allclose(middle[320:], still[-1], rtol=1e-13)
    assert np.isfinite(index[320:]).all()
