"""The SQL of an import: the stage, and moving its rows into a series with revision and history."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sptraderb.candles.import_options import ImportOptions
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.timeframe import Timeframe
from sptraderb.store.candle_copy import COPY_HEADER, COPY_TRAILER, copy_bars
from sptraderb.store.instrument_rows import instrument_from_row
from sptraderb.store.pool import Connection, Database
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("candle_import_rows")
_STAGE = "import_rows"
_STAGE_COLUMNS = ("line", "time", "open", "high", "low", "close", "volume")
_SERIES_COLUMNS = ("instrument_id", "derived", *_STAGE_COLUMNS[1:], "revision")
_STAGE_ASK_COLUMNS = ("ask_open", "ask_high", "ask_low", "ask_close")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTarget:
    """The series rows go to.

    Parameters
    ----------
    instrument_id : int
        Row of its instrument.
    timeframe : Timeframe
        Stored timeframe.
    """

    instrument_id: int
    timeframe: Timeframe

    @property
    def table(self) -> str:
        """Its table."""
        return f"candles_{self.timeframe.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Rows of the stage that repeat a time, removed.

    Parameters
    ----------
    n_equal, n_conflicting : int
        With the values of the first row of that time, and with others.
    equal_lines, conflicting_lines : list of int
        Their first line numbers.
    """

    n_equal: int = 0
    equal_lines: list[int]
    n_conflicting: int = 0
    conflicting_lines: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRange:
    """What waits in the stage.

    Parameters
    ----------
    n_rows : int
        Rows.
    first, last : datetime or None
        Times they span.
    """

    n_rows: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What moving the stage into a series did.

    Parameters
    ----------
    n_new : int
        Rows at times the series did not have.
    n_equal : int
        Rows that were there with equal values, or native rows that stood against derived ones.
    n_corrected : int
        Native rows replaced by other values.
    n_replaced : int
        Rows replaced by other values, derived ones included.
    n_promoted : int
        Derived rows that native ones took the place of.
    corrected_lines : list of int
        First line numbers of corrections.
    """

    n_new: int
    n_equal: int = 0
    n_corrected: int = 0
    n_replaced: int = 0
    n_promoted: int = 0
    corrected_lines: list[int]

    @property
    def changed(self) -> bool:
        """Whether any value of the series is another one now."""
        return self.n_new + self.n_replaced > 0


def span_of(n_rows: int, first_s: int | None, last_s: int | None) -> StageRange:
    """Return the range of rows that ascend, by Unix seconds."""
    moments = (
        None if time_s is None else datetime.fromtimestamp(time_s, tz=UTC) for time_s in (first_s, last_s)
    )
    first, last = moments
    return StageRange(n_rows=n_rows, first=first, last=last)


async def create_stage(connection: Connection) -> None:
    """Make an empty stage in this session."""
    await drop_stage(connection)
    await connection.execute(_QUERIES["create_stage"])


async def drop_stage(connection: Connection) -> None:
    """Remove the stage."""
    await connection.execute(_QUERIES["drop_stage"])


async def clear_stage(connection: Connection) -> None:
    """Empty the stage."""
    await connection.execute(_QUERIES["clear_stage"])


async def fill_stage(connection: Connection, blocks: AsyncIterator[bytes], *, side: CandleSide) -> None:
    """Put rows into the stage by binary COPY.

    Parameters
    ----------
    connection : Connection
        The session of the stage.
    blocks : async iterator of bytes
        Rows of `candle_copy.encode_rows`.
    side : CandleSide
        Decides whether the ask's columns come with them.
    """
    columns = (*_STAGE_COLUMNS, *_STAGE_ASK_COLUMNS) if side is CandleSide.BOTH else _STAGE_COLUMNS
    await connection.copy_to_table(_STAGE, source=_framed(blocks), columns=columns, format="binary")


async def fill_series(
    connection: Connection, series: SeriesTarget, blocks: AsyncIterator[bytes], *, side: CandleSide
) -> None:
    """Put rows straight into a series' table by binary COPY.

    Parameters
    ----------
    connection : Connection
        In the import's transaction, under the lock of the series, which has no rows yet.
    series : SeriesTarget
        Where to.
    blocks : async iterator of bytes
        Rows of `candle_copy.encode_series_rows`.
    side : CandleSide
        Decides whether the ask's columns come with them.
    """
    columns = (*_SERIES_COLUMNS, *_STAGE_ASK_COLUMNS) if side is CandleSide.BOTH else _SERIES_COLUMNS
    await connection.copy_to_table(
        series.table, schema_name="sptraderb", source=_framed(blocks), columns=columns, format="binary"
    )


async def _framed(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield COPY_HEADER
    async for block in blocks:
        yield block
    yield COPY_TRAILER


async def drop_duplicates(connection: Connection) -> Duplicates:
    """Leave one row for each time in the stage, the first of the file."""
    rows = {row["same"]: row for row in await connection.fetch(_QUERIES["drop_duplicates"])}
    equal, other = rows.get(True), rows.get(False)
    return Duplicates(
        n_equal=equal["n"] if equal else 0,
        equal_lines=list(equal["lines"]) if equal else [],
        n_conflicting=other["n"] if other else 0,
        conflicting_lines=list(other["lines"]) if other else [],
    )


async def read_stage_range(connection: Connection) -> StageRange:
    """Return how much waits in the stage."""
    row = await connection.fetchrow(_QUERIES["stage_range"])
    assert row is not None
    return StageRange(n_rows=row["n"], first=row["first_time"], last=row["last_time"])


async def read_stage_bars(connection: Connection) -> Int64Array:
    """Return the stage in order of time: columns as `candle_copy.copy_bars` gives them."""
    return await copy_bars(connection, _QUERIES["stage_bars"], (), n_columns=6)


async def lock_series(connection: Connection, symbol: str, timeframe: Timeframe) -> None:
    """Wait for other imports of a series; held to the end of the transaction."""
    await connection.fetchval(_QUERIES["lock_series"], symbol, timeframe.name)


async def lock_instrument(
    connection: Connection, symbol: str, *, to_change: bool
) -> tuple[int, Instrument] | None:
    """Return an instrument's row id and facts, which then stay; None if the symbol has no row."""
    name = "lock_instrument_to_change" if to_change else "lock_instrument"
    row = await connection.fetchrow(_QUERIES[name], symbol)
    return None if row is None else (row["id"], instrument_from_row(row))


async def next_revision(connection: Connection) -> int:
    """Return a revision number above all others."""
    return int(await connection.fetchval(_QUERIES["next_revision"]))


async def find_import(
    database: Database, instrument_id: int, timeframe: Timeframe, *, file_hash: str, options_hash: str
) -> tuple[int, str | None] | None:
    """Return revision and report of an earlier import of the same file with the same options."""
    row = await database.fetchrow(
        _QUERIES["find_import"], instrument_id, timeframe.name, file_hash, options_hash
    )
    return None if row is None else (row["revision"], row["report"])


async def has_series(database: Database, symbol: str, timeframe: Timeframe) -> bool:
    """Return whether a series has rows, native or derived."""
    return bool(await database.fetchval(_QUERIES["has_series"], symbol, timeframe.name))


async def find_content_hash(connection: Connection, series: SeriesTarget) -> str:
    """Return the hash of a series' history so far; empty for a new series."""
    row = await connection.fetchrow(_QUERIES["series_state"], series.instrument_id, series.timeframe.name)
    return "" if row is None else str(row["content_hash"])


async def apply_stage(
    connection: Connection, series: SeriesTarget, span: StageRange, *, revision: int, derived: bool
) -> Applied:
    """Move the rows of the stage into a series.

    Parameters
    ----------
    connection : Connection
        In the import's transaction, under the lock of the series.
    series : SeriesTarget
        Where to.
    span : StageRange
        What waits.
    revision : int
        Of rows that are new or replace others; replaced rows go to the history.
    derived : bool
        Whether the rows are derived: those never replace native ones.
    """
    range_of = (series.instrument_id, span.first, span.last)
    table, name = series.table, series.timeframe.name
    if not await connection.fetchval(_QUERIES["has_bars"].format(table=table), *range_of):
        await connection.execute(
            _QUERIES["insert_bars"].format(table=table), series.instrument_id, derived, revision
        )
        return Applied(n_new=span.n_rows, corrected_lines=[])
    found = await connection.fetchrow(_QUERIES["compare"].format(table=table), *range_of, derived)
    assert found is not None
    n_new = span.n_rows - found["n_met"]
    if found["n_differing"]:
        query = _QUERIES["keep_history"].format(table=table, timeframe=name)
        await connection.execute(query, *range_of, revision, derived)
    if n_new or found["n_differing"] or found["n_promoted"]:
        await connection.execute(
            _QUERIES["merge_bars"].format(table=table), series.instrument_id, derived, revision
        )
    return Applied(
        n_new=n_new,
        n_equal=found["n_met"] - found["n_differing"],
        n_corrected=found["n_corrected"],
        n_replaced=found["n_differing"],
        n_promoted=found["n_promoted"],
        corrected_lines=list(found["lines"] or []),
    )


async def read_changed_range(
    connection: Connection, series: SeriesTarget, span: StageRange, *, revision: int
) -> tuple[datetime, datetime]:
    """Return the first and last time a revision touched in a range; it touched something there."""
    query = _QUERIES["changed_range"].format(table=series.table)
    row = await connection.fetchrow(query, series.instrument_id, span.first, span.last, revision)
    assert row is not None
    assert row["first_time"] is not None
    return row["first_time"], row["last_time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionFacts:
    """What a revision of a series is recorded with.

    Parameters
    ----------
    revision : int
        Its number.
    content : str
        Hash of what it brought; chained to the series' hash before it.
    derived_from : str or None
        Timeframe of the source of derived rows.
    file_hash : str or None
        Hash of the file imported.
    options : ImportOptions
        Source, trust and the options' hash.
    """

    revision: int
    content: str
    derived_from: str | None
    file_hash: str | None
    options: ImportOptions


async def save_revision(
    connection: Connection, series: SeriesTarget, span: StageRange, applied: Applied, facts: RevisionFacts
) -> str:
    """Record what a revision did to a series, in catalogue and revisions; return the series' new hash."""
    before = await find_content_hash(connection, series)
    content_hash = hashlib.sha256(f"{before}|{facts.content}".encode()).hexdigest()
    n_native = 0 if facts.derived_from else applied.n_new + applied.n_promoted
    name = series.timeframe.name
    await connection.execute(
        _QUERIES["save_series"], series.instrument_id, name, facts.revision, content_hash, span.first,
        span.last, applied.n_new, n_native,
    )  # fmt: skip
    options = facts.options
    await connection.execute(
        _QUERIES["save_revision"], facts.revision, series.instrument_id, name, facts.derived_from,
        content_hash, facts.file_hash, options.digest if facts.file_hash else None, options.source,
        options.trust, span.first, span.last, applied.n_new, applied.n_corrected,
    )  # fmt: skip
    return content_hash


async def add_natives(connection: Connection, series: SeriesTarget, n_promoted: int) -> None:
    """Count native rows of equal values that took the place of derived ones."""
    await connection.execute(_QUERIES["add_natives"], series.instrument_id, series.timeframe.name, n_promoted)


async def save_report(connection: Connection, series: SeriesTarget, revision: int, report: str) -> None:
    """Keep an import's report (JSON text) with its revision."""
    await connection.execute(
        _QUERIES["save_report"], series.instrument_id, series.timeframe.name, revision, report
    )
