"""Fills of exits: what closing a position, or a part of it, does to cash and tables (rules X9, X12, M5, M6).

A fill is the reference price moved by the spread to the trader's side, then by slippage; each move
is its own ledger row. Exits leave their figures in the book until the trade row is written, because
a reversal learns its commission only after its opening part.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, EventCode, ExitReason, LedgerKind
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import (
    book_nb,
    commission_nb,
    cost_nb,
    mark_nb,
    price_pnl_nb,
    write_event_nb,
)
from sptraderb.engine.kernels.arithmetic import (
    muldiv_ceil_nb,
    muldiv_floor_nb,
    muldiv_half_even_nb,
    product_nb,
    share_half_even_nb,
    sum_nb,
)
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.conversion_fee import book_conversion_nb

_NO_LEVEL = NO_LEVEL
_PRICE_PNL = int(LedgerKind.PRICE_PNL)
_SPREAD = int(LedgerKind.SPREAD)
_SLIPPAGE = int(LedgerKind.SLIPPAGE)
_COMMISSION = int(LedgerKind.COMMISSION)
_PARTIAL = int(ExitReason.PARTIAL)
_SKIPPED = int(EventCode.PARTIAL_SKIPPED)
_SAFE_MONEY = 1 << 61
_RATE_ONE = 10**9


@inlined_jit
def side_offset_nb(side: int, book: Int64Array) -> int:
    """Return what is added to a raw price to get the side an order trades at: ask to buy, bid to sell."""
    return int(book[c.ASK_OFFSET] if side > 0 else book[c.BID_OFFSET])


@inlined_jit
def see_nb(price: int, book: Int64Array) -> None:
    """Let a price of the side the position would be sold on count for its excursions."""
    book[c.LOWEST] = min(book[c.LOWEST], price)
    book[c.HIGHEST] = max(book[c.HIGHEST], price)


@inlined_jit
def slippage_nb(price: int, book: Int64Array) -> int:
    """Return what a market or stop order loses at a price, in ticks, rounded up (C3)."""
    ticks = book[c.SLIPPAGE_TICKS] + book[c.RANGE_SLIPPAGE]
    if book[c.SLIPPAGE_PPB] != 0:
        share, fits = muldiv_ceil_nb(price, book[c.SLIPPAGE_PPB], _RATE_ONE)
        if not fits:
            book[c.FAULT] = c.OVERFLOW
        ticks += share
    return int(ticks)


@inlined_jit
def worsen_trough_nb(price: int, book: Int64Array) -> None:
    """Let the equity with the position marked at a price count for the bar's trough."""
    worst, fits = mark_nb(price, book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    book[c.TROUGH] = min(book[c.TROUGH], worst)


@kernel_jit
def close_nb(
    bar: int, side_price: int, slippage_ticks: int, reason: int, level: int, ambiguous: int, book: Int64Array
) -> None:
    """Close the position at a price of the side the exit trades at, and write its trade.

    ``level`` is that of the stop or target that filled, or NO_LEVEL.
    """
    book[c.EXIT_REASON] = reason
    book[c.EXIT_LEVEL] = level
    book[c.EXIT_AMBIGUOUS] = ambiguous
    _close_steps_nb(bar, side_price, slippage_ticks, book[c.QUANTITY], book)


@kernel_jit
def _close_steps_nb(bar: int, side_price: int, slippage_ticks: int, steps: int, book: Int64Array) -> None:
    """Close some of the position, with an order's commission of its own; reason and level are set."""
    cost = book_exit_nb(bar, side_price, slippage_ticks, steps, book)
    commission, fits = commission_nb(book[c.EXIT_PRICE], steps, book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    book_nb(bar, _COMMISSION, -commission, book)
    write_trade_nb(bar, steps, cost, -commission, book)
    if book[c.SIDE] == 0:
        book[c.TROUGH] = min(book[c.TROUGH], book[c.BALANCE])


@kernel_jit
def close_at_nb(bar: int, price: int, reason: int, book: Int64Array) -> None:
    """Close the position as a market order at an open, or the last close, of its side (X1)."""
    see_nb(price, book)
    close_nb(bar, price, slippage_nb(price, book), reason, _NO_LEVEL, 0, book)


@kernel_jit
def close_part_nb(bar: int, price: int, part: int, ambiguous: int, book: Int64Array) -> None:
    """Fill a partial exit of the position at a price, never slipped; a part of size 0 is skipped (X9)."""
    rule = c.rule_at_nb(book[c.RULE])
    row = book[rule + c.RULE_PARTS_AT] + part * c.PART_WIDTH
    level = book[book[c.PARTS_AT] + part]
    book[book[c.PARTS_AT] + part] = c.DONE
    if book[row + c.PART_EVEN] != 0:
        book[c.PARTS_EVEN] = book[c.JUDGE_AGAIN] = 1
    steps, fits = muldiv_floor_nb(book[c.MOST_HELD], book[row + c.PART_PPB], _RATE_ONE)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    steps -= steps % book[c.QUANTITY_STEP]
    if steps == 0:
        write_event_nb(bar, _SKIPPED, 0, book)
        return
    book[c.EXIT_REASON] = _PARTIAL
    book[c.EXIT_LEVEL] = level
    book[c.EXIT_AMBIGUOUS] = ambiguous
    _close_steps_nb(bar, price, 0, min(steps, book[c.QUANTITY]), book)


@kernel_jit
def book_exit_nb(bar: int, side_price: int, slippage_ticks: int, steps: int, book: Int64Array) -> int:
    """Book the price P&L, spread and slippage of an exit; its commission is the caller's.

    Returns the steps' share of the position's cost, relative to its first fill.
    """
    side = book[c.SIDE]
    offset = side_offset_nb(-side, book)
    reference = side_price - offset
    cost, cost_fits = _share_nb(book[c.COST], steps, book[c.ENTRY_REFERENCE], book)
    book[c.EXIT_PRICE] = side_price - side * slippage_ticks
    pnl, pnl_fits = price_pnl_nb(reference, steps, cost, book)
    spread, spread_fits = cost_nb(-abs(offset), steps, book)
    slippage, slippage_fits = cost_nb(-slippage_ticks, steps, book)
    if not (pnl_fits and spread_fits and slippage_fits and cost_fits):
        book[c.FAULT] = c.OVERFLOW
    book[c.EXIT_REFERENCE] = reference
    book[c.EXIT_PNL] = pnl
    book[c.EXIT_SPREAD] = spread
    book[c.EXIT_SLIPPAGE] = slippage
    book_nb(bar, _PRICE_PNL, pnl, book)
    book_conversion_nb(bar, pnl, book)
    book_nb(bar, _SPREAD, spread, book)
    book_nb(bar, _SLIPPAGE, slippage, book)
    return cost


@inlined_jit
def _share_nb(total: int, steps: int, first: int, book: Int64Array) -> tuple[int, bool]:
    """Return the steps' share of a sum of prices x steps kept relative to the price ``first`` (M5)."""
    if total == 0 or steps == book[c.QUANTITY]:
        return total, True
    return share_half_even_nb(total, steps, book[c.QUANTITY], first & steps & 1)


@kernel_jit
def average_nb(total: int, first: int, book: Int64Array) -> tuple[int, bool]:
    """Return the average price of a sum of prices x steps kept relative to ``first``, half-even (M5)."""
    if total == 0:
        return first, True
    above, fits = share_half_even_nb(total, 1, book[c.QUANTITY], first & 1)
    return first + above, fits


@inlined_jit
def _take_nb(slot: int, steps: int, book: Int64Array) -> int:
    """Take the steps' share out of a sum of costs booked; the last part takes the rest."""
    held, total = book[c.QUANTITY], int(book[slot])
    if steps == held or total == 0:
        book[slot] = 0
        return total
    share, _ = muldiv_half_even_nb(total, steps, held)
    book[slot] = total - share
    return share


@kernel_jit
def write_trade_nb(bar: int, steps: int, cost: int, commission: int, book: Int64Array) -> None:
    """Write the row of what was just closed and hold that much less; ``commission`` is the exit's part."""
    side, entry, exit_price = book[c.SIDE], book[c.ENTRY_PRICE], book[c.EXIT_PRICE]
    low = min(exit_price, book[c.LOWEST])
    high = max(exit_price, book[c.HIGHEST])
    reference, fits = average_nb(book[c.COST], book[c.ENTRY_REFERENCE], book)
    fills, fills_fit = _share_nb(book[c.FILLS], steps, book[c.FIRST_FILL], book)
    if not (fits and fills_fit):
        book[c.FAULT] = c.OVERFLOW
    spread = _take_nb(c.SPREAD_BOOKED, steps, book) + book[c.EXIT_SPREAD]
    slippage = _take_nb(c.SLIPPAGE_BOOKED, steps, book) + book[c.EXIT_SLIPPAGE]
    fees = _take_nb(c.COMMISSION_BOOKED, steps, book) + commission
    swap, funding = _take_nb(c.SWAP_BOOKED, steps, book), _take_nb(c.FUNDING_BOOKED, steps, book)
    conversion = book[c.EXIT_CONVERSION]
    at = c.trade_at_nb(book)
    book[at] = side
    book[at + 1] = book[c.RULE]
    book[at + 2] = book[c.ENTRY_BAR]
    book[at + 3] = bar
    book[at + 4] = steps
    book[at + 5] = entry
    book[at + 6] = exit_price
    book[at + 7] = reference
    book[at + 8] = book[c.EXIT_REFERENCE]
    book[at + 9] = book[c.INITIAL_STOP]
    book[at + 10] = book[c.EXIT_LEVEL]
    book[at + 11] = book[c.EXIT_REASON]
    book[at + 12] = book[c.EXIT_AMBIGUOUS] | book[c.AMBIGUOUS] | book[c.UNCERTAIN]
    book[at + 13] = book[c.EXIT_PNL]
    book[at + 14] = spread
    book[at + 15] = slippage
    book[at + 16] = fees
    book[at + 17] = swap
    book[at + 18] = funding
    book[at + 19] = conversion
    book[at + 20] = book[c.EXIT_PNL] + spread + slippage + fees + swap + funding + conversion
    book[at + 21] = max(0, entry - low if side > 0 else high - entry)
    book[at + 22] = max(0, high - entry if side > 0 else entry - low)
    book[c.N_TRADES] += 1
    book[c.QUANTITY] -= steps
    book[c.COST] -= cost
    book[c.FILLS] -= fills
    if book[c.QUANTITY] == 0:
        book[c.SIDE] = 0
    else:
        set_unit_nb(book)


@kernel_jit
def set_unit_nb(book: Int64Array) -> None:
    """Keep what a tick is worth, and the move up to which marks need no check; -1 = always check."""
    unit, fits = product_nb(book[c.QUANTITY], book[c.MONEY_MULTIPLIER])
    book[c.UNIT] = unit * book[c.SIDE]
    is_plain = fits and book[c.MONEY_DIVISOR] == 1 and book[c.CONVERTED] == 0
    book[c.SAFE_MOVE] = _SAFE_MONEY // unit if is_plain else -1


@inlined_jit
def add_booked_nb(slot: int, amount: int, book: Int64Array) -> None:
    """Add a cost to what the position was booked already."""
    total, fits = sum_nb(book[slot], amount)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    book[slot] = total
