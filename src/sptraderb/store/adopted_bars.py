"""Bars of an adopted relation: read as they are, exact or refused with a count, never rounded.

The database turns prices into ticks itself, so the rows arrive as those of own tables do. A price that is
no whole number of ticks arrives as `_OFF_SCALE`; a row whose time has a part of a second as `_OFF_SECOND`.

A float column holds the decimal that is printed for it. For ``float8`` that is checked by dividing the ticks
again, which is exact below 2^53 ticks; a ``real`` counts only if no other number of ticks has the same one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import numpy as np

from sptraderb.domain.candle import PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.timeframe import Timeframe
from sptraderb.errors import CandlesUnusable
from sptraderb.store.candle_copy import copy_bars
from sptraderb.store.pool import Connection, Database, Row
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("adopted_bars")
PRICE_NAMES = ("open", "high", "low", "close")
_OFF_SCALE, _OFF_SECOND = -(2**63), -(2**63) + 1
_FLOAT_TICKS, _NUMERIC_DIGITS = 9e15, 18
_N_COLUMNS = 6
_GONE = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.WrongObjectTypeError,
    asyncpg.InsufficientPrivilegeError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedRelation:
    """Where the rows of adopted series are, and of which types.

    Parameters
    ----------
    timeframe : str
        Of its rows.
    relation : str
        Qualified name.
    kind : str
        ``table``, ``view`` and so on, for people.
    time_column : str
        Name of the column of open times.
    time_type : {'timestamptz', 'timestamp'}
        Without a zone the times are UTC.
    price_types : tuple of str
        Base types of open, high, low and close.
    volume_column : str or None
        None where it has none: volumes are 0.
    """

    timeframe: str
    relation: str
    kind: str
    time_column: str
    time_type: str
    price_types: tuple[str, ...]
    volume_column: str | None

    def query(self, name: str, *, scale: int = 0) -> str:
        """Return a named query of this relation; parameters 2 and 3 are Unix seconds."""
        return _QUERIES[name].format(
            relation=self.relation,
            columns=self._columns(scale),
            names=", ".join(("bar_time", *PRICE_NAMES, "volume")),
            column=self.time_column,
            time=self.time,
            low=self._bound("$2"),
            high=self._bound("$3"),
        )

    @property
    def time(self) -> str:
        """SQL of the open time as a moment."""
        return (
            self.time_column
            if self.time_type == "timestamptz"
            else f"({self.time_column} AT TIME ZONE 'UTC')"
        )

    def _bound(self, parameter: str) -> str:
        moment = f"to_timestamp({parameter}::bigint)"
        return moment if self.time_type == "timestamptz" else f"({moment} AT TIME ZONE 'UTC')"

    def _columns(self, scale: int) -> str:
        prices = [_ticks(*facts, scale) for facts in zip(PRICE_NAMES, self.price_types, strict=True)]
        is_whole = f"date_trunc('second', {self.time_column}) = {self.time_column}"
        prices[0] = f"CASE WHEN {is_whole} THEN {prices[0]} ELSE {_OFF_SECOND} END"
        volume = "0" if self.volume_column is None else f"coalesce({self.volume_column}, 0)"
        columns = zip(("bar_time", *PRICE_NAMES), (self.time, *prices), strict=True)
        return ", ".join((*(f"{sql} AS {name}" for name, sql in columns), f"{volume}::float8 AS volume"))


def relation_from_row(row: Row) -> AdoptedRelation:
    """Return the relation that a row of the catalogue's queries names."""
    return AdoptedRelation(
        timeframe=row["timeframe"],
        relation=row["relation"],
        kind=row["relation_kind"],
        time_column=row["time_column"],
        time_type=row["time_type"],
        price_types=tuple(row["price_types"]),
        volume_column=row["volume_column"],
    )


def _ticks(column: str, kind: str, scale: int) -> str:
    """Return SQL that gives a price in ticks, or `_OFF_SCALE`; the bound is tested before the product."""
    factor = f"1e{scale}"
    if kind not in ("float8", "float4"):
        ticks, bound = f"{column}::numeric * {factor}::numeric", f"1e{_NUMERIC_DIGITS - scale}"
        exact = f"{ticks} = trunc({ticks})"
    else:
        ticks, bound = f"round({column}::float8 * {factor}::float8)", f"{_FLOAT_TICKS / 10**scale!r}"
        exact = f"{ticks} / {factor}::float8 = {column}"
    if kind == "float4":
        exact, below, above = (
            f"(({ticks} + {step}) / {factor}::float8)::float4 {sign} {column}"
            for step, sign in ((0, "="), (-1, "<>"), (1, "<>"))
        )
        exact = f"{exact} AND {below} AND {above}"
    return (
        f"CASE WHEN abs({column}) < {bound} THEN CASE WHEN {exact} THEN ({ticks})::bigint "
        f"ELSE {_OFF_SCALE} END ELSE {_OFF_SCALE} END"
    )


@asynccontextmanager
async def _readable(relation: AdoptedRelation) -> AsyncIterator[None]:
    try:
        yield
    except _GONE as error:
        raise gone(relation) from error


def gone(relation: AdoptedRelation) -> CandlesUnusable:
    """Return the error of a relation that is not there any more, is another one or may not be read."""
    return CandlesUnusable(
        "candles.adopted_gone",
        f"adopted candles must stay where they were found, {relation.relation} cannot be read as it was",
        hint="bring it back, or `sptraderb candles adopt` to look again",
        relation=relation.relation,
    )


async def read_extent(
    database: Database, relation: AdoptedRelation, symbol: str, *, counted_to: datetime
) -> tuple[int | None, int | None, int]:
    """Return first and last open time of a symbol's rows now, and how many are later than a moment."""
    async with _readable(relation):
        row = await database.fetchrow(relation.query("extent"), symbol, int(counted_to.timestamp()))
    assert row is not None
    return row["first_s"], row["last_s"], row["n_later"]


async def find_nth_time(
    connection: Connection, relation: AdoptedRelation, symbol: str, *, before_s: int, n_bars: int
) -> int | None:
    """Return the open time of the n-th row before a moment, or of the first if there are fewer."""
    async with _readable(relation):
        found: int | None = await connection.fetchval(
            relation.query("nth_time_before"), symbol, before_s, n_bars
        )
    return found


async def read_adopted(
    database: Database,
    relation: AdoptedRelation,
    instrument: Instrument,
    bounds: tuple[int, int],
    *,
    timeframe: Timeframe,
    page: tuple[int, bool] | None = None,
) -> Candles:
    """Return the rows of a range, checked like those of a file.

    Parameters
    ----------
    database : Pool or Connection
        Where to ask.
    relation : AdoptedRelation
        Where they are.
    instrument : Instrument
        Whose; its scale decides what a price may be.
    bounds : (int, int)
        Open times, Unix seconds, both inclusive.
    timeframe : Timeframe
        Of the relation.
    page : (int, bool) or None
        At most so many rows, the last ones if true.

    Raises
    ------
    CandlesUnusable
        ``candles.adopted_off_scale`` with the number of rows; ``candles.adopted_gone``;
        ``candles.unordered``, ``candles.ohlc_broken``, ``candles.not_positive`` with the first row's time.
    """
    name, limit = "select_bars", list[int]()
    if page is not None:
        name, limit = "page_back" if page[1] else "page_forward", [page[0]]
    query = relation.query(name, scale=instrument.price_scale)
    async with _readable(relation):
        rows = await copy_bars(database, query, (instrument.symbol, *bounds, *limit), n_columns=_N_COLUMNS)
    _require_exact(rows, relation, instrument)
    columns = {"time_s": rows[0], "volume": rows[5].view(np.float64)}
    columns |= dict(zip(PRICE_COLUMNS, rows[1:5], strict=True))
    try:
        return Candles.from_columns(columns, instrument=instrument, timeframe=timeframe)
    except CandlesUnusable as error:
        index = error.context.get("index")
        when = f" at {_when(int(rows[0][index]))}" if isinstance(index, int) else ""
        raise CandlesUnusable(
            error.code,
            f"{error.message}; in {instrument.symbol} of {relation.relation}{when}",
            relation=relation.relation,
        ) from error


def _require_exact(rows: np.ndarray, relation: AdoptedRelation, instrument: Instrument) -> None:
    off_second = rows[1] == _OFF_SECOND
    if off_second.any():
        raise CandlesUnusable(
            "candles.adopted_off_scale",
            f"times of adopted candles must be whole seconds, {int(off_second.sum())} of "
            f"{instrument.symbol} in {relation.relation} are not",
            relation=relation.relation,
            count=int(off_second.sum()),
        )
    off_scale = (rows[1:5] == _OFF_SCALE).any(axis=0)
    if off_scale.any():
        count, first_s = int(off_scale.sum()), int(rows[0][int(np.argmax(off_scale))])
        raise CandlesUnusable(
            "candles.adopted_off_scale",
            f"prices of {instrument.symbol} must be decimals of at most {instrument.price_scale} places, "
            f"{count} of {rows.shape[1]} rows of {relation.relation} hold others, the first at "
            f"{_when(first_s)}",
            hint=f"nothing is rounded; `sptraderb candles adopt --symbol {instrument.symbol} --instrument "
            "price_scale=6` sets another scale",
            relation=relation.relation,
            count=count,
            n_rows=rows.shape[1],
            first_s=first_s,
        )


def _when(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
