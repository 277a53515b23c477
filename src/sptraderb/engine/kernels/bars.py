"""The loop over bars, the only one: it can stop after any bar and go on later from the book.

A bar on which something is due, reached, true or begins is walked with care, in the order of X13:
what is due at the open, the path, the marks at the close, the limits, the conditions. Between such
bars two tight stretches only mark: flat, and held. They leave any bar that is not plain to the careful
one, so leaving early is always right and only costs time.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import allowed_loss_nb, judge_limits_nb, mark_nb, start_day_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.conditions import Conditions, decide_nb, drop_pending_nb
from sptraderb.engine.kernels.exits import open_bar_nb, walk_path_nb
from sptraderb.engine.kernels.fills import close_at_nb, see_nb, side_offset_nb
from sptraderb.engine.kernels.following import follow_nb
from sptraderb.engine.kernels.levels import Float64Array

Flags = npt.NDArray[np.uint8]

_NO_LEVEL = NO_LEVEL
_END_OF_DATA = int(ExitReason.END_OF_DATA)
_SAFE_BALANCE = 1 << 61
_CARE = c.ENTRY_TRUE | c.DAY_BEGINS


@kernel_jit
def walk_bars_nb(
    stop_bar: int,
    times: Int64Array,
    opens: Int64Array,
    highs: Int64Array,
    lows: Int64Array,
    closes: Int64Array,
    ask_opens: Int64Array,
    ask_highs: Int64Array,
    ask_lows: Int64Array,
    ask_closes: Int64Array,
    flags: Flags,
    conditions: Conditions,
    levels: Float64Array,
    curves: Int64Array,
    book: Int64Array,
) -> int:
    """Walk bars from the book's next bar up to ``stop_bar`` (exclusive).

    Parameters
    ----------
    stop_bar : int
        Where to stop; at most the number of bars.
    times : ndarray of shape (n_bars,), dtype=int64
        Open times in seconds.
    opens, highs, lows, closes : ndarray of shape (n_bars,), dtype=int64
        Raw prices in ticks.
    ask_opens, ask_highs, ask_lows, ask_closes : ndarray of shape (n_bars,), dtype=int64
        The ask side where the book says that there are two; not read otherwise.
    flags : ndarray of shape (n_bars,), dtype=uint8
        Bits ENTRY_TRUE, ENTRY_ALLOWED, DAY_BEGINS go in, EXPOSED is set where a position was held.
    conditions : ndarray of shape (n_conditions, n_bars), dtype=uint8
        1 where a condition is true.
    levels : ndarray of shape (n_levels, n_bars), dtype=float64
        Distances and prices of attached exits.
    curves : ndarray of shape (N_CURVES, n_bars), dtype=int64
        Equity, trough, size held; written.
    book : ndarray of int64
        State, terms, rules and tables; read and written.

    Returns
    -------
    int
        WALKED, TABLE_FULL (a table has no room for one more bar's rows; go on after emptying it) or
        OVERFLOW (a number left int64; the book is void).
    """
    bar = book[c.NEXT_BAR]
    two_sided = book[c.TWO_SIDED] != 0
    while 0 <= bar < stop_bar:
        if c.is_full_nb(book):
            book[c.NEXT_BAR] = bar
            return c.TABLE_FULL
        open_, high, low, close = opens[bar], highs[bar], lows[bar], closes[bar]
        if two_sided:
            book[c.ASK_OFFSET] = ask_opens[bar] - open_
        _open_nb(bar, open_, times, flags, levels, book)
        if two_sided and book[c.SIDE] < 0:
            spread = book[c.ASK_OFFSET]
            high, low, close = ask_highs[bar] - spread, ask_lows[bar] - spread, ask_closes[bar] - spread
        _walk_bar_nb(bar, open_, high, low, close, flags, conditions, curves, book)
        if book[c.FAULT] != 0:
            return c.OVERFLOW
        bar += 1
        if book[c.PENDING_ENTRY] == 0 and book[c.PENDING_EXIT] == 0:
            if book[c.SIDE] == 0:
                bar = _stay_flat_nb(bar, stop_bar, flags, curves, book)
            elif two_sided and book[c.SIDE] < 0:
                bar = _hold_nb(
                    bar, stop_bar, 0, ask_highs, ask_lows, ask_closes, flags, conditions, curves, book
                )
            else:
                offset = side_offset_nb(-book[c.SIDE], book)
                bar = _hold_nb(bar, stop_bar, offset, highs, lows, closes, flags, conditions, curves, book)
    book[c.NEXT_BAR] = bar
    return c.WALKED


@inlined_jit
def _open_nb(
    bar: int, open_: int, times: Int64Array, flags: Flags, levels: Float64Array, book: Int64Array
) -> None:
    """Begin a session day, and do what is due at the open."""
    if flags[bar] & c.DAY_BEGINS != 0:
        start_day_nb(book)
    held = book[c.SIDE] != 0
    if held:
        flags[bar] |= c.EXPOSED
    if book[c.PENDING_ENTRY] != 0 or book[c.PENDING_EXIT] != 0 or (held and book[c.TIME_BAR] == bar):
        open_bar_nb(bar, open_, levels, book)
        if book[c.SIDE] != 0:
            flags[bar] |= c.EXPOSED
            if book[c.ENTRY_BAR] == bar and book[c.DURATION] > 0:
                due = _first_from_nb(times[bar] + book[c.DURATION], bar, times)
                book[c.TIME_BAR] = min(book[c.TIME_BAR], due)


@kernel_jit
def _first_from_nb(time: int, bar: int, times: Int64Array) -> int:
    """Return the first bar after ``bar`` whose open is at or after ``time``; the number of bars if none."""
    low, high = bar, len(times)
    while high - low > 1:
        middle = low + (high - low) // 2
        if times[middle] >= time:
            high = middle
        else:
            low = middle
    return high


@inlined_jit
def _walk_bar_nb(
    bar: int,
    open_: int,
    high: int,
    low: int,
    close: int,
    flags: Flags,
    conditions: Conditions,
    curves: Int64Array,
    book: Int64Array,
) -> None:
    """Walk one bar after its open with care, in the order of X13.

    High, low and close are raw prices of the side on which the position held would be closed.
    """
    if book[c.SIDE] != 0 and bar >= book[c.LIVE_BAR]:
        walk_path_nb(bar, open_, low, high, book)
    equity = trough = book[c.BALANCE]
    side = book[c.SIDE]
    if side != 0:
        see_nb(low, book)
        see_nb(high, book)
        equity, fits = mark_nb(close, book)
        trough, trough_fits = mark_nb(low if side > 0 else high, book)
        if not (fits and trough_fits):
            book[c.FAULT] = c.OVERFLOW
        follow_nb((high if side > 0 else low) + side_offset_nb(-side, book), book)
    curves[c.EQUITY_ROW, bar] = equity
    curves[c.TROUGH_ROW, bar] = min(equity, trough, book[c.TROUGH])
    curves[c.HELD_ROW, bar] = side * book[c.QUANTITY]
    book[c.TROUGH] = c.FAR
    book[c.EQUITY] = equity
    if book[c.ENDED] == 0:
        book[c.PEAK] = max(book[c.PEAK], equity)
        if bar > book[c.START_BAR]:
            judge_limits_nb(bar, book)
        if bar >= book[c.START_BAR] and book[c.ENDED] == 0 and book[c.DAY_PAUSED] == 0:
            decide_nb(bar, flags[bar], conditions, book)


@inlined_jit
def _stay_flat_nb(bar: int, stop_bar: int, flags: Flags, curves: Int64Array, book: Int64Array) -> int:
    """Mark bars while nothing is held, due or decided; return the first bar that needs care."""
    balance = book[c.BALANCE]
    while bar < stop_bar and flags[bar] & _CARE == 0:
        curves[c.EQUITY_ROW, bar] = balance
        curves[c.TROUGH_ROW, bar] = balance
        curves[c.HELD_ROW, bar] = 0
        bar += 1
    return bar


@inlined_jit
def _hold_nb(
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
    might break a limit.
    """
    side, balance, unit = book[c.SIDE], book[c.BALANCE], book[c.UNIT]
    below = book[c.STOP] if side > 0 else book[c.TARGET]
    above = book[c.TARGET] if side > 0 else book[c.STOP]
    low_raw = -c.FAR if below == _NO_LEVEL else below - offset
    high_raw = c.FAR if above == _NO_LEVEL else above - offset
    if side > 0:
        high_raw = min(high_raw, book[c.WATER] + 1 - offset)
    else:
        low_raw = max(low_raw, book[c.WATER] - 1 - offset)
    safe = book[c.SAFE_MOVE] if abs(balance) <= _SAFE_BALANCE else -1
    entry = book[c.ENTRY_REFERENCE] - offset
    held, exit_row = side * book[c.QUANTITY], book[c.EXIT_ROW]
    least_equity = _least_equity_nb(book)
    drawdown_rate = float(book[c.MAX_DRAWDOWN_PPB]) * 1e-9 * (1.0 - 1e-9)
    limited = drawdown_rate > 0.0
    lowest, highest = book[c.LOWEST] - offset, book[c.HIGHEST] - offset
    peak, equity = book[c.PEAK], book[c.EQUITY]
    end = min(stop_bar, book[c.TIME_BAR])
    while bar < end:
        low, high, close = lows[bar], highs[bar], closes[bar]
        adverse = low if side > 0 else high
        if low <= low_raw or high >= high_raw or flags[bar] & _CARE != 0:
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
    return bar


@inlined_jit
def _least_equity_nb(book: Int64Array) -> int:
    """Return the equity at or below which a bar needs care: ruin, or the daily limit while it counts."""
    if book[c.DAILY_LOSS_PPB] == 0 or book[c.DAY_PAUSED] != 0:
        return 0
    return max(0, int(book[c.DAY_START]) - allowed_loss_nb(book[c.DAY_START], book[c.DAILY_LOSS_PPB]))


@kernel_jit
def end_of_data_nb(
    n_bars: int, last_close: int, last_spread: int, closes: bool, curves: Int64Array, book: Int64Array
) -> int:
    """List what the end of the data leaves unfilled, and close the position if asked to (X10).

    ``last_spread`` is that of the last close where candles carry both sides. The tables must have room
    for one more bar's rows. Returns WALKED or OVERFLOW.
    """
    drop_pending_nb(n_bars, book)
    if closes and n_bars > 0 and book[c.SIDE] != 0:
        last = n_bars - 1
        if book[c.TWO_SIDED] != 0:
            book[c.ASK_OFFSET] = last_spread
        close_at_nb(last, last_close, _END_OF_DATA, book)
        balance = book[c.BALANCE]
        book[c.EQUITY] = balance
        curves[c.EQUITY_ROW, last] = balance
        curves[c.TROUGH_ROW, last] = min(curves[c.TROUGH_ROW, last], balance)
        curves[c.HELD_ROW, last] = 0
    return c.WALKED if book[c.FAULT] == 0 else c.OVERFLOW
