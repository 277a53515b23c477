"""Instants of an account at which nothing is due, reached or decided: they are only marked.

To leave an instant to the careful walk is always right and only costs time.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.held_ranges import Flags

_NO_LEVEL = NO_LEVEL
_NEAR = 1e-11


@kernel_jit
def is_quiet_nb(walks_finer: bool, flags: Flags, books: Int64Array, account: Int64Array) -> bool:
    """Return whether no book with a bar at this instant has anything to do but to be marked.

    The bars' prices stand in the books. ``walks_finer`` says that there are finer bars, which a new water
    mark may ask for.
    """
    for number in range(books.shape[0]):
        book = books[number]
        if book[c.IS_ACTIVE] != 0 and not _is_idle_nb(flags[book[c.NEXT_BAR]], walks_finer, book):
            return False
    if account[c.OTHERS_HELD] == 0 or account[c.STOP_OUT_PPB] == 0:
        return True
    return _is_far_nb(books, account)


@inlined_jit
def _is_idle_nb(flag: int, walks_finer: bool, book: Int64Array) -> bool:
    """Return whether nothing of a book is due, decided or reached in its bar, the stop-out apart."""
    waits = book[c.PENDING_ENTRY] + book[c.PENDING_EXIT] + book[c.N_RESTING] + book[c.N_PARTS]
    side, bar = book[c.SIDE], book[c.NEXT_BAR]
    if side == 0:
        return bool(flag & c.ENTRY_TRUE == 0 and waits == book[c.N_PARTS])
    if flag & (c.ENTRY_TRUE | c.EXIT_TRUE | c.DUE) != 0 or waits != 0:
        return False
    if bar < book[c.LIVE_BAR] or bar == book[c.TIME_BAR] or book[c.CHOICES] & c.BY_SHAPE != 0:
        return False
    exit_bar = c.bar_at_nb(-side)
    low, high = book[exit_bar + c.LOW], book[exit_bar + c.HIGH]
    adverse, favourable = (low, high) if side > 0 else (high, low)
    stop, target = book[c.STOP], book[c.TARGET]
    if walks_finer and side * (favourable - book[c.WATER]) > 0:
        return False
    is_clear = stop == _NO_LEVEL or side * (adverse - stop) > 0
    return bool(is_clear and (target == _NO_LEVEL or side * (favourable - target) < 0))


@inlined_jit
def _is_far_nb(books: Int64Array, account: Int64Array) -> bool:
    """Return whether no price of these bars leaves as little as the stop-out's share of the used margin.

    Every position counts at its worst of the bar and the mark before it, a spread further away.
    """
    worth, used = float(account[c.BALANCE]), 0.0
    size = abs(worth)
    for number in range(books.shape[0]):
        book = books[number]
        side = book[c.SIDE]
        if side == 0:
            continue
        if book[c.IS_ACTIVE] == 0:
            worth, used = worth + float(book[c.OPEN_PNL]), used + float(book[c.USED])
            size += abs(float(book[c.OPEN_PNL])) + float(book[c.USED])
            continue
        exit_bar, away = c.bar_at_nb(-side), abs(book[c.ASK_OFFSET] - book[c.BID_OFFSET])
        low = float(min(book[exit_bar + c.LOW], book[c.MARK]) - away)
        high = float(max(book[exit_bar + c.HIGH], book[c.MARK]) + away)
        rate = float(book[c.MONEY_MULTIPLIER]) / float(book[c.MONEY_DIVISOR])
        unit = float(book[c.QUANTITY]) * rate
        entry = float(book[c.ENTRY_REFERENCE]) * unit + float(book[c.COST]) * rate
        worth += side * ((low if side > 0 else high) * unit - entry)
        used += high * unit * (float(book[c.MARGIN_PPB]) * 1e-9)
        size += high * unit + abs(entry)
    return bool(worth - used * (float(account[c.STOP_OUT_PPB]) * 1e-9) > _NEAR * size + 1.0)


@kernel_jit
def pass_quietly_nb(flags: Flags, books: Int64Array) -> None:
    """Leave in the books what the walk of a bar leaves in which nothing is reached."""
    for number in range(books.shape[0]):
        book = books[number]
        if book[c.IS_ACTIVE] != 0:
            book[c.WORST], book[c.SEEN] = _NO_LEVEL, 0
            side = book[c.SIDE]
            if side != 0:
                flags[book[c.NEXT_BAR]] |= c.EXPOSED
                favourable = book[c.bar_at_nb(-side) + (c.HIGH if side > 0 else c.LOW)]
                if side * (favourable - book[c.WATER]) > 0:
                    book[c.N_UNCERTAIN] += 1
