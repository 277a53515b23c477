"""The engine and the oracle agree on hourly spreads, swap, funding, conversion and margin (M7, C2-C5, A3)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.domain.bar_facts import BarFacts, BarRates
from sptraderb.domain.fixed import INT64_MAX
from sptraderb.testing.engine_answers import CHUNKS, replayed, require_equal, simulated
from sptraderb.testing.known_answers import case_from
from sptraderb.testing.money_runs import FEATURES, money_runs
from sptraderb.testing.random_runs import RandomRun


@pytest.mark.parametrize("feature", FEATURES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_run_when_its_money_is_not_simple_then_outcomes_are_equal(feature: str, data: st.DataObject) -> None:
    """One feature for certain, others by chance, in chunks of any size: one outcome, or refused alike."""
    others = tuple(name for name in FEATURES if name != feature)
    run = data.draw(money_runs((feature, *others)))
    require_equal(simulated(run, data.draw(CHUNKS)), replayed(run))


@pytest.mark.parametrize(("numerator", "refused"), [(INT64_MAX // 10, False), (INT64_MAX // 10 + 1, True)])
def test_rate_when_the_worth_of_a_tick_leaves_64_bits_then_both_engines_refuse(
    numerator: int, refused: bool
) -> None:
    """Money of one decimal more than tick x step: ten times the numerator must fit 64 bits (C5, M3)."""
    case = case_from(
        {
            "name": "edge",
            "rules": ["C5", "M3"],
            "source": "EXECUTION M3",
            "worked": "10 x (2^63 // 10) = 9223372036854775800 fits, ten more does not",
            "bars": ["1.10000 1.10000 1.10000 1.10000", "1.10000 1.10000 1.10000 1.10000"],
            "terms": {"money_decimals": 6},
            "expect": {},
        }
    )
    rates = BarRates(numerator=np.array([1, numerator]), denominator=np.array([1, 1_000_000_007]))
    facts = BarFacts(open_rates=rates, close_rates=rates)
    run = RandomRun(
        plan=case.plan,
        candles=case.candles,
        signals=case.signals,
        terms=replace(case.terms, facts=facts),
    )
    for answer in (simulated(run), replayed(run)):
        assert (answer == "money.overflow") is refused
