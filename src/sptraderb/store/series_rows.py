"""The catalogue of candles: which series are stored, at which revision, and what happened to them."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sptraderb.candles.cache import CacheKey
from sptraderb.domain.calendar import CalendarName, session_rule
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.timeframe import H1, M5, M15, STORED, Timeframe
from sptraderb.errors import CandlesUnusable, NotFound
from sptraderb.store.adopted_bars import AdoptedRelation, read_extent, relation_from_row
from sptraderb.store.adopted_relations import ADOPTED
from sptraderb.store.instrument_rows import instrument_from_row
from sptraderb.store.pool import Database, Row
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("candle_rows")
_BY_NAME = {timeframe.name: timeframe for timeframe in STORED}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesState:
    """What the catalogue says of a series at one moment.

    Parameters
    ----------
    instrument : Instrument
        Of the symbol.
    instrument_id : int
        Its row.
    timeframe : Timeframe
        As asked for.
    source : Timeframe
        Stored series it is made of; equal to ``timeframe`` where that is stored.
    origin : {'own', 'adopted'}
        Whose rows they are.
    revision : int or None
        Current data revision of the source; None for adopted rows, which change unseen.
    content_hash : str
        Hash of its history up to that revision; empty for adopted rows.
    first_s, last_s : int
        Open times of the source's first and last bar.
    n_bars : int
        Bars of the source.
    adopted : AdoptedRelation or None
        Where the rows of an adopted source are.
    """

    instrument: Instrument
    instrument_id: int
    timeframe: Timeframe
    source: Timeframe
    origin: str
    revision: int | None
    content_hash: str
    first_s: int
    last_s: int
    n_bars: int
    adopted: AdoptedRelation | None = None

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""
        return self.instrument.symbol

    @property
    def table(self) -> str:
        """Table of the source."""
        return f"candles_{self.source.name}"

    @property
    def key(self) -> CacheKey | None:
        """What the cache knows the source by; None where nothing may be kept."""
        if self.revision is None:
            return None
        return CacheKey(
            symbol=self.symbol, timeframe=self.source, revision=self.revision, content_hash=self.content_hash
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolMetadata:
    """What is stored of a symbol.

    Parameters
    ----------
    symbol : str
        Its name.
    earliest_s, latest_s : int
        Open times of the first and last bar of any timeframe.
    tick_count : int
        Bars of the finest stored timeframe.
    timeframes : tuple of str
        Stored timeframes, finest first.
    """

    symbol: str
    earliest_s: int
    latest_s: int
    tick_count: int
    timeframes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRow:
    """One import or correction of a series.

    Parameters
    ----------
    revision : int
        Its number.
    derived_from : str or None
        Timeframe it was derived from; None for native rows.
    content_hash : str
        Hash of the series' history up to it.
    source, trust : str
        Where the rows came from, and the tier of that source.
    first_s, last_s : int
        Range of the rows it brought.
    n_new, n_corrected : int
        Rows it added and rows it replaced.
    pinned : bool
        Whether a run needs it.
    pruned : bool
        Whether rows of it are gone, so that it cannot be read any more.
    report : str or None
        The import's report as JSON text.
    created_at : datetime
        When.
    """

    revision: int
    derived_from: str | None
    content_hash: str
    source: str
    trust: str
    first_s: int
    last_s: int
    n_new: int
    n_corrected: int
    pinned: bool
    pruned: bool
    report: str | None
    created_at: datetime


async def find_revision(database: Database, symbol: str, timeframe: Timeframe) -> SeriesState:
    """Return what a read of a series would find now.

    Parameters
    ----------
    database : Pool or Connection
        Where to ask.
    symbol : str
        Exact symbol.
    timeframe : Timeframe
        Stored, a multiple, 1d or 1w.

    Raises
    ------
    NotFound
        ``candles.unknown_symbol`` with the ``available`` ones, ``candles.too_coarse`` if nothing stored is
        fine enough.
    CandlesUnusable
        ``candles.adopted_gone``.
    """
    rows = await database.fetch(_QUERIES["list_series"], symbol)
    if not rows:
        available = [entry.symbol for entry in await list_metadata(database)]
        raise NotFound(
            "candles.unknown_symbol",
            f"candles must be stored for a symbol, there are none for `{symbol[:40]}`",
            symbol=symbol[:40],
            available=available,
        )
    stored = {_BY_NAME[row["timeframe"]]: row for row in rows}
    calendar = session_rule(rows[0]["calendar"])
    source = _source_for(timeframe, _visible(timeframe, stored), calendar)
    if source is None:
        names = [one.name for one in sorted(stored)]
        raise NotFound(
            "candles.too_coarse",
            f"candles must be stored at {timeframe} or finer, {symbol} has {', '.join(names)}",
            symbol=symbol,
            timeframe=timeframe.name,
            available=names,
        )
    state = _state(stored[source], timeframe, source)
    return state if state.adopted is None else await _as_it_is(database, state, stored[source])


def _state(row: Row, timeframe: Timeframe, source: Timeframe) -> SeriesState:
    return SeriesState(
        instrument=instrument_from_row(row),
        instrument_id=row["id"],
        timeframe=timeframe,
        source=source,
        origin=row["origin"],
        revision=row["revision"],
        content_hash=row["content_hash"],
        first_s=int(row["first_time"].timestamp()),
        last_s=int(row["last_time"].timestamp()),
        n_bars=row["n_bars"],
        adopted=relation_from_row(row) if row["origin"] == ADOPTED else None,
    )


async def _as_it_is(database: Database, state: SeriesState, row: Row) -> SeriesState:
    """Return the state of an adopted series with the range its rows span now."""
    assert state.adopted is not None
    first_s, last_s, n_later = await read_extent(
        database, state.adopted, state.symbol, counted_to=row["last_time"]
    )
    return replace(
        state,
        first_s=state.first_s if first_s is None else first_s,
        last_s=state.last_s if last_s is None else last_s,
        n_bars=state.n_bars + n_later,
    )


def _visible(timeframe: Timeframe, stored: Mapping[Timeframe, Row]) -> list[Timeframe]:
    """Return the stored timeframes that a timeframe may be made of.

    Own coarser series hold all that own finer ones hold. Beside adopted 5m, own 15m hold only what was
    imported, and hours are made of 5m where there are some.
    """
    hides = (
        M15 in stored
        and stored[M15]["origin"] != ADOPTED
        and M5 in stored
        and stored[M5]["origin"] == ADOPTED
        and timeframe >= H1
    )
    return sorted(one for one in stored if not (hides and one == M15))


def _source_for(timeframe: Timeframe, stored: list[Timeframe], calendar: CalendarName) -> Timeframe | None:
    """Return the coarsest stored timeframe that divides one; FX days close on the hour, not on 4h bars."""
    if timeframe.follows_sessions and calendar is CalendarName.FX:
        fitting = [one for one in stored if one <= H1]
    else:
        fitting = [one for one in stored if timeframe.is_multiple_of(one)]
    return fitting[-1] if fitting else None


async def list_metadata(database: Database) -> list[SymbolMetadata]:
    """Return what is stored, by symbol; aggregates count as stored."""
    by_symbol: dict[str, list[tuple[Timeframe, int, int, int]]] = {}
    coarser: dict[str, set[Timeframe]] = {}
    for row in await database.fetch(_QUERIES["list_symbols"]):
        if row["aggregated"]:
            coarser[row["symbol"]] = {one for one in STORED if one > _BY_NAME[row["timeframe"]]}
        extent = await _extent(database, row)
        by_symbol.setdefault(row["symbol"], []).append((_BY_NAME[row["timeframe"]], *extent))
    return [
        SymbolMetadata(
            symbol=symbol,
            earliest_s=min(first for _, first, _, _ in series),
            latest_s=max(last for _, _, last, _ in series),
            tick_count=min(series)[3],
            timeframes=tuple(
                one.name for one in sorted({one for one, _, _, _ in series} | coarser.get(symbol, set()))
            ),
        )
        for symbol, series in by_symbol.items()
    ]


async def _extent(database: Database, row: Row) -> tuple[int, int, int]:
    """Return first and last open time and number of bars; of adopted rows as they are now."""
    first_s, last_s = int(row["first_time"].timestamp()), int(row["last_time"].timestamp())
    if row["origin"] == ADOPTED:
        with contextlib.suppress(CandlesUnusable):
            now_first, now_last, n_later = await read_extent(
                database, relation_from_row(row), row["symbol"], counted_to=row["last_time"]
            )
            if now_first is not None and now_last is not None:
                return now_first, now_last, row["n_bars"] + n_later
    return first_s, last_s, row["n_bars"]


async def read_metadata(database: Database, symbol: str) -> SymbolMetadata:
    """Return what is stored of one symbol.

    Raises
    ------
    NotFound
        ``candles.unknown_symbol`` with the ``available`` ones.
    """
    entries = await list_metadata(database)
    found = next((entry for entry in entries if entry.symbol == symbol), None)
    if found is None:
        raise NotFound(
            "candles.unknown_symbol",
            f"candles must be stored for a symbol, there are none for `{symbol[:40]}`",
            symbol=symbol[:40],
            available=[entry.symbol for entry in entries],
        )
    return found


async def list_revisions(database: Database, symbol: str, timeframe: Timeframe) -> list[RevisionRow]:
    """Return the imports and corrections of a stored series, newest first."""
    rows = await database.fetch(_QUERIES["list_revisions"], symbol, timeframe.name)
    return [
        RevisionRow(
            revision=row["revision"],
            derived_from=row["derived_from"],
            content_hash=row["content_hash"],
            source=row["source"],
            trust=row["trust"],
            first_s=int(row["first_time"].timestamp()),
            last_s=int(row["last_time"].timestamp()),
            n_new=row["n_new"],
            n_corrected=row["n_corrected"],
            pinned=row["pinned"],
            pruned=row["pruned"],
            report=row["report"],
            created_at=row["created_at"],
        )
        for row in rows
    ]
