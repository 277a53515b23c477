"""Coarser candles kept beside the native ones, in the transaction of the import that changes their source.

5m is made from 1m, 15m and 1h from 5m (1h from 15m where there is no 5m), 4h from 1h, 12h from 4h. Only the
buckets the revision touched are made anew; a native bar of the same time wins.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from sptraderb.candles.cache import n_columns
from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.resample import resample
from sptraderb.candles.row_block import RowBlock
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.timeframe import H1, H4, H12, M1, M5, M15, Timeframe
from sptraderb.store import candle_import_rows as import_rows
from sptraderb.store.adopted_relations import ADOPTED, OWN, list_origins
from sptraderb.store.candle_copy import candles_from_copy, copy_bars, encode_rows
from sptraderb.store.candle_import_rows import Applied, RevisionFacts, SeriesTarget
from sptraderb.store.pool import Connection
from sptraderb.store.series_bars import bars_query
from sptraderb.store.series_rows import find_revision

SOURCES: dict[Timeframe, tuple[Timeframe, ...]] = {
    M5: (M1,),
    M15: (M5,),
    H1: (M5, M15),
    H4: (H1,),
    H12: (H4,),
}
"""What each derived timeframe is made from, in order of preference, finest derived first."""

_WINDOW_BARS = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a revision touched in a series.

    Parameters
    ----------
    revision : int
        The revision.
    first_s, last_s : int
        First and last open time it touched, Unix seconds.
    content_hash : str
        Hash of the series' history up to it.
    """

    revision: int
    first_s: int
    last_s: int
    content_hash: str


async def derive_coarser(
    connection: Connection,
    instrument: Instrument,
    native: SeriesTarget,
    change: Change,
    *,
    options: ImportOptions,
    on_progress: Callable[[int, int], None],
) -> dict[str, int]:
    """Make every coarser series anew where a revision changed what it is made from.

    Parameters
    ----------
    connection : Connection
        In the import's transaction, under the locks of all series from the native one up.
    instrument : Instrument
        Of the symbol.
    native : SeriesTarget
        The series imported to.
    change : Change
        What the import touched there.
    options : ImportOptions
        Source and trust, recorded with the derived revisions too.
    on_progress : callable
        Told (series done, series to do).

    Returns
    -------
    dict of str to int
        Rows written by timeframe.
    """
    changes = {native.timeframe: change}
    origins = await list_origins(connection, native.instrument_id)
    coarser = [one for one in SOURCES if one > native.timeframe and _is_kept(one, origins)]
    written: dict[str, int] = {}
    for index, timeframe in enumerate(coarser):
        touched = [(source, changes[source]) for source in SOURCES[timeframe] if source in changes]
        if touched:
            maker = _Maker(
                connection, instrument, SeriesTarget(instrument_id=native.instrument_id, timeframe=timeframe)
            )
            made = await maker.make(touched, options)
            if made is not None:
                changes[timeframe], written[timeframe.name] = made
        on_progress(index + 1, len(coarser))
    return written


def _is_kept(timeframe: Timeframe, origins: Mapping[Timeframe, str]) -> bool:
    """Return whether derived rows of a timeframe are stored: neither it nor what it is made from is adopted.

    What is made from adopted rows is made on reading, since they change unseen.
    """
    return origins.get(timeframe) != ADOPTED and origins.get(SOURCES[timeframe][0]) != ADOPTED


async def derive_released(
    connection: Connection, instrument: Instrument, released: SeriesTarget, *, options: ImportOptions
) -> None:
    """Fill a series that was adopted, and is own from now on, with what own finer candles give.

    Parameters
    ----------
    connection : Connection
        In the import's transaction, under the locks of all series from the released one up.
    instrument : Instrument
        Of the symbol.
    released : SeriesTarget
        Taken out of the catalogue by this import, which has stored its rows.
    options : ImportOptions
        Of the import, for source and trust.
    """
    origins = await list_origins(connection, released.instrument_id)
    for source in SOURCES.get(released.timeframe, ()):
        if origins.get(source) == OWN:
            target = SeriesTarget(instrument_id=released.instrument_id, timeframe=source)
            await derive_all(connection, instrument, target, options=options)
            return


async def derive_all(
    connection: Connection, instrument: Instrument, series: SeriesTarget, *, options: ImportOptions
) -> None:
    """Make everything coarser than a stored series anew, over all of it, as a revision of its own."""
    state = await find_revision(connection, instrument.symbol, series.timeframe)
    change = Change(
        revision=await import_rows.next_revision(connection),
        first_s=state.first_s,
        last_s=state.last_s,
        content_hash=state.content_hash,
    )
    await derive_coarser(connection, instrument, series, change, options=options, on_progress=_silent)


def derived_facts(touched: list[tuple[Timeframe, Change]], options: ImportOptions) -> RevisionFacts:
    """Return what a derived revision is recorded with, by the changes of what it is made from."""
    content = "|".join(change.content_hash for _, change in touched)
    return RevisionFacts(
        revision=touched[0][1].revision,
        content=hashlib.sha256(content.encode()).hexdigest(),
        derived_from=touched[0][0].name,
        file_hash=None,
        options=options,
    )


def block_of(bars: Candles) -> RowBlock:
    """Return candles as rows to be stored."""
    names = (*PRICE_COLUMNS, *(ASK_COLUMNS if bars.ask_open_ticks is not None else ()))
    return RowBlock(
        line=np.zeros(len(bars), dtype=np.int64),
        time_s=bars.time_s,
        prices=np.stack([getattr(bars, name) for name in names]),
        volume=np.ascontiguousarray(bars.volume),
        faults=np.zeros(len(bars), dtype=np.uint8),
        noisy=np.zeros(len(bars), dtype=np.bool_),
    )


def _silent(done: int, total: int) -> None:
    """Take progress and say nothing."""


class _Maker:
    """Makes one derived series anew over a range."""

    def __init__(self, connection: Connection, instrument: Instrument, series: SeriesTarget) -> None:
        self._connection, self._instrument, self._series = connection, instrument, series

    async def make(
        self, touched: list[tuple[Timeframe, Change]], options: ImportOptions
    ) -> tuple[Change, int] | None:
        """Return what changed in the series and how many rows, or None."""
        timeframe, revision = self._series.timeframe, touched[0][1].revision
        first_s = min(change.first_s for _, change in touched) // timeframe.seconds * timeframe.seconds
        last_s = max(change.last_s for _, change in touched) // timeframe.seconds * timeframe.seconds
        facts = derived_facts(touched, options)
        step_s = _WINDOW_BARS * SOURCES[timeframe][0].seconds // timeframe.seconds * timeframe.seconds
        total = Applied(n_new=0, corrected_lines=[])
        for low_s in range(first_s, last_s + 1, step_s):
            high_s = min(low_s + step_s - 1, last_s + timeframe.seconds - 1)
            total = _sum(total, await self._make_window(low_s, high_s, revision))
        if not total.changed:
            return None
        span = import_rows.StageRange(n_rows=total.n_new, first=_moment(first_s), last=_moment(last_s))
        touched_range = await import_rows.read_changed_range(
            self._connection, self._series, span, revision=revision
        )
        span = import_rows.StageRange(n_rows=total.n_new, first=touched_range[0], last=touched_range[1])
        content_hash = await import_rows.save_revision(self._connection, self._series, span, total, facts)
        low, high = (int(moment.timestamp()) for moment in touched_range)
        return Change(
            revision=revision, first_s=low, last_s=high, content_hash=content_hash
        ), total.n_new + total.n_replaced

    async def _make_window(self, low_s: int, high_s: int, revision: int) -> Applied:
        bars = await self._derived(low_s, high_s)
        if len(bars) == 0:
            return Applied(n_new=0, corrected_lines=[])
        await import_rows.clear_stage(self._connection)
        await import_rows.fill_stage(self._connection, _encoded(bars), side=self._instrument.side)
        span = import_rows.StageRange(
            n_rows=len(bars), first=_moment(int(bars.time_s[0])), last=_moment(int(bars.time_s[-1]))
        )
        return await import_rows.apply_stage(
            self._connection, self._series, span, revision=revision, derived=True
        )

    async def _derived(self, low_s: int, high_s: int) -> Candles:
        """Return the series' bars of a window, from the preferred source that has rows for each of them."""
        timeframe = self._series.timeframe
        preferred, *others = [
            resample(await self._source(one, low_s, high_s), timeframe) for one in SOURCES[timeframe]
        ]
        for other in others:
            preferred = _filled(preferred, other)
        return preferred

    async def _source(self, source: Timeframe, low_s: int, high_s: int) -> Candles:
        query = bars_query("select_bars", source, self._instrument.side)
        columns = await copy_bars(
            self._connection,
            query,
            (self._series.instrument_id, low_s, high_s),
            n_columns=n_columns(self._instrument.side),
        )
        return candles_from_copy(columns, instrument=self._instrument, timeframe=source, revision=None)


def _filled(preferred: Candles, other: Candles) -> Candles:
    """Return ``preferred`` with the bars of ``other`` at times it does not have."""
    absent = ~np.isin(other.time_s, preferred.time_s, assume_unique=True)
    if not absent.any():
        return preferred
    time_s = np.concatenate([preferred.time_s, other.time_s[absent]])
    order = np.argsort(time_s, kind="stable")
    asks = ASK_COLUMNS if preferred.instrument.side is CandleSide.BOTH else ()
    columns = {
        name: np.concatenate([getattr(preferred, name), getattr(other, name)[absent]])[order]
        for name in ("time_s", *PRICE_COLUMNS, "volume", *asks)
    }
    return Candles.from_columns(columns, instrument=preferred.instrument, timeframe=preferred.timeframe)


def _sum(one: Applied, other: Applied) -> Applied:
    return Applied(
        n_new=one.n_new + other.n_new,
        n_equal=one.n_equal + other.n_equal,
        n_corrected=one.n_corrected + other.n_corrected,
        n_replaced=one.n_replaced + other.n_replaced,
        n_promoted=0,
        corrected_lines=[],
    )


async def _encoded(bars: Candles) -> AsyncIterator[bytes]:
    yield encode_rows(block_of(bars))


def _moment(time_s: int) -> datetime:
    return datetime.fromtimestamp(time_s, tz=UTC)
