"""Laws of accounts of several symbols, and of both sides of one, on drawn accounts: one law a test (A1)."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sptraderb.domain.outcome import EVENT_COLUMNS, LEDGER_COLUMNS, LedgerKind
from sptraderb.domain.portfolio import ACCOUNT_LEG, PortfolioOutcome
from sptraderb.domain.terms import Terms
from sptraderb.testing.engine_answers import require_equal_accounts, simulated_account
from sptraderb.testing.money_runs import steady_runs
from sptraderb.testing.portfolio_runs import RandomPortfolio, portfolio_runs, without_competition

_LAW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
_AMOUNT, _POSITION = LEDGER_COLUMNS.index("amount_minor"), LEDGER_COLUMNS.index("position")
_KIND = LEDGER_COLUMNS.index("kind")
_COSTS: dict[str, Callable[[Terms, int], Terms]] = {
    "commission": lambda terms, step: replace(terms, commission_ppb=step * 33_333),
    "commission per order": lambda terms, step: replace(terms, commission_per_order_minor=step * 77_777),
    "spread": lambda terms, step: replace(terms, spread_ticks=step),
    "slippage": lambda terms, step: replace(terms, slippage_ticks=step),
}


def _outcome(run: RandomPortfolio, chunk_instants: int = 1000) -> PortfolioOutcome:
    answer = simulated_account(run, chunk_instants)
    assume(not isinstance(answer, str))
    assert not isinstance(answer, str)
    return answer


def _rows_of(outcome: PortfolioOutcome, leg: int) -> list[npt.NDArray[np.int64]]:
    """Return what belongs to a leg: its tables, positions told apart but not numbered."""
    ledger = outcome.ledger[outcome.ledger_legs == leg]
    _, ledger[:, _POSITION] = np.unique(ledger[:, _POSITION], return_inverse=True)
    return [
        outcome.trades[outcome.trade_legs == leg],
        ledger,
        outcome.orders[outcome.order_legs == leg],
        outcome.events[outcome.event_legs == leg][:, : EVENT_COLUMNS.index("value")],
    ]


@_LAW
@given(run=portfolio_runs(), chunk_instants=st.integers(1, 60))
def test_account_when_split_anywhere_then_nothing_changes(run: RandomPortfolio, chunk_instants: int) -> None:
    """Where an account is cut into chunks leaves no trace, whatever it holds at the cut (M8)."""
    require_equal_accounts(simulated_account(run), simulated_account(run, chunk_instants))


@_LAW
@given(portfolio_runs())
def test_ledger_of_an_account_when_summed_then_explains_cash_trades_and_equity(run: RandomPortfolio) -> None:
    """All rows sum to the cash; those of a leg are its trades and what its positions booked (M6, A1)."""
    outcome = _outcome(run)
    assert sum(outcome.ledger[:, _AMOUNT].tolist()) == outcome.end_balance_minor
    held = sum(position.open_pnl_minor for _, position in outcome.open_positions)
    assert int(outcome.equity_minor[-1]) == outcome.end_balance_minor + held
    assert (outcome.trough_minor <= outcome.equity_minor).all()
    deposits = outcome.ledger[outcome.ledger_legs == ACCOUNT_LEG]
    assert deposits[:, _KIND].tolist() == [LedgerKind.DEPOSIT]
    for leg in range(len(run.legs)):
        booked = sum(position.booked_minor for owner, position in outcome.open_positions if owner == leg)
        net = sum(outcome.trade_column("net_pnl_minor")[outcome.trade_legs == leg].tolist())
        assert sum(outcome.ledger[outcome.ledger_legs == leg, _AMOUNT].tolist()) == net + booked


@_LAW
@given(data=st.data())
def test_symbols_when_they_never_compete_then_their_order_is_nothing_to_the_account(
    data: st.DataObject,
) -> None:
    """Any order in the request gives each symbol its rows and the account its curves (A1)."""
    run = without_competition(data.draw(portfolio_runs()))
    order = data.draw(st.permutations(range(len(run.legs))))
    # The session day of an account is that of its first symbol: without daily limits nobody asks for it.
    first, second = _outcome(run), _outcome(replace(run, legs=tuple(run.legs[leg] for leg in order)))
    assume(not (first.event_legs == ACCOUNT_LEG).any())
    for name in ("equity_minor", "balance_minor", "trough_minor", "time_s"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for place, leg in enumerate(order):
        for one, other in zip(_rows_of(first, leg), _rows_of(second, place), strict=True):
            np.testing.assert_array_equal(one, other)


@_LAW
@given(portfolio_runs())
def test_symbols_when_they_never_compete_then_the_account_is_the_sum_of_them(run: RandomPortfolio) -> None:
    """Each symbol does in the account what it does alone, and their gains add up exactly (A1, M6)."""
    run = without_competition(run)
    together = _outcome(run)
    assume(not (together.event_legs == ACCOUNT_LEG).any())
    gains = 0
    for leg, one in enumerate(run.legs):
        alone = _outcome(RandomPortfolio(legs=(one,), hedging=run.hedging))
        for mine, its in zip(_rows_of(together, leg), _rows_of(alone, 0), strict=True):
            np.testing.assert_array_equal(mine, its)
        gains += int(alone.equity_minor[-1]) - one.terms.capital_minor
    assert int(together.equity_minor[-1]) == run.legs[0].terms.capital_minor + gains


@pytest.mark.parametrize("cost", _COSTS)
@_LAW
@given(run=portfolio_runs(runs_of=steady_runs()), less=st.integers(0, 5), more=st.integers(1, 5))
def test_cost_of_one_symbol_when_it_grows_then_no_equity_of_the_account_gains(
    cost: str, run: RandomPortfolio, less: int, more: int
) -> None:
    """On the same fills more of a cost of the last symbol leaves no equity of the account higher (C1, A1)."""
    outcomes = []
    rich = without_competition(run)
    for step in (less, less + more):
        *others, last = rich.legs
        dear = replace(last, terms=_COSTS[cost](last.terms, step))
        outcomes.append(_outcome(replace(rich, legs=(*others, dear))))
    cheap, dearer = outcomes
    assert len(cheap.trades) == len(dearer.trades)
    assert (dearer.equity_minor <= cheap.equity_minor).all()
    assert (dearer.trough_minor <= cheap.trough_minor).all()
