"""Ends that no child wrote: failed, cancelled, handed back and lost runs, each in one transaction.

The row, the job and the notification change together or not at all. Every function is fenced: a run
that has moved on is left alone.
"""

from uuid import UUID

from sptraderb.domain.backtest import Run, RunError, RunState
from sptraderb.errors import NotFound
from sptraderb.orchestrator.progress import notice_text
from sptraderb.store import jobs, run_moves, run_rows
from sptraderb.store.listen import PROGRESS_CHANNEL, notify
from sptraderb.store.pool import Connection, Pool, transaction

BACKTEST = "backtest"
"""Kind of the jobs that are runs."""


async def settle_lost(pool: Pool, run_id: UUID) -> None:
    """Count a dead worker of a run that still reads ``running``; leave any other run alone."""
    async with transaction(pool) as connection:
        try:
            found = await run_rows.read_run(connection, run_id, owner=None)
        except NotFound:
            return
        if found.state is RunState.RUNNING:
            run = await run_moves.mark_lost(connection, run_id, attempt=found.attempt)
            await announce(connection, run)


async def settle_crashed(pool: Pool, run: Run, job: jobs.Job, worker_id: UUID) -> Run | None:
    """Count a child that died, and put its run and job back, or give up."""
    async with transaction(pool) as connection:
        after = await run_moves.mark_lost(connection, run.id, attempt=run.attempt)
        return await _with_job(connection, after, job, worker_id)


async def settle_handed_back(pool: Pool, run: Run, job: jobs.Job, worker_id: UUID) -> Run | None:
    """Put a run and its job back without counting a loss."""
    async with transaction(pool) as connection:
        after = await run_moves.hand_back(connection, run.id, attempt=run.attempt)
        return await _with_job(connection, after, job, worker_id)


async def settle_cancelled(pool: Pool, run: Run, job: jobs.Job, worker_id: UUID) -> Run | None:
    """Cancel a run that left no partial result."""
    async with transaction(pool) as connection:
        after = await run_moves.confirm_cancel(connection, run.id, attempt=run.attempt)
        return await _with_job(connection, after, job, worker_id)


async def settle_failed(
    pool: Pool, run: Run, job: jobs.Job, worker_id: UUID, *, error: RunError
) -> Run | None:
    """Fail a run."""
    async with transaction(pool) as connection:
        after = await run_moves.fail_run(connection, run.id, error, attempt=run.attempt)
        return await _with_job(connection, after, job, worker_id)


async def announce(connection: Connection, run: Run | None) -> None:
    """Notify watchers of a run's state, at the transaction's commit."""
    if run is not None:
        await notify(connection, PROGRESS_CHANNEL, notice_text(run.id, run.state.status, run.progress))


async def _with_job(connection: Connection, run: Run | None, job: jobs.Job, worker_id: UUID) -> Run | None:
    if run is not None and run.state is RunState.QUEUED:
        await jobs.put_back(connection, job.job_id, worker_id=worker_id)
    else:
        await jobs.finish(connection, job.job_id, worker_id=worker_id)
    await announce(connection, run)
    return run
