"""The job queue on a real PostgreSQL: transactions, holders, lost workers."""

import uuid

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries

from sptraderb.store import jobs
from sptraderb.store.pool import Pool, connect


async def _silence(pool: Pool, seconds: float) -> None:
    await pool.execute("UPDATE sptraderb.pgqueuer SET heartbeat = now() - make_interval(secs => $1)", seconds)


async def test_enqueue_when_transaction_rolls_back_then_no_job(pool: Pool) -> None:
    """A job exists exactly when the transaction that made it was committed."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await jobs.enqueue(connection, kind="backtest", entity_id=uuid.uuid4())
        await transaction.rollback()
    assert await jobs.next_jobs(pool, kinds=["backtest"], batch=5, worker_id=uuid.uuid4()) == []


async def test_next_jobs_when_two_workers_ask_then_each_job_goes_to_one(pool: Pool) -> None:
    """No job is given to two workers; larger priority first, then first come."""
    rows = [uuid.uuid4() for _ in range(3)]
    async with pool.acquire() as connection:
        for row, priority in zip(rows, (0, 0, 5), strict=True):
            await jobs.enqueue(connection, kind="backtest", entity_id=row, priority=priority)
    first = await jobs.next_jobs(pool, kinds=["backtest"], batch=2, worker_id=uuid.uuid4())
    second = await jobs.next_jobs(pool, kinds=["backtest"], batch=2, worker_id=uuid.uuid4())
    assert [job.entity_id for job in first] == [rows[2], rows[0]]
    assert [job.entity_id for job in second] == [rows[1]]


async def test_enqueue_when_row_has_its_job_then_nothing_is_added(pool: Pool) -> None:
    """One live job per kind and row."""
    row = uuid.uuid4()
    async with pool.acquire() as connection:
        assert await jobs.enqueue(connection, kind="backtest", entity_id=row) > 0
        assert await jobs.enqueue(connection, kind="backtest", entity_id=row) == 0
        assert await jobs.enqueue(connection, kind="import", entity_id=row) > 0
    assert await jobs.queue_figures(pool) == {
        "backtest": jobs.QueueFigures(queued=1),
        "import": jobs.QueueFigures(queued=1),
    }


async def test_next_jobs_when_worker_is_silent_then_another_takes_the_job_over(pool: Pool) -> None:
    """A job without heartbeat for six seconds is given away, and its first holder can do nothing to it."""
    dead, alive, row = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    async with pool.acquire() as connection:
        await jobs.enqueue(connection, kind="backtest", entity_id=row)
    [job] = await jobs.next_jobs(pool, kinds=["backtest"], batch=1, worker_id=dead)
    await _silence(pool, jobs.LOST_AFTER_S - 1)
    assert await jobs.next_jobs(pool, kinds=["backtest"], batch=1, worker_id=alive) == []
    await _silence(pool, jobs.LOST_AFTER_S + 1)
    assert await jobs.next_jobs(pool, kinds=["backtest"], batch=1, worker_id=alive) == [job]
    assert await jobs.heartbeat(pool, [job.job_id], worker_id=dead) == set()
    assert not await jobs.finish(pool, job.job_id, worker_id=dead)
    assert not await jobs.put_back(pool, job.job_id, worker_id=dead)
    assert await jobs.heartbeat(pool, [job.job_id], worker_id=alive) == {job.job_id}
    assert await jobs.finish(pool, job.job_id, worker_id=alive)
    assert await jobs.queue_figures(pool) == {}


async def test_put_back_when_held_then_next_worker_gets_it_at_once(pool: Pool) -> None:
    """A job handed back is queued again without waiting."""
    first, second, row = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    async with pool.acquire() as connection:
        await jobs.enqueue(connection, kind="backtest", entity_id=row)
    [job] = await jobs.next_jobs(pool, kinds=["backtest"], batch=1, worker_id=first)
    assert await jobs.put_back(pool, job.job_id, worker_id=first)
    assert await jobs.next_jobs(pool, kinds=["backtest"], batch=1, worker_id=second) == [job]


async def test_withdraw_when_queued_then_gone_when_held_then_left(pool: Pool) -> None:
    """Only a job that still waits can be withdrawn."""
    waiting, held = uuid.uuid4(), uuid.uuid4()
    async with pool.acquire() as connection:
        await jobs.enqueue(connection, kind="backtest", entity_id=held)
        await jobs.next_jobs(pool, kinds=["backtest"], batch=1, worker_id=uuid.uuid4())
        await jobs.enqueue(connection, kind="backtest", entity_id=waiting)
        assert await jobs.withdraw(connection, kind="backtest", entity_id=waiting)
        assert not await jobs.withdraw(connection, kind="backtest", entity_id=held)
    assert await jobs.queue_figures(pool) == {"backtest": jobs.QueueFigures(picked=1)}


async def test_schema_when_pgqueuer_plans_an_upgrade_then_there_is_none(database_url: str) -> None:
    """The migration holds exactly the tables that the installed pgqueuer wants."""
    connection = await connect(database_url)
    await connection.execute("SET search_path = sptraderb")
    plan = await Queries(AsyncpgDriver(connection)).plan_upgrade()
    await connection.close()
    assert list(plan.statements) == []


async def test_prune_log_when_rows_are_old_then_only_they_go(pool: Pool) -> None:
    """The queue's log keeps the days it is told to."""
    async with pool.acquire() as connection:
        await jobs.enqueue(connection, kind="backtest", entity_id=uuid.uuid4())
        await connection.execute("UPDATE sptraderb.pgqueuer_log SET created = now() - interval '40 days'")
        await jobs.enqueue(connection, kind="backtest", entity_id=uuid.uuid4())
    assert await jobs.prune_log(pool, keep_days=30) == 1
    assert await jobs.prune_log(pool, keep_days=30) == 0
