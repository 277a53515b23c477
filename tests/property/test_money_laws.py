"""Laws of costs, conversion and margin on random runs: one law a test (C1 to C5, A3, M6)."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sptraderb.domain.bar_facts import BarRates
from sptraderb.domain.costs import SwapKind
from sptraderb.domain.order import LONG, SHORT
from sptraderb.domain.outcome import EventCode, ExitReason, LedgerKind, Outcome
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.domain.plan import Plan
from sptraderb.domain.profile import PROFILES
from sptraderb.engine.simulate import simulate
from sptraderb.errors import InvalidInput, MoneyOverflow
from sptraderb.testing.lively_runs import lively_runs
from sptraderb.testing.money_runs import hourly_spreads, money_runs, steady_runs, with_facts
from sptraderb.testing.random_runs import RandomRun
from sptraderb.testing.wider_runs import wider_runs

LAW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
_FILLS = ("side", "entry_bar", "exit_bar", "quantity_steps", "exit_reason")


def _outcome(run: RandomRun) -> Outcome:
    try:
        return simulate(run.plan, run.candles, run.signals, run.terms)
    except (MoneyOverflow, InvalidInput):
        assume(False)
        raise


def _with_terms(run: RandomRun, **changes: object) -> RandomRun:
    return replace(run, terms=replace(run.terms, **changes))  # type: ignore[arg-type]


def _days(run: RandomRun, step: int) -> RandomRun:
    days = (np.arange(len(run.candles)) % 4).astype(np.int64)
    swap = {
        "swap_kind": SwapKind.POINTS,
        "swap_long": -step * 700_000,
        "swap_short": 5_000_000 - step * 10**6,
    }
    return with_facts(_with_terms(run, **swap), swap_days=days)


def _converted(run: RandomRun, step: int) -> RandomRun:
    tops = 100_000 + (np.arange(len(run.candles) + 1, dtype=np.int64) * 7919) % 5000
    bottoms = np.full(len(tops), 99_991, dtype=np.int64)
    run = with_facts(
        run,
        open_rates=BarRates(numerator=tops[:-1], denominator=bottoms[:-1]),
        close_rates=BarRates(numerator=tops[1:], denominator=bottoms[1:]),
    )
    return _with_terms(run, conversion_fee_ppb=step * 12_345_678)


def _swapped(run: RandomRun, step: int, kind: SwapKind) -> RandomRun:
    """Charge a swap every third bar whose rates fall with each step, in the unit of its kind."""
    unit = 10**6 if kind is SwapKind.PERCENT else 777
    days = (np.arange(len(run.candles)) % 3).astype(np.int64)
    changes = {"swap_kind": kind, "swap_long": unit - step * unit, "swap_short": -step * unit}
    return with_facts(_with_terms(run, **changes), swap_days=days)


def _capped(run: RandomRun, step: int) -> RandomRun:
    return _with_terms(run, commission_ppb=10**6, commission_max_minor=1 + step * 10**5)


def _wider_hours(run: RandomRun, step: int) -> RandomRun:
    """Widen some hours of a table by more than others, and some not at all."""
    table = hourly_spreads(run, seed=11)
    return with_facts(run, spread_ticks=table + step * (run.candles.time_s // 3600 % 3))


COSTS: dict[str, Callable[[RandomRun, int], RandomRun]] = {
    "commission": lambda run, step: _with_terms(run, commission_ppb=step * 33_333),
    "commission per lot": lambda run, step: _with_terms(run, commission_per_lot_minor=step * 777),
    "commission per order": lambda run, step: _with_terms(run, commission_per_order_minor=step * 77_777),
    "commission minimum": lambda run, step: _with_terms(run, commission_min_minor=step * 5),
    "commission maximum": _capped,
    "spread": lambda run, step: _with_terms(run, spread_ticks=step),
    "spread table": lambda run, step: with_facts(run, spread_ticks=hourly_spreads(run, seed=7) + step),
    "spread table hour by hour": _wider_hours,
    "slippage": lambda run, step: _with_terms(run, slippage_ticks=step),
    "slippage of price": lambda run, step: _with_terms(run, slippage_ppb=step * 1_234_567),
    "slippage by range": lambda run, step: _with_terms(run, slippage_range_ppb=step * 30_000_000),
    "swap in points": _days,
    "swap in money": lambda run, step: _swapped(run, step, SwapKind.MONEY),
    "swap in percent": lambda run, step: _swapped(run, step, SwapKind.PERCENT),
    "conversion fee": _converted,
}


def _assert_no_gain(cheap: Outcome, dear: Outcome) -> None:
    for name in _FILLS:
        np.testing.assert_array_equal(cheap.trade_column(name), dear.trade_column(name))
    assert (dear.trade_column("net_pnl_minor") <= cheap.trade_column("net_pnl_minor")).all()
    assert (dear.equity_minor <= cheap.equity_minor).all()
    assert (dear.trough_minor <= cheap.trough_minor).all()


@pytest.mark.parametrize("cost", COSTS)
@LAW
@given(
    run=steady_runs(),
    profile=st.sampled_from(tuple(PROFILES)),
    less=st.integers(0, 5),
    more=st.integers(1, 5),
)
def test_cost_when_it_grows_then_no_trade_and_no_equity_gains(
    cost: str, run: RandomRun, profile: str, less: int, more: int
) -> None:
    """On the same fills more of one cost leaves no trade and no equity higher, in any profile (C1 to C5)."""
    run = _with_terms(run, profile=PROFILES[profile])
    cheap, dear = (_outcome(COSTS[cost](run, step)) for step in (less, less + more))
    _assert_no_gain(cheap, dear)


@pytest.mark.parametrize("side", [LONG, SHORT])
@LAW
@given(data=st.data(), more=st.integers(1, 10**6))
def test_funding_when_its_rate_moves_against_a_side_then_that_side_gains_nothing(
    side: int, data: st.DataObject, more: int
) -> None:
    """At a higher rate no long ends higher, at a lower one no short, whatever the signs (C4)."""
    run = data.draw(steady_runs(sides=(side,)))
    rates = data.draw(st.lists(st.integers(-(10**6), 10**6), min_size=150, max_size=150))
    due = np.array(rates[: len(run.candles)], dtype=np.int64)
    _assert_no_gain(*(_outcome(with_facts(run, funding_ppb=due + side * step)) for step in (0, more)))


@LAW
@given(
    run=steady_runs(sides=(LONG,)), rates=st.lists(st.integers(-(10**6), 10**6), min_size=150, max_size=150)
)
def test_funding_when_sides_are_swapped_then_changes_its_sign(run: RandomRun, rates: list[int]) -> None:
    """What a long pays at a rate a short of the same size and price receives, to the last digit (C4)."""
    run = with_facts(run, funding_ppb=np.array(rates[: len(run.candles)], dtype=np.int64))
    long, short = _outcome(run), _outcome(replace(run, plan=_mirrored(run.plan)))
    paid, received = (rows.ledger[rows.ledger_column("kind") == LedgerKind.FUNDING] for rows in (long, short))
    np.testing.assert_array_equal(paid[:, [0, 3]], received[:, [0, 3]])
    np.testing.assert_array_equal(paid[:, 2], -received[:, 2])


def _mirrored(plan: Plan) -> Plan:
    return replace(plan, entries=tuple(replace(entry, side=SHORT) for entry in plan.entries))


@LAW
@given(run=money_runs(("swap", "funding", "margin")), ticks=st.sampled_from((0, 1, 8, 15)))
def test_spread_table_when_all_hours_are_alike_then_is_a_fixed_spread(run: RandomRun, ticks: int) -> None:
    """A table that states one spread for every hour gives what the fixed spread gives (C2)."""
    fixed = _with_terms(run, spread_ticks=ticks)
    table = with_facts(run, spread_ticks=np.full(len(run.candles), ticks, dtype=np.int64))
    assert outcome_differences(_outcome(fixed), _outcome(table)) == ()


@LAW
@given(run=money_runs(("margin", "swap", "funding", "range_slippage")), unit=st.sampled_from((1, 7, 10**9)))
def test_conversion_when_the_rate_is_one_then_changes_nothing(run: RandomRun, unit: int) -> None:
    """Two currencies of the same worth are as good as one, however the quotient is written (C5)."""
    ones = BarRates(
        numerator=np.full(len(run.candles), unit, dtype=np.int64),
        denominator=np.full(len(run.candles), unit, dtype=np.int64),
    )
    converted = with_facts(run, open_rates=ones, close_rates=ones)
    assert outcome_differences(_outcome(run), _outcome(converted)) == ()


@LAW
@given(run=money_runs())
def test_ledger_when_summed_by_kind_then_is_what_the_trades_and_the_position_say(run: RandomRun) -> None:
    """Each kind's rows sum to its column of the trades, but for what is booked at an open position (M6)."""
    outcome = _outcome(run)
    kinds, amounts = outcome.ledger_column("kind"), outcome.ledger_column("amount_minor")
    left = 0
    for kind in (*LedgerKind,)[1:]:
        rows = int(amounts[kinds == kind].sum())
        left += rows - int(outcome.trade_column(f"{kind.name.lower()}_minor").sum())
    assert left == (outcome.open_position.booked_minor if outcome.open_position else 0)
    by_bar = np.zeros(outcome.n_bars_done + 1, dtype=np.int64)
    np.add.at(by_bar, np.minimum(outcome.ledger_column("bar"), outcome.n_bars_done), amounts)
    balance, flat = np.cumsum(by_bar)[:-1], outcome.held_steps == 0
    flat[: outcome.first_tradable_bar] = False
    np.testing.assert_array_equal(outcome.equity_minor[flat], balance[flat])


@LAW
@given(run=money_runs(("margin", "conversion"), base=lively_runs() | wider_runs()))
def test_stop_out_when_it_acts_then_its_level_is_the_first_that_breaks_the_margin(run: RandomRun) -> None:
    """At the level equity is at most the stated share of the margin used, one tick nearer it is not (A3).

    Of positions with one entry: the average reference of several is rounded in the tables.
    """
    terms = dict.fromkeys(_COSTS, 0)
    run = with_facts(_with_terms(run, **terms), spread_ticks=None, swap_days=None, funding_ppb=None)
    assume(run.candles.ask_open_ticks is None)
    outcome = _outcome(run)
    values = iter(outcome.events[outcome.events[:, 1] == EventCode.STOP_OUT, 2].tolist())
    names = (
        "side",
        "exit_bar",
        "quantity_steps",
        "entry_reference_ticks",
        "exit_level_ticks",
        "price_pnl_minor",
    )
    stopped = outcome.trade_column("exit_reason") == ExitReason.STOP_OUT
    stopped &= outcome.trade_column("exit_level_ticks") > 0
    for row in np.stack([outcome.trade_column(name) for name in names], axis=1)[stopped].tolist():
        side, bar, steps, reference, level, pnl = row
        balance, worth = next(values) - pnl, _worth(run, steps, bar)
        share = Fraction(run.terms.stop_out_ppb * run.terms.margin_rate_ppb, 10**18)
        for tick, broken in ((level, True), (level + side, False)):
            equity = balance + side * (tick - reference) * worth
            assert (equity <= share * tick * worth) is broken


_COSTS = (
    "commission_ppb",
    "commission_per_lot_minor",
    "commission_per_order_minor",
    "commission_min_minor",
    "commission_max_minor",
    "spread_ticks",
    "slippage_ticks",
    "slippage_ppb",
    "slippage_range_ppb",
    "conversion_fee_ppb",
)


def _worth(run: RandomRun, steps: int, bar: int) -> Fraction:
    """Return the minor units that a move of one tick is worth, exactly."""
    instrument, rates = run.candles.instrument, run.terms.facts.open_rates
    digits = run.terms.money_decimals - instrument.price_scale - instrument.quantity_scale
    rate = Fraction(1)
    if rates is not None:
        rate = Fraction(int(rates.numerator[bar]), int(rates.denominator[bar]))
    return steps * instrument.point_value * rate * Fraction(10) ** digits
