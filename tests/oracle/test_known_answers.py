"""Both engines give the answers that were worked out by hand (M7)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sptraderb.domain.outcome import Outcome
from sptraderb.engine.simulate import simulate
from sptraderb.errors import MoneyOverflow
from sptraderb.oracle.replay import replay
from sptraderb.testing.known_answers import KnownAnswer, case_from, read_cases

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


@pytest.mark.parametrize("engine", [_replayed, _simulated], ids=["oracle", "engine"])
def test_run_when_a_sum_leaves_64_bits_then_refused(engine: Callable[[KnownAnswer], Outcome]) -> None:
    """Equity of 2^63 minor units and more is the error `money.overflow`, never a wrap (M3)."""
    raw = {
        "name": "overflow",
        "rules": ["M3"],
        "source": "EXECUTION M3",
        "worked": "92233720368547758.00 + 3.00 at 2 decimals is 9223372036854776100 > 2^63 - 1",
        "bars": ["1.10000 1.10000 1.10000 1.10000", "1.10000 1.10300 1.10000 1.10300"],
        "long": [0],
        "terms": {"capital": "92233720368547758", "money_decimals": 2},
        "expect": {},
    }
    with pytest.raises(MoneyOverflow, match=r"money\.overflow"):
        engine(case_from(raw))


def test_cases_when_collected_then_every_rule_in_force_is_proved() -> None:
    """Each rule that the engines follow today has at least one case."""
    proved = {rule for case in CASES for rule in case.rules}
    assert set(_RULES) <= proved


_RULES = [
    "X1",
    "X2",
    "X3",
    "X4",
    "X5",
    "X6",
    "X7",
    "X8",
    "X9",
    "X10",
    "X11",
    "X12",
    "X13",
    "X14",
    "X15",
    "X16",
    "X17",
    "X18",
    "M1",
    "M3",
    "M4",
    "M5",
    "M6",
    "M9",
    "C1",
    "C2",
    "C3",
    "A2",
    "A3",
    "A4",
    "T1",
    "T2",
    "T4",
]
