"""A run of the older dialect applies the file's filters with the request's costs, and its notes say so."""

import numpy as np
import pytest

from sptraderb.api.payloads import CostsPayload, RunPayload, to_domain
from sptraderb.candles.check import check_candles
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import crypto_instrument
from sptraderb.domain.timeframe import H1
from sptraderb.orchestrator.prepare_run import LoadedRun, PreparedRun, prepare_run
from sptraderb.strategy.compiler import StrategyTarget, compile_strategy

_TEXT = """
name: older
version: 1.0
entry:
  when: [{signal: ma_crossover, outputs: {crossover_type: golden_cross}}]
  size: 0.1
signal_config: {ma_crossover: {fast_period: 3, slow_period: 6, parameters: {min_separation: 0}}}
filters: {min_volume_usd: 40000}
execution: {slippage_tolerance: 0.001}
"""
_START_S = 1_704_067_200


def _prepared(slippage: str) -> PreparedRun:
    instrument = crypto_instrument("BTC", "USDT")
    random = np.random.default_rng(3)
    close = 4_000_000 + np.cumsum(random.integers(-9_000, 9_001, 240))
    columns = {
        "time_s": _START_S + 3_600 * np.arange(240),
        **{f"{name}_ticks": close for name in ("open", "high", "low", "close")},
        "volume": random.integers(0, 3, 240).astype(np.float64),
    }
    candles = Candles.from_columns(columns, instrument=instrument, timeframe=H1)
    plan = compile_strategy(_TEXT, target=StrategyTarget(timeframe=H1, instrument=instrument))
    payload = RunPayload(
        strategy=_TEXT,
        symbol="BTCUSDT",
        timeframe="1h",
        start_date="2024-01-01",
        end_date="2024-01-10",
        initial_capital=10_000,
        costs=CostsPayload(slippage=slippage),
    )
    loaded = LoadedRun(plan=plan, candles=candles, first_bar=0, report=check_candles(candles))
    return prepare_run(to_domain(payload), loaded)


@pytest.mark.parametrize(("slippage", "is_open"), [("0.05%", True), ("0.2%", False)])
def test_run_when_the_file_states_filters_then_costs_of_the_request_decide(
    slippage: str, is_open: bool
) -> None:
    """The tolerance is a maximum for the slippage in force; the volume filter holds beside it."""
    prepared = _prepared(slippage)
    traded = prepared.candles.volume * prepared.candles.close_ticks / 100 >= 40_000
    assert 0 < traded.sum() < len(traded)
    expected = traded if is_open else traded & (np.arange(240) == 239)
    np.testing.assert_array_equal(prepared.signals.entry_allowed, expected)
    told = [note.text for note in prepared.plan.notes if note.line is None]
    assert any("min_volume_usd` 40000 rejected" in text for text in told)
    assert any("slippage_tolerance` 0.001" in text and ("kept no" in text) == is_open for text in told)
