"""Fills: what an entry and an exit do to position, cash and tables (rules X1 to X3, X11, X12, M6).

A fill is the reference price moved by the spread to the trader's side, then by slippage; each move
is its own ledger row. Exits leave their figures in the state until the trade row is written, because
a reversal learns its commission only after its opening part.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason, LedgerKind, OrderReason, OrderState
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import book_nb, commission_nb, money_nb
from sptraderb.engine.kernels.arithmetic import muldiv_half_even_nb, product_nb
from sptraderb.engine.kernels.codes import Script, Tables, kernel_nb
from sptraderb.engine.kernels.levels import stop_level_nb, target_level_nb
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


@kernel_nb
def side_offset_nb(side: int, terms: Int64Array) -> int:
    """Return what is added to a raw price to get the side an order trades at: ask to buy, bid to sell."""
    return terms[c.ASK_OFFSET] if side > 0 else terms[c.BID_OFFSET]


@kernel_nb
def close_nb(
    bar: int,
    exit_: tuple[int, int, int, int],
    slipped: bool,
    terms: Int64Array,
    state: Int64Array,
    tables: Tables,
) -> None:
    """Close the position at a side price and write its trade.

    ``exit_`` is the price on the side the exit trades at, the reason, the level that filled (or
    NO_LEVEL) and whether the bar was ambiguous.
    """
    _book_exit_nb(bar, exit_, slipped, terms, state, tables)
    commission, fits = commission_nb(state[c.EXIT_PRICE], state[c.QUANTITY], terms)
    if not fits:
        state[c.FAULT] = c.OVERFLOW
    book_nb(state, tables.ledger, bar, _COMMISSION, -commission)
    _write_trade_nb(bar, -commission, terms, state, tables)
    state[c.SIDE] = 0
    state[c.QUANTITY] = 0
    state[c.TROUGH] = min(state[c.TROUGH], state[c.BALANCE])


@kernel_nb
def _book_exit_nb(
    bar: int,
    exit_: tuple[int, int, int, int],
    slipped: bool,
    terms: Int64Array,
    state: Int64Array,
    tables: Tables,
) -> None:
    """Book the price P&L, spread and slippage of an exit; its commission is the caller's."""
    side_price, reason, level, ambiguous = exit_
    side, steps = state[c.SIDE], state[c.QUANTITY]
    offset = side_offset_nb(-side, terms)
    slippage_ticks = terms[c.SLIPPAGE_TICKS] if slipped else 0
    reference = side_price - offset
    state[c.EXIT_PRICE] = side_price - side * slippage_ticks
    state[c.EXIT_REFERENCE] = reference
    state[c.EXIT_REASON] = reason
    state[c.EXIT_LEVEL] = level
    state[c.EXIT_AMBIGUOUS] = ambiguous
    pnl, pnl_fits = money_nb(side * (reference - state[c.ENTRY_REFERENCE]), steps, terms)
    spread, spread_fits = money_nb(-abs(offset), steps, terms)
    slippage, slippage_fits = money_nb(-slippage_ticks, steps, terms)
    if not (pnl_fits and spread_fits and slippage_fits):
        state[c.FAULT] = c.OVERFLOW
    state[c.EXIT_PNL] = pnl
    state[c.EXIT_SPREAD] = spread
    state[c.EXIT_SLIPPAGE] = slippage
    book_nb(state, tables.ledger, bar, _PRICE_PNL, pnl)
    book_nb(state, tables.ledger, bar, _SPREAD, spread)
    book_nb(state, tables.ledger, bar, _SLIPPAGE, slippage)


@kernel_nb
def _write_trade_nb(bar: int, commission: int, terms: Int64Array, state: Int64Array, tables: Tables) -> None:
    """Write the row of the position just closed; ``commission`` is the exit's part, negative."""
    side, entry, exit_price = state[c.SIDE], state[c.ENTRY_PRICE], state[c.EXIT_PRICE]
    offset = side_offset_nb(-side, terms)
    low, high = exit_price, exit_price
    if state[c.LOWEST] <= state[c.HIGHEST]:
        low = min(low, state[c.LOWEST] + offset)
        high = max(high, state[c.HIGHEST] + offset)
    spread = state[c.SPREAD_BOOKED] + state[c.EXIT_SPREAD]
    slippage = state[c.SLIPPAGE_BOOKED] + state[c.EXIT_SLIPPAGE]
    fees = state[c.COMMISSION_BOOKED] + commission
    row = tables.trades[state[c.N_TRADES]]
    row[0] = side
    row[1] = state[c.RULE]
    row[2] = state[c.ENTRY_BAR]
    row[3] = bar
    row[4] = state[c.QUANTITY]
    row[5] = entry
    row[6] = exit_price
    row[7] = state[c.ENTRY_REFERENCE]
    row[8] = state[c.EXIT_REFERENCE]
    row[9] = state[c.INITIAL_STOP]
    row[10] = state[c.EXIT_LEVEL]
    row[11] = state[c.EXIT_REASON]
    row[12] = state[c.EXIT_AMBIGUOUS]
    row[13] = state[c.EXIT_PNL]
    row[14] = spread
    row[15] = slippage
    row[16] = fees
    row[17] = 0
    row[18] = 0
    row[19] = 0
    row[20] = state[c.EXIT_PNL] + spread + slippage + fees
    row[21] = max(0, entry - low if side > 0 else high - entry)
    row[22] = max(0, high - entry if side > 0 else entry - low)
    state[c.N_TRADES] += 1


@kernel_nb
def enter_nb(bar: int, raw_open: int, script: Script, state: Int64Array, tables: Tables) -> None:
    """Fill the pending entry at an open: close the other side first if it is held (X11), then open."""
    terms, rule = script.terms, script.rules[state[c.PENDING_ENTRY] - 1]
    side = rule[c.RULE_SIDE]
    price = raw_open + side_offset_nb(side, terms)
    fill = price + side * terms[c.SLIPPAGE_TICKS]
    closing = state[c.QUANTITY]
    equity = state[c.EQUITY] if closing > 0 else state[c.BALANCE]
    stop, target, reason = _levels_nb(fill, rule, script, state)
    wanted, steps = 0, 0
    if reason == _NONE:
        wanted = _wanted_nb(price, rule, equity, script, state)
    if closing > 0:
        see_nb(raw_open, state)
        _book_exit_nb(bar, (price, _REVERSAL, _NO_LEVEL, 0), True, terms, state, tables)
    if reason == _NONE:
        steps, reason = cut_size_nb(wanted, fill, closing, (equity, state[c.BALANCE]), rule, terms)
    commission, fits = commission_nb(fill, closing + steps, terms)
    share, share_fits = commission, True
    if steps > 0 and closing > 0:
        share, share_fits = muldiv_half_even_nb(commission, closing, closing + steps)
    if not (fits and share_fits):
        state[c.FAULT] = c.OVERFLOW
    if closing > 0:
        _write_trade_nb(bar, -share, terms, state, tables)
        state[c.SIDE] = 0
        state[c.QUANTITY] = 0
    if steps > 0:
        _open_nb(bar, (fill, price, stop, target, steps), script, state, tables)
        state[c.COMMISSION_BOOKED] = -(commission - share if closing > 0 else commission)
    book_nb(state, tables.ledger, bar, _COMMISSION, -commission)
    if closing > 0:
        state[c.TROUGH] = min(state[c.TROUGH], state[c.BALANCE])
    outcome = _REJECTED if steps == 0 else (_FILLED if reason == _NONE else _FILLED_CUT)
    result = (outcome, reason, wanted, steps, fill if steps > 0 else 0)
    write_order_nb(bar, side, result, state, tables)


@kernel_nb
def _levels_nb(fill: int, rule: Int64Array, script: Script, state: Int64Array) -> tuple[int, int, int]:
    """Return stop, target and the reason to reject the entry, the stop judged first (X15)."""
    side, decided = rule[c.RULE_SIDE], state[c.DECIDED_BAR]
    stop, fault = stop_level_nb(fill, rule, decided, script)
    target = _NO_LEVEL
    reason = max(fault, _NONE)
    if fault == _NONE and stop != _NO_LEVEL and side * (fill - stop) <= 0:
        reason = _WRONG_STOP
    if fault >= 0 and reason == _NONE:
        target, fault = target_level_nb(fill, stop, rule, decided, script)
        reason = max(fault, _NONE)
        if fault == _NONE and target != _NO_LEVEL and side * (target - fill) <= 0:
            reason = _WRONG_TARGET
    if fault < 0:
        state[c.FAULT] = c.OVERFLOW
    return stop, target, reason


@kernel_nb
def _wanted_nb(price: int, rule: Int64Array, equity: int, script: Script, state: Int64Array) -> int:
    """Return the size before cuts; a risk size without a distance to its stop is 0 (A2)."""
    tick_value = price
    if rule[c.RULE_SIZE_KIND] == c.SIZE_RISK:
        stop, fault = stop_level_nb(price, rule, state[c.DECIDED_BAR], script)
        if fault < 0:
            state[c.FAULT] = c.OVERFLOW
        if fault != 0 or stop == _NO_LEVEL or stop == price:
            return 0
        tick_value = abs(price - stop)
    wanted, fits = wanted_size_nb(rule, equity, tick_value, script.terms)
    if not fits:
        state[c.FAULT] = c.OVERFLOW
    return wanted


@kernel_nb
def _open_nb(
    bar: int, order: tuple[int, int, int, int, int], script: Script, state: Int64Array, tables: Tables
) -> None:
    """Begin a position and book its spread and slippage; ``order`` is fill, price, stop, target, steps."""
    fill, price, stop, target, steps = order
    terms, rule_number = script.terms, state[c.PENDING_ENTRY] - 1
    rule = script.rules[rule_number]
    side = rule[c.RULE_SIDE]
    offset = side_offset_nb(side, terms)
    state[c.SIDE] = side
    state[c.QUANTITY] = steps
    state[c.RULE] = rule_number
    state[c.ENTRY_BAR] = bar
    state[c.ENTRY_PRICE] = fill
    state[c.ENTRY_REFERENCE] = price - offset
    state[c.INITIAL_STOP] = stop
    state[c.STOP] = stop
    state[c.TARGET] = target
    state[c.TIME_BAR] = bar + rule[c.RULE_MAX_BARS] if rule[c.RULE_MAX_BARS] > 0 else c.FAR
    state[c.LIVE_BAR] = bar + rule[c.RULE_LIVE_NEXT]
    state[c.LOWEST] = c.FAR
    state[c.HIGHEST] = -c.FAR
    state[c.POSITION] = state[c.N_POSITIONS]
    state[c.N_POSITIONS] += 1
    _set_unit_nb(terms, state)
    spread, spread_fits = money_nb(-abs(offset), steps, terms)
    slippage, slippage_fits = money_nb(-terms[c.SLIPPAGE_TICKS], steps, terms)
    if not (spread_fits and slippage_fits):
        state[c.FAULT] = c.OVERFLOW
    state[c.SPREAD_BOOKED] = spread
    state[c.SLIPPAGE_BOOKED] = slippage
    book_nb(state, tables.ledger, bar, _SPREAD, spread)
    book_nb(state, tables.ledger, bar, _SLIPPAGE, slippage)


@kernel_nb
def _set_unit_nb(terms: Int64Array, state: Int64Array) -> None:
    """Keep what a tick is worth, and the move up to which marks need no check; -1 = always check."""
    unit, fits = product_nb(state[c.QUANTITY], terms[c.MONEY_MULTIPLIER])
    state[c.UNIT] = unit * state[c.SIDE]
    state[c.SAFE_MOVE] = -1
    if fits and terms[c.MONEY_DIVISOR] == 1:
        state[c.SAFE_MOVE] = _SAFE_MONEY // unit


@kernel_nb
def see_nb(raw_price: int, state: Int64Array) -> None:
    """Let a price count for the excursions of the position held."""
    state[c.LOWEST] = min(state[c.LOWEST], raw_price)
    state[c.HIGHEST] = max(state[c.HIGHEST], raw_price)


@kernel_nb
def close_at_nb(
    bar: int, raw_price: int, reason: int, script: Script, state: Int64Array, tables: Tables
) -> None:
    """Close the position as a market order at a raw price: an open, or the last close (X1)."""
    see_nb(raw_price, state)
    price = raw_price + side_offset_nb(-state[c.SIDE], script.terms)
    close_nb(bar, (price, reason, _NO_LEVEL, 0), True, script.terms, state, tables)


@kernel_nb
def write_order_nb(
    bar: int, side: int, result: tuple[int, int, int, int, int], state: Int64Array, tables: Tables
) -> None:
    """Write what became of the pending entry: state, reason, wanted and filled steps, price."""
    row = tables.orders[state[c.N_ORDERS]]
    row[0] = state[c.DECIDED_BAR]
    row[1] = bar
    row[2] = side
    row[3] = state[c.PENDING_ENTRY] - 1
    for column in range(5):
        row[4 + column] = result[column]
    state[c.N_ORDERS] += 1
