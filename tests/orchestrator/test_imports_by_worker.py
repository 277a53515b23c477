"""Imports sent over HTTP, worked off by real worker processes: whatever dies, a file is imported once."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from sptraderb.candles.import_job import MAX_LOST, ImportJob, ImportState
from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.import_report import ImportReport
from sptraderb.domain.timeframe import H1
from sptraderb.errors import InvalidInput
from sptraderb.orchestrator.import_queue import IMPORT, Upload, cancel_import, submit_import
from sptraderb.store import import_job_rows, jobs
from sptraderb.store.candle_import_rows import lock_series
from sptraderb.store.pool import Pool, transaction
from sptraderb.testing.candle_files import csv_lines, moving_candles
from sptraderb.testing.eventually import eventually
from sptraderb.testing.worker_processes import run_children_of, start_worker

CHILD = "sptraderb.testing.import_child"
N_BARS = 500
LIMIT = 10_000_000
CANCELLED_WITHIN_S = 2.0
BACK_WITHIN_S = 15.0


def _file(n_bars: int = N_BARS) -> bytes:
    return "\n".join(csv_lines(moving_candles(n_bars, timeframe=H1))).encode()


async def _pieces(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def _send(url: str, data: bytes, **options: object) -> ImportJob:
    said = msgspec.convert({"symbol": "EURUSD", "file_name": "sent.csv", **options}, ImportOptions)
    return await submit_import(url, Upload(pieces=_pieces(data), options=said, limit=LIMIT), owner="local")


async def _until(pool: Pool, import_id: UUID, state: ImportState, *, within_s: float = 15.0) -> ImportJob:
    async def _reached() -> ImportJob | None:
        found = await import_job_rows.read_import(pool, import_id, owner="local")
        return found if found.state is state else None

    return await eventually(_reached, within_s=within_s)


async def _counts(pool: Pool) -> tuple[int, int, int]:
    """Return how many candles, chunks and jobs there are."""
    names = ("candles_1h", "candle_import_chunks", "pgqueuer")
    found = [await pool.fetchval(f"SELECT count(*) FROM sptraderb.{name}") for name in names]
    return found[0], found[1], found[2]


def _report(row: ImportJob) -> ImportReport:
    assert row.report is not None
    return msgspec.json.decode(row.report, type=ImportReport)


async def test_import_when_sent_then_a_worker_stores_it_and_keeps_the_report(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """The candles are there, the report is kept, upload, job and file are gone."""
    async with start_worker(database_url, tmp_path, child_module=CHILD):
        sent = await _send(database_url, _file())
        done = await _until(pool, sent.id, ImportState.COMPLETED)
        report = _report(done)
        assert (report.n_kept, report.file, report.symbol, report.unchanged) == (
            N_BARS, "sent.csv", "EURUSD", False,
        )  # fmt: skip
        assert (done.progress, done.phase, done.attempt) == (100, "completed", 1)
        assert await _counts(pool) == (N_BARS, 0, 0)
        assert list((tmp_path / "imports").iterdir()) == []


async def test_import_when_sent_twice_then_the_second_changes_nothing(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """The same file again ends completed and says that nothing changed."""
    async with start_worker(database_url, tmp_path, child_module=CHILD):
        await _until(pool, (await _send(database_url, _file())).id, ImportState.COMPLETED)
        again = await _until(pool, (await _send(database_url, _file())).id, ImportState.COMPLETED)
        assert _report(again).unchanged
        assert await _counts(pool) == (N_BARS, 0, 0)


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: data])
async def test_import_when_packed_and_in_utf16_then_a_worker_unpacks_it(
    pool: Pool, database_url: str, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """An export as MetaTrader writes it, packed or not, is imported as its plain text is; no file stays."""
    async with start_worker(database_url, tmp_path, child_module=CHILD):
        data = pack(_file().decode().encode("utf-16"))
        sent = await _send(database_url, data, symbol=None, file_name="EURUSD_1h.csv.gz")
        report = _report(await _until(pool, sent.id, ImportState.COMPLETED))
        assert (report.n_kept, report.symbol, report.n_refused) == (N_BARS, "EURUSD", 0)
        plain = _report(await _until(pool, (await _send(database_url, _file())).id, ImportState.COMPLETED))
        assert plain.unchanged
        assert list((tmp_path / "imports").iterdir()) == []


async def test_import_when_larger_than_a_chunk_then_whole(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """A file of several chunks arrives in their order."""
    n_bars = 40_000
    async with start_worker(database_url, tmp_path, child_module=CHILD):
        sent = await _send(database_url, _file(n_bars))
        assert (await _counts(pool))[1] in (0, 3)
        assert _report(await _until(pool, sent.id, ImportState.COMPLETED)).n_kept == n_bars


async def test_import_when_the_file_is_bad_then_failed_with_the_code(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """What cannot be imported says why, and leaves nothing."""
    async with start_worker(database_url, tmp_path, child_module=CHILD):
        sent = await _send(database_url, b"this is no table at all\n")
        failed = await _until(pool, sent.id, ImportState.FAILED)
        assert failed.error is not None
        assert (failed.error.code, failed.attempt) == ("import.format_unknown", 1)
        assert await _counts(pool) == (0, 0, 0)


async def test_import_when_the_worker_is_killed_then_nothing_changed_and_another_does_it(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """Kill -9 in the middle: no candle is stored, and the next worker takes the import up again."""
    async with start_worker(database_url, tmp_path, child_module=CHILD) as first:
        async with transaction(pool) as holding:
            await lock_series(holding, "EURUSD", H1)
            sent = await _send(database_url, _file())
            await _until(pool, sent.id, ImportState.RUNNING)
            await first.kill()
            assert (await _counts(pool))[0] == 0
        async with start_worker(database_url, tmp_path, child_module=CHILD):
            done = await _until(pool, sent.id, ImportState.COMPLETED, within_s=BACK_WITHIN_S)
            assert (done.attempt, done.n_lost, _report(done).n_kept) == (2, 1, N_BARS)
            assert await _counts(pool) == (N_BARS, 0, 0)


async def test_import_when_the_worker_stops_then_handed_back_at_no_cost(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """A worker told to stop leaves its import to the next one; no loss is counted."""
    async with start_worker(database_url, tmp_path, child_module=CHILD) as first:
        async with transaction(pool) as holding:
            await lock_series(holding, "EURUSD", H1)
            sent = await _send(database_url, _file())
            await _until(pool, sent.id, ImportState.RUNNING)
            assert await first.stop() == 0
        waiting = await import_job_rows.read_import(pool, sent.id, owner="local")
        assert (waiting.state, waiting.n_lost) == (ImportState.QUEUED, 0)


async def test_import_when_cancelled_while_running_then_cancelled_soon_and_nothing_stored(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """A child that waits for a lock cannot answer; it is ended, and the store stays as it was."""
    async with start_worker(database_url, tmp_path, child_module=CHILD) as worker:
        async with transaction(pool) as holding:
            await lock_series(holding, "EURUSD", H1)
            sent = await _send(database_url, _file())
            await _until(pool, sent.id, ImportState.RUNNING)
            await cancel_import(pool, sent.id, owner="local")
            await _until(pool, sent.id, ImportState.CANCELLED, within_s=CANCELLED_WITHIN_S)
        assert await _counts(pool) == (0, 0, 0)

        async def _childless() -> bool:
            return not run_children_of(worker.pid)

        assert await eventually(_childless)


async def test_import_when_its_worker_is_lost_each_time_then_failed(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """A file that kills its workers is given up after three of them."""
    sent = await _send(database_url, _file())
    for _ in range(MAX_LOST - 1):
        claimed = await import_job_rows.claim_import(pool, sent.id)
        assert claimed is not None
        await import_job_rows.put_back(pool, sent.id, attempt=claimed.attempt, counts_loss=True)
    await import_job_rows.claim_import(pool, sent.id)
    async with start_worker(database_url, tmp_path, child_module=CHILD):
        failed = await _until(pool, sent.id, ImportState.FAILED)
        assert failed.error is not None
        assert (failed.error.code, await _counts(pool)) == ("import.worker_lost", (0, 0, 0))


async def test_import_when_an_older_attempt_ends_then_it_is_fenced(pool: Pool, database_url: str) -> None:
    """Neither progress nor end of an attempt that was taken over reaches the row."""
    sent = await _send(database_url, _file())
    old = await import_job_rows.claim_import(pool, sent.id)
    assert old is not None
    await import_job_rows.put_back(pool, sent.id, attempt=old.attempt, counts_loss=True)
    new = await import_job_rows.claim_import(pool, sent.id)
    assert new is not None
    told = await import_job_rows.write_progress(
        pool, sent.id, attempt=old.attempt, phase="reading", percent=50
    )
    ended = await import_job_rows.end_import(
        pool, sent.id, attempt=old.attempt, state=ImportState.COMPLETED, report=b"{}"
    )
    assert (told, ended) == (None, None)
    assert (await import_job_rows.read_import(pool, sent.id, owner=None)).state is ImportState.RUNNING


async def test_import_when_written_then_progress_and_end_are_those_told(
    pool: Pool, database_url: str
) -> None:
    """Progress has two decimals and never goes back; an import ends when its candles are stored."""
    sent = await _send(database_url, _file())
    claimed = await import_job_rows.claim_import(pool, sent.id)
    assert claimed is not None
    for percent in (22.9, 10.0):
        told = await import_job_rows.write_progress(
            pool, sent.id, attempt=claimed.attempt, phase="reading", percent=percent
        )
        assert told is False
    assert (await import_job_rows.read_import(pool, sent.id, owner=None)).progress == 22.9
    async with transaction(pool) as connection:
        began = await connection.fetchval("SELECT now() FROM pg_sleep(0.01)")
        ended = await import_job_rows.end_import(
            connection, sent.id, attempt=claimed.attempt, state=ImportState.COMPLETED, report=b"{}"
        )
    assert ended is not None
    assert ended.finished_at is not None
    assert ended.finished_at > began


async def test_upload_when_cut_then_nothing_remains(pool: Pool, database_url: str) -> None:
    """An upload that breaks off, in whatever way, leaves neither row nor chunk nor job."""

    async def _breaking() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        raise InvalidInput("import.upload_cut", "told to break")

    upload = Upload(pieces=_breaking(), options=ImportOptions(), limit=LIMIT)
    with pytest.raises(InvalidInput, match="told to break"):
        await submit_import(database_url, upload, owner="local")
    assert await _counts(pool) == (0, 0, 0)
    assert await pool.fetchval("SELECT count(*) FROM sptraderb.candle_imports") == 0


async def test_uploads_when_more_than_may_then_refused_and_free_again(pool: Pool, database_url: str) -> None:
    """Four files are taken in at a time, over all processes; a place is free when its upload ends."""
    gate = asyncio.Event()

    async def _waiting() -> AsyncIterator[bytes]:
        yield b"x"
        await gate.wait()

    slow = [
        asyncio.create_task(
            submit_import(
                database_url, Upload(pieces=_waiting(), options=ImportOptions(), limit=LIMIT), owner="local"
            )
        )
        for _ in range(4)
    ]

    async def _full() -> bool:
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1937011316"
        return bool(await pool.fetchval(held) == 4)

    await eventually(_full)
    with pytest.raises(Exception, match="at most 4 files") as refused:
        await _send(database_url, _file())
    assert getattr(refused.value, "code", "") == "import.too_many_uploads"
    gate.set()
    await asyncio.gather(*slow)
    await _send(database_url, _file())
    assert (await jobs.queue_figures(pool))[IMPORT].queued == 5
