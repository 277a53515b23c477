"""The engine and the oracle agree bit for bit on real candles too (M7)."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from arro3.core import DataType
from arro3.io import read_parquet

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import (
    CandleSide,
    Instrument,
    crypto_instrument,
    fx_instrument,
    metal_instrument,
)
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.domain.plan import Node, Plan, RiskLimits, Signals
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.engine.simulate import simulate
from sptraderb.oracle.replay import replay

_BARS = 8000
_MID = CandleSide.MID
_SETS = [
    ("EURUSD_1h_mt5", "1h", fx_instrument("EURUSD")),
    ("AUDUSD_1m_mid", "1m", fx_instrument("AUDUSD", _MID)),
    ("USDJPY_15m_mt5", "15m", fx_instrument("USDJPY")),
    ("XAUUSD_1h_mt5", "1h", metal_instrument("XAUUSD")),
    ("BTCUSDT_5m_2022_binance", "5m", crypto_instrument("BTC", "USDT")),
]


def _real_candles(path: Path, timeframe: str, instrument: Instrument) -> Candles:
    """Read the last bars of a file; every price is the double nearest to a decimal on the grid."""
    table = read_parquet(str(path)).read_all()
    n_rows = table.num_rows
    table = table.slice(max(0, n_rows - _BARS), min(_BARS, n_rows))
    columns: dict[str, npt.NDArray[np.int64]] = {}
    for name in ("open", "high", "low", "close"):
        prices = np.concatenate([np.asarray(chunk) for chunk in table.column(name).chunks])
        columns[f"{name}_ticks"] = np.rint(prices * 10**instrument.price_scale).astype(np.int64)

    milliseconds = table.column("time").cast(DataType.int64())
    columns["time_s"] = np.concatenate([np.asarray(chunk) for chunk in milliseconds.chunks]) // 1000
    return Candles.from_columns(columns, instrument=instrument, timeframe=parse_timeframe(timeframe))


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
@pytest.mark.parametrize(("name", "timeframe", "instrument"), _SETS, ids=[row[0] for row in _SETS])
def test_real_candles_when_simulated_and_replayed_then_outcomes_are_equal(
    shared_data: Path, name: str, timeframe: str, instrument: Instrument, size: SizeRule
) -> None:
    """A crossing of averages with stop, target, time exit, costs and limits is the same in both engines."""
    candles = _real_candles(shared_data / "train" / f"{name}.parquet", timeframe, instrument)
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
    simulated = simulate(_plan(size), candles, signals, terms)
    replayed = replay(_plan(size), candles, signals, terms)
    assert outcome_differences(simulated, replayed) == ()
    assert len(replayed.trades) > 50
