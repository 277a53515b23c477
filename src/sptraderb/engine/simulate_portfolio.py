"""Simulate several symbols in one account, or two sides of one, exactly (rules A1, A3, A4).

Steps: 1 the merged timeline (`domain.portfolio`), 2 the arrays of all legs (`engine/account_arrays`), 3
the walk in chunks of instants, tables emptied as they fill, 4 the end of the data, 5 the outcome.
"""

from collections.abc import Callable, Sequence

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import LedgerKind, OpenPosition
from sptraderb.domain.portfolio import (
    ACCOUNT_LEG,
    Leg,
    LegCurves,
    PortfolioOutcome,
    account_days,
    account_legs,
    merged_times,
)
from sptraderb.engine.account_arrays import AccountArrays, account_arrays
from sptraderb.engine.bar_costs import require_positive_prices
from sptraderb.engine.book import account_book, filled_tables, rows_an_instant
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account_bars import (
    BALANCE_CURVE,
    EQUITY_CURVE,
    TROUGH_CURVE,
    end_account_nb,
    walk_instants_nb,
)
from sptraderb.engine.simulate import CHUNK_BARS, open_position, require_fit

_FIRST_ROWS = 1024
_MOST_ROWS = 65_536


def _never() -> bool:
    return False


def _ignore(done: int, total: int) -> None:
    del done, total


def simulate_portfolio(
    legs: Sequence[Leg],
    *,
    hedging: bool = False,
    should_stop: Callable[[], bool] = _never,
    on_progress: Callable[[int, int], None] = _ignore,
    chunk_instants: int = CHUNK_BARS,
) -> PortfolioOutcome:
    """Walk an account of several symbols over their merged timeline by the execution rules, exactly.

    Parameters
    ----------
    legs : sequence of Leg
        The symbols, in the order in which they act within an instant.
    hedging : bool
        Whether an entry of the other side opens a position beside the one held, in place of reversing it.
    should_stop : callable
        Asked between chunks; true ends the walk with a partial outcome.
    on_progress : callable
        Called after each chunk with instants done and instants in all.
    chunk_instants : int
        Instants in a chunk; the outcome does not depend on it.

    Returns
    -------
    PortfolioOutcome
        With one leg and netting the same trades, rows and curves as `simulate` decides.

    Raises
    ------
    MoneyOverflow
        ``money.overflow`` if a price, quantity or sum leaves 64 bits (M3).
    InvalidInput
        ``costs.exceed_price``; ``portfolio.no_legs``, ``portfolio.terms_differ``,
        ``portfolio.bars_overlap``.

    Notes
    -----
    Pure, like `simulate`. Memory: a copy of the legs' prices and signals side by side where there are
    several, three numbers an instant and one a bar.
    """
    times = merged_times(legs)
    for leg in legs:
        require_positive_prices(leg.candles, leg.terms)
    walk = AccountWalk(account_legs(legs), times, hedging=hedging)
    done, total = 0, len(times)
    while done < total and not should_stop():
        done = min(done + chunk_instants, total)
        walk.run(done)
        on_progress(done, total)
    if done == total:
        walk.end_of_data()
    return walk.outcome(done)


class AccountWalk:
    """One walk over an account: its arrays, its books, and the rows collected so far.

    Parameters
    ----------
    legs, hedging
        As `simulate_portfolio` takes them.
    times : ndarray of shape (n_instants,), dtype=int64
        The merged timeline.
    """

    def __init__(self, legs: Sequence[Leg], times: Int64Array, *, hedging: bool) -> None:
        self.legs, self.times, self.hedging = legs, times, hedging
        self.terms = legs[0].terms
        self.arrays: AccountArrays = account_arrays(legs, hedging=hedging)
        n_bars, self.reserve = int(self.arrays.first[-1]), rows_an_instant(self.arrays.books)
        self.begins = np.zeros(len(times), dtype=np.uint8)
        if self.terms.risk.daily_loss_limit_ppb and len(times):
            days = account_days(legs, times)
            self.begins |= (np.diff(days, prepend=days[0] - 1) != 0).view(np.uint8)
        self.held = np.empty((2 if hedging else 1, n_bars), dtype=np.int64)
        self.curves = np.empty((3, len(times)), dtype=np.int64)
        self.rows = max(_FIRST_ROWS, 2 * self.reserve)
        self.account = account_book(self.terms, rows=self.rows, rows_an_instant=self.reserve)
        self.owners = np.empty((4, c.LEDGER_TIMES * self.rows), dtype=np.int64)
        starts = [self._instant(leg, leg.terms.start_bar) for leg in legs]
        self.account[c.START_BAR] = min(starts)
        self.first_bars = [
            min(leg.terms.start_bar + (0 if leg.terms.profile.fills_at_close else 1), len(leg.candles))
            for leg in legs
        ]
        self.first_instant = min(
            self._instant(leg, first) for leg, first in zip(legs, self.first_bars, strict=True)
        )
        deposit = (self.first_instant, int(LedgerKind.DEPOSIT), self.terms.capital_minor, -1)
        self.parts: tuple[list[Int64Array], ...] = ([], [np.array([deposit], dtype=np.int64)], [], [])
        self.part_legs: tuple[list[Int64Array], ...] = (
            [],
            [np.array([ACCOUNT_LEG], dtype=np.int64)],
            [],
            [],
        )

    def _instant(self, leg: Leg, bar: int) -> int:
        """Return the instant of a leg's bar; the number of instants where it has no such bar."""
        if bar >= len(leg.candles):
            return len(self.times)
        return int(np.searchsorted(self.times, leg.candles.time_s[bar]))

    def run(self, stop: int) -> None:
        """Walk up to an instant, emptying full tables on the way.

        Raises
        ------
        MoneyOverflow
            ``money.overflow``.
        """
        code, arrays = c.TABLE_FULL, self.arrays
        while code == c.TABLE_FULL:
            code = walk_instants_nb(
                stop,
                self.times,
                self.begins,
                arrays.times,
                *arrays.prices,
                *arrays.ask_prices,
                arrays.flags,
                arrays.conditions,
                arrays.levels,
                arrays.facts,
                *arrays.finer,
                arrays.programs,
                arrays.numbers,
                arrays.inputs,
                arrays.scratch,
                self.held,
                self.curves,
                self.owners,
                arrays.books,
                self.account,
            )
            require_fit(code)
            if code == c.TABLE_FULL:
                self._empty_tables()

    def end_of_data(self) -> None:
        """Drop what is pending and close what is held, if the terms say so."""
        self._empty_tables()
        last = np.zeros((len(self.arrays.books), 3), dtype=np.int64)
        for row, book in zip(last, self.arrays.books, strict=True):
            first, end = int(book[c.FIRST_BAR]), int(book[c.END_BAR])
            _, highs, lows, closes = self.arrays.prices
            if end > first:
                row[0] = closes[end - 1]
                row[1] = self.arrays.ask_prices[3][end - 1] - closes[end - 1]
            if end - first > 1:
                row[2] = highs[end - 2] - lows[end - 2]
        code = end_account_nb(
            last,
            self.terms.close_at_end,
            self.held,
            self.curves,
            self.owners,
            self.arrays.books,
            self.account,
        )
        require_fit(code)

    def _empty_tables(self) -> None:
        tables = filled_tables(self.account)
        for part, legs, table, owners in zip(self.parts, self.part_legs, tables, self.owners, strict=True):
            part.append(table)
            legs.append(owners[: len(table)].copy())
        self.rows = max(self.rows, min(self.rows * 2, _MOST_ROWS))
        old = self.account
        self.account = account_book(self.terms, rows=self.rows, rows_an_instant=self.reserve)
        self.account[: c.FIRST_RULE] = old[: c.FIRST_RULE]
        self.account[[c.N_TRADES, c.N_LEDGER, c.N_ORDERS, c.N_EVENTS]] = 0
        self.account[c.TABLE_ROWS] = self.rows
        self.owners = np.empty((4, c.LEDGER_TIMES * self.rows), dtype=np.int64)

    def outcome(self, done: int) -> PortfolioOutcome:
        """Return everything decided in the first ``done`` instants."""
        tables = [
            np.concatenate([*part, table])
            for part, table in zip(self.parts, filled_tables(self.account), strict=True)
        ]
        owners = [
            np.concatenate([*legs, owner[: len(table)]])
            for legs, owner, table in zip(
                self.part_legs, self.owners, filled_tables(self.account), strict=True
            )
        ]
        books = self.arrays.books
        return PortfolioOutcome(
            money_decimals=self.terms.money_decimals,
            first_tradable_instant=self.first_instant,
            n_instants_done=done,
            time_s=self.times[:done],
            trades=tables[0],
            trade_legs=owners[0],
            ledger=tables[1],
            ledger_legs=owners[1],
            orders=tables[2],
            order_legs=owners[2],
            events=tables[3],
            event_legs=owners[3],
            equity_minor=self.curves[EQUITY_CURVE, :done],
            balance_minor=self.curves[BALANCE_CURVE, :done],
            trough_minor=self.curves[TROUGH_CURVE, :done],
            legs=tuple(self._leg_curves(number) for number in range(len(self.legs))),
            open_positions=tuple(_open_positions(books)),
            end_balance_minor=int(self.account[c.BALANCE]),
            n_uncertain_bars=int(books[:, c.N_UNCERTAIN].sum()),
            n_walked_bars=int(books[:, c.N_WALKED].sum()),
        )

    def _leg_curves(self, number: int) -> LegCurves:
        book = self.arrays.books[number * (2 if self.hedging else 1)]
        first, end = int(book[c.FIRST_BAR]), int(book[c.NEXT_BAR])
        held = self.held[:, first:end]
        return LegCurves(
            first_tradable_bar=self.first_bars[number],
            n_bars_done=end - first,
            long_steps=np.maximum(held[0], 0),
            short_steps=np.maximum(-held[-1], 0),
            exposed=(self.arrays.flags[first:end] & c.EXPOSED) != 0,
        )


def _open_positions(books: Int64Array) -> list[tuple[int, OpenPosition]]:
    """Return what each book holds, with its leg; bars count from the leg's first."""
    found = []
    for book in books:
        position = open_position(book, open_pnl_minor=int(book[c.OPEN_PNL]), first_bar=int(book[c.FIRST_BAR]))
        if position is not None:
            found.append((int(book[c.LEG]), position))
    return found
