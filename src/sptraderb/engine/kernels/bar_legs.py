"""The path of a bar taken from its shape: three legs, and on each the nearest order first.

Open, high, low, close where the high is nearer to the open than the low, else open, low, high, close
(profile `tradingview`). Nothing is ambiguous, so several orders may fill in a bar, and trailing stops ride.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.bar_path import nearest_profit_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.entries import enter_nb
from sptraderb.engine.kernels.fills import close_nb, close_part_nb, see_nb, slippage_nb, worsen_trough_nb
from sptraderb.engine.kernels.finer_bars import show_finer_nb
from sptraderb.engine.kernels.following import ride_nb
from sptraderb.engine.kernels.levels import Float64Array
from sptraderb.engine.kernels.margin import close_by_stop_nb, set_live_stop_nb
from sptraderb.engine.kernels.margin_calls import AT_FIRST_END, AT_OPEN, AT_SECOND_END, call_margin_nb
from sptraderb.engine.kernels.opening import close_passed_nb, enter_passed_nb
from sptraderb.engine.kernels.resting_orders import take_nb

_NO_LEVEL = NO_LEVEL
_TAKE_PROFIT = int(ExitReason.TAKE_PROFIT)
_NOTHING, _STOP, _PROFIT, _LONG, _SHORT = range(5)


@kernel_jit
def walk_shape_nb(
    bar: int,
    spans: Int64Array,
    finer: Int64Array,
    finer_ask: Int64Array,
    levels: Float64Array,
    book: Int64Array,
) -> None:
    """Walk the legs of a bar, or, where the profile says so, of its finer bars (bar magnifier).

    The finer bars are those of `walk_strict_nb`. What each open has passed fills there, entries first.
    """
    is_magnified = book[c.CHOICES] & c.MAGNIFY != 0 and spans.shape[1] > 0
    if not is_magnified or spans[0, bar] >= spans[1, bar]:
        walk_legs_nb(bar, levels, book)
        return
    spread = book[c.ASK_OFFSET]
    book[c.N_WALKED] += 1
    for number in range(spans[0, bar], spans[1, bar]):
        show_finer_nb(number, finer, finer_ask, book)
        if number > spans[0, bar] and book[c.N_RESTING] > 0:
            enter_passed_nb(bar, levels, book)
        walk_legs_nb(bar, levels, book)
    book[c.ASK_OFFSET] = spread


@kernel_jit
def walk_legs_nb(bar: int, levels: Float64Array, book: Int64Array) -> None:
    """Let exits and resting entries act on the legs of a bar; what they see is seen here."""
    if book[c.SIDE] != 0:
        close_passed_nb(bar, book)
        _pass_nb(c.OPEN, book)
    if book[c.SIDE] != 0 and book[c.CHOICES] & c.CALLS != 0:
        call_margin_nb(bar, book[c.bar_at_nb(-book[c.SIDE]) + c.OPEN], AT_OPEN, book)
    up_far = book[c.BAR_BID + c.HIGH] - book[c.BAR_BID + c.OPEN]
    down_far = book[c.BAR_BID + c.OPEN] - book[c.BAR_BID + c.LOW]
    first, second, direction = (c.HIGH, c.LOW, 1) if up_far < down_far else (c.LOW, c.HIGH, -1)
    _walk_leg_nb(bar, c.OPEN, first, direction, levels, book)
    if _is_called_nb(bar, first, direction, AT_FIRST_END, book):
        _pass_nb(second, book)
        _pass_nb(c.CLOSE, book)
    else:
        _walk_leg_nb(bar, first, second, -direction, levels, book)
        _is_called_nb(bar, second, -direction, AT_SECOND_END, book)
        _walk_leg_nb(bar, second, c.CLOSE, direction, levels, book)
    book[c.SEEN] = 1


@inlined_jit
def _is_called_nb(bar: int, end: int, direction: int, moment: int, book: Int64Array) -> bool:
    """Judge the margin at the end of a leg that went against the position; return whether the call waits."""
    if book[c.SIDE] != -direction or book[c.CHOICES] & c.CALLS == 0:
        return False
    return call_margin_nb(bar, book[c.bar_at_nb(direction) + end], moment, book)


@inlined_jit
def _pass_nb(price_at: int, book: Int64Array) -> None:
    """Let the position held see a price of the bar: excursions, trough, trailing stop."""
    if book[c.SIDE] != 0:
        price = book[c.bar_at_nb(-book[c.SIDE]) + price_at]
        see_nb(price, book)
        worsen_trough_nb(price, book)
        ride_nb(price, book)


@kernel_jit
def _walk_leg_nb(
    bar: int, start: int, end: int, direction: int, levels: Float64Array, book: Int64Array
) -> None:
    """Walk one leg: the nearest order first, then what is live from there on."""
    travelled = 0
    while book[c.FAULT] == 0:
        event, far = _next_nb(bar, start, end, direction, travelled, book)
        if event == _NOTHING:
            break
        travelled = far
        if event == _STOP:
            close_by_stop_nb(bar, book[c.LIVE_STOP], 0, book)
        elif event == _PROFIT:
            part, level = nearest_profit_nb(book)
            _take_nb(bar, level, part, book)
        else:
            _enter_nb(bar, (start, end), direction * far, 1 if event == _LONG else -1, levels, book)
    _pass_nb(end, book)


@inlined_jit
def _next_nb(
    bar: int, start: int, end: int, direction: int, travelled: int, book: Int64Array
) -> tuple[int, int]:
    """Return the nearest order ahead on a leg and its distance from the leg's start."""
    found, nearest = _NOTHING, c.FAR
    side, through = book[c.SIDE], book[c.LIMIT_THROUGH]
    if side != 0:
        exit_bar = c.bar_at_nb(-side)
        set_live_stop_nb(bar, book[exit_bar + c.OPEN], book)
        begin, reach = book[exit_bar + start], direction * (book[exit_bar + end] - book[exit_bar + start])
        if direction == -side:
            far = direction * (book[c.LIVE_STOP] - begin)
            if book[c.LIVE_STOP] != _NO_LEVEL and travelled <= far <= reach:
                found, nearest = _STOP, far
        elif bar >= book[c.LIVE_BAR]:
            _, level = nearest_profit_nb(book)
            far = direction * (level - begin) + through
            if level != _NO_LEVEL and travelled <= far <= reach:
                found, nearest = _PROFIT, far
    for entry_side in (1, -1):
        rest = c.rest_at_nb(entry_side)
        if book[rest + c.REST_RULE] == 0:
            continue
        own_bar, is_limit = c.bar_at_nb(entry_side), book[rest + c.REST_KIND] == c.ORDER_LIMIT
        level = book[rest + (c.REST_LIMIT if is_limit else c.REST_STOP)]
        far = direction * (level - book[own_bar + start]) + (through if is_limit else 0)
        reach = direction * (book[own_bar + end] - book[own_bar + start])
        if is_limit == (direction == -entry_side) and travelled <= far <= reach and far < nearest:
            found, nearest = (_LONG if entry_side > 0 else _SHORT), far
    return found, nearest


@inlined_jit
def _enter_nb(
    bar: int, leg: tuple[int, int], moved: int, entry_side: int, levels: Float64Array, book: Int64Array
) -> None:
    """Fill a resting entry on a leg, then exits that price has passed already.

    A stop-limit that cannot fill at its stop rests on as a limit.
    """
    rest = c.rest_at_nb(entry_side)
    kind, stop, limit = book[rest + c.REST_KIND], book[rest + c.REST_STOP], book[rest + c.REST_LIMIT]
    if kind == c.ORDER_STOP_LIMIT and entry_side * (limit - stop) < 0:
        book[rest + c.REST_KIND] = c.ORDER_LIMIT
        return
    price = limit if kind == c.ORDER_LIMIT else stop
    take_nb(rest, book)
    slippage = slippage_nb(price, book) if kind == c.ORDER_STOP else 0
    book[c.ON_LEG] = 1
    is_filled = enter_nb(bar, price, slippage, levels, book)
    book[c.ON_LEG] = 0
    if not is_filled:
        return
    side = book[c.SIDE]
    begin, end = book[c.bar_at_nb(-side) + leg[0]], book[c.bar_at_nb(-side) + leg[1]]
    instant = min(begin + moved, max(begin, end)) if moved > 0 else max(begin + moved, min(begin, end))
    through = book[c.LIMIT_THROUGH]
    set_live_stop_nb(bar, instant, book)
    if book[c.LIVE_STOP] != _NO_LEVEL and side * (instant - book[c.LIVE_STOP]) <= 0:
        close_by_stop_nb(bar, instant, 0, book)
    if bar < book[c.LIVE_BAR]:
        return
    for part in range(book[c.N_PARTS]):
        level = book[book[c.PARTS_AT] + part]
        if book[c.SIDE] != 0 and level > 0 and side * (instant - level) >= through:
            _take_nb(bar, instant, part, book)
    target = book[c.TARGET]
    if book[c.SIDE] != 0 and target != _NO_LEVEL and side * (instant - target) >= through:
        _take_nb(bar, instant, -1, book)


@inlined_jit
def _take_nb(bar: int, price: int, part: int, book: Int64Array) -> None:
    """Fill a partial exit or the target (-1) at a price."""
    if part >= 0:
        close_part_nb(bar, price, part, 0, book)
    else:
        close_nb(bar, price, 0, _TAKE_PROFIT, book[c.TARGET], 0, book)
