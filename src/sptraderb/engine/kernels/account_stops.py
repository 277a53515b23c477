"""Who goes when an account of several positions is stopped out: the largest loss first (rule A3).

The level belongs to the symbol whose price brings it. Positions of other symbols go at their last mark,
which is older than the path that follows, so they go before it; a twin of the other side of the same symbol
goes at the same instant as the level. What is left afterwards goes after that symbol's own stop-out.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import is_marked_nb, price_pnl_nb
from sptraderb.engine.kernels.account_turns import bar_of_nb, end_turn_nb, margin_at_nb, take_turn_nb
from sptraderb.engine.kernels.arithmetic import muldiv_floor_nb
from sptraderb.engine.kernels.codes import kernel_jit
from sptraderb.engine.kernels.fills import see_nb
from sptraderb.engine.kernels.margin import close_by_stop_nb, set_live_stop_nb, twin_away_nb

_NO_LEVEL = NO_LEVEL
_STOP_OUT = int(ExitReason.STOP_OUT)
_RATE_ONE = 10**9


@kernel_jit
def give_way_nb(
    number: int, inside: bool, owners: Int64Array, books: Int64Array, account: Int64Array
) -> None:
    """Close positions that go before the one whose turn it is, at the open or on the bar's range.

    The book's turn goes on afterwards.
    """
    book = books[number]
    bar = bar_of_nb(book)
    while book[c.OTHERS_HELD] != 0 and book[c.SIDE] != 0:
        price = _met_at_nb(bar, inside, book)
        if price == _NO_LEVEL:
            return
        pnl, fits = price_pnl_nb(price, book[c.QUANTITY], book[c.COST], book)
        if not fits:
            book[c.FAULT] = c.OVERFLOW
        twin_price = price + twin_away_nb(book)
        worst = _worst_nb(number, pnl, twin_price, books)
        if worst == number:
            return
        end_turn_nb(number, owners, books, account)
        at = twin_price if worst == book[c.TWIN] else _NO_LEVEL
        walked = inside and worst < number
        _close_nb(worst, at, walked, owners, books, account)
        take_turn_nb(number, books, account)


@kernel_jit
def _met_at_nb(bar: int, inside: bool, book: Int64Array) -> int:
    """Return the price at which the stop-out governs and is met, NO_LEVEL if it is not."""
    side = book[c.SIDE]
    exit_bar = c.bar_at_nb(-side)
    price = book[exit_bar + c.OPEN]
    set_live_stop_nb(bar, price, book)
    level = book[c.LIVE_STOP]
    if level == _NO_LEVEL or book[c.LIVE_REASON] != _STOP_OUT:
        return _NO_LEVEL
    if side * (price - level) <= 0:
        return int(price)
    adverse = book[exit_bar + (c.LOW if side > 0 else c.HIGH)]
    return int(level) if inside and side * (adverse - level) <= 0 else _NO_LEVEL


@kernel_jit
def _worst_nb(number: int, pnl: int, twin_price: int, books: Int64Array) -> int:
    """Return the book with the lowest P&L; of equal ones the one in turn, then the first.

    ``pnl`` is that of the one in turn; its twin counts at a price, others at their last mark.
    """
    found, lowest = number, pnl
    for other in range(books.shape[0]):
        book = books[other]
        if other == number or book[c.SIDE] == 0:
            continue
        if other == books[number, c.TWIN]:
            own, fits = price_pnl_nb(twin_price, book[c.QUANTITY], book[c.COST], book)
            if not fits:
                book[c.FAULT] = c.OVERFLOW
        elif is_marked_nb(bar_of_nb(book), book):
            own = book[c.OPEN_PNL]
        else:
            continue
        if own < lowest:
            found, lowest = other, own
    return found


@kernel_jit
def _close_nb(
    number: int, price: int, walked: bool, owners: Int64Array, books: Int64Array, account: Int64Array
) -> None:
    """Stop a position out at a price of its bar, or at its last mark (NO_LEVEL), slipped."""
    take_turn_nb(number, books, account)
    book = books[number]
    bar, side = bar_of_nb(book), book[c.SIDE]
    offset_at = c.BID_OFFSET if side > 0 else c.ASK_OFFSET
    offset = book[offset_at]
    if price == _NO_LEVEL:
        price = book[c.MARK]
        book[offset_at] = price - book[c.MARK_REFERENCE]
    has_seen = walked and (book[c.ENTRY_BAR] == bar or book[c.SEEN] != 0)
    if book[c.IS_ACTIVE] != 0 and not has_seen:
        see_nb(book[c.bar_at_nb(-side) + c.OPEN], book)
    book[c.LIVE_STOP], book[c.LIVE_REASON] = price, _STOP_OUT
    close_by_stop_nb(bar, price, 0, book)
    book[offset_at] = offset
    end_turn_nb(number, owners, books, account)


@kernel_jit
def stop_out_rest_nb(
    number: int, price: int, owners: Int64Array, books: Int64Array, account: Int64Array
) -> None:
    """Go on after a book was stopped out at a price in its turn, which has ended, until equity is above.

    Its twin counts and goes at that instant, all others at their last mark.
    """
    book = books[number]
    twin = book[c.TWIN]
    twin_price = price
    if twin >= 0:
        twin_price -= books[twin, c.SIDE] * (book[c.ASK_OFFSET] - book[c.BID_OFFSET])
    while account[c.OTHERS_HELD] != 0:
        equity, used = account[c.BALANCE] + account[c.OPEN_PNL], account[c.USED]
        found, lowest = -1, 0
        for other in range(books.shape[0]):
            held = books[other]
            if held[c.SIDE] == 0:
                continue
            pnl = held[c.OPEN_PNL]
            if other == twin:
                pnl, _ = price_pnl_nb(twin_price, held[c.QUANTITY], held[c.COST], held)
                equity += pnl - held[c.OPEN_PNL]
                used += margin_at_nb(twin_price, held) - held[c.USED]
            elif not is_marked_nb(bar_of_nb(held), held):
                continue
            if found < 0 or pnl < lowest:
                found, lowest = other, pnl
        most, _ = muldiv_floor_nb(used, account[c.STOP_OUT_PPB], _RATE_ONE)
        if found < 0 or equity > most:
            return
        _close_nb(found, twin_price if found == twin else _NO_LEVEL, found < number, owners, books, account)
