"""Cash: turning ticks x steps into money, booking ledger rows, marks, and the limits on equity.

Everything booked is rounded once, half to even (M4), and is a ledger row (M6). A number that does not
fit sets the state's fault; the walk looks at it before it goes on (M3).
"""

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import EventCode, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.arithmetic import (
    muldiv_ceil_nb,
    muldiv_half_even_nb,
    muldivdiv_half_even_nb,
    product_nb,
    sum_nb,
)
from sptraderb.engine.kernels.codes import kernel_nb

_RATE_ONE = 10**9
_MAX_DRAWDOWN = int(EventCode.MAX_DRAWDOWN)
_DAILY_LOSS = int(EventCode.DAILY_LOSS_LIMIT)
_ENDED = int(EventCode.TRADING_ENDED)
_RUINED = int(EventCode.RUINED)
_RISK_LIMIT = int(ExitReason.RISK_LIMIT)
_STOP_OUT = int(ExitReason.STOP_OUT)


@kernel_nb
def money_nb(ticks: int, steps: int, terms: Int64Array) -> tuple[int, bool]:
    """Return what a price move of ``ticks`` is worth for ``steps``, in minor units, and if it fits."""
    area, fits = product_nb(ticks, steps)
    if not fits:
        return 0, False
    if terms[c.MONEY_DIVISOR] == 1:
        return product_nb(area, terms[c.MONEY_MULTIPLIER])
    return muldiv_half_even_nb(area, terms[c.MONEY_MULTIPLIER], terms[c.MONEY_DIVISOR])


@kernel_nb
def commission_nb(price_ticks: int, steps: int, terms: Int64Array) -> tuple[int, bool]:
    """Return the commission on a fill in minor units, rounded once from the exact value (C1)."""
    area, fits = product_nb(price_ticks, steps)
    notional, notional_fits = product_nb(area, terms[c.MONEY_MULTIPLIER])
    if not (fits and notional_fits):
        return 0, False
    return muldivdiv_half_even_nb(notional, terms[c.COMMISSION_PPB], _RATE_ONE, terms[c.MONEY_DIVISOR])


@kernel_nb
def mark_nb(state: Int64Array, raw_ticks: int, terms: Int64Array) -> tuple[int, bool]:
    """Return the equity with the position marked at a raw price, on the side it would be sold (X5)."""
    side = state[c.SIDE]
    if side == 0:
        return state[c.BALANCE], True
    offset = terms[c.BID_OFFSET] if side > 0 else terms[c.ASK_OFFSET]
    move = side * (raw_ticks + offset - state[c.ENTRY_REFERENCE])
    pnl, fits = money_nb(move, state[c.QUANTITY], terms)
    equity, equity_fits = sum_nb(state[c.BALANCE], pnl)
    return equity, fits and equity_fits


@kernel_nb
def book_nb(state: Int64Array, ledger: Int64Array, bar: int, kind: int, amount: int) -> None:
    """Change the cash and write the row; an amount of 0 leaves no row."""
    if amount == 0:
        return
    balance, fits = sum_nb(state[c.BALANCE], amount)
    if not fits:
        state[c.FAULT] = c.OVERFLOW
    state[c.BALANCE] = balance
    row = state[c.N_LEDGER]
    ledger[row, 0] = bar
    ledger[row, 1] = kind
    ledger[row, 2] = amount
    ledger[row, 3] = state[c.POSITION]
    state[c.N_LEDGER] = row + 1


@kernel_nb
def write_event_nb(state: Int64Array, events: Int64Array, bar: int, code: int, value: int) -> None:
    """Write one event row."""
    row = state[c.N_EVENTS]
    events[row, 0] = bar
    events[row, 1] = code
    events[row, 2] = value
    state[c.N_EVENTS] = row + 1


@kernel_nb
def start_day_nb(state: Int64Array, day: int) -> None:
    """Begin a session day: its losses count from the equity at the last close before it (T4)."""
    state[c.DAY] = day
    state[c.DAY_START] = state[c.EQUITY]
    state[c.DAY_PAUSED] = 0


@kernel_nb
def judge_limits_nb(state: Int64Array, events: Int64Array, bar: int, terms: Int64Array) -> None:
    """Judge ruin, drawdown and daily loss at a close, exactly; the first that holds acts (A4).

    Reads the state's equity, peak and day start; sets the pending exit, the pause or the end.
    """
    equity = state[c.EQUITY]
    if equity <= 0:
        write_event_nb(state, events, bar, _RUINED, equity)
        _end_trading_nb(state, events, bar, _STOP_OUT)
    elif terms[c.MAX_DRAWDOWN_PPB] > 0 and _lost_nb(state[c.PEAK], equity, terms[c.MAX_DRAWDOWN_PPB]):
        write_event_nb(state, events, bar, _MAX_DRAWDOWN, equity)
        _end_trading_nb(state, events, bar, _RISK_LIMIT)
    elif (
        terms[c.DAILY_LOSS_PPB] > 0
        and state[c.DAY_PAUSED] == 0
        and _lost_nb(state[c.DAY_START], equity, terms[c.DAILY_LOSS_PPB])
    ):
        write_event_nb(state, events, bar, _DAILY_LOSS, equity)
        state[c.DAY_PAUSED] = 1
        if state[c.SIDE] != 0:
            state[c.PENDING_EXIT] = _RISK_LIMIT


@kernel_nb
def _end_trading_nb(state: Int64Array, events: Int64Array, bar: int, reason: int) -> None:
    write_event_nb(state, events, bar, _ENDED, state[c.EQUITY])
    state[c.ENDED] = 1
    if state[c.SIDE] != 0:
        state[c.PENDING_EXIT] = reason


@kernel_nb
def _lost_nb(start: int, equity: int, rate_ppb: int) -> bool:
    """Return whether ``(start - equity) * 10^9 >= start * rate``."""
    allowed, fits = muldiv_ceil_nb(start, rate_ppb, _RATE_ONE)
    return fits and np.int64(start - equity) >= allowed
