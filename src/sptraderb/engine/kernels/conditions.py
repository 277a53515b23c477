"""What the conditions of a close decide for the next open (rules T1, X14, X18)."""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import EventCode, ExitReason, OrderReason, OrderState
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import write_event_nb
from sptraderb.engine.kernels.codes import Script, Tables, kernel_nb
from sptraderb.engine.kernels.fills import write_order_nb

_BOTH_SIDES = int(EventCode.BOTH_SIDES)
_SIGNAL = int(ExitReason.SIGNAL)
_UNFILLED = int(OrderState.UNFILLED)
_END_OF_DATA = int(OrderReason.END_OF_DATA)


@kernel_nb
def decide_nb(bar: int, script: Script, state: Int64Array, tables: Tables) -> None:
    """Turn the conditions at the close of ``bar`` into the pending entry and exit."""
    long_rule = _first_true_nb(bar, 1, script)
    short_rule = _first_true_nb(bar, -1, script)
    side = state[c.SIDE]
    if script.allowed[bar] == 0:
        long_rule = short_rule = -1
    if long_rule >= 0 and short_rule >= 0:
        write_event_nb(state, tables.events, bar, _BOTH_SIDES, 0)
        long_rule = short_rule = -1
    entry = -1
    if side != 1 and long_rule >= 0:
        entry = long_rule
    elif side != -1 and short_rule >= 0:
        entry = short_rule
    if entry >= 0:
        state[c.PENDING_ENTRY] = entry + 1
        state[c.DECIDED_BAR] = bar
    elif side != 0:
        row = script.rules[state[c.RULE], c.RULE_EXIT]
        if row >= 0 and script.conditions[row, bar] != 0:
            state[c.PENDING_EXIT] = _SIGNAL


@kernel_nb
def _first_true_nb(bar: int, side: int, script: Script) -> int:
    """Return the first rule of a side whose condition is true, or -1."""
    rules = script.rules
    for number in range(rules.shape[0]):
        if rules[number, c.RULE_SIDE] == side and script.conditions[rules[number, c.RULE_WHEN], bar] != 0:
            return number
    return -1


@kernel_nb
def drop_pending_nb(n_bars: int, script: Script, state: Int64Array, tables: Tables) -> None:
    """List the entry that the end of the data left unfilled (X10)."""
    if state[c.PENDING_ENTRY] > 0:
        side = script.rules[state[c.PENDING_ENTRY] - 1, c.RULE_SIDE]
        write_order_nb(n_bars, side, (_UNFILLED, _END_OF_DATA, 0, 0, 0), state, tables)
        state[c.PENDING_ENTRY] = 0
