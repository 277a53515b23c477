"""One pass over the closed trades: counts, sums, streaks, moves and holding times.

What `engine/metrics_trades` reports; a row is read once. Sums of money are exact as long as they fit;
`TOO_LARGE` says when they do not, and the caller adds them up in whole numbers without a limit.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, TRADE_COLUMNS, ExitReason
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.curve_figures import added_nb

Float64Array = npt.NDArray[np.float64]

# Places in the integers that come out ...
(
    LONG_TRADES,
    WINS,
    LOSSES,
    WON,
    LOST,
    TOO_LARGE,
    BEST,
    WORST,
    WIN_STREAK,
    LOSS_STREAK,
    WIN_STREAK_MONEY,
    LOSS_STREAK_MONEY,
    RUNS,
    AMBIGUOUS,
    STOP_OUTS,
    RISK_CLOSES,
    MOVES,
    BEST_MOVE,
    WORST_MOVE,
    ADVERSE,
    FAVOURABLE,
    WITH_STOP,
    HELD_S,
    HELD_BARS,
    N_INTEGERS,
) = range(25)
# ... and in the doubles.
(
    SHARES,
    SHARES_LOST,
    BEST_SHARE,
    WORST_SHARE,
    R_MULTIPLES,
    R_LOST,
    TRADED_VALUE,
    N_DOUBLES,
) = range(8)
"""A sum whose name has a partner in ``LOST`` is the sum of the two: what roundings took lies beside."""

_SIDE, _NET = TRADE_COLUMNS.index("side"), TRADE_COLUMNS.index("net_pnl_minor")
_ENTRY_BAR, _EXIT_BAR = TRADE_COLUMNS.index("entry_bar"), TRADE_COLUMNS.index("exit_bar")
_ENTRY, _EXIT = TRADE_COLUMNS.index("entry_price_ticks"), TRADE_COLUMNS.index("exit_price_ticks")
_STEPS, _STOP = TRADE_COLUMNS.index("quantity_steps"), TRADE_COLUMNS.index("initial_stop_ticks")
_REASON, _AMBIGUOUS = TRADE_COLUMNS.index("exit_reason"), TRADE_COLUMNS.index("ambiguous")
_MAE, _MFE = TRADE_COLUMNS.index("mae_ticks"), TRADE_COLUMNS.index("mfe_ticks")
_NO_LEVEL = NO_LEVEL
_STOP_OUT, _RISK_LIMIT = int(ExitReason.STOP_OUT), int(ExitReason.RISK_LIMIT)
_LARGEST_SUM = 2.0**62


@kernel_jit
def trade_pass_nb(
    trades: Int64Array,
    times_s: Int64Array,
    minor_a_tick: Float64Array,
    holding: Int64Array,
    integers: Int64Array,
    doubles: Float64Array,
) -> None:
    """Write what the closed trades come to.

    Parameters
    ----------
    trades : ndarray of shape (n_trades, n_columns), dtype=int64
        Rows of `TRADE_COLUMNS`; where there are none, nothing is written.
    times_s : ndarray of shape (n_bars,), dtype=int64
        When bars open, Unix seconds.
    minor_a_tick : ndarray of shape (1,) or (n_bars,), dtype=float64
        Minor units that one step gains with one tick, on all bars or on each.
    holding : ndarray of shape (2, n_trades), dtype=int64
        Written: seconds and bars held by each trade.
    integers, doubles : ndarray
        Written at their places.
    """
    if len(trades) == 0:
        return
    integers[BEST] = integers[WORST] = trades[0, _NET]
    first_move = trades[0, _SIDE] * (trades[0, _EXIT] - trades[0, _ENTRY])
    integers[BEST_MOVE] = integers[WORST_MOVE] = first_move
    doubles[BEST_SHARE], doubles[WORST_SHARE] = -np.inf, np.inf
    magnitude = 0.0
    sign_before = streak = streak_money = last_decided = 0
    for row in range(len(trades)):
        net, side = trades[row, _NET], trades[row, _SIDE]
        sign = (net > 0) - (net < 0)
        magnitude += abs(float(net))
        streak, streak_money = (streak + 1, streak_money + net) if sign == sign_before else (1, net)
        sign_before = sign
        integers[LONG_TRADES] += side > 0
        if sign > 0:
            integers[WINS] += 1
            integers[WON] += net
            integers[WIN_STREAK] = max(integers[WIN_STREAK], streak)
            integers[WIN_STREAK_MONEY] = max(integers[WIN_STREAK_MONEY], streak_money)
        elif sign < 0:
            integers[LOSSES] += 1
            integers[LOST] += net
            integers[LOSS_STREAK] = max(integers[LOSS_STREAK], streak)
            integers[LOSS_STREAK_MONEY] = min(integers[LOSS_STREAK_MONEY], streak_money)
        if sign != 0:
            integers[RUNS] += sign != last_decided
            last_decided = sign
        integers[BEST], integers[WORST] = max(integers[BEST], net), min(integers[WORST], net)
        integers[AMBIGUOUS] += trades[row, _AMBIGUOUS]
        integers[STOP_OUTS] += trades[row, _REASON] == _STOP_OUT
        integers[RISK_CLOSES] += trades[row, _REASON] == _RISK_LIMIT
        first, last = trades[row, _ENTRY_BAR], trades[row, _EXIT_BAR]
        holding[0, row], holding[1, row] = times_s[last] - times_s[first], last - first + 1
        integers[HELD_S] += holding[0, row]
        integers[HELD_BARS] += holding[1, row]
        _take_moves_nb(row, trades, minor_a_tick, integers, doubles)
    integers[TOO_LARGE] = magnitude >= _LARGEST_SUM


@inlined_jit
def _take_moves_nb(
    row: int, trades: Int64Array, minor_a_tick: Float64Array, integers: Int64Array, doubles: Float64Array
) -> None:
    """Take how far prices went, and what the trade made of its value and of its risk."""
    entry, end, steps = trades[row, _ENTRY], trades[row, _EXIT], float(trades[row, _STEPS])
    net = float(trades[row, _NET])
    move = trades[row, _SIDE] * (end - entry)
    integers[MOVES] += move
    integers[BEST_MOVE] = max(integers[BEST_MOVE], move)
    integers[WORST_MOVE] = min(integers[WORST_MOVE], move)
    integers[ADVERSE] += trades[row, _MAE]
    integers[FAVOURABLE] += trades[row, _MFE]
    first = last = 0
    if len(minor_a_tick) > 1:
        first, last = trades[row, _ENTRY_BAR], trades[row, _EXIT_BAR]
    value = entry * steps * minor_a_tick[first]
    share = net / value
    doubles[SHARES], doubles[SHARES_LOST] = added_nb(share, doubles[SHARES], doubles[SHARES_LOST])
    doubles[BEST_SHARE] = max(doubles[BEST_SHARE], share)
    doubles[WORST_SHARE] = min(doubles[WORST_SHARE], share)
    doubles[TRADED_VALUE] += value + end * steps * minor_a_tick[last]
    stop = trades[row, _STOP]
    if stop != _NO_LEVEL:
        integers[WITH_STOP] += 1
        multiple = net / (abs(entry - stop) * steps * minor_a_tick[first])
        doubles[R_MULTIPLES], doubles[R_LOST] = added_nb(multiple, doubles[R_MULTIPLES], doubles[R_LOST])


@kernel_jit
def sum_by_kind_nb(ledger: Int64Array, kind_column: int, amount_column: int, sums: Int64Array) -> float:
    """Add up the ledger's amounts by kind; return the sum of their magnitudes, for a look at overflow."""
    magnitude = 0.0
    for row in range(len(ledger)):
        amount = ledger[row, amount_column]
        sums[ledger[row, kind_column]] += amount
        magnitude += abs(float(amount))
    return magnitude


@kernel_jit
def count_states_nb(orders: Int64Array, column: int, counts: Int64Array) -> None:
    """Count the values of one column of a table."""
    for row in range(len(orders)):
        counts[orders[row, column]] += 1
