"""The canonical result document of an account with several symbols, or with hedging.

Place: beside `result_document`, in the same order and under the same names; whatever a client reads of one
symbol it finds here of the account. Added are ``symbols`` (what each brought), ``position_mode``, and the
symbol of each row; ``symbol`` is the first one, ``units``, ``quality`` and ``conventions`` hold each symbol's
beside the account's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from sptraderb.domain.account_curves import account_bars, account_outcome, open_pnl_minor
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles, QualityReport
from sptraderb.domain.equity_curve import DailyMarks, daily_marks
from sptraderb.domain.metric import Metric
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.plan import Note
from sptraderb.domain.portfolio import Leg, PortfolioOutcome
from sptraderb.domain.portfolio_columns import ACCOUNT_COLUMNS, AccountUnits, account_columns
from sptraderb.domain.portfolio_digest import portfolio_digest
from sptraderb.domain.result_books import (
    MOST_LISTED,
    bounds_block,
    final_equity_minor,
    ledger_sums,
    open_position_block,
    order_counts,
    special_orders,
)
from sptraderb.domain.result_columns import Row
from sptraderb.domain.result_curves import daily_returns_block, drawdown_block, equity_block, periods_block
from sptraderb.domain.result_document import (
    MOST_TRADES,
    RunFacts,
    Simulated,
    conventions_block,
    cost_conventions,
    headline_block,
    look_ahead_block,
    metric_block,
    note_block,
    own_notes,
    result_units,
    signals_generated,
)
from sptraderb.domain.symbol_breakdown import symbols_block

Block = dict[str, object]
_GRADES = "ABCDF"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedAccount:
    """What went into the simulation of an account.

    Parameters
    ----------
    legs : tuple of Leg
        As simulated; of a stopped run with its candles up to the last bar done.
    position_mode : str
        How positions of one symbol live together.
    reports : tuple of QualityReport or None
        What is known about each leg's candles.
    """

    legs: tuple[Leg, ...]
    position_mode: str
    reports: tuple[QualityReport | None, ...] = field(default=())

    @property
    def candles(self) -> tuple[Candles, ...]:
        """The bars of each leg."""
        return tuple(leg.candles for leg in self.legs)

    @property
    def units(self) -> AccountUnits:
        """What the integers of the outcome mean."""
        return AccountUnits(legs=tuple(result_units(leg.plan, leg.candles, leg.terms) for leg in self.legs))


def build_account(
    facts: RunFacts,
    outcome: PortfolioOutcome,
    *,
    simulated: SimulatedAccount,
    metrics: Sequence[Metric],
    best: PortfolioOutcome | None = None,
) -> Block:
    """Build the result document of an account.

    Parameters
    ----------
    facts : RunFacts
        Ids, manifest, notes of the plan too, which may differ from symbol to symbol.
    outcome : PortfolioOutcome
        As run: unknown paths decided against the positions.
    simulated : SimulatedAccount
        What each symbol was simulated with.
    metrics : sequence of Metric
        From ``engine.metrics_portfolio.measure_account``.
    best : PortfolioOutcome or None
        The same run with ``terms.for_position``, for the bounds (X6).

    Returns
    -------
    dict
        Plain values only, keys in a fixed order; `result_document.document_bytes` writes it.
    """
    legs, first = simulated.candles, simulated.legs[0]
    units = simulated.units
    account, bars = account_outcome(outcome, legs), account_bars(outcome, legs)
    marks = daily_marks(account, bars)
    figures = {metric.name: metric.value for metric in metrics}
    signals = [_signals(leg, outcome.legs[number].n_bars_done) for number, leg in enumerate(simulated.legs)]
    return {
        "backtest_id": facts.backtest_id,
        "strategy_name": facts.strategy_name,
        "symbol": first.symbol,
        "timeframe": bars.timeframe.name,
        "position_mode": simulated.position_mode,
        "partial": facts.partial,
        **headline_block(account, units.account, figures, n_signals=sum(signals)),
        "symbols": symbols_block(
            outcome, legs, units.legs, grades=_grades(simulated.reports, len(legs)), signals=signals
        ),
        "completed_trades": _listed("trades", outcome, legs, units=units, rows=slice(0, MOST_TRADES)),
        "daily_returns": daily_returns_block(marks, bars),
        "periods": periods_block(marks, bars.instrument.calendar),
        "metrics": {metric.name: metric_block(metric) for metric in metrics},
        "conventions": _conventions(account, simulated, bars, marks=marks),
        "look_ahead": look_ahead_block(facts),
        "units": units.block(),
        "equity": equity_block(account, bars, units.account),
        "drawdown": drawdown_block(account, bars),
        "ledger": _ledger_block(account, outcome, units),
        "orders": _orders_block(account, outcome, legs, units=units),
        "open_positions": [
            open_position_block(position, legs[leg], units.legs[leg])
            for leg, position in outcome.open_positions
        ],
        "events": _listed("events", outcome, legs, units=units, rows=slice(0, MOST_LISTED)),
        "conversions": [dict(conversion) for conversion in facts.conversions],
        "bounds": bounds_block(account, None if best is None else account_outcome(best, legs), units.account),
        **_quality(simulated),
        "notes": [note_block(note) for note in (*facts.notes, *own_notes(account))],
        "manifest": dict(facts.manifest),
        "digest": portfolio_digest(outcome, [leg.symbol for leg in simulated.legs]),
    }


def shared_notes(notes: Mapping[str, Sequence[Note]]) -> tuple[Note, ...]:
    """Return notes about several symbols: what holds for all once, the rest with the symbol's name.

    Parameters
    ----------
    notes : mapping of str to sequence of Note
        Of each symbol.
    """
    common = [note for note in next(iter(notes.values())) if all(note in others for others in notes.values())]
    own = [
        Note(code=note.code, text=f"{symbol}: {note.text}", line=note.line)
        for symbol, listed in notes.items()
        for note in listed
        if note not in common
    ]
    return (*common, *own)


def _signals(leg: Leg, n_bars: int) -> int:
    return signals_generated(leg.plan, leg.signals, leg.terms.start_bar, n_bars)


def _grades(reports: Sequence[QualityReport | None], n_legs: int) -> list[str | None]:
    found = [None if report is None else report.grade for report in reports]
    return found or [None] * n_legs


def _quality(simulated: SimulatedAccount) -> Block:
    """Return the worst symbol's report, and each symbol's own."""
    known = {
        leg.symbol: report
        for leg, report in zip(simulated.legs, simulated.reports, strict=False)
        if report is not None
    }
    worst = max(known.values(), key=lambda report: _GRADES.find(report.grade), default=None)
    return {
        "quality": None if worst is None else msgspec.to_builtins(worst),
        "quality_by_symbol": {symbol: msgspec.to_builtins(report) for symbol, report in known.items()},
    }


def _conventions(account: Outcome, simulated: SimulatedAccount, bars: Candles, *, marks: DailyMarks) -> Block:
    """Return how figures are sampled; what is charged differs from symbol to symbol."""
    first = simulated.legs[0]
    sampled = Simulated(plan=first.plan, candles=bars, signals=first.signals, terms=first.terms)
    charged = {leg.symbol: cost_conventions(leg.candles, leg.terms) for leg in simulated.legs}
    whole = conventions_block(account, sampled, marks)
    shared = {name: value for name, value in whole.items() if name not in charged[first.symbol]}
    return shared | {
        "position_mode": simulated.position_mode,
        "bars": account.n_bars_done,
        "equity": "equity at the close of the bars that opened at `time`, each symbol at its last close, in "
        "account currency",
        "symbols": charged,
    }


def _ledger_block(account: Outcome, outcome: PortfolioOutcome, units: AccountUnits) -> Block:
    money = units.account.money
    return {
        "rows": len(outcome.ledger),
        "totals": {kind: money(value) for kind, value in ledger_sums(account).items()},
        "balance": money(outcome.end_balance_minor),
        "open_pnl": money(open_pnl_minor(outcome)),
        "equity": money(final_equity_minor(account)),
    }


def _orders_block(
    account: Outcome, outcome: PortfolioOutcome, legs: Sequence[Candles], *, units: AccountUnits
) -> Block:
    special = special_orders(account)
    return order_counts(account) | {
        "not_simply_filled": _listed("orders", outcome, legs, units=units, rows=special[:MOST_LISTED]),
        "listed_all": len(special) <= MOST_LISTED,
    }


def _listed(
    table: str,
    outcome: PortfolioOutcome,
    legs: Sequence[Candles],
    *,
    units: AccountUnits,
    rows: Int64Array | slice,
) -> list[Row]:
    picked = [np.asarray(column[rows]) for column in account_columns(outcome, legs, table=table)]
    return units.rows(table, dict(zip(ACCOUNT_COLUMNS[table], picked, strict=True)))
