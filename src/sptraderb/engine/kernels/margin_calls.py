"""Margin calls of profile `tradingview`: four times what is missing is closed at the price that shows it.

Judged at a bar's open, at the end of a leg that went against the position, and at the close. What is
missing counts in quantity steps, rounded down; TradingView takes a count within 2^-26 below an integer
for that integer. Less than a step closes one contract; at a close everything counts in contracts.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, EventCode, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import mark_nb, write_event_nb
from sptraderb.engine.kernels.codes import kernel_jit
from sptraderb.engine.kernels.fills import close_steps_nb, slippage_nb
from sptraderb.engine.kernels.sizing import carried_nb, has_margin_nb, most_steps_nb

_NO_LEVEL = NO_LEVEL
_MARGIN_CALL = int(ExitReason.MARGIN_CALL)
_CALL_EVENT = int(EventCode.MARGIN_CALL)
_RATE_ONE = 10**9
_TIMES = 4
_NEARLY = 2**26 + 1
AT_OPEN, AT_FIRST_END, AT_SECOND_END, AT_CLOSE = range(4)


@kernel_jit
def call_margin_nb(bar: int, price: int, moment: int, book: Int64Array) -> bool:
    """Close what a margin call at a price closes, slipped; return whether it waits for the close instead.

    Only a call at the end of the first leg may wait: of a whole-contract instrument, for less than one
    contract, where the close would call too.
    """
    equity, fits = mark_nb(price, book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    if has_margin_nb(price, book[c.QUANTITY], equity, book):
        return False
    cover = _cover_nb(price, equity, book)
    lot = book[c.QUANTITY_STEP]
    contract = max(book[c.UNIT_STEPS], lot)
    if cover == 0 and moment == AT_FIRST_END and lot == contract:
        close = book[c.bar_at_nb(-book[c.SIDE]) + c.CLOSE]
        at_close, _ = mark_nb(close, book)
        if close != price and not has_margin_nb(close, book[c.QUANTITY], at_close, book):
            return True
    steps, held = contract, book[c.QUANTITY]
    if cover >= held // lot:
        steps = held
    elif moment == AT_CLOSE:
        steps = max(contract, min(cover * lot // contract, held // contract) * contract * _TIMES)
    elif cover > 0:
        steps = held if cover > held // lot // _TIMES else cover * lot * _TIMES
    book[c.EXIT_REASON], book[c.EXIT_LEVEL], book[c.EXIT_AMBIGUOUS] = _MARGIN_CALL, _NO_LEVEL, 0
    close_steps_nb(bar, price, slippage_nb(price, book), min(steps, held), book)
    write_event_nb(bar, _CALL_EVENT, book[c.BALANCE], book)
    return False


@kernel_jit
def _cover_nb(price: int, equity: int, book: Int64Array) -> int:
    """Return how many quantity steps too many are held at a price, exactly, rounded down."""
    held, lot, margin = book[c.QUANTITY], book[c.QUANTITY_STEP], book[c.MARGIN_PPB]
    if equity <= 0:
        return int(held // lot)
    keeps = most_steps_nb(price, held, (margin, 0, 0), (equity, _RATE_ONE), book)
    over = (held - keeps) // lot
    load = (margin * _NEARLY, over * lot, margin)
    is_whole = not carried_nb(price, keeps, load, (equity, _RATE_ONE * _NEARLY), book)
    return int(over if is_whole else over - 1)
