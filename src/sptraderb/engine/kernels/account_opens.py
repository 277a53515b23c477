"""What an account's books do at the open and at the close of an instant: exits of all before entries of all.

Within each pass the books act in order, and what a book's own rules say of its own order holds (X13): its
exits by time and signal wait where the open passes one of its own resting entries.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import OrderReason, OrderState
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account_stops import give_way_nb, stop_out_rest_nb
from sptraderb.engine.kernels.account_turns import end_turn_nb, revalue_nb, take_turn_nb
from sptraderb.engine.kernels.accruals import accrue_nb
from sptraderb.engine.kernels.closing import (
    enter_at_close_nb,
    enter_placed_nb,
    fills_at_close_nb,
    leave_at_close_nb,
    leave_passed_nb,
)
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.held_ranges import Flags
from sptraderb.engine.kernels.levels import Float64Array
from sptraderb.engine.kernels.opening import (
    close_passed_nb,
    enter_passed_nb,
    enter_pending_nb,
    is_passed_nb,
    leave_demanded_nb,
    leave_due_nb,
)
from sptraderb.engine.kernels.resting_orders import cancel_both_nb, cancel_nb, write_order_nb

_OUT_OF_SESSION = int(OrderReason.OUT_OF_SESSION)
_OTHER_SIDE = int(OrderReason.OTHER_SIDE_FILLED)
_RISK_LIMIT = int(OrderReason.RISK_LIMIT)
_CANCELLED = int(OrderState.CANCELLED)


@kernel_jit
def begin_opens_nb(
    flags: Flags, facts: Int64Array, owners: Int64Array, books: Int64Array, account: Int64Array
) -> None:
    """Count what is held at the rates of the opens (C5), then book what holding costs before them (C4)."""
    for number in range(books.shape[0]):
        book = books[number]
        if book[c.IS_ACTIVE] != 0 and book[c.SIDE] != 0 and book[c.CONVERTED] != 0:
            revalue_nb(book, account)
    for number in range(books.shape[0]):
        book = books[number]
        if book[c.IS_ACTIVE] != 0 and book[c.SIDE] != 0 and flags[book[c.NEXT_BAR]] & c.DUE != 0:
            take_turn_nb(number, books, account)
            accrue_nb(book[c.NEXT_BAR], facts, book)
            end_turn_nb(number, owners, books, account)


@kernel_jit
def is_due_at_open_nb(flags: Flags, books: Int64Array) -> bool:
    """Mark what is held as exposed; return whether some book has something to do at the open."""
    due = False
    for number in range(books.shape[0]):
        book = books[number]
        if book[c.IS_ACTIVE] == 0:
            continue
        bar = book[c.NEXT_BAR]
        if book[c.SIDE] != 0:
            flags[bar] |= c.EXPOSED
            due = due or book[c.TIME_BAR] == bar
            due = due or (books.shape[0] > 1 and (book[c.STOP_OUT_PPB] != 0 or _is_level_passed_nb(book)))
        waits = book[c.PENDING_ENTRY] + book[c.PENDING_EXIT] + book[c.N_RESTING]
        due = due or waits != 0
    return due


@inlined_jit
def _is_level_passed_nb(book: Int64Array) -> bool:
    """Return whether the open may have passed a level of the position held; true where it has parts."""
    side = book[c.SIDE]
    price = side * book[c.bar_at_nb(-side) + c.OPEN]
    below, above = side * book[c.STOP], side * book[c.TARGET]
    return bool(
        book[c.N_PARTS] != 0
        or (book[c.STOP] != 0 and price <= below)
        or (book[c.TARGET] != 0 and price >= above)
    )


@kernel_jit
def leave_at_opens_nb(flags: Flags, owners: Int64Array, books: Int64Array, account: Int64Array) -> None:
    """Cancel what is out of session, and close what a limit demands, the open has passed or is due.

    A single book without anything else to do leaves what its open has passed to its path.
    """
    for number in range(books.shape[0]):
        book = books[number]
        if book[c.IS_ACTIVE] == 0 or (book[c.SIDE] == 0 and book[c.N_RESTING] + book[c.PENDING_EXIT] == 0):
            continue
        bar = book[c.NEXT_BAR]
        by_shape = book[c.CHOICES] & c.BY_SHAPE != 0
        take_turn_nb(number, books, account)
        if book[c.N_RESTING] != 0 and flags[bar - 1] & c.ENTRY_ALLOWED == 0:
            cancel_both_nb(bar, _OUT_OF_SESSION, book)
        leave_demanded_nb(bar, book)
        if book[c.SIDE] != 0 and not by_shape:
            if book[c.STOP_OUT_PPB] != 0:
                give_way_nb(number, False, owners, books, account)
            close_passed_nb(bar, book)
        if by_shape or not is_passed_nb(book):
            leave_due_nb(bar, book)
        finish_turn_nb(number, owners, books, account)


@kernel_jit
def enter_at_opens_nb(
    levels: Float64Array, owners: Int64Array, books: Int64Array, account: Int64Array
) -> None:
    """Fill entries at the open: resting ones passed, reversals, then the rest; resting ones last by shape."""
    by_shape = books[0, c.CHOICES] & c.BY_SHAPE != 0
    if not by_shape:
        _enter_passed_nb(levels, owners, books, account)
    enter_waiting_nb(c.OPEN, True, levels, owners, books, account)
    enter_waiting_nb(c.OPEN, False, levels, owners, books, account)
    if by_shape:
        _enter_passed_nb(levels, owners, books, account)


@kernel_jit
def _enter_passed_nb(
    levels: Float64Array, owners: Int64Array, books: Int64Array, account: Int64Array
) -> None:
    """Fill the resting entries that the open has passed, and what waited for them."""
    for number in range(books.shape[0]):
        book = books[number]
        is_timed = book[c.SIDE] != 0 and book[c.TIME_BAR] == book[c.NEXT_BAR]
        if book[c.IS_ACTIVE] == 0 or (book[c.N_RESTING] + book[c.PENDING_EXIT] == 0 and not is_timed):
            continue
        take_turn_nb(number, books, account)
        enter_passed_nb(book[c.NEXT_BAR], levels, book)
        leave_due_nb(book[c.NEXT_BAR], book)
        finish_turn_nb(number, owners, books, account)


@kernel_jit
def enter_waiting_nb(
    price_at: int,
    reverses: bool,
    levels: Float64Array,
    owners: Int64Array,
    books: Int64Array,
    account: Int64Array,
) -> None:
    """Fill the waiting market entries that reverse what is held, or the others, at the open or close."""
    for number in range(books.shape[0]):
        book = books[number]
        if book[c.IS_ACTIVE] == 0 or book[c.PENDING_ENTRY] == 0:
            continue
        side = book[c.rule_at_nb(book[c.PENDING_ENTRY] - 1) + c.RULE_SIDE]
        if (book[c.SIDE] == -side) != reverses:
            continue
        take_turn_nb(number, books, account)
        if price_at == c.OPEN:
            enter_pending_nb(book[c.NEXT_BAR], c.OPEN, levels, book)
        else:
            enter_at_close_nb(book[c.NEXT_BAR], levels, book)
            account[c.TROUGH] = min(account[c.TROUGH], book[c.TROUGH])
        finish_turn_nb(number, owners, books, account)


@kernel_jit
def finish_turn_nb(number: int, owners: Int64Array, books: Int64Array, account: Int64Array) -> None:
    """End a turn, and what follows from it: a stop-out goes on, an entry cancels its other side's order."""
    book = books[number]
    has_filled = end_turn_nb(number, owners, books, account)
    if book[c.STOPPED_AT] != 0:
        stop_out_rest_nb(number, book[c.STOPPED_AT], owners, books, account)
    if has_filled and book[c.TWIN] >= 0 and book[c.CHOICES] & c.KEEP_OTHER == 0:
        twin = books[book[c.TWIN]]
        for side in (1, -1):
            rest = c.rest_at_nb(side)
            if twin[rest + c.REST_RULE] > 0 and twin[rest + c.REST_OCO] != 0:
                take_turn_nb(book[c.TWIN], books, account)
                cancel_nb(twin[c.NEXT_BAR], rest, _OTHER_SIDE, twin)
                end_turn_nb(book[c.TWIN], owners, books, account)


@kernel_jit
def fill_at_closes_nb(
    closes: Int64Array,
    ask_closes: Int64Array,
    levels: Float64Array,
    owners: Int64Array,
    books: Int64Array,
    account: Int64Array,
) -> bool:
    """Fill at the closes what was decided there: exits, reversals, entries; return whether anything was."""
    waits = False
    for number in range(books.shape[0]):
        book = books[number]
        if book[c.IS_ACTIVE] != 0 and fills_at_close_nb(book):
            waits = True
            bar = book[c.NEXT_BAR]
            if book[c.TWO_SIDED] != 0:
                book[c.ASK_OFFSET] = ask_closes[bar] - closes[bar]
            take_turn_nb(number, books, account)
            leave_at_close_nb(bar, book)
            account[c.TROUGH] = min(account[c.TROUGH], book[c.TROUGH])
            finish_turn_nb(number, owners, books, account)
    if waits:
        enter_waiting_nb(c.CLOSE, True, levels, owners, books, account)
        enter_waiting_nb(c.CLOSE, False, levels, owners, books, account)
        if books[0, c.CHOICES] & c.BY_SHAPE != 0:
            _pass_closes_nb(levels, owners, books, account)
        for number in range(books.shape[0]):
            book = books[number]
            if book[c.IS_ACTIVE] != 0 and book[c.SIDE] != 0:
                book[c.MARK] = book[c.bar_at_nb(-book[c.SIDE]) + c.CLOSE]
                book[c.MARK_REFERENCE] = closes[book[c.NEXT_BAR]]
                book[c.MARKED_BAR] = book[c.NEXT_BAR]
                revalue_nb(book, account)
    return waits


@kernel_jit
def _pass_closes_nb(levels: Float64Array, owners: Int64Array, books: Int64Array, account: Int64Array) -> None:
    """Fill at the closes the entries placed there that they have reached, then exits they have passed."""
    for leaves in (False, True):
        for number in range(books.shape[0]):
            book = books[number]
            if book[c.IS_ACTIVE] == 0 or book[c.SIDE if leaves else c.N_RESTING] == 0:
                continue
            take_turn_nb(number, books, account)
            if leaves:
                leave_passed_nb(book[c.NEXT_BAR], book)
            else:
                enter_placed_nb(book[c.NEXT_BAR], levels, book)
            account[c.TROUGH] = min(account[c.TROUGH], book[c.TROUGH])
            finish_turn_nb(number, owners, books, account)


@kernel_jit
def cancel_all_nb(owners: Int64Array, books: Int64Array, account: Int64Array) -> None:
    """Cancel, as a limit demands, every resting order and what waits for an open still to come (A4)."""
    for number in range(books.shape[0]):
        book = books[number]
        if book[c.N_RESTING] + book[c.PENDING_ENTRY] == 0:
            continue
        bar = book[c.NEXT_BAR] - 1 + book[c.IS_ACTIVE]
        take_turn_nb(number, books, account)
        cancel_both_nb(bar, _RISK_LIMIT, book)
        for waiting in (c.PENDING_ENTRY, c.NEXT_ENTRY):
            if book[waiting] != 0:
                book[c.ORDER_RULE], book[c.ORDER_DECIDED] = book[waiting] - 1, book[c.PENDING_DECIDED]
                write_order_nb(bar, (_CANCELLED, _RISK_LIMIT), (0, 0), 0, book)
                book[waiting] = 0
        end_turn_nb(number, owners, books, account)
