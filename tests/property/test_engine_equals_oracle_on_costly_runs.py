"""The engine and the oracle agree on costs that vary, conversion and margin, bit for bit (M7)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.domain.digest import outcome_digest
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.engine.simulate import simulate
from sptraderb.errors import InvalidInput, MoneyOverflow
from sptraderb.oracle.replay import replay
from sptraderb.testing.costly_runs import COSTS, costly_runs
from sptraderb.testing.random_runs import RandomRun


def _simulated(run: RandomRun, chunk_bars: int) -> Outcome | str:
    try:
        return simulate(run.plan, run.candles, run.signals, run.terms, chunk_bars=chunk_bars)
    except (MoneyOverflow, InvalidInput) as error:
        return error.code


def _replayed(run: RandomRun) -> Outcome | str:
    try:
        return replay(run.plan, run.candles, run.signals, run.terms)
    except (MoneyOverflow, InvalidInput) as error:
        return error.code


@pytest.mark.parametrize("cost", COSTS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_run_when_costs_vary_then_outcomes_are_equal(cost: str, data: st.DataObject) -> None:
    """One cost for certain, others by chance, in chunks of any size: one outcome, or refused alike."""
    others = tuple(name for name in COSTS if name != cost)
    run = data.draw(costly_runs((cost, *others)))
    simulated, replayed = _simulated(run, data.draw(st.sampled_from((1, 7, 1000)))), _replayed(run)
    if isinstance(simulated, str) or isinstance(replayed, str):
        assert simulated == replayed
    else:
        assert outcome_differences(simulated, replayed) == ()
        assert outcome_digest(simulated) == outcome_digest(replayed)
