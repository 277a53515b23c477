"""Coarser candles of a new series, made while its file is read and stored without reading it back.

Only where nothing coarser is stored yet: then no native bar can stand against a derived one, and what
`derive_candles` would make from the stored rows is made from the blocks as they pass. Rows wait in unnamed
files, so memory stays flat.
"""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO

import numpy as np

from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.resample import joined, resample
from sptraderb.candles.row_block import RowBlock
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.timeframe import Timeframe
from sptraderb.orchestrator.derive_candles import SOURCES, Change, block_of, derived_facts
from sptraderb.store import candle_import_rows as import_rows
from sptraderb.store.candle_copy import encode_series_rows
from sptraderb.store.candle_import_rows import Applied, SeriesTarget
from sptraderb.store.pool import Connection


class CoarserSpool:
    """Takes the rows of a new series in order and keeps all coarser candles made of them.

    Parameters
    ----------
    instrument : Instrument
        Of the series.
    native : Timeframe
        Of the rows taken.
    """

    def __init__(self, instrument: Instrument, native: Timeframe) -> None:
        self.instrument, self.native = instrument, native
        self._files = ExitStack()
        self.levels: dict[Timeframe, _Level] = {}
        self._first: list[_Level] = []
        for timeframe, sources in SOURCES.items():
            source = next((one for one in sources if one == native or one in self.levels), None)
            if timeframe > native and source is not None:
                level = _Level(timeframe, self._files)
                (self._first if source == native else self.levels[source].coarser).append(level)
                self.levels[timeframe] = level

    def add(self, block: RowBlock) -> None:
        """Take the next rows: sound, ascending, after those taken before."""
        names = (*PRICE_COLUMNS, *(ASK_COLUMNS if self.instrument.side is CandleSide.BOTH else ()))
        columns = {"time_s": block.time_s, "volume": block.volume}
        columns |= dict(zip(names, block.prices, strict=True))
        if len(block):
            bars = Candles.from_columns(columns, instrument=self.instrument, timeframe=self.native)
            for level in self._first:
                level.add(bars)

    def finish(self) -> None:
        """Make the last bar of each timeframe."""
        for level in self._first:
            level.finish()

    def close(self) -> None:
        """Let the files go."""
        self._files.close()


class _Level:
    """One coarser timeframe: the bars made, and the source bars of the bucket that is not full yet."""

    def __init__(self, timeframe: Timeframe, files: ExitStack) -> None:
        self.timeframe = timeframe
        self.coarser: list[_Level] = []
        self.n_rows = 0
        self.first_s = self.last_s = 0
        self._open: Candles | None = None
        self._file = files.enter_context(_unnamed_file())
        self._lengths: list[int] = []

    def add(self, bars: Candles) -> None:
        """Take the next bars of the source."""
        known = bars if self._open is None else joined(self._open, bars)
        length_s = self.timeframe.seconds
        cut = int(known.time_s.searchsorted(known.time_s[-1] // length_s * length_s))
        self._open = known.sliced(cut, len(known))
        if cut:
            self._keep(resample(known.sliced(0, cut), self.timeframe))

    def finish(self) -> None:
        """Make the last bar."""
        if self._open is not None:
            self._keep(resample(self._open, self.timeframe))
            self._open = None
        for level in self.coarser:
            level.finish()

    def _keep(self, made: Candles) -> None:
        self.first_s = self.first_s if self.n_rows else int(made.time_s[0])
        self.last_s = int(made.time_s[-1])
        self.n_rows += len(made)
        block = block_of(made)
        self._lengths.append(len(made))
        self._file.write(_packed(block).tobytes())
        for level in self.coarser:
            level.add(made)

    async def rows(self, n_prices: int, encode: Callable[[RowBlock], bytes]) -> AsyncIterator[bytes]:
        """Yield the bars made as rows of a COPY."""
        self._file.seek(0)
        for length in self._lengths:
            data = self._file.read(8 * length * (2 + n_prices))
            columns = np.frombuffer(data, dtype=np.int64).reshape(2 + n_prices, length)
            yield encode(_unpacked(columns))


async def store_spooled(
    connection: Connection,
    spool: CoarserSpool,
    native: SeriesTarget,
    change: Change,
    *,
    options: ImportOptions,
    on_progress: Callable[[int, int], None],
) -> dict[str, int]:
    """Store what a spool made, with the catalogue and revisions `derive_candles.derive_coarser` would write.

    Parameters
    ----------
    connection : Connection
        In the import's transaction, under the locks of all series from the native one up, of which only the
        native one has rows.
    spool : CoarserSpool
        Finished.
    native : SeriesTarget
        The series imported to.
    change : Change
        What the import brought there.
    options : ImportOptions
        Source and trust, recorded with the derived revisions too.
    on_progress : callable
        Told (series done, series to do).

    Returns
    -------
    dict of str to int
        Rows written by timeframe.
    """
    spool.finish()
    changes = {native.timeframe: change}
    side = spool.instrument.side
    n_prices = 8 if side is CandleSide.BOTH else 4
    for index, (timeframe, level) in enumerate(spool.levels.items()):
        touched = [(source, changes[source]) for source in SOURCES[timeframe] if source in changes]
        series = replace(native, timeframe=timeframe)

        def encode(block: RowBlock, of: SeriesTarget = series) -> bytes:
            return encode_series_rows(
                block, instrument_id=of.instrument_id, revision=change.revision, derived=True
            )

        await import_rows.fill_series(connection, series, level.rows(n_prices, encode), side=side)
        first, last = (datetime.fromtimestamp(time_s, tz=UTC) for time_s in (level.first_s, level.last_s))
        span = import_rows.StageRange(n_rows=level.n_rows, first=first, last=last)
        applied = Applied(n_new=level.n_rows, corrected_lines=[])
        content_hash = await import_rows.save_revision(
            connection, series, span, applied, derived_facts(touched, options)
        )
        changes[timeframe] = Change(
            revision=change.revision, first_s=level.first_s, last_s=level.last_s, content_hash=content_hash
        )
        on_progress(index + 1, len(spool.levels))
    return {timeframe.name: level.n_rows for timeframe, level in spool.levels.items()}


def _unnamed_file() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix="sptraderb-")


def _packed(block: RowBlock) -> Int64Array:
    return np.vstack([block.time_s, block.volume.view(np.int64), block.prices])


def _unpacked(columns: Int64Array) -> RowBlock:
    n_rows = columns.shape[1]
    return RowBlock(
        line=columns[0],
        time_s=columns[0],
        prices=columns[2:],
        volume=columns[1].view(np.float64),
        faults=np.zeros(n_rows, dtype=np.uint8),
        noisy=np.zeros(n_rows, dtype=np.bool_),
    )
