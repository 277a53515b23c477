"""How large an entry is: the size a rule wants, and what limits and margin leave of it (A2, A3, A4).

Sizes are whole multiples of the instrument's quantity step, rounded down, and exact: the largest
number of steps whose value does not exceed the budget, with no rounding in between.
"""

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, OrderReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.arithmetic import (
    INT64_MAX,
    carries_lots_nb,
    carries_nb,
    muldiv_floor_nb,
    product_nb,
    weight_nb,
    wide_product_nb,
    wide_quotient_nb,
)
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.levels import Float64Array, stop_level_nb

_RATE_ONE = 10**9
_NO_LEVEL = NO_LEVEL
_NONE = int(OrderReason.NONE)
_MARGIN = int(OrderReason.MARGIN)
_BELOW_MINIMUM = int(OrderReason.BELOW_MINIMUM)
_MAX_SIZE = int(OrderReason.MAX_POSITION_SIZE)
_CLEARLY = 1e-9
_GUESS_ERROR = 1e-13
_LARGE_BUDGET = 1e7
_TEN_DIGITS = 10**10


@kernel_jit
def wanted_size_nb(rule: int, equity: int, tick_value: int, book: Int64Array) -> tuple[int, bool]:
    """Return the steps a rule wants and whether they fit int64.

    Parameters
    ----------
    rule : int
        Where the rule begins in the book.
    equity : int
        Equity to size from, minor units; at or below 0 the size is 0.
    tick_value : int
        Ticks one step is worth: the price, or the distance to the stop for a risk size.
    book : ndarray of int64
        The book.
    """
    if equity <= 0:
        return 0, True
    kind, amount, step = book[rule + c.RULE_SIZE_KIND], book[rule + c.RULE_SIZE], book[c.QUANTITY_STEP]
    if kind == c.SIZE_FIXED:
        return amount - amount % step, amount >= 0
    money = book[c.MONEY_ONE] if kind == c.SIZE_NOTIONAL else equity
    multiplier, divisor = book[c.MONEY_MULTIPLIER], book[c.MONEY_DIVISOR]
    if divisor == 1:
        budget, fits = muldiv_floor_nb(money, amount, _RATE_ONE)
        step_value, value_fits = product_nb(tick_value, multiplier)
        if fits and value_fits:
            steps = budget // step_value
            return steps - steps % step, True
    most = INT64_MAX - INT64_MAX % step
    if carried_nb(tick_value, most, (_RATE_ONE, 0, 0), (money, amount), book):
        return 0, False
    return most_steps_nb(tick_value, most, (_RATE_ONE, 0, 0), (money, amount), book), True


@kernel_jit
def wanted_nb(price: int, rule: int, equity: int, levels: Float64Array, book: Int64Array) -> int:
    """Return the size before cuts; a risk size without a distance to its stop is 0 (A2)."""
    tick_value = price
    if book[rule + c.RULE_SIZE_KIND] == c.SIZE_RISK:
        stop, fault = stop_level_nb(price, rule, book[c.ORDER_DECIDED], levels, book)
        if fault < 0:
            book[c.FAULT] = c.OVERFLOW
        if fault != 0 or stop in (_NO_LEVEL, price):
            return 0
        tick_value = abs(price - stop)
    wanted, fits = wanted_size_nb(rule, equity, tick_value, book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    return wanted


@kernel_jit
def cut_size_nb(
    wanted: int, price: int, others: tuple[int, int], funds: tuple[int, int], rule: int, book: Int64Array
) -> tuple[int, int]:
    """Return the steps that limits and margin leave, and why they are fewer (an OrderReason).

    Parameters
    ----------
    wanted : int
        Steps wanted.
    price : int
        Fill price in ticks.
    others : tuple of int
        Steps the same order closes first, whose commission is paid from the same funds; steps held that
        it adds to, which need margin and count for the limit too. At most one is not 0.
    funds : tuple of int
        Equity the size came from, and what margin is taken from: cash after the closing part was booked,
        or for an addition that equity.
    rule : int
        Where the rule begins in the book.
    book : ndarray of int64
        The book.

    Returns
    -------
    tuple of int
        Steps (0 = rejected) and the reason, NONE for an uncut size.
    """
    minimum = max(book[c.QUANTITY_MIN], 1)
    closing, held = others
    steps = _limited_nb(wanted, price, held, funds[0], book)
    reason = _NONE if steps == wanted else _MAX_SIZE
    if steps < minimum:
        return 0, _BELOW_MINIMUM
    has_fees = book[c.HAS_FEES] != 0
    margin, commission = book[c.MARGIN_PPB], book[c.COMMISSION_PPB]
    load = (margin + commission, closing + held, commission if held == 0 else margin)
    if has_fees:
        carried = _affords_nb(price, steps, others, funds[1], margin, book)
    else:
        carried = carried_nb(price, steps, load, (funds[1], _RATE_ONE), book)
    if carried:
        return steps, reason
    if book[rule + c.RULE_SIZE_KIND] == c.SIZE_FIXED:
        return 0, _MARGIN
    if has_fees:
        steps = _most_afforded_nb(price, steps, others, funds[1], margin, book)
    else:
        steps = most_steps_nb(price, steps, load, (funds[1], _RATE_ONE), book)
    return (steps if steps >= minimum else 0), _MARGIN


@kernel_jit
def _limited_nb(wanted: int, price: int, held: int, equity: int, book: Int64Array) -> int:
    """Return the steps that the limits on a position's size leave beside what is held (A4)."""
    steps = wanted
    if book[c.MAX_SIZE_PPB] > 0:
        limit = (_RATE_ONE, held, _RATE_ONE)
        steps = most_steps_nb(price, steps, limit, (equity, book[c.MAX_SIZE_PPB]), book)
    if book[c.MAX_STEPS] >= 0 and steps > book[c.MAX_STEPS] - held:
        room = max(book[c.MAX_STEPS] - held, 0)
        steps = room - room % book[c.QUANTITY_STEP]
    return steps


@kernel_jit
def placed_size_nb(
    price: int, rule: int, held: int, levels: Float64Array, book: Int64Array
) -> tuple[int, int, int]:
    """Return what an order wants and may have when it is placed, at a price expected then, or a reason.

    Leaves in the book the budget of a size that is money, with which a resting order is sized at its fill.
    """
    equity, wanted = book[c.EQUITY], 0
    kind = book[rule + c.RULE_SIZE_KIND]
    book[c.ORDER_BUDGET] = book[c.ORDER_BUDGET_RATE] = 0
    if kind == c.SIZE_FRACTION:
        budget = rounded_budget_nb(max(equity, 0), book[rule + c.RULE_SIZE], book)
        book[c.ORDER_BUDGET], book[c.ORDER_BUDGET_RATE] = budget
        wanted = budget_size_nb(price, rule, book)
    else:
        wanted = wanted_nb(price, rule, equity, levels, book)
        if kind == c.SIZE_NOTIONAL and equity > 0:
            book[c.ORDER_BUDGET], book[c.ORDER_BUDGET_RATE] = book[c.MONEY_ONE], book[rule + c.RULE_SIZE]
    steps = _limited_nb(wanted, price, held, equity, book)
    return wanted, steps, (_BELOW_MINIMUM if steps < max(book[c.QUANTITY_MIN], 1) else _NONE)


@kernel_jit
def settle_size_nb(price: int, rule: int, held: int, equity: int, book: Int64Array) -> int:
    """Size an order with a frozen budget at its fill; return why it cannot be, or NONE."""
    if book[c.ORDER_BUDGET_RATE] == 0:
        return _NONE
    wanted = budget_size_nb(price, rule, book)
    book[c.ORDER_WANTED] = wanted
    book[c.ORDER_STEPS] = _limited_nb(wanted, price, held, equity, book)
    return _NONE if book[c.ORDER_STEPS] >= max(book[c.QUANTITY_MIN], 1) else _BELOW_MINIMUM


@kernel_jit
def budget_size_nb(price: int, rule: int, book: Int64Array) -> int:
    """Return the most that the budget in the book buys at a price; a share of equity pays commission too."""
    budget = (book[c.ORDER_BUDGET], book[c.ORDER_BUDGET_RATE])
    if budget[0] <= 0:
        return 0
    most, is_share = (
        INT64_MAX - INT64_MAX % book[c.QUANTITY_STEP],
        book[rule + c.RULE_SIZE_KIND] == c.SIZE_FRACTION,
    )
    has_fees = is_share and book[c.HAS_FEES] != 0
    load = (_RATE_ONE + (book[c.COMMISSION_PPB] if is_share and not has_fees else 0), 0, 0)
    steps = most_steps_nb(price, most, load, budget, book)
    if has_fees and steps > 0:
        cash, fits = muldiv_floor_nb(budget[0], budget[1], _RATE_ONE)
        if not fits:
            book[c.FAULT] = c.OVERFLOW
        if not _affords_nb(price, steps, (0, 0), cash, _RATE_ONE, book):
            steps = _most_afforded_nb(price, steps, (0, 0), cash, _RATE_ONE, book)
    if steps == most:
        book[c.FAULT] = c.OVERFLOW
        return 0
    return steps


@kernel_jit
def rounded_budget_nb(equity: int, rate: int, book: Int64Array) -> tuple[int, int]:
    """Return money and rate whose product is that of ``equity`` and ``rate`` at ten significant digits.

    Rounded half up, in account money; from 10^7 on it stays as it is.
    """
    if float(equity) * float(rate) >= _LARGE_BUDGET * _RATE_ONE * float(book[c.MONEY_ONE]):
        return equity, rate
    high, low = wide_product_nb(np.uint64(equity), np.uint64(rate))
    scale = 1 if high == np.uint64(0) else _RATE_ONE
    quotient, rest = wide_quotient_nb(high, low, np.uint64(scale))
    while quotient >= np.uint64(_TEN_DIGITS):
        scale *= 10
        quotient, rest = wide_quotient_nb(high, low, np.uint64(scale))
    if scale == 1:
        return equity, rate
    digits = int(np.int64(quotient)) + (1 if rest >= np.uint64(scale // 2) else 0)
    if scale <= _RATE_ONE:
        return digits, scale
    return digits * (scale // _RATE_ONE), _RATE_ONE


@kernel_jit
def has_margin_nb(price: int, steps: int, funds: int, book: Int64Array) -> bool:
    """Return whether funds carry the margin of a position at a price, exactly, its commission apart."""
    return bool(carried_nb(price, steps, (book[c.MARGIN_PPB], 0, 0), (funds, _RATE_ONE), book))


@inlined_jit
def cut_reason_nb(book: Int64Array) -> int:
    """Return why the size fixed when an order was placed is below what it wanted, or NONE."""
    return _NONE if book[c.ORDER_STEPS] == book[c.ORDER_WANTED] else _MAX_SIZE


@kernel_jit
def _affords_nb(
    price: int, steps: int, others: tuple[int, int], cash: int, margin: int, book: Int64Array
) -> bool:
    """Return whether cash carries margin and a commission with fees and bounds, exactly."""
    closing, held = others
    lot_fee, lot_steps = book[c.LOT_FEE], book[c.LOT_STEPS]
    least, most = book[c.LEAST_FEE], book[c.MOST_FEE]
    load = (margin, held, margin)
    if not carried_nb(price, steps, load, (cash - least, _RATE_ONE), book):
        return False
    if most > 0 and carried_nb(price, steps, load, (cash - most, _RATE_ONE), book):
        return True
    money, both = cash - book[c.ORDER_FEE], steps + closing
    if money < 0:
        return False
    multiplier, divisor, rate = book[c.MONEY_MULTIPLIER], book[c.MONEY_DIVISOR], book[c.COMMISSION_PPB]
    all_steps = float(steps) + float(closing)
    weighed = (float(steps) + float(held)) * margin + all_steps * rate
    need = float(price) * multiplier * weighed / (_RATE_ONE * float(divisor))
    need += all_steps * lot_fee / lot_steps
    if need < money * (1.0 - _CLEARLY):
        return True
    if need > money * (1.0 + _CLEARLY):
        return False
    high, low = weight_nb(steps, margin + rate, closing + held, rate if held == 0 else margin)
    return carries_lots_nb((price, multiplier, high, low), (both, lot_fee, lot_steps), money, divisor)


@kernel_jit
def _most_afforded_nb(
    price: int, steps: int, others: tuple[int, int], cash: int, margin: int, book: Int64Array
) -> int:
    """Return the largest multiple of the quantity step below ``steps`` that the cash affords, or 0."""
    step = book[c.QUANTITY_STEP]
    low, high = 0, steps // step
    while high - low > 1:
        middle = low + (high - low) // 2
        if _affords_nb(price, middle * step, others, cash, margin, book):
            low = middle
        else:
            high = middle
    return int(low * step)


@kernel_jit
def carried_nb(
    price: int, steps: int, load: tuple[int, int, int], budget: tuple[int, int], book: Int64Array
) -> bool:
    """Return whether a budget (money x rate) carries an order, exactly.

    ``load`` is the rate on its steps, further steps, and the rate on those.
    """
    money, rate = budget
    if money < 0:
        return False
    multiplier, divisor = book[c.MONEY_MULTIPLIER], book[c.MONEY_DIVISOR]
    both = float(steps) * load[0] + float(load[1]) * load[2]
    need, have = float(price) * multiplier * both, float(money) * rate * divisor
    if need < have * (1.0 - _CLEARLY):
        return True
    if need > have * (1.0 + _CLEARLY):
        return False
    weight = weight_nb(steps, load[0], load[1], load[2])
    return carries_nb(price, multiplier, weight, (money, rate, divisor))


@kernel_jit
def most_steps_nb(
    price: int, steps: int, load: tuple[int, int, int], budget: tuple[int, int], book: Int64Array
) -> int:
    """Return the largest multiple of the quantity step, at most ``steps``, that the budget carries.

    A float64 guess brackets the answer; bisection with exact comparisons ends it.
    """
    step = book[c.QUANTITY_STEP]
    if carried_nb(price, steps, load, budget, book):
        return steps
    if not carried_nb(price, 0, load, budget, book):
        return 0
    if load[1] == 0 and book[c.MONEY_DIVISOR] == 1:
        step_load, fits = product_nb(price, book[c.MONEY_MULTIPLIER])
        full_load, full_fits = product_nb(step_load, load[0])
        if fits and full_fits:
            most, _ = muldiv_floor_nb(budget[0], budget[1], full_load)
            return int(most - most % step)
    low, high = 0, steps // step
    budget_value = float(budget[0]) * budget[1] * book[c.MONEY_DIVISOR]
    guess = budget_value / (float(price) * book[c.MONEY_MULTIPLIER]) - float(load[1]) * load[2]
    guess = guess / float(load[0]) / step
    margin = abs(guess) * _GUESS_ERROR + 2.0
    for tried in (guess - margin, guess + margin):
        if low < tried < high:
            middle = int(tried)
            if low < middle < high:
                if carried_nb(price, middle * step, load, budget, book):
                    low = middle
                else:
                    high = middle
    while high - low > 1:
        middle = low + (high - low) // 2
        if carried_nb(price, middle * step, load, budget, book):
            low = middle
        else:
            high = middle
    return int(low * step)
