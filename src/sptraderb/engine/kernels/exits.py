"""Exits inside a bar: what is due at the open, and stop and target on the path (X2, X3, X6, X10, X13)."""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import mark_nb
from sptraderb.engine.kernels.codes import kernel_jit
from sptraderb.engine.kernels.fills import (
    close_at_nb,
    close_nb,
    enter_nb,
    see_nb,
    side_offset_nb,
    slippage_nb,
)
from sptraderb.engine.kernels.levels import Float64Array

_NO_LEVEL = NO_LEVEL
_TAKE_PROFIT = int(ExitReason.TAKE_PROFIT)
_SIGNAL = int(ExitReason.SIGNAL)
_TIME = int(ExitReason.TIME)


@kernel_jit
def open_bar_nb(bar: int, raw_open: int, levels: Float64Array, book: Int64Array) -> None:
    """Do what is due at an open, in the order of X13.

    Risk closes, levels already passed, time exits, signal exits, then the entry (a reversal where
    the other side is still held).
    """
    pending_exit = book[c.PENDING_EXIT]
    if book[c.SIDE] != 0:
        if pending_exit != 0 and pending_exit != _SIGNAL:
            close_at_nb(bar, raw_open, pending_exit, book)
        elif not _close_passed_nb(bar, raw_open, book):
            if book[c.TIME_BAR] == bar:
                close_at_nb(bar, raw_open, _TIME, book)
            elif pending_exit == _SIGNAL:
                close_at_nb(bar, raw_open, _SIGNAL, book)
    book[c.PENDING_EXIT] = 0
    if book[c.PENDING_ENTRY] > 0:
        enter_nb(bar, raw_open, levels, book)
        book[c.PENDING_ENTRY] = 0


@kernel_jit
def _close_passed_nb(bar: int, raw_open: int, book: Int64Array) -> bool:
    """Close at the open where it is beyond the stop (slipped) or the target (not); return whether."""
    side, stop, target = book[c.SIDE], book[c.STOP], book[c.TARGET]
    if bar < book[c.LIVE_BAR]:
        return False
    price = raw_open + side_offset_nb(-side, book)
    if stop != _NO_LEVEL and side * (price - stop) <= 0:
        see_nb(raw_open, book)
        close_nb(bar, price, slippage_nb(price, book), book[c.STOP_REASON], stop, 0, book)
        return True
    if target != _NO_LEVEL and side * (price - target) >= 0:
        see_nb(raw_open, book)
        close_nb(bar, price, 0, _TAKE_PROFIT, target, 0, book)
        return True
    return False


@kernel_jit
def walk_path_nb(bar: int, raw_open: int, low: int, high: int, book: Int64Array) -> None:
    """Let stop and target act on a bar whose range reaches one of them.

    The open decides first (in the entry bar it may lie beyond the level already); where both are
    reachable the stop is taken, or the target when unknown paths are decided for the position.
    """
    if _close_passed_nb(bar, raw_open, book):
        return
    side, stop, target = book[c.SIDE], book[c.STOP], book[c.TARGET]
    offset = side_offset_nb(-side, book)
    adverse, favourable = (low, high) if side > 0 else (high, low)
    stop_hit = stop != _NO_LEVEL and side * (adverse + offset - stop) <= 0
    target_hit = target != _NO_LEVEL and side * (favourable + offset - target) >= 0
    ambiguous = 1 if stop_hit and target_hit else 0
    see_nb(raw_open, book)
    if stop_hit and not (target_hit and book[c.FOR_POSITION] != 0):
        close_nb(bar, stop, slippage_nb(stop, book), book[c.STOP_REASON], stop, ambiguous, book)
    elif target_hit:
        worst, fits = mark_nb(adverse, book)
        if not fits:
            book[c.FAULT] = c.OVERFLOW
        book[c.TROUGH] = min(book[c.TROUGH], worst)
        close_nb(bar, target, 0, _TAKE_PROFIT, target, ambiguous, book)
