"""Both engines agree on resting orders, parts and additions over real candles too (M7)."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.order import (
    Distance,
    DistanceKind,
    EntryRule,
    ExitRules,
    OrderForm,
    OrderKind,
    PartialExit,
    ScaleIn,
    SizeKind,
    SizeRule,
)
from sptraderb.domain.outcome import ExitReason, OrderReason, OrderState, Outcome
from sptraderb.domain.plan import Node, Plan, RiskLimits, Signals
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.testing.engine_answers import replayed, require_equal, simulated
from sptraderb.testing.random_runs import RandomRun
from sptraderb.testing.train_candles import train_candles

_BARS = 2500
_SETS = ("EURUSD_1h_mt5", "AUDUSD_1m_mid", "USDJPY_15m_mt5", "XAUUSD_1h_mt5", "BTCUSDT_5m_2022_binance")
_LONG, _SHORT, _CANCEL, _ABOVE, _BELOW, _NEAR_BELOW, _NEAR_ABOVE, _RANGE = range(8)


def _signals(candles: Candles) -> Signals:
    """Return a channel of 20 bars: signals every few bars, prices at, and a little inside, its bounds."""
    n_bars, unit = len(candles), 10.0**-candles.instrument.price_scale
    window = np.lib.stride_tricks.sliding_window_view
    top, bottom = np.full(n_bars, np.nan), np.full(n_bars, np.nan)
    top[19:] = window(candles.high_ticks, 20).max(axis=1)
    bottom[19:] = window(candles.low_ticks, 20).min(axis=1)
    width = (top - bottom) * unit
    bars = np.arange(n_bars)
    return Signals(
        conditions={_LONG: bars % 7 == 0, _SHORT: bars % 5 == 0, _CANCEL: bars % 11 == 0},
        levels={
            _ABOVE: (top + 1) * unit,
            _BELOW: (bottom - 1) * unit,
            _NEAR_BELOW: bottom * unit + 0.2 * width,
            _NEAR_ABOVE: top * unit - 0.2 * width,
            _RANGE: 0.3 * width,
        },
        entry_allowed=bars % 97 != 0,
        ready_bar=20,
    )


_STOP = Distance(kind=DistanceKind.SERIES, node=_RANGE)
_ONE_R = Distance(kind=DistanceKind.R, amount=1_000_000)
_EXITS = ExitRules(stop_loss=_STOP, take_profit=Distance(kind=DistanceKind.R, amount=2_000_000), max_bars=60)
_PARTS = replace(
    _EXITS,
    partial=(
        PartialExit(at=_ONE_R, close_ppb=333_333_333, then_break_even=True),
        PartialExit(at=Distance(kind=DistanceKind.R, amount=1_500_000), close_ppb=500_000_000),
    ),
)
_STOPS = (
    OrderForm(kind=OrderKind.STOP, stop_node=_ABOVE, expires_bars=4),
    OrderForm(kind=OrderKind.STOP, stop_node=_BELOW, expires_bars=4),
)
_LIMITS = (
    OrderForm(kind=OrderKind.LIMIT, limit_node=_NEAR_BELOW, expires_bars=6),
    OrderForm(kind=OrderKind.LIMIT, limit_node=_NEAR_ABOVE, expires_bars=6),
)
_STOP_LIMITS = (
    OrderForm(kind=OrderKind.STOP_LIMIT, stop_node=_NEAR_ABOVE, limit_node=_NEAR_BELOW),
    OrderForm(kind=OrderKind.STOP_LIMIT, stop_node=_NEAR_BELOW, limit_node=_NEAR_ABOVE),
)
_ADDING = ScaleIn(max_entries=3, min_distance=Distance(kind=DistanceKind.RATE, amount=500_000))
_CASES = {
    "stops": (_STOPS, _EXITS, None),
    "limits_in_parts": (_LIMITS, _PARTS, None),
    "stop_limits": (_STOP_LIMITS, _EXITS, None),
    "limits_added_to": (_LIMITS, _PARTS, _ADDING),
}


def _plan(case: str) -> Plan:
    forms, exits, scale_in = _CASES[case]
    size = SizeRule(kind=SizeKind.EQUITY_FRACTION, amount=200_000_000)
    entries = tuple(
        EntryRule(name=name, side=side, when=when, size=size, exits=exits, order=form, cancel_when=_CANCEL)
        for name, side, when, form in (("long", 1, _LONG, forms[0]), ("short", -1, _SHORT, forms[1]))
    )
    nodes = (*[Node(op="constant", boolean=True)] * 3, *[Node(op="constant")] * 5)
    return Plan(name=case, nodes=nodes, entries=entries, scale_in=scale_in)


def _terms(candles: Candles, *, for_position: bool) -> Terms:
    instrument = candles.instrument
    leverage = -(-(10**9) // instrument.margin_rate_ppb)
    decimals = money_decimals(instrument, capital_text="1000000", leverage=leverage)
    return Terms(
        money_decimals=decimals,
        capital_minor=1_000_000 * 10**decimals,
        commission_ppb=20_000,
        spread_ticks=7,
        slippage_ticks=2,
        margin_rate_ppb=instrument.margin_rate_ppb,
        risk=RiskLimits(daily_loss_limit_ppb=20_000_000),
        start_bar=20,
        for_position=for_position,
        limit_through_ticks=int(for_position),
    )


@pytest.mark.parametrize("for_position", [False, True], ids=["against", "for"])
@pytest.mark.parametrize("case", _CASES)
@pytest.mark.parametrize("name", _SETS)
def test_resting_orders_when_simulated_and_replayed_on_real_candles_then_outcomes_are_equal(
    shared_data: Path, name: str, case: str, for_position: bool
) -> None:
    """Channel orders of each kind, with parts and additions, are the same in both engines, and do fill."""
    candles = train_candles(shared_data / "train" / f"{name}.parquet", start=-_BARS)
    plan, signals, terms = _plan(case), _signals(candles), _terms(candles, for_position=for_position)
    run = RandomRun(plan=plan, candles=candles, signals=signals, terms=terms)
    outcome = replayed(run)
    require_equal(simulated(run), outcome)
    assert not isinstance(outcome, str)
    assert _n_orders(outcome, OrderState.FILLED) > 10
    assert _n_orders(outcome, OrderState.CANCELLED) > 50
    reasons = set(outcome.orders[:, 5].tolist())
    assert {OrderReason.OTHER_SIDE_FILLED, OrderReason.CANCEL_CONDITION} <= reasons
    if plan.entries[0].exits.partial:
        assert ExitReason.PARTIAL in outcome.trade_column("exit_reason")


def _n_orders(outcome: Outcome, state: OrderState) -> int:
    return int((outcome.orders[:, 4] == state).sum())
