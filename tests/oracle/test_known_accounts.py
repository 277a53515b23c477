"""Both engines give the answers that were worked out by hand for accounts of several symbols (M7, A1)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sptraderb.domain.portfolio import PortfolioOutcome
from sptraderb.engine.simulate_portfolio import simulate_portfolio
from sptraderb.oracle.replay import replay_portfolio
from sptraderb.testing.known_accounts import KnownAccount, read_accounts

_FOLDER = Path(__file__).parent / "account_cases"
CASES = [case for path in sorted(_FOLDER.glob("*.yaml")) for case in read_accounts(path)]


def _simulated(case: KnownAccount) -> PortfolioOutcome:
    return simulate_portfolio(case.legs, hedging=case.hedging)


def _replayed(case: KnownAccount) -> PortfolioOutcome:
    return replay_portfolio(case.legs, hedging=case.hedging)


@pytest.mark.parametrize("engine", [_replayed, _simulated], ids=["oracle", "engine"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_account_when_worked_by_hand_then_answers_match(
    case: KnownAccount, engine: Callable[[KnownAccount], PortfolioOutcome]
) -> None:
    """Everything a case writes down is what the account says, in either engine (A1)."""
    assert case.answers(engine(case)) == dict(case.expected)


def test_cases_when_read_then_names_are_unique() -> None:
    """A name stands for one case."""
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
