"""The engine and the oracle agree on both sides, fees, moving stops and durations, bit for bit (M7)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.domain.digest import outcome_digest
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.engine.simulate import simulate
from sptraderb.errors import InvalidInput, MoneyOverflow
from sptraderb.oracle.replay import replay
from sptraderb.testing.random_runs import RandomRun
from sptraderb.testing.wider_runs import FEATURES, wider_runs


def _simulated(run: RandomRun) -> Outcome | str:
    try:
        return simulate(run.plan, run.candles, run.signals, run.terms)
    except (MoneyOverflow, InvalidInput) as error:
        return error.code


def _replayed(run: RandomRun) -> Outcome | str:
    try:
        return replay(run.plan, run.candles, run.signals, run.terms)
    except (MoneyOverflow, InvalidInput) as error:
        return error.code


@pytest.mark.parametrize("feature", FEATURES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_run_when_widened_then_outcomes_are_equal(feature: str, data: st.DataObject) -> None:
    """One feature for certain, others by chance: both engines give one outcome or refuse alike."""
    others = tuple(name for name in FEATURES if name != feature)
    run = data.draw(wider_runs((feature, *others)))
    simulated, replayed = _simulated(run), _replayed(run)
    if isinstance(simulated, str) or isinstance(replayed, str):
        assert simulated == replayed
    else:
        assert outcome_differences(simulated, replayed) == ()
        assert outcome_digest(simulated) == outcome_digest(replayed)
