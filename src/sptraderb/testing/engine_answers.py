"""What each engine says of a generated run, and whether both say the same (M7).

Place: between the builders of runs and the property tests. An answer is an outcome, or the code with which
the run was refused.
"""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

from sptraderb.domain.digest import outcome_digest
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.domain.portfolio import PortfolioOutcome
from sptraderb.domain.portfolio_differences import portfolio_differences
from sptraderb.engine.simulate import simulate
from sptraderb.engine.simulate_portfolio import simulate_portfolio
from sptraderb.errors import InvalidInput, MoneyOverflow
from sptraderb.oracle.replay import replay, replay_portfolio
from sptraderb.testing.portfolio_runs import RandomPortfolio
from sptraderb.testing.random_runs import RandomRun

_Outcome = TypeVar("_Outcome")
CHUNKS = st.sampled_from((1, 7, 1000))
"""Sizes of the pieces that the engine walks: they leave no trace in an answer (M8)."""


def simulated(run: RandomRun, chunk_bars: int = 1000) -> Outcome | str:
    """Return the engine's answer."""
    return _answer(
        lambda: simulate(
            run.plan, run.candles, run.signals, run.terms, chunk_bars=chunk_bars, finer=run.finer
        )
    )


def replayed(run: RandomRun) -> Outcome | str:
    """Return the oracle's answer."""
    return _answer(lambda: replay(run.plan, run.candles, run.signals, run.terms, finer=run.finer))


def simulated_account(run: RandomPortfolio, chunk_instants: int = 1000) -> PortfolioOutcome | str:
    """Return the engine's answer for an account of several symbols."""
    return _answer(lambda: simulate_portfolio(run.legs, hedging=run.hedging, chunk_instants=chunk_instants))


def replayed_account(run: RandomPortfolio) -> PortfolioOutcome | str:
    """Return the oracle's answer for an account of several symbols."""
    return _answer(lambda: replay_portfolio(run.legs, hedging=run.hedging))


def require_equal(one: Outcome | str, other: Outcome | str) -> None:
    """Fail where two answers are not one outcome and digest, or one refusal.

    Raises
    ------
    AssertionError
        With every table, column or value that differs.
    """
    if isinstance(one, str) or isinstance(other, str):
        _require_one_refusal(one, other)
        return
    _require_none(outcome_differences(one, other))
    if outcome_digest(one) != outcome_digest(other):
        raise AssertionError("digests of equal outcomes must be equal, differ")


def require_equal_accounts(one: PortfolioOutcome | str, other: PortfolioOutcome | str) -> None:
    """Fail where two answers for an account are not one outcome, or one refusal.

    Raises
    ------
    AssertionError
        With every table, column or value that differs.
    """
    if isinstance(one, str) or isinstance(other, str):
        _require_one_refusal(one, other)
        return
    _require_none(portfolio_differences(one, other))


def _answer(engine: Callable[[], _Outcome]) -> _Outcome | str:
    try:
        return engine()
    except (MoneyOverflow, InvalidInput) as error:
        return error.code


def _require_one_refusal(one: object, other: object) -> None:
    if not (isinstance(one, str) and one == other):
        named = [answer if isinstance(answer, str) else "an outcome" for answer in (one, other)]
        raise AssertionError(f"both engines must refuse a run alike, found {named[0]} and {named[1]}")


def _require_none(differences: tuple[str, ...]) -> None:
    if differences:
        raise AssertionError("\n".join(differences))
