"""Margin of what is held: the call at a close, and the price at which a position is stopped out (A3).

Used margin is the notional at the side on which the position would be closed x the margin rate, exact
and unrounded. Floats only tell what is clearly far away; whatever is near is compared exactly.
"""

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, EventCode, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import write_event_nb
from sptraderb.engine.kernels.arithmetic import product_nb, wide_product_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.fills import close_nb, slippage_nb
from sptraderb.engine.kernels.sizing import carried_nb
from sptraderb.engine.kernels.wide_equity import loses_nb

_NO_LEVEL = NO_LEVEL
_RATE_ONE = 10**9
_SQUARE = 10**18
_STOP_OUT = int(ExitReason.STOP_OUT)
_CALL_EVENT = int(EventCode.MARGIN_CALL)
_OUT_EVENT = int(EventCode.STOP_OUT)
_NEAR = 1e-12


@inlined_jit
def judge_margin_nb(bar: int, book: Int64Array) -> None:
    """Record the first close whose equity is below the used margin; one that is not arms it again.

    Equity and the mark stand in the book.
    """
    called = 0
    if book[c.SIDE] != 0 and _is_called_nb(book[c.MARK], book):
        called = 1
        if book[c.CALLED] == 0:
            write_event_nb(bar, _CALL_EVENT, book[c.EQUITY], book)
    book[c.CALLED] = called


@inlined_jit
def _is_called_nb(price: int, book: Int64Array) -> bool:
    """Return whether equity is below the margin used at a price, exactly."""
    equity, margin = book[c.EQUITY], book[c.MARGIN_PPB]
    if equity >= 0 and book[c.SAFE_MOVE] >= 0:
        notional, fits = product_nb(price, abs(book[c.UNIT]))
        if fits:
            used = wide_product_nb(np.uint64(notional), np.uint64(margin))
            held = wide_product_nb(np.uint64(equity), np.uint64(_RATE_ONE))
            below = held[0] < used[0] or (held[0] == used[0] and held[1] < used[1])
            return bool(below)
    return not bool(carried_nb(price, book[c.QUANTITY], (margin, 0, 0), (equity, _RATE_ONE), book))


@kernel_jit
def set_live_stop_nb(bar: int, price: int, book: Int64Array) -> None:
    """Put the stop that governs a bar into the book: the attached one, or a nearer stop-out.

    A stop-out beyond ``price`` and beyond the bar's adverse extreme is not reached, and left out; so is one
    of a book whose twin was stopped out inside this bar, as that has judged it already.
    """
    side = book[c.SIDE]
    stop, reason = _NO_LEVEL, book[c.STOP_REASON]
    if bar >= book[c.LIVE_BAR]:
        stop = book[c.STOP]
    if book[c.STOP_OUT_PPB] != 0 and book[c.SPARED_BAR] != bar:
        exit_bar = c.bar_at_nb(-side)
        worst = min(price, book[exit_bar + c.LOW]) if side > 0 else max(price, book[exit_bar + c.HIGH])
        if may_be_out_nb(worst, book):
            level = _stop_out_level_nb(book)
            if level != _NO_LEVEL and (stop == _NO_LEVEL or side * (level - stop) > 0):
                stop, reason = level, _STOP_OUT
    book[c.LIVE_STOP], book[c.LIVE_REASON] = stop, reason


@kernel_jit
def close_by_stop_nb(bar: int, price: int, ambiguous: int, book: Int64Array) -> None:
    """Close the position by the stop that governs it, slipped; a stop-out is an event as well."""
    reason = book[c.LIVE_REASON]
    close_nb(bar, price, slippage_nb(price, book), reason, book[c.LIVE_STOP], ambiguous, book)
    if reason == _STOP_OUT:
        book[c.STOPPED_AT] = price
        write_event_nb(bar, _OUT_EVENT, book[c.BALANCE], book)


@inlined_jit
def twin_away_nb(book: Int64Array) -> int:
    """Return how far from a price of the exit a twin's exit lies at that instant: the spread, up or down."""
    return int(book[c.SIDE] * (book[c.ASK_OFFSET] - book[c.BID_OFFSET]))


@inlined_jit
def may_be_out_nb(price: int, book: Int64Array) -> bool:
    """Return whether a price may leave no more than the stop-out's share of the used margin."""
    worth = float(book[c.QUANTITY]) * float(book[c.MONEY_MULTIPLIER])
    cash = float(book[c.BALANCE]) - float(book[c.TWIN_PNL]) - float(book[c.OTHERS_OUT])
    cash *= float(book[c.MONEY_DIVISOR])
    at, reference = float(price) * worth, _entry_nb(book) * worth
    gain, notional = book[c.SIDE] * (at - reference), at
    if book[c.TWIN_STEPS] != 0:
        unit = float(book[c.MONEY_MULTIPLIER])
        twin_at = float(price + twin_away_nb(book)) * float(book[c.TWIN_STEPS]) * unit
        twin_value = float(book[c.TWIN_REFERENCE]) * float(book[c.TWIN_STEPS]) + float(book[c.TWIN_COST])
        gain -= book[c.SIDE] * (twin_at - twin_value * unit)
        notional += twin_at
        reference += twin_value * unit
    used = notional * (float(book[c.STOP_OUT_PPB]) * 1e-9) * (float(book[c.MARGIN_PPB]) * 1e-9)
    return bool(cash + gain <= used + _NEAR * (abs(cash) + notional + reference))


@inlined_jit
def guard_nb(book: Int64Array) -> int:
    """Return a price of the exit's side short of which neither margin call nor stop-out can come."""
    level = _near_level_nb(1.0, book)
    if not abs(level) < float(c.FAR):
        return int(c.FAR if level > 0.0 else -c.FAR)
    return int(level)


@inlined_jit
def _entry_nb(book: Int64Array) -> float:
    """Return the average reference price of what is held."""
    return float(book[c.ENTRY_REFERENCE]) + float(book[c.COST]) / float(book[c.QUANTITY])


@inlined_jit
def _near_level_nb(share: float, book: Int64Array) -> float:
    """Return the price at which equity is ``share`` of the used margin, moved towards the market a little."""
    side, reference = book[c.SIDE], _entry_nb(book)
    worth = float(book[c.QUANTITY]) * float(book[c.MONEY_MULTIPLIER])
    beside = float(book[c.BALANCE]) - share * float(book[c.OTHERS_USED])
    cash = beside * float(book[c.MONEY_DIVISOR]) / worth
    margin = share * (float(book[c.MARGIN_PPB]) * 1e-9)
    error = _NEAR * (reference + abs(cash))
    if side > 0:
        above = reference - cash + error
        if margin >= 1.0:
            return np.inf if above >= 0.0 else -np.inf
        return above / (1.0 - margin) + 2.0
    return (reference + cash - error) / (1.0 + margin) - 2.0


@kernel_jit
def _stop_out_level_nb(book: Int64Array) -> int:
    """Return the first price in ticks at which equity is at most the stop-out's share of the used margin.

    A float64 guess brackets the answer; bisection with exact comparisons ends it. Beside a twin that
    gains more than the position loses there is no such price.
    """
    side = book[c.SIDE]
    if side > 0 and book[c.STOP_OUT_PPB] * book[c.MARGIN_PPB] >= _SQUARE:
        return _NO_LEVEL
    low, high = 0, c.FAR
    guess = -1.0
    if book[c.TWIN_STEPS] == 0:
        guess = _near_level_nb(float(book[c.STOP_OUT_PPB]) * 1e-9, book)
    elif not _outweighs_nb(book):
        return _NO_LEVEL
    spread = 6.0 + abs(guess) * 1e-11
    for tried in (guess - spread, guess + spread):
        if low < tried < high:
            middle = int(tried)
            if low < middle < high:
                if _is_out_nb(middle, book) == (side > 0):
                    low = middle
                else:
                    high = middle
    while high - low > 1:
        middle = low + (high - low) // 2
        if _is_out_nb(middle, book) == (side > 0):
            low = middle
        else:
            high = middle
    return int(low if side > 0 else high)


@kernel_jit
def _is_out_nb(price: int, book: Int64Array) -> bool:
    """Return whether a price leaves at most the stop-out's share of the used margin, exactly."""
    share = book[c.STOP_OUT_PPB] * book[c.MARGIN_PPB]
    side, quantity = book[c.SIDE], book[c.QUANTITY]
    entry = (book[c.ENTRY_REFERENCE], book[c.COST])
    cash = book[c.BALANCE] - book[c.TWIN_PNL] - book[c.OTHERS_OUT]
    money = (cash, book[c.MONEY_DIVISOR])
    factor = _SQUARE - share if side > 0 else _SQUARE + share
    twin = (book[c.TWIN_REFERENCE], book[c.TWIN_COST], price + twin_away_nb(book), book[c.TWIN_STEPS])
    return loses_nb(side, entry, (price, factor), (quantity, book[c.MONEY_MULTIPLIER]), money, twin)


@kernel_jit
def _outweighs_nb(book: Int64Array) -> bool:
    """Return whether equity falls faster than the stop-out's share of the margin, though a twin is held."""
    share, side = book[c.STOP_OUT_PPB] * book[c.MARGIN_PPB], book[c.SIDE]
    own = wide_product_nb(np.uint64(book[c.QUANTITY]), np.uint64(_SQUARE - side * share))
    twin = wide_product_nb(np.uint64(book[c.TWIN_STEPS]), np.uint64(_SQUARE + side * share))
    return bool(own[0] > twin[0] or (own[0] == twin[0] and own[1] > twin[1]))
