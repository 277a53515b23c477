"""The demo's strategies on the demo's candles, through compiler and indicators, in both engines (M7)."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from arro3.core import DataType
from arro3.io import read_parquet

import sptraderb
from sptraderb.domain.candle import Candles
from sptraderb.domain.digest import outcome_digest
from sptraderb.domain.instrument import CandleSide, fx_instrument
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.domain.timeframe import H1
from sptraderb.engine.evaluate import evaluate
from sptraderb.engine.simulate import simulate
from sptraderb.oracle.replay import replay
from sptraderb.strategy.compiler import StrategyTarget, compile_strategy

_DEMO = Path(sptraderb.__file__).parent / "cli" / "demo_data"
_EURUSD = fx_instrument("EURUSD", CandleSide.ASK)


@cache
def _sample() -> Candles:
    table = read_parquet(str(_DEMO / "EURUSD_1h_2017_ask.parquet")).read_all()
    columns = {}
    for name in ("open", "high", "low", "close"):
        prices = np.concatenate([np.asarray(chunk) for chunk in table.column(name).chunks])
        columns[f"{name}_ticks"] = np.rint(prices * 10**_EURUSD.price_scale).astype(np.int64)
    times = np.concatenate([np.asarray(c) for c in table.column("time").cast(DataType.int64()).chunks])
    columns["time_s"] = times // 1000
    return Candles.from_columns(columns, instrument=_EURUSD, timeframe=H1)


@pytest.mark.parametrize("name", sorted(path.stem for path in _DEMO.glob("*.yaml")))
def test_demo_strategy_when_simulated_and_replayed_then_outcomes_are_equal(name: str) -> None:
    """Every demo strategy trades on the sample, and both engines agree on every integer and the digest."""
    target = StrategyTarget(timeframe=H1, instrument=_EURUSD)
    plan = compile_strategy((_DEMO / f"{name}.yaml").read_text(encoding="utf-8"), target=target)
    candles = _sample()
    signals = evaluate(plan, candles)
    decimals = money_decimals(_EURUSD, capital_text="10000", leverage=30)
    terms = Terms(
        money_decimals=decimals,
        capital_minor=10_000 * 10**decimals,
        commission_ppb=20_000,
        spread_ticks=8,
        slippage_ticks=1,
        margin_rate_ppb=_EURUSD.margin_rate_ppb,
        risk=plan.risk,
        start_bar=signals.ready_bar,
    )
    simulated, replayed = (engine(plan, candles, signals, terms) for engine in (simulate, replay))
    assert outcome_differences(simulated, replayed) == ()
    assert outcome_digest(simulated) == outcome_digest(replayed)
    assert len(replayed.trades) >= 5
