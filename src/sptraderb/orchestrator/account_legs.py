"""From one request to what each of its symbols sees of it: the legs of an account (A1, A6, M1).

Pure. Used before a run is accepted, in the run, and when a run is verified, so all three mean the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sptraderb.domain.backtest import BacktestRequest, require_symbols
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.terms import account_decimals
from sptraderb.domain.timeframe import Timeframe
from sptraderb.errors import InvalidInput
from sptraderb.orchestrator.run_terms import leverage_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLegs:
    """The symbols of a request, each with its part of it.

    Parameters
    ----------
    requests : tuple of BacktestRequest
        One a symbol, in order: one symbol, its own costs, the account's currency.
    instruments : tuple of Instrument
        As the run sees them.
    currency : str
        Of the account.
    money_decimals : int
        Decimals of its money.
    """

    requests: tuple[BacktestRequest, ...]
    instruments: tuple[Instrument, ...]
    currency: str
    money_decimals: int


def account_legs(
    request: BacktestRequest, instruments: Sequence[Instrument], timeframe: Timeframe
) -> AccountLegs:
    """Return what each symbol of a request sees of it.

    Parameters
    ----------
    request : BacktestRequest
        With one symbol or several.
    instruments : sequence of Instrument
        As the run sees them, in the order of the symbols.
    timeframe : Timeframe
        Of the run's bars.

    Raises
    ------
    InvalidInput
        ``run.calendars_differ``, ``money.capital_too_large``, and those of `require_symbols`.
    """
    require_symbols(request.symbols)
    _require_one_calendar(instruments, timeframe)
    currency = request.account_currency or instruments[0].quote
    decimals = account_decimals(
        instruments,
        capital_text=request.initial_capital,
        leverage=max(leverage_of(one) for one in instruments),
        currency=currency,
    )
    return AccountLegs(
        requests=tuple(request.of_symbol(name, account_currency=currency) for name in request.symbols),
        instruments=tuple(instruments),
        currency=currency,
        money_decimals=decimals,
    )


def _require_one_calendar(instruments: Sequence[Instrument], timeframe: Timeframe) -> None:
    """Refuse days and weeks that close at different times: one would be known while the other opens."""
    calendars = {one.symbol: one.calendar_word for one in instruments}
    if timeframe.follows_sessions and len(set(calendars.values())) > 1:
        found = ", ".join(f"{symbol} by {word}" for symbol, word in calendars.items())
        raise InvalidInput(
            "run.calendars_differ",
            f"on {timeframe} the symbols of an account must share one calendar, were {found}",
            hint="take 12h or a shorter timeframe, whose bars open together everywhere",
        )
