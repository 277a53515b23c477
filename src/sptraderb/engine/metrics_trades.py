"""Figures of closed trades, and of the orders that did not simply fill.

Place: part of ``engine/metrics``; the pass over the trades is ``kernels/trade_figures``. Money stays
integer; a mean of money is rounded once, half-even.
"""

import math
from dataclasses import dataclass

import numpy as np

from sptraderb.domain.bar_facts import BarFacts
from sptraderb.domain.calendar import SESSION_DAYS_A_WEEK, Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.equity_curve import DailyMarks
from sptraderb.domain.fixed import div_half_even
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.outcome import ORDER_COLUMNS, OrderState, Outcome
from sptraderb.domain.result_books import exact_sum
from sptraderb.engine.kernels import trade_figures as f
from sptraderb.engine.metrics_figures import (
    Figure,
    Figures,
    Undefined,
    deviation,
    minor_a_tick,
    ratio,
    readable,
)

_SQN_CAP = 100


@dataclass(frozen=True, slots=True)
class TradeSums:
    """What one pass over the closed trades found, at the places of ``kernels/trade_figures``.

    Parameters
    ----------
    count : int
        Closed trades.
    integers : list of int
        Counts, money, ticks, seconds.
    doubles : list of float
        Shares of value and risk.
    holding : ndarray of shape (2, count), dtype=int64
        Seconds and bars held.
    """

    count: int
    integers: list[int]
    doubles: list[float]
    holding: Int64Array


def trade_sums(outcome: Outcome, candles: Candles, facts: BarFacts) -> TradeSums:
    """Read the closed trades once."""
    count = len(outcome.trades)
    integers, doubles = np.zeros(f.N_INTEGERS, dtype=np.int64), np.zeros(f.N_DOUBLES)
    holding = np.empty((2, count), dtype=np.int64)
    scale = minor_a_tick(outcome, candles.instrument, facts)
    trades, times = readable(outcome.trades), readable(candles.time_s)
    f.trade_pass_nb(trades, times, scale, holding, integers, doubles)
    found = integers.tolist()
    if found[f.TOO_LARGE]:
        net = outcome.trade_column("net_pnl_minor")
        found[f.WON], found[f.LOST] = exact_sum(net[net > 0]), exact_sum(net[net < 0])
    return TradeSums(count, found, doubles.tolist(), holding)


def trade_figures(sums: TradeSums, outcome: Outcome, candles: Candles, *, marks: DailyMarks) -> Figures:
    """Return counts, money, ratios and holding times of closed trades."""
    count, found = sums.count, sums.integers
    wins, losses = found[f.WINS], found[f.LOSSES]
    return {
        "trades": count,
        "open_trades": int(outcome.open_position is not None),
        "long_trades": found[f.LONG_TRADES],
        "short_trades": count - found[f.LONG_TRADES],
        "winning_trades": wins,
        "losing_trades": losses,
        "break_even_trades": count - wins - losses,
        "win_rate": wins / count if count else Undefined("no_trades"),
        **_frequency_figures(count, candles, marks),
        **_money_figures(sums),
        **_quality_figures(sums, outcome),
        **_move_figures(sums, candles.instrument),
        **_holding_figures(sums),
    }


def _frequency_figures(count: int, candles: Candles, marks: DailyMarks) -> Figures:
    n_days = len(marks.days)
    if not n_days:
        return dict.fromkeys(("trades_per_day", "trades_per_week", "trades_per_month"), Undefined("no_bars"))
    a_day = count / n_days
    return {
        "trades_per_day": a_day,
        "trades_per_week": a_day * SESSION_DAYS_A_WEEK[candles.instrument.calendar],
        "trades_per_month": count / marks.years / 12,
    }


def _mean_minor(total: int, count: int, reason: str) -> Figure:
    return div_half_even(total, count) if count else Undefined(reason)


def _money_figures(sums: TradeSums) -> Figures:
    found = sums.integers
    won, lost = found[f.WON], found[f.LOST]
    return {
        "gross_profit": won,
        "gross_loss": lost,
        "expectancy": _mean_minor(won + lost, sums.count, "no_trades"),
        "average_win": _mean_minor(won, found[f.WINS], "no_winners"),
        "average_loss": _mean_minor(lost, found[f.LOSSES], "no_losers"),
        "best_trade": found[f.BEST] if sums.count else Undefined("no_trades"),
        "worst_trade": found[f.WORST] if sums.count else Undefined("no_trades"),
        "winning_streak_money": found[f.WIN_STREAK_MONEY],
        "losing_streak_money": found[f.LOSS_STREAK_MONEY],
    }


def _quality_figures(sums: TradeSums, outcome: Outcome) -> Figures:
    payoff = _payoff(sums.integers)
    values = outcome.trade_column("net_pnl_minor").astype(np.float64)
    quality = _quality_a_trade(values)
    return {
        "profit_factor": _profit_factor(sums),
        "payoff": payoff,
        "kelly": _kelly(sums, payoff),
        "sqn": _times_root(quality, len(values)),
        "sqn_capped": _times_root(quality, min(len(values), _SQN_CAP)),
        "longest_winning_streak": sums.integers[f.WIN_STREAK],
        "longest_losing_streak": sums.integers[f.LOSS_STREAK],
        "runs_z": _runs_z(sums.integers),
    }


def _profit_factor(sums: TradeSums) -> Figure:
    if not sums.count:
        return Undefined("no_trades")
    lost = sums.integers[f.LOST]
    return sums.integers[f.WON] / -lost if sums.integers[f.LOSSES] else Undefined("no_losers")


def _payoff(found: list[int]) -> Figure:
    if not found[f.WINS]:
        return Undefined("no_winners")
    if not found[f.LOSSES]:
        return Undefined("no_losers")
    return (found[f.WON] / found[f.WINS]) / (-found[f.LOST] / found[f.LOSSES])


def _kelly(sums: TradeSums, payoff: Figure) -> Figure:
    if isinstance(payoff, Undefined):
        return payoff
    win_rate = sums.integers[f.WINS] / sums.count
    return win_rate - (1 - win_rate) / payoff


def _quality_a_trade(values: np.typing.NDArray[np.float64]) -> tuple[float, float] | None:
    """Return mean and deviation of the trades' net P&L, None where there are too few."""
    if len(values) < 2:
        return None
    return float(np.add.reduce(values)) / len(values), deviation(values)


def _times_root(quality: tuple[float, float] | None, counted: int) -> Figure:
    if quality is None:
        return Undefined("too_few")
    return ratio(math.sqrt(counted) * quality[0], quality[1])


def _runs_z(found: list[int]) -> Figure:
    """Return the Z score of the runs of winners and losers; break-even trades are left out."""
    wins, losses = found[f.WINS], found[f.LOSSES]
    count, crossed = wins + losses, 2 * wins * losses
    if count < 2:
        return Undefined("too_few")
    spread = crossed * (crossed - count) / (count - 1)
    if spread <= 0:
        return Undefined("zero_denominator")
    return (count * (found[f.RUNS] - 0.5) - crossed) / math.sqrt(spread)


def _move_figures(sums: TradeSums, instrument: Instrument) -> Figures:
    if not sums.count:
        return dict.fromkeys(_MOVES, Undefined("no_trades"))
    found, shares, pip = sums.integers, sums.doubles, instrument.pip_ticks
    n_stops, risked = found[f.WITH_STOP], shares[f.R_MULTIPLES] + shares[f.R_LOST]
    return {
        "expectancy_percent": (shares[f.SHARES] + shares[f.SHARES_LOST]) / sums.count,
        "expectancy_r": risked / n_stops if n_stops else Undefined("no_stops"),
        "best_trade_percent": shares[f.BEST_SHARE],
        "worst_trade_percent": shares[f.WORST_SHARE],
        "best_trade_pips": found[f.BEST_MOVE] / pip,
        "worst_trade_pips": found[f.WORST_MOVE] / pip,
        "average_pips": found[f.MOVES] / sums.count / pip,
        "mean_mae": found[f.ADVERSE] / sums.count / pip,
        "mean_mfe": found[f.FAVOURABLE] / sums.count / pip,
        "end_trade_drawdown": (found[f.FAVOURABLE] - found[f.MOVES]) / sums.count / pip,
    }


_MOVES = (
    *("expectancy_percent", "expectancy_r", "best_trade_percent", "worst_trade_percent"),
    *("best_trade_pips", "worst_trade_pips", "average_pips", "mean_mae", "mean_mfe", "end_trade_drawdown"),
)


def _holding_figures(sums: TradeSums) -> Figures:
    if not sums.count:
        names = ("mean_holding_time", "median_holding_time", "mean_holding_bars", "median_holding_bars")
        return dict.fromkeys(names, Undefined("no_trades"))
    return {
        "mean_holding_time": sums.integers[f.HELD_S] / sums.count,
        "median_holding_time": _median(sums.holding[0]),
        "mean_holding_bars": sums.integers[f.HELD_BARS] / sums.count,
        "median_holding_bars": _median(sums.holding[1]),
    }


def _median(values: Int64Array) -> float:
    """Return the median of some values; their order is lost."""
    below, above = (len(values) - 1) // 2, len(values) // 2
    values.partition((below, above))
    return (int(values[below]) + int(values[above])) / 2


def integrity_figures(sums: TradeSums, outcome: Outcome) -> Figures:
    """Return what a reader should know before believing the rest."""
    counts = np.zeros(max(OrderState) + 1, dtype=np.int64)
    f.count_states_nb(readable(outcome.orders), ORDER_COLUMNS.index("state"), counts)
    states = counts.tolist()
    return {
        "ambiguous_trades": sums.integers[f.AMBIGUOUS],
        "rejected_orders": states[OrderState.REJECTED],
        "cut_orders": states[OrderState.FILLED_CUT],
        "unfilled_orders": states[OrderState.UNFILLED],
        "stop_outs": sums.integers[f.STOP_OUTS],
        "risk_closes": sums.integers[f.RISK_CLOSES],
        "warm_up_bars": outcome.first_tradable_bar,
    }
