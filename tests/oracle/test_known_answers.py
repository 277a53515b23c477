"""Both engines give the answers that were worked out by hand (M7)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sptraderb.domain.outcome import Outcome
from sptraderb.engine.simulate import simulate
from sptraderb.oracle.replay import replay
from sptraderb.testing.known_answers import KnownAnswer, read_cases

CASES = [
    case for path in sorted((Path(__file__).parent / "cases").glob("*.yaml")) for case in read_cases(path)
]


def _simulated(case: KnownAnswer) -> Outcome:
    return simulate(case.plan, case.candles, case.signals, case.terms)


def _replayed(case: KnownAnswer) -> Outcome:
    return replay(case.plan, case.candles, case.signals, case.terms)


@pytest.mark.parametrize("engine", [_replayed, _simulated], ids=["oracle", "engine"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_run_when_worked_by_hand_then_answers_match(
    case: KnownAnswer, engine: Callable[[KnownAnswer], Outcome]
) -> None:
    """Everything a case writes down is what the run says, in either engine."""
    assert case.answers(engine(case)) == dict(case.expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_when_read_then_names_are_unique_and_ledger_sums(case: KnownAnswer) -> None:
    """The ledger of every case sums to its balance (M6), and a name stands for one case."""
    outcome = _replayed(case)
    assert outcome.ledger_column("amount_minor").sum() == outcome.balance_minor
    assert [other.name for other in CASES].count(case.name) == 1
