"""The account that several desks share: one cash, one equity, one margin (A1, A3).

Place: between the desks, each of which holds one position, and whatever looks at all of them. Whose turn
it is when is decided by ``replay``.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Protocol

from sptraderb.oracle.cash_book import CashBook
from sptraderb.oracle.exact_numbers import ZERO
from sptraderb.oracle.held_position import HeldPosition


class PositionHolder(Protocol):
    """What an account knows of a desk."""

    position: HeldPosition | None

    def marked_pnl(self) -> Decimal:
        """Return the open P&L at the last mark; none before the first."""

    def used_margin(self) -> Decimal:
        """Return the margin that what is held uses at the last mark, rounded up."""


class SharedAccount:
    """Cash and positions of an account.

    Parameters
    ----------
    book : CashBook
        Balance and rows.
    max_positions : int
        Positions that may be open at once; 0 = any number (A4).

    Attributes
    ----------
    holders : list of PositionHolder
        The desks in the order in which they have their turns.
    """

    def __init__(self, book: CashBook, *, max_positions: int) -> None:
        self.book = book
        self.holders: list[PositionHolder] = []
        self._max_positions = max_positions
        self._n_opened = 0

    def take_number(self) -> int:
        """Return the number of a position that opens now, counted from 0 over all symbols."""
        self._n_opened += 1
        return self._n_opened - 1

    def equity(self) -> Decimal:
        """Return the balance plus the open P&L of everything held, each at its own last mark (A2, T5)."""
        return self.book.balance + self.pnl_beside()

    def pnl_beside(self, *apart: PositionHolder | None) -> Decimal:
        """Return the open P&L at the last marks of all desks but those ``apart``."""
        return sum((holder.marked_pnl() for holder in self._holding(apart)), ZERO)

    def used_beside(self, *apart: PositionHolder | None) -> Decimal:
        """Return the margin used at the last marks by all desks but those ``apart``."""
        return sum((holder.used_margin() for holder in self._holding(apart)), ZERO)

    def free_beside(self, holder: PositionHolder) -> Decimal:
        """Return what a desk's own position may use as margin: what the others leave of the equity."""
        return self.book.balance + self.pnl_beside(holder) - self.used_beside(holder)

    def may_open_beside(self, holder: PositionHolder) -> bool:
        """Return whether a desk that holds nothing may open a position (A4)."""
        n_others = sum(1 for _ in self._holding((holder,)))
        return not self._max_positions or n_others < self._max_positions

    def _holding(self, apart: Iterable[PositionHolder | None]) -> Iterator[PositionHolder]:
        left_out = tuple(apart)
        for holder in self.holders:
            if holder.position is not None and not any(holder is other for other in left_out):
                yield holder
