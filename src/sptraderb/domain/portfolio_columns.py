"""The full tables of an account with several legs: stored columns, and their rows in words.

Place: beside `result_columns`, whose tables these are with the leg of each row added; the equity curve has
cash and the number of open positions in place of a size held. A row is worded in the units of its own leg.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from sptraderb.domain.account_curves import account_bars, account_outcome
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.equity_curve import peaks_before
from sptraderb.domain.outcome import EVENT_COLUMNS, LEDGER_COLUMNS, ORDER_COLUMNS
from sptraderb.domain.portfolio import ACCOUNT_LEG, PortfolioOutcome
from sptraderb.domain.result_columns import (
    RESULT_TABLES,
    STORED_COLUMNS,
    ColumnChunk,
    Row,
    Units,
    bar_times_s,
    chunks_of,
    rows_per_chunk,
    table_rows,
    time_texts,
)

_EQUITY = ("time_s", "equity_minor", "trough_minor", "peak_minor", "balance_minor", "n_positions")
ACCOUNT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    **{table: (*columns, "leg") for table, columns in STORED_COLUMNS.items()},
    "equity": _EQUITY,
}
"""Columns of each stored table of an account; ``leg`` is the place of the row's symbol, -1 the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUnits:
    """What the integers of an account's stored result mean.

    Parameters
    ----------
    legs : tuple of Units
        One a symbol, in order; currency, money decimals and rule names are the same in all.
    """

    legs: tuple[Units, ...]

    @property
    def account(self) -> Units:
        """Units of what belongs to no symbol: only money is meant."""
        return self.legs[0]

    def block(self) -> dict[str, object]:
        """Return the units as a result document shows them: the first symbol's, and all of them."""
        return {**asdict(self.legs[0]), "legs": [asdict(leg) for leg in self.legs]}

    def stored_columns(self, table: str) -> tuple[str, ...]:
        """Return the columns of one of the result's stored tables."""
        return ACCOUNT_COLUMNS[table]

    def rows(self, table: str, columns: Mapping[str, Int64Array], *, first_row: int = 0) -> list[Row]:
        """Return rows of a stored table as they are served, each with its symbol, None for the account.

        Parameters
        ----------
        table : str
            One of `result_columns.RESULT_TABLES`.
        columns : mapping of str to ndarray
            All of the table's `ACCOUNT_COLUMNS`, equally long; slices for a page.
        first_row : int
            Number of the first row, for trade ids.
        """
        if table == "equity":
            return _equity_rows(columns, self.account)
        found: list[Row] = [{}] * len(columns["leg"])
        for leg in np.unique(columns["leg"]).tolist():
            rows = np.flatnonzero(columns["leg"] == leg)
            mine = {name: column[rows] for name, column in columns.items() if name != "leg"}
            units = self.account if leg == ACCOUNT_LEG else self.legs[leg]
            head: Row = {} if table == "trades" else {"symbol": None if leg == ACCOUNT_LEG else units.symbol}
            for row, words in zip(rows.tolist(), table_rows(table, mine, units), strict=True):
                found[row] = head | words
        if table == "trades":
            return [row | {"id": first_row + 1 + number} for number, row in enumerate(found)]
        return found


def _equity_rows(columns: Mapping[str, Int64Array], units: Units) -> list[Row]:
    peaks, troughs = columns["peak_minor"], columns["trough_minor"]
    depths = (np.maximum(peaks - troughs, 0) / peaks).tolist()
    money = [
        [units.money(value) for value in columns[name].tolist()]
        for name in ("equity_minor", "trough_minor", "balance_minor")
    ]
    times, positions = time_texts(columns["time_s"]), columns["n_positions"].tolist()
    names = ("time", "equity", "trough", "drawdown", "balance", "positions")
    rows = zip(times, money[0], money[1], depths, money[2], positions, strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def units_of_document(document: Mapping[str, object]) -> Units | AccountUnits:
    """Read the units a result document states."""
    raw = document["units"]
    legs = raw.get("legs") if isinstance(raw, Mapping) else None
    if legs is None:
        return Units.from_document(document)
    return AccountUnits(legs=tuple(Units.from_document({"units": leg}) for leg in legs))


def account_chunks(outcome: PortfolioOutcome, legs: Sequence[Candles]) -> Iterator[ColumnChunk]:
    """Yield every table of an account in chunks; an empty table yields none.

    Parameters
    ----------
    outcome : PortfolioOutcome
        A run.
    legs : sequence of Candles
        Its candles, for the times of its bars.
    """
    for table in RESULT_TABLES:
        columns = account_columns(outcome, legs, table=table)
        yield from chunks_of(table, columns, most=rows_per_chunk(ACCOUNT_COLUMNS[table]))


def account_columns(outcome: PortfolioOutcome, legs: Sequence[Candles], *, table: str) -> list[Int64Array]:
    """Return the columns of one table in the order of `ACCOUNT_COLUMNS`, all rows."""
    if table == "equity":
        return _equity_columns(outcome, legs)
    times = _RowTimes(outcome, legs)
    if table == "trades":
        bars = [outcome.trade_column("entry_bar"), outcome.trade_column("exit_bar")]
        opened, closed = (times.of(column, outcome.trade_legs) for column in bars)
        return [*outcome.trades.T, opened, closed, outcome.trade_legs]
    if table == "orders":
        bars = [outcome.orders[:, ORDER_COLUMNS.index(name)] for name in ("decided_bar", "done_bar")]
        decided, done = (times.of(column, outcome.order_legs) for column in bars)
        return [*outcome.orders.T, decided, done, outcome.order_legs]
    if table == "ledger":
        bar, kind, amount, position = (
            outcome.ledger[:, LEDGER_COLUMNS.index(name)]
            for name in ("bar", "kind", "amount_minor", "position")
        )
        balance = np.cumsum(amount, dtype=np.int64)
        return [
            times.of(bar, outcome.ledger_legs), kind, amount, position, balance, outcome.ledger_legs
        ]  # fmt: skip
    bar = outcome.events[:, EVENT_COLUMNS.index("bar")]
    return [*outcome.events.T, times.of(bar, outcome.event_legs), outcome.event_legs]


def _equity_columns(outcome: PortfolioOutcome, legs: Sequence[Candles]) -> list[Int64Array]:
    account, first = account_outcome(outcome, legs), outcome.first_tradable_instant
    curves = (
        outcome.time_s,
        outcome.equity_minor,
        outcome.trough_minor,
        peaks_before(account),
        outcome.balance_minor,
        account.held_steps,
    )
    return [curve[first:] for curve in curves]


class _RowTimes:
    """Open times of the bars that rows name, each in its own leg's bars.

    Parameters
    ----------
    outcome : PortfolioOutcome
        A run.
    legs : sequence of Candles
        Its candles.
    """

    def __init__(self, outcome: PortfolioOutcome, legs: Sequence[Candles]) -> None:
        self._timelines = {ACCOUNT_LEG: account_bars(outcome, legs), **dict(enumerate(legs))}

    def of(self, bars: Int64Array, legs: Int64Array) -> Int64Array:
        """Return Unix seconds, shape (n_rows,)."""
        times_s = np.zeros(len(bars), dtype=np.int64)
        for leg in np.unique(legs).tolist():
            rows = legs == leg
            times_s[rows] = bar_times_s(self._timelines[leg], bars[rows])
        return times_s
