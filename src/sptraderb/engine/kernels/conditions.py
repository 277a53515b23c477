"""What the conditions of a close decide: expiry and cancelling, orders for the next open (T1, X14 to X18)."""

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import EventCode, ExitReason, OrderReason, OrderState
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import write_event_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.fills import slippage_nb
from sptraderb.engine.kernels.levels import Float64Array
from sptraderb.engine.kernels.resting_orders import (
    cancel_beyond_margin_nb,
    cancel_nb,
    place_nb,
    size_order_nb,
    write_order_nb,
)

Conditions = npt.NDArray[np.uint8]

_MAY_ENTER = c.ENTRY_TRUE | c.ENTRY_ALLOWED
_BOTH_SIDES = int(EventCode.BOTH_SIDES)
_SIGNAL = int(ExitReason.SIGNAL)
_UNFILLED = int(OrderState.UNFILLED)
_END_OF_DATA = int(OrderReason.END_OF_DATA)
_EXPIRED = int(OrderReason.EXPIRED)
_CANCEL_CONDITION = int(OrderReason.CANCEL_CONDITION)
_REPLACED = int(OrderReason.REPLACED)


@kernel_jit
def decide_nb(bar: int, flag: int, conditions: Conditions, levels: Float64Array, book: Int64Array) -> None:
    """Turn the conditions at the close of ``bar`` into what is pending and what rests.

    Beside a reversal an exit is an order of its own where orders are sized when they are placed.
    """
    if book[c.N_RESTING] > 0:
        if book[c.CHOICES] & c.CALLS != 0:
            cancel_beyond_margin_nb(bar, book)
        _cancel_due_nb(bar, conditions, book)
    long_rule = short_rule = -1
    if flag & _MAY_ENTER == _MAY_ENTER:
        long_rule = _first_true_nb(bar, 1, conditions, book)
        short_rule = _first_true_nb(bar, -1, conditions, book)
    side, acts_alone = book[c.SIDE], book[c.CHOICES] & c.SIZE_PLACED != 0
    if (
        long_rule >= 0
        and short_rule >= 0
        and _is_market_nb(long_rule, book)
        and _is_market_nb(short_rule, book)
        and not acts_alone
    ):
        write_event_nb(bar, _BOTH_SIDES, 0, book)
        long_rule = short_rule = -1
    leaves = side != 0 and flag & c.EXIT_TRUE != 0 and book[c.EXIT_ROW] >= 0
    leaves = leaves and conditions[book[c.EXIT_ROW], bar] != 0
    other = short_rule if side > 0 else long_rule
    closes = leaves and (acts_alone or not (other >= 0 and _is_market_nb(other, book)))
    if long_rule >= 0 and (side != 1 or _may_add_nb(closes, book)):
        _order_nb(bar, long_rule, levels, book)
    if short_rule >= 0 and (side != -1 or _may_add_nb(closes, book)):
        _order_nb(bar, short_rule, levels, book)
    if leaves and (acts_alone or not _reverses_nb(side, book)):
        book[c.PENDING_EXIT] = _SIGNAL


@kernel_jit
def _cancel_due_nb(bar: int, conditions: Conditions, book: Int64Array) -> None:
    """Cancel what has expired, then what its condition cancels (X16)."""
    for side in (1, -1):
        rest = c.rest_at_nb(side)
        if book[rest + c.REST_RULE] > 0 and bar >= book[rest + c.REST_EXPIRES]:
            cancel_nb(bar, rest, _EXPIRED, book)
    for side in (1, -1):
        rest = c.rest_at_nb(side)
        if book[rest + c.REST_RULE] > 0:
            row = book[rest + c.REST_CANCEL]
            if row >= 0 and conditions[row, bar] != 0:
                cancel_nb(bar, rest, _CANCEL_CONDITION, book)


@inlined_jit
def _is_market_nb(number: int, book: Int64Array) -> bool:
    return bool(book[c.rule_at_nb(number) + c.RULE_ORDER_KIND] == c.ORDER_MARKET)


@kernel_jit
def both_enter_nb(bar: int, conditions: Conditions, long_book: Int64Array, short_book: Int64Array) -> bool:
    """Return whether market entries of both sides, each in a book of its own, are true at a close (X14)."""
    long_rule = _first_true_nb(bar, 1, conditions, long_book)
    short_rule = _first_true_nb(bar, -1, conditions, short_book)
    if long_rule < 0 or short_rule < 0:
        return False
    return _is_market_nb(long_rule, long_book) and _is_market_nb(short_rule, short_book)


@inlined_jit
def _reverses_nb(side: int, book: Int64Array) -> bool:
    """Return whether a market order of the other side waits; one refused when placed does not."""
    first, second = book[c.PENDING_ENTRY] - 1, book[c.NEXT_ENTRY] - 1
    if first >= 0 and book[c.rule_at_nb(first) + c.RULE_SIDE] == -side:
        return True
    return bool(second >= 0 and book[c.rule_at_nb(second) + c.RULE_SIDE] == -side)


@inlined_jit
def _may_add_nb(leaves: bool, book: Int64Array) -> bool:
    """Return whether an entry of the side held is an addition; an exit at the same close goes first."""
    return not leaves and book[c.N_FILLS] < book[c.MAX_ENTRIES]


@inlined_jit
def _order_nb(bar: int, number: int, levels: Float64Array, book: Int64Array) -> None:
    """Make a rule's order: for the next open, or at rest; it replaces what rests of its side."""
    rest = c.rest_at_nb(book[c.rule_at_nb(number) + c.RULE_SIDE])
    if book[rest + c.REST_RULE] > 0:
        cancel_nb(bar, rest, _REPLACED, book)
    if not place_nb(bar, number, levels, book):
        return
    if book[c.CHOICES] & c.SIZE_PLACED != 0:
        close = book[c.BAR_BID + c.CLOSE] - book[c.BID_OFFSET]
        slippage = slippage_nb(close, book) - book[c.RANGE_SLIPPAGE]
        price = close + book[c.rule_at_nb(number) + c.RULE_SIDE] * slippage
        if not size_order_nb(bar, number, (price, price), levels, book):
            return
    if book[c.PENDING_ENTRY] > 0:
        book[c.NEXT_ENTRY] = number + 1
        book[c.NEXT_STEPS], book[c.NEXT_WANTED] = book[c.ORDER_STEPS], book[c.ORDER_WANTED]
        book[c.NEXT_CLOSING] = book[c.ORDER_CLOSING]
        return
    book[c.PENDING_ENTRY] = number + 1
    book[c.PENDING_DECIDED] = bar
    book[c.PENDING_STEPS], book[c.PENDING_WANTED] = book[c.ORDER_STEPS], book[c.ORDER_WANTED]
    book[c.PENDING_CLOSING] = book[c.ORDER_CLOSING]


@kernel_jit
def _first_true_nb(bar: int, side: int, conditions: Conditions, book: Int64Array) -> int:
    """Return the first rule of a side whose condition is true, or -1."""
    for number in range(book[c.N_RULES]):
        rule = c.rule_at_nb(number)
        if book[rule + c.RULE_SIDE] == side and conditions[book[rule + c.RULE_WHEN], bar] != 0:
            return number
    return -1


@kernel_jit
def drop_pending_nb(n_bars: int, book: Int64Array) -> None:
    """List the entries that the end of the data left unfilled, the long side's first (X10)."""
    number = book[c.PENDING_ENTRY] - 1
    for side in (1, -1):
        rest = c.rest_at_nb(side)
        if number >= 0 and book[c.rule_at_nb(number) + c.RULE_SIDE] == side:
            book[c.ORDER_RULE], book[c.ORDER_DECIDED] = number, book[c.PENDING_DECIDED]
            write_order_nb(n_bars, (_UNFILLED, _END_OF_DATA), (0, 0), 0, book)
            number = book[c.NEXT_ENTRY] - 1
            book[c.PENDING_ENTRY] = book[c.NEXT_ENTRY] = 0
        elif book[rest + c.REST_RULE] > 0:
            cancel_nb(n_bars, rest, _END_OF_DATA, book)
