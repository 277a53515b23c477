"""The full tables of a result, as integer columns in chunks, and their rows in words.

Place: between an outcome and the store. Trades, equity, ledger, orders and events are stored as
columns in chunks of 1 MB at most, so that pages and downloads never load the whole; bar numbers are
already times, so a page needs no candles. Integers become decimal text here, once (M2).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.equity_curve import peaks_before
from sptraderb.domain.fixed import text_from_ticks
from sptraderb.domain.instrument import currency_digits
from sptraderb.domain.order import LONG
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

_CHUNK_BYTES = 1_000_000


def rows_per_chunk(columns: Sequence[str]) -> int:
    """Return how many rows of some columns make a chunk of 1 MB at most."""
    return _CHUNK_BYTES // (8 * len(columns))


STORED_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "trades": (*TRADE_COLUMNS, "entry_time_s", "exit_time_s"),
    "equity": ("time_s", "equity_minor", "trough_minor", "peak_minor", "held_steps"),
    "ledger": ("time_s", "kind", "amount_minor", "position", "balance_minor"),
    "orders": (*ORDER_COLUMNS, "decided_time_s", "done_time_s"),
    "events": (*EVENT_COLUMNS, "time_s"),
}
"""Columns of each stored table. ``equity`` begins at the first tradable bar: open time of the bar whose
close is marked, and the running peak of marks before it."""
RESULT_TABLES = tuple(STORED_COLUMNS)
ROWS_PER_CHUNK: Mapping[str, int] = {
    table: rows_per_chunk(columns) for table, columns in STORED_COLUMNS.items()
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
    converted : bool
        Whether money is of another currency than prices.
    """

    symbol: str
    currency: str
    price_scale: int
    quantity_scale: int
    money_decimals: int
    point_value: int = 1
    rule_names: tuple[str, ...] = ()
    converted: bool = False

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> "Units":
        """Read the units a result document states."""
        raw = document["units"]
        if not isinstance(raw, Mapping):
            raise TypeError("units must be a mapping")
        return cls(**{**raw, "rule_names": tuple(raw["rule_names"])})

    def stored_columns(self, table: str) -> tuple[str, ...]:
        """Return the columns of one of the result's stored tables."""
        return STORED_COLUMNS[table]

    def rows(self, table: str, columns: Mapping[str, Int64Array], *, first_row: int = 0) -> list[Row]:
        """Return rows of a stored table as they are served, see `table_rows`."""
        return table_rows(table, columns, self, first_row=first_row)

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
        return _trimmed(text_from_ticks(minor, self.money_decimals), currency_digits(self.currency))


def _trimmed(text: str, least: int) -> str:
    """Drop zeros behind the ``least`` decimals every number keeps."""
    whole, dot, decimals = text.partition(".")
    kept = decimals[:least] + decimals[least:].rstrip("0") if dot else ""
    return f"{whole}.{kept}" if kept else whole


def time_text(time_s: int) -> str:
    """Return Unix seconds as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_texts(times_s: Int64Array) -> list[object]:
    """Return Unix seconds as ``YYYY-MM-DDTHH:MM:SSZ``, a column at once."""
    texts: list[object] = np.datetime_as_string(times_s.astype("datetime64[s]"), timezone="UTC").tolist()
    return texts


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
        yield from chunks_of(table, columns, most=ROWS_PER_CHUNK[table])


def chunks_of(table: str, columns: Sequence[Int64Array], *, most: int) -> Iterator[ColumnChunk]:
    """Yield one table in chunks of at most ``most`` rows."""
    for number, first in enumerate(range(0, len(columns[0]), most)):
        parts = [column[first : first + most] for column in columns]
        data = b"".join(np.diff(part, prepend=np.int64(0)).astype("<i8").tobytes() for part in parts)
        yield ColumnChunk(table=table, number=number, first_row=first, n_rows=len(parts[0]), data=data)


def read_columns(
    table: str, n_rows: int, *, data: bytes, names: Sequence[str] | None = None
) -> dict[str, Int64Array]:
    """Return the columns of one chunk by name, each of shape (n_rows,), dtype=int64.

    Parameters
    ----------
    table : str
        One of `RESULT_TABLES`.
    n_rows : int
        Rows of the chunk.
    data : bytes
        As stored.
    names : sequence of str, optional
        The table's columns where they are not its `STORED_COLUMNS`.
    """
    names = STORED_COLUMNS[table] if names is None else names
    steps = np.frombuffer(data, dtype="<i8").reshape(len(names), n_rows)
    columns = np.cumsum(steps, axis=1, dtype=np.int64)
    return dict(zip(names, columns, strict=True))


def table_columns(outcome: Outcome, candles: Candles, *, table: str) -> list[Int64Array]:
    """Return the columns of one table in the order of `STORED_COLUMNS`, all rows."""
    if table == "trades":
        bars = [outcome.trade_column("entry_bar"), outcome.trade_column("exit_bar")]
        return [*outcome.trades.T, *(bar_times_s(candles, column) for column in bars)]
    if table == "equity":
        first, peaks = outcome.first_tradable_bar, peaks_before(outcome)
        curves = (outcome.equity_minor, outcome.trough_minor, peaks, outcome.held_steps)
        return [candles.time_s[first : outcome.n_bars_done], *(curve[first:] for curve in curves)]
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
    words = _WORDS[table](columns, units, first_row)
    names = tuple(words)
    return [dict(zip(names, values, strict=True)) for values in zip(*words.values(), strict=True)]


Columns = Mapping[str, Int64Array]
Words = dict[str, list[object]]
_COSTS = ("price_pnl", "spread", "slippage", "commission", "swap", "funding", "conversion")


def _trade_words(columns: Columns, units: Units, first_row: int) -> Words:
    entry_s, exit_s = columns["entry_time_s"], columns["exit_time_s"]
    bars = columns["exit_bar"] - columns["entry_bar"] + 1
    rows = range(first_row + 1, first_row + 1 + len(bars))
    return {
        "id": list(rows),
        "symbol": [units.symbol] * len(bars),
        "side": _sides(columns["side"]),
        "entry_time": time_texts(entry_s),
        "entry_price": _each(units.price, columns["entry_price_ticks"]),
        "exit_time": time_texts(exit_s),
        "exit_price": _each(units.price, columns["exit_price_ticks"]),
        "quantity": _each(units.quantity, columns["quantity_steps"]),
        "pnl": _each(units.money, columns["net_pnl_minor"]),
        "pnl_percent": _shares_of_notional(columns, units),
        "exit_reason": _named(ExitReason, columns["exit_reason"]),
        "holding_period_hours": ((exit_s - entry_s) / 3600).tolist(),
        "bars": bars.tolist(),
        **{name: _each(units.money, columns[f"{name}_minor"]) for name in _COSTS},
        "mae": _each(units.price, columns["mae_ticks"]),
        "mfe": _each(units.price, columns["mfe_ticks"]),
        "ambiguous": (columns["ambiguous"] != 0).tolist(),
        "entry_rule": _rules(columns["entry_rule"], units),
        "initial_stop": _each(units.level, columns["initial_stop_ticks"]),
        "exit_level": _each(units.level, columns["exit_level_ticks"]),
    }


def _shares_of_notional(columns: Columns, units: Units) -> list[object]:
    """Return net P&L as a fraction of the notional at the entry price; None where that cannot be said.

    It cannot for a worthless entry, nor where prices are of another currency than money.
    """
    if units.converted:
        return [None] * len(columns["net_pnl_minor"])
    notional = columns["entry_price_ticks"].astype(np.float64) * columns["quantity_steps"]
    scale = units.money_decimals - units.price_scale - units.quantity_scale
    minor = notional * (units.point_value * 10.0**scale)
    return [
        net / value if value else None
        for net, value in zip(columns["net_pnl_minor"].tolist(), minor.tolist(), strict=True)
    ]


def _equity_words(columns: Columns, units: Units, _first_row: int) -> Words:
    peaks, troughs = columns["peak_minor"], columns["trough_minor"]
    return {
        "time": time_texts(columns["time_s"]),
        "equity": _each(units.money, columns["equity_minor"]),
        "trough": _each(units.money, troughs),
        "drawdown": (np.maximum(peaks - troughs, 0) / peaks).tolist(),
        "held": _each(units.quantity, columns["held_steps"]),
    }


def _ledger_words(columns: Columns, units: Units, _first_row: int) -> Words:
    return {
        "time": time_texts(columns["time_s"]),
        "kind": _named(LedgerKind, columns["kind"]),
        "amount": _each(units.money, columns["amount_minor"]),
        "balance": _each(units.money, columns["balance_minor"]),
        "position": [number if number >= 0 else None for number in columns["position"].tolist()],
    }


def _order_words(columns: Columns, units: Units, _first_row: int) -> Words:
    reasons = _named(OrderReason, columns["reason"])
    return {
        "decided_time": time_texts(columns["decided_time_s"]),
        "done_time": time_texts(columns["done_time_s"]),
        "side": _sides(columns["side"]),
        "entry_rule": _rules(columns["entry_rule"], units),
        "state": _named(OrderState, columns["state"]),
        "reason": [None if reason == "none" else reason for reason in reasons],
        "wanted": _each(units.quantity, columns["wanted_steps"]),
        "filled": _each(units.quantity, columns["filled_steps"]),
        "price": _each(units.level, columns["price_ticks"]),
    }


def _event_words(columns: Columns, units: Units, _first_row: int) -> Words:
    codes = columns["code"].tolist()
    values = zip(codes, columns["value"].tolist(), strict=True)
    return {
        "time": time_texts(columns["time_s"]),
        "code": _named(EventCode, columns["code"]),
        "equity": [units.money(value) if code != EventCode.BOTH_SIDES else None for code, value in values],
    }


def _each(words: Callable[[int], object], column: Int64Array) -> list[object]:
    """Apply a conversion to each value; equal neighbours and zeros are common, so values are remembered."""
    known: dict[int, object] = {}
    found = []
    for value in column.tolist():
        text = known.get(value, known)
        if text is known:
            text = known[value] = words(value)
        found.append(text)
    return found


def _named(names: type[IntEnum], column: Int64Array) -> list[object]:
    texts = {int(item): item.name.lower() for item in names}
    return [texts[value] for value in column.tolist()]


def _sides(column: Int64Array) -> list[object]:
    return ["long" if side == LONG else "short" for side in column.tolist()]


def _rules(column: Int64Array, units: Units) -> list[object]:
    return [units.rule_names[index] for index in column.tolist()]


_WORDS: Mapping[str, Callable[[Columns, Units, int], Words]] = {
    "trades": _trade_words,
    "equity": _equity_words,
    "ledger": _ledger_words,
    "orders": _order_words,
    "events": _event_words,
}
