"""The engine and the oracle agree bit for bit on real candles too (M7)."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan, RiskLimits, Signals
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.testing.engine_answers import replayed, require_equal, simulated
from sptraderb.testing.random_runs import RandomRun
from sptraderb.testing.train_candles import train_candles

_BARS = 8000
_SETS = ("EURUSD_1h_mt5", "AUDUSD_1m_mid", "USDJPY_15m_mt5", "XAUUSD_1h_mt5", "BTCUSDT_5m_2022_binance")


def _rolling_mean(values: npt.NDArray[np.int64], period: int) -> npt.NDArray[np.float64]:
    sums = np.cumsum(np.concatenate([[0], values]))
    means = np.full(len(values), np.nan)
    means[period - 1 :] = (sums[period:] - sums[:-period]) / period
    return means


def _crossings(candles: Candles) -> Signals:
    """Return crossings of two averages as conditions, and the mean range of 14 bars as a distance."""
    fast, slow = _rolling_mean(candles.close_ticks, 10), _rolling_mean(candles.close_ticks, 30)
    above = fast > slow
    before = np.concatenate([[False], above[:-1]])
    unit = 10.0**-candles.instrument.price_scale
    ranges = _rolling_mean(candles.high_ticks - candles.low_ticks, 14) * unit * 1.5
    return Signals(
        conditions={0: above & ~before, 1: ~above & before, 2: candles.close_ticks > candles.open_ticks},
        levels={3: ranges},
        entry_allowed=np.ones(len(candles), dtype=np.bool_),
        ready_bar=30,
    )


def _plan(size: SizeRule) -> Plan:
    exits = ExitRules(
        stop_loss=Distance(kind=DistanceKind.SERIES, node=3),
        take_profit=Distance(kind=DistanceKind.R, amount=1_500_000),
        max_bars=40,
    )
    entries = (
        EntryRule(name="long", side=1, when=0, size=size, exits=exits),
        EntryRule(name="short", side=-1, when=1, size=size, exits=exits),
    )
    nodes = (*[Node(op="constant", boolean=True)] * 3, Node(op="constant"))
    return Plan(name="crossing", nodes=nodes, entries=entries)


@pytest.mark.parametrize(
    "size",
    [
        SizeRule(kind=SizeKind.EQUITY_FRACTION, amount=500_000_000),
        SizeRule(kind=SizeKind.RISK, amount=10_000_000),
    ],
    ids=["fraction", "risk"],
)
@pytest.mark.parametrize("name", _SETS)
def test_real_candles_when_simulated_and_replayed_then_outcomes_are_equal(
    shared_data: Path, name: str, size: SizeRule
) -> None:
    """A crossing of averages with stop, target, time exit, costs and limits is the same in both engines."""
    candles = train_candles(shared_data / "train" / f"{name}.parquet", start=-_BARS)
    instrument = candles.instrument
    signals = _crossings(candles)
    leverage = -(-(10**9) // instrument.margin_rate_ppb)
    decimals = money_decimals(instrument, capital_text="10000", leverage=leverage)
    terms = Terms(
        money_decimals=decimals,
        capital_minor=10_000 * 10**decimals,
        commission_ppb=20_000,
        spread_ticks=7,
        slippage_ticks=2,
        margin_rate_ppb=instrument.margin_rate_ppb,
        risk=RiskLimits(max_drawdown_ppb=900_000_000, daily_loss_limit_ppb=20_000_000),
        start_bar=signals.ready_bar,
    )
    run = RandomRun(plan=_plan(size), candles=candles, signals=signals, terms=terms)
    outcome = replayed(run)
    require_equal(simulated(run), outcome)
    assert not isinstance(outcome, str)
    assert len(outcome.trades) > 50
