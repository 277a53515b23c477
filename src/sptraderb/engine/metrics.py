"""Measure a run: every figure of METRICS with its convention.

Place: the engine's last step; ``domain/result_document`` shows what it returns. The formulas lie in
``metrics_returns``, ``metrics_drawdown``, ``metrics_trades`` and ``metrics_exposure``, their
definitions in ``metric_definitions``.
"""

import numpy as np

from sptraderb.domain.candle import Candles
from sptraderb.domain.equity_curve import daily_marks, deposit_minor
from sptraderb.domain.metric import Metric, MetricValue
from sptraderb.domain.outcome import LEDGER_COLUMNS, LedgerKind, Outcome
from sptraderb.domain.result_books import final_equity_minor, ledger_sums
from sptraderb.domain.result_columns import Units
from sptraderb.domain.terms import Terms
from sptraderb.engine.kernels.trade_figures import TRADED_VALUE, sum_by_kind_nb
from sptraderb.engine.metric_definitions import BARS, BOOKS, DAILY, DEFINITIONS, INTRABAR, TRADES
from sptraderb.engine.metrics_drawdown import drawdown_figures
from sptraderb.engine.metrics_exposure import exposure_figures
from sptraderb.engine.metrics_figures import (
    Figures,
    Undefined,
    annual_periods,
    readable,
)
from sptraderb.engine.metrics_returns import (
    Sample,
    growth_figures,
    ratio_figures,
    significance_figures,
    tail_figures,
)
from sptraderb.engine.metrics_trades import integrity_figures, trade_figures, trade_sums


def measure(
    outcome: Outcome,
    candles: Candles,
    terms: Terms,
    *,
    periods_per_year: float | None = None,
    rf: float = 0.0,
    mar: float = 0.0,
) -> tuple[Metric, ...]:
    """Return all metrics of a run.

    Parameters
    ----------
    outcome : Outcome
        A run; a stopped one is measured up to its last bar.
    candles : Candles
        The candles of the run.
    terms : Terms
        For the margin rate.
    periods_per_year : float or None
        A; None = n / y from a year on, else by the session calendar.
    rf : float
        Risk-free rate a year, as a fraction.
    mar : float
        Least acceptable return per session day, for Sortino and Omega.

    Returns
    -------
    tuple of Metric
        One for each of `DEFINITIONS`, in their order. Money is exact decimal text; a figure that is
        undefined is None with a reason code.

    Notes
    -----
    Two passes over the curves and one over the trades, the rest on session days. Ratios are float64 and
    may differ in the last bit between machines; the digest does not cover them (M8).
    """
    sample = sample_of(outcome, candles, periods_per_year, rf=rf, mar=mar)
    marks = sample.marks
    trades = trade_sums(outcome, candles, terms.facts)
    traded = trades.doubles[TRADED_VALUE]
    net = final_equity_minor(outcome) - deposit_minor(outcome)
    drawdown = drawdown_figures(outcome, candles, marks=marks, net_minor=net)
    figures: Figures = {
        **book_figures(outcome, open_pnl=_open_pnl(outcome)),
        **trade_figures(trades, outcome, candles, marks=marks),
        **drawdown,
        **growth_figures(sample),
        **ratio_figures(sample, max_drawdown_close=drawdown["max_drawdown_close"]),
        **significance_figures(sample),
        **tail_figures(sample),
        **exposure_figures(outcome, candles, terms=terms, marks=marks, traded_minor=traded),
        **integrity_figures(trades, outcome),
    }
    return named_metrics(figures, sample, outcome=outcome, candles=candles, terms=terms)


def named_metrics(
    figures: Figures, sample: Sample, *, outcome: Outcome, candles: Candles, terms: Terms
) -> tuple[Metric, ...]:
    """Return figures as metrics, one for each of `DEFINITIONS`, with their conventions."""
    words = _conventions(sample, candles)
    units = _money_units(outcome, candles, terms)
    return _metrics(figures, units, words)


def sample_of(outcome: Outcome, candles: Candles, stated: float | None, *, rf: float, mar: float) -> Sample:
    """Return the daily sample of a run that its return figures are built on."""
    marks = daily_marks(outcome, candles)
    periods = annual_periods(marks, candles, stated)
    return Sample(marks, periods, rf=rf, mar=mar, calendar=candles.instrument.calendar)


def _open_pnl(outcome: Outcome) -> int:
    return 0 if outcome.open_position is None else outcome.open_position.open_pnl_minor


def book_figures(outcome: Outcome, *, open_pnl: int) -> Figures:
    """Return the money of the run, from its ledger: price P&L less costs is the net, exactly (M6)."""
    sums = _ledger_sums(outcome)
    start, end = deposit_minor(outcome), final_equity_minor(outcome)
    costs = ("commission", "spread", "slippage", "swap", "funding", "conversion")
    return {
        "net_profit": end - start,
        "net_profit_percent": (end - start) / start,
        "price_pnl": sums["price_pnl"] + open_pnl,
        "commission": -sums["commission"],
        "spread_cost": -sums["spread"],
        "slippage_cost": -sums["slippage"],
        "swap": -sums["swap"],
        "funding": -sums["funding"],
        "conversion": -sums["conversion"],
        "total_costs": -sum(sums[kind] for kind in costs),
        "final_balance": outcome.balance_minor,
        "final_equity": end,
        "open_pnl": open_pnl,
    }


def _ledger_sums(outcome: Outcome) -> dict[str, int]:
    """Return what each kind of ledger row adds up to, exactly."""
    sums = np.zeros(max(LedgerKind) + 1, dtype=np.int64)
    columns = LEDGER_COLUMNS.index("kind"), LEDGER_COLUMNS.index("amount_minor")
    if sum_by_kind_nb(readable(outcome.ledger), *columns, sums) >= _LARGEST_SUM:
        return ledger_sums(outcome)
    return {kind.name.lower(): int(sums[kind]) for kind in LedgerKind}


_LARGEST_SUM = 2.0**62


def _conventions(sample: Sample, candles: Candles) -> dict[tuple[str, int | None], str]:
    """Return the words of each convention the definitions name, by sampling and ddof."""
    calendar = candles.instrument.calendar.value
    daily = (
        f"equity at {calendar} session-day closes and the last bar, n={sample.count}, "
        f"A={sample.periods_per_year:.6g} ({sample.periods_source}), y={sample.years:.6g}, "
        f"rf={sample.rf:g} a year, mar={sample.mar:g} a day"
    )
    samplings = {
        DAILY: daily,
        BARS: "marks at every bar's close, from the first tradable bar; the peak starts at the deposit",
        INTRABAR: "troughs inside bars against the highest earlier mark; the peak starts at the deposit",
        TRADES: "closed trades, what one exit fill closes; net of all costs",
        BOOKS: "exact sums of the ledger, open P&L marked at the last close",
    }
    return {
        (sampling, ddof): samplings[sampling] + ("" if ddof is None else f", ddof={ddof}")
        for sampling, ddof in _CONVENTIONS
    }


_CONVENTIONS = tuple(dict.fromkeys((item.sampling, item.ddof) for item in DEFINITIONS))


def _money_units(outcome: Outcome, candles: Candles, terms: Terms) -> Units:
    instrument = candles.instrument
    return Units(
        symbol=instrument.symbol,
        currency=terms.currency or instrument.quote,
        price_scale=instrument.price_scale,
        quantity_scale=instrument.quantity_scale,
        money_decimals=outcome.money_decimals,
    )


def _metrics(figures: Figures, units: Units, words: dict[tuple[str, int | None], str]) -> tuple[Metric, ...]:
    """Return each definition's figure with its convention."""
    found, nothing = [], units.money(0)
    for name, group, unit, definition, convention in _HEADS:
        figure = figures[name]
        value: MetricValue = None
        reason = None
        if isinstance(figure, Undefined):
            reason = figure.reason
        else:
            value = figure
            if unit == "money":
                value = units.money(int(figure)) if figure else nothing
        found.append(
            Metric(
                name=name,
                group=group,
                value=value,
                unit=unit,
                definition=definition,
                convention=words[convention],
                reason=reason,
            )
        )
    return tuple(found)


_HEADS = tuple(
    (item.name, item.group, item.unit, item.id, (item.sampling, item.ddof)) for item in DEFINITIONS
)
