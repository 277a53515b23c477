"""What fills at a bar's own close: market orders decided there, then what else the close has passed.

Only market orders fill where the path is not taken as known (profile `close`). Else (`tradingview_on_close`)
resting entries that were placed at this close come next, then exits of what was held before it.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.entries import enter_nb
from sptraderb.engine.kernels.fills import close_at_nb, close_nb, close_part_nb, see_nb, slippage_nb
from sptraderb.engine.kernels.levels import Float64Array
from sptraderb.engine.kernels.margin import close_by_stop_nb
from sptraderb.engine.kernels.opening import enter_pending_nb
from sptraderb.engine.kernels.resting_orders import take_nb

_NO_LEVEL = NO_LEVEL
_TAKE_PROFIT = int(ExitReason.TAKE_PROFIT)


@inlined_jit
def fills_at_close_nb(book: Int64Array) -> bool:
    """Return whether something may fill at this close: a market order, or by shape whatever waits."""
    choices = book[c.CHOICES]
    if choices & c.AT_CLOSE == 0:
        return False
    waits = book[c.PENDING_ENTRY] + book[c.PENDING_EXIT] != 0
    return bool(waits or (choices & c.BY_SHAPE != 0 and (book[c.N_RESTING] != 0 or book[c.SIDE] != 0)))


@kernel_jit
def close_bar_nb(bar: int, levels: Float64Array, book: Int64Array) -> None:
    """Fill at its own close what was decided there, and what it has passed."""
    side = book[c.SIDE]
    leave_at_close_nb(bar, book)
    book[c.LEFT_SIDE] = side if book[c.SIDE] == 0 else 0
    enter_at_close_nb(bar, levels, book)
    book[c.LEFT_SIDE] = 0
    if book[c.CHOICES] & c.BY_SHAPE != 0:
        enter_placed_nb(bar, levels, book)
        leave_passed_nb(bar, book)


@inlined_jit
def leave_at_close_nb(bar: int, book: Int64Array) -> None:
    """Close at the bar's close what was decided there; remember what is held before the close's fills."""
    reason = book[c.PENDING_EXIT]
    book[c.PENDING_EXIT] = 0
    book[c.HELD_BEFORE] = book[c.POSITION] + 1 if book[c.SIDE] != 0 else 0
    if reason != 0 and book[c.SIDE] != 0:
        close_at_nb(bar, book[c.bar_at_nb(-book[c.SIDE]) + c.CLOSE], reason, book)


@inlined_jit
def enter_at_close_nb(bar: int, levels: Float64Array, book: Int64Array) -> None:
    """Enter at the bar's close what was decided there; exits of such an entry live from the next bar."""
    enter_pending_nb(bar, c.CLOSE, levels, book)
    _see_close_nb(bar, book)


@inlined_jit
def _see_close_nb(bar: int, book: Int64Array) -> None:
    """Let what is held see the close; exits of a position that it opened live from the next bar."""
    if book[c.SIDE] != 0:
        if book[c.POSITION] + 1 != book[c.HELD_BEFORE]:
            book[c.LIVE_BAR] = bar + 1
        see_nb(book[c.bar_at_nb(-book[c.SIDE]) + c.CLOSE], book)


@kernel_jit
def enter_placed_nb(bar: int, levels: Float64Array, book: Int64Array) -> None:
    """Fill resting entries that were placed at this close and that it has reached, the long side's first."""
    for side in (1, -1):
        rest = c.rest_at_nb(side)
        if book[rest + c.REST_RULE] == 0 or book[rest + c.REST_DECIDED] != bar:
            continue
        price, kind = book[c.bar_at_nb(side) + c.CLOSE], book[rest + c.REST_KIND]
        at_stop = side * (price - book[rest + c.REST_STOP]) >= 0
        past_limit = side * (book[rest + c.REST_LIMIT] - price)
        if kind == c.ORDER_STOP_LIMIT and at_stop and past_limit < 0:
            book[rest + c.REST_KIND] = c.ORDER_LIMIT
        elif kind == c.ORDER_LIMIT and past_limit >= book[c.LIMIT_THROUGH]:
            _enter_rest_nb(bar, rest, price, 0, levels, book)
        elif kind != c.ORDER_LIMIT and at_stop:
            slippage = slippage_nb(price, book) if kind == c.ORDER_STOP else 0
            _enter_rest_nb(bar, rest, price, slippage, levels, book)


@kernel_jit
def _enter_rest_nb(
    bar: int, rest: int, price: int, slippage: int, levels: Float64Array, book: Int64Array
) -> None:
    """Fill a resting order at the close."""
    take_nb(rest, book)
    enter_nb(bar, price, slippage, levels, book)
    _see_close_nb(bar, book)


@kernel_jit
def leave_passed_nb(bar: int, book: Int64Array) -> None:
    """Fill exits of what was held before that the close has passed: the stop, else parts, the target."""
    side = book[c.SIDE]
    if side == 0 or book[c.POSITION] + 1 != book[c.HELD_BEFORE] or bar < book[c.LIVE_BAR]:
        return
    price, through, stop = book[c.bar_at_nb(-side) + c.CLOSE], book[c.LIMIT_THROUGH], book[c.STOP]
    if stop != _NO_LEVEL and side * (price - stop) <= 0:
        book[c.LIVE_STOP], book[c.LIVE_REASON] = stop, book[c.STOP_REASON]
        close_by_stop_nb(bar, price, 0, book)
        return
    for part in range(book[c.N_PARTS]):
        level = book[book[c.PARTS_AT] + part]
        if book[c.SIDE] != 0 and level > 0 and side * (price - level) >= through:
            close_part_nb(bar, price, part, 0, book)
    target = book[c.TARGET]
    if book[c.SIDE] != 0 and target != _NO_LEVEL and side * (price - target) >= through:
        close_nb(bar, price, 0, _TAKE_PROFIT, target, 0, book)
