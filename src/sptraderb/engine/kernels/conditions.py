"""What the conditions of a close decide for the next open (rules T1, X14, X18)."""

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import EventCode, ExitReason, OrderReason, OrderState
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import write_event_nb
from sptraderb.engine.kernels.codes import kernel_jit
from sptraderb.engine.kernels.fills import write_order_nb

Conditions = npt.NDArray[np.uint8]

_MAY_ENTER = c.ENTRY_TRUE | c.ENTRY_ALLOWED
_BOTH_SIDES = int(EventCode.BOTH_SIDES)
_SIGNAL = int(ExitReason.SIGNAL)
_UNFILLED = int(OrderState.UNFILLED)
_END_OF_DATA = int(OrderReason.END_OF_DATA)


@kernel_jit
def decide_nb(bar: int, flag: int, conditions: Conditions, book: Int64Array) -> None:
    """Turn the conditions at the close of ``bar`` into the pending entry and exit."""
    long_rule = short_rule = -1
    if flag & _MAY_ENTER == _MAY_ENTER:
        long_rule = _first_true_nb(bar, 1, conditions, book)
        short_rule = _first_true_nb(bar, -1, conditions, book)
    side = book[c.SIDE]
    if long_rule >= 0 and short_rule >= 0:
        write_event_nb(bar, _BOTH_SIDES, 0, book)
        long_rule = short_rule = -1
    entry = -1
    if side != 1 and long_rule >= 0:
        entry = long_rule
    elif side != -1 and short_rule >= 0:
        entry = short_rule
    if entry >= 0:
        book[c.PENDING_ENTRY] = entry + 1
        book[c.DECIDED_BAR] = bar
    elif side != 0 and book[c.EXIT_ROW] >= 0 and conditions[book[c.EXIT_ROW], bar] != 0:
        book[c.PENDING_EXIT] = _SIGNAL


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
    """List the entry that the end of the data left unfilled (X10)."""
    if book[c.PENDING_ENTRY] > 0:
        write_order_nb(n_bars, _UNFILLED, _END_OF_DATA, 0, 0, 0, book)
        book[c.PENDING_ENTRY] = 0
