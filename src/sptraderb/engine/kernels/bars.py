"""The loop over bars, the only one: it can stop after any bar and go on later from the book.

A bar on which something is due, reached, true or begins is walked with care, in the order of X13:
what is due at the open, the path, the marks at the close, the limits, the conditions. Between such
bars the tight stretches of `plain_stretches` only mark.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import ExitReason, OrderReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import judge_limits_nb, mark_nb, start_day_nb
from sptraderb.engine.kernels.accruals import accrue_nb
from sptraderb.engine.kernels.bar_steps import (
    judge_position_nb,
    mark_held_nb,
    see_entry_nb,
    set_side_nb,
    take_close_rate_nb,
    walk_inside_nb,
)
from sptraderb.engine.kernels.closing import close_bar_nb, fills_at_close_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.conditions import Conditions, decide_nb, drop_pending_nb
from sptraderb.engine.kernels.fills import close_at_nb, side_offset_nb
from sptraderb.engine.kernels.held_ranges import Flags
from sptraderb.engine.kernels.levels import Float64Array
from sptraderb.engine.kernels.margin import judge_margin_nb
from sptraderb.engine.kernels.margin_calls import AT_CLOSE, call_margin_nb
from sptraderb.engine.kernels.opening import open_bar_nb
from sptraderb.engine.kernels.plain_stretches import hold_nb, stay_flat_nb, wait_nb
from sptraderb.engine.kernels.resting_orders import cancel_both_nb
from sptraderb.engine.kernels.varying_costs import begin_bar_nb, range_slippage_nb

_END_OF_DATA = int(ExitReason.END_OF_DATA)
_RISK_LIMIT = int(OrderReason.RISK_LIMIT)
_OUT_OF_SESSION = int(OrderReason.OUT_OF_SESSION)


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
    facts: Int64Array,
    spans: Int64Array,
    finer: Int64Array,
    finer_ask: Int64Array,
    programs: Int64Array,
    numbers: Float64Array,
    inputs: Float64Array,
    scratch: Float64Array,
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
        Bits ENTRY_TRUE, ENTRY_ALLOWED, DAY_BEGINS, DUE go in, EXPOSED is set where a position was held.
    conditions : ndarray of shape (n_conditions, n_bars), dtype=uint8
        1 where a condition is true; written for those about the position.
    levels : ndarray of shape (n_levels, n_bars), dtype=float64
        Distances and prices of attached exits, prices of resting orders.
    facts : ndarray of shape (n_bars, N_FACTS), dtype=int64
        What is known of each bar; without rows, and not read, where no cost needs it.
    spans, finer, finer_ask
        Finer bars, as `walk_strict_nb` takes them.
    programs, numbers, inputs, scratch
        Conditions about the position, as `run_programs_nb` takes them.
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
    two_sided, has_costs = book[c.TWO_SIDED] != 0, book[c.BAR_COSTS] != 0
    follows = spans.shape[1] == 0 and book[c.CHOICES] & c.BY_SHAPE == 0
    while 0 <= bar < stop_bar:
        if c.is_full_nb(book):
            book[c.NEXT_BAR] = bar
            return c.TABLE_FULL
        if flags[bar] & c.DAY_BEGINS != 0:
            start_day_nb(book)
        if has_costs:
            begin_bar_nb(bar, highs, lows, facts, book)
            if flags[bar] & c.DUE != 0 and book[c.SIDE] != 0:
                accrue_nb(bar, facts, book)
        if two_sided:
            book[c.ASK_OFFSET] = ask_opens[bar] - opens[bar]
        set_side_nb(c.BAR_BID, opens[bar], highs[bar], lows[bar], closes[bar], book[c.BID_OFFSET], book)
        if two_sided:
            set_side_nb(c.BAR_ASK, ask_opens[bar], ask_highs[bar], ask_lows[bar], ask_closes[bar], 0, book)
        else:
            set_side_nb(c.BAR_ASK, opens[bar], highs[bar], lows[bar], closes[bar], book[c.ASK_OFFSET], book)
        n_positions = book[c.N_POSITIONS]
        _open_nb(bar, flags, levels, book)
        walk_inside_nb(bar, spans, finer, finer_ask, levels, book)
        _mark_bar_nb(bar, facts, curves, book)
        if programs[0] > 0:
            judge_position_nb(bar, programs, numbers, inputs, scratch, conditions, book)
        balance = book[c.BALANCE]
        _close_nb(bar, closes, ask_closes, flags, conditions, levels, curves, book)
        # What a fill at the close costs is judged at the next close, which then needs care.
        is_judged = book[c.BALANCE] == balance
        if book[c.N_POSITIONS] != n_positions:
            see_entry_nb(bar, times, flags, book)
        if book[c.FAULT] != 0:
            return c.OVERFLOW
        bar += 1
        if is_judged and book[c.PENDING_ENTRY] == 0 and book[c.PENDING_EXIT] == 0:
            if book[c.N_RESTING] != 0:
                if book[c.SIDE] == 0 and not two_sided and book[c.CHOICES] & c.CALLS == 0:
                    bar = wait_nb(bar, stop_bar, highs, lows, flags, conditions, curves, book)
            elif book[c.SIDE] == 0:
                bar = stay_flat_nb(bar, stop_bar, flags, curves, book)
            elif two_sided and book[c.SIDE] < 0:
                bar = hold_nb(
                    bar, stop_bar, 0, follows, ask_highs, ask_lows, ask_closes, flags, facts, curves, book
                )
            else:
                offset = side_offset_nb(-book[c.SIDE], book)
                bar = hold_nb(bar, stop_bar, offset, follows, highs, lows, closes, flags, facts, curves, book)
    book[c.NEXT_BAR] = bar
    return c.WALKED


@inlined_jit
def _open_nb(bar: int, flags: Flags, levels: Float64Array, book: Int64Array) -> None:
    """Do what is due at the open."""
    held, rests = book[c.SIDE] != 0, book[c.N_RESTING] != 0
    if held:
        flags[bar] |= c.EXPOSED
    if rests and flags[bar - 1] & c.ENTRY_ALLOWED == 0:
        cancel_both_nb(bar, _OUT_OF_SESSION, book)
    is_due = book[c.PENDING_ENTRY] != 0 or book[c.PENDING_EXIT] != 0 or rests
    if is_due or (held and book[c.TIME_BAR] == bar):
        open_bar_nb(bar, levels, book)


@inlined_jit
def _mark_bar_nb(bar: int, facts: Int64Array, curves: Int64Array, book: Int64Array) -> None:
    """Mark what is held at the close, and judge its margin."""
    equity = trough = book[c.BALANCE]
    side = book[c.SIDE]
    if side != 0:
        equity, trough = mark_held_nb(bar, facts, book)
    else:
        take_close_rate_nb(bar, facts, book)
    curves[c.EQUITY_ROW, bar] = equity
    curves[c.TROUGH_ROW, bar] = min(equity, trough, book[c.TROUGH])
    curves[c.HELD_ROW, bar] = side * book[c.QUANTITY]
    book[c.TROUGH] = c.FAR
    book[c.EQUITY] = equity
    if book[c.CHOICES] & c.CALLS == 0:
        judge_margin_nb(bar, book)


@inlined_jit
def _close_nb(
    bar: int,
    closes: Int64Array,
    ask_closes: Int64Array,
    flags: Flags,
    conditions: Conditions,
    levels: Float64Array,
    curves: Int64Array,
    book: Int64Array,
) -> None:
    """Judge limits and conditions at the close, and fill there what the profile fills there."""
    if book[c.ENDED] == 0:
        book[c.PEAK] = max(book[c.PEAK], book[c.EQUITY])
        if bar > book[c.START_BAR]:
            judge_limits_nb(bar, book)
        if book[c.ENDED] != 0 or book[c.DAY_PAUSED] != 0:
            cancel_both_nb(bar, _RISK_LIMIT, book)
        elif bar >= book[c.START_BAR]:
            decide_nb(bar, flags[bar], conditions, levels, book)
    if fills_at_close_nb(book):
        if book[c.TWO_SIDED] != 0:
            book[c.ASK_OFFSET] = ask_closes[bar] - closes[bar]
        close_bar_nb(bar, levels, book)
        _mark_again_nb(bar, curves, book)
    if book[c.CHOICES] & c.CALLS != 0 and book[c.SIDE] != 0:
        n_trades = book[c.N_TRADES]
        if book[c.TWO_SIDED] != 0:
            book[c.ASK_OFFSET] = ask_closes[bar] - closes[bar]
        call_margin_nb(bar, book[c.bar_at_nb(-book[c.SIDE]) + c.CLOSE], AT_CLOSE, book)
        if book[c.N_TRADES] != n_trades:
            _mark_again_nb(bar, curves, book)


@kernel_jit
def _mark_again_nb(bar: int, curves: Int64Array, book: Int64Array) -> None:
    """Mark again at a close what fills at it have left."""
    mark = book[c.bar_at_nb(-book[c.SIDE]) + c.CLOSE]
    equity, fits = mark_nb(mark, book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    book[c.EQUITY] = equity
    book[c.MARK] = mark
    curves[c.EQUITY_ROW, bar] = equity
    curves[c.TROUGH_ROW, bar] = min(curves[c.TROUGH_ROW, bar], equity, book[c.TROUGH])
    curves[c.HELD_ROW, bar] = book[c.SIDE] * book[c.QUANTITY]
    book[c.TROUGH] = c.FAR


@kernel_jit
def end_of_data_nb(
    n_bars: int, last: tuple[int, int, int], closes: bool, curves: Int64Array, book: Int64Array
) -> int:
    """List what the end of the data leaves unfilled, and close the position if asked to (X10).

    ``last`` holds the last close, its spread where candles carry both sides, and the range of the bar
    before it. The tables must have room for one more bar's rows. Returns WALKED or OVERFLOW.
    """
    drop_pending_nb(n_bars, book)
    if closes and n_bars > 0 and book[c.SIDE] != 0:
        bar = n_bars - 1
        if book[c.TWO_SIDED] != 0:
            book[c.ASK_OFFSET] = last[1]
        range_slippage_nb(last[2], book)
        close_at_nb(bar, last[0] + side_offset_nb(-book[c.SIDE], book), _END_OF_DATA, book)
        balance = book[c.BALANCE]
        book[c.EQUITY] = balance
        curves[c.EQUITY_ROW, bar] = balance
        curves[c.TROUGH_ROW, bar] = min(curves[c.TROUGH_ROW, bar], balance)
        curves[c.HELD_ROW, bar] = 0
    return c.WALKED if book[c.FAULT] == 0 else c.OVERFLOW
