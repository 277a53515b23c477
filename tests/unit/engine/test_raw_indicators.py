"""Indicators with TradingView's last bits, and raw comparisons, for the profile that has them."""

import dataclasses
import math

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.order import EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan
from sptraderb.domain.profile import PROFILES, STRICT
from sptraderb.domain.timeframe import H1
from sptraderb.engine.evaluate import evaluate
from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.indicators import compute_indicator
from sptraderb.engine.raw_indicators import RAW_INDICATORS, deviation, ema, sma, wilder, window_sum

TRADINGVIEW = PROFILES["tradingview"]


def _prices(n_bars: int = 3000) -> np.ndarray:
    steps = np.random.default_rng(7).integers(-40, 41, n_bars)
    return (110_000 + np.cumsum(steps)) / 100_000


@pytest.mark.parametrize("period", [2, 3, 5, 10, 30, 200])
def test_window_sum_when_it_runs_over_many_bars_then_it_does_not_drift(period: int) -> None:
    """What the running sum loses is kept and added back: after 3,000 bars it is off by last bits only."""
    prices = _prices()
    found = window_sum(prices, period)
    assert np.isnan(found[: period - 1]).all()
    for bar in range(period - 1, len(prices)):
        exact = math.fsum(prices[bar - period + 1 : bar + 1])
        assert abs(found[bar] - exact) <= 64 * math.ulp(exact)


def test_window_sum_when_a_rounding_was_lost_then_the_oldest_value_leaves_first() -> None:
    """0.1 + 0.2 + 0.3, then 0.1 leaves before 0.4 comes: what had been rounded away is put back."""
    found = window_sum(np.array([0.1, 0.2, 0.3, 0.4, 0.5]), 3)
    assert found[2:].tolist() == [0.6, 0.9, 1.2]


def test_ema_when_it_moves_then_by_a_share_of_the_difference_from_the_mean_of_its_first_values() -> None:
    """The step is ``last + share * (value - last)``, not the sum of two products."""
    prices = _prices(300)
    found = ema(prices, 9)
    value = sma(prices, 9)[8]
    for bar in range(9, 300):
        value = value + 2.0 / 10 * (prices[bar] - value)
        assert found[bar] == value


def test_wilder_when_it_moves_then_as_a_mean_of_n_values() -> None:
    """The step is ``(last * (n - 1) + value) / n``."""
    prices = _prices(300)
    found = wilder(prices, 14)
    value = sma(prices, 14)[13]
    for bar in range(14, 300):
        value = (value * 13 + prices[bar]) / 14
        assert found[bar] == value


def test_deviation_when_it_is_taken_then_it_is_the_root_of_mean_square_less_squared_mean() -> None:
    """Both from sums of the window, the squares summed as squares; 0 where rounding brings it below."""
    prices = _prices(200)
    total, squares = window_sum(prices, 20), window_sum(prices * prices, 20)
    found = deviation(prices, 20)
    for bar in range(19, 200):
        mean = total[bar] / 20
        assert found[bar] == math.sqrt(max(0.0, squares[bar] / 20 - mean * mean))
    assert np.nanmin(deviation(np.full(50, 1.1), 20)) == 0.0


@pytest.mark.parametrize("name", sorted(RAW_INDICATORS))
def test_raw_indicators_when_compared_with_the_others_then_they_differ_in_last_bits_only(name: str) -> None:
    """Same definition, same first bar; 1e-9 apart at most."""
    close = _prices(400)
    columns = {"close": close, "high": close + 0.0003, "low": close - 0.0004}
    if name in REGISTRY:
        inputs = tuple(columns.get(row.price, close) for row in REGISTRY[name].inputs)
        params = tuple(
            float(row.low if row.default is None else row.default) for row in REGISTRY[name].parameters
        )
    else:
        inputs, params = (close,), (14.0,)
    others, found = compute_indicator(name, inputs, params), compute_indicator(name, inputs, params, raw=True)
    for one, other in zip(found, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def _plan() -> Plan:
    size = SizeRule(kind=SizeKind.UNITS, amount=10**9)
    nodes = (
        Node(op="price", name="close"),
        Node(op="indicator", name="sma", args=(0,), params=(3.0,)),
        Node(op="constant", params=(0.6 + 2e-13,)),
        Node(op="less", args=(1, 2), boolean=True),
    )
    rule = EntryRule(name="long", side=1, when=3, size=size, exits=ExitRules())
    return Plan(name="near", nodes=nodes, entries=(rule,), first_value=2)


def test_evaluate_under_tradingview_then_numbers_compare_as_they_are_from_the_first_bar_on() -> None:
    """A mean 2e-13 below a level is below it there, and equal to it in the other profiles (M9, T2)."""
    instrument = dataclasses.replace(SEEDED_INSTRUMENTS["EURUSD"])
    ticks = np.full(6, 60_000, dtype=np.int64)
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    columns = {"time_s": 3600 * np.arange(6), **dict.fromkeys(names, ticks), "volume": np.ones(6)}
    candles = Candles.from_columns(columns, instrument=instrument, timeframe=H1)
    strict, raw = (evaluate(_plan(), candles, profile=profile) for profile in (STRICT, TRADINGVIEW))
    assert strict.conditions[3].tolist() == [False] * 6
    assert raw.conditions[3].tolist() == [False] * 2 + [True] * 4
    assert (strict.ready_bar, raw.ready_bar) == (2, 0)
