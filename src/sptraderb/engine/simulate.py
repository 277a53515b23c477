"""Simulate a plan on candles: arrays for the kernel, the walk in chunks, the outcome.

Steps: 1 the arrays (`engine/book`), 2 `Walk.run` chunk by chunk, with progress and cancel between
chunks and tables emptied as they fill, 3 `Walk.end_of_data`, 4 `Walk.outcome`.
"""

from collections.abc import Callable

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.outcome import LedgerKind, OpenPosition, Outcome
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.terms import Terms
from sptraderb.engine.bar_costs import bar_facts, due_bars, require_positive_prices
from sptraderb.engine.book import (
    bar_flags,
    condition_rows,
    condition_table,
    empty_tables,
    filled_tables,
    grown_book,
    level_rows,
    new_book,
    read_only,
    stacked,
)
from sptraderb.engine.finer_candles import finer_tables
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.bars import end_of_data_nb, walk_bars_nb
from sptraderb.engine.position_tables import TIE, position_tables
from sptraderb.engine.row_table import RowTable
from sptraderb.errors import MoneyOverflow

CHUNK_BARS = 131_072
"""Bars walked between two looks at cancel and progress: a few milliseconds."""
_FourPrices = tuple[Int64Array, Int64Array, Int64Array, Int64Array]
_FIRST_ROWS = 1024
_MOST_ROWS = 8192
_LEDGER = 1


def _never() -> bool:
    return False


def _ignore(done: int, total: int) -> None:
    del done, total


def simulate(  # noqa: PLR0913  # what a run is made of, and two callables
    plan: Plan,
    candles: Candles,
    signals: Signals,
    terms: Terms,
    *,
    should_stop: Callable[[], bool] = _never,
    on_progress: Callable[[int, int], None] = _ignore,
    chunk_bars: int = CHUNK_BARS,
    finer: Candles | None = None,
) -> Outcome:
    """Walk a plan over candles by the execution rules, exactly.

    Parameters
    ----------
    plan : Plan
        Rules; only its entries are read.
    candles : Candles
        Bars of one side, or of both.
    signals : Signals
        The plan's conditions and levels on these candles.
    terms : Terms
        Capital, costs, limits.
    should_stop : callable
        Asked between chunks; true ends the walk with a partial outcome.
    on_progress : callable
        Called after each chunk with bars done and bars in all.
    chunk_bars : int
        Bars in a chunk; the outcome does not depend on it.
    finer : Candles, optional
        Shorter bars of the same instrument and side: they tell the course of those bars they add up to,
        where it matters (X6). Of profiles whose bars have a path of their own only one that says so reads
        them.

    Returns
    -------
    Outcome
        Trades, ledger, orders, events and curves; ``n_bars_done`` tells a partial one.

    Raises
    ------
    MoneyOverflow
        ``money.overflow`` if a price, quantity or sum leaves 64 bits (M3).
    InvalidInput
        ``costs.exceed_price`` if spread and slippage could bring
        a fill to zero or below.

    Notes
    -----
    Pure: no clock, no I/O, no randomness. About 5 ns a bar and 0.1 us a trade.
    """
    require_positive_prices(candles, terms)
    walk = Walk(plan, candles, signals, terms, finer)
    total = len(candles)
    done = 0
    while done < total and not should_stop():
        done = min(done + chunk_bars, total)
        walk.run(done)
        on_progress(done, total)
    if done == total:
        walk.end_of_data()
    return walk.outcome(done)


class Walk:
    """One walk over candles: its arrays, its book, and the rows collected so far.

    Parameters
    ----------
    plan, candles, signals, terms, finer
        As `simulate` takes them.
    """

    def __init__(
        self, plan: Plan, candles: Candles, signals: Signals, terms: Terms, finer: Candles | None
    ) -> None:
        self.terms = terms
        self.n_bars = len(candles)
        self.first_bar = min(terms.start_bar + (0 if terms.profile.fills_at_close else 1), self.n_bars)
        self.times = read_only(candles.time_s)
        self.prices, self.ask_prices = _sides(candles)
        self.flags = bar_flags(plan, candles, signals, terms) | due_bars(candles, terms)
        self.facts = bar_facts(candles.instrument, terms, self.n_bars)
        self.conditions = condition_table(plan, signals, self.n_bars)
        self.levels = stacked(signals.levels, level_rows(plan), self.n_bars)
        self.finer = finer_tables(candles, finer)
        self.position_rules = position_tables(
            plan,
            signals,
            candles.instrument,
            rows=condition_rows(plan),
            money_decimals=terms.money_decimals,
            tie=0.0 if terms.profile.exact_comparisons else TIE,
        )
        self.curves = np.empty((c.N_CURVES, self.n_bars), dtype=np.int64)
        self.rows = _FIRST_ROWS
        first, last = self.finer[0]
        self.book = new_book(
            plan,
            candles.instrument,
            terms,
            rows=self.rows,
            n_bars=self.n_bars,
            most_finer=int(np.max(last - first, initial=1)),
        )
        deposit = (self.first_bar, int(LedgerKind.DEPOSIT), terms.capital_minor, -1)
        self.tables = [RowTable(rows.shape[1]) for rows in filled_tables(self.book)]
        self.tables[_LEDGER].add(np.array([deposit], dtype=np.int64))

    def run(self, stop_bar: int) -> None:
        """Walk up to a bar, emptying full tables on the way.

        Raises
        ------
        MoneyOverflow
            ``money.overflow``.
        """
        code, rules = c.TABLE_FULL, self.position_rules
        while code == c.TABLE_FULL:
            code = walk_bars_nb(
                stop_bar,
                self.times,
                *self.prices,
                *self.ask_prices,
                self.flags,
                self.conditions,
                self.levels,
                self.facts,
                *self.finer,
                rules.programs,
                rules.numbers,
                rules.inputs,
                rules.scratch,
                self.curves,
                self.book,
            )
            require_fit(code)
            if code == c.TABLE_FULL:
                self._empty_tables()

    def end_of_data(self) -> None:
        """Drop what is pending and close what is held, if the terms say so."""
        self._keep_rows()
        empty_tables(self.book)
        last_close, last_ask = (
            int(side[3][-1]) if self.n_bars else 0 for side in (self.prices, self.ask_prices)
        )
        _, highs, lows, _ = self.prices
        reach = int(highs[-2] - lows[-2]) if self.n_bars > 1 else 0
        last = (last_close, last_ask - last_close, reach)
        code = end_of_data_nb(self.n_bars, last, self.terms.close_at_end, self.curves, self.book)
        require_fit(code)

    def _empty_tables(self) -> None:
        """Keep the rows written so far and give the book empty tables: larger ones, or the same again."""
        n_kept = self._keep_rows()
        if self.rows < max(_MOST_ROWS, 2 * int(self.book[c.MOST_PARTS])) or n_kept == 0:
            self.rows *= 2
            self.book = grown_book(self.book, self.rows)
        else:
            empty_tables(self.book)

    def _keep_rows(self) -> int:
        """Copy the rows in the book behind those kept before; return how many."""
        filled = filled_tables(self.book)
        share = int(self.book[c.NEXT_BAR]) / max(self.n_bars, 1)
        for table, rows in zip(self.tables, filled, strict=True):
            table.add(rows, share=share)
        return sum(len(rows) for rows in filled)

    def outcome(self, done: int) -> Outcome:
        """Return everything decided in the first ``done`` bars."""
        self._keep_rows()
        empty_tables(self.book)
        tables = [table.rows() for table in self.tables]
        return Outcome(
            money_decimals=self.terms.money_decimals,
            first_tradable_bar=self.first_bar,
            n_bars_done=done,
            trades=tables[0],
            ledger=tables[1],
            orders=tables[2],
            events=tables[3],
            equity_minor=self.curves[c.EQUITY_ROW, :done],
            trough_minor=self.curves[c.TROUGH_ROW, :done],
            held_steps=self.curves[c.HELD_ROW, :done],
            exposed=(self.flags[:done] & c.EXPOSED) != 0,
            open_position=open_position(
                self.book, open_pnl_minor=int(self.book[c.EQUITY]) - int(self.book[c.BALANCE])
            ),
            balance_minor=int(self.book[c.BALANCE]),
            n_uncertain_bars=int(self.book[c.N_UNCERTAIN]),
            n_walked_bars=int(self.book[c.N_WALKED]),
        )


def _sides(candles: Candles) -> tuple[_FourPrices, _FourPrices]:
    """Return the prices of the main side and of the ask (the main side again where it is alone)."""
    main = [read_only(getattr(candles, name)) for name in PRICE_COLUMNS]
    has_ask = candles.ask_open_ticks is not None
    ask = [read_only(getattr(candles, name)) for name in ASK_COLUMNS] if has_ask else main
    return (main[0], main[1], main[2], main[3]), (ask[0], ask[1], ask[2], ask[3])


def require_fit(code: int) -> None:
    """Refuse a walk that met a number too large.

    Raises
    ------
    MoneyOverflow
        ``money.overflow``.
    """
    if code == c.OVERFLOW:
        raise MoneyOverflow(
            "money.overflow",
            "every price, quantity and sum must fit 64 bits, one did not",
            hint="use less capital, leverage or fewer decimals",
        )


def open_position(book: Int64Array, *, open_pnl_minor: int, first_bar: int = 0) -> OpenPosition | None:
    """Return what a book holds; ``first_bar`` is its leg's first in the book's numbers."""
    if book[c.SIDE] == 0:
        return None
    booked = (c.SPREAD_BOOKED, c.SLIPPAGE_BOOKED, c.COMMISSION_BOOKED, c.SWAP_BOOKED, c.FUNDING_BOOKED)
    return OpenPosition(
        side=int(book[c.SIDE]),
        entry_rule=int(book[c.RULE]),
        entry_bar=int(book[c.ENTRY_BAR]) - first_bar,
        quantity_steps=int(book[c.QUANTITY]),
        entry_price_ticks=int(book[c.ENTRY_PRICE]),
        entry_reference_ticks=_average_reference(book),
        stop_ticks=int(book[c.STOP]),
        target_ticks=int(book[c.TARGET]),
        open_pnl_minor=open_pnl_minor,
        booked_minor=sum(int(book[slot]) for slot in booked),
    )


def _average_reference(book: Int64Array) -> int:
    """Return the average reference price of a position's fills, half-even (M5)."""
    steps = int(book[c.QUANTITY])
    average, rest = divmod(int(book[c.ENTRY_REFERENCE]) * steps + int(book[c.COST]), steps)
    return average + int(2 * rest > steps or (2 * rest == steps and average % 2 == 1))
