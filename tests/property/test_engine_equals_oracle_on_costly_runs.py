"""The engine and the oracle agree on costs that vary, conversion and margin, bit for bit (M7)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.testing.costly_runs import COSTS, costly_runs
from sptraderb.testing.engine_answers import CHUNKS, replayed, require_equal, simulated


@pytest.mark.parametrize("cost", COSTS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_run_when_costs_vary_then_outcomes_are_equal(cost: str, data: st.DataObject) -> None:
    """One cost for certain, others by chance, in chunks of any size: one outcome, or refused alike."""
    others = tuple(name for name in COSTS if name != cost)
    run = data.draw(costly_runs((cost, *others)))
    require_equal(simulated(run, data.draw(CHUNKS)), replayed(run))
