"""Costs that change from bar to bar: the hour's spread, the last range's slippage, rates (C2, C3, C5)."""

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.arithmetic import muldiv_ceil_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit

_RATE_ONE = 10**9


@kernel_jit
def begin_bar_nb(bar: int, highs: Int64Array, lows: Int64Array, facts: Int64Array, book: Int64Array) -> None:
    """Take a bar's spread and slippage, and the rate known at its open."""
    if book[c.CONVERTED] != 0:
        take_rate_nb(facts[bar, c.FACT_OPEN_MULTIPLIER], facts[bar, c.FACT_OPEN_DIVISOR], book)
    if book[c.HOURLY] != 0 and book[c.TWO_SIDED] == 0:
        book[c.BID_OFFSET] = facts[bar, c.FACT_BID_OFFSET]
        book[c.ASK_OFFSET] = facts[bar, c.FACT_ASK_OFFSET]
    if book[c.RANGE_PPB] != 0:
        range_slippage_nb(highs[bar - 1] - lows[bar - 1] if bar > book[c.FIRST_BAR] else 0, book)


@inlined_jit
def take_rate_nb(multiplier: int, divisor: int, book: Int64Array) -> None:
    """Count money at a rate: what a tick of one step is worth, as a quotient."""
    book[c.MONEY_MULTIPLIER] = multiplier
    book[c.MONEY_DIVISOR] = divisor


@kernel_jit
def range_slippage_nb(reach: int, book: Int64Array) -> None:
    """Set the slippage that follows from the range of the bar before, in ticks, rounded up (C3)."""
    ticks, fits = muldiv_ceil_nb(reach, book[c.RANGE_PPB], _RATE_ONE)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    book[c.RANGE_SLIPPAGE] = ticks
