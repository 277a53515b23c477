"""Scale-in: adding to the position held, and where its exits lie afterwards (rules X17, M5).

The average fill price becomes the anchor of distances in ticks, percent and R; prices stay, and a stop
never loosens.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, LedgerKind, OrderReason, OrderState
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import book_nb, commission_nb, cost_nb, sizing_equity_nb
from sptraderb.engine.kernels.arithmetic import product_nb, sum_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.fills import add_booked_nb, average_nb, set_unit_nb, side_offset_nb
from sptraderb.engine.kernels.following import set_stop_nb
from sptraderb.engine.kernels.levels import Float64Array, anchored_level_nb, distance_nb
from sptraderb.engine.kernels.listed_fills import list_fill_nb
from sptraderb.engine.kernels.resting_orders import write_order_nb
from sptraderb.engine.kernels.sizing import (
    cut_reason_nb,
    cut_size_nb,
    has_margin_nb,
    settle_size_nb,
    wanted_nb,
)

_NO_LEVEL = NO_LEVEL
_SPREAD = int(LedgerKind.SPREAD)
_SLIPPAGE = int(LedgerKind.SLIPPAGE)
_COMMISSION = int(LedgerKind.COMMISSION)
_FILLED = int(OrderState.FILLED)
_FILLED_CUT = int(OrderState.FILLED_CUT)
_REJECTED = int(OrderState.REJECTED)
_NONE = int(OrderReason.NONE)
_MARGIN = int(OrderReason.MARGIN)
_MIN_DISTANCE = int(OrderReason.MIN_DISTANCE)


@kernel_jit
def add_nb(bar: int, price: int, slippage: int, levels: Float64Array, book: Int64Array) -> bool:
    """Add the order in the book to the position of its side; return whether it filled."""
    rule = c.rule_at_nb(book[c.ORDER_RULE])
    side, held = book[c.SIDE], book[c.QUANTITY]
    fill = price + side * slippage
    equity = sizing_equity_nb(bar, book)
    wanted, steps = 0, 0
    last, reason = book[c.LAST_FILL], _NONE
    if book[c.APART_KIND] != c.KIND_NONE:
        apart, reason = distance_nb(last, _NO_LEVEL, 1, c.APART_KIND, book[c.ORDER_DECIDED], levels, book)
        if reason < 0:
            book[c.FAULT] = c.OVERFLOW
        elif reason == _NONE and abs(price - last) < apart:
            reason = _MIN_DISTANCE
    if reason == _NONE and book[c.CHOICES] & c.SIZE_PLACED != 0:
        if not is_carried_nb(bar, fill, rule, equity, book):
            return False
        wanted, steps = book[c.ORDER_WANTED], book[c.ORDER_STEPS] + book[c.ORDER_CLOSING]
        reason = cut_reason_nb(book)
    elif reason == _NONE:
        wanted = wanted_nb(price, rule, equity, levels, book)
        funds = (equity, equity - book[c.OTHERS_USED])
        steps, reason = cut_size_nb(wanted, fill, (0, held), funds, rule, book)
    if steps > 0:
        commission, fits = commission_nb(fill, steps, book)
        spread, slipped = book[c.SPREAD_BOOKED], book[c.SLIPPAGE_BOOKED]
        _grow_nb(bar, fill, price, steps, book)
        book_nb(bar, _COMMISSION, -commission, book)
        add_booked_nb(c.COMMISSION_BOOKED, -commission, book)
        if book[c.CHOICES] & c.LISTS != 0:
            costs = (book[c.SPREAD_BOOKED] - spread, book[c.SLIPPAGE_BOOKED] - slipped, -commission)
            list_fill_nb(bar, fill, price - side_offset_nb(side, book), steps, costs, book)
        if not fits:
            book[c.FAULT] = c.OVERFLOW
        anchor_nb(levels, book)
    result = _REJECTED if steps == 0 else (_FILLED if reason == _NONE else _FILLED_CUT)
    write_order_nb(bar, (result, reason), (wanted, steps), fill if steps > 0 else 0, book)
    return steps > 0


@kernel_jit
def is_carried_nb(bar: int, fill: int, rule: int, equity: int, book: Int64Array) -> bool:
    """Settle at its fill the size of an order placed before; list one that cannot fill and return false.

    Nothing closes then. An order beside another of the same close needs margin for what it closes too. Where
    a call may follow, margin is not looked at on the path inside a bar, nor after a market exit of the other
    side at the same instant.
    """
    side, held = book[rule + c.RULE_SIDE], book[c.SIDE] * book[c.QUANTITY]
    reason = settle_size_nb(fill, rule, max(side * held, 0), equity, book)
    after = abs(held + side * (book[c.ORDER_STEPS] + book[c.ORDER_CLOSING]))
    is_judged = book[c.CHOICES] & c.CALLS == 0 or (book[c.ON_LEG] == 0 and book[c.LEFT_SIDE] != -side)
    if book[c.ORDER_BESIDE] != 0 and side * held < 0:
        after += abs(held)
        is_judged = True
    if reason == _NONE and is_judged and not has_margin_nb(fill, after, equity - book[c.OTHERS_USED], book):
        reason = _MARGIN
    if reason != _NONE:
        write_order_nb(bar, (_REJECTED, reason), (book[c.ORDER_WANTED], 0), 0, book)
    return bool(reason == _NONE)


@inlined_jit
def _grow_nb(bar: int, fill: int, price: int, steps: int, book: Int64Array) -> None:
    """Hold more: its cost and fills join the sums, its spread and slippage are booked."""
    offset = side_offset_nb(book[c.SIDE], book)
    cost, cost_fits = product_nb(price - offset - book[c.ENTRY_REFERENCE], steps)
    fills, fills_fit = product_nb(fill - book[c.FIRST_FILL], steps)
    book[c.COST], cost_sum_fits = sum_nb(book[c.COST], cost)
    book[c.FILLS], fills_sum_fit = sum_nb(book[c.FILLS], fills)
    book[c.QUANTITY], held_fits = sum_nb(book[c.QUANTITY], steps)
    spread, spread_fits = cost_nb(-abs(offset), steps, book)
    slippage, slippage_fits = cost_nb(-abs(fill - price), steps, book)
    if not (cost_fits and fills_fit and cost_sum_fits and fills_sum_fit and held_fits):
        book[c.FAULT] = c.OVERFLOW
        book[c.QUANTITY] = steps
    if not (spread_fits and slippage_fits):
        book[c.FAULT] = c.OVERFLOW
    book[c.MOST_HELD] = max(book[c.MOST_HELD], book[c.QUANTITY])
    book[c.N_FILLS] += 1
    book[c.LAST_FILL] = fill
    book[c.AMBIGUOUS] |= book[c.ORDER_AMBIGUOUS] | book[c.UNCERTAIN]
    set_unit_nb(book)
    add_booked_nb(c.SPREAD_BOOKED, spread, book)
    add_booked_nb(c.SLIPPAGE_BOOKED, slippage, book)
    book_nb(bar, _SPREAD, spread, book)
    book_nb(bar, _SLIPPAGE, slippage, book)


@kernel_jit
def anchor_nb(levels: Float64Array, book: Int64Array) -> None:
    """Make the average fill price the anchor of the position's exits."""
    rule = c.rule_at_nb(book[c.RULE])
    side = book[c.SIDE]
    book[c.ENTRY_PRICE], fits = average_nb(book[c.FILLS], book[c.FIRST_FILL], book)
    stop = anchored_level_nb(book[c.ATTACHED_STOP], -side, rule + c.STOP_KIND, levels, book)
    attached = book[c.ATTACHED_STOP]
    if stop != _NO_LEVEL and (attached == _NO_LEVEL or side * (stop - attached) > 0):
        book[c.ATTACHED_STOP] = stop
    book[c.TARGET] = anchored_level_nb(book[c.TARGET], side, rule + c.TARGET_KIND, levels, book)
    for part in range(book[c.N_PARTS]):
        at = book[c.PARTS_AT] + part
        if book[at] != c.DONE:
            row = book[rule + c.RULE_PARTS_AT] + part * c.PART_WIDTH
            book[at] = anchored_level_nb(book[at], side, row + c.PART_KIND, levels, book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    book[c.JUDGE_AGAIN] = 1
    set_stop_nb(book)
