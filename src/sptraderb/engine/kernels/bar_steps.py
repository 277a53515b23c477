"""The steps a bar is walked in, shared by the loop over one symbol's bars and the one over an account's."""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import mark_nb
from sptraderb.engine.kernels.bar_legs import walk_shape_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.conditions import Conditions
from sptraderb.engine.kernels.fills import see_nb
from sptraderb.engine.kernels.finer_bars import walk_strict_nb
from sptraderb.engine.kernels.following import follow_nb
from sptraderb.engine.kernels.held_ranges import Flags
from sptraderb.engine.kernels.levels import Float64Array
from sptraderb.engine.kernels.position_rules import note_facts_nb, run_programs_nb
from sptraderb.engine.kernels.varying_costs import take_rate_nb

_NO_LEVEL = NO_LEVEL


@inlined_jit
def set_side_nb(
    side: int, open_: int, high: int, low: int, close: int, offset: int, book: Int64Array
) -> None:
    """Put the bar's prices of one side into the book."""
    book[side + c.OPEN] = open_ + offset
    book[side + c.HIGH] = high + offset
    book[side + c.LOW] = low + offset
    book[side + c.CLOSE] = close + offset


@inlined_jit
def walk_inside_nb(
    bar: int,
    spans: Int64Array,
    finer: Int64Array,
    finer_ask: Int64Array,
    levels: Float64Array,
    book: Int64Array,
) -> None:
    """Walk the path of a bar with what is held and rests after its open."""
    book[c.WORST] = _NO_LEVEL
    book[c.SEEN] = 0
    held, rests = book[c.SIDE] != 0, book[c.N_RESTING] != 0
    may_close = bar >= book[c.LIVE_BAR] or book[c.STOP_OUT_PPB] != 0
    if book[c.CHOICES] & c.BY_SHAPE != 0:
        if held or rests:
            walk_shape_nb(bar, spans, finer, finer_ask, levels, book)
    elif rests or (held and may_close):
        walk_strict_nb(bar, spans, finer, finer_ask, levels, book)


@inlined_jit
def mark_held_nb(bar: int, facts: Int64Array, book: Int64Array) -> tuple[int, int]:
    """Mark the position held at the close, and let stops follow (X5, X8).

    Returns equity at the close and at the adverse extreme, the latter at the open's rate (C5).
    """
    side = book[c.SIDE]
    exit_bar = c.bar_at_nb(-side)
    low, high, close = book[exit_bar + c.LOW], book[exit_bar + c.HIGH], book[exit_bar + c.CLOSE]
    trough, trough_fits = 0, True
    if book[c.SEEN] != 0:
        see_nb(close, book)
        follow_nb(close, book)
    else:
        see_nb(low, book)
        see_nb(high, book)
        worst = book[c.WORST]
        if worst == _NO_LEVEL:
            worst = low if side > 0 else high
        trough, trough_fits = mark_nb(worst, book)
        follow_nb(high if side > 0 else low, book)
    take_close_rate_nb(bar, facts, book)
    equity, fits = mark_nb(close, book)
    book[c.MARK] = close
    book[c.MARKED_BAR] = bar
    if book[c.SEEN] != 0:
        trough = equity
    if not (fits and trough_fits):
        book[c.FAULT] = c.OVERFLOW
    return equity, trough


@inlined_jit
def take_close_rate_nb(bar: int, facts: Int64Array, book: Int64Array) -> None:
    """Count money at the rate of the close, for the mark and for sizes decided there (C5)."""
    if book[c.CONVERTED] != 0:
        take_rate_nb(facts[bar, c.FACT_CLOSE_MULTIPLIER], facts[bar, c.FACT_CLOSE_DIVISOR], book)


@inlined_jit
def judge_position_nb(
    bar: int,
    programs: Int64Array,
    numbers: Float64Array,
    inputs: Float64Array,
    scratch: Float64Array,
    conditions: Conditions,
    book: Int64Array,
) -> None:
    """Evaluate the conditions about the position at the close."""
    pnl = book[c.EQUITY] - book[c.BALANCE]
    held_bars = bar - book[c.ENTRY_BAR]
    note_facts_nb(book[c.SIDE], book[c.QUANTITY], held_bars, book[c.ENTRY_PRICE], pnl, numbers, scratch)
    run_programs_nb(bar, programs, numbers, inputs, scratch, conditions)


@kernel_jit
def see_entry_nb(bar: int, times: Int64Array, flags: Flags, book: Int64Array) -> None:
    """Note a bar in which a position was opened, and when the one held has lasted long enough."""
    flags[bar] |= c.EXPOSED
    if book[c.SIDE] != 0 and book[c.ENTRY_BAR] == bar and book[c.DURATION] > 0:
        due = _first_from_nb(times[bar] + book[c.DURATION], bar, book[c.END_BAR], times)
        book[c.TIME_BAR] = min(book[c.TIME_BAR], due)


@kernel_jit
def _first_from_nb(time: int, bar: int, end: int, times: Int64Array) -> int:
    """Return the first bar after ``bar`` whose open is at or after ``time``; ``end`` if none before it is."""
    low, high = bar, end
    while high - low > 1:
        middle = low + (high - low) // 2
        if times[middle] >= time:
            high = middle
        else:
            low = middle
    return high
