"""Stretches of plain bars between those that need care: flat, waiting with orders at rest, and held.

They only mark, and leave any bar that is not plain to the careful walk in `bars`: leaving early is
always right and only costs time.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.arithmetic import product_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.conditions import Conditions
from sptraderb.engine.kernels.converted_stretches import hold_converted_nb
from sptraderb.engine.kernels.fills import side_offset_nb
from sptraderb.engine.kernels.following import follow_nb
from sptraderb.engine.kernels.held_ranges import (
    HOLD_CARE,
    SAFE_BALANCE,
    Flags,
    below_water_nb,
    closer_nb,
    least_equity_nb,
    level_range_nb,
)
from sptraderb.engine.kernels.margin import guard_nb

_CARE = c.ENTRY_TRUE | c.DAY_BEGINS
_DUE_CARE = _CARE | c.DUE
_FIRST_BLOCK, _BLOCK = 64, 512


@inlined_jit
def stay_flat_nb(bar: int, stop_bar: int, flags: Flags, curves: Int64Array, book: Int64Array) -> int:
    """Mark bars while nothing is held, due or decided; return the first bar that needs care."""
    balance = book[c.BALANCE]
    while bar < stop_bar and flags[bar] & _CARE == 0:
        curves[c.EQUITY_ROW, bar] = balance
        curves[c.TROUGH_ROW, bar] = balance
        curves[c.HELD_ROW, bar] = 0
        bar += 1
    return bar


@inlined_jit
def wait_nb(
    bar: int,
    stop_bar: int,
    highs: Int64Array,
    lows: Int64Array,
    flags: Flags,
    conditions: Conditions,
    curves: Int64Array,
    book: Int64Array,
) -> int:
    """Mark bars while orders rest, nothing is held and none is reached; return the first that needs care.

    Also leaves before a bar whose open lies outside the session, and at one where an order expires or
    its cancel condition is true.
    """
    balance = book[c.BALANCE]
    low_raw, high_raw, end = -c.FAR, c.FAR, stop_bar
    for side in (1, -1):
        rest = c.rest_at_nb(side)
        if book[rest + c.REST_RULE] > 0:
            offset, kind = side_offset_nb(side, book), book[rest + c.REST_KIND]
            level = book[rest + (c.REST_LIMIT if kind == c.ORDER_LIMIT else c.REST_STOP)] - offset
            if (kind == c.ORDER_LIMIT) == (side > 0):
                low_raw = max(low_raw, level)
            else:
                high_raw = min(high_raw, level)
            end = min(end, book[rest + c.REST_EXPIRES])
    rows = book[c.REST_LONG + c.REST_CANCEL], book[c.REST_SHORT + c.REST_CANCEL]
    long_row = rows[0] if book[c.REST_LONG + c.REST_RULE] > 0 else -1
    short_row = rows[1] if book[c.REST_SHORT + c.REST_RULE] > 0 else -1
    while bar < end and flags[bar] & _DUE_CARE == 0 and flags[bar - 1] & c.ENTRY_ALLOWED != 0:
        if lows[bar] <= low_raw or highs[bar] >= high_raw:
            break
        if long_row >= 0 and conditions[long_row, bar] != 0:
            break
        if short_row >= 0 and conditions[short_row, bar] != 0:
            break
        curves[c.EQUITY_ROW, bar] = balance
        curves[c.TROUGH_ROW, bar] = balance
        curves[c.HELD_ROW, bar] = 0
        bar += 1
    return bar


@kernel_jit
def hold_nb(
    bar: int,
    stop_bar: int,
    offset: int,
    follows: bool,
    highs: Int64Array,
    lows: Int64Array,
    closes: Int64Array,
    flags: Flags,
    facts: Int64Array,
    curves: Int64Array,
    book: Int64Array,
) -> int:
    """Mark bars while a position is held and nothing acts; return the first bar that needs care.

    Works in raw ticks, ``offset`` below the side of the exit. Leaves at a level reached, a time exit, a
    true condition of an exit, a session day, a mark that might overflow and an equity that might break a
    limit or come near the margin. Where ``follows`` stops follow a new water mark (X8), else it leaves.
    """
    if book[c.SAFE_MOVE] < 0:
        return hold_converted_nb(
            bar, stop_bar, offset, follows, highs, lows, closes, flags, facts, curves, book
        )
    balance, safe = _plain_balance_nb(book)
    if safe < 0 or book[c.JUDGE_AGAIN] != 0:
        return bar
    low_raw, high_raw = _plain_range_nb(balance, safe, offset, book)
    limit = float(book[c.MAX_DRAWDOWN_PPB]) * 1e-9 * (1.0 - 1e-9)
    has_water = abs(book[c.WATER]) < c.FAR
    if has_water and (limit > 0.0 or not follows):
        has_water = False
        low_raw, high_raw = below_water_nb(low_raw, high_raw, offset, book)
    entry, unit = book[c.ENTRY_REFERENCE] - offset, book[c.UNIT]
    worsts = lows if book[c.SIDE] > 0 else highs
    first, end = bar, min(stop_bar, book[c.TIME_BAR])
    until = min(bar + _FIRST_BLOCK, end)
    if not has_water and limit == 0.0:
        bar += _mark_first_nb(
            (balance, entry, unit),
            (low_raw, high_raw),
            lows[bar:until],
            highs[bar:until],
            closes[bar:until],
            worsts[bar:until],
            flags[bar:until],
            curves[:, bar:until],
            offset,
            book,
        )
        if bar < until:
            end = bar
    while bar < end:
        until = min(bar + _BLOCK, end)
        if has_water:
            plain = _count_following_nb(
                lows[bar:until], highs[bar:until], flags[bar:until], low_raw, high_raw, offset, book
            )
            low_raw, high_raw = _plain_range_nb(balance, safe, offset, book)
        else:
            plain = _count_plain_nb(lows[bar:until], highs[bar:until], flags[bar:until], low_raw, high_raw)
        if limit > 0.0:
            plain = _count_unlimited_nb(closes[bar : bar + plain], balance, entry, limit, book)
        last = bar + plain
        _see_extremes_nb(lows[bar:last], highs[bar:last], offset, book)
        _mark_nb(closes[bar:last], balance, entry, unit, curves[c.EQUITY_ROW, bar:last])
        _mark_nb(worsts[bar:last], balance, entry, unit, curves[c.TROUGH_ROW, bar:last])
        book[c.PEAK] = _highest_nb(curves[c.EQUITY_ROW, bar:last], book[c.PEAK])
        _set_held_nb(flags[bar:last], curves[c.HELD_ROW, bar:last], book[c.SIDE] * book[c.QUANTITY])
        bar = last
        if bar < until:
            break
    if bar > first:
        book[c.EQUITY], book[c.CALLED] = curves[c.EQUITY_ROW, bar - 1], 0
        book[c.MARK] = closes[bar - 1] + offset
    return bar


@inlined_jit
def _plain_balance_nb(book: Int64Array) -> tuple[int, int]:
    """Return what marks count from, and the largest move whose mark fits; -1 where marks need a check."""
    balance, safe = book[c.BALANCE], book[c.SAFE_MOVE]
    if abs(balance) > SAFE_BALANCE:
        safe = -1
    if book[c.COST] != 0:
        cost, fits = product_nb(book[c.COST], book[c.SIDE] * book[c.MONEY_MULTIPLIER])
        if not fits or abs(cost) > SAFE_BALANCE:
            safe = -1
        balance -= cost
    return balance, safe


@inlined_jit
def _plain_range_nb(balance: int, safe: int, offset: int, book: Int64Array) -> tuple[int, int]:
    """Return the raw prices at or beyond which a bar needs care, below and above.

    Stop and target, prices near the margin, those whose marks might not fit, and those which leave no
    more equity than a limit allows.
    """
    entry, least = book[c.ENTRY_REFERENCE] - offset, least_equity_nb(book)
    low_raw, high_raw = level_range_nb(offset, book)
    low_raw, high_raw = max(low_raw, entry - safe - 1), min(high_raw, entry + safe + 1)
    if least > SAFE_BALANCE:
        return c.FAR, -c.FAR
    guard, room = guard_nb(book) - offset, (least - balance) // abs(book[c.UNIT])
    if book[c.SIDE] > 0:
        return max(low_raw, guard, entry + room), high_raw
    return low_raw, min(high_raw, guard, entry - room)


@inlined_jit
def _mark_first_nb(
    base: tuple[int, int, int],
    inside: tuple[int, int],
    lows: Int64Array,
    highs: Int64Array,
    closes: Int64Array,
    worsts: Int64Array,
    flags: Flags,
    curves: Int64Array,
    offset: int,
    book: Int64Array,
) -> int:
    """Mark the first plain bars of a stretch one by one, as most stretches are short; return how many.

    ``base`` is what marks count from, from which raw price, and what a tick is worth; ``inside`` the range.
    """
    balance, entry, unit = base
    low_raw, high_raw = inside
    held, plain = book[c.SIDE] * book[c.QUANTITY], len(lows)
    lowest, highest, peak = book[c.LOWEST] - offset, book[c.HIGHEST] - offset, book[c.PEAK]
    for place in range(len(lows)):
        low, high = lows[place], highs[place]
        if low <= low_raw or high >= high_raw or flags[place] & HOLD_CARE != 0:
            plain = place
            break
        mark = balance + (closes[place] - entry) * unit
        curves[c.EQUITY_ROW, place] = mark
        curves[c.TROUGH_ROW, place] = balance + (worsts[place] - entry) * unit
        curves[c.HELD_ROW, place] = held
        flags[place] |= c.EXPOSED
        peak, lowest, highest = max(peak, mark), min(lowest, low), max(highest, high)
    book[c.LOWEST], book[c.HIGHEST], book[c.PEAK] = lowest + offset, highest + offset, peak
    return plain


@inlined_jit
def _count_plain_nb(lows: Int64Array, highs: Int64Array, flags: Flags, low_raw: int, high_raw: int) -> int:
    """Return how many of some bars lie inside a range of prices, and need no care."""
    lowest, highest, found = high_raw, low_raw, 0
    for place in range(len(lows)):
        lowest, highest = min(lowest, lows[place]), max(highest, highs[place])
    for place in range(len(flags)):
        found |= flags[place]
    if lowest > low_raw and highest < high_raw and found & HOLD_CARE == 0:
        return len(lows)
    for place in range(len(lows)):
        if lows[place] <= low_raw or highs[place] >= high_raw or flags[place] & HOLD_CARE != 0:
            return place
    return len(lows)


@inlined_jit
def _count_following_nb(
    lows: Int64Array,
    highs: Int64Array,
    flags: Flags,
    low_raw: int,
    high_raw: int,
    offset: int,
    book: Int64Array,
) -> int:
    """Count like `_count_plain_nb` while each bar may raise the water mark and with it the stop (X8).

    The mark and what follows of it are in the book afterwards; the course of such bars mattered (X6).
    """
    side, water, plain = book[c.SIDE], book[c.WATER] - offset, len(lows)
    average, trail = book[c.ENTRY_PRICE] - offset, book[c.TRAIL_TICKS]
    trail_after, even_after = book[c.TRAIL_AFTER], book[c.BREAK_EVEN_AFTER]
    raised = 0
    for place in range(len(lows)):
        low, high = lows[place], highs[place]
        if low <= low_raw or high >= high_raw or flags[place] & HOLD_CARE != 0:
            plain = place
            break
        best = high if side > 0 else low
        if side * (best - water) > 0:
            water = best
            raised += 1
            moved, stop = side * (best - average), best - side * trail
            if trail > 0 and moved >= trail_after and stop + offset > 0:
                low_raw, high_raw = closer_nb(side, stop, low_raw, high_raw)
            if moved >= even_after:
                low_raw, high_raw = closer_nb(side, average, low_raw, high_raw)
    if raised > 0:
        book[c.N_UNCERTAIN] += raised
        follow_nb(water + offset, book)
    return plain


@inlined_jit
def _count_unlimited_nb(closes: Int64Array, balance: int, entry: int, limit: float, book: Int64Array) -> int:
    """Return how many of some bars have marks that clearly break no limit on the drawdown."""
    unit, peak = book[c.UNIT], book[c.PEAK]
    for place in range(len(closes)):
        mark = balance + (closes[place] - entry) * unit
        if peak - mark >= peak * limit:
            return place
        peak = max(peak, mark)
    return len(closes)


@inlined_jit
def _see_extremes_nb(lows: Int64Array, highs: Int64Array, offset: int, book: Int64Array) -> None:
    """Let the extremes of some bars count for the position's excursions."""
    lowest, highest = book[c.LOWEST] - offset, book[c.HIGHEST] - offset
    for place in range(len(lows)):
        lowest, highest = min(lowest, lows[place]), max(highest, highs[place])
    book[c.LOWEST], book[c.HIGHEST] = lowest + offset, highest + offset


@inlined_jit
def _mark_nb(prices: Int64Array, balance: int, entry: int, unit: int, marks: Int64Array) -> None:
    """Write the equity with the position marked at some raw prices.

    An adverse extreme is never better than the close, so its mark is the bar's trough.
    """
    for place in range(len(prices)):
        marks[place] = balance + (prices[place] - entry) * unit


@inlined_jit
def _highest_nb(values: Int64Array, highest: int) -> int:
    """Return the largest of some values and one more."""
    for place in range(len(values)):
        highest = max(highest, values[place])
    return highest


@inlined_jit
def _set_held_nb(flags: Flags, held: Int64Array, steps: int) -> None:
    """Note that a position was held on some bars, and its size."""
    for place in range(len(flags)):
        flags[place] |= c.EXPOSED
    for place in range(len(held)):
        held[place] = steps
