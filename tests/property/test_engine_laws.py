"""Laws of the engine on random runs: one law a test."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.domain.outcome import Outcome
from sptraderb.domain.plan import Signals
from sptraderb.engine.simulate import simulate
from sptraderb.errors import MoneyOverflow
from sptraderb.testing.random_runs import RandomRun, random_runs

LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TABLES = ("trades", "ledger", "orders", "events")
CURVES = ("equity_minor", "trough_minor", "held_steps", "exposed")


def outcome_of(run: RandomRun, chunk_bars: int = 262_144) -> Outcome | None:
    """Return a run's outcome, or None where a number left 64 bits (M3)."""
    try:
        return simulate(run.plan, run.candles, run.signals, run.terms, chunk_bars=chunk_bars)
    except MoneyOverflow:
        return None


def assert_same(one: Outcome | None, other: Outcome | None) -> None:
    """Compare two outcomes, every table and curve."""
    assert (one is None) == (other is None)
    if one is None or other is None:
        return
    for name in (*TABLES, *CURVES):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert one.open_position == other.open_position
    assert one.balance_minor == other.balance_minor


@LAW
@given(random_runs(), st.integers(1, 40))
def test_run_when_split_anywhere_then_nothing_changes(run: RandomRun, chunk_bars: int) -> None:
    """Walking in chunks of any size gives the same outcome."""
    assert_same(outcome_of(run), outcome_of(run, chunk_bars))


@LAW
@given(random_runs())
def test_ledger_when_summed_then_is_the_balance_and_explains_the_equity(run: RandomRun) -> None:
    """The ledger's sum is the balance, balance + open P&L the equity, at every bar (M6)."""
    outcome = outcome_of(run)
    if outcome is None:
        return
    assert outcome.ledger_column("amount_minor").sum() == outcome.balance_minor
    held = outcome.open_position
    last = outcome.balance_minor + (held.open_pnl_minor if held else 0)
    assert outcome.equity_minor[-1] == last
    by_bar = np.zeros(outcome.n_bars_done + 1, dtype=np.int64)
    bars = np.minimum(outcome.ledger_column("bar"), outcome.n_bars_done)
    np.add.at(by_bar, bars, outcome.ledger_column("amount_minor"))
    cash = np.cumsum(by_bar)[:-1]
    flat = (outcome.held_steps == 0) & (np.arange(outcome.n_bars_done) >= outcome.first_tradable_bar)
    np.testing.assert_array_equal(outcome.equity_minor[flat], cash[flat])
    assert (outcome.trough_minor <= outcome.equity_minor).all()


@LAW
@given(random_runs())
def test_trades_when_added_up_then_are_the_ledger_of_closed_positions(run: RandomRun) -> None:
    """A trade's net is the sum of its parts, and all parts together are the ledger's rows (M6)."""
    outcome = outcome_of(run)
    if outcome is None:
        return
    money = [outcome.trade_column(name) for name in MONEY]
    np.testing.assert_array_equal(sum(money[1:], money[0]), outcome.trade_column("net_pnl_minor"))
    booked = outcome.open_position.booked_minor if outcome.open_position else 0
    net = int(outcome.trade_column("net_pnl_minor").sum())
    assert run.terms.capital_minor + net + booked == outcome.balance_minor


MONEY = (
    "price_pnl_minor",
    "spread_minor",
    "slippage_minor",
    "commission_minor",
    "swap_minor",
    "funding_minor",
    "conversion_minor",
)


@LAW
@given(random_runs(), st.data())
def test_past_when_the_future_changes_then_stays(run: RandomRun, data: st.DataObject) -> None:
    """What happened up to a bar does not depend on later bars, conditions or levels (T1)."""
    cut = data.draw(st.integers(1, len(run.candles)))
    whole = outcome_of(run)
    past = replace(run, candles=run.candles.sliced(0, cut), signals=sliced(run.signals, cut))
    part = outcome_of(past)
    if whole is None or part is None:
        return
    end = cut - 1 if run.terms.close_at_end else cut
    for name in CURVES:
        np.testing.assert_array_equal(getattr(whole, name)[:end], getattr(part, name)[:end])
    for name, column in (("trades", 3), ("orders", 1), ("events", 0)):
        one, two = getattr(whole, name), getattr(part, name)
        np.testing.assert_array_equal(one[one[:, column] < end], two[two[:, column] < end])


def sliced(signals: Signals, stop: int) -> Signals:
    """Return the signals of the first bars only."""
    return Signals(
        conditions={node: values[:stop] for node, values in signals.conditions.items()},
        levels={node: values[:stop] for node, values in signals.levels.items()},
        entry_allowed=signals.entry_allowed[:stop],
        ready_bar=signals.ready_bar,
    )


@LAW
@given(random_runs())
def test_run_when_stopped_then_is_a_prefix(run: RandomRun) -> None:
    """A cancelled run holds exactly what the whole run holds of the bars it walked."""
    whole = outcome_of(run)
    asked = iter([False, False, True])
    try:
        part = simulate(
            run.plan, run.candles, run.signals, run.terms, should_stop=lambda: next(asked, True), chunk_bars=7
        )
    except MoneyOverflow:
        return
    if whole is None:
        return
    done = part.n_bars_done
    assert done == min(14, len(run.candles))
    if done == len(run.candles):
        return
    for name in CURVES:
        np.testing.assert_array_equal(getattr(whole, name)[:done], getattr(part, name))
    for name in TABLES:
        np.testing.assert_array_equal(getattr(whole, name)[: len(getattr(part, name))], getattr(part, name))


@LAW
@given(random_runs())
def test_run_when_repeated_then_is_the_same(run: RandomRun) -> None:
    """The same plan, candles, signals and terms give the same outcome (M8)."""
    assert_same(outcome_of(run), outcome_of(run))


@pytest.mark.parametrize("rows", [12, 16])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(run=random_runs())
def test_tables_when_small_then_no_row_is_lost(rows: int, run: RandomRun) -> None:
    """Tables that fill up again and again lose nothing."""
    expected = outcome_of(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sptraderb.engine.simulate._FIRST_ROWS", rows)
        patch.setattr("sptraderb.engine.simulate._MOST_ROWS", rows)
        assert_same(expected, outcome_of(run))
