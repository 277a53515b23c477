"""Reading candles: the catalogue says which revision, one binary COPY brings it, the cache keeps it.

A read asks the catalogue first, in the same snapshot as the rows, so an import meanwhile cannot mix into it.
Timeframes that are not stored are made from the coarsest stored one that divides them: every stored series
holds all that finer ones hold, so nothing is lost and the least is read.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sptraderb.candles.cache import CandleCache, n_columns
from sptraderb.domain.candle import Candles
from sptraderb.domain.timeframe import Timeframe
from sptraderb.store.cache_filling import fill_cache
from sptraderb.store.coarser_reads import STEP_BARS, made_bars, made_page, read_made_page, source_range
from sptraderb.store.pool import Database
from sptraderb.store.revision_pins import require_kept
from sptraderb.store.series_bars import (
    BarRange,
    at_timeframe,
    mapped_series,
    read_bars,
    read_page,
    snapshot,
)
from sptraderb.store.series_rows import (
    RevisionRow,
    SeriesState,
    SymbolMetadata,
    find_revision,
    list_metadata,
    list_revisions,
    read_metadata,
)

__all__ = [
    "CandlePage",
    "CandleStream",
    "RevisionRow",
    "SeriesState",
    "SymbolMetadata",
    "candle_page",
    "find_revision",
    "list_metadata",
    "list_revisions",
    "open_candle_stream",
    "read_candles",
    "read_metadata",
]

_SLICE_BARS = 20_000
_CACHED_SHARE = 4


async def read_candles(  # noqa: PLR0913  a read's facts, all but the series by keyword
    database: Database,
    symbol: str,
    timeframe: Timeframe,
    start_s: int | None = None,
    end_s: int | None = None,
    *,
    revision: int | None = None,
    warm_up: int = 0,
    cache: CandleCache | None = None,
) -> Candles:
    """Return the bars of a series that open in a range, all of one revision.

    Parameters
    ----------
    database : Pool or Connection
        Where they are stored.
    symbol : str
        Exact symbol.
    timeframe : Timeframe
        Stored, a multiple, 1d or 1w.
    start_s, end_s : int or None
        Unix seconds UTC, both inclusive; None = no bound.
    revision : int or None
        Reads the source series as it was at that revision; None = as it is.
    warm_up : int
        Bars before ``start_s`` put in front, as many as there are up to this number.
    cache : CandleCache or None
        Keeps the whole source series on disk, so that the next read is a memory map.

    Returns
    -------
    Candles
        Ascending; ``revision`` says what was read.

    Raises
    ------
    NotFound
        ``candles.unknown_symbol``, ``candles.too_coarse``.
    CandlesUnusable
        ``candles.adopted_off_scale`` and others for adopted rows, which are checked on reading;
        ``candles.revision_pruned``.

    Notes
    -----
    Adopted rows have no revision and are never cached.
    A million bars: about 0.6 s from PostgreSQL, a few milliseconds from the cache.
    """
    wanted = BarRange(start_s=start_s, end_s=end_s, warm_up=warm_up)
    if cache is not None:
        state = await find_revision(database, symbol, timeframe)
        whole = mapped_series(state, cache)
        if whole is not None and not _is_older(revision, state):
            return await _at_timeframe(whole, state, wanted)
    async with snapshot(database) as connection:
        state = await find_revision(connection, symbol, timeframe)
        as_of = revision if _is_older(revision, state) else None
        if as_of is not None:
            await require_kept(connection, state.instrument_id, symbol, state.source, revision=as_of)
        if as_of is None and cache is not None:
            whole = await fill_cache(connection, state, cache, database=database)
            if whole is not None:
                return await _at_timeframe(whole, state, wanted)
        return await read_bars(connection, state, wanted, as_of=as_of)


async def _at_timeframe(whole: Candles, state: SeriesState, wanted: BarRange) -> Candles:
    if state.source == state.timeframe:
        return wanted.cut(whole)
    return await asyncio.to_thread(at_timeframe, whole, state, wanted)


def _is_older(revision: int | None, state: SeriesState) -> bool:
    """Return whether a revision is one that the current rows are not of; adopted rows have none."""
    return revision is not None and state.revision is not None and revision < state.revision


@dataclass(frozen=True, slots=True, kw_only=True)
class CandlePage:
    """A page of a series.

    Parameters
    ----------
    state : SeriesState
        What the catalogue said.
    candles : Candles
        Ascending, whichever way the page was cut.
    has_more : bool
        Whether the range goes on beyond the page.
    """

    state: SeriesState
    candles: Candles
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleStream:
    """A range of a series in slices.

    Parameters
    ----------
    state : SeriesState
        What the catalogue said; all slices are of that revision.
    slices : async iterator of Candles
        Each ascending; the last slice comes first when the stream goes backwards.
    """

    state: SeriesState
    slices: AsyncIterator[Candles]


async def candle_page(  # noqa: PLR0913  a read's facts, all but the series by keyword
    database: Database,
    symbol: str,
    timeframe: Timeframe,
    *,
    from_s: int | None = None,
    to_s: int | None = None,
    limit: int,
    descending: bool = False,
    cache: CandleCache | None = None,
    known: SeriesState | None = None,
) -> CandlePage:
    """Return the first (``descending``: the last) ``limit`` bars of a range.

    Parameters
    ----------
    database, symbol, timeframe
        As `read_candles`.
    from_s, to_s : int or None
        Unix seconds UTC, both inclusive.
    limit : int
        Bars at most, at least 1.
    descending : bool
        Takes the last bars of the range.
    cache : CandleCache or None
        Used where it holds the series; not filled for a page.
    known : SeriesState or None
        What the catalogue said a moment ago: where the cache holds that revision, nothing is asked again.

    Raises
    ------
    NotFound
        ``candles.unknown_symbol``, ``candles.too_coarse``.
    """
    wanted = BarRange(start_s=from_s, end_s=to_s)
    held = None if known is None else mapped_series(known, cache)
    if known is not None and held is not None:
        bars = await _mapped_page(held, known, wanted, limit=limit, back=descending)
        return _page_of(bars, known, limit=limit, descending=descending)
    async with snapshot(database) as connection:
        state = await find_revision(connection, symbol, timeframe)
        whole = mapped_series(state, cache)
        if whole is not None:
            bars = await _mapped_page(whole, state, wanted, limit=limit, back=descending)
        elif state.source == timeframe:
            bars = await read_page(connection, state, wanted, limit=limit + 1, back=descending)
        else:
            bars = await read_made_page(connection, state, wanted, limit=limit, back=descending)
    return _page_of(bars, state, limit=limit, descending=descending)


async def _mapped_page(
    whole: Candles, state: SeriesState, wanted: BarRange, *, limit: int, back: bool
) -> Candles:
    if state.source == state.timeframe:
        return wanted.cut(whole)
    return await asyncio.to_thread(made_page, whole, state, wanted, limit=limit, back=back)


def _page_of(bars: Candles, state: SeriesState, *, limit: int, descending: bool) -> CandlePage:
    first = max(0, len(bars) - limit) if descending else 0
    cut = bars.sliced(first, min(len(bars), first + limit))
    return CandlePage(state=state, candles=cut, has_more=len(bars) > limit)


async def open_candle_stream(  # noqa: PLR0913  a read's facts, all but the series by keyword
    database: Database,
    symbol: str,
    timeframe: Timeframe,
    *,
    from_s: int | None = None,
    to_s: int | None = None,
    descending: bool = False,
    cache: CandleCache | None = None,
    slice_bars: int = _SLICE_BARS,
) -> CandleStream:
    """Return a range of a series in slices, all of the revision current at the call.

    Parameters
    ----------
    database, symbol, timeframe
        As `read_candles`.
    from_s, to_s : int or None
        Unix seconds UTC, both inclusive.
    descending : bool
        Gives the last slice first.
    cache : CandleCache or None
        Filled when the range is a quarter of the series or more.
    slice_bars : int
        Bars of a slice at most; of the stored ones where the timeframe is made of them.

    Raises
    ------
    NotFound
        ``candles.unknown_symbol``, ``candles.too_coarse``.

    Notes
    -----
    No connection is held between two slices, so a slow reader keeps nobody waiting; memory is one slice
    (adopted rows that a quarter of the series or a longer timeframe is made of: the range).
    """
    state = await find_revision(database, symbol, timeframe)
    wanted = BarRange(start_s=from_s, end_s=to_s)
    is_made = state.source != timeframe
    source = source_range(state, wanted) if is_made else wanted
    low_s = state.first_s if source.start_s is None else max(source.start_s, state.first_s)
    high_s = state.last_s if source.end_s is None else min(source.end_s, state.last_s)
    n_bars = min(slice_bars, STEP_BARS) if is_made else slice_bars
    wide = _is_kept(state, cache) and (high_s - low_s) * _CACHED_SHARE >= state.last_s - state.first_s
    if wide or mapped_series(state, cache) is not None or (is_made and state.adopted is not None):
        bars = await read_candles(
            database, symbol, state.source, low_s, high_s, revision=state.revision, cache=cache
        )
        slices = _sliced(bars, n_bars, descending)
    else:
        slices = _paged(database, state, low_s, high_s, n_bars, descending)
    if is_made:
        slices = made_bars(slices, timeframe, wanted, descending=descending)
    return CandleStream(state=state, slices=slices)


def _is_kept(state: SeriesState, cache: CandleCache | None) -> bool:
    """Return whether reading the whole series leaves it on disk, or has to be done at once anyway."""
    if cache is None:
        return False
    return state.key is None or cache.takes(state.n_bars * n_columns(state.instrument.side) * 8)


async def _sliced(bars: Candles, slice_bars: int, descending: bool) -> AsyncIterator[Candles]:
    firsts = range(0, len(bars), slice_bars)
    for first in reversed(firsts) if descending else firsts:
        yield bars.sliced(first, min(len(bars), first + slice_bars))


async def _paged(
    database: Database, state: SeriesState, low_s: int, high_s: int, slice_bars: int, descending: bool
) -> AsyncIterator[Candles]:
    while low_s <= high_s:
        wanted = BarRange(start_s=low_s, end_s=high_s)
        bars = await read_page(database, state, wanted, limit=slice_bars, back=descending)
        if len(bars) == 0:
            return
        yield bars
        if len(bars) < slice_bars:
            return
        if descending:
            high_s = int(bars.time_s[0]) - 1
        else:
            low_s = int(bars.time_s[-1]) + 1
