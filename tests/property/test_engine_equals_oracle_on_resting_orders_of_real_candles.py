"""Both engines agree on resting orders, parts and additions over real candles too (M7)."""

from dataclasses import replace
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
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.domain.plan import Node, Plan, RiskLimits, Signals
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.engine.simulate import simulate
from sptraderb.oracle.replay import replay

_BARS = 2500
_MID = CandleSide.MID
_SETS = [
    ("EURUSD_1h_mt5", "1h", fx_instrument("EURUSD")),
    ("AUDUSD_1m_mid", "1m", fx_instrument("AUDUSD", _MID)),
    ("USDJPY_15m_mt5", "15m", fx_instrument("USDJPY")),
    ("XAUUSD_1h_mt5", "1h", metal_instrument("XAUUSD")),
    ("BTCUSDT_5m_2022_binance", "5m", crypto_instrument("BTC", "USDT")),
]
_LONG, _SHORT, _CANCEL, _ABOVE, _BELOW, _NEAR_BELOW, _NEAR_ABOVE, _RANGE = range(8)


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
@pytest.mark.parametrize(("name", "timeframe", "instrument"), _SETS, ids=[row[0] for row in _SETS])
def test_resting_orders_when_simulated_and_replayed_on_real_candles_then_outcomes_are_equal(
    shared_data: Path, name: str, timeframe: str, instrument: Instrument, case: str, for_position: bool
) -> None:
    """Channel orders of each kind, with parts and additions, are the same in both engines, and do fill."""
    candles = _real_candles(shared_data / "train" / f"{name}.parquet", timeframe, instrument)
    plan, signals, terms = _plan(case), _signals(candles), _terms(candles, for_position=for_position)
    simulated, replayed = simulate(plan, candles, signals, terms), replay(plan, candles, signals, terms)
    assert outcome_differences(simulated, replayed) == ()
    assert _n_orders(replayed, OrderState.FILLED) > 10
    assert _n_orders(replayed, OrderState.CANCELLED) > 50
    assert {OrderReason.OTHER_SIDE_FILLED, OrderReason.CANCEL_CONDITION} <= set(
        replayed.orders[:, 5].tolist()
    )
    if plan.entries[0].exits.partial:
        assert ExitReason.PARTIAL in replayed.trade_column("exit_reason")


def _n_orders(outcome: Outcome, state: OrderState) -> int:
    return int((outcome.orders[:, 4] == state).sum())
