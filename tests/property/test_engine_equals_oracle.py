"""The engine and the oracle agree on every table and array, bit for bit, on generated runs (M7)."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.testing.engine_answers import replayed, require_equal, simulated
from sptraderb.testing.lively_runs import lively_runs
from sptraderb.testing.random_runs import RandomRun, random_runs

_SETTINGS = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@_SETTINGS
@given(random_runs())
def test_run_when_simulated_and_replayed_then_outcomes_are_equal(run: RandomRun) -> None:
    """Both engines give the same outcome, or refuse the run with the same code (M3, M7)."""
    require_equal(simulated(run), replayed(run))


@_SETTINGS
@given(lively_runs())
def test_run_when_it_trades_a_lot_then_outcomes_are_equal(run: RandomRun) -> None:
    """Reversals, stops, targets and time exits by the dozen are the same in both engines (M7)."""
    require_equal(simulated(run), replayed(run))


@settings(max_examples=50, deadline=None)
@given(lively_runs(max_bars=60))
def test_ledger_when_replayed_then_accounts_for_every_change(run: RandomRun) -> None:
    """Deposit and ledger sum to the balance, trades and booked costs to the same; troughs lie below (M6)."""
    outcome = replayed(run)
    if isinstance(outcome, str):
        return
    amounts = outcome.ledger_column("amount_minor")
    assert sum(amounts.tolist()) == outcome.balance_minor
    held = outcome.open_position
    booked = 0 if held is None else held.booked_minor
    net = sum(outcome.trade_column("net_pnl_minor").tolist())
    assert int(amounts[0]) + net + booked == outcome.balance_minor
    assert (outcome.trough_minor <= outcome.equity_minor).all()
    open_pnl = 0 if held is None else held.open_pnl_minor
    assert int(outcome.equity_minor[-1]) == outcome.balance_minor + open_pnl


@settings(max_examples=40, deadline=None)
@given(random_runs(max_bars=60), st.integers(0, 59))
def test_future_when_it_changes_then_the_past_stays(run: RandomRun, cut: int) -> None:
    """What the oracle noted up to a bar does not depend on later bars (T1)."""
    cut = min(cut, len(run.candles))
    whole = replayed(run)
    shorter = RandomRun(
        plan=run.plan, candles=run.candles.sliced(0, cut), signals=run.signals, terms=run.terms
    )
    head = replayed(shorter)
    if isinstance(whole, str) or isinstance(head, str) or cut == 0:
        return
    seen = cut - 1 if run.terms.close_at_end else cut
    assert np.array_equal(whole.equity_minor[:seen], head.equity_minor[:seen])
