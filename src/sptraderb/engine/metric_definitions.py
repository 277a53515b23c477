"""The definitions of all metrics: name, group, unit, sampling and formula, as data.

Place: what ``engine/metrics`` fills and what the documentation lists. A figure that is not here
cannot be reported; a definition without a figure fails a test.
"""

from dataclasses import dataclass, field

DAILY = "daily"
BARS = "bars"
INTRABAR = "intrabar"
TRADES = "trades"
BOOKS = "books"


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One definition.

    Parameters
    ----------
    name, group, unit : str
        As in `Metric`.
    sampling : str
        ``daily`` (equity at session-day closes), ``bars`` (every close), ``intrabar`` (troughs inside
        bars), ``trades`` (closed trades), ``books`` (ledger, exact).
    formula : str
        In words and signs, for the reference.
    ddof : int or None
        Delta degrees of freedom of a standard deviation in it.
    version : int
        Raised when the formula changes.
    """

    name: str
    group: str
    unit: str
    sampling: str
    formula: str
    ddof: int | None = None
    version: int = 1

    id: str = field(init=False)
    """``name-version``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"{self.name}-{self.version}")


_D = MetricDefinition
_RESULT = (
    _D("net_profit", "result", "money", BOOKS, "E_end - E_0"),
    _D("net_profit_percent", "result", "fraction", BOOKS, "(E_end - E_0) / E_0"),
    _D("price_pnl", "result", "money", BOOKS, "price P&L before costs, closed and open"),
    _D("commission", "result", "money", BOOKS, "commission paid, as a positive cost"),
    _D("spread_cost", "result", "money", BOOKS, "spread paid, as a positive cost"),
    _D("slippage_cost", "result", "money", BOOKS, "slippage paid, as a positive cost"),
    _D("swap", "result", "money", BOOKS, "swap paid, as a positive cost"),
    _D("funding", "result", "money", BOOKS, "funding paid, as a positive cost"),
    _D("conversion", "result", "money", BOOKS, "conversion fees paid, as a positive cost"),
    _D("total_costs", "result", "money", BOOKS, "the sum of all costs; price_pnl - total_costs = net_profit"),
    _D("gross_profit", "result", "money", BOOKS, "sum of the winning trades' net P&L"),
    _D("gross_loss", "result", "money", BOOKS, "sum of the losing trades' net P&L, never positive"),
    _D("final_balance", "result", "money", BOOKS, "cash at the end"),
    _D("final_equity", "result", "money", BOOKS, "cash and open P&L at the end"),
    _D("open_pnl", "result", "money", BOOKS, "open P&L at the last close"),
)
_GROWTH = (
    _D("cagr", "growth", "fraction", DAILY, "(E_end / E_0)^(1 / y) - 1"),
    _D("annual_return", "growth", "fraction", DAILY, "mean(r) A"),
    _D("volatility", "growth", "fraction", DAILY, "std(r) sqrt(A)", 1),
    _D("best_day", "growth", "fraction", DAILY, "max(r)"),
    _D("worst_day", "growth", "fraction", DAILY, "min(r)"),
    _D("positive_days", "growth", "fraction", DAILY, "days with r > 0 / n"),
    _D("best_week", "growth", "fraction", DAILY, "largest return of a session week, partial ones included"),
    _D("worst_week", "growth", "fraction", DAILY, "smallest return of a session week"),
    _D("positive_weeks", "growth", "fraction", DAILY, "weeks with a positive return / weeks"),
    _D("best_month", "growth", "fraction", DAILY, "largest return of a month, partial ones included"),
    _D("worst_month", "growth", "fraction", DAILY, "smallest return of a month"),
    _D("positive_months", "growth", "fraction", DAILY, "months with a positive return / months"),
    _D("best_year", "growth", "fraction", DAILY, "largest return of a year, partial ones included"),
    _D("worst_year", "growth", "fraction", DAILY, "smallest return of a year"),
    _D("stability", "growth", "ratio", DAILY, "R2 of log(E_t) on t"),
)
_RATIOS = (
    _D("sharpe", "ratios", "ratio", DAILY, "mean(r - rf/A) / std(r - rf/A) sqrt(A)", 1),
    _D("sortino", "ratios", "ratio", DAILY, "mean(r - mar) sqrt(A) / sqrt(mean(min(r - mar, 0)^2))", 0),
    _D("calmar", "ratios", "ratio", DAILY, "CAGR / max_drawdown_close"),
    _D("omega", "ratios", "ratio", DAILY, "sum max(r - mar, 0) / sum max(mar - r, 0)"),
    _D("tail_ratio", "ratios", "ratio", DAILY, "abs(q95 / q5), linear quantiles of r"),
    _D("gain_to_pain", "ratios", "ratio", DAILY, "sum(r) / sum(abs(r_i), r_i < 0)"),
)
_SIGNIFICANCE = (
    _D("sharpe_standard_error", "significance", "ratio", DAILY, "s sqrt(A), s of psr", 1),
    _D(
        "psr",
        "significance",
        "fraction",
        DAILY,
        "Phi(SR/s), s^2 = (1 - g3 SR + (g4-1)/4 SR^2)/(n-1)",
        1,
    ),
)
_DRAWDOWN = (
    _D("max_drawdown", "drawdown", "fraction", INTRABAR, "max((peak - trough) / peak)"),
    _D("max_drawdown_money", "drawdown", "money", INTRABAR, "max(peak - trough)"),
    _D("max_drawdown_close", "drawdown", "fraction", BARS, "max((peak - E) / peak)"),
    _D("max_drawdown_close_money", "drawdown", "money", BARS, "max(peak - E)"),
    _D("max_drawdown_duration", "drawdown", "seconds", BARS, "longest time from a peak to the next"),
    _D("average_drawdown_duration", "drawdown", "seconds", BARS, "mean time from a peak to the next"),
    _D(
        "max_recovery_time",
        "drawdown",
        "seconds",
        BARS,
        "longest time from a low to the next peak",
    ),
    _D("drawdown_is_open", "drawdown", "count", BARS, "1 if the last episode has not recovered, else 0"),
    _D("drawdown_episodes", "drawdown", "count", BARS, "stretches of closes below the peak"),
    _D("average_drawdown", "drawdown", "fraction", BARS, "mean of the episodes' depths"),
    _D("ulcer_index", "drawdown", "fraction", DAILY, "sqrt(mean(dd^2))"),
    _D("pain_index", "drawdown", "fraction", DAILY, "mean(dd)"),
    _D("recovery_factor", "drawdown", "ratio", INTRABAR, "net profit / max_drawdown_money"),
)
_TRADES = (
    _D("trades", "trades", "count", TRADES, "closed trades"),
    _D("open_trades", "trades", "count", TRADES, "positions held at the end"),
    _D("long_trades", "trades", "count", TRADES, "closed long trades"),
    _D("short_trades", "trades", "count", TRADES, "closed short trades"),
    _D("winning_trades", "trades", "count", TRADES, "net P&L > 0"),
    _D("losing_trades", "trades", "count", TRADES, "net P&L < 0"),
    _D("break_even_trades", "trades", "count", TRADES, "net P&L = 0"),
    _D("win_rate", "trades", "fraction", TRADES, "wins / closed trades, break-even in the denominator"),
    _D("profit_factor", "trades", "ratio", TRADES, "gross profit / abs(gross loss), money"),
    _D("expectancy", "trades", "money", TRADES, "mean net P&L"),
    _D("expectancy_percent", "trades", "fraction", TRADES, "mean of net P&L / entry notional"),
    _D(
        "expectancy_r",
        "trades",
        "R",
        TRADES,
        "mean of net P&L / risk to the first stop, trades with one",
    ),
    _D("average_win", "trades", "money", TRADES, "mean net P&L of winners"),
    _D("average_loss", "trades", "money", TRADES, "mean net P&L of losers"),
    _D("payoff", "trades", "ratio", TRADES, "average win / abs(average loss)"),
    _D("best_trade", "trades", "money", TRADES, "largest net P&L"),
    _D("worst_trade", "trades", "money", TRADES, "smallest net P&L"),
    _D("best_trade_percent", "trades", "fraction", TRADES, "largest net P&L / entry notional"),
    _D("worst_trade_percent", "trades", "fraction", TRADES, "smallest net P&L / entry notional"),
    _D("best_trade_pips", "trades", "pips", TRADES, "largest price move in the trade's direction"),
    _D("worst_trade_pips", "trades", "pips", TRADES, "smallest price move in the trade's direction"),
    _D("average_pips", "trades", "pips", TRADES, "mean of exit price - entry price in the trade's direction"),
    _D("kelly", "trades", "fraction", TRADES, "W - (1 - W) / payoff"),
    _D("sqn", "trades", "ratio", TRADES, "sqrt(N) mean / std of net P&L", 1),
    _D("sqn_capped", "trades", "ratio", TRADES, "sqrt(min(N, 100)) mean / std of net P&L", 1),
    _D("longest_winning_streak", "trades", "count", TRADES, "most winners in a row; break-even ends it"),
    _D("longest_losing_streak", "trades", "count", TRADES, "most losers in a row; break-even ends it"),
    _D("winning_streak_money", "trades", "money", TRADES, "largest net P&L of winners in a row"),
    _D("losing_streak_money", "trades", "money", TRADES, "smallest net P&L of losers in a row"),
    _D("runs_z", "trades", "ratio", TRADES, "(N(R - 1/2) - X) / sqrt(X(X - N)/(N - 1)), X = 2 wins losses"),
    _D("mean_holding_time", "trades", "seconds", TRADES, "mean of exit time - entry time"),
    _D("median_holding_time", "trades", "seconds", TRADES, "median of exit time - entry time"),
    _D("mean_holding_bars", "trades", "bars", TRADES, "mean of bars held, the entry bar counts"),
    _D("median_holding_bars", "trades", "bars", TRADES, "median of bars held, the entry bar counts"),
    _D("trades_per_day", "trades", "ratio", TRADES, "closed trades / session days"),
    _D("trades_per_week", "trades", "ratio", TRADES, "closed trades / session days x session days a week"),
    _D("trades_per_month", "trades", "ratio", TRADES, "closed trades / y / 12"),
    _D("mean_mae", "trades", "pips", TRADES, "mean largest adverse move from the fill, side prices"),
    _D("mean_mfe", "trades", "pips", TRADES, "mean largest favourable move from the fill, side prices"),
    _D("end_trade_drawdown", "trades", "pips", TRADES, "mean of MFE - price move"),
)
_EXPOSURE = (
    _D("exposure", "exposure", "fraction", BARS, "tradable bars with a position / tradable bars"),
    _D("mean_leverage", "exposure", "ratio", BARS, "mean of notional / E over tradable bars"),
    _D("max_leverage", "exposure", "ratio", BARS, "max of notional / E"),
    _D("max_margin_use", "exposure", "fraction", BARS, "max of notional x margin rate / E"),
    _D("turnover", "exposure", "per_year", DAILY, "traded notional / mean(E) / y"),
)
_TAILS = (
    _D("skew", "tails", "ratio", DAILY, "bias-corrected skewness of r"),
    _D("excess_kurtosis", "tails", "ratio", DAILY, "bias-corrected excess kurtosis of r"),
    _D("var_95", "tails", "fraction", DAILY, "5 % linear quantile of r"),
    _D("var_99", "tails", "fraction", DAILY, "1 % linear quantile of r"),
    _D("cvar_95", "tails", "fraction", DAILY, "mean of r at or below var_95"),
    _D("cvar_99", "tails", "fraction", DAILY, "mean of r at or below var_99"),
    _D("normal_var_95", "tails", "fraction", DAILY, "mean(r) + Phi^-1(0.05) std(r)", 1),
    _D("normal_cvar_95", "tails", "fraction", DAILY, "mean(r) - std(r) phi(z) / 0.05", 1),
)
_INTEGRITY = (
    _D("ambiguous_trades", "integrity", "count", TRADES, "trades whose bar reached stop and target"),
    _D("rejected_orders", "integrity", "count", BOOKS, "entry orders rejected"),
    _D("cut_orders", "integrity", "count", BOOKS, "entry orders filled with less than they wanted"),
    _D("unfilled_orders", "integrity", "count", BOOKS, "entry orders the end of the data left unfilled"),
    _D("stop_outs", "integrity", "count", TRADES, "trades closed because the account was ruined"),
    _D("risk_closes", "integrity", "count", TRADES, "trades closed by a risk limit"),
    _D("warm_up_bars", "integrity", "bars", BARS, "bars before the first tradable one"),
)

DEFINITIONS: tuple[MetricDefinition, ...] = (
    *_RESULT,
    *_GROWTH,
    *_RATIOS,
    *_SIGNIFICANCE,
    *_DRAWDOWN,
    *_TRADES,
    *_EXPOSURE,
    *_TAILS,
    *_INTEGRITY,
)
"""All definitions, in the order of the result."""

REASONS = {
    "too_few": "fewer than ten returns, or fewer observations than the formula needs",
    "too_short": "less than a twelfth of a year",
    "zero_denominator": "the denominator is zero (a standard deviation below 1e-12 counts as zero)",
    "ruined": "equity was zero or below at a session-day close",
    "not_positive": "the final equity is not positive",
    "no_trades": "no closed trade",
    "no_winners": "no winning trade",
    "no_losers": "no losing trade",
    "no_stops": "no trade had a stop",
    "no_bars": "no tradable bar",
}
"""Why a figure can be missing, by reason code."""
