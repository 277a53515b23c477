"""Workers as real processes on a real PostgreSQL: whatever dies, an accepted run ends once."""

import os
import signal
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from sptraderb.domain.backtest import Run, RunState
from sptraderb.orchestrator import queue
from sptraderb.orchestrator.run_settling import BACKTEST
from sptraderb.store import jobs, run_moves, run_rows
from sptraderb.store.pool import Pool, open_pool, transaction
from sptraderb.testing.database import DatabaseServer
from sptraderb.testing.eventually import eventually
from sptraderb.testing.run_requests import build_request
from sptraderb.testing.worker_processes import run_children_of, start_worker

BACK_WITHIN_S = 10.0
CANCELLED_WITHIN_S = 1.0


async def _accept(pool: Pool, script: str) -> UUID:
    run_id = uuid4()
    async with transaction(pool) as connection:
        await run_rows.insert_run(connection, run_id, build_request(name=script), owner="local")
        await jobs.enqueue(connection, kind=BACKTEST, entity_id=run_id)
    return run_id


async def _read(pool: Pool, run_id: UUID) -> Run:
    return await run_rows.read_run(pool, run_id, owner="local")


async def _until(pool: Pool, run_id: UUID, state: RunState, *, within_s: float = 10.0) -> Run:
    async def _reached() -> Run | None:
        run = await _read(pool, run_id)
        return run if run.state is state else None

    return await eventually(_reached, within_s=within_s)


async def _jobs_left(pool: Pool) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM sptraderb.pgqueuer"))


async def test_worker_when_a_run_is_accepted_then_it_completes_and_its_job_is_gone(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """A run is computed by a child and stored, in the first attempt."""
    async with start_worker(database_url, tmp_path):
        run_id = await _accept(pool, "store")
        run = await _until(pool, run_id, RunState.COMPLETED)
        assert (run.attempt, run.n_lost, run.has_result) == (1, 0, True)
        assert await _jobs_left(pool) == 0


async def test_worker_when_a_known_error_stops_the_run_then_it_is_failed_with_it(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """A run that cannot be computed fails once, with the error's code."""
    async with start_worker(database_url, tmp_path):
        run = await _until(pool, await _accept(pool, "refuse"), RunState.FAILED)
        assert run.error is not None
        assert (run.error.code, run.n_lost) == ("candles.empty_range", 0)
        assert await _jobs_left(pool) == 0


async def test_worker_when_a_part_does_not_answer_then_the_run_is_tried_again_at_no_cost(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """A database that was away is not the run's fault."""
    async with start_worker(database_url, tmp_path):
        run = await _until(pool, await _accept(pool, "away store"), RunState.COMPLETED)
        assert (run.attempt, run.n_lost) == (2, 0)


@pytest.mark.parametrize("script", ["wait", "idle", "deaf"])
async def test_cancel_when_the_run_is_computed_then_it_is_cancelled_within_a_second(
    pool: Pool, database_url: str, tmp_path: Path, script: str
) -> None:
    """A child that hears keeps a partial result, one that does not is killed; both in time."""
    async with start_worker(database_url, tmp_path) as worker:
        run_id = await _accept(pool, script)
        await _until(pool, run_id, RunState.RUNNING)
        await eventually(lambda: run_children_of(worker.pid))
        asked_s = time.monotonic()
        await queue.cancel(pool, run_id, owner="local")
        run = await _until(pool, run_id, RunState.CANCELLED)
        assert time.monotonic() - asked_s < CANCELLED_WITHIN_S
        assert run.has_result is (script == "wait")
        await eventually(lambda: not run_children_of(worker.pid))
        assert await _jobs_left(pool) == 0


async def test_cancel_when_packing_takes_long_then_the_partial_result_follows(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """A long run is cancelled in time all the same, and gets its partial result when that is packed."""
    async with start_worker(database_url, tmp_path) as worker:
        run_id = await _accept(pool, "pack")
        await eventually(lambda: run_children_of(worker.pid))
        await _until(pool, run_id, RunState.RUNNING)
        asked_s = time.monotonic()
        await queue.cancel(pool, run_id, owner="local")
        run = await _until(pool, run_id, RunState.CANCELLED)
        assert time.monotonic() - asked_s < CANCELLED_WITHIN_S
        assert run.has_result is False

        async def _has_result() -> bool:
            return (await _read(pool, run_id)).has_result

        await eventually(_has_result)
        await eventually(lambda: not run_children_of(worker.pid))
        assert await _jobs_left(pool) == 0


async def test_cancel_when_the_run_waits_then_it_is_cancelled_at_once(pool: Pool) -> None:
    """Without any worker, a queued run is cancelled and its job withdrawn; twice is no error."""
    run_id = await _accept(pool, "store")
    assert (await queue.cancel(pool, run_id, owner="local")).state is RunState.CANCELLED
    assert (await queue.cancel(pool, run_id, owner="local")).state is RunState.CANCELLED
    assert await _jobs_left(pool) == 0


async def test_worker_when_killed_then_another_completes_its_run_once(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """Signal 9 to a worker ends its child too, and the run is taken up again within 10 s."""
    async with start_worker(database_url, tmp_path) as doomed:
        run_id = await _accept(pool, "wait store")
        await _until(pool, run_id, RunState.RUNNING)
        (child,) = await eventually(lambda: run_children_of(doomed.pid))
        async with start_worker(database_url, tmp_path):
            await doomed.kill()
            killed_s = time.monotonic()
            await eventually(lambda: not _is_alive(child))
            run = await _until(pool, run_id, RunState.COMPLETED, within_s=BACK_WITHIN_S)
            assert time.monotonic() - killed_s < BACK_WITHIN_S
            assert (run.attempt, run.n_lost) == (2, 1)
            assert await _jobs_left(pool) == 0


async def test_child_when_killed_then_the_attempt_is_counted_and_the_run_tried_again(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """A crash harms only its own run, which another child completes."""
    async with start_worker(database_url, tmp_path) as worker:
        run_id = await _accept(pool, "wait store")
        (child,) = await eventually(lambda: run_children_of(worker.pid))
        os.kill(child, signal.SIGKILL)
        run = await _until(pool, run_id, RunState.COMPLETED)
        assert (run.attempt, run.n_lost) == (2, 1)


@pytest.mark.parametrize("script", ["killed", "crash"])
async def test_run_when_its_children_die_three_times_then_it_is_failed(
    pool: Pool, database_url: str, tmp_path: Path, script: str
) -> None:
    """A poisoned run is given up after three losses, with `run.worker_lost`."""
    async with start_worker(database_url, tmp_path):
        run = await _until(pool, await _accept(pool, script), RunState.FAILED)
        assert run.error is not None
        assert (run.error.code, run.attempt, run.n_lost) == ("run.worker_lost", 3, 3)
        assert await _jobs_left(pool) == 0


async def test_worker_when_told_to_stop_then_its_run_is_handed_back_at_no_cost(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """SIGTERM puts the run back into the queue; the next worker completes it."""
    async with start_worker(database_url, tmp_path) as worker:
        run_id = await _accept(pool, "wait store")
        await eventually(lambda: run_children_of(worker.pid))
        assert await worker.stop() == 0
        run = await _read(pool, run_id)
        assert (run.state, run.n_lost) == (RunState.QUEUED, 0)
    async with start_worker(database_url, tmp_path):
        run = await _until(pool, run_id, RunState.COMPLETED)
        assert (run.attempt, run.n_lost) == (2, 0)


async def test_workers_when_two_look_for_one_job_then_one_takes_it(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """Twenty runs and two workers make twenty first attempts."""
    async with start_worker(database_url, tmp_path), start_worker(database_url, tmp_path, concurrency=2):
        run_ids = [await _accept(pool, "store") for _ in range(20)]
        runs = [await _until(pool, run_id, RunState.COMPLETED) for run_id in run_ids]
        assert {run.attempt for run in runs} == {1}


async def test_child_when_its_claim_was_lost_then_it_cannot_write(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """A run that another attempt took over is not ended by the first one's child."""
    async with start_worker(database_url, tmp_path) as worker:
        run_id = await _accept(pool, "wait")
        run = await _until(pool, run_id, RunState.RUNNING)
        await eventually(lambda: run_children_of(worker.pid))
        await run_moves.mark_lost(pool, run_id, attempt=run.attempt)
        mine = await run_moves.claim_run(pool, run_id, worker_id=uuid4())
        assert mine is not None
        await eventually(lambda: not run_children_of(worker.pid))
        after = await _read(pool, run_id)
        assert (after.state, after.attempt) == (RunState.RUNNING, mine.attempt)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT], ids=["killed", "crashed"])
async def test_run_when_postgresql_dies_meanwhile_then_it_completes_in_its_first_attempt(
    tmp_path: Path, number: int
) -> None:
    """Nothing accepted is lost: the child stores its result when the database is back."""
    with DatabaseServer() as server:
        url = server.create_database()
        pool = await open_pool(url)
        async with start_worker(url, tmp_path) as worker:
            run_id = await _accept(pool, "slow")
            await eventually(lambda: run_children_of(worker.pid))
            os.kill(server.pid, number)
            await pool.close()
            pool = await open_pool(url)
            run = await _until(pool, run_id, RunState.COMPLETED, within_s=20.0)
            assert (run.attempt, run.n_lost) == (1, 0)
            await eventually(lambda: _no_jobs(pool))
            later = await _until(pool, await _accept(pool, "store"), RunState.COMPLETED)
            assert later.attempt == 1
        await pool.close()


async def _no_jobs(pool: Pool) -> bool:
    return await _jobs_left(pool) == 0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").read_text().split()[2].startswith("Z")
