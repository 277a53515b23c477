"""The job queue: pgqueuer's tables behind a few functions; `backtest_runs` stays the truth.

pgqueuer enqueues (in the caller's transaction) and picks, with SKIP LOCKED and by heartbeat
(``job_library``). What its own queries do without looking at the holder (heartbeat, finish, put back) is
done here with the holder in the WHERE clause, so a worker that was taken for dead cannot touch a job that
has moved on.
A job says only "look at this row": what to do, and how often it was tried, is in the row itself.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from sptraderb.store.pool import Connection, Database, Pool
from sptraderb.store.sql import load_queries

LOST_AFTER_S = 6.0
_QUERIES = load_queries("jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job this worker holds until it finishes it, puts it back or stops its heartbeat.

    Parameters
    ----------
    job_id : int
        The queue's own number.
    kind : str
        What to do, such as ``backtest``.
    entity_id : UUID
        The row it is about.
    priority : int
        Larger goes first.
    """

    job_id: int
    kind: str
    entity_id: uuid.UUID
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """How many jobs of one kind wait and run.

    Parameters
    ----------
    queued : int
        Jobs nobody holds.
    picked : int
        Jobs a worker holds.
    """

    queued: int = 0
    picked: int = 0


async def enqueue(connection: Connection, *, kind: str, entity_id: uuid.UUID, priority: int = 0) -> int:
    """Add a job in the caller's transaction; workers are woken at its commit.

    Parameters
    ----------
    connection : Connection
        Inside a transaction, or the job stands alone.
    kind : str
        What to do.
    entity_id : UUID
        The row it is about. One job per kind and row at a time: a second call changes nothing.
    priority : int
        Larger goes first.

    Returns
    -------
    int
        The job's number, 0 if the row has its job already.
    """
    from sptraderb.store.job_library import put_job

    key = _key(kind, entity_id)
    return await put_job(connection, kind=kind, entity_id=entity_id, priority=priority, key=key)


async def next_jobs(pool: Pool, *, kinds: Sequence[str], batch: int, worker_id: uuid.UUID) -> list[Job]:
    """Take jobs that wait, and jobs whose worker has been silent for ``LOST_AFTER_S``.

    Parameters
    ----------
    pool : Pool
        Where to look.
    kinds : sequence of str
        Kinds this worker can do.
    batch : int
        The most to take, at least 1.
    worker_id : UUID
        The taker.

    Returns
    -------
    list of Job
        Held by ``worker_id`` from now on; it must call :func:`heartbeat` each second. Where the row
        a job is about is already running, its worker was lost.
    """
    from sptraderb.store.job_library import pick_jobs

    picked = await pick_jobs(pool, kinds=kinds, batch=batch, worker_id=worker_id, lost_after_s=LOST_AFTER_S)
    return [
        Job(job_id=number, kind=kind, entity_id=entity_id, priority=priority)
        for number, kind, entity_id, priority in picked
    ]


async def heartbeat(pool: Pool, job_ids: Sequence[int], *, worker_id: uuid.UUID) -> set[int]:
    """Say that this worker is alive and still works on its jobs.

    Parameters
    ----------
    pool : Pool
        Where to write.
    job_ids : sequence of int
        The jobs it believes to hold.
    worker_id : UUID
        The worker.

    Returns
    -------
    set of int
        The jobs it does hold. A missing one went to another worker: its child must stop.
    """
    rows = await pool.fetch(_QUERIES["heartbeat"], list(job_ids), worker_id)
    return {row["id"] for row in rows}


async def finish(database: Database, job_id: int, *, worker_id: uuid.UUID) -> bool:
    """Remove a job that is done, whatever its outcome.

    Parameters
    ----------
    database : Pool or Connection
        Best the transaction that writes the outcome.
    job_id : int
        The job.
    worker_id : UUID
        Its holder.

    Returns
    -------
    bool
        False if this worker does not hold it any more.
    """
    return await database.fetchval(_QUERIES["finish"], job_id, worker_id) is not None


async def put_back(database: Database, job_id: int, *, worker_id: uuid.UUID) -> bool:
    """Give a job back unfinished and wake other workers; it keeps its place in the queue.

    Parameters
    ----------
    database : Pool or Connection
        Best the transaction that hands the row back.
    job_id : int
        The job.
    worker_id : UUID
        Its holder.

    Returns
    -------
    bool
        False if this worker does not hold it any more.
    """
    return await database.fetchval(_QUERIES["put_back"], job_id, worker_id) is not None


async def withdraw(connection: Connection, *, kind: str, entity_id: uuid.UUID) -> bool:
    """Remove the waiting job of a row that needs none any more.

    Parameters
    ----------
    connection : Connection
        Best the transaction that cancels or deletes the row.
    kind : str
        The job's kind.
    entity_id : UUID
        The row it is about.

    Returns
    -------
    bool
        False if there is none, or a worker holds it (who finds out from the row).
    """
    return await connection.fetchval(_QUERIES["withdraw"], _key(kind, entity_id)) is not None


async def queue_figures(pool: Pool) -> dict[str, QueueFigures]:
    """Return how many jobs wait and run, by kind."""
    rows = await pool.fetch(_QUERIES["queue_figures"])
    return {row["kind"]: QueueFigures(queued=row["queued"], picked=row["picked"]) for row in rows}


async def prune_log(pool: Pool, *, keep_days: int = 30) -> int:
    """Delete old rows of the queue's log and return how many went."""
    return cast(int, await pool.fetchval(_QUERIES["prune_log"], timedelta(days=keep_days)))


def _key(kind: str, entity_id: uuid.UUID) -> str:
    return f"{kind}:{entity_id}"
