"""The loop over bars, the only one: it can stop after any bar and go on later from the state.

Each bar in the order of X13: what is due at the open, the path, the marks at the close, the limits,
the conditions. Bars on which nothing is due cost a few comparisons and two products; everything
that happens more rarely is a function of another module.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, ExitReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import judge_limits_nb, mark_nb, start_day_nb
from sptraderb.engine.kernels.codes import Curves, Market, Script, Tables, kernel_nb
from sptraderb.engine.kernels.conditions import decide_nb, drop_pending_nb
from sptraderb.engine.kernels.exits import open_bar_nb, walk_path_nb
from sptraderb.engine.kernels.fills import close_at_nb, side_offset_nb

_NO_LEVEL = NO_LEVEL
_END_OF_DATA = int(ExitReason.END_OF_DATA)
_SAFE_BALANCE = 1 << 61


@kernel_nb
def walk_bars_nb(
    stop_bar: int, market: Market, script: Script, state: Int64Array, tables: Tables, curves: Curves
) -> int:
    """Walk bars from the state's next bar up to ``stop_bar`` (exclusive).

    Parameters
    ----------
    stop_bar : int
        Where to stop; at most the number of bars.
    market, script : Market, Script
        Prices, conditions, levels, rules, terms; read only.
    state : ndarray of shape (STATE_SIZE,), dtype=int64
        Where the walk stands; read and written.
    tables, curves : Tables, Curves
        Written.

    Returns
    -------
    int
        WALKED, TABLE_FULL (a table has no room for one more bar's rows; go on after emptying it) or
        OVERFLOW (a number left int64; the state is void).
    """
    terms = script.terms
    first = terms[c.START_BAR] + 1
    has_days = terms[c.DAILY_LOSS_PPB] > 0
    has_drawdown = terms[c.MAX_DRAWDOWN_PPB] > 0
    drawdown_rate = float(terms[c.MAX_DRAWDOWN_PPB]) * 1e-9 * (1.0 - 1e-9)
    peak = state[c.PEAK]
    side, balance, entry, unit, safe, live, low_raw, high_raw, exit_row = _hot_nb(script, state)
    lowest, highest = state[c.LOWEST], state[c.HIGHEST]
    for bar in range(state[c.NEXT_BAR], stop_bar):
        if _is_full_nb(state, tables):
            state[c.NEXT_BAR] = bar
            state[c.PEAK], state[c.LOWEST], state[c.HIGHEST] = peak, lowest, highest
            return c.TABLE_FULL
        low, high, close = market.low[bar], market.high[bar], market.close[bar]
        if has_days and market.days[bar] != state[c.DAY]:
            start_day_nb(state, market.days[bar])
        exposed = side != 0
        touched = False
        if (
            state[c.PENDING_ENTRY] != 0
            or state[c.PENDING_EXIT] != 0
            or (side != 0 and state[c.TIME_BAR] == bar)
        ):
            state[c.LOWEST], state[c.HIGHEST] = lowest, highest
            open_bar_nb(bar, market, script, state, tables)
            side, balance, entry, unit, safe, live, low_raw, high_raw, exit_row = _hot_nb(script, state)
            lowest, highest = state[c.LOWEST], state[c.HIGHEST]
            exposed = exposed or side != 0
            touched = True
        if side != 0 and (low <= low_raw or high >= high_raw) and bar >= live:
            state[c.LOWEST], state[c.HIGHEST] = lowest, highest
            walk_path_nb(bar, market, script, state, tables)
            side, balance, entry, unit, safe, live, low_raw, high_raw, exit_row = _hot_nb(script, state)
            touched = True
        equity = trough = balance
        if side != 0:
            lowest, highest = min(lowest, low), max(highest, high)
            adverse = low if side > 0 else high
            if abs(close - entry) <= safe and abs(adverse - entry) <= safe:
                equity = balance + (close - entry) * unit
                trough = balance + (adverse - entry) * unit
            else:
                equity, fits = mark_nb(state, close, terms)
                trough, trough_fits = mark_nb(state, adverse, terms)
                if not (fits and trough_fits):
                    state[c.FAULT] = c.OVERFLOW
        if touched:
            trough = min(trough, state[c.TROUGH])
            state[c.TROUGH] = c.FAR
            if state[c.FAULT] != 0:
                return c.OVERFLOW
        curves.equity[bar] = equity
        curves.trough[bar] = min(trough, equity)
        curves.held[bar] = side * state[c.QUANTITY]
        curves.exposed[bar] = exposed
        state[c.EQUITY] = equity
        if state[c.ENDED] == 0:
            if equity > peak:
                peak = equity
            if bar >= first and (
                equity <= 0 or has_days or (has_drawdown and peak - equity >= peak * drawdown_rate)
            ):
                state[c.PEAK] = peak
                judge_limits_nb(state, tables.events, bar, terms)
            if script.active[bar] != 0 or (exit_row >= 0 and script.conditions[exit_row, bar] != 0):
                if bar >= terms[c.START_BAR] and state[c.ENDED] == 0 and state[c.DAY_PAUSED] == 0:
                    decide_nb(bar, script, state, tables)
    state[c.NEXT_BAR] = max(state[c.NEXT_BAR], stop_bar)
    state[c.PEAK], state[c.LOWEST], state[c.HIGHEST] = peak, lowest, highest
    return c.WALKED if state[c.FAULT] == 0 else c.OVERFLOW


@kernel_nb
def _hot_nb(script: Script, state: Int64Array) -> tuple[int, int, int, int, int, int, int, int, int]:
    """Return what every bar needs of the position, in raw ticks.

    Side, balance, entry, money per tick (signed), largest move that needs no check, first live bar,
    raw prices at or below and at or above which a level is reached, and the row of the exit condition.
    """
    side = state[c.SIDE]
    if side == 0:
        return 0, state[c.BALANCE], 0, 0, -1, c.FAR, -c.FAR, c.FAR, -1
    offset = side_offset_nb(-side, script.terms)
    below = state[c.STOP] if side > 0 else state[c.TARGET]
    above = state[c.TARGET] if side > 0 else state[c.STOP]
    low_raw = -c.FAR if below == _NO_LEVEL else below - offset
    high_raw = c.FAR if above == _NO_LEVEL else above - offset
    safe = state[c.SAFE_MOVE] if abs(state[c.BALANCE]) <= _SAFE_BALANCE else -1
    entry = state[c.ENTRY_REFERENCE] - offset
    exit_row = script.rules[state[c.RULE], c.RULE_EXIT]
    return side, state[c.BALANCE], entry, state[c.UNIT], safe, state[c.LIVE_BAR], low_raw, high_raw, exit_row


@kernel_nb
def _is_full_nb(state: Int64Array, tables: Tables) -> bool:
    return (
        state[c.N_TRADES] + c.TRADES_A_BAR > tables.trades.shape[0]
        or state[c.N_LEDGER] + c.LEDGER_A_BAR > tables.ledger.shape[0]
        or state[c.N_ORDERS] + c.ORDERS_A_BAR > tables.orders.shape[0]
        or state[c.N_EVENTS] + c.EVENTS_A_BAR > tables.events.shape[0]
    )


@kernel_nb
def end_of_data_nb(
    n_bars: int, closes: int, market: Market, script: Script, work: tuple[Int64Array, Tables, Curves]
) -> int:
    """List what the end of the data leaves unfilled, and close the position if asked to (X10).

    The tables must have room for one more bar's rows, as `walk_bars_nb` leaves them checked.
    """
    state, tables, curves = work
    drop_pending_nb(n_bars, script, state, tables)
    last = n_bars - 1
    if closes != 0 and n_bars > 0 and state[c.SIDE] != 0:
        close_at_nb(last, market.close[last], _END_OF_DATA, script, state, tables)
        state[c.TROUGH] = c.FAR
        state[c.EQUITY] = state[c.BALANCE]
        curves.equity[last] = state[c.BALANCE]
        curves.trough[last] = min(curves.trough[last], state[c.BALANCE])
        curves.held[last] = 0
    return c.WALKED if state[c.FAULT] == 0 else c.OVERFLOW
