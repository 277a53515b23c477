"""The canonical result document of a run: what ``GET /api/backtest/{id}/results`` serves, as stored.

Place: last step of a run, in the worker. It draws on everything that is known about the run and
holds no rule of its own. Built in this order:

1. figures the first client reads (``total_pnl`` ... ``daily_returns``);
2. metrics and the conventions they follow;
3. curves, thinned for display (``result_curves``);
4. books: ledger, orders, open positions, events (``result_books``);
5. bounds, notes, manifest, digest.

Full trades, equity and ledger lie beside it as columns (``result_columns``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import msgspec

from sptraderb.domain.calendar import SESSION_DAYS_A_WEEK
from sptraderb.domain.candle import Candles, QualityReport
from sptraderb.domain.costs import SwapKind
from sptraderb.domain.digest import outcome_digest
from sptraderb.domain.equity_curve import DailyMarks, daily_marks, deposit_minor
from sptraderb.domain.fixed import text_from_ticks
from sptraderb.domain.metric import Metric, MetricValue
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.plan import Note, Plan, Signals
from sptraderb.domain.result_books import (
    bounds_block,
    events_block,
    final_equity_minor,
    ledger_block,
    open_positions_block,
    orders_block,
)
from sptraderb.domain.result_columns import STORED_COLUMNS, Units, table_columns, table_rows, time_text
from sptraderb.domain.result_curves import (
    CURVE_POINTS,
    daily_returns_block,
    drawdown_block,
    equity_block,
    periods_block,
)
from sptraderb.domain.terms import Terms
from sptraderb.errors import InvariantBroken

MOST_TRADES = 10_000
"""Trades inside the document; all of them are on the trades route."""

Block = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the orchestrator knows about a run.

    Parameters
    ----------
    backtest_id : str
        Id of the run.
    strategy_name : str
        Name of the strategy.
    partial : bool
        Whether the run was stopped before its end.
    manifest : mapping
        Everything that makes the run repeatable.
    notes : tuple of Note
        What the user should know beside the plan's own notes.
    quality : QualityReport or None
        What is known about the candles.
    conversions : tuple of mapping
        From which currency into which, by which pairs.
    first_leak_s : int or None
        Open time of the first bar on which a component of the strategy saw the future; None if none did.
    """

    backtest_id: str
    strategy_name: str
    partial: bool = False
    manifest: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    conversions: tuple[Mapping[str, object], ...] = ()
    quality: QualityReport | None = None
    first_leak_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What went into the simulation."""

    plan: Plan
    candles: Candles
    signals: Signals
    terms: Terms


def build(
    facts: RunFacts,
    outcome: Outcome,
    *,
    simulated: Simulated,
    metrics: Sequence[Metric],
    best: Outcome | None = None,
) -> Block:
    """Build the result document.

    Parameters
    ----------
    facts : RunFacts
        Ids, manifest, notes.
    outcome : Outcome
        As run: unknown paths decided against the position.
    simulated : Simulated
        Plan, candles, signals and terms of the run.
    metrics : sequence of Metric
        From ``engine.metrics.measure``; ``max_drawdown`` and ``sharpe`` must be among them.
    best : Outcome or None
        The same run with ``terms.for_position``, for the bounds (X6).

    Returns
    -------
    dict
        Plain values only, keys in a fixed order; `document_bytes` writes it.

    Notes
    -----
    O(bars) in NumPy, O(trades) up to `MOST_TRADES` in Python. Nothing in it depends on a clock.
    """
    candles, plan = simulated.candles, simulated.plan
    units = result_units(plan, candles, simulated.terms)
    marks = daily_marks(outcome, candles)
    figures = {metric.name: metric.value for metric in metrics}
    n_signals = signals_generated(plan, simulated.signals, simulated.terms.start_bar, outcome.n_bars_done)
    drawdown = drawdown_block(outcome, candles)  # first: it takes an array, what follows many objects
    return {
        "backtest_id": facts.backtest_id,
        "strategy_name": facts.strategy_name,
        "symbol": candles.instrument.symbol,
        "timeframe": candles.timeframe.name,
        "partial": facts.partial,
        **headline_block(outcome, units, figures, n_signals=n_signals),
        "completed_trades": _first_trades(outcome, candles, units),
        "daily_returns": daily_returns_block(marks, candles),
        "periods": periods_block(marks, candles.instrument.calendar),
        "metrics": {metric.name: metric_block(metric) for metric in metrics},
        "conventions": conventions_block(outcome, simulated, marks),
        "look_ahead": look_ahead_block(facts),
        "units": asdict(units),
        "equity": equity_block(outcome, candles, units),
        "drawdown": drawdown,
        "ledger": ledger_block(outcome, units),
        "orders": orders_block(outcome, candles, units),
        "open_positions": open_positions_block(outcome, candles, units),
        "events": events_block(outcome, candles, units),
        "conversions": [dict(conversion) for conversion in facts.conversions],
        "bounds": bounds_block(outcome, best, units),
        "quality": None if facts.quality is None else msgspec.to_builtins(facts.quality),
        "notes": [note_block(note) for note in (*plan.notes, *facts.notes, *own_notes(outcome))],
        "manifest": dict(facts.manifest),
        "digest": outcome_digest(outcome),
    }


def document_bytes(document: Block) -> bytes:
    """Return a document as canonical JSON: keys in the order they were built, no spaces, UTF-8."""
    return msgspec.json.encode(document)


SUMMARY_KEYS = (
    *("backtest_id", "strategy_name", "symbol", "timeframe", "partial", "start_capital", "end_capital"),
    *("total_trades", "winning_trades", "losing_trades", "total_pnl", "max_drawdown", "sharpe_ratio"),
    *("signals_generated", "digest"),
)


def summary(document: Block) -> Block:
    """Return the few figures kept in ``backtest_runs.result``."""
    return {key: document[key] for key in SUMMARY_KEYS}


def result_units(plan: Plan, candles: Candles, terms: Terms) -> Units:
    """Return what the integers of a run's outcome mean."""
    instrument = candles.instrument
    return Units(
        symbol=instrument.symbol,
        currency=terms.currency or instrument.quote,
        price_scale=instrument.price_scale,
        quantity_scale=instrument.quantity_scale,
        money_decimals=terms.money_decimals,
        converted=terms.facts.open_rates is not None,
        point_value=instrument.point_value,
        rule_names=tuple(entry.name for entry in plan.entries),
    )


def signals_generated(plan: Plan, signals: Signals, start_bar: int, n_bars: int) -> int:
    """Return on how many deciding bars an entry rule was true, counted for each rule."""
    rules = {entry.when for entry in plan.entries}
    return sum(int(signals.conditions[node][start_bar:n_bars].sum()) for node in rules)


def headline_block(
    outcome: Outcome, units: Units, figures: Mapping[str, MetricValue], *, n_signals: int
) -> Block:
    """Return the figures the first client reads, under the names it knows.

    Parameters
    ----------
    outcome : Outcome
        Of the account.
    units : Units
        For its money.
    figures : mapping of str to str, float, int or None
        Metrics by name.
    n_signals : int
        Bars on which an entry rule was true.
    """
    for name in ("max_drawdown", "sharpe"):
        if name not in figures:
            raise InvariantBroken("result.metric_missing", f"the metrics must hold {name}, they did not")
    net = outcome.trade_column("net_pnl_minor")
    start, end = deposit_minor(outcome), final_equity_minor(outcome)
    return {
        "start_capital": units.money(start),
        "end_capital": units.money(end),
        "total_trades": len(net),
        "winning_trades": int((net > 0).sum()),
        "losing_trades": int((net < 0).sum()),
        "total_pnl": units.money(end - start),
        "max_drawdown": figures["max_drawdown"] or 0.0,
        "sharpe_ratio": figures["sharpe"],
        "signals_generated": n_signals,
    }


def _first_trades(outcome: Outcome, candles: Candles, units: Units) -> list[dict[str, object]]:
    columns = table_columns(outcome, candles, table="trades")
    head = [column[:MOST_TRADES] for column in columns]
    return table_rows("trades", dict(zip(STORED_COLUMNS["trades"], head, strict=True)), units)


def look_ahead_block(facts: RunFacts) -> Block:
    """Say whether something saw the future: the language cannot, a user's Python may."""
    if facts.first_leak_s is None:
        return {"status": "none", "first_bar": None}
    return {"status": "suspected", "first_bar": time_text(facts.first_leak_s)}


def metric_block(metric: Metric) -> Block:
    """Return a figure as the document shows it, under its name."""
    block = msgspec.structs.asdict(metric)
    del block["name"]
    return block


def conventions_block(outcome: Outcome, simulated: Simulated, marks: DailyMarks) -> Block:
    """Return how figures and curves are sampled, in words and numbers."""
    candles, terms = simulated.candles, simulated.terms
    first = outcome.first_tradable_bar
    tradable = first < outcome.n_bars_done
    return {
        "account_currency": terms.currency or candles.instrument.quote,
        "profile": terms.profile.name,
        **cost_conventions(candles, terms),
        "stop_out_ppb": terms.stop_out_ppb,
        "money_decimals": outcome.money_decimals,
        "session_calendar": candles.instrument.calendar.value,
        "session_days_a_week": SESSION_DAYS_A_WEEK[candles.instrument.calendar],
        "first_tradable_bar": first if tradable else None,
        "first_tradable_time": time_text(int(candles.time_s[first])) if tradable else None,
        "bars": outcome.n_bars_done,
        "session_days": len(marks.days),
        "years": marks.years,
        "equity": "equity at the close of the bar that opened at `time`, in account currency",
        "drawdown": "intrabar, as a fraction of the highest earlier mark; the deposit is the first mark",
        "daily_returns": "E_t / E_(t-1) - 1 at the last close of each session day, first from the deposit",
        "periods": "[period, return, partial]; a partial one lacks session days before or after the run",
        "max_drawdown": "intrabar, a fraction of the running peak",
        "sharpe_ratio": "metrics.sharpe",
        "total_pnl": "end_capital - start_capital; end_capital is equity: open positions are marked",
        "pnl_percent": "net P&L as a fraction of the notional at the entry price; none if converted",
        "signals_generated": "bars from the first deciding bar on where an entry rule was true, per rule",
    }


def cost_conventions(candles: Candles, terms: Terms) -> Block:
    """Return what trading and holding one symbol costs, and what it is charged on."""
    return {
        "candle_side": candles.instrument.side.value,
        "spread_ticks": terms.spread_ticks,
        "slippage_ticks": terms.slippage_ticks,
        "commission_ppb": terms.commission_ppb,
        **_stated_costs(terms),
        "margin_rate_ppb": terms.margin_rate_ppb,
    }


_SWAP_WORDS = {
    SwapKind.POINTS: "millionths of a tick a day, + is received",
    SwapKind.MONEY: "minor money units a lot and day, + is received",
    SwapKind.PERCENT: "parts per 10^9 of the notional a year of 360 days, + is received",
}


def _stated_costs(terms: Terms) -> Block:
    """Return the costs beside rate, spread and slippage in ticks that a run has."""
    fees = ("per_lot", "per_order", "min", "max")
    found: Block = {
        f"commission_{name}": text_from_ticks(fee, terms.money_decimals)
        for name in fees
        if (fee := getattr(terms, f"commission_{name}_minor"))
    }
    names = ("slippage_ppb", "slippage_range_ppb", "swap_long", "swap_short", "conversion_fee_ppb")
    found |= {name: value for name in names if (value := getattr(terms, name))}
    if terms.swap_kind is not None:
        found["swap"] = _SWAP_WORDS[terms.swap_kind]
    if terms.facts.spread_ticks is not None:
        found["spread_ticks"] = "by the hour in which a bar opens"
    if terms.facts.funding_ppb is not None:
        found["funding"] = "booked before the first bar that opens at or after its time"
    return found


def note_block(note: Note) -> Block:
    """Return a note as the document shows it."""
    return {"code": note.code, "text": note.text, "line": note.line}


def own_notes(outcome: Outcome) -> list[Note]:
    """Return notes about what the document itself leaves out."""
    notes = []
    if len(outcome.trades) > MOST_TRADES:
        text = f"the first {MOST_TRADES} of {len(outcome.trades)} trades are here, all on the trades route"
        notes.append(Note(code="result.trades_paged", text=text))
    if outcome.n_bars_done > CURVE_POINTS:
        text = f"curves keep the extremes of {outcome.n_bars_done} bars in {CURVE_POINTS} points at most"
        notes.append(Note(code="result.curve_thinned", text=text))
    return notes
