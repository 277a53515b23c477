"""The engine and the oracle agree on resting entries, partial exits and scale-in, bit for bit (M7)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.domain.profile import CLOSE, TRADINGVIEW, Profile
from sptraderb.testing.combined_runs import cut_short
from sptraderb.testing.engine_answers import CHUNKS, replayed, require_equal, simulated
from sptraderb.testing.random_runs import RandomRun
from sptraderb.testing.resting_runs import ORDER_FEATURES, resting_runs


@pytest.mark.parametrize("feature", ORDER_FEATURES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_run_when_orders_rest_or_scale_then_outcomes_are_equal(feature: str, data: st.DataObject) -> None:
    """One feature for certain, others by chance, in chunks of any size: one outcome, or refused alike."""
    others = tuple(name for name in ORDER_FEATURES if name != feature)
    run = data.draw(resting_runs((feature, *others)))
    require_equal(simulated(run, data.draw(CHUNKS)), replayed(run))


@pytest.mark.parametrize("profile", [TRADINGVIEW, CLOSE], ids=lambda profile: profile.name)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_run_when_of_another_profile_then_outcomes_are_equal(profile: Profile, data: st.DataObject) -> None:
    """Bars walked leg by leg, sizes fixed when placed and fills at the close are the same in both engines."""
    run = data.draw(resting_runs(tuple(data.draw(st.permutations(ORDER_FEATURES)))))
    run = replace(run, terms=replace(run.terms, profile=profile))
    require_equal(simulated(run, data.draw(CHUNKS)), replayed(run))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(resting_runs())
def test_ledger_when_orders_rest_or_scale_then_explains_balance_and_equity(run: RandomRun) -> None:
    """Deposit and ledger sum to the balance, trades and booked costs to the same, at the end too (M6)."""
    outcome = simulated(run)
    if isinstance(outcome, str):
        return
    amounts = outcome.ledger_column("amount_minor")
    assert sum(amounts.tolist()) == outcome.balance_minor
    held = outcome.open_position
    net = sum(outcome.trade_column("net_pnl_minor").tolist())
    assert int(amounts[0]) + net + (held.booked_minor if held else 0) == outcome.balance_minor
    assert int(outcome.equity_minor[-1]) == outcome.balance_minor + (held.open_pnl_minor if held else 0)
    assert (outcome.trough_minor <= outcome.equity_minor).all()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(resting_runs(), st.integers(1, 119))
def test_future_when_it_changes_then_the_past_of_a_resting_run_stays(run: RandomRun, cut: int) -> None:
    """No order, part or addition depends on later bars: a run cut short repeats the curves (T1)."""
    cut = min(cut, len(run.candles))
    whole, shorter = simulated(run), simulated(cut_short(run, cut))
    if isinstance(whole, str) or isinstance(shorter, str):
        return
    seen = cut - 1 if run.terms.close_at_end else cut
    assert np.array_equal(whole.equity_minor[:seen], shorter.equity_minor[:seen])
    assert np.array_equal(whole.held_steps[:seen], shorter.held_steps[:seen])
