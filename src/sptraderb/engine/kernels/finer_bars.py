"""The course of a bar told by finer bars, where it matters and they are known (rules X6, X7, X8).

Each finer bar is walked like a bar: what its open has passed, its path, marks, then the stops that follow.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.bar_path import arm_nb, is_untouched_nb, matters_nb, walk_path_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.fills import see_nb, worsen_trough_nb
from sptraderb.engine.kernels.following import follow_nb
from sptraderb.engine.kernels.levels import Float64Array
from sptraderb.engine.kernels.opening import close_passed_nb, enter_passed_nb

_NO_LEVEL = NO_LEVEL


@kernel_jit
def walk_strict_nb(
    bar: int,
    spans: Int64Array,
    finer: Int64Array,
    finer_ask: Int64Array,
    levels: Float64Array,
    book: Int64Array,
) -> None:
    """Walk a bar's path, with its finer bars where it has some and its course matters.

    Parameters
    ----------
    bar : int
        The bar; its prices stand in the book.
    spans : ndarray of shape (2, n_bars) or (2, 0), dtype=int64
        First and last (exclusive) finer bar of each bar; equal where it has none that add up to it.
    finer, finer_ask : ndarray of shape (4, n_finer), dtype=int64
        Raw open, high, low, close of finer bars, and their ask side where there are two.
    levels, book
        As `walk_path_nb` takes them.
    """
    book[c.UNCERTAIN] = 0
    if is_untouched_nb(bar, book):
        return
    # What the open has passed is certain: a position that it ends does not matter any more.
    ended = book[c.SIDE] != 0 and close_passed_nb(bar, book)
    if matters_nb(bar, book):
        book[c.N_UNCERTAIN] += 1
        if spans.shape[1] > 0 and spans[0, bar] < spans[1, bar]:
            book[c.N_WALKED] += 1
            _walk_finer_nb(bar, spans[0, bar], spans[1, bar], ended, finer, finer_ask, levels, book)
            return
    if ended:
        arm_nb(book)
    else:
        walk_path_nb(bar, levels, book)


@inlined_jit
def _walk_finer_nb(
    bar: int,
    first: int,
    last: int,
    ended: bool,
    finer: Int64Array,
    finer_ask: Int64Array,
    levels: Float64Array,
    book: Int64Array,
) -> None:
    """Walk the finer bars of one bar; what they see is seen here."""
    spread = book[c.ASK_OFFSET]
    for number in range(first, last):
        show_finer_nb(number, finer, finer_ask, book)
        if number > first:
            if book[c.SIDE] != 0:
                close_passed_nb(bar, book)
            if book[c.N_RESTING] > 0:
                enter_passed_nb(bar, levels, book)
        book[c.WORST] = _NO_LEVEL
        if ended and number == first:
            arm_nb(book)
        else:
            walk_path_nb(bar, levels, book)
        side = book[c.SIDE]
        if side != 0:
            exit_bar = c.bar_at_nb(-side)
            low, high = book[exit_bar + c.LOW], book[exit_bar + c.HIGH]
            see_nb(low, book)
            see_nb(high, book)
            worst = book[c.WORST]
            worsen_trough_nb((low if side > 0 else high) if worst == _NO_LEVEL else worst, book)
            follow_nb(high if side > 0 else low, book)
    book[c.ASK_OFFSET] = spread
    book[c.SEEN] = 1


@kernel_jit
def show_finer_nb(number: int, finer: Int64Array, finer_ask: Int64Array, book: Int64Array) -> None:
    """Put a finer bar's prices of both sides into the book."""
    two_sided = book[c.TWO_SIDED] != 0
    if two_sided:
        book[c.ASK_OFFSET] = finer_ask[c.OPEN, number] - finer[c.OPEN, number]
    for price in range(4):
        book[c.BAR_BID + price] = finer[price, number] + book[c.BID_OFFSET]
        if two_sided:
            book[c.BAR_ASK + price] = finer_ask[price, number]
        else:
            book[c.BAR_ASK + price] = finer[price, number] + book[c.ASK_OFFSET]
