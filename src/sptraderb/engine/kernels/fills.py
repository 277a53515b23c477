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
from sptraderb.engine.kernels.conversion_fee import book_conversion_nb, conversion_fee_nb
from sptraderb.engine.kernels.listed_fills import (
    LISTED_BAR,
    LISTED_COMMISSION,
    LISTED_FILL,
    LISTED_HIGHEST,
    LISTED_LOWEST,
    LISTED_REFERENCE,
    LISTED_RULE,
    LISTED_SLIPPAGE,
    LISTED_SPREAD,
    LISTED_STEPS,
    drop_listed_nb,
    listed_at_nb,
    listed_pnl_nb,
    listed_steps_nb,
    listed_sum_nb,
    take_listed_nb,
)
from sptraderb.engine.kernels.table_room import has_room_nb

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
    close_steps_nb(bar, side_price, slippage_ticks, book[c.QUANTITY], book)


@kernel_jit
def close_steps_nb(bar: int, side_price: int, slippage_ticks: int, steps: int, book: Int64Array) -> None:
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
    close_steps_nb(bar, price, 0, min(steps, book[c.QUANTITY]), book)


@kernel_jit
def book_exit_nb(bar: int, side_price: int, slippage_ticks: int, steps: int, book: Int64Array) -> int:
    """Book the price P&L, spread and slippage of an exit; its commission is the caller's.

    Returns the steps' share of the position's cost, relative to its first fill.
    """
    side = book[c.SIDE]
    offset = side_offset_nb(-side, book)
    reference = side_price - offset
    book[c.EXIT_PRICE] = side_price - side * slippage_ticks
    book[c.EXIT_REFERENCE] = reference
    if book[c.N_LISTED] > 0:
        return _book_listed_exit_nb(bar, slippage_ticks, steps, book)
    cost, cost_fits = _share_nb(book[c.COST], steps, book[c.ENTRY_REFERENCE], book)
    pnl, pnl_fits = price_pnl_nb(reference, steps, cost, book)
    spread, spread_fits = cost_nb(-abs(offset), steps, book)
    slippage, slippage_fits = cost_nb(-slippage_ticks, steps, book)
    if not (pnl_fits and spread_fits and slippage_fits and cost_fits):
        book[c.FAULT] = c.OVERFLOW
    book[c.EXIT_PNL] = pnl
    book[c.EXIT_SPREAD] = spread
    book[c.EXIT_SLIPPAGE] = slippage
    book_nb(bar, _PRICE_PNL, pnl, book)
    book_conversion_nb(bar, pnl, book)
    book_nb(bar, _SPREAD, spread, book)
    book_nb(bar, _SLIPPAGE, slippage, book)
    return cost


@kernel_jit
def _book_listed_exit_nb(bar: int, slippage_ticks: int, steps: int, book: Int64Array) -> int:
    """Book an exit fill by fill, the oldest first; its reference stands in the book."""
    offset = abs(side_offset_nb(-book[c.SIDE], book))
    cost, fits = listed_sum_nb(LISTED_REFERENCE, book[c.ENTRY_REFERENCE], steps, book)
    left, number = steps, 0
    while left > 0:
        taken = listed_steps_nb(number, left, book)
        if taken == 0:
            break
        pnl = listed_pnl_nb(number, book[c.EXIT_REFERENCE], taken, book)
        book_nb(bar, _PRICE_PNL, pnl, book)
        book_conversion_nb(bar, pnl, book)
        spread, spread_fits = cost_nb(-offset, taken, book)
        slippage, slippage_fits = cost_nb(-slippage_ticks, taken, book)
        book_nb(bar, _SPREAD, spread, book)
        book_nb(bar, _SLIPPAGE, slippage, book)
        fits = fits and spread_fits and slippage_fits
        left -= taken
        number += 1
    if not fits or left > 0:
        book[c.FAULT] = c.OVERFLOW
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
    """Write what was just closed and hold that much less; ``commission`` is the exit's part."""
    if book[c.N_LISTED] > 0:
        _write_listed_nb(bar, steps, commission, book)
    else:
        _write_one_nb(bar, steps, commission, book)
    book[c.COST] -= cost
    if book[c.QUANTITY] == 0:
        book[c.SIDE] = 0
    else:
        set_unit_nb(book)


@inlined_jit
def _write_one_nb(bar: int, steps: int, commission: int, book: Int64Array) -> None:
    """Write one row for the steps closed: their share of everything booked."""
    reference, fits = average_nb(book[c.COST], book[c.ENTRY_REFERENCE], book)
    fills, fills_fit = _share_nb(book[c.FILLS], steps, book[c.FIRST_FILL], book)
    if not (fits and fills_fit):
        book[c.FAULT] = c.OVERFLOW
    spread = _take_nb(c.SPREAD_BOOKED, steps, book) + book[c.EXIT_SPREAD]
    slippage = _take_nb(c.SLIPPAGE_BOOKED, steps, book) + book[c.EXIT_SLIPPAGE]
    fees = _take_nb(c.COMMISSION_BOOKED, steps, book) + commission
    exits = (book[c.EXIT_PNL], book[c.EXIT_CONVERSION])
    entry, seen = (book[c.ENTRY_PRICE], reference), (book[c.LOWEST], book[c.HIGHEST])
    _write_row_nb(
        bar, (book[c.RULE], book[c.ENTRY_BAR]), steps, entry, exits, (spread, slippage, fees), seen, book
    )
    book[c.FILLS] -= fills


@kernel_jit
def _write_listed_nb(bar: int, steps: int, commission: int, book: Int64Array) -> None:
    """Write a row for each fill that an exit takes, the oldest first; the commission's rest is the last's."""
    side, left, number, whole = book[c.SIDE], steps, 0, 0
    offset = side_offset_nb(-side, book)
    slipped = side * (book[c.EXIT_REFERENCE] + offset - book[c.EXIT_PRICE])
    fills, fits = listed_sum_nb(LISTED_FILL, book[c.FIRST_FILL], steps, book)
    fees_left = commission
    while left > 0:
        taken = listed_steps_nb(number, left, book)
        if taken == 0:
            break
        at = listed_at_nb(number, book)
        pnl = listed_pnl_nb(number, book[c.EXIT_REFERENCE], taken, book)
        share = fees_left
        if taken < left:
            share, _ = muldiv_half_even_nb(commission, taken, steps)
        exit_spread, _ = cost_nb(-abs(offset), taken, book)
        exit_slippage, _ = cost_nb(-slipped, taken, book)
        spread = take_listed_nb(number, LISTED_SPREAD, taken, book)
        slippage = take_listed_nb(number, LISTED_SLIPPAGE, taken, book)
        fees = take_listed_nb(number, LISTED_COMMISSION, taken, book)
        book[c.SPREAD_BOOKED] -= spread
        book[c.SLIPPAGE_BOOKED] -= slippage
        book[c.COMMISSION_BOOKED] -= fees
        low = min(book[c.LOWEST], book[at + LISTED_LOWEST])
        high = max(book[c.HIGHEST], book[at + LISTED_HIGHEST])
        whole += 1 if taken == book[at + LISTED_STEPS] else 0
        book[at + LISTED_STEPS] -= taken
        entry = (book[at + LISTED_FILL], book[at + LISTED_REFERENCE])
        costs = (spread + exit_spread, slippage + exit_slippage, fees + share)
        opened, exits = (
            (book[at + LISTED_RULE], book[at + LISTED_BAR]),
            (pnl, -conversion_fee_nb(pnl, book)),
        )
        _write_row_nb(bar, opened, taken, entry, exits, costs, (low, high), book)
        left, fees_left, number = left - taken, fees_left - share, number + 1
    book[c.FILLS] -= fills
    drop_listed_nb(whole, book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW


@kernel_jit
def _write_row_nb(
    bar: int,
    opened: tuple[int, int],
    steps: int,
    entry: tuple[int, int],
    exits: tuple[int, int],
    costs: tuple[int, int, int],
    seen: tuple[int, int],
    book: Int64Array,
) -> None:
    """Write a trade row and hold that much less.

    ``opened`` is rule and bar of the entry, ``entry`` its fill and reference, ``exits`` price P&L and
    conversion fee, ``costs`` spread, slippage and commission, ``seen`` the lowest and the highest price.
    """
    side, exit_price = book[c.SIDE], book[c.EXIT_PRICE]
    low, high = min(exit_price, seen[0]), max(exit_price, seen[1])
    swap, funding = _take_nb(c.SWAP_BOOKED, steps, book), _take_nb(c.FUNDING_BOOKED, steps, book)
    book[c.QUANTITY] -= steps
    if not has_room_nb(c.N_TRADES, 1, book):
        return
    at = c.trade_at_nb(book)
    book[at] = side
    book[at + 1] = opened[0]
    book[at + 2] = opened[1]
    book[at + 3] = bar
    book[at + 4] = steps
    book[at + 5] = entry[0]
    book[at + 6] = exit_price
    book[at + 7] = entry[1]
    book[at + 8] = book[c.EXIT_REFERENCE]
    book[at + 9] = book[c.INITIAL_STOP]
    book[at + 10] = book[c.EXIT_LEVEL]
    book[at + 11] = book[c.EXIT_REASON]
    book[at + 12] = book[c.EXIT_AMBIGUOUS] | book[c.AMBIGUOUS] | book[c.UNCERTAIN]
    book[at + 13] = exits[0]
    book[at + 14] = costs[0]
    book[at + 15] = costs[1]
    book[at + 16] = costs[2]
    book[at + 17] = swap
    book[at + 18] = funding
    book[at + 19] = exits[1]
    book[at + 20] = exits[0] + costs[0] + costs[1] + costs[2] + swap + funding + exits[1]
    book[at + 21] = max(0, entry[0] - low if side > 0 else high - entry[0])
    book[at + 22] = max(0, high - entry[0] if side > 0 else entry[0] - low)
    book[c.N_TRADES] += 1


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
