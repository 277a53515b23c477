"""The engine and the oracle agree on accounts of several symbols and on hedging (M7, A1, A3, A4)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.domain.profile import PROFILES
from sptraderb.testing.engine_answers import (
    CHUNKS,
    replayed,
    replayed_account,
    require_equal,
    require_equal_accounts,
    simulated,
    simulated_account,
)
from sptraderb.testing.portfolio_runs import FEATURES, RandomPortfolio, portfolio_runs
from sptraderb.testing.random_runs import RandomRun

_LAW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
_TABLES = ("trades", "ledger", "orders", "events", "equity_minor", "trough_minor")


@pytest.mark.parametrize("feature", FEATURES)
@_LAW
@given(st.data())
def test_account_when_generated_then_outcomes_are_equal(feature: str, data: st.DataObject) -> None:
    """One feature for certain, others by chance, in chunks of any size: one outcome, or refused alike."""
    run = data.draw(portfolio_runs((feature,)))
    require_equal_accounts(simulated_account(run, data.draw(CHUNKS)), replayed_account(run))


@pytest.mark.parametrize("profile", PROFILES)
@_LAW
@given(st.data())
def test_account_when_of_any_profile_then_outcomes_are_equal(profile: str, data: st.DataObject) -> None:
    """Both sides held on thin margin, in each profile, finer candles or not: one outcome (A1, A3)."""
    run = data.draw(portfolio_runs(("strained", "hedging"), profile=profile))
    require_equal_accounts(simulated_account(run, data.draw(CHUNKS)), replayed_account(run))


@_LAW
@given(portfolio_runs())
def test_account_when_of_one_symbol_netted_then_is_the_run_of_it(run: RandomPortfolio) -> None:
    """One symbol without hedging gives what a run of it gives, in the engine and in the oracle (A1).

    Where the profile has a margin call of its own, an account has rule A3's in its place.
    """
    leg = run.legs[0]
    profile = replace(leg.terms.profile, calls_margin=False)
    leg = replace(leg, terms=replace(leg.terms, profile=profile))
    account = replayed_account(RandomPortfolio(legs=(leg,), hedging=False))
    alone = RandomRun(
        plan=leg.plan, candles=leg.candles, signals=leg.signals, terms=leg.terms, finer=leg.finer
    )
    outcome = simulated(alone)
    require_equal(outcome, replayed(alone))
    if isinstance(account, str) or isinstance(outcome, str):
        assert account == outcome
        return
    for name in _TABLES:
        np.testing.assert_array_equal(getattr(account, name), getattr(outcome, name), err_msg=name)
