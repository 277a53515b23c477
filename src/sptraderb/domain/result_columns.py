"""The full tables of a result, as integer columns in chunks, and their rows in words.

Place: between an outcome and the store. Trades, equity, ledger, orders and events are stored as
columns in chunks of 1 MB at most, so that pages and downloads never load the whole; bar numbers are
already times, so a page needs no candles. Integers become decimal text here, once (M2).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.equity_curve import peaks_before
from sptraderb.domain.fixed import text_from_ticks
from sptraderb.domain.instrument import currency_digits
from sptraderb.domain.outcome import (
    EVENT_COLUMNS,
    ORDER_COLUMNS,
    TRADE_COLUMNS,
    EventCode,
    ExitReason,
    LedgerKind,
    OrderReason,
    OrderState,
    Outcome,
)
from sptraderb.domain.plan import LONG

_CHUNK_BYTES = 1_000_000

STORED_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "trades": (*TRADE_COLUMNS, "entry_time_s", "exit_time_s"),
    "equity": ("time_s", "equity_minor", "trough_minor", "peak_minor", "held_steps"),
    "ledger": ("time_s", "kind", "amount_minor", "position", "balance_minor"),
    "orders": (*ORDER_COLUMNS, "decided_time_s", "done_time_s"),
    "events": (*EVENT_COLUMNS, "time_s"),
}
"""Columns of each stored table. ``equity``: open time of the bar whose close is marked, the running
peak of marks before it."""
RESULT_TABLES = tuple(STORED_COLUMNS)
ROWS_PER_CHUNK: Mapping[str, int] = {
    table: _CHUNK_BYTES // (8 * len(columns)) for table, columns in STORED_COLUMNS.items()
}
"""Row r of a table lies in chunk r // ROWS_PER_CHUNK."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChunk:
    """Some rows of one table, column after column.

    Parameters
    ----------
    table : str
        One of `RESULT_TABLES`.
    number : int
        Counted from 0 within the table.
    first_row, n_rows : int
        Which rows.
    data : bytes
        For each of the table's `STORED_COLUMNS` ``n_rows`` little-endian int64: the first value, then
        differences (they compress far better); `read_columns` undoes it.
    """

    table: str
    number: int
    first_row: int
    n_rows: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What the integers of a stored result mean.

    Parameters
    ----------
    symbol, currency : str
        Instrument and account currency.
    price_scale, quantity_scale, money_decimals : int
        Decimals of prices, quantities and money.
    point_value : int
        Of the instrument.
    rule_names : tuple of str
        Names of the entry rules, by index.
    """

    symbol: str
    currency: str
    price_scale: int
    quantity_scale: int
    money_decimals: int
    point_value: int = 1
    rule_names: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> "Units":
        """Read the units a result document states."""
        raw = document["units"]
        if not isinstance(raw, Mapping):
            raise TypeError("units must be a mapping")
        return cls(**{**raw, "rule_names": tuple(raw["rule_names"])})

    def price(self, ticks: int) -> str:
        """Return ticks as decimal text."""
        return text_from_ticks(ticks, self.price_scale)

    def level(self, ticks: int) -> str | None:
        """Return a level as decimal text, None for no level."""
        return text_from_ticks(ticks, self.price_scale) if ticks else None

    def quantity(self, steps: int) -> str:
        """Return steps as decimal text in units."""
        return _trimmed(text_from_ticks(steps, self.quantity_scale), 0)

    def money(self, minor: int) -> str:
        """Return minor units as decimal text; zeros beyond the currency's own digits are dropped."""
        text = text_from_ticks(minor, self.money_decimals)
        return _trimmed(text, min(currency_digits(self.currency), self.money_decimals))

    def notional(self, ticks: int, steps: int) -> float:
        """Return price times quantity in money, as the nearest double."""
        return float(ticks * steps * self.point_value / 10 ** (self.price_scale + self.quantity_scale))


def _trimmed(text: str, least: int) -> str:
    whole, dot, decimals = text.partition(".")
    kept = decimals.rstrip("0").ljust(least, "0") if dot else ""
    return f"{whole}.{kept}" if kept else whole


def time_text(time_s: int) -> str:
    """Return Unix seconds as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def column_chunks(outcome: Outcome, candles: Candles) -> Iterator[ColumnChunk]:
    """Yield every table of an outcome in chunks; an empty table yields none.

    Parameters
    ----------
    outcome : Outcome
        A run.
    candles : Candles
        Its candles, for the times of its bars.
    """
    for table in RESULT_TABLES:
        columns = table_columns(outcome, candles, table=table)
        n_rows, most = len(columns[0]), ROWS_PER_CHUNK[table]
        for number, first in enumerate(range(0, n_rows, most)):
            parts = [column[first : first + most] for column in columns]
            data = b"".join(np.diff(part, prepend=np.int64(0)).astype("<i8").tobytes() for part in parts)
            yield ColumnChunk(table=table, number=number, first_row=first, n_rows=len(parts[0]), data=data)


def read_columns(table: str, n_rows: int, *, data: bytes) -> dict[str, Int64Array]:
    """Return the columns of one chunk by name, each of shape (n_rows,), dtype=int64."""
    names = STORED_COLUMNS[table]
    steps = np.frombuffer(data, dtype="<i8").reshape(len(names), n_rows)
    columns = np.cumsum(steps, axis=1, dtype=np.int64)
    return dict(zip(names, columns, strict=True))


def table_columns(outcome: Outcome, candles: Candles, *, table: str) -> list[Int64Array]:
    """Return the columns of one table in the order of `STORED_COLUMNS`, all rows."""
    if table == "trades":
        bars = [outcome.trade_column("entry_bar"), outcome.trade_column("exit_bar")]
        return [*outcome.trades.T, *(bar_times_s(candles, column) for column in bars)]
    if table == "equity":
        times = candles.time_s[: outcome.n_bars_done]
        curves = (outcome.equity_minor, outcome.trough_minor, peaks_before(outcome), outcome.held_steps)
        return [times, *curves]
    if table == "ledger":
        bar, kind, amount, position = outcome.ledger.T
        return [bar_times_s(candles, bar), kind, amount, position, np.cumsum(amount, dtype=np.int64)]
    if table == "orders":
        decided, done = outcome.orders[:, 0], outcome.orders[:, 1]
        return [*outcome.orders.T, bar_times_s(candles, decided), bar_times_s(candles, done)]
    return [*outcome.events.T, bar_times_s(candles, outcome.events[:, 0])]


def bar_times_s(candles: Candles, bars: Int64Array) -> Int64Array:
    """Return the open times of bars; a bar after the last one opens when the last one closes."""
    if not len(candles):
        return np.zeros(len(bars), dtype=np.int64)
    times = candles.time_s[np.minimum(bars, len(candles) - 1)]
    times[bars >= len(candles)] = candles.close_times_s[-1]
    return times


def table_rows(
    table: str, columns: Mapping[str, Int64Array], units: Units, *, first_row: int = 0
) -> list[Row]:
    """Return rows of a stored table as they are served: times and decimal text.

    Parameters
    ----------
    table : str
        One of `RESULT_TABLES`.
    columns : mapping of str to ndarray
        All of the table's `STORED_COLUMNS`, equally long; slices for a page.
    units : Units
        Of the result.
    first_row : int
        Number of the first row, for trade ids.
    """
    lists = {name: column.tolist() for name, column in columns.items()}
    words = _ROWS[table]
    rows = [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
    return [words(row, units, first_row + index) for index, row in enumerate(rows)]


def _trade_row(row: dict[str, int], units: Units, number: int) -> Row:
    entry, steps, net = row["entry_price_ticks"], row["quantity_steps"], row["net_pnl_minor"]
    notional = units.notional(entry, steps)
    money = {name: units.money(row[f"{name}_minor"]) for name in _COSTS}
    return {
        "id": number + 1,
        "symbol": units.symbol,
        "side": _side(row["side"]),
        "entry_time": time_text(row["entry_time_s"]),
        "entry_price": units.price(entry),
        "exit_time": time_text(row["exit_time_s"]),
        "exit_price": units.price(row["exit_price_ticks"]),
        "quantity": units.quantity(steps),
        "pnl": units.money(net),
        "pnl_percent": net / 10**units.money_decimals / notional if notional else None,
        "exit_reason": ExitReason(row["exit_reason"]).name.lower(),
        "holding_period_hours": (row["exit_time_s"] - row["entry_time_s"]) / 3600,
        "bars": row["exit_bar"] - row["entry_bar"] + 1,
        **money,
        "mae": units.price(row["mae_ticks"]),
        "mfe": units.price(row["mfe_ticks"]),
        "ambiguous": bool(row["ambiguous"]),
        "entry_rule": _rule(units, row["entry_rule"]),
        "initial_stop": units.level(row["initial_stop_ticks"]),
        "exit_level": units.level(row["exit_level_ticks"]),
    }


_COSTS = ("price_pnl", "spread", "slippage", "commission", "swap", "funding", "conversion")


def _side(side: int) -> str:
    return "long" if side == LONG else "short"


def _rule(units: Units, index: int) -> str:
    return units.rule_names[index] if 0 <= index < len(units.rule_names) else str(index)


def _equity_row(row: dict[str, int], units: Units, _number: int) -> Row:
    peak = row["peak_minor"]
    return {
        "time": time_text(row["time_s"]),
        "equity": units.money(row["equity_minor"]),
        "trough": units.money(row["trough_minor"]),
        "drawdown": max(0, peak - row["trough_minor"]) / peak,
        "held": units.quantity(row["held_steps"]),
    }


def _ledger_row(row: dict[str, int], units: Units, _number: int) -> Row:
    return {
        "time": time_text(row["time_s"]),
        "kind": LedgerKind(row["kind"]).name.lower(),
        "amount": units.money(row["amount_minor"]),
        "balance": units.money(row["balance_minor"]),
        "position": row["position"] if row["position"] >= 0 else None,
    }


def _order_row(row: dict[str, int], units: Units, _number: int) -> Row:
    return {
        "decided_time": time_text(row["decided_time_s"]),
        "done_time": time_text(row["done_time_s"]),
        "side": _side(row["side"]),
        "entry_rule": _rule(units, row["entry_rule"]),
        "state": OrderState(row["state"]).name.lower(),
        "reason": OrderReason(row["reason"]).name.lower() if row["reason"] else None,
        "wanted": units.quantity(row["wanted_steps"]),
        "filled": units.quantity(row["filled_steps"]),
        "price": units.level(row["price_ticks"]),
    }


def _event_row(row: dict[str, int], units: Units, _number: int) -> Row:
    return {
        "time": time_text(row["time_s"]),
        "code": EventCode(row["code"]).name.lower(),
        "equity": units.money(row["value"]) if row["code"] != EventCode.BOTH_SIDES else None,
    }


_ROWS = {
    "trades": _trade_row,
    "equity": _equity_row,
    "ledger": _ledger_row,
    "orders": _order_row,
    "events": _event_row,
}
