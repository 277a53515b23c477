"""How large an entry is: the size a rule wants, and what limits and margin leave of it (A2, A3, A4).

Sizes are whole multiples of the instrument's quantity step, rounded down, and exact: the largest
number of steps whose value does not exceed the budget, with no rounding in between.
"""

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import OrderReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.arithmetic import (
    INT64_MAX,
    carries_nb,
    muldiv_floor_nb,
    product_nb,
    weight_nb,
)
from sptraderb.engine.kernels.codes import kernel_nb

_RATE_ONE = 10**9
_NONE = int(OrderReason.NONE)
_MARGIN = int(OrderReason.MARGIN)
_BELOW_MINIMUM = int(OrderReason.BELOW_MINIMUM)
_MAX_SIZE = int(OrderReason.MAX_POSITION_SIZE)
_CLEARLY = 1e-9
_GUESS_ERROR = 1e-13


@kernel_nb
def wanted_size_nb(rule: Int64Array, equity: int, tick_value: int, terms: Int64Array) -> tuple[int, bool]:
    """Return the steps a rule wants and whether they fit int64.

    Parameters
    ----------
    rule : ndarray of shape (RULE_SIZE_COLUMNS,), dtype=int64
        The rule.
    equity : int
        Equity to size from, minor units; at or below 0 the size is 0.
    tick_value : int
        Ticks one step is worth: the price, or the distance to the stop for a risk size.
    terms : ndarray of shape (TERMS_SIZE,), dtype=int64
        The terms.
    """
    if equity <= 0:
        return 0, True
    kind, amount, step = rule[c.RULE_SIZE_KIND], rule[c.RULE_SIZE], terms[c.QUANTITY_STEP]
    if kind == c.SIZE_FIXED:
        return amount - amount % step, amount >= 0
    money = terms[c.MONEY_ONE] if kind == c.SIZE_NOTIONAL else equity
    multiplier, divisor = terms[c.MONEY_MULTIPLIER], terms[c.MONEY_DIVISOR]
    if divisor == 1:
        budget, fits = muldiv_floor_nb(money, amount, _RATE_ONE)
        step_value, value_fits = product_nb(tick_value, multiplier)
        if fits and value_fits:
            steps = budget // step_value
            return steps - steps % step, True
    most = INT64_MAX - INT64_MAX % step
    if _carried_nb(tick_value, most, (_RATE_ONE, 0, 0), (money, amount), terms):
        return 0, False
    return _most_steps_nb(tick_value, most, (_RATE_ONE, 0, 0), (money, amount), terms), True


@kernel_nb
def cut_size_nb(
    wanted: int, price: int, closing: int, funds: tuple[int, int], rule: Int64Array, terms: Int64Array
) -> tuple[int, int]:
    """Return the steps that limits and margin leave, and why they are fewer (an OrderReason).

    Parameters
    ----------
    wanted : int
        Steps wanted.
    price : int
        Fill price in ticks.
    closing : int
        Steps the same order closes first; their commission is paid from the same funds.
    funds : tuple of int
        Equity the size came from, and cash after the closing part was booked, in minor units.
    rule, terms : ndarray of int64
        Rule and terms.

    Returns
    -------
    tuple of int
        Steps (0 = rejected) and the reason, NONE for an uncut size.
    """
    minimum = max(terms[c.QUANTITY_MIN], 1)
    steps, reason = wanted, _NONE
    if terms[c.MAX_SIZE_PPB] > 0:
        limited = _most_steps_nb(price, steps, (_RATE_ONE, 0, 0), (funds[0], terms[c.MAX_SIZE_PPB]), terms)
        if limited < steps:
            steps, reason = limited, _MAX_SIZE
    if steps < minimum:
        return 0, _BELOW_MINIMUM
    load = (terms[c.MARGIN_PPB], closing, terms[c.COMMISSION_PPB])
    if _carried_nb(price, steps, load, (funds[1], _RATE_ONE), terms):
        return steps, reason
    if rule[c.RULE_SIZE_KIND] == c.SIZE_FIXED:
        return 0, _MARGIN
    steps = _most_steps_nb(price, steps, load, (funds[1], _RATE_ONE), terms)
    return (steps if steps >= minimum else 0), _MARGIN


@kernel_nb
def _carried_nb(
    price: int, steps: int, load: tuple[int, int, int], budget: tuple[int, int], terms: Int64Array
) -> bool:
    """Return whether a budget (money x rate) carries an order, exactly.

    ``load`` is the rate on its steps, the steps it closes beside, and the rate on both together.
    """
    money, rate = budget
    if money < 0:
        return False
    multiplier, divisor = terms[c.MONEY_MULTIPLIER], terms[c.MONEY_DIVISOR]
    both = float(steps) * load[0] + (float(steps) + load[1]) * load[2]
    need, have = float(price) * multiplier * both, float(money) * rate * divisor
    if need < have * (1.0 - _CLEARLY):
        return True
    if need > have * (1.0 + _CLEARLY):
        return False
    weight = weight_nb(steps, load[0] + load[2], load[1], load[2])
    return carries_nb(price, multiplier, weight, (money, rate, divisor))


@kernel_nb
def _most_steps_nb(
    price: int, steps: int, load: tuple[int, int, int], budget: tuple[int, int], terms: Int64Array
) -> int:
    """Return the largest multiple of the quantity step, at most ``steps``, that the budget carries.

    A float64 guess brackets the answer; bisection with exact comparisons ends it.
    """
    step = terms[c.QUANTITY_STEP]
    if _carried_nb(price, steps, load, budget, terms):
        return steps
    if not _carried_nb(price, 0, load, budget, terms):
        return 0
    low, high = 0, steps // step
    budget_value = float(budget[0]) * budget[1] * terms[c.MONEY_DIVISOR]
    guess = budget_value / (float(price) * terms[c.MONEY_MULTIPLIER]) - float(load[1]) * load[2]
    guess = guess / (float(load[0]) + load[2]) / step
    margin = abs(guess) * _GUESS_ERROR + 2.0
    for tried in (guess - margin, guess + margin):
        if low < tried < high:
            middle = np.int64(tried)
            if low < middle < high:
                if _carried_nb(price, middle * step, load, budget, terms):
                    low = middle
                else:
                    high = middle
    while high - low > 1:
        middle = low + (high - low) // 2
        if _carried_nb(price, middle * step, load, budget, terms):
            low = middle
        else:
            high = middle
    return low * step
