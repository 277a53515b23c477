"""Fills of a position as trades of their own, closed first in first out (profile `tradingview`).

The first fill stands in the book's own slots. With the second one all of them are listed, oldest first,
until the position is closed; costs booked at an entry then belong to its fill.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import money_nb
from sptraderb.engine.kernels.arithmetic import muldiv_half_even_nb, product_nb, sum_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit

# The form of a listed fill in the book.
(
    LISTED_RULE,
    LISTED_BAR,
    LISTED_STEPS,
    LISTED_FILL,
    LISTED_REFERENCE,
    LISTED_SPREAD,
    LISTED_SLIPPAGE,
    LISTED_COMMISSION,
    LISTED_LOWEST,
    LISTED_HIGHEST,
) = range(10)
LISTED_WIDTH = 10


@inlined_jit
def listed_at_nb(number: int, book: Int64Array) -> int:
    """Return where a listed fill stands in the book."""
    return int(book[c.LISTED_AT] + number * LISTED_WIDTH)


@kernel_jit
def list_fill_nb(
    bar: int, fill: int, reference: int, steps: int, costs: tuple[int, int, int], book: Int64Array
) -> None:
    """List an addition, and before the first one the fill that the book's slots hold.

    ``costs`` are the spread, slippage and commission booked for it. What the older fills have seen so far
    is kept with them; the book's excursions begin anew.
    """
    if book[c.N_LISTED] == 0:
        first = listed_at_nb(0, book)
        book[first + LISTED_RULE], book[first + LISTED_BAR] = book[c.RULE], book[c.ENTRY_BAR]
        book[first + LISTED_STEPS] = book[c.QUANTITY] - steps
        book[first + LISTED_FILL] = book[c.FIRST_FILL]
        book[first + LISTED_REFERENCE] = book[c.ENTRY_REFERENCE]
        book[first + LISTED_SPREAD] = book[c.SPREAD_BOOKED] - costs[0]
        book[first + LISTED_SLIPPAGE] = book[c.SLIPPAGE_BOOKED] - costs[1]
        book[first + LISTED_COMMISSION] = book[c.COMMISSION_BOOKED] - costs[2]
        book[first + LISTED_LOWEST], book[first + LISTED_HIGHEST] = c.FAR, -c.FAR
        book[c.N_LISTED] = 1
    for number in range(book[c.N_LISTED]):
        at = listed_at_nb(number, book)
        book[at + LISTED_LOWEST] = min(book[at + LISTED_LOWEST], book[c.LOWEST])
        book[at + LISTED_HIGHEST] = max(book[at + LISTED_HIGHEST], book[c.HIGHEST])
    book[c.LOWEST], book[c.HIGHEST] = c.FAR, -c.FAR
    at = listed_at_nb(book[c.N_LISTED], book)
    book[at + LISTED_RULE], book[at + LISTED_BAR] = book[c.ORDER_RULE], bar
    book[at + LISTED_STEPS], book[at + LISTED_FILL] = steps, fill
    book[at + LISTED_REFERENCE] = reference
    book[at + LISTED_SPREAD], book[at + LISTED_SLIPPAGE] = costs[0], costs[1]
    book[at + LISTED_COMMISSION] = costs[2]
    book[at + LISTED_LOWEST], book[at + LISTED_HIGHEST] = c.FAR, -c.FAR
    book[c.N_LISTED] += 1


@kernel_jit
def listed_steps_nb(number: int, steps: int, book: Int64Array) -> int:
    """Return how much of a listed fill an exit of ``steps`` still takes, 0 beyond the last."""
    if number >= book[c.N_LISTED]:
        return 0
    return int(min(steps, book[listed_at_nb(number, book) + LISTED_STEPS]))


@kernel_jit
def listed_pnl_nb(number: int, reference: int, steps: int, book: Int64Array) -> int:
    """Return the price P&L of some of a listed fill at a reference."""
    entry = book[listed_at_nb(number, book) + LISTED_REFERENCE]
    pnl, fits = money_nb(book[c.SIDE] * (reference - entry), steps, book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    return pnl


@kernel_jit
def listed_sum_nb(place: int, first: int, steps: int, book: Int64Array) -> tuple[int, bool]:
    """Return the sum of prices x steps, relative to ``first``, of what an exit of ``steps`` takes.

    ``place`` says which price of a fill: LISTED_FILL or LISTED_REFERENCE.
    """
    total, fits, number = 0, True, 0
    while steps > 0:
        taken = listed_steps_nb(number, steps, book)
        if taken == 0:
            break
        area, area_fits = product_nb(book[listed_at_nb(number, book) + place] - first, taken)
        total, sum_fits = sum_nb(total, area)
        fits = fits and area_fits and sum_fits
        steps -= taken
        number += 1
    return total, fits


@inlined_jit
def take_listed_nb(number: int, place: int, steps: int, book: Int64Array) -> int:
    """Take the steps' share out of a cost booked with a listed fill; its last part takes the rest."""
    at = listed_at_nb(number, book)
    held, total = book[at + LISTED_STEPS], int(book[at + place])
    if steps == held or total == 0:
        book[at + place] = 0
        return total
    share, _ = muldiv_half_even_nb(total, steps, held)
    book[at + place] = total - share
    return share


@kernel_jit
def drop_listed_nb(count: int, book: Int64Array) -> None:
    """Drop the oldest fills from the list: they are closed."""
    book[c.N_LISTED] -= count
    begin = listed_at_nb(0, book)
    for place in range(book[c.N_LISTED] * LISTED_WIDTH):
        book[begin + place] = book[begin + count * LISTED_WIDTH + place]
    book[c.N_FILLS] = book[c.N_LISTED]
