"""A size cut by margin is the largest whose margin and commission the cash carries (A2, A3, C1)."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import fx_instrument
from sptraderb.domain.order import EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.outcome import ORDER_COLUMNS, OrderState
from sptraderb.domain.plan import Node, Plan, Signals
from sptraderb.domain.terms import Terms
from sptraderb.domain.timeframe import H1
from sptraderb.engine.simulate import simulate
from sptraderb.oracle.replay import replay
from sptraderb.testing.random_runs import RandomRun

_CENT = 10**4
_FEES = st.sampled_from((0, 1, 37, _CENT // 3, _CENT, 250 * _CENT, 9_999 * _CENT))


@st.composite
def _entries(draw: st.DrawFn) -> RandomRun:
    """Draw one long entry of more than the account carries."""
    instrument = replace(
        fx_instrument("EURUSD"),
        lot_units=draw(st.sampled_from((1, 7, 100, 100_000))),
        quantity_step=draw(st.sampled_from((1, 10, 1000))),
    )
    price = draw(st.integers(1_000, 300_000))
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    columns = {"time_s": np.arange(2) * 3600, **dict.fromkeys(names, np.full(2, price))}
    size = SizeRule(kind=SizeKind.EQUITY_FRACTION, amount=100 * 10**9)
    rule = EntryRule(name="long", side=1, when=0, size=size, exits=ExitRules())
    least, most = draw(_FEES), draw(_FEES)
    return RandomRun(
        plan=Plan(name="one", nodes=(Node(op="constant", boolean=True),), entries=(rule,)),
        candles=Candles.from_columns(columns, instrument=instrument, timeframe=H1),
        signals=Signals(
            conditions={0: np.array([True, False])},
            levels={},
            entry_allowed=np.ones(2, dtype=np.bool_),
            ready_bar=0,
        ),
        terms=Terms(
            money_decimals=6,
            capital_minor=draw(st.integers(1, 10_000)) * 10**6,
            commission_ppb=draw(st.sampled_from((0, 20_000, 333_333_333))),
            commission_per_lot_minor=draw(_FEES),
            commission_per_order_minor=draw(_FEES),
            commission_min_minor=least,
            commission_max_minor=0 if most < least else most,
            margin_rate_ppb=draw(st.sampled_from((10**9, 33_333_333))),
        ),
    )


def _required(run: RandomRun, steps: int) -> Fraction:
    """Return the margin of a size and the commission of its order, in minor units, unrounded."""
    terms = run.terms
    notional = Fraction(int(run.candles.open_ticks[1]) * steps * 10, 1)
    fee = notional * terms.commission_ppb / 10**9 + terms.commission_per_order_minor
    fee += Fraction(steps, run.candles.instrument.lot_units) * terms.commission_per_lot_minor
    fee = max(fee, Fraction(terms.commission_min_minor))
    if terms.commission_max_minor:
        fee = min(fee, Fraction(terms.commission_max_minor))
    return notional * terms.margin_rate_ppb / 10**9 + fee


@settings(max_examples=150, deadline=None)
@given(_entries())
def test_size_when_cut_by_margin_then_one_step_more_would_not_fit(run: RandomRun) -> None:
    """What is filled fits with its commission, a step more does not; if rejected, no size fits (A2, C1)."""
    step, cash = run.candles.instrument.quantity_step, run.terms.capital_minor
    for engine in (simulate, replay):
        outcome = engine(run.plan, run.candles, run.signals, run.terms)
        order = dict(zip(ORDER_COLUMNS, outcome.orders[0].tolist(), strict=True))
        filled = order["filled_steps"]
        if order["state"] == OrderState.REJECTED:
            assert order["wanted_steps"] == 0 or _required(run, step) > cash
            continue
        assert order["state"] == OrderState.FILLED_CUT
        assert _required(run, filled) <= cash < _required(run, filled + step)
