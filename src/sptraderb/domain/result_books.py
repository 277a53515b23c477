"""The books of a result document: ledger totals, orders, open positions, events, bounds.

Place: the part of the document that accounts for every change of cash (M6) and every order that did
not simply fill. Long lists are cut here and complete in the stored columns.
"""

from collections.abc import Mapping

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.equity_curve import deposit_minor
from sptraderb.domain.order import LONG
from sptraderb.domain.outcome import (
    ORDER_COLUMNS,
    LedgerKind,
    OpenPosition,
    OrderReason,
    OrderState,
    Outcome,
)
from sptraderb.domain.result_columns import STORED_COLUMNS, Units, table_columns, table_rows, time_text

MOST_LISTED = 1000
"""Orders and events listed in the document; all are in the stored columns."""

Block = dict[str, object]


def exact_sum(values: Int64Array) -> int:
    """Return the exact sum of int64 values, which may itself need more than 64 bits (M3)."""
    if np.abs(values, dtype=np.float64).sum() < 2.0**62:
        return int(values.sum())
    return sum(values.tolist())


def final_equity_minor(outcome: Outcome) -> int:
    """Return the equity at the last bar done; the deposit where none was."""
    return int(outcome.equity_minor[-1]) if outcome.n_bars_done else deposit_minor(outcome)


def ledger_sums(outcome: Outcome) -> dict[str, int]:
    """Return what each kind of ledger row adds up to, in minor units."""
    kinds, amounts = outcome.ledger_column("kind"), outcome.ledger_column("amount_minor")
    return {kind.name.lower(): exact_sum(amounts[kinds == kind]) for kind in LedgerKind}


def ledger_block(outcome: Outcome, units: Units) -> Block:
    """Return the ledger's totals: they sum to the balance, exactly."""
    position = outcome.open_position
    return {
        "rows": len(outcome.ledger),
        "totals": {kind: units.money(value) for kind, value in ledger_sums(outcome).items()},
        "balance": units.money(outcome.balance_minor),
        "open_pnl": units.money(0 if position is None else position.open_pnl_minor),
        "equity": units.money(final_equity_minor(outcome)),
    }


def orders_block(outcome: Outcome, candles: Candles, units: Units) -> Block:
    """Return how many entry orders met which end, and those that did not simply fill."""
    special = special_orders(outcome)
    listed = _rows("orders", outcome, candles, units=units, rows=special[:MOST_LISTED])
    return order_counts(outcome) | {
        "not_simply_filled": listed,
        "listed_all": len(special) <= MOST_LISTED,
    }


def special_orders(outcome: Outcome) -> Int64Array:
    """Return the rows of the orders that did not simply fill."""
    return np.flatnonzero(outcome.orders[:, ORDER_COLUMNS.index("state")] != OrderState.FILLED)


def order_counts(outcome: Outcome) -> Block:
    """Return how many entry orders met which end, and why."""
    state = outcome.orders[:, ORDER_COLUMNS.index("state")]
    reason = outcome.orders[:, ORDER_COLUMNS.index("reason")]
    return {
        "total": len(state),
        "by_state": {item.name.lower(): int((state == item).sum()) for item in OrderState},
        "by_reason": {item.name.lower(): int((reason == item).sum()) for item in OrderReason if item},
    }


def events_block(outcome: Outcome, candles: Candles, units: Units) -> list[dict[str, object]]:
    """Return the first events of the run."""
    rows = np.arange(min(len(outcome.events), MOST_LISTED))
    return _rows("events", outcome, candles, units=units, rows=rows)


def _rows(
    table: str, outcome: Outcome, candles: Candles, *, units: Units, rows: Int64Array
) -> list[dict[str, object]]:
    columns = table_columns(outcome, candles, table=table)
    picked = [column[rows] for column in columns]
    return table_rows(table, dict(zip(STORED_COLUMNS[table], picked, strict=True)), units)


def open_positions_block(outcome: Outcome, candles: Candles, units: Units) -> list[Block]:
    """Return what is held at the end: none or one position for now."""
    position = outcome.open_position
    return [] if position is None else [open_position_block(position, candles, units)]


def open_position_block(position: OpenPosition, candles: Candles, units: Units) -> Block:
    """Return one position held at the end."""
    return {
        "symbol": units.symbol,
        "side": "long" if position.side == LONG else "short",
        "entry_rule": units.rule_names[position.entry_rule],
        "entry_time": time_text(int(candles.time_s[position.entry_bar])),
        "entry_price": units.price(position.entry_price_ticks),
        "quantity": units.quantity(position.quantity_steps),
        "stop": units.level(position.stop_ticks),
        "target": units.level(position.target_ticks),
        "open_pnl": units.money(position.open_pnl_minor),
        "booked_costs": units.money(position.booked_minor),
        "net_pnl": units.money(position.open_pnl_minor + position.booked_minor),
    }


def bounds_block(outcome: Outcome, best: Outcome | None, units: Units) -> Mapping[str, object]:
    """Return the net profit with every unknown path decided against and for the position (X6).

    Beside it: trades marked ambiguous, bars whose course inside mattered, and how many of those finer
    candles told.
    """
    return {
        "ambiguous_trades": int(outcome.trade_column("ambiguous").sum()),
        "uncertain_bars": outcome.n_uncertain_bars,
        "walked_bars": outcome.n_walked_bars,
        "against": _bound(outcome, units),
        "for": None if best is None else _bound(best, units),
    }


def _bound(outcome: Outcome, units: Units) -> Block:
    return {
        "net_profit": units.money(final_equity_minor(outcome) - deposit_minor(outcome)),
        "total_trades": len(outcome.trades),
    }
