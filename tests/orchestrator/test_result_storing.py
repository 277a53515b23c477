"""Who may store a result: the attempt that holds run and job, or the one that was cancelled."""

import dataclasses
from uuid import UUID, uuid4

import pytest

from sptraderb.domain.backtest import Run, RunState
from sptraderb.domain.result_columns import ColumnChunk
from sptraderb.orchestrator import result_storing
from sptraderb.orchestrator.child_pipe import Assignment
from sptraderb.orchestrator.result_storing import Executed, store_surely
from sptraderb.orchestrator.run_settling import (
    BACKTEST,
    announce,
    settle_cancelled,
    settle_crashed,
    settle_handed_back,
    settle_lost,
)
from sptraderb.store import jobs, run_moves, run_rows
from sptraderb.store.pool import Connection, Pool, transaction
from sptraderb.store.result_rows import pack_chunks
from sptraderb.testing.run_requests import build_request, build_result


async def _claimed(pool: Pool, worker_id: UUID) -> tuple[Run, jobs.Job]:
    run_id = uuid4()
    async with transaction(pool) as connection:
        await run_rows.insert_run(connection, run_id, build_request(), owner="local")
        await jobs.enqueue(connection, kind=BACKTEST, entity_id=run_id)
    (job,) = await jobs.next_jobs(pool, kinds=[BACKTEST], batch=1, worker_id=worker_id)
    run = await run_moves.claim_run(pool, run_id, worker_id=worker_id)
    assert run is not None
    return run, job


def _assignment(url: str, run: Run, job: jobs.Job, worker_id: UUID) -> Assignment:
    return Assignment(
        run=run,
        job_id=job.job_id,
        worker_id=worker_id,
        database_url=url,
        data_dir="unused",
        candle_cache_bytes=0,
    )


def _executed(*, is_partial: bool = False) -> Executed:
    return Executed(result=build_result(), is_partial=is_partial, n_bars=5, n_trades=4)


async def test_store_when_run_and_job_are_held_then_the_run_is_completed(
    pool: Pool, database_url: str
) -> None:
    """State, result and the end of the job come together."""
    mine = uuid4()
    run, job = await _claimed(pool, mine)
    after = await store_surely(_assignment(database_url, run, job, mine), _executed())
    assert after is not None
    assert (after.state, after.has_result) == (RunState.COMPLETED, True)
    assert await pool.fetchval("SELECT count(*) FROM sptraderb.pgqueuer") == 0


async def test_store_when_another_attempt_holds_the_run_then_nothing_is_written(
    pool: Pool, database_url: str
) -> None:
    """A worker that was taken for dead cannot end what another has begun."""
    mine = uuid4()
    run, job = await _claimed(pool, mine)
    await settle_lost(pool, run.id)
    other = await run_moves.claim_run(pool, run.id, worker_id=uuid4())
    assert other is not None
    assert await store_surely(_assignment(database_url, run, job, mine), _executed()) is None
    after = await run_rows.read_run(pool, run.id, owner="local")
    assert (after.state, after.attempt, after.has_result) == (RunState.RUNNING, other.attempt, False)


async def test_store_when_another_worker_holds_the_job_then_nothing_is_written(
    pool: Pool, database_url: str
) -> None:
    """The second fence: the job's holder, whatever the attempt says."""
    run, job = await _claimed(pool, uuid4())
    assert await store_surely(_assignment(database_url, run, job, uuid4()), _executed()) is None
    after = await run_rows.read_run(pool, run.id, owner="local")
    assert (after.state, after.has_result) == (RunState.RUNNING, False)


@pytest.mark.parametrize("is_partial", [True, False])
async def test_store_when_the_run_was_cancelled_meanwhile_then_the_result_is_added_once(
    pool: Pool, database_url: str, is_partial: bool
) -> None:
    """A result that is packed after the cancel belongs to the cancelled run; only the first one does."""
    mine = uuid4()
    run, job = await _claimed(pool, mine)
    await settle_cancelled(pool, run, job, mine)
    assignment = _assignment(database_url, run, job, mine)
    after = await store_surely(assignment, _executed(is_partial=is_partial))
    assert after is not None
    assert (after.state, after.has_result) == (RunState.CANCELLED, True)
    assert await store_surely(assignment, _executed(is_partial=is_partial)) is None
    assert await pool.fetchval("SELECT result->>'partial' FROM sptraderb.backtest_runs") == "true"


async def test_store_when_the_database_goes_in_between_then_the_second_try_writes_every_chunk(
    pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result is packed once and can be written again: no table is missing after a retry."""
    mine = uuid4()
    run, job = await _claimed(pool, mine)
    n_tries = 0

    async def _announce(connection: Connection, after: Run | None) -> None:
        nonlocal n_tries
        n_tries += 1
        if n_tries == 1:
            connection.terminate()
            raise ConnectionResetError("the database went away")
        await announce(connection, after)

    monkeypatch.setattr(result_storing, "announce", _announce)
    monkeypatch.setattr(result_storing, "_AGAIN_AFTER_S", 0.0)
    chunks = pack_chunks(
        ColumnChunk(table="trades", number=n, first_row=n, n_rows=1, data=b"") for n in (0, 1)
    )
    executed = dataclasses.replace(_executed(), result=dataclasses.replace(build_result(), chunks=chunks))
    after = await store_surely(_assignment(database_url, run, job, mine), executed)
    assert after is not None
    assert (n_tries, after.state) == (2, RunState.COMPLETED)
    assert await pool.fetchval("SELECT count(*) FROM sptraderb.run_columns") == 2


async def test_settle_when_a_run_is_handed_back_then_its_job_waits_again(pool: Pool) -> None:
    """Handing back costs nothing, and the next worker finds the job at once."""
    mine = uuid4()
    run, job = await _claimed(pool, mine)
    after = await settle_handed_back(pool, run, job, mine)
    assert after is not None
    assert (after.state, after.n_lost) == (RunState.QUEUED, 0)
    assert len(await jobs.next_jobs(pool, kinds=[BACKTEST], batch=5, worker_id=uuid4())) == 1


async def test_settle_when_children_crash_three_times_then_the_run_fails_and_its_job_goes(pool: Pool) -> None:
    """The third loss is the last: `run.worker_lost`, and nothing is left in the queue."""
    mine = uuid4()
    run, job = await _claimed(pool, mine)
    for n_lost in (1, 2, 3):
        after = await settle_crashed(pool, run, job, mine)
        assert after is not None
        assert after.n_lost == n_lost
        if after.state is RunState.QUEUED:
            (job,) = await jobs.next_jobs(pool, kinds=[BACKTEST], batch=1, worker_id=mine)
            claimed = await run_moves.claim_run(pool, run.id, worker_id=mine)
            assert claimed is not None
            run = claimed
    final = await run_rows.read_run(pool, run.id, owner="local")
    assert final.error is not None
    assert (final.state, final.error.code) == (RunState.FAILED, "run.worker_lost")
    assert await pool.fetchval("SELECT count(*) FROM sptraderb.pgqueuer") == 0
