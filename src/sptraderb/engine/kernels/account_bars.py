"""The loop over an account's instants: several symbols, or two sides of one, on one timeline (rule A1).

At each instant all books that have a bar there open, exits of all before entries of all; then all walk
their paths; then all are marked; then the account's margin and limits are judged once; then each book's
conditions decide. Every step is one that `bars` takes too, in a book's turn.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import EventCode, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import judge_limits_nb, start_day_nb, write_event_nb
from sptraderb.engine.kernels.account_opens import (
    begin_opens_nb,
    cancel_all_nb,
    enter_at_opens_nb,
    fill_at_closes_nb,
    finish_turn_nb,
    is_due_at_open_nb,
    leave_at_opens_nb,
)
from sptraderb.engine.kernels.account_quiet import is_quiet_nb, pass_quietly_nb
from sptraderb.engine.kernels.account_stops import give_way_nb
from sptraderb.engine.kernels.account_turns import (
    EVENTS,
    count_nb,
    end_turn_nb,
    margin_at_nb,
    take_turn_nb,
)
from sptraderb.engine.kernels.arithmetic import sum_nb
from sptraderb.engine.kernels.bar_steps import (
    judge_position_nb,
    mark_held_nb,
    see_entry_nb,
    set_side_nb,
    take_close_rate_nb,
    walk_inside_nb,
)
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.conditions import (
    Conditions,
    both_enter_nb,
    decide_nb,
    drop_pending_nb,
)
from sptraderb.engine.kernels.fills import close_at_nb, side_offset_nb
from sptraderb.engine.kernels.held_ranges import Flags
from sptraderb.engine.kernels.levels import Float64Array
from sptraderb.engine.kernels.varying_costs import begin_bar_nb, range_slippage_nb

_END_OF_DATA = int(ExitReason.END_OF_DATA)
_CALL_EVENT = int(EventCode.MARGIN_CALL)
_BOTH_SIDES = int(EventCode.BOTH_SIDES)
_MAY_ENTER = c.ENTRY_TRUE | c.ENTRY_ALLOWED
EQUITY_CURVE, TROUGH_CURVE, BALANCE_CURVE = range(3)


@kernel_jit
def walk_instants_nb(
    stop: int,
    timeline: Int64Array,
    begins: Flags,
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
    held: Int64Array,
    curves: Int64Array,
    owners: Int64Array,
    books: Int64Array,
    account: Int64Array,
) -> int:
    """Walk instants from the account's next one up to ``stop`` (exclusive).

    Parameters
    ----------
    stop : int
        Where to stop; at most the number of instants.
    timeline : ndarray of shape (n_instants,), dtype=int64
        Open times of the instants.
    begins : ndarray of shape (n_instants,), dtype=uint8
        1 where a session day of the account begins.
    times, opens, highs, lows, closes, ask_opens, ask_highs, ask_lows, ask_closes
        As `walk_bars_nb` takes them, those of all legs one after another: books know where theirs begin.
    flags, conditions, levels, facts, spans, finer, finer_ask, inputs
        The same.
    programs, numbers : ndarray
        Those of all books one after another.
    scratch : ndarray of float64
        As `run_programs_nb` takes it.
    held : ndarray of shape (n_sides, n_bars), dtype=int64
        Signed size held at each bar's close, a row each for long and short books apart; written.
    curves : ndarray of shape (3, n_instants), dtype=int64
        Equity, trough, cash; written.
    owners : ndarray of shape (4, n_rows), dtype=int64
        Leg of each row in the account's tables; written.
    books : ndarray of shape (n_books, size), dtype=int64
        One book a position, in order; read and written.
    account : ndarray of int64
        State, limits and tables of the account; read and written.

    Returns
    -------
    int
        As `walk_bars_nb`.
    """
    instant = account[c.NEXT_BAR]
    while 0 <= instant < stop:
        if c.is_full_nb(account):
            account[c.NEXT_BAR] = instant
            return c.TABLE_FULL
        if begins[instant] != 0:
            start_day_nb(account)
        start = account[c.BALANCE]
        for number in range(books.shape[0]):
            book = books[number]
            bar = book[c.NEXT_BAR]
            book[c.OWN_CASH], book[c.OWN_LOW] = 0, c.FAR
            book[c.IS_ACTIVE] = 1 if bar < book[c.END_BAR] and times[bar] == timeline[instant] else 0
            if book[c.IS_ACTIVE] != 0:
                if book[c.BAR_COSTS] != 0:
                    begin_bar_nb(bar, highs, lows, facts, book)
                if book[c.TWO_SIDED] != 0:
                    book[c.ASK_OFFSET] = ask_opens[bar] - opens[bar]
                set_side_nb(
                    c.BAR_BID, opens[bar], highs[bar], lows[bar], closes[bar], book[c.BID_OFFSET], book
                )
                if book[c.TWO_SIDED] != 0:
                    set_side_nb(
                        c.BAR_ASK,
                        ask_opens[bar],
                        ask_highs[bar],
                        ask_lows[bar],
                        ask_closes[bar],
                        0,
                        book,
                    )
                else:
                    offset = book[c.ASK_OFFSET]
                    set_side_nb(c.BAR_ASK, opens[bar], highs[bar], lows[bar], closes[bar], offset, book)
        quiet = is_quiet_nb(spans.shape[1] != 0, flags, books, account)
        if quiet:
            pass_quietly_nb(flags, books)
        else:
            begin_opens_nb(flags, facts, owners, books, account)
            if is_due_at_open_nb(flags, books):
                leave_at_opens_nb(flags, owners, books, account)
                enter_at_opens_nb(levels, owners, books, account)
        for number in range(books.shape[0]):
            book = books[number]
            if book[c.IS_ACTIVE] != 0 and not quiet:
                if book[c.SIDE] != 0 or book[c.N_RESTING] != 0:
                    take_turn_nb(number, books, account)
                    if book[c.STOP_OUT_PPB] != 0:
                        give_way_nb(number, True, owners, books, account)
                    walk_inside_nb(book[c.NEXT_BAR], spans, finer, finer_ask, levels, book)
                    if book[c.STOPPED_AT] != 0 and book[c.TWIN] >= 0:
                        books[book[c.TWIN], c.SPARED_BAR] = book[c.NEXT_BAR]
                    finish_turn_nb(number, owners, books, account)
                else:
                    book[c.WORST] = book[c.SEEN] = 0
        trough, trough_fits = start, True
        for number in range(books.shape[0]):
            book = books[number]
            _mark_nb(closes, facts, held, book, account)
            trough, fits = sum_nb(trough, book[c.OWN_LOW])
            trough_fits = trough_fits and fits
        equity, fits = sum_nb(account[c.BALANCE], account[c.OPEN_PNL])
        account[c.EQUITY] = equity
        if not (fits and trough_fits):
            account[c.FAULT] = c.OVERFLOW
        n_events = account[c.N_EVENTS]
        _judge_margin_nb(instant, account)
        if programs.shape[0] > books.shape[0]:
            _judge_positions_nb(programs, numbers, inputs, scratch, conditions, books)
        may_decide = _judge_limits_nb(instant, n_events, owners, books, account)
        if may_decide and not quiet:
            _decide_all_nb(flags, conditions, levels, owners, books, account)
        account[c.TROUGH] = c.FAR
        if account[c.CHOICES] & c.AT_CLOSE != 0 and fill_at_closes_nb(
            closes, ask_closes, levels, owners, books, account
        ):
            equity, fits = sum_nb(account[c.BALANCE], account[c.OPEN_PNL])
            account[c.EQUITY] = equity
            trough = min(trough, equity, account[c.TROUGH])
            if not fits:
                account[c.FAULT] = c.OVERFLOW
        curves[EQUITY_CURVE, instant] = equity
        curves[TROUGH_CURVE, instant] = trough
        curves[BALANCE_CURVE, instant] = account[c.BALANCE]
        for number in range(books.shape[0]):
            book = books[number]
            account[c.FAULT] |= book[c.FAULT]
            if book[c.IS_ACTIVE] != 0:
                bar = book[c.NEXT_BAR]
                if book[c.HAS_OPENED] != 0:
                    book[c.HAS_OPENED] = 0
                    see_entry_nb(bar, times, flags, book)
                held[book[c.HELD_PLACE], bar] = book[c.SIDE] * book[c.QUANTITY]
                book[c.NEXT_BAR] = bar + 1
                book[c.IS_ACTIVE] = 0
        if account[c.FAULT] != 0:
            return c.OVERFLOW
        instant += 1
    account[c.NEXT_BAR] = instant
    return c.WALKED


@inlined_jit
def _mark_nb(
    closes: Int64Array, facts: Int64Array, held: Int64Array, book: Int64Array, account: Int64Array
) -> None:
    """Mark what a book holds at its close, its worst inside the bar, and let stops follow (X5, X8)."""
    bar = book[c.NEXT_BAR]
    if book[c.IS_ACTIVE] == 0:
        book[c.OWN_LOW] = min(book[c.OWN_LOW], book[c.OWN_CASH] + book[c.OPEN_PNL])
    elif book[c.SIDE] == 0:
        book[c.OWN_LOW] = min(book[c.OWN_LOW], book[c.OWN_CASH])
        take_close_rate_nb(bar, facts, book)
    else:
        book[c.BALANCE] = 0
        pnl, worst = mark_held_nb(bar, facts, book)
        book[c.MARK_REFERENCE] = closes[bar]
        book[c.OWN_LOW] = min(book[c.OWN_LOW], book[c.OWN_CASH] + min(pnl, worst))
        count_nb(pnl, margin_at_nb(book[c.MARK], book), 1, book, account)


@inlined_jit
def _judge_margin_nb(instant: int, account: Int64Array) -> None:
    """Record the first close whose equity is below the used margin; one that is not arms it again (A3)."""
    called = 1 if account[c.OTHERS_HELD] != 0 and account[c.EQUITY] < account[c.USED] else 0
    if called != 0 and account[c.CALLED] == 0:
        write_event_nb(instant, _CALL_EVENT, account[c.EQUITY], account)
    account[c.CALLED] = called


@kernel_jit
def _judge_limits_nb(
    instant: int, n_events: int, owners: Int64Array, books: Int64Array, account: Int64Array
) -> bool:
    """Judge the account's limits (A4); return whether entries may be decided."""
    was_free = account[c.ENDED] == 0 and account[c.DAY_PAUSED] == 0
    if account[c.ENDED] == 0:
        account[c.PEAK] = max(account[c.PEAK], account[c.EQUITY])
        if instant > account[c.START_BAR]:
            account[c.SIDE] = 1 if account[c.OTHERS_HELD] != 0 else 0
            judge_limits_nb(instant, account)
    for row in range(n_events, account[c.N_EVENTS]):
        owners[EVENTS, row] = -1
    if account[c.PENDING_EXIT] != 0:
        for number in range(books.shape[0]):
            if books[number, c.SIDE] != 0:
                books[number, c.PENDING_EXIT] = account[c.PENDING_EXIT]
        account[c.PENDING_EXIT] = 0
    is_free = account[c.ENDED] == 0 and account[c.DAY_PAUSED] == 0
    if was_free and not is_free:
        cancel_all_nb(owners, books, account)
    return bool(is_free)


@kernel_jit
def _judge_positions_nb(
    programs: Int64Array,
    numbers: Float64Array,
    inputs: Float64Array,
    scratch: Float64Array,
    conditions: Conditions,
    books: Int64Array,
) -> None:
    """Evaluate each book's conditions about its position."""
    for number in range(books.shape[0]):
        book = books[number]
        own = programs[book[c.PROGRAMS_AT] : book[c.PROGRAMS_END]]
        if book[c.IS_ACTIVE] != 0 and own[0] > 0:
            book[c.BALANCE], book[c.EQUITY] = 0, book[c.OPEN_PNL]
            constants = numbers[book[c.NUMBERS_AT] : book[c.NUMBERS_END]]
            judge_position_nb(book[c.NEXT_BAR], own, constants, inputs, scratch, conditions, book)


@kernel_jit
def _decide_all_nb(
    flags: Flags,
    conditions: Conditions,
    levels: Float64Array,
    owners: Int64Array,
    books: Int64Array,
    account: Int64Array,
) -> None:
    """Let each book's conditions decide; market entries of both sides of a symbol void each other (X14)."""
    voided = -1
    for number in range(books.shape[0]):
        book = books[number]
        bar = book[c.NEXT_BAR]
        if book[c.IS_ACTIVE] == 0 or bar < book[c.START_BAR]:
            continue
        flag = flags[bar]
        twin, may_enter = book[c.TWIN], flag & _MAY_ENTER == _MAY_ENTER
        may_void = twin > number and may_enter and book[c.CHOICES] & c.SIZE_PLACED == 0
        is_conflict = may_void and both_enter_nb(bar, conditions, book, books[twin])
        row = book[c.EXIT_ROW]
        leaves = book[c.SIDE] != 0 and flag & c.EXIT_TRUE != 0 and row >= 0 and conditions[row, bar] != 0
        if may_enter or leaves or book[c.N_RESTING] != 0:
            take_turn_nb(number, books, account)
            if is_conflict:
                write_event_nb(bar, _BOTH_SIDES, 0, book)
                voided = twin
            if is_conflict or number == voided:
                flag &= c.EXIT_TRUE
            decide_nb(bar, flag, conditions, levels, book)
            end_turn_nb(number, owners, books, account)


@kernel_jit
def end_account_nb(
    last: Int64Array,
    closes: bool,
    held: Int64Array,
    curves: Int64Array,
    owners: Int64Array,
    books: Int64Array,
    account: Int64Array,
) -> int:
    """List what the end of the data leaves unfilled, and close positions if asked to, book by book (X10).

    Parameters
    ----------
    last : ndarray of shape (n_books, 3), dtype=int64
        Each leg's last close, its spread where candles carry both sides, and the range of the bar before.
    closes : bool
        Whether to close.
    held, curves, owners, books, account
        As `walk_instants_nb` takes them.
    """
    for number in range(books.shape[0]):
        book = books[number]
        take_turn_nb(number, books, account)
        drop_pending_nb(book[c.END_BAR], book)
        if closes and book[c.SIDE] != 0:
            bar = book[c.END_BAR] - 1
            if book[c.TWO_SIDED] != 0:
                book[c.ASK_OFFSET] = last[number, 1]
            range_slippage_nb(last[number, 2], book)
            close_at_nb(bar, last[number, 0] + side_offset_nb(-book[c.SIDE], book), _END_OF_DATA, book)
            held[book[c.HELD_PLACE], bar] = 0
        end_turn_nb(number, owners, books, account)
    instant = account[c.NEXT_BAR] - 1
    if closes and instant >= 0:
        equity, fits = sum_nb(account[c.BALANCE], account[c.OPEN_PNL])
        if not fits:
            account[c.FAULT] = c.OVERFLOW
        account[c.EQUITY] = equity
        curves[EQUITY_CURVE, instant] = equity
        curves[BALANCE_CURVE, instant] = account[c.BALANCE]
        curves[TROUGH_CURVE, instant] = min(curves[TROUGH_CURVE, instant], equity)
    return c.WALKED if account[c.FAULT] == 0 else c.OVERFLOW
