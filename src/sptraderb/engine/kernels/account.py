"""Cash: turning ticks x steps into money, booking ledger rows, marks, and the limits on equity.

Everything booked is rounded once, half to even (M4), and is a ledger row (M6). A number that does not
fit sets the state's fault; the walk looks at it before it goes on (M3).
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import EventCode, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.arithmetic import (
    commission_sum_nb,
    muldiv_ceil_nb,
    muldiv_half_even_nb,
    product_nb,
    sum_nb,
    wide_half_even_nb,
)
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.table_room import has_room_nb

_RATE_ONE = 10**9
_MAX_DRAWDOWN = int(EventCode.MAX_DRAWDOWN)
_DAILY_LOSS = int(EventCode.DAILY_LOSS_LIMIT)
_ENDED = int(EventCode.TRADING_ENDED)
_RUINED = int(EventCode.RUINED)
_RISK_LIMIT = int(ExitReason.RISK_LIMIT)
_STOP_OUT = int(ExitReason.STOP_OUT)


@kernel_jit
def money_nb(ticks: int, steps: int, book: Int64Array) -> tuple[int, bool]:
    """Return what a price move of ``ticks`` is worth for ``steps``, in minor units, and if it fits.

    Only the money must fit: ticks x steps may pass 64 bits on the way (M3).
    """
    multiplier, divisor = book[c.MONEY_MULTIPLIER], book[c.MONEY_DIVISOR]
    area, fits = product_nb(ticks, steps)
    if divisor == 1:
        money, money_fits = product_nb(area, multiplier)
        return money, fits and money_fits
    if fits:
        return muldiv_half_even_nb(area, multiplier, divisor)
    return wide_half_even_nb((ticks, steps, multiplier, 1), divisor, 1)


@kernel_jit
def cost_nb(ticks: int, steps: int, book: Int64Array) -> tuple[int, bool]:
    """Return a spread or slippage in minor units; it must fit in ticks x steps as well (M3)."""
    _, fits = product_nb(ticks, steps)
    money, money_fits = money_nb(ticks, steps, book)
    return money, fits and money_fits


@kernel_jit
def commission_nb(price_ticks: int, steps: int, book: Int64Array) -> tuple[int, bool]:
    """Return the commission on a fill in minor units, rounded once from the exact value (C1).

    The steps of a reversal are the sum of two sizes: one that passed 2^63 reads negative here, and is
    taken as the unsigned number it is.
    """
    rate, multiplier, divisor = book[c.COMMISSION_PPB], book[c.MONEY_MULTIPLIER], book[c.MONEY_DIVISOR]
    if steps < 0 or (book[c.HAS_FEES] != 0 and steps > 0):
        rated, lots = (price_ticks, steps, multiplier, rate), (steps, book[c.LOT_FEE], book[c.LOT_STEPS])
        commission, fits = commission_sum_nb(rated, divisor, lots, book[c.ORDER_FEE])
        if not fits and book[c.MOST_FEE] > 0:  # more than 64 bits is more than the most
            return book[c.MOST_FEE], True
        commission = max(commission, book[c.LEAST_FEE])
        return (min(commission, book[c.MOST_FEE]) if book[c.MOST_FEE] > 0 else commission), fits
    if rate == 0 or steps == 0:
        return 0, True
    area, fits = product_nb(price_ticks, steps)
    notional, notional_fits = product_nb(area, multiplier)
    if fits and notional_fits and divisor == 1:
        return muldiv_half_even_nb(notional, rate, _RATE_ONE)
    return wide_half_even_nb((price_ticks, steps, multiplier, rate), divisor, _RATE_ONE)


@kernel_jit
def price_pnl_nb(price: int, steps: int, cost: int, book: Int64Array) -> tuple[int, bool]:
    """Return the price P&L of ``steps`` at a reference, or at the price they would be sold at (M5, M6).

    ``cost`` is the part of the position's cost that goes with them, relative to its first fill.
    """
    side, move = book[c.SIDE], price - book[c.ENTRY_REFERENCE]
    if cost == 0:
        return money_nb(side * move, steps, book)
    area, fits = product_nb(move, steps)
    area, sum_fits = sum_nb(area, -cost)
    pnl, pnl_fits = money_nb(side * area, 1, book)
    return pnl, fits and sum_fits and pnl_fits


@kernel_jit
def mark_nb(price: int, book: Int64Array) -> tuple[int, bool]:
    """Return the equity with the position marked at a price of the side it would be sold on (X5)."""
    if book[c.SIDE] == 0:
        return book[c.BALANCE], True
    pnl, fits = price_pnl_nb(price, book[c.QUANTITY], book[c.COST], book)
    equity, equity_fits = sum_nb(book[c.BALANCE], pnl)
    return equity, fits and equity_fits


@inlined_jit
def is_marked_nb(bar: int, book: Int64Array) -> bool:
    """Return whether the position held has been marked since it was opened; ``bar`` is the book's last."""
    return bool(book[c.ENTRY_BAR] != bar or book[c.MARKED_BAR] == bar)


@kernel_jit
def sizing_equity_nb(bar: int, book: Int64Array) -> int:
    """Return the equity an order of this bar is sized from: balance and open P&L at the last mark (A2).

    A position opened in this bar and not marked yet counts nothing.
    """
    if book[c.SIDE] == 0 or not is_marked_nb(bar, book):
        return int(book[c.BALANCE])
    equity, fits = mark_nb(book[c.MARK], book)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    return equity


@kernel_jit
def book_nb(bar: int, kind: int, amount: int, book: Int64Array) -> None:
    """Change the cash and write the row; an amount of 0 leaves no row."""
    if amount == 0:
        return
    balance, fits = sum_nb(book[c.BALANCE], amount)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    book[c.BALANCE] = balance
    if not has_room_nb(c.N_LEDGER, c.LEDGER_TIMES, book):
        return
    at = c.ledger_at_nb(book)
    book[at] = bar
    book[at + 1] = kind
    book[at + 2] = amount
    book[at + 3] = book[c.POSITION]
    book[c.N_LEDGER] += 1


@kernel_jit
def write_event_nb(bar: int, code: int, value: int, book: Int64Array) -> None:
    """Write one event row."""
    if not has_room_nb(c.N_EVENTS, 1, book):
        return
    at = c.event_at_nb(book)
    book[at] = bar
    book[at + 1] = code
    book[at + 2] = value
    book[c.N_EVENTS] += 1


@kernel_jit
def start_day_nb(book: Int64Array) -> None:
    """Begin a session day: its losses count from the equity at the last close before it (T4)."""
    book[c.DAY_START] = book[c.EQUITY]
    book[c.DAY_PAUSED] = 0


@kernel_jit
def judge_limits_nb(bar: int, book: Int64Array) -> None:
    """Judge ruin, drawdown and daily loss at a close, exactly; the first that holds acts (A4).

    Reads equity, peak and day start; sets the pending exit, the pause or the end.
    """
    equity = book[c.EQUITY]
    if equity <= 0:
        write_event_nb(bar, _RUINED, equity, book)
        _end_trading_nb(bar, _STOP_OUT, book)
    elif book[c.MAX_DRAWDOWN_PPB] > 0 and book[c.PEAK] - equity >= allowed_loss_nb(
        book[c.PEAK], book[c.MAX_DRAWDOWN_PPB]
    ):
        write_event_nb(bar, _MAX_DRAWDOWN, equity, book)
        _end_trading_nb(bar, _RISK_LIMIT, book)
    elif (
        book[c.DAILY_LOSS_PPB] > 0
        and book[c.DAY_PAUSED] == 0
        and book[c.DAY_START] - equity >= allowed_loss_nb(book[c.DAY_START], book[c.DAILY_LOSS_PPB])
    ):
        write_event_nb(bar, _DAILY_LOSS, equity, book)
        book[c.DAY_PAUSED] = 1
        if book[c.SIDE] != 0:
            book[c.PENDING_EXIT] = _RISK_LIMIT


@kernel_jit
def _end_trading_nb(bar: int, reason: int, book: Int64Array) -> None:
    write_event_nb(bar, _ENDED, book[c.EQUITY], book)
    book[c.ENDED] = 1
    if book[c.SIDE] != 0:
        book[c.PENDING_EXIT] = reason


@kernel_jit
def allowed_loss_nb(start: int, rate_ppb: int) -> int:
    """Return the smallest loss from ``start`` that breaks a limit: ``start * rate``, rounded up."""
    loss, fits = muldiv_ceil_nb(start, rate_ppb, _RATE_ONE)
    return loss if fits else c.FAR
