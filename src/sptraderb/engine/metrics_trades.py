"""Figures of closed trades, and of the orders that did not simply fill.

Place: part of ``engine/metrics``. Money stays integer; a mean of money is rounded once, half-even.
"""

import math

import numpy as np

from sptraderb.domain.calendar import SESSION_DAYS_A_WEEK, Int64Array
from sptraderb.domain.candle import Candles, Float64Array
from sptraderb.domain.equity_curve import DailyMarks
from sptraderb.domain.fixed import div_half_even
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.outcome import ORDER_COLUMNS, ExitReason, OrderState, Outcome
from sptraderb.domain.result_books import exact_sum
from sptraderb.engine.metrics_figures import Figure, Figures, Undefined, deviation, ratio

_SQN_CAP = 100


def trade_figures(outcome: Outcome, candles: Candles, *, marks: DailyMarks) -> Figures:
    """Return counts, money, ratios and holding times of closed trades."""
    net, side = outcome.trade_column("net_pnl_minor"), outcome.trade_column("side")
    wins, losses = net[net > 0], net[net < 0]
    count = len(net)
    return {
        "trades": count,
        "open_trades": int(outcome.open_position is not None),
        "long_trades": int((side > 0).sum()),
        "short_trades": int((side < 0).sum()),
        "winning_trades": len(wins),
        "losing_trades": len(losses),
        "break_even_trades": count - len(wins) - len(losses),
        "win_rate": len(wins) / count if count else Undefined("no_trades"),
        **_frequency_figures(count, candles, marks),
        **_money_figures(net, wins, losses),
        **_quality_figures(net, wins, losses),
        **_move_figures(outcome, candles.instrument),
        **_holding_figures(outcome, candles),
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


def _mean_minor(values: Int64Array, reason: str) -> Figure:
    return div_half_even(exact_sum(values), len(values)) if len(values) else Undefined(reason)


def _money_figures(net: Int64Array, wins: Int64Array, losses: Int64Array) -> Figures:
    return {
        "gross_profit": exact_sum(wins),
        "gross_loss": exact_sum(losses),
        "expectancy": _mean_minor(net, "no_trades"),
        "average_win": _mean_minor(wins, "no_winners"),
        "average_loss": _mean_minor(losses, "no_losers"),
        "best_trade": int(net.max()) if len(net) else Undefined("no_trades"),
        "worst_trade": int(net.min()) if len(net) else Undefined("no_trades"),
        "winning_streak_money": _streak_money(net, 1),
        "losing_streak_money": _streak_money(net, -1),
    }


def _quality_figures(net: Int64Array, wins: Int64Array, losses: Int64Array) -> Figures:
    payoff = _payoff(wins, losses)
    return {
        "profit_factor": _profit_factor(net, wins, losses),
        "payoff": payoff,
        "kelly": _kelly(net, wins, payoff),
        "sqn": _system_quality(net, len(net)),
        "sqn_capped": _system_quality(net, min(len(net), _SQN_CAP)),
        "longest_winning_streak": _longest_streak(net > 0),
        "longest_losing_streak": _longest_streak(net < 0),
        "runs_z": _runs_z(net),
    }


def _profit_factor(net: Int64Array, wins: Int64Array, losses: Int64Array) -> Figure:
    if not len(net):
        return Undefined("no_trades")
    return exact_sum(wins) / -exact_sum(losses) if len(losses) else Undefined("no_losers")


def _payoff(wins: Int64Array, losses: Int64Array) -> Figure:
    if not len(wins):
        return Undefined("no_winners")
    if not len(losses):
        return Undefined("no_losers")
    return (exact_sum(wins) / len(wins)) / (-exact_sum(losses) / len(losses))


def _kelly(net: Int64Array, wins: Int64Array, payoff: Figure) -> Figure:
    if isinstance(payoff, Undefined):
        return payoff
    win_rate = len(wins) / len(net)
    return win_rate - (1 - win_rate) / payoff


def _system_quality(net: Int64Array, counted: int) -> Figure:
    if len(net) < 2:
        return Undefined("too_few")
    values = net.astype(np.float64)
    return ratio(math.sqrt(counted) * float(values.mean()), deviation(values))


def _longest_streak(is_part: np.typing.NDArray[np.bool_]) -> int:
    """Return the longest run of true values."""
    breaks = np.flatnonzero(~np.concatenate([[False], is_part, [False]]))
    return int(np.diff(breaks).max()) - 1


def _streak_money(net: Int64Array, sign: int) -> int:
    """Return the largest sum of winners (1) or losers (-1) in a row; 0 where there are none."""
    signs = np.sign(net)
    if not len(net):
        return 0
    starts = np.concatenate([[0], np.flatnonzero(signs[1:] != signs[:-1]) + 1])
    sums = np.add.reduceat(net, starts)[signs[starts] == sign]
    return sign * int((sign * sums).max()) if len(sums) else 0


def _runs_z(net: Int64Array) -> Figure:
    """Return the Z score of the runs of winners and losers; break-even trades are left out."""
    signs = np.sign(net[net != 0])
    wins, losses = int((signs > 0).sum()), int((signs < 0).sum())
    count, crossed = wins + losses, 2 * wins * losses
    if count < 2:
        return Undefined("too_few")
    spread = crossed * (crossed - count) / (count - 1)
    if spread <= 0:
        return Undefined("zero_denominator")
    runs = 1 + int((signs[1:] != signs[:-1]).sum())
    return (count * (runs - 0.5) - crossed) / math.sqrt(spread)


def _move_figures(outcome: Outcome, instrument: Instrument) -> Figures:
    if not len(outcome.trades):
        return dict.fromkeys(_MOVES, Undefined("no_trades"))
    entry, side = outcome.trade_column("entry_price_ticks"), outcome.trade_column("side")
    moves = side * (outcome.trade_column("exit_price_ticks") - entry)
    favourable = outcome.trade_column("mfe_ticks")
    shares = outcome.trade_column("net_pnl_minor") / _value(outcome, entry, instrument)
    return {
        "expectancy_percent": float(shares.mean()),
        "expectancy_r": _mean_r(outcome, instrument),
        "best_trade_percent": float(shares.max()),
        "worst_trade_percent": float(shares.min()),
        "best_trade_pips": int(moves.max()) / instrument.pip_ticks,
        "worst_trade_pips": int(moves.min()) / instrument.pip_ticks,
        "average_pips": float(moves.mean()) / instrument.pip_ticks,
        "mean_mae": float(outcome.trade_column("mae_ticks").mean()) / instrument.pip_ticks,
        "mean_mfe": float(favourable.mean()) / instrument.pip_ticks,
        "end_trade_drawdown": float((favourable - moves).mean()) / instrument.pip_ticks,
    }


_MOVES = (
    *("expectancy_percent", "expectancy_r", "best_trade_percent", "worst_trade_percent"),
    *("best_trade_pips", "worst_trade_pips", "average_pips", "mean_mae", "mean_mfe", "end_trade_drawdown"),
)


def _value(outcome: Outcome, ticks: Int64Array, instrument: Instrument) -> Float64Array:
    """Return ticks times quantity of each trade in minor units, as doubles."""
    scale = outcome.money_decimals - instrument.price_scale - instrument.quantity_scale
    steps = outcome.trade_column("quantity_steps").astype(np.float64)
    return np.asarray(ticks * steps * instrument.point_value * 10.0**scale, dtype=np.float64)


def _mean_r(outcome: Outcome, instrument: Instrument) -> Figure:
    stop = outcome.trade_column("initial_stop_ticks")
    held = stop != 0
    if not held.any():
        return Undefined("no_stops")
    risk = _value(outcome, np.abs(outcome.trade_column("entry_price_ticks") - stop), instrument)
    return float((outcome.trade_column("net_pnl_minor")[held] / risk[held]).mean())


def _holding_figures(outcome: Outcome, candles: Candles) -> Figures:
    names = ("mean_holding_time", "median_holding_time", "mean_holding_bars", "median_holding_bars")
    if not len(outcome.trades):
        return dict.fromkeys(names, Undefined("no_trades"))
    entry, end = outcome.trade_column("entry_bar"), outcome.trade_column("exit_bar")
    seconds, bars = candles.time_s[end] - candles.time_s[entry], end - entry + 1
    values = (seconds.mean(), np.median(seconds), bars.mean(), np.median(bars))
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def integrity_figures(outcome: Outcome) -> Figures:
    """Return what a reader should know before believing the rest."""
    state, reason = outcome.orders[:, ORDER_COLUMNS.index("state")], outcome.trade_column("exit_reason")
    return {
        "ambiguous_trades": int(outcome.trade_column("ambiguous").sum()),
        "rejected_orders": int((state == OrderState.REJECTED).sum()),
        "cut_orders": int((state == OrderState.FILLED_CUT).sum()),
        "unfilled_orders": int((state == OrderState.UNFILLED).sum()),
        "stop_outs": int((reason == ExitReason.STOP_OUT).sum()),
        "risk_closes": int((reason == ExitReason.RISK_LIMIT).sum()),
        "warm_up_bars": outcome.first_tradable_bar,
    }
