"""The engine and the oracle agree on both sides, fees, moving stops and durations, bit for bit (M7)."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.testing.combined_runs import cut_short
from sptraderb.testing.engine_answers import CHUNKS, replayed, require_equal, simulated
from sptraderb.testing.random_runs import RandomRun
from sptraderb.testing.wider_runs import FEATURES, wider_runs


@pytest.mark.parametrize("feature", FEATURES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_run_when_widened_then_outcomes_are_equal(feature: str, data: st.DataObject) -> None:
    """One feature for certain, others by chance, in chunks of any size: one outcome, or refused alike."""
    others = tuple(name for name in FEATURES if name != feature)
    run = data.draw(wider_runs((feature, *others)))
    require_equal(simulated(run, data.draw(CHUNKS)), replayed(run))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(wider_runs(), st.integers(1, 119))
def test_future_when_it_changes_then_the_past_of_a_wider_run_stays(run: RandomRun, cut: int) -> None:
    """No mark, stop or fee depends on later bars: a run cut short repeats the curves of the whole (T1)."""
    cut = min(cut, len(run.candles))
    whole, shorter = simulated(run), simulated(cut_short(run, cut))
    if isinstance(whole, str) or isinstance(shorter, str):
        return
    seen = cut - 1 if run.terms.close_at_end else cut
    assert np.array_equal(whole.equity_minor[:seen], shorter.equity_minor[:seen])
    assert np.array_equal(whole.held_steps[:seen], shorter.held_steps[:seen])
