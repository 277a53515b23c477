"""Stretches of held bars whose marks are rounded: money is converted, or finer than it is counted.

Like those of `plain_stretches`: they only mark, and leave any bar that is not plain to the careful walk.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
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
from sptraderb.engine.kernels.varying_costs import take_rate_nb

_SAFE_MARK = 2.0**60
_SAFE_REST = 2.0**61
_ERROR = 2.0**-49
_SLACK = 1.0 + 1e-12


@kernel_jit
def hold_converted_nb(
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
    """Mark bars like `plain_stretches.hold_nb`, troughs at the rate of a bar's open, closes at its close's.

    Leaves as well where equity comes near the used margin, or near the stop-out's share of it.
    """
    side, balance, quantity, cost = book[c.SIDE], book[c.BALANCE], book[c.QUANTITY], book[c.COST]
    if abs(balance) > SAFE_BALANCE or abs(cost) > SAFE_BALANCE or book[c.JUDGE_AGAIN] != 0:
        return bar
    entry, widest = book[c.ENTRY_REFERENCE] - offset, SAFE_BALANCE // quantity
    low_raw, high_raw = level_range_nb(offset, book)
    low_raw, high_raw = max(low_raw, entry - widest - 1), min(high_raw, entry + widest + 1)
    if not follows:
        low_raw, high_raw = below_water_nb(low_raw, high_raw, offset, book)
    water, average = book[c.WATER] - offset, book[c.ENTRY_PRICE] - offset
    trail, trail_after = book[c.TRAIL_TICKS], book[c.TRAIL_AFTER]
    even_after, raised = book[c.BREAK_EVEN_AFTER], 0
    multiplier, divisor = book[c.MONEY_MULTIPLIER], book[c.MONEY_DIVISOR]
    is_rated, peak, equity, least = (
        book[c.CONVERTED] != 0,
        book[c.PEAK],
        book[c.EQUITY],
        least_equity_nb(book),
    )
    limit = float(book[c.MAX_DRAWDOWN_PPB]) * 1e-9 * (1.0 - 1e-9)
    margin = float(quantity) * float(book[c.MARGIN_PPB]) * 1e-9 * _SLACK
    share = margin * float(book[c.STOP_OUT_PPB]) * 1e-9
    if book[c.CHOICES] & c.CALLS != 0:  # judged inside the bar as well
        share = margin
    lowest, highest, first, end = book[c.LOWEST], book[c.HIGHEST], bar, min(stop_bar, book[c.TIME_BAR])
    while bar < end:
        low, high, close = lows[bar], highs[bar], closes[bar]
        if low <= low_raw or high >= high_raw or flags[bar] & HOLD_CARE != 0:
            break
        worst, best = (low, high) if side > 0 else (high, low)
        if is_rated:
            multiplier, divisor = facts[bar, c.FACT_OPEN_MULTIPLIER], facts[bar, c.FACT_OPEN_DIVISOR]
        pnl, trough_fits = _quotient_nb(side * ((worst - entry) * quantity - cost), multiplier, divisor)
        trough = balance + pnl
        out = share * float(worst + offset) * float(multiplier) / float(divisor)
        if is_rated:
            multiplier, divisor = facts[bar, c.FACT_CLOSE_MULTIPLIER], facts[bar, c.FACT_CLOSE_DIVISOR]
        pnl, fits = _quotient_nb(side * ((close - entry) * quantity - cost), multiplier, divisor)
        mark = balance + pnl
        used = margin * float(close + offset) * float(multiplier) / float(divisor)
        if not (fits and trough_fits and float(trough) > out + 1.0 and float(mark) > used + 1.0):
            break
        if mark <= least or (limit > 0.0 and peak - mark >= peak * limit):
            break
        equity, peak = mark, max(peak, mark)
        lowest, highest = min(lowest, low + offset), max(highest, high + offset)
        curves[c.EQUITY_ROW, bar] = equity
        curves[c.TROUGH_ROW, bar] = min(equity, trough)
        bar += 1
        if side * (best - water) > 0:
            water = best
            raised += 1
            moved, stop = side * (best - average), best - side * trail
            if trail > 0 and moved >= trail_after and stop + offset > 0:
                low_raw, high_raw = closer_nb(side, stop, low_raw, high_raw)
            if moved >= even_after:
                low_raw, high_raw = closer_nb(side, average, low_raw, high_raw)
    if bar > first:
        book[c.LOWEST], book[c.HIGHEST], book[c.PEAK], book[c.EQUITY] = lowest, highest, peak, equity
        book[c.MARK], book[c.CALLED] = closes[bar - 1] + offset, 0
        book[c.N_UNCERTAIN] += raised
        if is_rated:
            last = bar - 1
            take_rate_nb(facts[last, c.FACT_CLOSE_MULTIPLIER], facts[last, c.FACT_CLOSE_DIVISOR], book)
        if raised > 0:
            follow_nb(water + offset, book)
        for place in range(first, bar):
            curves[c.HELD_ROW, place] = side * quantity
            flags[place] |= c.EXPOSED
    return bar


@inlined_jit
def _quotient_nb(area: int, multiplier: int, divisor: int) -> tuple[int, bool]:
    """Return ``area * multiplier / divisor`` rounded half to even, and whether it is certain to be right.

    Notes
    -----
    A float64 guess, made exact: its remainder is small enough to be right in 64 bits, though neither
    product need be; the remainder's own quotient then puts the guess right, and what is left decides.
    """
    inverse = 1.0 / float(divisor)
    guess = float(area) * float(multiplier) * inverse
    is_safe = abs(guess) < _SAFE_MARK and float(divisor) * (1.0 + abs(guess) * _ERROR) < _SAFE_REST
    if not is_safe:
        return 0, False
    quotient = int(guess + (0.5 if guess >= 0.0 else -0.5))
    rest = area * multiplier - quotient * divisor
    left = float(rest) * inverse
    more = int(left + (0.5 if left >= 0.0 else -0.5))
    quotient, rest = quotient + more, rest - more * divisor
    if 2 * rest > divisor or (2 * rest == divisor and quotient & 1 == 1):
        quotient += 1
    elif 2 * rest < -divisor or (2 * rest == -divisor and quotient & 1 == 1):
        quotient -= 1
    return quotient, True
