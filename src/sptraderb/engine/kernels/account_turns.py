"""The turns of an account's books: what a book learns of the others before it acts, what is taken over after.

Every position has a book of its own, a row of ``books``. The array of the account has the layout of a
book: its balance is the cash, and OPEN_PNL, USED and OTHERS_HELD are sums over all positions. During its
turn a book's balance is the cash and the others' open P&L at their last marks, so that the same functions
size, check and mark as if it were alone. Rows go over to the account's tables at the end of each turn.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import is_marked_nb, price_pnl_nb
from sptraderb.engine.kernels.arithmetic import muldiv_ceil_nb, product_nb, sum_nb, wide_ceil_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit

_RATE_ONE = 10**9
TRADES, LEDGER, ORDERS, EVENTS = range(4)
"""Rows of ``owners``, which holds the leg of each row of a table."""


@inlined_jit
def bar_of_nb(book: Int64Array) -> int:
    """Return the bar a book is in: that of the instant, or its last one where it has none now."""
    return int(book[c.NEXT_BAR] - 1 + book[c.IS_ACTIVE])


@kernel_jit
def take_turn_nb(number: int, books: Int64Array, account: Int64Array) -> None:
    """Tell a book what the account and the other books' positions are worth now."""
    book = books[number]
    beside, fits = sum_nb(account[c.BALANCE], account[c.OPEN_PNL] - book[c.OPEN_PNL])
    if not fits:
        account[c.FAULT] = c.OVERFLOW
    book[c.BALANCE] = book[c.TURN_BALANCE] = beside
    book[c.EQUITY] = account[c.EQUITY]
    book[c.TROUGH] = c.FAR
    book[c.N_POSITIONS] = account[c.N_POSITIONS]
    book[c.TURN_FILLS] = book[c.N_FILLS]
    book[c.STOPPED_AT] = 0
    book[c.OTHERS_HELD] = account[c.OTHERS_HELD] - book[c.IS_COUNTED]
    book[c.OTHERS_USED] = account[c.USED] - book[c.USED]
    book[c.OTHERS_OUT] = book[c.TWIN_STEPS] = book[c.TWIN_PNL] = 0
    if book[c.OTHERS_HELD] != 0:
        _learn_nb(book, books)


@kernel_jit
def _learn_nb(book: Int64Array, books: Int64Array) -> None:
    """Tell a book what a stop-out must know of the others, a twin apart: it moves with its prices (A3)."""
    used = book[c.OTHERS_USED]
    if book[c.TWIN] >= 0:
        twin = books[book[c.TWIN]]
        if twin[c.SIDE] != 0:
            used -= twin[c.USED]
            book[c.TWIN_STEPS] = twin[c.QUANTITY]
            book[c.TWIN_REFERENCE] = twin[c.ENTRY_REFERENCE]
            book[c.TWIN_COST] = twin[c.COST]
            book[c.TWIN_PNL] = twin[c.OPEN_PNL]
    book[c.OTHERS_OUT], fits = muldiv_ceil_nb(used, book[c.STOP_OUT_PPB], _RATE_ONE)
    if not fits:
        book[c.FAULT] = c.OVERFLOW


@kernel_jit
def end_turn_nb(number: int, owners: Int64Array, books: Int64Array, account: Int64Array) -> bool:
    """Take over what a book did in its turn; return whether an entry filled in it."""
    book = books[number]
    booked = book[c.BALANCE] - book[c.TURN_BALANCE]
    if book[c.TROUGH] != c.FAR:
        low = book[c.TROUGH] - book[c.TURN_BALANCE] + book[c.OWN_CASH]
        book[c.OWN_LOW] = min(book[c.OWN_LOW], low)
    book[c.OWN_CASH] += booked
    account[c.BALANCE] += booked
    has_filled = book[c.N_POSITIONS] != account[c.N_POSITIONS]
    if has_filled:
        account[c.N_POSITIONS] = book[c.N_POSITIONS]
        book[c.HAS_OPENED] = 1
    has_filled = has_filled or book[c.N_FILLS] != book[c.TURN_FILLS]
    if book[c.N_TRADES] + book[c.N_LEDGER] + book[c.N_ORDERS] + book[c.N_EVENTS] != 0:
        revalue_nb(book, account)
        drain_nb(owners, book, account)
    account[c.FAULT] |= book[c.FAULT]
    return bool(has_filled)


@kernel_jit
def revalue_nb(book: Int64Array, account: Int64Array) -> None:
    """Count a book's position at its last mark and present rate in the account's sums."""
    pnl, used, held, fits = 0, 0, 0, True
    if book[c.SIDE] != 0:
        held, price = 1, book[c.ENTRY_PRICE]
        if is_marked_nb(bar_of_nb(book), book):
            price = book[c.MARK]
            pnl, fits = price_pnl_nb(price, book[c.QUANTITY], book[c.COST], book)
        used = margin_at_nb(price, book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    count_nb(pnl, used, held, book, account)


@inlined_jit
def count_nb(pnl: int, used: int, held: int, book: Int64Array, account: Int64Array) -> None:
    """Put a position's open P&L and used margin in place of those counted before."""
    account[c.OPEN_PNL], pnl_fits = sum_nb(account[c.OPEN_PNL] - book[c.OPEN_PNL], pnl)
    account[c.USED], used_fits = sum_nb(account[c.USED] - book[c.USED], used)
    account[c.OTHERS_HELD] += held - book[c.IS_COUNTED]
    book[c.OPEN_PNL], book[c.USED], book[c.IS_COUNTED] = pnl, used, held
    if not (pnl_fits and used_fits):
        account[c.FAULT] = c.OVERFLOW


@kernel_jit
def margin_at_nb(price: int, book: Int64Array) -> int:
    """Return the margin a position uses at a price, rounded up to the money unit (A3)."""
    margin, steps = book[c.MARGIN_PPB], book[c.QUANTITY]
    if book[c.MONEY_DIVISOR] == 1:
        area, fits = product_nb(price, steps)
        notional, notional_fits = product_nb(area, book[c.MONEY_MULTIPLIER])
        if fits and notional_fits:
            used, used_fits = muldiv_ceil_nb(notional, margin, _RATE_ONE)
            if used_fits:
                return used
    rated = (price, steps, book[c.MONEY_MULTIPLIER], margin)
    used, used_fits = wide_ceil_nb(rated, book[c.MONEY_DIVISOR], _RATE_ONE)
    if not used_fits:
        book[c.FAULT] = c.OVERFLOW
    return used


@kernel_jit
def drain_nb(owners: Int64Array, book: Int64Array, account: Int64Array) -> None:
    """Move a book's rows to the account's tables; bars count from the first of their leg there."""
    leg, first = book[c.LEG], book[c.FIRST_BAR]
    source, target = book[c.TABLES_AT], c.trade_at_nb(account)
    for row in range(book[c.N_TRADES]):
        owners[TRADES, account[c.N_TRADES] + row] = leg
        _copy_nb(source + row * c.TRADE_WIDTH, target + row * c.TRADE_WIDTH, c.TRADE_WIDTH, book, account)
        account[target + row * c.TRADE_WIDTH + 2] -= first
        account[target + row * c.TRADE_WIDTH + 3] -= first
    source, target = source + book[c.TABLE_ROWS] * c.TRADE_WIDTH, c.ledger_at_nb(account)
    for row in range(book[c.N_LEDGER]):
        owners[LEDGER, account[c.N_LEDGER] + row] = leg
        _copy_nb(source + row * c.LEDGER_WIDTH, target + row * c.LEDGER_WIDTH, c.LEDGER_WIDTH, book, account)
        account[target + row * c.LEDGER_WIDTH] -= first
    source, target = source + book[c.TABLE_ROWS] * c.LEDGER_TIMES * c.LEDGER_WIDTH, c.order_at_nb(account)
    for row in range(book[c.N_ORDERS]):
        owners[ORDERS, account[c.N_ORDERS] + row] = leg
        _copy_nb(source + row * c.ORDER_WIDTH, target + row * c.ORDER_WIDTH, c.ORDER_WIDTH, book, account)
        account[target + row * c.ORDER_WIDTH] -= first
        account[target + row * c.ORDER_WIDTH + 1] -= first
    source, target = source + book[c.TABLE_ROWS] * c.ORDER_WIDTH, c.event_at_nb(account)
    for row in range(book[c.N_EVENTS]):
        owners[EVENTS, account[c.N_EVENTS] + row] = leg
        _copy_nb(source + row * c.EVENT_WIDTH, target + row * c.EVENT_WIDTH, c.EVENT_WIDTH, book, account)
        account[target + row * c.EVENT_WIDTH] -= first
    for counter in (c.N_TRADES, c.N_LEDGER, c.N_ORDERS, c.N_EVENTS):
        account[counter] += book[counter]
        book[counter] = 0


@inlined_jit
def _copy_nb(source: int, target: int, width: int, book: Int64Array, account: Int64Array) -> None:
    for at in range(width):
        account[target + at] = book[source + at]
