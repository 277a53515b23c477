"""Importing a file of candles, step by step.

1. recognise: the first part of the file says its layout            candles/formats/recognise
2. settle:    symbol, side, instrument, price unit, timeframe       candles/import_target
3. repeat:    the same bytes and options were imported: nothing     store/candle_import_rows
4. clock:     a zone that is stated, documented or said             candles/timezones
5. read:      blocks -> checks -> the stage, by binary COPY         candles/row_checks, store/candle_import_rows
6. judge:     FX weeks, duplicates, quality, `strict`               here
7. store:     one transaction: locks, revision, history, rows,
              coarser series, catalogue, report                     store/candle_import_rows, derive_candles

Memory is a few blocks whatever the file's size; a file is stored wholly or not at all.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from sptraderb.candles.check import SeriesMeter
from sptraderb.candles.file_name import NameFacts, read_file_name
from sptraderb.candles.formats.file_head import FileHead, read_head
from sptraderb.candles.formats.recognise import recognise
from sptraderb.candles.formats.table_layout import Recognised
from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.import_report import ImportReport
from sptraderb.candles.import_target import (
    Settled,
    choose_side,
    choose_symbol,
    choose_timeframe,
    price_decimals,
    settle_instrument,
)
from sptraderb.candles.row_block import RowBlock
from sptraderb.candles.row_checks import FLAT_WEEKEND, NOISE, LineTally, RowChecker
from sptraderb.candles.row_faults import RowFault
from sptraderb.candles.timezones import LocalHours, WeekFit, Zone, parse_zone
from sptraderb.domain.calendar import CalendarName
from sptraderb.domain.candle import QualityReport
from sptraderb.domain.instrument import CandleSide
from sptraderb.domain.timeframe import STORED, Timeframe
from sptraderb.errors import CandlesUnusable, Conflict, InvalidInput
from sptraderb.orchestrator.derive_candles import Change, derive_coarser
from sptraderb.store import candle_import_rows as import_rows
from sptraderb.store.candle_copy import encode_rows
from sptraderb.store.candle_import_rows import Applied, Duplicates, RevisionFacts, SeriesTarget, StageRange
from sptraderb.store.instrument_rows import find_instrument, has_candles, save_instrument
from sptraderb.store.pool import Connection, Pool

Progress = Callable[[str, int, int], None]
_MAX_BLOCKS_FOR_ZONE = 64
_HASH_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """Everything settled before the first row is stored.

    Parameters
    ----------
    path, head : Path, FileHead
        The file.
    recognised : Recognised
        Its layout.
    settled : Settled
        Its instrument.
    timeframe : Timeframe
        Of its rows.
    zone, zone_reason : Zone, str
        Its clock, and how that is known.
    decimals : int
        Decimals of the file's price unit one tick has.
    notes : tuple of str
        Sentences for the report.
    options : ImportOptions
        As given, with the source filled in.
    """

    path: Path
    head: FileHead
    recognised: Recognised
    settled: Settled
    timeframe: Timeframe
    zone: Zone
    zone_reason: str
    decimals: int
    notes: tuple[str, ...]
    options: ImportOptions

    @property
    def symbol(self) -> str:
        """Symbol of the series."""
        return self.settled.instrument.symbol

    def blocks(self) -> Iterator[RowBlock]:
        """Return the file's rows from the start."""
        return self.recognised.read_blocks(self.path, self.decimals)


async def import_candles(
    pool: Pool,
    path: Path,
    *,
    options: ImportOptions | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
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

    Returns
    -------
    ImportReport
        What became of every row.

    Raises
    ------
    InvalidInput
        The file cannot be read as asked: ``import.*``, ``timeframe.unknown``, ``instrument.unknown``.
    Conflict
        ``import.side_differs``, ``import.instrument_differs``, ``import.cancelled``.
    CandlesUnusable
        ``import.nothing_kept``, ``import.imperfect``.
    """
    job = _Import(pool, on_progress or _silent, should_stop or _never)
    plan = await job.plan(path, options or ImportOptions())
    file_hash = await asyncio.to_thread(_file_hash, path)
    earlier = await job.find_earlier(plan, file_hash)
    return earlier or await job.run(plan, file_hash)


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

    def __init__(self, pool: Pool, on_progress: Progress, should_stop: Callable[[], bool]) -> None:
        self._pool, self._on_progress, self._should_stop = pool, on_progress, should_stop

    async def plan(self, path: Path, options: ImportOptions) -> ImportPlan:
        """Return what is to be done with a file (steps 1, 2 and 4)."""
        head = await asyncio.to_thread(read_head, path, name=options.file_name or None)
        found = await asyncio.to_thread(recognise, head, forced=options.format, date_order=options.date_order)
        name = read_file_name(head.name)
        settled = await self._settle(options, found, name)
        decimals, unit_notes = price_decimals(settled.instrument, found, options.price_factor)
        first = await asyncio.to_thread(lambda: next(found.read_blocks(path, decimals), None))
        readable = None if first is None else first.time_s[first.faults != RowFault.TIME]
        if readable is None or len(readable) == 0:
            raise InvalidInput("import.nothing_readable", f"a file must hold rows with times, {head.name} has none")
        timeframe = choose_timeframe(options, found, name, readable)
        zone, reason = _stated_zone(options, found)
        plan = ImportPlan(
            path=path, head=head, recognised=found, settled=settled, timeframe=timeframe,
            zone=zone or parse_zone("UTC"), zone_reason=reason, decimals=decimals,
            notes=(*settled.notes, *unit_notes), options=replace(options, source=options.source or head.name),
        )  # fmt: skip
        if zone is None:
            fitting = await asyncio.to_thread(_fitting_zones, plan)
            return replace(plan, zone=_only_zone(fitting, options), zone_reason="the only one the FX weeks fit")
        return plan

    async def _settle(self, options: ImportOptions, found: Recognised, name: NameFacts) -> Settled:
        symbol, side = choose_symbol(options, found, name), choose_side(options, found, name)
        try:
            return await self._settle_symbol(symbol, side, options, found)
        except Conflict as error:
            other = error.context.get("suggested")
            if options.symbol is not None or not isinstance(other, str):
                raise
            settled = await self._settle_symbol(other, side, options, found)
            note = f"{symbol} holds prices of another side, so these candles go to {other}"
            return replace(settled, notes=(*settled.notes, note))

    async def _settle_symbol(
        self, symbol: str, side: CandleSide | None, options: ImportOptions, found: Recognised
    ) -> Settled:
        known = await find_instrument(self._pool, symbol)
        return settle_instrument(
            symbol,
            side,
            known=known,
            is_stored=known is not None and await has_candles(self._pool, symbol),
            facts=options.instrument,
            decimals=found.decimals,
        )

    async def find_earlier(self, plan: ImportPlan, file_hash: str) -> ImportReport | None:
        """Return the report of an earlier import of the same file with the same options (step 3)."""
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
        return replace(report, file=plan.head.name, unchanged=True, revision=None, notes=(*report.notes, note))

    async def run(self, plan: ImportPlan, file_hash: str) -> ImportReport:
        """Read, judge and store a file (steps 5 to 7)."""
        checker = RowChecker(instrument=plan.settled.instrument, timeframe=plan.timeframe, zone=plan.zone)
        meter = SeriesMeter(plan.settled.instrument, plan.timeframe)
        content = hashlib.sha256(_facts_of(plan))
        async with self._pool.acquire() as connection:
            await import_rows.create_stage(connection)
            try:
                rows = self._stage(plan, checker, meter, content)
                await import_rows.fill_stage(connection, rows, side=plan.settled.instrument.side)
                self._on_progress("checking", 0, 1)
                fit = _checked_weeks(plan, checker)
                doubles = await _judge_order(connection, checker)
                span = await import_rows.read_stage_range(connection)
                _require_rows(plan, checker, doubles, span)
                if not checker.is_ascending:
                    meter = await _measured_again(connection, plan)
                quality = meter.report(n_refused=checker.tally.n_refused, notes=_week_notes(plan, fit))
                self._on_progress("checking", 1, 1)
                draft = _draft_report(plan, checker, span, doubles, quality)
                return await self._store(connection, plan, draft, span, file_hash, content.hexdigest())
            finally:
                await import_rows.drop_stage(connection)

    async def _stage(
        self, plan: ImportPlan, checker: RowChecker, meter: SeriesMeter, content: "hashlib._Hash"
    ) -> AsyncIterator[bytes]:
        """Yield the sound rows of a file as bytes of a COPY; parsing runs beside the database's work."""
        size = max(1, plan.path.stat().st_size)
        done = 0
        blocks = plan.blocks()

        def next_rows() -> tuple[bytes, int] | None:
            block = next(blocks, None)
            if block is None:
                return None
            kept = checker.check(block)
            if checker.is_ascending:
                meter.add(kept.time_s, kept.prices)
            rows = encode_rows(kept.line, kept.time_s, kept.prices, kept.volume)
            content.update(rows)
            return rows, block.n_bytes

        while (result := await asyncio.to_thread(next_rows)) is not None:
            rows, n_bytes = result
            done += n_bytes
            self._on_progress("reading", min(done, size), size)
            if self._should_stop():
                raise Conflict("import.cancelled", "an import runs to its end unless it is cancelled, it was")
            if rows:
                yield rows
        self._on_progress("reading", size, size)

    async def _store(
        self, connection: Connection, plan: ImportPlan, draft: ImportReport, span: StageRange, file_hash: str,
        content: str,
    ) -> ImportReport:  # fmt: skip
        """Move the stage into the series, all or nothing (step 7)."""
        self._on_progress("storing", 0, 1)
        async with connection.transaction():
            instrument_id = await _hold_instrument(connection, plan)
            for timeframe in STORED[STORED.index(plan.timeframe) :]:
                await import_rows.lock_series(connection, plan.symbol, timeframe)
            series = SeriesTarget(instrument_id=instrument_id, timeframe=plan.timeframe)
            revision = await import_rows.next_revision(connection)
            applied = await import_rows.apply_stage(connection, series, span, revision=revision, derived=False)
            self._on_progress("storing", 1, 1)
            if not applied.changed:
                if applied.n_promoted:
                    await import_rows.add_natives(connection, series, applied.n_promoted)
                return _finished_report(draft, applied, revision=None, derived={})
            facts = RevisionFacts(
                revision=revision, content=content, derived_from=None, file_hash=file_hash, options=plan.options
            )
            content_hash = await import_rows.save_revision(connection, series, span, applied, facts)
            derived = await self._derive(connection, plan, series, span, revision, content_hash)
            report = _finished_report(draft, applied, revision=revision, derived=derived)
            await import_rows.save_report(connection, series, revision, msgspec.json.encode(report).decode())
            return report

    async def _derive(
        self, connection: Connection, plan: ImportPlan, series: SeriesTarget, span: StageRange, revision: int,
        content_hash: str,
    ) -> dict[str, int]:  # fmt: skip
        touched = await import_rows.read_changed_range(connection, series, span, revision=revision)
        assert touched is not None
        low, high = (int(moment.timestamp()) for moment in touched)
        return await derive_coarser(
            connection,
            plan.settled.instrument,
            series,
            Change(first_s=low, last_s=high, content_hash=content_hash),
            revision=revision,
            options=plan.options,
            on_progress=lambda done, total: self._on_progress("deriving", done, total),
        )


def _facts_of(plan: ImportPlan) -> bytes:
    instrument = plan.settled.instrument
    return f"{plan.symbol}|{plan.timeframe}|{instrument.price_scale}|{instrument.side}|".encode()


def _stated_zone(options: ImportOptions, found: Recognised) -> tuple[Zone | None, str]:
    """Return the zone somebody states, and how it is known."""
    if options.timezone and options.timezone.lower() != "auto":
        return parse_zone(options.timezone), "as said"
    return found.zone, found.zone_reason


def _fitting_zones(plan: ImportPlan) -> list[Zone]:
    """Return the zones in which a file's weeks are FX weeks, looking at no more than its first part."""
    if plan.settled.instrument.calendar is not CalendarName.FX:
        return []
    hours = LocalHours()
    for index, block in enumerate(plan.blocks()):
        moving = block.prices[1] != block.prices[2]
        hours.add(block.time_s[(block.faults == 0) & moving])
        if index >= _MAX_BLOCKS_FOR_ZONE:
            break
    return hours.fitting()


def _only_zone(fitting: list[Zone], options: ImportOptions) -> Zone:
    if len(fitting) == 1 and (options.timezone or "").lower() == "auto":
        return fitting[0]
    names = [zone.name for zone in fitting]
    would = f"the FX weeks of the file fit {' or '.join(names)}" if names else "nothing in the file proves one"
    raise InvalidInput(
        "import.timezone_needed",
        f"the time zone of the file's times must be known, {would}",
        hint=f"say --timezone {names[0] if names else 'UTC'}",
        fitting=names,
    )


def _checked_weeks(plan: ImportPlan, checker: RowChecker) -> WeekFit | None:
    """Refuse a zone in which too many bars lie in the FX weekend."""
    if plan.settled.instrument.calendar is not CalendarName.FX:
        return None
    fit = checker.hours.fit(plan.zone)
    if not fit.contradicts or plan.options.trust_timezone:
        return fit
    names = [zone.name for zone in checker.hours.fitting()]
    would = f"the zone that would fit is {' or '.join(names)}" if names else "no known zone fits"
    raise InvalidInput(
        "import.timezone_wrong",
        f"no bar may lie between Friday and Sunday 17:00 New York, in {plan.zone.name} {fit.n_closed:,} of "
        f"{fit.n_bars:,} do; {would}",
        hint=f"say --timezone {names[0]}" if names else "say --trust-timezone to take it all the same",
        fitting=names,
    )


def _week_notes(plan: ImportPlan, fit: WeekFit | None) -> tuple[str, ...]:
    if fit is None:
        return ()
    if fit.contradicts:
        return (f"{fit.n_closed:,} bars lie in the FX weekend; the zone was taken as said",)
    late_s = fit.late_open_s
    if late_s is not None and late_s >= 3600:
        return (f"weeks begin {late_s // 3600} h after Sunday 17:00 New York",)
    return ()


async def _judge_order(connection: Connection, checker: RowChecker) -> Duplicates:
    """Count and remove rows that repeat a time."""
    if checker.is_ascending:
        return Duplicates(equal_lines=[], conflicting_lines=[])
    doubles = await import_rows.drop_duplicates(connection)
    checker.tally.add_counted("duplicate", doubles.n_equal, doubles.equal_lines)
    checker.tally.add_counted(RowFault.CONFLICT.word, doubles.n_conflicting, doubles.conflicting_lines)
    return doubles


def _require_rows(plan: ImportPlan, checker: RowChecker, doubles: Duplicates, span: StageRange) -> None:
    tally = checker.tally
    found = ", ".join(f"{row.count:,} {row.code}" for row in tally.rows()) or "no rows"
    if span.n_rows == 0:
        main = tally.rows()[0].sentence if tally.rows() else ""
        raise CandlesUnusable(
            "import.nothing_kept",
            f"a file must hold at least one sound candle, {plan.head.name} has {found}",
            hint=main,
            rows=[(row.code, row.count, row.lines) for row in tally.rows()],
        )
    if plan.options.strict and tally.counts:
        places = "; ".join(f"{row.code} at lines {', '.join(map(str, row.lines))}" for row in tally.rows())
        raise CandlesUnusable(
            "import.imperfect",
            f"every row of a strict import must be sound, {plan.head.name} has {found}",
            hint=places,
            rows=[(row.code, row.count, row.lines) for row in tally.rows()],
        )


async def _measured_again(connection: Connection, plan: ImportPlan) -> SeriesMeter:
    """Return the figures of a file whose rows were not in order, from the stage, which can be read so."""
    columns = await import_rows.read_stage_bars(connection)
    meter = SeriesMeter(plan.settled.instrument, plan.timeframe)
    meter.add(columns[0], np.ascontiguousarray(columns[1:5]))
    return meter


def _draft_report(
    plan: ImportPlan, checker: RowChecker, span: StageRange, doubles: Duplicates, quality: QualityReport
) -> ImportReport:
    tally = checker.tally
    return ImportReport(
        file=plan.head.name,
        format=plan.recognised.format,
        symbol=plan.symbol,
        timeframe=plan.timeframe.name,
        side=str(plan.settled.instrument.side),
        timezone=plan.zone.name,
        timezone_reason=plan.zone_reason,
        revision=None,
        unchanged=True,
        instrument_inferred=plan.settled.inferred,
        n_read=checker.n_read,
        n_kept=span.n_rows,
        n_duplicate=doubles.n_equal,
        n_corrected=0,
        n_refused=tally.n_refused,
        n_flat_weekend=tally.counts[FLAT_WEEKEND],
        n_noise=tally.counts[NOISE],
        n_skipped=checker.n_skipped,
        n_new=0,
        n_equal=0,
        rows=tally.rows(),
        first_s=None if span.first is None else int(span.first.timestamp()),
        last_s=None if span.last is None else int(span.last.timestamp()),
        quality=quality,
        notes=plan.notes,
    )


def _finished_report(
    draft: ImportReport, applied: Applied, *, revision: int | None, derived: dict[str, int]
) -> ImportReport:
    tally = LineTally()
    tally.add_counted("corrected", applied.n_corrected, applied.corrected_lines)
    n_equal = applied.n_equal
    return replace(
        draft,
        revision=revision,
        unchanged=revision is None,
        n_new=draft.n_kept - n_equal - applied.n_corrected,
        n_equal=n_equal,
        n_corrected=applied.n_corrected,
        rows=(*draft.rows, *tally.rows()),
        derived=derived,
    )


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
