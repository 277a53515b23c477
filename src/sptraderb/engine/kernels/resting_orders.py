"""Orders that wait: placing, cancelling and listing them (rules X16, X18, M4).

The book has room for one resting order a side. Where and when they fill is in `opening` and `bar_path`.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import OrderReason, OrderState
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.codes import kernel_jit
from sptraderb.engine.kernels.levels import Float64Array, on_grid_nb
from sptraderb.engine.kernels.sizing import has_margin_nb, placed_size_nb
from sptraderb.engine.kernels.table_room import has_room_nb

_REJECTED = int(OrderState.REJECTED)
_UNFILLED = int(OrderState.UNFILLED)
_CANCELLED = int(OrderState.CANCELLED)
_NONE = int(OrderReason.NONE)
_UNDEFINED = int(OrderReason.PRICE_UNDEFINED)
_MARGIN = int(OrderReason.MARGIN)
_END_OF_DATA = int(OrderReason.END_OF_DATA)
_LARGEST_PRICE = 2.0**52


@kernel_jit
def write_order_nb(
    bar: int, state: tuple[int, int], sizes: tuple[int, int], price: int, book: Int64Array
) -> None:
    """Write what became of the order in the book on a bar.

    ``state`` is its state and the reason, ``sizes`` the steps wanted and filled.
    """
    if not has_room_nb(c.N_ORDERS, 1, book):
        return
    at = c.order_at_nb(book)
    number = book[c.ORDER_RULE]
    book[at] = book[c.ORDER_DECIDED]
    book[at + 1] = bar
    book[at + 2] = book[c.rule_at_nb(number) + c.RULE_SIDE]
    book[at + 3] = number
    book[at + 4] = state[0]
    book[at + 5] = state[1]
    book[at + 6] = sizes[0]
    book[at + 7] = sizes[1]
    book[at + 8] = price
    book[c.N_ORDERS] += 1


@kernel_jit
def take_nb(rest: int, book: Int64Array) -> None:
    """Make a resting order the order being filled; it rests no longer."""
    book[c.ORDER_RULE] = book[rest + c.REST_RULE] - 1
    book[c.ORDER_DECIDED] = book[rest + c.REST_DECIDED]
    book[c.ORDER_AMBIGUOUS] = book[rest + c.REST_AMBIGUOUS]
    book[c.ORDER_STEPS] = book[rest + c.REST_STEPS]
    book[c.ORDER_WANTED] = book[rest + c.REST_WANTED]
    book[c.ORDER_CLOSING] = book[rest + c.REST_CLOSING]
    book[c.ORDER_BUDGET], book[c.ORDER_BUDGET_RATE] = (
        book[rest + c.REST_BUDGET],
        book[rest + c.REST_BUDGET_RATE],
    )
    book[rest + c.REST_RULE] = 0
    book[c.N_RESTING] -= 1


@kernel_jit
def cancel_nb(bar: int, rest: int, reason: int, book: Int64Array) -> None:
    """Cancel a resting order and list it at its level, the stop of a stop-limit."""
    rule = c.rule_at_nb(book[rest + c.REST_RULE] - 1)
    level = c.REST_LIMIT if book[rule + c.RULE_ORDER_KIND] == c.ORDER_LIMIT else c.REST_STOP
    if book[rest + level] == 0:
        level = c.REST_LIMIT
    take_nb(rest, book)
    state = _UNFILLED if reason == _END_OF_DATA else _CANCELLED
    write_order_nb(bar, (state, reason), (0, 0), book[rest + level], book)


@kernel_jit
def cancel_both_nb(bar: int, reason: int, book: Int64Array) -> None:
    """Cancel what rests, the long side's first."""
    for side in (1, -1):
        rest = c.rest_at_nb(side)
        if book[rest + c.REST_RULE] > 0:
            cancel_nb(bar, rest, reason, book)


@kernel_jit
def cancel_beyond_margin_nb(bar: int, book: Int64Array) -> None:
    """Cancel resting orders whose position the account could not carry at this close."""
    close = book[c.BAR_BID + c.CLOSE] - book[c.BID_OFFSET]
    for side in (1, -1):
        rest = c.rest_at_nb(side)
        if book[rest + c.REST_RULE] > 0:
            after = book[c.SIDE] * book[c.QUANTITY]
            after += side * (book[rest + c.REST_STEPS] + book[rest + c.REST_CLOSING])
            if not has_margin_nb(close, abs(after), book[c.EQUITY], book):
                cancel_nb(bar, rest, _MARGIN, book)


@kernel_jit
def place_nb(bar: int, number: int, levels: Float64Array, book: Int64Array) -> bool:
    """Rest the order of a rule from the next bar on; one without a price is rejected (X16, M4).

    Where undefined prices are absent it is of the kind that is left; returns whether that is a market
    order, which the caller makes.
    """
    rule = c.rule_at_nb(number)
    side, kind = book[rule + c.RULE_SIDE], book[rule + c.RULE_ORDER_KIND]
    if kind == c.ORDER_MARKET:
        return True
    stop, limit = 0, 0
    is_sound = True
    if kind != c.ORDER_LIMIT:
        stop = _price_nb(levels[book[rule + c.RULE_STOP_ROW], bar], side, book)
        is_sound = stop > 0
    if kind != c.ORDER_STOP:
        limit = _price_nb(levels[book[rule + c.RULE_LIMIT_ROW], bar], -side, book)
        is_sound = is_sound and limit > 0
    if not is_sound and book[c.CHOICES] & c.ANY_LEVEL != 0:
        if stop == 0 and limit == 0:
            return True
        kind, is_sound = (c.ORDER_STOP if limit == 0 else c.ORDER_LIMIT), True
    if not is_sound:
        book[c.ORDER_RULE], book[c.ORDER_DECIDED] = number, bar
        write_order_nb(bar, (_REJECTED, _UNDEFINED), (0, 0), 0, book)
        return False
    price = limit if kind == c.ORDER_LIMIT else stop
    is_placed = book[c.CHOICES] & c.SIZE_PLACED != 0
    close = book[c.BAR_BID + c.CLOSE] - book[c.BID_OFFSET]
    if is_placed and not size_order_nb(bar, number, (price, close), levels, book):
        return False
    rest, expires = c.rest_at_nb(side), book[rule + c.RULE_EXPIRES]
    book[rest + c.REST_RULE] = number + 1
    book[rest + c.REST_DECIDED] = bar
    book[rest + c.REST_KIND] = kind
    book[rest + c.REST_STOP] = stop
    book[rest + c.REST_LIMIT] = limit
    book[rest + c.REST_EXPIRES] = bar + expires if expires > 0 else c.FAR
    book[rest + c.REST_CANCEL] = book[rule + c.RULE_CANCEL]
    book[rest + c.REST_OCO] = book[rule + c.RULE_OCO]
    book[rest + c.REST_AMBIGUOUS] = 0
    book[rest + c.REST_STEPS] = book[c.ORDER_STEPS]
    book[rest + c.REST_WANTED] = book[c.ORDER_WANTED]
    book[rest + c.REST_CLOSING] = book[c.ORDER_CLOSING]
    if is_placed:
        book[rest + c.REST_BUDGET] = book[c.ORDER_BUDGET]
        book[rest + c.REST_BUDGET_RATE] = book[c.ORDER_BUDGET_RATE]
    book[c.N_RESTING] += 1
    return False


@kernel_jit
def size_order_nb(
    bar: int, number: int, prices: tuple[int, int], levels: Float64Array, book: Int64Array
) -> bool:
    """Fix what an order opens and closes as things stand now; return whether it is an order at all.

    ``prices`` are what it is sized at and what its margin is judged at. One below the smallest size, of a
    risk without a stop, or beyond the margin is rejected at once.
    """
    rule = c.rule_at_nb(number)
    side = book[rule + c.RULE_SIDE]
    book[c.ORDER_RULE], book[c.ORDER_DECIDED] = number, bar
    held = book[c.QUANTITY] if book[c.SIDE] == side else 0
    wanted, steps, reason = placed_size_nb(prices[0], rule, held, levels, book)
    if (
        reason == _NONE
        and book[c.CHOICES] & c.CALLS != 0
        and not has_margin_nb(prices[1], steps, book[c.EQUITY], book)
    ):
        reason = _MARGIN
    if reason != _NONE:
        write_order_nb(bar, (_REJECTED, reason), (wanted, 0), 0, book)
        return False
    book[c.ORDER_WANTED], book[c.ORDER_STEPS] = wanted, steps
    book[c.ORDER_CLOSING] = book[c.QUANTITY] - held
    return True


@kernel_jit
def _price_nb(price: float, away: int, book: Int64Array) -> int:
    """Return an order's price in ticks, off the grid up or down; 0 where there is none."""
    scaled = price * float(book[c.PRICE_FACTOR])
    if not abs(scaled) < _LARGEST_PRICE:
        return 0
    return max(on_grid_nb(scaled, away), 0)
