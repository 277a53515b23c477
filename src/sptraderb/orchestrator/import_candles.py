"""Importing a file of candles, step by step.

1. recognise: the first part of the file says its layout            candles/formats/recognise
2. settle:    symbol, side, instrument, price unit, timeframe       candles/import_target
3. clock:     a zone that is stated, documented or said             candles/timezones
4. repeat:    the same bytes and options were imported: nothing     store/candle_import_rows
5. read:      blocks -> checks -> the stage, by binary COPY         candles/row_checks
6. judge:     FX weeks, duplicates, quality, `strict`               import_outcome
7. store:     one transaction: locks, revision, history, rows,
              coarser series, catalogue, report                     store/candle_import_rows, derive_candles
8. refresh:   aggregates of TimescaleDB, after the commit           store/timescale

Steps 1 to 3 are `import_plan`.

Memory is a few blocks whatever the file's size; a file is stored wholly or not at all. A series that is
new takes ascending rows without the stage, and its coarser candles are made on the way (`coarser_spool`),
which halves the work; the result is the same, byte for byte.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from sptraderb.candles.check import SeriesMeter
from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.import_report import ImportReport
from sptraderb.candles.row_block import RowBlock
from sptraderb.candles.row_checks import RowChecker
from sptraderb.candles.row_faults import RowFault
from sptraderb.domain.timeframe import STORED
from sptraderb.errors import Conflict
from sptraderb.orchestrator.aggregated_candles import aggregate_coarser, store_aggregated
from sptraderb.orchestrator.coarser_spool import CoarserSpool, store_spooled
from sptraderb.orchestrator.derive_candles import Change, derive_coarser, derive_released
from sptraderb.orchestrator.import_outcome import (
    checked_weeks,
    draft_report,
    finished_report,
    require_rows,
    week_notes,
)
from sptraderb.orchestrator.import_plan import ImportPlan, plan_import
from sptraderb.orchestrator.import_reading import FileReading, OutOfOrderError, Progress
from sptraderb.store import candle_import_rows as import_rows
from sptraderb.store.adopted_relations import has_adopted, release_series, require_own
from sptraderb.store.candle_copy import encode_rows, encode_series_rows
from sptraderb.store.candle_import_rows import Applied, Duplicates, RevisionFacts, SeriesTarget, StageRange
from sptraderb.store.instrument_rows import has_candles, save_instrument
from sptraderb.store.pool import Connection, Pool
from sptraderb.store.timescale import keeps_aggregates, refresh_aggregates

_HASH_BYTES = 4 * 2**20

OnStored = Callable[[Connection, ImportReport], Awaitable[None]]


async def import_candles(
    pool: Pool,
    path: Path,
    *,
    options: ImportOptions | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    on_stored: OnStored | None = None,
) -> ImportReport:
    """Import one file.

    Parameters
    ----------
    pool : Pool
        The database.
    path : Path
        The file.
    options : ImportOptions, optional
        What the file itself does not say.
    on_progress : callable, optional
        Told (phase, done, total): ``reading`` counts bytes, ``checking``, ``storing``, ``deriving`` steps.
    should_stop : callable, optional
        Asked after each block; true leaves everything as it was.
    on_stored : callable, optional
        Called with the report at the end of the transaction that stores a revision, which it may break.

    Returns
    -------
    ImportReport
        What became of every row.

    Raises
    ------
    InvalidInput
        The file cannot be read as asked: ``import.*``, ``timeframe.unknown``, ``instrument.unknown``.
    Conflict
        ``import.side_differs``, ``import.instrument_differs``, ``import.series_adopted``,
        ``import.cancelled``.
    CandlesUnusable
        ``import.nothing_kept``, ``import.imperfect``.
    """
    job = _Import(pool, on_progress or _silent, should_stop or _never, on_stored)
    plan = await plan_import(pool, path, options or ImportOptions())
    if not plan.options.own:
        await require_own(pool, plan.symbol, plan.timeframe)
    file_hash = await asyncio.to_thread(_file_hash, path)
    earlier = await job.find_earlier(plan, file_hash)
    report = earlier or await job.run(plan, file_hash)
    await refresh_aggregates(pool)
    return report


def _silent(phase: str, done: int, total: int) -> None:
    """Take progress and say nothing."""


def _never() -> bool:
    return False


def _file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


class _Import:
    """One import: the parts it needs and the steps."""

    def __init__(
        self,
        pool: Pool,
        on_progress: Progress,
        should_stop: Callable[[], bool],
        on_stored: OnStored | None,
    ) -> None:
        self._pool, self._on_progress, self._should_stop = pool, on_progress, should_stop
        self._on_stored = on_stored
        self._is_released = False
        self._spool: CoarserSpool | None = None

    async def find_earlier(self, plan: ImportPlan, file_hash: str) -> ImportReport | None:
        """Return the report of an earlier import of the same file with the same options (step 4)."""
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                held = await import_rows.lock_instrument(connection, plan.symbol, to_change=False)
            if held is None:
                return None
            earlier = await import_rows.find_import(
                connection, held[0], plan.timeframe, file_hash=file_hash, options_hash=plan.options.digest
            )
        if earlier is None or earlier[1] is None:
            return None
        report = msgspec.json.decode(earlier[1], type=ImportReport)
        note = f"the same file was imported with the same options as revision {earlier[0]}"
        return replace(
            report, file=plan.head.name, unchanged=True, revision=None, notes=(*report.notes, note)
        )

    async def run(self, plan: ImportPlan, file_hash: str) -> ImportReport:
        """Read, judge and store a file (steps 5 to 7)."""
        async with self._pool.acquire() as connection:
            await import_rows.create_stage(connection)
            try:
                if not await import_rows.has_series(connection, plan.symbol, plan.timeframe):
                    with contextlib.suppress(OutOfOrderError):
                        return await self._store_directly(connection, plan, file_hash)
                    self._drop_spool()
                return await self._store_by_stage(connection, plan, file_hash)
            finally:
                self._drop_spool()
                await import_rows.drop_stage(connection)

    async def _store_directly(self, connection: Connection, plan: ImportPlan, file_hash: str) -> ImportReport:
        """Copy a file that ascends straight into a series that is new; everything in one transaction."""
        async with connection.transaction():
            series, revision = await self._begin(connection, plan)
            if await import_rows.has_series(connection, plan.symbol, plan.timeframe):
                raise OutOfOrderError
            spool = await self._open_spool(connection, plan)

            def encode(block: RowBlock) -> bytes:
                if spool is not None and reading.checker.is_ascending:
                    spool.add(block)
                return encode_series_rows(block, instrument_id=series.instrument_id, revision=revision)

            reading = FileReading(plan, encode, needs_order=True)
            rows = reading.rows(self._on_progress, self._should_stop)
            await import_rows.fill_series(connection, series, rows, side=plan.settled.instrument.side)
            self._on_progress("checking", 0, 1)
            checker = reading.checker
            span = import_rows.span_of(checker.n_kept, checker.first_s, checker.last_s)
            draft = _judged(reading, reading.meter, span, Duplicates(equal_lines=[], conflicting_lines=[]))
            self._on_progress("checking", 1, 1)
            self._on_progress("storing", 1, 1)
            applied = Applied(n_new=span.n_rows, corrected_lines=[])
            return await self._record(
                connection, reading, draft, (series, span, applied, revision), file_hash
            )

    async def _store_by_stage(self, connection: Connection, plan: ImportPlan, file_hash: str) -> ImportReport:
        """Bring a file into the stage, put its rows in order there, and move them into the series."""
        reading = FileReading(plan, encode_rows)
        rows = reading.rows(self._on_progress, self._should_stop)
        await import_rows.fill_stage(connection, rows, side=plan.settled.instrument.side)
        self._on_progress("checking", 0, 1)
        doubles = await _judge_order(connection, reading.checker)
        span = await import_rows.read_stage_range(connection)
        is_ordered = reading.checker.is_ascending
        meter = reading.meter if is_ordered else await _measured_again(connection, plan)
        draft = _judged(reading, meter, span, doubles)
        self._on_progress("checking", 1, 1)
        self._on_progress("storing", 0, 1)
        async with connection.transaction():
            series, revision = await self._begin(connection, plan)
            applied = await import_rows.apply_stage(
                connection, series, span, revision=revision, derived=False
            )
            self._on_progress("storing", 1, 1)
            if not applied.changed:
                if applied.n_promoted:
                    await import_rows.add_natives(connection, series, applied.n_promoted)
                return finished_report(draft, applied, revision=None, derived={})
            return await self._record(
                connection, reading, draft, (series, span, applied, revision), file_hash
            )

    async def _begin(self, connection: Connection, plan: ImportPlan) -> tuple[SeriesTarget, int]:
        """Take the locks of all series the import may change and give it a revision number."""
        instrument_id = await _hold_instrument(connection, plan)
        finest = 0 if await keeps_aggregates(connection) else STORED.index(plan.timeframe)
        for timeframe in STORED[finest:]:
            await import_rows.lock_series(connection, plan.symbol, timeframe)
        if not plan.options.own:
            await require_own(connection, plan.symbol, plan.timeframe)
        series = SeriesTarget(instrument_id=instrument_id, timeframe=plan.timeframe)
        self._is_released = await release_series(connection, instrument_id, plan.timeframe)
        return series, await import_rows.next_revision(connection)

    async def _record(
        self,
        connection: Connection,
        reading: FileReading,
        draft: ImportReport,
        stored: tuple[SeriesTarget, StageRange, Applied, int],
        file_hash: str,
    ) -> ImportReport:
        """Write catalogue and revision, derive coarser series, keep the report."""
        series, span, applied, revision = stored
        options = reading.plan.options
        facts = RevisionFacts(
            revision=revision,
            content=reading.content,
            derived_from=None,
            file_hash=file_hash,
            options=options,
        )
        content_hash = await import_rows.save_revision(connection, series, span, applied, facts)
        derived = await self._derive(connection, reading, stored, content_hash)
        if self._is_released:
            await derive_released(connection, reading.plan.settled.instrument, series, options=options)
        report = finished_report(draft, applied, revision=revision, derived=derived)
        await import_rows.save_report(connection, series, revision, msgspec.json.encode(report).decode())
        if self._on_stored is not None:
            await self._on_stored(connection, report)
        return report

    async def _derive(
        self,
        connection: Connection,
        reading: FileReading,
        stored: tuple[SeriesTarget, StageRange, Applied, int],
        content_hash: str,
    ) -> dict[str, int]:
        series, span, applied, revision = stored
        touched: tuple[datetime | None, datetime | None] = (span.first, span.last)
        if applied.n_new != span.n_rows:
            touched = await import_rows.read_changed_range(connection, series, span, revision=revision)
        low, high = (int(moment.timestamp()) for moment in touched if moment is not None)
        change = Change(revision=revision, first_s=low, last_s=high, content_hash=content_hash)

        def on_progress(done: int, total: int) -> None:
            self._on_progress("deriving", done, total)

        options, instrument = reading.plan.options, reading.plan.settled.instrument
        if await aggregate_coarser(connection, series, change):
            return {}
        if self._spool is not None:
            return await store_spooled(
                connection, self._spool, series, change, options=options, on_progress=on_progress
            )
        written = await derive_coarser(
            connection, instrument, series, change, options=options, on_progress=on_progress
        )
        await store_aggregated(connection, instrument, series.instrument_id, options=options)
        return written

    async def _open_spool(self, connection: Connection, plan: ImportPlan) -> CoarserSpool | None:
        """Return what makes coarser candles on the way, where none is stored yet and nothing is adopted."""
        for timeframe in STORED[STORED.index(plan.timeframe) + 1 :]:
            if await import_rows.has_series(connection, plan.symbol, timeframe):
                return None
        if await has_adopted(connection, plan.symbol) or await keeps_aggregates(connection):
            return None
        self._spool = CoarserSpool(plan.settled.instrument, plan.timeframe)
        return self._spool

    def _drop_spool(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None


def _judged(reading: FileReading, meter: SeriesMeter, span: StageRange, doubles: Duplicates) -> ImportReport:
    """Return the report of a file whose zone and rows hold, or refuse it (step 6)."""
    plan, checker = reading.plan, reading.checker
    fit = checked_weeks(plan, checker)
    require_rows(plan, checker, doubles, span)
    quality = meter.report(n_refused=checker.tally.n_refused, notes=week_notes(plan, checker, fit))
    return draft_report(plan, checker, span, doubles, quality)


async def _judge_order(connection: Connection, checker: RowChecker) -> Duplicates:
    """Count and remove rows that repeat a time."""
    if checker.is_ascending:
        return Duplicates(equal_lines=[], conflicting_lines=[])
    doubles = await import_rows.drop_duplicates(connection)
    checker.tally.add_counted("duplicate", doubles.n_equal, doubles.equal_lines)
    checker.tally.add_counted(RowFault.CONFLICT.word, doubles.n_conflicting, doubles.conflicting_lines)
    return doubles


async def _measured_again(connection: Connection, plan: ImportPlan) -> SeriesMeter:
    """Return the figures of a file whose rows were not in order, from the stage, which can be read so."""
    columns = await import_rows.read_stage_bars(connection)
    meter = SeriesMeter(plan.settled.instrument, plan.timeframe)
    meter.add(columns[0], np.ascontiguousarray(columns[1:5]))
    return meter


async def _hold_instrument(connection: Connection, plan: ImportPlan) -> int:
    """Return the instrument's row id, written if needed, and keep others from changing it."""
    wanted = plan.settled.instrument
    changed = plan.settled.changed
    held = await import_rows.lock_instrument(connection, plan.symbol, to_change=changed)
    if held is not None and held[1] == wanted:
        return held[0]
    if held is not None and (not changed or await has_candles(connection, plan.symbol)):
        raise Conflict(
            "import.instrument_differs",
            f"the instrument of {plan.symbol} must stay the same during an import, another import changed it",
            hint="import the file again",
            symbol=plan.symbol,
        )
    return await save_instrument(connection, wanted)
