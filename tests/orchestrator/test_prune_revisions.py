"""Pruning what corrections replaced: what a stored run was computed from stays, and can be replayed."""

import uuid
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from sptraderb.cli.candles_command import prune_lines
from sptraderb.domain.backtest import BacktestRequest, Run, RunState
from sptraderb.domain.candle import Candles
from sptraderb.domain.timeframe import H1, H4, Timeframe
from sptraderb.errors import CandlesUnusable
from sptraderb.orchestrator import queue
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.store import run_rows
from sptraderb.store.candle_rows import list_revisions, read_candles
from sptraderb.store.pool import Pool
from sptraderb.store.revision_pins import pin_revision, prune_revisions
from sptraderb.store.run_rows import insert_run
from sptraderb.testing.candle_files import csv_lines, moving_candles, write_lines
from sptraderb.testing.eventually import eventually
from sptraderb.testing.run_requests import build_request
from sptraderb.testing.worker_processes import start_worker

VERSIONS = [moving_candles(900, timeframe=H1, seed=seed) for seed in (1, 2, 3, 4)]
NOW = timedelta()
STRATEGY = """\
name: crossover
indicators:
  fast: sma(close, 5)
  slow: sma(close, 20)
entry:
  long:
    when: crosses_above(fast, slow)
    size: 50%
exit:
  stop_loss: 0.2%
"""


async def _import(pool: Pool, folder: Path, version: int) -> int:
    """Import one of the versions; return its revision."""
    path = write_lines(folder / f"EURUSD_1h_{version}.csv", csv_lines(VERSIONS[version]))
    report = await import_candles(pool, path)
    assert report.revision is not None
    return report.revision


async def _age(pool: Pool, days: int) -> None:
    """Let all that has happened have happened earlier."""
    await pool.execute(
        "UPDATE sptraderb.candle_revisions SET created_at = created_at - $1::interval", timedelta(days=days)
    )


async def _closes(pool: Pool, timeframe: Timeframe, revision: int) -> Candles:
    return await read_candles(pool, "EURUSD", timeframe, revision=revision)


def _request() -> BacktestRequest:
    return build_request(
        strategy_name="", strategy_text=STRATEGY, symbols=("EURUSD",), parameters={}, timeframe="1h",
        start_s=int(VERSIONS[0].time_s[100]), end_s=int(VERSIONS[0].time_s[800]), initial_capital="100000",
    )  # fmt: skip


async def _ended(pool: Pool, run: Run) -> Run:
    async def _final() -> Run | None:
        found = await run_rows.read_run(pool, run.id, owner="local")
        return found if found.state.is_final else None

    return await eventually(_final, within_s=60.0)


async def test_history_when_pruned_then_pinned_revisions_are_as_they_were_and_the_rest_is_gone(
    pool: Pool, tmp_path: Path
) -> None:
    """Of four revisions the second is pinned: it and the current one can be read, at every timeframe."""
    revisions = [await _import(pool, tmp_path, version) for version in range(4)]
    before = {
        (timeframe, revision): await _closes(pool, timeframe, revision)
        for timeframe in (H1, H4)
        for revision in revisions
    }
    async with pool.acquire() as connection:
        run = await insert_run(connection, uuid.uuid4(), _request(), owner="local")
        await pin_revision(connection, "EURUSD", revisions[1], run_id=run.id)
    await _age(pool, 2)
    pruned = await prune_revisions(pool, keep=NOW)
    assert (pruned[0].timeframe, pruned[0].n_rows, pruned[0].n_kept) == ("1h", 1_800, 900)
    assert pruned[0].revisions == (revisions[0], revisions[2])
    for timeframe in (H1, H4):
        for revision in (revisions[1], revisions[3]):
            now = await _closes(pool, timeframe, revision)
            assert np.array_equal(now.close_ticks, before[timeframe, revision].close_ticks)
            assert np.array_equal(now.volume, before[timeframe, revision].volume)
        for revision in (revisions[0], revisions[2]):
            with pytest.raises(CandlesUnusable) as caught:
                await _closes(pool, timeframe, revision)
            assert caught.value.code == "candles.revision_pruned"
    rows = await list_revisions(pool, "EURUSD", H1)
    assert [(row.revision, row.pinned, row.pruned) for row in rows[::-1]] == [
        (revisions[0], False, True), (revisions[1], True, False),
        (revisions[2], False, True), (revisions[3], False, False),
    ]  # fmt: skip
    assert all(row.report for row in rows)
    assert prune_lines(pruned)[0] == (
        f"EURUSD 1h: 1,800 replaced candles deleted, 900 kept, revisions {revisions[0]}, {revisions[2]} "
        "cannot be read any more"
    )
    again = await prune_revisions(pool, keep=NOW)
    assert [one.n_rows for one in again] == [0, 0, 0]


async def test_run_when_history_is_pruned_then_its_replay_reads_what_it_read(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """A stored run pins its revision; after corrections and pruning its replay has the same digest."""
    first = await _import(pool, tmp_path, 0)
    async with start_worker(database_url, tmp_path, child_module="sptraderb.orchestrator.child"):
        done = await _ended(pool, await queue.submit(pool, _request(), owner="local"))
        assert done.state is RunState.COMPLETED, done.error
        later = [await _import(pool, tmp_path, version) for version in (1, 2)]
        await _age(pool, 40)
        pruned = await prune_revisions(pool, keep=timedelta(days=30), symbol="EURUSD")
        assert pruned[0].revisions == (later[0],)
        again = await _ended(pool, await queue.replay(pool, done.id, owner="local"))
        assert (again.state, again.digest) == (RunState.COMPLETED, done.digest)
        newer = await _ended(pool, await queue.submit(pool, _request(), owner="local"))
        assert newer.digest != done.digest
        for run in (done, again):
            await run_rows.delete_run(pool, run.id, owner="local")
        gone = await prune_revisions(pool, keep=timedelta(days=30))
    assert gone[0].revisions == (first,)
    assert await pool.fetchval("SELECT count(*) FROM sptraderb.candle_history") == 0


async def test_history_when_recent_then_kept_whatever_is_asked(pool: Pool, tmp_path: Path) -> None:
    """What was current within the last hour, or within the days asked for, may be read by somebody now."""
    revisions = [await _import(pool, tmp_path, version) for version in (0, 1)]
    assert [one.n_rows for one in await prune_revisions(pool, keep=NOW)] == [0, 0, 0]
    await _age(pool, 10)
    assert [one.n_rows for one in await prune_revisions(pool, keep=timedelta(days=11))] == [0, 0, 0]
    old = await _closes(pool, H1, revisions[0])
    assert np.array_equal(old.close_ticks, VERSIONS[0].close_ticks)


async def test_revision_when_it_only_added_rows_then_stays_readable(pool: Pool, tmp_path: Path) -> None:
    """Pruning marks only revisions that lost rows: one that later ones merely added to is whole."""
    half = write_lines(tmp_path / "EURUSD_1h_half.csv", csv_lines(VERSIONS[0].sliced(0, 400)))
    first = (await import_candles(pool, half)).revision
    await _import(pool, tmp_path, 0)
    await _age(pool, 2)
    assert [one.n_rows for one in await prune_revisions(pool, keep=NOW) if one.timeframe == "1h"] == []
    assert first is not None
    old = await _closes(pool, H1, first)
    assert np.array_equal(old.close_ticks, VERSIONS[0].close_ticks[:400])
