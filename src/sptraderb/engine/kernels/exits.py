"""Exits inside a bar: what is due at the open, and stop and target on the path (X2, X3, X6, X10, X13)."""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import mark_nb
from sptraderb.engine.kernels.codes import Market, Script, Tables, kernel_nb
from sptraderb.engine.kernels.fills import close_at_nb, close_nb, enter_nb, see_nb, side_offset_nb

_NO_LEVEL = NO_LEVEL
_STOP_LOSS = int(ExitReason.STOP_LOSS)
_TAKE_PROFIT = int(ExitReason.TAKE_PROFIT)
_SIGNAL = int(ExitReason.SIGNAL)
_TIME = int(ExitReason.TIME)


@kernel_nb
def open_bar_nb(bar: int, market: Market, script: Script, state: Int64Array, tables: Tables) -> None:
    """Do what is due at an open, in the order of X13.

    Risk closes, levels already passed, time exits, signal exits, then the entry (a reversal where
    the other side is still held).
    """
    raw_open = market.open[bar]
    pending_exit = state[c.PENDING_EXIT]
    if state[c.SIDE] != 0:
        if pending_exit != 0 and pending_exit != _SIGNAL:
            close_at_nb(bar, raw_open, pending_exit, script, state, tables)
        elif not close_passed_nb(bar, raw_open, script, state, tables):
            if state[c.TIME_BAR] == bar:
                close_at_nb(bar, raw_open, _TIME, script, state, tables)
            elif pending_exit == _SIGNAL:
                close_at_nb(bar, raw_open, _SIGNAL, script, state, tables)
    state[c.PENDING_EXIT] = 0
    if state[c.PENDING_ENTRY] > 0:
        enter_nb(bar, raw_open, script, state, tables)
        state[c.PENDING_ENTRY] = 0


@kernel_nb
def close_passed_nb(bar: int, raw_open: int, script: Script, state: Int64Array, tables: Tables) -> bool:
    """Close at the open where it is beyond the stop (slipped) or the target (not); return whether."""
    side, stop, target = state[c.SIDE], state[c.STOP], state[c.TARGET]
    if bar < state[c.LIVE_BAR]:
        return False
    price = raw_open + side_offset_nb(-side, script.terms)
    if stop != _NO_LEVEL and side * (price - stop) <= 0:
        see_nb(raw_open, state)
        close_nb(bar, (price, _STOP_LOSS, stop, 0), True, script.terms, state, tables)
        return True
    if target != _NO_LEVEL and side * (price - target) >= 0:
        see_nb(raw_open, state)
        close_nb(bar, (price, _TAKE_PROFIT, target, 0), False, script.terms, state, tables)
        return True
    return False


@kernel_nb
def walk_path_nb(bar: int, market: Market, script: Script, state: Int64Array, tables: Tables) -> None:
    """Let stop and target act on a bar whose range reaches one of them.

    The open decides first (in the entry bar it may lie beyond the level already); where both are
    reachable the stop is taken, or the target when unknown paths are decided for the position.
    """
    raw_open = market.open[bar]
    if close_passed_nb(bar, raw_open, script, state, tables):
        return
    terms = script.terms
    side, stop, target = state[c.SIDE], state[c.STOP], state[c.TARGET]
    offset = side_offset_nb(-side, terms)
    adverse_raw = market.low[bar] if side > 0 else market.high[bar]
    favourable_raw = market.high[bar] if side > 0 else market.low[bar]
    stop_hit = stop != _NO_LEVEL and side * (adverse_raw + offset - stop) <= 0
    target_hit = target != _NO_LEVEL and side * (favourable_raw + offset - target) >= 0
    ambiguous = 1 if stop_hit and target_hit else 0
    see_nb(raw_open, state)
    if stop_hit and not (target_hit and terms[c.FOR_POSITION] != 0):
        close_nb(bar, (stop, _STOP_LOSS, stop, ambiguous), True, terms, state, tables)
    elif target_hit:
        worst, fits = mark_nb(state, adverse_raw, terms)
        if not fits:
            state[c.FAULT] = c.OVERFLOW
        state[c.TROUGH] = min(state[c.TROUGH], worst)
        close_nb(bar, (target, _TAKE_PROFIT, target, ambiguous), False, terms, state, tables)
