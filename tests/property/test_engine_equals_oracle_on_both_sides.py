"""The engine and the oracle agree bit for bit on real candles that have a bid and an ask side (M7, X5)."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.outcome import ExitReason, Outcome
from sptraderb.domain.plan import Node, Plan, RiskLimits, Signals
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.engine.simulate import simulate
from sptraderb.testing.engine_answers import replayed, require_equal, simulated
from sptraderb.testing.random_runs import RandomRun
from sptraderb.testing.train_candles import train_candles

_BARS = 8000
_SETS = ("EURUSD_1h_bidask_i32_lean_2007_2018", "EURUSD_1m_bidask_i32", "AUDUSD_1m_bidask_i32")
_RANGE, _LONG, _SHORT = 2, 0, 1


@cache
def _real_candles(path: Path) -> Candles:
    return train_candles(path, start=20_000, n_bars=_BARS)


def _rolling_mean(values: npt.NDArray[np.int64], period: int) -> npt.NDArray[np.float64]:
    sums = np.cumsum(np.concatenate([[0], values]))
    means = np.full(len(values), np.nan)
    means[period - 1 :] = (sums[period:] - sums[:-period]) / period
    return means


def _crossings(candles: Candles) -> Signals:
    """Return crossings of two averages of the bid, and four mean ranges of 14 bars as a distance."""
    above = _rolling_mean(candles.close_ticks, 10) > _rolling_mean(candles.close_ticks, 30)
    before = np.concatenate([[False], above[:-1]])
    ranges = _rolling_mean(candles.high_ticks - candles.low_ticks, 14) * 4e-5
    return Signals(
        conditions={_LONG: above & ~before, _SHORT: ~above & before},
        levels={_RANGE: ranges},
        entry_allowed=np.ones(len(candles), dtype=np.bool_),
        ready_bar=30,
    )


def _plan(exits: ExitRules) -> Plan:
    size = SizeRule(kind=SizeKind.EQUITY_FRACTION, amount=500_000_000)
    entries = (
        EntryRule(name="long", side=1, when=_LONG, size=size, exits=exits),
        EntryRule(name="short", side=-1, when=_SHORT, size=size, exits=exits),
    )
    nodes = (*[Node(op="constant", boolean=True)] * 2, Node(op="constant"))
    return Plan(name="crossing", nodes=nodes, entries=entries)


def _terms(candles: Candles, signals: Signals) -> Terms:
    decimals = money_decimals(candles.instrument, capital_text="10000", leverage=30)
    return Terms(
        money_decimals=decimals,
        capital_minor=10_000 * 10**decimals,
        margin_rate_ppb=candles.instrument.margin_rate_ppb,
        risk=RiskLimits(max_drawdown_ppb=900_000_000, daily_loss_limit_ppb=20_000_000),
        start_bar=signals.ready_bar,
    )


_STOP = Distance(kind=DistanceKind.SERIES, node=_RANGE)
_TWO_R = Distance(kind=DistanceKind.R, amount=2_000_000)
_HALF_R = Distance(kind=DistanceKind.R, amount=500_000)
_ONE_R = Distance(kind=DistanceKind.R, amount=1_000_000)
_CASES = {
    "brackets": (ExitRules(stop_loss=_STOP, take_profit=_HALF_R), ExitReason.TAKE_PROFIT),
    "trailing": (ExitRules(trailing_stop=_STOP, max_bars=200), ExitReason.TRAILING_STOP),
    "activated": (
        ExitRules(stop_loss=_STOP, trailing_stop=_HALF_R, trailing_activate=_ONE_R),
        ExitReason.TRAILING_STOP,
    ),
    "break_even": (
        ExitRules(stop_loss=_STOP, take_profit=_TWO_R, break_even_at=_HALF_R),
        ExitReason.BREAK_EVEN,
    ),
    "duration": (ExitRules(max_duration_s=1, stop_loss=_STOP), ExitReason.TIME),
}


@pytest.mark.parametrize("case", _CASES)
@pytest.mark.parametrize("name", _SETS)
def test_real_candles_of_both_sides_when_simulated_and_replayed_then_outcomes_are_equal(
    shared_data: Path, name: str, case: str
) -> None:
    """Each kind of exit, with fees and percent slippage, is the same in both engines, and does occur."""
    candles = _real_candles(shared_data / "train" / f"{name}.parquet")
    exits, expected = _CASES[case]
    # A stated duration stands for one that ends a second before the fifth bar after the entry opens.
    exits = replace(exits, max_duration_s=exits.max_duration_s * (5 * candles.timeframe.seconds - 1))
    signals = _crossings(candles)
    terms = _terms(candles, signals)
    one = 10**terms.money_decimals
    terms = replace(
        terms,
        commission_ppb=3_000,
        commission_per_lot_minor=5 * one // 2,
        commission_min_minor=one // 100,
        commission_max_minor=2 * one,
        slippage_ppb=2_000,
    )
    run = RandomRun(plan=_plan(exits), candles=candles, signals=signals, terms=terms)
    outcome = replayed(run)
    require_equal(simulated(run), outcome)
    assert not isinstance(outcome, str)
    assert _count(outcome, expected) > 20


@pytest.mark.parametrize("name", _SETS)
def test_spread_when_read_from_candles_then_each_side_pays_its_own_opening_spread(
    shared_data: Path, name: str
) -> None:
    """A long pays the spread of its entry's open; a short closed at an open that of its exit's (M6)."""
    candles = _real_candles(shared_data / "train" / f"{name}.parquet")
    signals = _crossings(candles)
    outcome = simulate(_plan(ExitRules(max_bars=7)), candles, signals, _terms(candles, signals))
    assert candles.ask_open_ticks is not None
    spread = candles.ask_open_ticks - candles.open_ticks
    column = outcome.trade_column
    bar = np.where(column("side") > 0, column("entry_bar"), column("exit_bar"))
    unit = 10 ** (outcome.money_decimals - 5)
    assert np.array_equal(column("spread_minor"), -spread[bar] * column("quantity_steps") * unit)
    assert len(outcome.trades) > 100


def _count(outcome: Outcome, reason: ExitReason) -> int:
    return int((outcome.trade_column("exit_reason") == reason).sum())
