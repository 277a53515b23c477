"""Stops that move: trailing stop and break-even follow the water mark of finished bars (X8, X15).

The mark starts at the fill and takes the favourable extreme of each finished bar, so a level is never
set by a price that may have come after it was touched. Of stop-loss, break-even and trailing stop the
nearest governs; none loosens, because the mark never goes back.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason, OrderReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.arithmetic import sum_nb
from sptraderb.engine.kernels.codes import kernel_jit
from sptraderb.engine.kernels.levels import Float64Array, distance_nb

_NO_LEVEL = NO_LEVEL
_STOP_LOSS = int(ExitReason.STOP_LOSS)
_BREAK_EVEN = int(ExitReason.BREAK_EVEN)
_TRAILING = int(ExitReason.TRAILING_STOP)
_NONE = int(OrderReason.NONE)
_WRONG_STOP = int(OrderReason.WRONG_SIDE_STOP)


@kernel_jit
def following_nb(
    fill: int, stop: int, rule: int, levels: Float64Array, book: Int64Array
) -> tuple[int, int, int, int]:
    """Return trailing distance (0 = none), activation, break-even move, and the reason to reject.

    The moves are in ticks from the fill; a distance of 0 or less rejects the entry.
    """
    trail, after, even, fault = 0, 0, c.NEVER, _NONE
    bar, skips = book[c.ORDER_DECIDED], book[c.CHOICES] & c.ANY_LEVEL != 0
    if book[rule + c.TRAIL_KIND] != c.KIND_NONE:
        trail, fault = distance_nb(fill, stop, 1, rule + c.TRAIL_KIND, bar, levels, book)
        if skips and fault > _NONE:
            trail, fault = 0, _NONE
        elif fault == _NONE and trail <= 0:
            fault = _WRONG_STOP
        if fault == _NONE:
            after, fault = distance_nb(fill, stop, 1, rule + c.ACTIVATE_KIND, bar, levels, book)
            if skips:
                fault = min(fault, _NONE)
    if fault == _NONE and book[rule + c.BREAK_KIND] != c.KIND_NONE:
        even, fault = distance_nb(fill, stop, 1, rule + c.BREAK_KIND, bar, levels, book)
        if skips and fault > _NONE:
            even, fault = c.NEVER, _NONE
    if fault < 0:
        book[c.FAULT] = c.OVERFLOW
    return trail, after, even, max(fault, _NONE)


@kernel_jit
def start_following_nb(trail: int, after: int, even: int, book: Int64Array) -> None:
    """Set the water mark of the position just opened, and its first stop.

    Where nothing follows, the mark lies where no price can pass it.
    """
    book[c.TRAIL_TICKS] = trail
    book[c.TRAIL_AFTER] = after
    book[c.BREAK_EVEN_AFTER] = even
    book[c.EVEN_LEVEL] = _NO_LEVEL
    book[c.IS_TRAILING] = book[c.JUDGE_AGAIN] = 0
    book[c.STOP] = book[c.INITIAL_STOP]
    book[c.STOP_REASON] = _STOP_LOSS
    book[c.WATER] = book[c.SIDE] * c.FAR
    if trail > 0 or even != c.NEVER:
        book[c.WATER] = book[c.ENTRY_PRICE]
        _judge_nb(True, book)


@kernel_jit
def follow_nb(price: int, book: Int64Array) -> None:
    """Let a finished bar's favourable extreme, a price of the exit's side, raise the water mark.

    A partial exit that brings break-even, and an anchor that moved, count from here on too.
    """
    if book[c.SIDE] * (price - book[c.WATER]) > 0:
        book[c.WATER] = price
        _judge_nb(True, book)
    elif book[c.JUDGE_AGAIN] != 0:
        _judge_nb(True, book)


@kernel_jit
def ride_nb(price: int, book: Int64Array) -> None:
    """Let a price on the path inside a bar raise the water mark, for the trailing stop alone."""
    if book[c.SIDE] * (price - book[c.WATER]) > 0:
        book[c.WATER] = price
        _judge_nb(False, book)


@kernel_jit
def _judge_nb(is_end: bool, book: Int64Array) -> None:
    """Judge how far the mark has come from the average price; what was reached once stays (X15, X17).

    Break-even is judged at the end of a bar only; before it, the bar's end must judge again.
    """
    side, entry = book[c.SIDE], book[c.ENTRY_PRICE]
    moved, level = side * (book[c.WATER] - entry), book[c.EVEN_LEVEL]
    is_even = moved >= book[c.BREAK_EVEN_AFTER] or book[c.PARTS_EVEN] != 0 or level != _NO_LEVEL
    if is_end and is_even and (level == _NO_LEVEL or side * (entry - level) > 0):
        book[c.EVEN_LEVEL] = entry
    if book[c.TRAIL_TICKS] > 0 and moved >= book[c.TRAIL_AFTER]:
        book[c.IS_TRAILING] = 1
    book[c.JUDGE_AGAIN] = 0 if is_end else 1
    set_stop_nb(book)


@kernel_jit
def set_stop_nb(book: Int64Array) -> None:
    """Make the nearest of stop-loss, break-even and trailing stop the stop."""
    side = book[c.SIDE]
    stop, reason = book[c.ATTACHED_STOP], _STOP_LOSS
    level = book[c.EVEN_LEVEL]
    if level != _NO_LEVEL and (stop == _NO_LEVEL or side * (level - stop) > 0):
        stop, reason = level, _BREAK_EVEN
    if book[c.IS_TRAILING] != 0:
        level, fits = sum_nb(book[c.WATER], -side * book[c.TRAIL_TICKS])
        if not fits:
            book[c.FAULT] = c.OVERFLOW
        if level > 0 and (stop == _NO_LEVEL or side * (level - stop) > 0):
            stop, reason = level, _TRAILING
    book[c.STOP] = stop
    book[c.STOP_REASON] = reason
