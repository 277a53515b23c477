"""What is due at the open of a bar, in the order of X13.

Risk closes, levels the open has passed (stop, partial exits, target), resting entries it has passed,
time exits, signal exits, then the entry (a reversal where the other side is still held).
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.entries import enter_nb
from sptraderb.engine.kernels.fills import close_at_nb, close_nb, close_part_nb, see_nb, slippage_nb
from sptraderb.engine.kernels.levels import Float64Array
from sptraderb.engine.kernels.margin import close_by_stop_nb, set_live_stop_nb
from sptraderb.engine.kernels.resting_orders import take_nb

_NO_LEVEL = NO_LEVEL
_TAKE_PROFIT = int(ExitReason.TAKE_PROFIT)
_SIGNAL = int(ExitReason.SIGNAL)
_TIME = int(ExitReason.TIME)


@kernel_jit
def open_bar_nb(bar: int, levels: Float64Array, book: Int64Array) -> None:
    """Do what is due at an open; its prices stand in the book.

    Where the path follows the bar's shape, market orders come first and levels passed by the open last.
    """
    side, by_shape = book[c.SIDE], book[c.CHOICES] & c.BY_SHAPE != 0
    leave_demanded_nb(bar, book)
    if book[c.SIDE] != 0 and not by_shape:
        close_passed_nb(bar, book)
    if book[c.N_RESTING] > 0 and not by_shape:
        enter_passed_nb(bar, levels, book)
    leave_due_nb(bar, book)
    book[c.LEFT_SIDE] = side if book[c.SIDE] == 0 else 0
    enter_pending_nb(bar, c.OPEN, levels, book)
    book[c.LEFT_SIDE] = 0
    if book[c.N_RESTING] > 0 and by_shape:
        enter_passed_nb(bar, levels, book)


@inlined_jit
def leave_demanded_nb(bar: int, book: Int64Array) -> None:
    """Close at the open what a risk limit demands."""
    reason = book[c.PENDING_EXIT]
    if book[c.SIDE] != 0 and reason != 0 and reason != _SIGNAL:
        close_at_nb(bar, book[c.bar_at_nb(-book[c.SIDE]) + c.OPEN], reason, book)


@inlined_jit
def leave_due_nb(bar: int, book: Int64Array) -> None:
    """Close at the open by time or signal a position of before; no exit waits after it."""
    reason = book[c.PENDING_EXIT]
    book[c.PENDING_EXIT] = 0
    if book[c.SIDE] != 0 and book[c.ENTRY_BAR] < bar:
        price = book[c.bar_at_nb(-book[c.SIDE]) + c.OPEN]
        if book[c.TIME_BAR] == bar:
            close_at_nb(bar, price, _TIME, book)
        elif reason == _SIGNAL:
            close_at_nb(bar, price, _SIGNAL, book)


@kernel_jit
def enter_pending_nb(bar: int, price_at: int, levels: Float64Array, book: Int64Array) -> None:
    """Fill the pending market entry, if there is one, at the bar's open or close."""
    number = book[c.PENDING_ENTRY] - 1
    if number < 0:
        return
    book[c.PENDING_ENTRY] = 0
    book[c.ORDER_RULE], book[c.ORDER_DECIDED] = number, book[c.PENDING_DECIDED]
    book[c.ORDER_STEPS], book[c.ORDER_CLOSING] = book[c.PENDING_STEPS], book[c.PENDING_CLOSING]
    book[c.ORDER_WANTED] = book[c.PENDING_WANTED]
    book[c.ORDER_AMBIGUOUS] = book[c.ORDER_BUDGET_RATE] = 0
    side = book[c.rule_at_nb(number) + c.RULE_SIDE]
    price = book[c.bar_at_nb(side) + price_at]
    if book[c.SIDE] == -side:
        see_nb(price, book)
    _flip_nb(side, book)
    is_filled = enter_nb(bar, price, slippage_nb(price, book), levels, book)
    if book[c.NEXT_ENTRY] > 0:
        book[c.ORDER_BESIDE] = 1 if is_filled else 0
        _enter_next_nb(bar, price_at, levels, book)


@kernel_jit
def _enter_next_nb(bar: int, price_at: int, levels: Float64Array, book: Int64Array) -> None:
    """Fill the second market entry of a close: a resting one without a price, beside the other side's."""
    book[c.ORDER_RULE] = book[c.NEXT_ENTRY] - 1
    book[c.ORDER_DECIDED], book[c.ORDER_AMBIGUOUS] = book[c.PENDING_DECIDED], 0
    book[c.ORDER_STEPS], book[c.ORDER_CLOSING] = book[c.NEXT_STEPS], book[c.NEXT_CLOSING]
    book[c.ORDER_WANTED] = book[c.NEXT_WANTED]
    book[c.NEXT_ENTRY] = book[c.ORDER_BUDGET_RATE] = 0
    side = book[c.rule_at_nb(book[c.ORDER_RULE]) + c.RULE_SIDE]
    price = book[c.bar_at_nb(side) + price_at]
    if book[c.SIDE] == -side:
        see_nb(price, book)
    _flip_nb(side, book)
    enter_nb(bar, price, slippage_nb(price, book), levels, book)
    book[c.ORDER_BESIDE] = 0


@inlined_jit
def _flip_nb(side: int, book: Int64Array) -> None:
    """Let a market order whose size was fixed when placed close what is held of the other side now."""
    book[c.ORDER_CLOSING] = book[c.QUANTITY] if book[c.SIDE] == -side else 0


@kernel_jit
def close_passed_nb(bar: int, book: Int64Array) -> bool:
    """Fill at the open what it has passed: the stop (slipped), else parts, then the target (not slipped).

    Returns whether the position was closed.
    """
    side = book[c.SIDE]
    price = book[c.bar_at_nb(-side) + c.OPEN]
    set_live_stop_nb(bar, price, book)
    if book[c.LIVE_STOP] != _NO_LEVEL and side * (price - book[c.LIVE_STOP]) <= 0:
        see_nb(price, book)
        close_by_stop_nb(bar, price, 0, book)
        return True
    if bar < book[c.LIVE_BAR]:
        return False
    for part in range(book[c.N_PARTS]):
        level = book[book[c.PARTS_AT] + part]
        if level > 0 and side * (price - level) >= 0 and book[c.SIDE] != 0:
            see_nb(price, book)
            close_part_nb(bar, price, part, 0, book)
    target = book[c.TARGET]
    if book[c.SIDE] != 0 and target != _NO_LEVEL and side * (price - target) >= 0:
        see_nb(price, book)
        close_nb(bar, price, 0, _TAKE_PROFIT, target, 0, book)
    return bool(book[c.SIDE] == 0)


@kernel_jit
def is_passed_nb(book: Int64Array) -> bool:
    """Return whether the open fills a resting order of the book (X2, X3, X4)."""
    for side in (1, -1):
        rest = c.rest_at_nb(side)
        if book[rest + c.REST_RULE] != 0:
            price, kind = book[c.bar_at_nb(side) + c.OPEN], book[rest + c.REST_KIND]
            at_stop = kind == c.ORDER_LIMIT or side * (price - book[rest + c.REST_STOP]) >= 0
            at_limit = kind == c.ORDER_STOP or side * (price - book[rest + c.REST_LIMIT]) <= 0
            if at_stop and at_limit:
                return True
    return False


@kernel_jit
def enter_passed_nb(bar: int, levels: Float64Array, book: Int64Array) -> None:
    """Fill at the open the resting orders it has passed, the long side's first (X2, X3, X4)."""
    for side in (1, -1):
        rest = c.rest_at_nb(side)
        if book[rest + c.REST_RULE] == 0:
            continue
        price = book[c.bar_at_nb(side) + c.OPEN]
        kind = book[rest + c.REST_KIND]
        at_stop = side * (price - book[rest + c.REST_STOP]) >= 0
        at_limit = side * (price - book[rest + c.REST_LIMIT]) <= 0
        if kind == c.ORDER_STOP and at_stop:
            _enter_rest_nb(bar, rest, price, slippage_nb(price, book), levels, book)
        elif (kind == c.ORDER_LIMIT and at_limit) or (kind == c.ORDER_STOP_LIMIT and at_stop and at_limit):
            _enter_rest_nb(bar, rest, price, 0, levels, book)
        elif kind == c.ORDER_STOP_LIMIT and at_stop:
            book[rest + c.REST_KIND] = c.ORDER_LIMIT


@inlined_jit
def _enter_rest_nb(
    bar: int, rest: int, price: int, slippage: int, levels: Float64Array, book: Int64Array
) -> None:
    """Fill a resting order at the open."""
    take_nb(rest, book)
    side = book[c.rule_at_nb(book[c.ORDER_RULE]) + c.RULE_SIDE]
    if book[c.SIDE] == -side:
        see_nb(price, book)
    enter_nb(bar, price, slippage, levels, book)
