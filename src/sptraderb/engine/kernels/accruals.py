"""Costs of holding: swap and funding, booked before anything else at the open they are due at (C4).

Each is one ledger row, rounded once from the exact value, and belongs to the position held at the close
before, whose price is the last mark's.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import LedgerKind
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import book_nb
from sptraderb.engine.kernels.arithmetic import muldiv_half_even_nb, product_nb, sum_nb, wide_half_even_nb
from sptraderb.engine.kernels.codes import kernel_jit

_SWAP = int(LedgerKind.SWAP)
_FUNDING = int(LedgerKind.FUNDING)
_MILLION = 10**6
_RATE_ONE = 10**9
_DAYS_A_YEAR = 360


@kernel_jit
def accrue_nb(bar: int, facts: Int64Array, book: Int64Array) -> None:
    """Book swap and funding due before ``bar``, at the last mark of the position held and the open's rate."""
    price = book[c.MARK]
    if facts[bar, c.FACT_SWAP_DAYS] != 0 and book[c.SWAP_KIND] != c.SWAP_NONE:
        amount = _swap_nb(facts[bar, c.FACT_SWAP_DAYS], price, book)
        _book_held_nb(bar, _SWAP, amount, c.SWAP_BOOKED, book)
    if facts[bar, c.FACT_FUNDING] != 0:
        rate = -book[c.SIDE] * facts[bar, c.FACT_FUNDING]
        rated = (price, book[c.QUANTITY], book[c.MONEY_MULTIPLIER], rate)
        amount, fits = wide_half_even_nb(rated, book[c.MONEY_DIVISOR], _RATE_ONE)
        if not fits:
            book[c.FAULT] = c.OVERFLOW
        _book_held_nb(bar, _FUNDING, amount, c.FUNDING_BOOKED, book)


@kernel_jit
def _swap_nb(days: int, price: int, book: Int64Array) -> int:
    """Return the swap for some days at a price, signed as the account sees it."""
    steps, divisor = book[c.QUANTITY], book[c.MONEY_DIVISOR]
    rate, fits = product_nb(book[c.SWAP_LONG] if book[c.SIDE] > 0 else book[c.SWAP_SHORT], days)
    if book[c.SWAP_KIND] == c.SWAP_MONEY:
        amount, amount_fits = muldiv_half_even_nb(rate, steps, book[c.LOT_STEPS])
    elif book[c.SWAP_KIND] == c.SWAP_POINTS:
        moved = (rate, steps, book[c.MONEY_MULTIPLIER], 1)
        amount, amount_fits = wide_half_even_nb(moved, divisor, _MILLION)
    else:
        rated = (price, steps, book[c.MONEY_MULTIPLIER], rate)
        amount, amount_fits = wide_half_even_nb(rated, divisor, _DAYS_A_YEAR * _RATE_ONE)
    if not (fits and amount_fits):
        book[c.FAULT] = c.OVERFLOW
    return int(amount)


@kernel_jit
def _book_held_nb(bar: int, kind: int, amount: int, slot: int, book: Int64Array) -> None:
    """Book an amount at the position held."""
    book_nb(bar, kind, amount, book)
    booked, fits = sum_nb(book[slot], amount)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    book[slot] = booked
