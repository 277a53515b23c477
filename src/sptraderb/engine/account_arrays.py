"""The arrays an account's walk works on: those of all legs one after another, and a book for each position.

A leg's bars keep their order; a book knows where they begin and end. With hedging a leg has two books,
the long one before the short one, each with the rules of its side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS
from sptraderb.domain.portfolio import Leg
from sptraderb.engine.bar_costs import bar_facts, due_bars
from sptraderb.engine.book import (
    Values,
    bar_flags,
    condition_rows,
    condition_table,
    level_rows,
    new_book,
    read_only,
    stacked,
)
from sptraderb.engine.finer_candles import finer_tables
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.series import Float64Array
from sptraderb.engine.position_tables import TIE, position_tables

_BOOK_ROWS = 32
FourPrices = tuple[Int64Array, Int64Array, Int64Array, Int64Array]


@dataclass(frozen=True, slots=True)
class AccountArrays:
    """What `walk_instants_nb` takes beside the timeline.

    Parameters
    ----------
    first : ndarray of shape (n_legs + 1,), dtype=int64
        Where each leg's bars begin; the number of all bars last.
    times, prices, ask_prices, flags, conditions, levels, facts, finer, programs, numbers, inputs, scratch
        As the walk takes them.
    books : ndarray of shape (n_books, size), dtype=int64
        Before the first instant.
    """

    first: Int64Array
    times: Int64Array
    prices: FourPrices
    ask_prices: FourPrices
    flags: npt.NDArray[np.uint8]
    conditions: npt.NDArray[np.uint8]
    levels: Float64Array
    facts: Int64Array
    finer: tuple[Int64Array, Int64Array, Int64Array]
    programs: Int64Array
    numbers: Float64Array
    inputs: Float64Array
    scratch: Float64Array
    books: Int64Array


def account_arrays(legs: Sequence[Leg], *, hedging: bool) -> AccountArrays:
    """Return the arrays of an account.

    Parameters
    ----------
    legs : sequence of Leg
        In order.
    hedging : bool
        Whether a long and a short position of a symbol stand beside each other.

    Raises
    ------
    MoneyOverflow
        ``money.overflow`` if an amount of a plan or terms does not fit 64 bits.
    """
    first = np.cumsum([0, *(len(leg.candles) for leg in legs)], dtype=np.int64)
    prices = [_joined([getattr(leg.candles, name) for leg in legs]) for name in PRICE_COLUMNS]
    ask = prices
    if any(leg.candles.ask_open_ticks is not None for leg in legs):
        pairs = list(zip(ASK_COLUMNS, PRICE_COLUMNS, strict=True))
        ask = [_joined([_ask(leg, *pair) for leg in legs]) for pair in pairs]
    facts = [bar_facts(leg.candles.instrument, leg.terms, len(leg.candles)) for leg in legs]
    flags = [
        bar_flags(leg.plan, leg.candles, leg.signals, leg.terms) | due_bars(leg.candles, leg.terms)
        for leg in legs
    ]
    books = _Books(legs, first, hedging=hedging)
    return AccountArrays(
        first=first,
        times=_joined([leg.candles.time_s for leg in legs]),
        prices=(prices[0], prices[1], prices[2], prices[3]),
        ask_prices=(ask[0], ask[1], ask[2], ask[3]),
        flags=np.concatenate(flags),
        conditions=_conditions(legs, hedging=hedging),
        levels=read_only(
            _side_by_side(
                [stacked(leg.signals.levels, level_rows(leg.plan), len(leg.candles)) for leg in legs]
            )
        ),
        facts=_facts(facts, first),
        finer=_finer(legs),
        programs=np.concatenate(books.programs),
        numbers=np.concatenate(books.numbers),
        inputs=_side_by_side(books.inputs),
        scratch=books.scratch,
        books=books.stacked(),
    )


class _Books:
    """The books of an account, and the conditions about their positions."""

    def __init__(self, legs: Sequence[Leg], first: Int64Array, *, hedging: bool) -> None:
        self.books: list[Int64Array] = []
        self.programs: list[Int64Array] = []
        self.numbers: list[Float64Array] = []
        self.inputs: list[Float64Array] = []
        self.scratch: Float64Array = np.zeros(0)
        for number, leg in enumerate(legs):
            for place in range(2 if hedging else 1):
                self._add(number, leg, place, (int(first[number]), int(first[number + 1])), hedging=hedging)

    def _add(self, number: int, leg: Leg, place: int, bars: tuple[int, int], *, hedging: bool) -> None:
        shift = place * len(condition_rows(leg.plan)) if leg.plan.programs else 0
        rows = {node: row + shift for node, row in condition_rows(leg.plan).items()}
        tables = position_tables(
            leg.plan,
            leg.signals,
            leg.candles.instrument,
            rows=rows,
            money_decimals=leg.terms.money_decimals,
            tie=0.0 if leg.terms.profile.exact_comparisons else TIE,
        )
        book = new_book(leg.plan, leg.candles.instrument, leg.terms, rows=_BOOK_ROWS, n_bars=bars[1])
        if book[c.MOST_PARTS] > 0:
            room = _BOOK_ROWS + int(book[c.MOST_PARTS])
            book = new_book(leg.plan, leg.candles.instrument, leg.terms, rows=room, n_bars=bars[1])
        book[[c.NEXT_BAR, c.FIRST_BAR]] = bars[0]
        book[c.START_BAR] = min(bars[0] + leg.terms.start_bar, bars[1])
        book[c.LEG], book[c.HELD_PLACE] = number, place
        book[c.PROGRAMS_AT] = sum(map(len, self.programs))
        book[c.PROGRAMS_END] = book[c.PROGRAMS_AT] + len(tables.programs)
        book[c.NUMBERS_AT] = sum(map(len, self.numbers))
        book[c.NUMBERS_END] = book[c.NUMBERS_AT] + len(tables.numbers)
        if hedging:
            book[c.TWIN] = len(self.books) + 1 - 2 * place
            _keep_side(book, 1 if place == 0 else -1, shift)
        self.books.append(book)
        self.programs.append(tables.programs)
        self.numbers.append(tables.numbers)
        if place == 0:
            self.inputs.append(tables.inputs)
        self.scratch = tables.scratch

    def stacked(self) -> Int64Array:
        """Return the books as rows of one array."""
        stack = np.zeros((len(self.books), max(map(len, self.books))), dtype=np.int64)
        for row, book in zip(stack, self.books, strict=True):
            row[: len(book)] = book
        return stack


def _keep_side(book: Int64Array, side: int, shift: int) -> None:
    """Leave a book the rules of one side, with condition rows of its own."""
    for number in range(int(book[c.N_RULES])):
        rule = c.FIRST_RULE + number * c.RULE_WIDTH
        if book[rule + c.RULE_SIDE] != side:
            book[rule + c.RULE_SIDE] = 0
        for slot in (c.RULE_WHEN, c.RULE_EXIT, c.RULE_CANCEL):
            if book[rule + slot] >= 0:
                book[rule + slot] += shift


def _ask(leg: Leg, ask: str, main: str) -> Int64Array:
    """Return an ask column, the main side's where the leg has one side."""
    column: Int64Array | None = getattr(leg.candles, ask)
    if column is None:
        column = getattr(leg.candles, main)
    return column


def _joined(columns: Sequence[Int64Array]) -> Int64Array:
    array: Int64Array = read_only(columns[0] if len(columns) == 1 else np.concatenate(columns))
    return array


def _side_by_side(tables: Sequence[Values]) -> Values:
    """Return tables of different heights side by side, filled up with zeros."""
    if len(tables) == 1:
        return tables[0]
    height = max(len(table) for table in tables)
    joined = np.zeros((height, sum(table.shape[1] for table in tables)), dtype=tables[0].dtype)
    at = 0
    for table in tables:
        joined[: len(table), at : at + table.shape[1]] = table
        at += table.shape[1]
    return joined


def _conditions(legs: Sequence[Leg], *, hedging: bool) -> npt.NDArray[np.uint8]:
    """Return the condition tables of the legs; twice over where each side judges its own position."""
    tables = []
    for leg in legs:
        table = condition_table(leg.plan, leg.signals, len(leg.candles))
        tables.append(np.concatenate([table, table]) if hedging and leg.plan.programs else table)
    return np.ascontiguousarray(_side_by_side(tables))


def _facts(tables: Sequence[Int64Array], first: Int64Array) -> Int64Array:
    """Return the facts of all bars, without a row where no leg has any."""
    if not any(len(table) for table in tables):
        return read_only(tables[0])
    joined = np.zeros((int(first[-1]), c.N_FACTS), dtype=np.int64)
    for table, begin in zip(tables, first, strict=False):
        joined[begin : begin + len(table)] = table
    return read_only(joined)


def _finer(legs: Sequence[Leg]) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Return spans and prices of the finer bars of all legs; empty where no leg has any."""
    found = [finer_tables(leg.candles, leg.finer) for leg in legs]
    if not any(prices.shape[1] for _, prices, _ in found):
        return np.empty((2, 0), np.int64), np.empty((4, 0), np.int64), np.empty((4, 0), np.int64)
    spans, mains, asks, begin = [], [], [], 0
    has_ask = any(ask.shape[1] for _, _, ask in found)
    for leg, (span, main, ask) in zip(legs, found, strict=True):
        spans.append(span + begin if span.shape[1] else np.zeros((2, len(leg.candles)), np.int64))
        mains.append(main)
        asks.append((ask if ask.shape[1] else main) if has_ask else main[:, :0])
        begin += main.shape[1]
    joined = [np.ascontiguousarray(np.concatenate(parts, axis=1)) for parts in (spans, mains, asks)]
    return joined[0], joined[1], joined[2]
