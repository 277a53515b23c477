"""Entries: opening a position, through zero where the other side is held (rules X1, X11, X15, A2, M6).

The order being filled stands in the book (ORDER_RULE, ORDER_DECIDED, ORDER_AMBIGUOUS); an order of the
side held is an addition, see `additions`.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason, LedgerKind, OrderReason, OrderState
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import book_nb, commission_nb, cost_nb, sizing_equity_nb
from sptraderb.engine.kernels.additions import add_nb, is_carried_nb
from sptraderb.engine.kernels.arithmetic import muldiv_half_even_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.fills import (
    book_exit_nb,
    set_unit_nb,
    side_offset_nb,
    write_trade_nb,
)
from sptraderb.engine.kernels.following import following_nb, start_following_nb
from sptraderb.engine.kernels.levels import (
    Float64Array,
    part_level_nb,
    stop_level_nb,
    target_level_nb,
)
from sptraderb.engine.kernels.resting_orders import cancel_nb, write_order_nb
from sptraderb.engine.kernels.sizing import cut_reason_nb, cut_size_nb, wanted_nb

_NO_LEVEL = NO_LEVEL
_SPREAD = int(LedgerKind.SPREAD)
_SLIPPAGE = int(LedgerKind.SLIPPAGE)
_COMMISSION = int(LedgerKind.COMMISSION)
_REVERSAL = int(ExitReason.REVERSAL)
_FILLED = int(OrderState.FILLED)
_FILLED_CUT = int(OrderState.FILLED_CUT)
_REJECTED = int(OrderState.REJECTED)
_NONE = int(OrderReason.NONE)
_WRONG_STOP = int(OrderReason.WRONG_SIDE_STOP)
_WRONG_TARGET = int(OrderReason.WRONG_SIDE_TARGET)
_MAX_POSITIONS = int(OrderReason.MAX_POSITIONS)
_OTHER_SIDE = int(OrderReason.OTHER_SIDE_FILLED)


@kernel_jit
def enter_nb(bar: int, price: int, slippage: int, levels: Float64Array, book: Int64Array) -> bool:
    """Fill the order in the book at a price of its side, before slippage; return whether it filled.

    Closes the other side first if it is held (X11), adds if its own side is held (X17). A fill cancels
    the resting order of the other side (X16).
    """
    side = book[c.rule_at_nb(book[c.ORDER_RULE]) + c.RULE_SIDE]
    if book[c.SIDE] == side:
        is_filled = add_nb(bar, price, slippage, levels, book)
    else:
        is_filled = _enter_plain_nb(bar, price, slippage, levels, book)
    if is_filled:
        other = c.rest_at_nb(-side)
        is_linked = book[other + c.REST_RULE] > 0 and book[other + c.REST_OCO] != 0
        if is_linked and book[c.CHOICES] & c.KEEP_OTHER == 0:
            cancel_nb(bar, other, _OTHER_SIDE, book)
    return is_filled


@inlined_jit
def _enter_plain_nb(bar: int, price: int, slippage: int, levels: Float64Array, book: Int64Array) -> bool:
    """Open a position, after closing the one of the other side; return whether it was opened."""
    rule = c.rule_at_nb(book[c.ORDER_RULE])
    side = book[rule + c.RULE_SIDE]
    fill = price + side * slippage
    is_placed = book[c.CHOICES] & c.SIZE_PLACED != 0
    equity = sizing_equity_nb(bar, book)
    if is_placed and not is_carried_nb(bar, fill, rule, equity, book):
        return False
    total = book[c.ORDER_STEPS] + book[c.ORDER_CLOSING]
    closing = min(book[c.QUANTITY], total) if is_placed else book[c.QUANTITY]
    opens = not is_placed or total > closing
    stop = target = _NO_LEVEL
    reason = _NONE
    if opens and 0 < book[c.MAX_POSITIONS] <= book[c.OTHERS_HELD]:
        reason = _MAX_POSITIONS
    elif opens:
        stop, target, reason = _levels_nb(fill, rule, levels, book)
    trail, after, even = 0, 0, c.NEVER
    if opens and reason == _NONE and book[rule + c.TRAIL_KIND] + book[rule + c.BREAK_KIND] != c.KIND_NONE:
        trail, after, even, reason = following_nb(fill, stop, rule, levels, book)
    wanted, steps, cost = 0, 0, 0
    if reason == _NONE and is_placed:
        wanted = book[c.ORDER_WANTED]
    elif reason == _NONE:
        wanted = wanted_nb(price, rule, equity, levels, book)
    if closing > 0:
        cost = book_exit_nb(bar, price, slippage, closing, book)
        book[c.EXIT_REASON] = _REVERSAL
        book[c.EXIT_LEVEL] = _NO_LEVEL
        book[c.EXIT_AMBIGUOUS] = 0
    free = book[c.BALANCE] - book[c.OTHERS_USED]
    if reason == _NONE and is_placed and opens:
        steps, reason = total - closing, cut_reason_nb(book)
    elif reason == _NONE and opens:
        steps, reason = cut_size_nb(wanted, fill, (closing, 0), (equity, free), rule, book)
    commission, fits = commission_nb(fill, closing + steps, book)
    share, share_fits = commission if steps == 0 else 0, True
    if steps > 0 and closing > 0:
        share, share_fits = muldiv_half_even_nb(commission, closing, closing + steps)
    if not (fits and share_fits):
        book[c.FAULT] = c.OVERFLOW
    if closing > 0:
        write_trade_nb(bar, closing, cost, -share, book)
    if steps > 0:
        _open_nb(bar, fill, price, stop, target, steps, book)
        start_following_nb(trail, after, even, book)
        book[c.COMMISSION_BOOKED] = share - commission
    book_nb(bar, _COMMISSION, -commission, book)
    if closing > 0 and (steps > 0 or book[c.SIDE] == 0):
        book[c.TROUGH] = min(book[c.TROUGH], book[c.BALANCE])
    result = _FILLED_CUT if steps > 0 else _REJECTED
    if reason == _NONE:
        result = _FILLED
    write_order_nb(bar, (result, reason), (wanted, steps), fill if result != _REJECTED else 0, book)
    return steps > 0


@inlined_jit
def _levels_nb(fill: int, rule: int, levels: Float64Array, book: Int64Array) -> tuple[int, int, int]:
    """Return stop, target and the reason to reject the entry, the stop judged first (X15).

    Where undefined levels are absent, one on the wrong side of the fill is an exit that is passed at once.
    Leaves the levels of partial exits in the book: the position that had others ends with this order.
    """
    side, decided = book[rule + c.RULE_SIDE], book[c.ORDER_DECIDED]
    skips = book[c.CHOICES] & c.ANY_LEVEL != 0
    target = _NO_LEVEL
    stop, fault = stop_level_nb(fill, rule, decided, levels, book)
    fault = min(fault, _NONE) if skips else fault
    reason = max(fault, _NONE)
    if fault == _NONE and stop != _NO_LEVEL and side * (fill - stop) <= 0 and not skips:
        reason = _WRONG_STOP
    if fault >= 0 and reason == _NONE:
        target, fault = target_level_nb(fill, stop, rule, decided, levels, book)
        fault = min(fault, _NONE) if skips else fault
        reason = max(fault, _NONE)
        if fault == _NONE and target != _NO_LEVEL and side * (target - fill) <= 0 and not skips:
            reason = _WRONG_TARGET
    for part in range(book[rule + c.RULE_N_PARTS]):
        if fault >= 0 and reason == _NONE:
            level, fault = part_level_nb(fill, stop, (rule, part), decided, levels, book)
            fault = min(fault, _NONE) if skips else fault
            reason = max(fault, _NONE)
            if fault == _NONE and level != _NO_LEVEL and side * (level - fill) <= 0 and not skips:
                reason = _WRONG_TARGET
            book[book[c.PARTS_AT] + part] = level
    if fault < 0:
        book[c.FAULT] = c.OVERFLOW
    return stop, target, reason


@inlined_jit
def _open_nb(bar: int, fill: int, price: int, stop: int, target: int, steps: int, book: Int64Array) -> None:
    """Begin a position of the order's rule and book its spread and slippage."""
    number = book[c.ORDER_RULE]
    rule = c.rule_at_nb(number)
    side, max_bars = book[rule + c.RULE_SIDE], book[rule + c.RULE_MAX_BARS]
    offset = side_offset_nb(side, book)
    book[c.SIDE] = side
    book[c.QUANTITY] = book[c.MOST_HELD] = steps
    book[c.RULE] = number
    book[c.ENTRY_BAR] = bar
    book[c.MARKED_BAR] = -1
    book[c.ENTRY_DECIDED] = book[c.ORDER_DECIDED]
    book[c.ENTRY_PRICE] = book[c.FIRST_FILL] = book[c.LAST_FILL] = fill
    book[c.ENTRY_REFERENCE] = price - offset
    book[c.N_FILLS], book[c.N_LISTED] = 1, 0
    book[c.COST] = book[c.FILLS] = 0
    book[c.INITIAL_STOP] = book[c.ATTACHED_STOP] = stop
    book[c.TARGET] = target
    book[c.N_PARTS] = book[rule + c.RULE_N_PARTS]
    book[c.PARTS_EVEN] = 0
    book[c.DURATION] = book[rule + c.RULE_DURATION]
    book[c.TIME_BAR] = bar + max_bars if max_bars > 0 else c.FAR
    book[c.LIVE_BAR] = bar + book[rule + c.RULE_LIVE_NEXT]
    book[c.EXIT_ROW] = book[rule + c.RULE_EXIT]
    book[c.LOWEST] = c.FAR
    book[c.HIGHEST] = -c.FAR
    book[c.AMBIGUOUS] = book[c.ORDER_AMBIGUOUS] | book[c.UNCERTAIN]
    book[c.POSITION] = book[c.N_POSITIONS]
    book[c.N_POSITIONS] += 1
    set_unit_nb(book)
    spread, spread_fits = cost_nb(-abs(offset), steps, book)
    slippage, slippage_fits = cost_nb(-abs(fill - price), steps, book)
    if not (spread_fits and slippage_fits):
        book[c.FAULT] = c.OVERFLOW
    book[c.SPREAD_BOOKED] = spread
    book[c.SLIPPAGE_BOOKED] = slippage
    book[c.SWAP_BOOKED] = book[c.FUNDING_BOOKED] = 0
    book_nb(bar, _SPREAD, spread, book)
    book_nb(bar, _SLIPPAGE, slippage, book)
