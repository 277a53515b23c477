"""Fills: what an entry and an exit do to position, cash and tables (rules X1 to X3, X11, X12, M6).

A fill is the reference price moved by the spread to the trader's side, then by slippage; each move
is its own ledger row. Exits leave their figures in the book until the trade row is written, because
a reversal learns its commission only after its opening part.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason, LedgerKind, OrderReason, OrderState
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import book_nb, commission_nb, cost_nb, money_nb
from sptraderb.engine.kernels.arithmetic import muldiv_ceil_nb, muldiv_half_even_nb, product_nb
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.following import following_nb, start_following_nb
from sptraderb.engine.kernels.levels import Float64Array, stop_level_nb, target_level_nb
from sptraderb.engine.kernels.sizing import cut_size_nb, wanted_size_nb

_NO_LEVEL = NO_LEVEL
_PRICE_PNL = int(LedgerKind.PRICE_PNL)
_SPREAD = int(LedgerKind.SPREAD)
_SLIPPAGE = int(LedgerKind.SLIPPAGE)
_COMMISSION = int(LedgerKind.COMMISSION)
_REVERSAL = int(ExitReason.REVERSAL)
_FILLED = int(OrderState.FILLED)
_FILLED_CUT = int(OrderState.FILLED_CUT)
_REJECTED = int(OrderState.REJECTED)
_NONE = int(OrderReason.NONE)
_WRONG_STOP = int(OrderReason.WRONG_SIDE_STOP)
_WRONG_TARGET = int(OrderReason.WRONG_SIDE_TARGET)
_SAFE_MONEY = 1 << 61
_RATE_ONE = 10**9


@inlined_jit
def side_offset_nb(side: int, book: Int64Array) -> int:
    """Return what is added to a raw price to get the side an order trades at: ask to buy, bid to sell."""
    return int(book[c.ASK_OFFSET] if side > 0 else book[c.BID_OFFSET])


@inlined_jit
def see_nb(raw_price: int, book: Int64Array) -> None:
    """Let a raw price count for the excursions of the position held, on the side it would be sold."""
    price = raw_price + side_offset_nb(-book[c.SIDE], book)
    book[c.LOWEST] = min(book[c.LOWEST], price)
    book[c.HIGHEST] = max(book[c.HIGHEST], price)


@inlined_jit
def slippage_nb(price: int, book: Int64Array) -> int:
    """Return what a market or stop order loses at a price, in ticks, rounded up (C3)."""
    ticks = book[c.SLIPPAGE_TICKS]
    if book[c.SLIPPAGE_PPB] != 0:
        share, fits = muldiv_ceil_nb(price, book[c.SLIPPAGE_PPB], _RATE_ONE)
        if not fits:
            book[c.FAULT] = c.OVERFLOW
        ticks += share
    return int(ticks)


@kernel_jit
def close_nb(
    bar: int, side_price: int, slippage_ticks: int, reason: int, level: int, ambiguous: int, book: Int64Array
) -> None:
    """Close the position at a price of the side the exit trades at, and write its trade.

    ``level`` is that of the stop or target that filled, or NO_LEVEL.
    """
    _book_exit_nb(bar, side_price, slippage_ticks, book)
    book[c.EXIT_REASON] = reason
    book[c.EXIT_LEVEL] = level
    book[c.EXIT_AMBIGUOUS] = ambiguous
    commission, fits = commission_nb(book[c.EXIT_PRICE], book[c.QUANTITY], book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    book_nb(bar, _COMMISSION, -commission, book)
    _write_trade_nb(bar, -commission, book)
    book[c.TROUGH] = min(book[c.TROUGH], book[c.BALANCE])


@kernel_jit
def close_at_nb(bar: int, raw_price: int, reason: int, book: Int64Array) -> None:
    """Close the position as a market order at a raw price: an open, or the last close (X1)."""
    see_nb(raw_price, book)
    price = raw_price + side_offset_nb(-book[c.SIDE], book)
    close_nb(bar, price, slippage_nb(price, book), reason, _NO_LEVEL, 0, book)


@kernel_jit
def _book_exit_nb(bar: int, side_price: int, slippage_ticks: int, book: Int64Array) -> None:
    """Book the price P&L, spread and slippage of an exit; its commission is the caller's."""
    side, steps = book[c.SIDE], book[c.QUANTITY]
    offset = side_offset_nb(-side, book)
    reference = side_price - offset
    book[c.EXIT_PRICE] = side_price - side * slippage_ticks
    book[c.EXIT_REFERENCE] = reference
    pnl, pnl_fits = money_nb(side * (reference - book[c.ENTRY_REFERENCE]), steps, book)
    spread, spread_fits = cost_nb(-abs(offset), steps, book)
    slippage, slippage_fits = cost_nb(-slippage_ticks, steps, book)
    if not (pnl_fits and spread_fits and slippage_fits):
        book[c.FAULT] = c.OVERFLOW
    book[c.EXIT_PNL] = pnl
    book[c.EXIT_SPREAD] = spread
    book[c.EXIT_SLIPPAGE] = slippage
    book_nb(bar, _PRICE_PNL, pnl, book)
    book_nb(bar, _SPREAD, spread, book)
    book_nb(bar, _SLIPPAGE, slippage, book)


@kernel_jit
def _write_trade_nb(bar: int, commission: int, book: Int64Array) -> None:
    """Write the row of the position just closed and be flat; ``commission`` is the exit's part."""
    side, entry, exit_price = book[c.SIDE], book[c.ENTRY_PRICE], book[c.EXIT_PRICE]
    low = min(exit_price, book[c.LOWEST])
    high = max(exit_price, book[c.HIGHEST])
    spread = book[c.SPREAD_BOOKED] + book[c.EXIT_SPREAD]
    slippage = book[c.SLIPPAGE_BOOKED] + book[c.EXIT_SLIPPAGE]
    fees = book[c.COMMISSION_BOOKED] + commission
    at = c.trade_at_nb(book)
    book[at] = side
    book[at + 1] = book[c.RULE]
    book[at + 2] = book[c.ENTRY_BAR]
    book[at + 3] = bar
    book[at + 4] = book[c.QUANTITY]
    book[at + 5] = entry
    book[at + 6] = exit_price
    book[at + 7] = book[c.ENTRY_REFERENCE]
    book[at + 8] = book[c.EXIT_REFERENCE]
    book[at + 9] = book[c.INITIAL_STOP]
    book[at + 10] = book[c.EXIT_LEVEL]
    book[at + 11] = book[c.EXIT_REASON]
    book[at + 12] = book[c.EXIT_AMBIGUOUS]
    book[at + 13] = book[c.EXIT_PNL]
    book[at + 14] = spread
    book[at + 15] = slippage
    book[at + 16] = fees
    book[at + 17] = 0
    book[at + 18] = 0
    book[at + 19] = 0
    book[at + 20] = book[c.EXIT_PNL] + spread + slippage + fees
    book[at + 21] = max(0, entry - low if side > 0 else high - entry)
    book[at + 22] = max(0, high - entry if side > 0 else entry - low)
    book[c.N_TRADES] += 1
    book[c.SIDE] = 0
    book[c.QUANTITY] = 0


@kernel_jit
def enter_nb(bar: int, raw_open: int, levels: Float64Array, book: Int64Array) -> None:
    """Fill the pending entry at an open: close the other side first if it is held (X11), then open."""
    rule = c.rule_at_nb(book[c.PENDING_ENTRY] - 1)
    side = book[rule + c.RULE_SIDE]
    price = raw_open + side_offset_nb(side, book)
    slippage = slippage_nb(price, book)
    fill = price + side * slippage
    closing = book[c.QUANTITY]
    equity = book[c.EQUITY] if closing > 0 else book[c.BALANCE]
    stop, target, reason = _levels_nb(fill, rule, levels, book)
    trail, after, even = 0, 0, c.NEVER
    if reason == _NONE and book[rule + c.TRAIL_KIND] + book[rule + c.BREAK_KIND] != c.KIND_NONE:
        trail, after, even, reason = following_nb(fill, stop, rule, levels, book)
    wanted, steps = 0, 0
    if reason == _NONE:
        wanted = _wanted_nb(price, rule, equity, levels, book)
    if closing > 0:
        see_nb(raw_open, book)
        _book_exit_nb(bar, price, slippage, book)
        book[c.EXIT_REASON] = _REVERSAL
        book[c.EXIT_LEVEL] = _NO_LEVEL
        book[c.EXIT_AMBIGUOUS] = 0
    if reason == _NONE:
        steps, reason = cut_size_nb(wanted, fill, closing, (equity, book[c.BALANCE]), rule, book)
    commission, fits = commission_nb(fill, closing + steps, book)
    share, share_fits = commission if steps == 0 else 0, True
    if steps > 0 and closing > 0:
        share, share_fits = muldiv_half_even_nb(commission, closing, closing + steps)
    if not (fits and share_fits):
        book[c.FAULT] = c.OVERFLOW
    if closing > 0:
        _write_trade_nb(bar, -share, book)
    if steps > 0:
        _open_nb(bar, fill, price, stop, target, steps, book)
        start_following_nb(trail, after, even, book)
        book[c.COMMISSION_BOOKED] = share - commission
    book_nb(bar, _COMMISSION, -commission, book)
    if closing > 0:
        book[c.TROUGH] = min(book[c.TROUGH], book[c.BALANCE])
    result = _REJECTED if steps == 0 else (_FILLED if reason == _NONE else _FILLED_CUT)
    write_order_nb(bar, result, reason, wanted, steps, fill if steps > 0 else 0, book)


@inlined_jit
def _levels_nb(fill: int, rule: int, levels: Float64Array, book: Int64Array) -> tuple[int, int, int]:
    """Return stop, target and the reason to reject the entry, the stop judged first (X15)."""
    side, decided = book[rule + c.RULE_SIDE], book[c.DECIDED_BAR]
    target = _NO_LEVEL
    stop, fault = stop_level_nb(fill, rule, decided, levels, book)
    reason = max(fault, _NONE)
    if fault == _NONE and stop != _NO_LEVEL and side * (fill - stop) <= 0:
        reason = _WRONG_STOP
    if fault >= 0 and reason == _NONE:
        target, fault = target_level_nb(fill, stop, rule, decided, levels, book)
        reason = max(fault, _NONE)
        if fault == _NONE and target != _NO_LEVEL and side * (target - fill) <= 0:
            reason = _WRONG_TARGET
    if fault < 0:
        book[c.FAULT] = c.OVERFLOW
    return stop, target, reason


@inlined_jit
def _wanted_nb(price: int, rule: int, equity: int, levels: Float64Array, book: Int64Array) -> int:
    """Return the size before cuts; a risk size without a distance to its stop is 0 (A2)."""
    tick_value = price
    if book[rule + c.RULE_SIZE_KIND] == c.SIZE_RISK:
        stop, fault = stop_level_nb(price, rule, book[c.DECIDED_BAR], levels, book)
        if fault < 0:
            book[c.FAULT] = c.OVERFLOW
        if fault != 0 or stop in (_NO_LEVEL, price):
            return 0
        tick_value = abs(price - stop)
    wanted, fits = wanted_size_nb(rule, equity, tick_value, book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    return wanted


@inlined_jit
def _open_nb(bar: int, fill: int, price: int, stop: int, target: int, steps: int, book: Int64Array) -> None:
    """Begin a position of the pending rule and book its spread and slippage."""
    number = book[c.PENDING_ENTRY] - 1
    rule = c.rule_at_nb(number)
    side, max_bars = book[rule + c.RULE_SIDE], book[rule + c.RULE_MAX_BARS]
    offset = side_offset_nb(side, book)
    book[c.SIDE] = side
    book[c.QUANTITY] = steps
    book[c.RULE] = number
    book[c.ENTRY_BAR] = bar
    book[c.ENTRY_PRICE] = fill
    book[c.ENTRY_REFERENCE] = price - offset
    book[c.INITIAL_STOP] = stop
    book[c.TARGET] = target
    book[c.DURATION] = book[rule + c.RULE_DURATION]
    book[c.TIME_BAR] = bar + max_bars if max_bars > 0 else c.FAR
    book[c.LIVE_BAR] = bar + book[rule + c.RULE_LIVE_NEXT]
    book[c.EXIT_ROW] = book[rule + c.RULE_EXIT]
    book[c.LOWEST] = c.FAR
    book[c.HIGHEST] = -c.FAR
    book[c.POSITION] = book[c.N_POSITIONS]
    book[c.N_POSITIONS] += 1
    _set_unit_nb(book)
    spread, spread_fits = cost_nb(-abs(offset), steps, book)
    slippage, slippage_fits = cost_nb(-abs(fill - price), steps, book)
    if not (spread_fits and slippage_fits):
        book[c.FAULT] = c.OVERFLOW
    book[c.SPREAD_BOOKED] = spread
    book[c.SLIPPAGE_BOOKED] = slippage
    book_nb(bar, _SPREAD, spread, book)
    book_nb(bar, _SLIPPAGE, slippage, book)


@inlined_jit
def _set_unit_nb(book: Int64Array) -> None:
    """Keep what a tick is worth, and the move up to which marks need no check; -1 = always check."""
    unit, fits = product_nb(book[c.QUANTITY], book[c.MONEY_MULTIPLIER])
    book[c.UNIT] = unit * book[c.SIDE]
    book[c.SAFE_MOVE] = _SAFE_MONEY // unit if fits and book[c.MONEY_DIVISOR] == 1 else -1


@inlined_jit
def write_order_nb(
    bar: int, result: int, reason: int, wanted: int, steps: int, price: int, book: Int64Array
) -> None:
    """Write what became of the pending entry on a bar: order state, reason, sizes and fill price."""
    at = c.order_at_nb(book)
    number = book[c.PENDING_ENTRY] - 1
    book[at] = book[c.DECIDED_BAR]
    book[at + 1] = bar
    book[at + 2] = book[c.rule_at_nb(number) + c.RULE_SIDE]
    book[at + 3] = number
    book[at + 4] = result
    book[at + 5] = reason
    book[at + 6] = wanted
    book[at + 7] = steps
    book[at + 8] = price
    book[c.N_ORDERS] += 1
