"""The path of a bar between its open and its close, of which only the extremes are known.

What comes in one direction comes in order of distance from the open; where orders of both directions
are reached nobody knows which came first, and rule X6 decides against the position (X2 to X4, X6, X7).
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.entries import enter_nb
from sptraderb.engine.kernels.fills import (
    close_nb,
    close_part_nb,
    see_nb,
    side_offset_nb,
    slippage_nb,
    worsen_trough_nb,
)
from sptraderb.engine.kernels.levels import Float64Array
from sptraderb.engine.kernels.margin import close_by_stop_nb, may_be_out_nb, set_live_stop_nb
from sptraderb.engine.kernels.opening import close_passed_nb
from sptraderb.engine.kernels.resting_orders import take_nb

_NO_LEVEL = NO_LEVEL
_TAKE_PROFIT = int(ExitReason.TAKE_PROFIT)
_NOTHING, _STOP, _PROFIT, _LONG, _SHORT = range(5)


@kernel_jit
def walk_path_nb(bar: int, levels: Float64Array, book: Int64Array) -> None:
    """Let exits and resting entries act on what the bar's range reaches.

    The open decides first: in the entry bar it may lie beyond a level already.
    """
    book[c.UNCERTAIN] = 0
    side = book[c.SIDE]
    if side != 0:
        exit_bar = c.bar_at_nb(-side)
        if close_passed_nb(bar, book):
            arm_nb(book)
            return
        see_nb(book[exit_bar + c.OPEN], book)
    going = True
    while going:
        going = _take_next_nb(bar, levels, book)
    book[c.UNCERTAIN] = 0
    if book[c.N_RESTING] > 0:
        arm_nb(book)


@inlined_jit
def is_untouched_nb(bar: int, book: Int64Array) -> bool:
    """Return whether a bar clearly reaches nothing of what is held, with nothing at rest.

    Its extremes are seen when it is marked.
    """
    if book[c.N_RESTING] != 0 or book[c.N_PARTS] != 0 or bar < book[c.LIVE_BAR]:
        return False
    side, exit_bar = book[c.SIDE], c.bar_at_nb(-book[c.SIDE])
    low, high = book[exit_bar + c.LOW], book[exit_bar + c.HIGH]
    stop, target = book[c.STOP], book[c.TARGET]
    if book[c.STOP_OUT_PPB] != 0 and may_be_out_nb(low if side > 0 else high, book):
        return False
    if side > 0:
        return bool(low > stop and (target == _NO_LEVEL or high < target) and high <= book[c.WATER])
    return bool(low > target and (stop == _NO_LEVEL or high < stop) and low >= book[c.WATER])


@kernel_jit
def matters_nb(bar: int, book: Int64Array) -> bool:
    """Return whether the course of a bar inside matters to what is held or rests (X6 to X8)."""
    side = book[c.SIDE]
    for entry_side in (1, -1):
        rest, own_bar = c.rest_at_nb(entry_side), c.bar_at_nb(entry_side)
        if book[rest + c.REST_RULE] > 0:
            is_limit = book[rest + c.REST_KIND] == c.ORDER_LIMIT
            level = book[rest + (c.REST_LIMIT if is_limit else c.REST_STOP)]
            if book[own_bar + c.LOW] <= level <= book[own_bar + c.HIGH]:
                return True
    if side == 0 or (bar < book[c.LIVE_BAR] and book[c.STOP_OUT_PPB] == 0):
        return False
    exit_bar = c.bar_at_nb(-side)
    set_live_stop_nb(bar, book[exit_bar + c.OPEN], book)
    low, high = book[exit_bar + c.LOW], book[exit_bar + c.HIGH]
    adverse, favourable = (low, high) if side > 0 else (high, low)
    is_live = bar >= book[c.LIVE_BAR]
    if is_live and side * (favourable - book[c.WATER]) > 0:
        return True
    level = _NO_LEVEL
    if is_live:
        _, level = nearest_profit_nb(book)
    stop = book[c.LIVE_STOP]
    is_stopped = stop != _NO_LEVEL and side * (adverse - stop) <= 0
    return bool(is_stopped and level != _NO_LEVEL and side * (favourable - level) >= 0)


@inlined_jit
def _take_next_nb(bar: int, levels: Float64Array, book: Int64Array) -> bool:
    """Let the next order in reach act; return whether others may follow in this bar."""
    side = book[c.SIDE]
    if side != 0:
        set_live_stop_nb(bar, book[c.bar_at_nb(-side) + c.OPEN], book)
    down, down_far = _first_nb(bar, -1, book)
    up, up_far = _first_nb(bar, 1, book)
    if down == _NOTHING and up == _NOTHING:
        return False
    takes_up = down == _NOTHING
    uncertain = 0
    if down != _NOTHING and up != _NOTHING:
        uncertain = 1
        if side != 0:
            takes_up = (side < 0) != (book[c.FOR_POSITION] != 0)
        else:
            takes_up = up_far < down_far or (up_far == down_far and up == _LONG)
    event = up if takes_up else down
    direction = 1 if takes_up else -1
    if event in (_LONG, _SHORT):
        return _enter_nb(bar, 1 if event == _LONG else -1, uncertain, direction, levels, book)
    book[c.UNCERTAIN] |= uncertain
    if event == _STOP:
        close_by_stop_nb(bar, book[c.LIVE_STOP], 0, book)
        return False
    worst = book[c.bar_at_nb(-side) + (c.LOW if side > 0 else c.HIGH)]
    return _take_profit_nb(bar, worst, 0, book)


@inlined_jit
def _first_nb(bar: int, direction: int, book: Int64Array) -> tuple[int, int]:
    """Return the first order that the range reaches in a direction, and how far from the open it lies.

    At equal distances: stop, partial exits and target, the long entry, the short one.
    """
    found, nearest = _NOTHING, c.FAR
    side = book[c.SIDE]
    if side != 0:
        exit_bar = c.bar_at_nb(-side)
        extreme = book[exit_bar + (c.HIGH if direction > 0 else c.LOW)]
        if direction == -side:
            stop = book[c.LIVE_STOP]
            if stop != _NO_LEVEL and direction * (extreme - stop) >= 0:
                found, nearest = _STOP, abs(stop - book[exit_bar + c.OPEN])
        else:
            level = _live_profit_nb(bar, book)
            if level != _NO_LEVEL and direction * (extreme - level) >= book[c.LIMIT_THROUGH]:
                found, nearest = _PROFIT, abs(level - book[exit_bar + c.OPEN])
    if book[c.N_RESTING] > 0:
        for entry_side in (1, -1):
            if book[c.rest_at_nb(entry_side) + c.REST_RULE] > 0:
                way, far, _, _, _ = _reach_nb(entry_side, book)
                if way == direction and far < nearest:
                    found, nearest = (_LONG if entry_side > 0 else _SHORT), far
    return found, nearest


@kernel_jit
def nearest_profit_nb(book: Int64Array) -> tuple[int, int]:
    """Return the nearest of partial exits and target: its number (-1: the target) and level.

    At equal levels partial exits come first, in the order stated. NO_LEVEL if there is none.
    """
    side, found, nearest = book[c.SIDE], -1, _NO_LEVEL
    for part in range(book[c.N_PARTS]):
        level = book[book[c.PARTS_AT] + part]
        if level > 0 and (nearest == _NO_LEVEL or side * (nearest - level) > 0):
            found, nearest = part, level
    target = book[c.TARGET]
    if target != _NO_LEVEL and (nearest == _NO_LEVEL or side * (nearest - target) > 0):
        found, nearest = -1, target
    return found, nearest


@inlined_jit
def _live_profit_nb(bar: int, book: Int64Array) -> int:
    """Return the level of the nearest partial exit or target, NO_LEVEL where none is live yet."""
    if bar < book[c.LIVE_BAR]:
        return _NO_LEVEL
    _, level = nearest_profit_nb(book)
    return level


@inlined_jit
def _take_profit_nb(bar: int, worst: int, ambiguous: int, book: Int64Array) -> bool:
    """Fill the nearest partial exit or the target at its level; return whether a position is left.

    A price ``worst`` that may have come before counts for the trough, NO_LEVEL if none may.
    """
    trough, n_trades = book[c.TROUGH], book[c.N_TRADES]
    if worst != _NO_LEVEL:
        worsen_trough_nb(worst, book)
    part, level = nearest_profit_nb(book)
    if part >= 0:
        close_part_nb(bar, level, part, ambiguous, book)
    else:
        close_nb(bar, level, 0, _TAKE_PROFIT, level, ambiguous, book)
    if book[c.N_TRADES] == n_trades:
        book[c.TROUGH] = trough
    return bool(book[c.SIDE] != 0)


@kernel_jit
def _reach_nb(side: int, book: Int64Array) -> tuple[int, int, int, int, int]:
    """Return whether and how the range fills a resting order that the open has not passed.

    Returns
    -------
    tuple of int
        Direction in which it is met (0: not reached), distance of that from the open, fill price, 1 if
        it is slipped, and the direction of the extreme that certainly comes after (X7): 0 if neither,
        NEVER if that it fills at all is not certain.
    """
    rest, own_bar = c.rest_at_nb(side), c.bar_at_nb(side)
    stop, limit, kind = book[rest + c.REST_STOP], book[rest + c.REST_LIMIT], book[rest + c.REST_KIND]
    open_, low, high = book[own_bar + c.OPEN], book[own_bar + c.LOW], book[own_bar + c.HIGH]
    worst, best = (high, low) if side > 0 else (low, high)
    is_reached = side * (limit - best) >= book[c.LIMIT_THROUGH]
    if kind == c.ORDER_LIMIT:
        return (-side if is_reached else 0), abs(limit - open_), limit, 0, -side
    is_armed = side * (worst - stop) >= 0
    if kind == c.ORDER_STOP:
        return (side if is_armed else 0), abs(stop - open_), stop, 1, side
    if is_armed and side * (limit - stop) >= 0:
        return side, abs(stop - open_), stop, 0, side
    is_certain = side * (limit - book[own_bar + c.CLOSE]) >= book[c.LIMIT_THROUGH]
    fills = is_armed and is_reached and (is_certain or book[c.FOR_POSITION] != 0)
    return (side if fills else 0), abs(stop - open_), limit, 0, (0 if is_certain else c.NEVER)


@kernel_jit
def arm_nb(book: Int64Array) -> None:
    """Make a limit of each stop-limit whose stop the bar has reached; what else it reached is unknown."""
    for side in (1, -1):
        rest, own_bar = c.rest_at_nb(side), c.bar_at_nb(side)
        if book[rest + c.REST_RULE] == 0 or book[rest + c.REST_KIND] != c.ORDER_STOP_LIMIT:
            continue
        low, high = book[own_bar + c.LOW], book[own_bar + c.HIGH]
        worst, best = (high, low) if side > 0 else (low, high)
        if side * (worst - book[rest + c.REST_STOP]) >= 0:
            book[rest + c.REST_KIND] = c.ORDER_LIMIT
            if side * (book[rest + c.REST_LIMIT] - best) >= book[c.LIMIT_THROUGH]:
                book[rest + c.REST_AMBIGUOUS] = 1


@inlined_jit
def _enter_nb(
    bar: int, entry_side: int, uncertain: int, direction: int, levels: Float64Array, book: Int64Array
) -> bool:
    """Fill a resting entry inside the bar; return whether the search for orders goes on.

    It does after a refusal that closed nothing; after a fill the rest of the bar is that of X7.
    """
    side, trough = book[c.SIDE], book[c.TROUGH]
    _, _, price, is_slipped, behind = _reach_nb(entry_side, book)
    take_nb(c.rest_at_nb(entry_side), book)
    if side != 0 and side in (direction, entry_side):
        worsen_trough_nb(book[c.bar_at_nb(-side) + (c.LOW if side > 0 else c.HIGH)], book)
    was_uncertain = book[c.UNCERTAIN]
    book[c.UNCERTAIN] |= uncertain
    if behind == c.NEVER:
        behind = 0
        book[c.UNCERTAIN] = 1
    is_filled = enter_nb(bar, price, slippage_nb(price, book) if is_slipped else 0, levels, book)
    if not is_filled and book[c.SIDE] == side:
        book[c.UNCERTAIN], book[c.TROUGH] = was_uncertain, trough
        return True
    arm_nb(book)
    if is_filled:
        _finish_nb(bar, price, behind, side == entry_side, book)
    return False


@inlined_jit
def _finish_nb(bar: int, price: int, behind: int, is_addition: bool, book: Int64Array) -> None:
    """Let exits act after a fill inside the bar: the close and the extreme behind it are certain (X7).

    What is not certain is taken out of the bar's prices for the marks that follow.
    """
    side = book[c.SIDE]
    exit_bar = c.bar_at_nb(-side)
    adverse, favourable = (c.LOW, c.HIGH) if side > 0 else (c.HIGH, c.LOW)
    worst, best, close = book[exit_bar + adverse], book[exit_bar + favourable], book[exit_bar + c.CLOSE]
    book[c.WORST] = worst if behind == -side else close
    instant = price - side_offset_nb(side, book) + side_offset_nb(-side, book)
    set_live_stop_nb(bar, instant, book)
    stop = book[c.LIVE_STOP]
    if stop != _NO_LEVEL and side * (instant - stop) <= 0:
        close_by_stop_nb(bar, instant, 0, book)
        return
    if bar >= book[c.LIVE_BAR] or stop != _NO_LEVEL:
        certain_best = best if behind == side else close
        _close_after_nb(bar, side * worst, (side * certain_best, side * best), behind, book)
    if not is_addition:
        if behind != side:
            book[exit_bar + favourable] = close
        if behind != -side:
            book[exit_bar + adverse] = close


@inlined_jit
def _close_after_nb(bar: int, worst: int, best: tuple[int, int], behind: int, book: Int64Array) -> None:
    """Decide stop and targets on what is certain after a fill at a level, and what is not (X7).

    ``worst`` is the bar's adverse extreme; the certain one stands in the book; ``best`` are the certain
    and the possible favourable ones, all times the side.
    """
    side, stop, through = book[c.SIDE], book[c.LIVE_STOP], book[c.LIMIT_THROUGH]
    stop_certain = stop != _NO_LEVEL and side * book[c.WORST] <= side * stop
    stop_possible = stop != _NO_LEVEL and worst <= side * stop
    level = _live_profit_nb(bar, book)
    is_touched = level != _NO_LEVEL and best[1] >= side * level + through
    for_position = book[c.FOR_POSITION] != 0
    while (for_position or not stop_possible) and book[c.SIDE] != 0:
        level = _live_profit_nb(bar, book)
        if level == _NO_LEVEL or best[1] < side * level + through:
            break
        if best[0] < side * level + through:
            book[c.AMBIGUOUS] = 1
            if not for_position:
                break
        before = book[c.WORST] if behind == -side else _NO_LEVEL
        _take_profit_nb(bar, before, 1 if stop_possible else 0, book)
    if book[c.SIDE] == 0 or not stop_possible:
        return
    if for_position and not stop_certain:
        book[c.AMBIGUOUS] = 1
        return
    ambiguous = 1 if is_touched or not stop_certain else 0
    close_by_stop_nb(bar, stop, ambiguous, book)
