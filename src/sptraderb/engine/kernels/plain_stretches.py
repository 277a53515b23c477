"""Stretches of plain bars between those that need care: flat, waiting with orders at rest, and held.

They only mark, and leave any bar that is not plain to the careful walk in `bars`: leaving early is
always right and only costs time.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import allowed_loss_nb
from sptraderb.engine.kernels.arithmetic import product_nb
from sptraderb.engine.kernels.bar_path import nearest_profit_nb
from sptraderb.engine.kernels.codes import inlined_jit
from sptraderb.engine.kernels.conditions import Conditions
from sptraderb.engine.kernels.fills import side_offset_nb
from sptraderb.engine.kernels.margin import guard_nb

Flags = npt.NDArray[np.uint8]

_NO_LEVEL = NO_LEVEL
_SAFE_BALANCE = 1 << 61
_CARE = c.ENTRY_TRUE | c.DAY_BEGINS
_DUE_CARE = _CARE | c.DUE


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


@inlined_jit
def hold_nb(
    bar: int,
    stop_bar: int,
    offset: int,
    highs: Int64Array,
    lows: Int64Array,
    closes: Int64Array,
    flags: Flags,
    conditions: Conditions,
    curves: Int64Array,
    book: Int64Array,
) -> int:
    """Mark bars while a position is held and nothing acts; return the first bar that needs care.

    Works in raw ticks, ``offset`` below the side of the exit. Leaves at a level reached, a new water
    mark, a time exit, a true condition, a session day, a mark that might overflow and an equity that
    might break a limit or come near the margin.
    """
    side, balance, unit = book[c.SIDE], book[c.BALANCE], book[c.UNIT]
    _, profit = nearest_profit_nb(book)
    below = book[c.STOP] if side > 0 else profit
    above = profit if side > 0 else book[c.STOP]
    low_raw = -c.FAR if below == _NO_LEVEL else below - offset
    high_raw = c.FAR if above == _NO_LEVEL else above - offset
    if side > 0:
        high_raw = min(high_raw, book[c.WATER] + 1 - offset)
    else:
        low_raw = max(low_raw, book[c.WATER] - 1 - offset)
    guard = guard_nb(book) - offset
    if side > 0:
        low_raw = max(low_raw, guard)
    else:
        high_raw = min(high_raw, guard)
    safe = book[c.SAFE_MOVE] if abs(balance) <= _SAFE_BALANCE else -1
    if book[c.COST] != 0:
        cost, fits = product_nb(book[c.COST], side * book[c.MONEY_MULTIPLIER])
        balance -= cost
        if not fits or abs(cost) > _SAFE_BALANCE:
            safe = -1
    entry = book[c.ENTRY_REFERENCE] - offset
    held, exit_row = side * book[c.QUANTITY], book[c.EXIT_ROW]
    least_equity = _least_equity_nb(book)
    drawdown_rate = float(book[c.MAX_DRAWDOWN_PPB]) * 1e-9 * (1.0 - 1e-9)
    limited = drawdown_rate > 0.0
    lowest, highest = book[c.LOWEST] - offset, book[c.HIGHEST] - offset
    peak, equity = book[c.PEAK], book[c.EQUITY]
    first, end = bar, min(stop_bar, book[c.TIME_BAR])
    while bar < end:
        low, high, close = lows[bar], highs[bar], closes[bar]
        adverse = low if side > 0 else high
        if low <= low_raw or high >= high_raw or flags[bar] & _DUE_CARE != 0:
            break
        if exit_row >= 0 and conditions[exit_row, bar] != 0:
            break
        if abs(close - entry) > safe or abs(adverse - entry) > safe:
            break
        mark = balance + (close - entry) * unit
        if mark <= least_equity or (limited and peak - mark >= peak * drawdown_rate):
            break
        equity = mark
        peak = max(peak, equity)
        lowest, highest = min(lowest, low), max(highest, high)
        curves[c.EQUITY_ROW, bar] = equity
        curves[c.TROUGH_ROW, bar] = min(equity, balance + (adverse - entry) * unit)
        curves[c.HELD_ROW, bar] = held
        flags[bar] |= c.EXPOSED
        bar += 1
    book[c.LOWEST], book[c.HIGHEST] = lowest + offset, highest + offset
    book[c.PEAK], book[c.EQUITY] = peak, equity
    if bar > first:
        book[c.MARK] = closes[bar - 1] + offset
    return bar


@inlined_jit
def _least_equity_nb(book: Int64Array) -> int:
    """Return the equity at or below which a bar needs care: ruin, or the daily limit while it counts."""
    if book[c.DAILY_LOSS_PPB] == 0 or book[c.DAY_PAUSED] != 0:
        return 0
    return max(0, int(book[c.DAY_START]) - allowed_loss_nb(book[c.DAY_START], book[c.DAILY_LOSS_PPB]))
