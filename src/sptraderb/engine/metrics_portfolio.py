"""Measure an account with several legs: the same figures as of one symbol, of all of them together.

Place: beside `metrics`, which measures one symbol. Everything about money and marks is the account's; trades
are counted over all legs, each in the pips and the rates of its own; leverage is what all legs hold.
"""

from collections.abc import Sequence

import numpy as np

from sptraderb.domain.account_curves import (
    account_bars,
    account_outcome,
    at_instants,
    last_bars,
    open_pnl_minor,
)
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Float64Array
from sptraderb.domain.equity_curve import DailyMarks, deposit_minor
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.metric import Metric
from sptraderb.domain.outcome import TRADE_COLUMNS, Outcome
from sptraderb.domain.portfolio import Leg, PortfolioOutcome
from sptraderb.domain.result_books import exact_sum, final_equity_minor
from sptraderb.engine.kernels import trade_figures as f
from sptraderb.engine.metrics import book_figures, named_metrics, sample_of
from sptraderb.engine.metrics_drawdown import drawdown_figures
from sptraderb.engine.metrics_figures import Figures, Undefined, readable
from sptraderb.engine.metrics_returns import (
    growth_figures,
    ratio_figures,
    significance_figures,
    tail_figures,
)
from sptraderb.engine.metrics_trades import TradeSums, integrity_figures, trade_figures

_ENTRY_BAR, _EXIT_BAR = TRADE_COLUMNS.index("entry_bar"), TRADE_COLUMNS.index("exit_bar")


def measure_account(
    outcome: PortfolioOutcome,
    legs: Sequence[Leg],
    *,
    periods_per_year: float | None = None,
    rf: float = 0.0,
    mar: float = 0.0,
) -> tuple[Metric, ...]:
    """Return all metrics of an account.

    Parameters
    ----------
    outcome : PortfolioOutcome
        A run; a stopped one is measured up to its last instant.
    legs : sequence of Leg
        As simulated.
    periods_per_year, rf, mar
        As in `metrics.measure`.

    Returns
    -------
    tuple of Metric
        The same as of one symbol, in the same order.
    """
    candles = [leg.candles for leg in legs]
    account, bars = account_outcome(outcome, candles), account_bars(outcome, candles)
    sample = sample_of(account, bars, periods_per_year, rf=rf, mar=mar)
    marks = sample.marks
    trades = _trade_sums(outcome, legs)
    drawdown = drawdown_figures(
        account, bars, marks=marks, net_minor=final_equity_minor(account) - deposit_minor(account)
    )
    figures: Figures = {
        **book_figures(account, open_pnl=open_pnl_minor(outcome)),
        **trade_figures(trades, account, bars, marks=marks),
        "open_trades": len(outcome.open_positions),
        **_pip_figures(outcome, legs),
        **drawdown,
        **growth_figures(sample),
        **ratio_figures(sample, max_drawdown_close=drawdown["max_drawdown_close"]),
        **significance_figures(sample),
        **tail_figures(sample),
        **_exposure_figures(outcome, account, legs, marks=marks, traded_minor=trades.doubles[f.TRADED_VALUE]),
        **integrity_figures(trades, account),
    }
    return named_metrics(figures, sample, outcome=account, candles=bars, terms=legs[0].terms)


def _worth(outcome: PortfolioOutcome, leg: Leg, bars: Int64Array, *, at_close: bool = False) -> Float64Array:
    """Return how many minor units of money one step of a leg gains with one tick, on some of its bars."""
    instrument: Instrument = leg.candles.instrument
    scale = outcome.money_decimals - instrument.price_scale - instrument.quantity_scale
    worth = leg.terms.facts.worth(bars, at_close=at_close)
    return np.asarray(instrument.point_value * 10.0**scale * worth)


def _trade_sums(outcome: PortfolioOutcome, legs: Sequence[Leg]) -> TradeSums:
    """Read the closed trades once; each brings the times and rates of its own entry and exit bar."""
    count = len(outcome.trades)
    times, scale = np.zeros(2 * count, dtype=np.int64), np.ones(2 * count)
    for number, leg in enumerate(legs):
        rows = np.flatnonzero(outcome.trade_legs == number)
        for offset, column in enumerate((_ENTRY_BAR, _EXIT_BAR)):
            at = outcome.trades[rows, column]
            times[2 * rows + offset] = leg.candles.time_s[at]
            scale[2 * rows + offset] = _worth(outcome, leg, at)
    trades = outcome.trades.copy()
    trades[:, _ENTRY_BAR] = 2 * np.arange(count)
    trades[:, _EXIT_BAR] = trades[:, _ENTRY_BAR] + 1
    integers, doubles = np.zeros(f.N_INTEGERS, dtype=np.int64), np.zeros(f.N_DOUBLES)
    holding = np.empty((2, count), dtype=np.int64)
    f.trade_pass_nb(readable(trades), readable(times), readable(scale), holding, integers, doubles)
    found = integers.tolist()
    if found[f.TOO_LARGE]:
        net = outcome.trade_column("net_pnl_minor")
        found[f.WON], found[f.LOST] = exact_sum(net[net > 0]), exact_sum(net[net < 0])
    holding[1] = outcome.trade_column("exit_bar") - outcome.trade_column("entry_bar") + 1
    found[f.HELD_BARS] = int(holding[1].sum())
    return TradeSums(count, found, doubles.tolist(), holding)


def _pip_figures(outcome: PortfolioOutcome, legs: Sequence[Leg]) -> Figures:
    """Return moves in pips; each trade's are those of its own symbol."""
    if not len(outcome.trades):
        return {}
    pips = np.array([leg.candles.instrument.pip_ticks for leg in legs])[outcome.trade_legs]
    gained = outcome.trade_column("exit_price_ticks") - outcome.trade_column("entry_price_ticks")
    moves = outcome.trade_column("side") * gained / pips
    adverse, favourable = outcome.trade_column("mae_ticks") / pips, outcome.trade_column("mfe_ticks") / pips
    return {
        "best_trade_pips": float(moves.max()),
        "worst_trade_pips": float(moves.min()),
        "average_pips": float(moves.mean()),
        "mean_mae": float(adverse.mean()),
        "mean_mfe": float(favourable.mean()),
        "end_trade_drawdown": float(favourable.mean() - moves.mean()),
    }


def _exposure_figures(
    outcome: PortfolioOutcome,
    account: Outcome,
    legs: Sequence[Leg],
    *,
    marks: DailyMarks,
    traded_minor: float,
) -> Figures:
    """Return exposure, gross leverage at closes, margin use and turnover of the account."""
    first, n_instants = outcome.first_tradable_instant, outcome.n_instants_done
    names = ("exposure", "mean_leverage", "max_leverage", "max_margin_use", "turnover")
    if first >= n_instants:
        return dict.fromkeys(names, Undefined("no_bars"))
    notional, margin = _held_notional(outcome, legs)
    alive = outcome.equity_minor > 0
    leverage = np.divide(notional, outcome.equity_minor, out=np.zeros(n_instants), where=alive)
    used = np.divide(margin, outcome.equity_minor, out=np.zeros(n_instants), where=alive)
    for number, position in outcome.open_positions:
        worth = float(_worth(outcome, legs[number], np.array([position.entry_bar]))[0])
        traded_minor += position.entry_price_ticks * position.quantity_steps * worth
    mean_equity = float(np.add.reduce(marks.equity_minor, dtype=np.float64)) / len(marks.equity_minor)
    sound = mean_equity > 0 and marks.years > 0
    return {
        "exposure": int(np.count_nonzero(account.exposed[first:])) / (n_instants - first),
        "mean_leverage": float(leverage.sum()) / (n_instants - first),
        "max_leverage": float(leverage.max()),
        "max_margin_use": float(used.max()),
        "turnover": traded_minor / mean_equity / marks.years if sound else Undefined("not_positive"),
    }


def _held_notional(outcome: PortfolioOutcome, legs: Sequence[Leg]) -> tuple[Float64Array, Float64Array]:
    """Return the notional held at each instant's close, longs and shorts of all legs, and its margin."""
    notional, margin = np.zeros(outcome.n_instants_done), np.zeros(outcome.n_instants_done)
    for number, leg in enumerate(legs):
        curves, candles = outcome.legs[number], leg.candles
        n_bars = curves.n_bars_done
        ask = candles.close_ticks if candles.ask_close_ticks is None else candles.ask_close_ticks
        value = curves.long_steps.astype(np.float64) * candles.close_ticks[:n_bars]
        value += curves.short_steps.astype(np.float64) * ask[:n_bars]
        held = np.flatnonzero(value)
        value[held] *= _worth(outcome, leg, held, at_close=True)
        at = at_instants(value, last_bars(outcome, candles, number))
        notional += at
        margin += at * (leg.terms.margin_rate_ppb / 1e9)
    return notional, margin
