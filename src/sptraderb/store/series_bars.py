"""Bars of one stored series: mapped from the cache, or brought by a COPY, at the timeframe asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sptraderb.candles.cache import CandleCache, candles_from_array, n_columns
from sptraderb.candles.resample import resample
from sptraderb.domain.calendar import DAY_S
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import CandleSide
from sptraderb.domain.timeframe import Timeframe
from sptraderb.store.adopted_bars import find_nth_time, read_adopted
from sptraderb.store.candle_copy import ASK_BAR_COLUMNS, BAR_COLUMNS, candles_from_copy, copy_bars
from sptraderb.store.pool import Connection, Database, Pool
from sptraderb.store.series_rows import SeriesState
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("candle_rows")
BEGIN_S, END_S = -(2**33), 2**33
_MARGIN_S = 14 * DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRange:
    """Which bars are wanted.

    Parameters
    ----------
    start_s, end_s : int or None
        Open times, Unix seconds UTC, both inclusive; None = no bound.
    warm_up : int
        Bars before ``start_s`` put in front, as many as there are up to this number.
    """

    start_s: int | None = None
    end_s: int | None = None
    warm_up: int = 0

    def cut(self, bars: Candles) -> Candles:
        """Return the wanted bars of some that hold them."""
        first = 0
        if self.start_s is not None:
            first = max(0, int(bars.time_s.searchsorted(self.start_s)) - self.warm_up)
        last = len(bars) if self.end_s is None else int(bars.time_s.searchsorted(self.end_s, side="right"))
        return bars if (first, last) == (0, len(bars)) else bars.sliced(first, max(first, last))

    def source_bounds(self, timeframe: Timeframe) -> tuple[int, int]:
        """Return open times between which finer bars give the wanted ones, across weekends and holidays."""
        low_s = BEGIN_S
        if self.start_s is not None:
            low_s = self.start_s - (self.warm_up + 2) * timeframe.seconds * 2 - _MARGIN_S
        return low_s, END_S if self.end_s is None else self.end_s + 2 * timeframe.seconds

    def lacks_warm_up(self, bars: Candles) -> bool:
        """Return whether fewer bars than asked for lie before the start."""
        return self.start_s is not None and int(bars.time_s.searchsorted(self.start_s)) < self.warm_up


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[Connection]:
    """Give a connection on which all reads see one moment."""
    if isinstance(database, Pool):
        async with (
            database.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection
    elif database.is_in_transaction():
        yield database
    else:
        async with database.transaction(isolation="repeatable_read", readonly=True):
            yield database


def mapped_series(state: SeriesState, cache: CandleCache | None) -> Candles | None:
    """Return the whole source series from the cache, or None."""
    key = state.key
    found = None if cache is None or key is None else cache.find(key, side=state.instrument.side)
    if found is None:
        return None
    return candles_from_array(
        found, instrument=state.instrument, timeframe=state.source, revision=state.revision
    )


def at_timeframe(whole: Candles, state: SeriesState, wanted: BarRange) -> Candles:
    """Return the wanted bars of a mapped source series, made of no more of it than is needed."""
    if state.source == state.timeframe:
        return wanted.cut(whole)
    low_s, high_s = wanted.source_bounds(state.timeframe)
    low, high = (int(whole.time_s.searchsorted(bound)) for bound in (low_s, high_s))
    made = _resampled(whole.sliced(low, high), state.timeframe, is_cut=low > 0)
    if low > 0 and wanted.lacks_warm_up(made):
        made = resample(whole.sliced(0, high), state.timeframe)
    return wanted.cut(made)


def _resampled(bars: Candles, timeframe: Timeframe, *, is_cut: bool) -> Candles:
    """Return longer bars, without the first one where the range may have cut into it."""
    made = resample(bars, timeframe)
    return made.sliced(1, len(made)) if is_cut and len(made) else made


async def read_bars(
    connection: Connection, state: SeriesState, wanted: BarRange, *, as_of: int | None
) -> Candles:
    """Return the wanted bars from the database.

    Parameters
    ----------
    connection : Connection
        On the snapshot ``state`` was read in.
    state : SeriesState
        What the catalogue said.
    wanted : BarRange
        Which bars.
    as_of : int or None
        An older revision; None = the current rows.
    """
    if state.source == state.timeframe:
        low_s = await _first_time(connection, state, wanted, as_of)
        bounds = (low_s, END_S if wanted.end_s is None else wanted.end_s)
        return wanted.cut(await _read_source(connection, state, bounds, as_of))
    low_s, high_s = wanted.source_bounds(state.timeframe)
    bars = await _read_source(connection, state, (low_s, high_s), as_of)
    made = _resampled(bars, state.timeframe, is_cut=low_s > state.first_s)
    if low_s > state.first_s and wanted.lacks_warm_up(made):
        made = resample(await _read_source(connection, state, (BEGIN_S, high_s), as_of), state.timeframe)
    return wanted.cut(made)


async def _first_time(connection: Connection, state: SeriesState, wanted: BarRange, as_of: int | None) -> int:
    """Return the open time of the first bar wanted, the warm-up counted bar by bar."""
    if wanted.start_s is None:
        return BEGIN_S
    if not wanted.warm_up:
        return wanted.start_s
    if state.adopted is not None:
        found = await find_nth_time(
            connection, state.adopted, state.symbol, before_s=wanted.start_s, n_bars=wanted.warm_up
        )
        return wanted.start_s if found is None else found
    query = _QUERIES["nth_time_before"].format(table=state.table, timeframe=state.source.name)
    at = state.revision if as_of is None else as_of
    found = await connection.fetchval(query, state.instrument_id, wanted.start_s, at, wanted.warm_up)
    return wanted.start_s if found is None else int(found)


async def _read_source(
    connection: Connection, state: SeriesState, bounds: tuple[int, int], as_of: int | None
) -> Candles:
    if state.adopted is not None:
        return await read_adopted(
            connection, state.adopted, state.instrument, _clamped(bounds), timeframe=state.source
        )
    name = "select_bars" if as_of is None else "select_bars_as_of"
    arguments = (state.instrument_id, *_clamped(bounds), *(() if as_of is None else (as_of,)))
    side = state.instrument.side
    query = bars_query(name, state.source, side)
    columns = await copy_bars(connection, query, arguments, n_columns=n_columns(side))
    revision = state.revision if as_of is None else as_of
    return candles_from_copy(columns, instrument=state.instrument, timeframe=state.source, revision=revision)


def _clamped(bounds: tuple[int, int]) -> tuple[int, int]:
    low_s, high_s = bounds
    return min(max(low_s, BEGIN_S), END_S), max(min(high_s, END_S), BEGIN_S)


async def read_page(
    database: Database, state: SeriesState, wanted: BarRange, *, limit: int, back: bool
) -> Candles:
    """Return the first (``back``: the last) bars of a range of a stored series, at the state's revision."""
    low_s = BEGIN_S if wanted.start_s is None else wanted.start_s
    high_s = END_S if wanted.end_s is None else wanted.end_s
    if state.adopted is not None:
        return await read_adopted(
            database, state.adopted, state.instrument, _clamped((low_s, high_s)), timeframe=state.source,
            page=(limit, back),
        )  # fmt: skip
    query = bars_query("page_back" if back else "page_forward", state.source, state.instrument.side)
    arguments = (state.instrument_id, *_clamped((low_s, high_s)), state.revision, limit)
    columns = await copy_bars(database, query, arguments, n_columns=n_columns(state.instrument.side))
    return candles_from_copy(
        columns, instrument=state.instrument, timeframe=state.source, revision=state.revision
    )


def bars_query(name: str, timeframe: Timeframe, side: CandleSide) -> str:
    """Return a named query for bars with table, columns and timeframe put in; all three are constants."""
    columns = ", ".join((*BAR_COLUMNS, *ASK_BAR_COLUMNS) if side is CandleSide.BOTH else BAR_COLUMNS)
    return _QUERIES[name].format(columns=columns, table=f"candles_{timeframe.name}", timeframe=timeframe.name)
