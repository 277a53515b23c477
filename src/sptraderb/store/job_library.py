"""pgqueuer's own queries on our tables; apart from ``jobs`` because loading the library takes half a second.

Processes that enqueue or pick jobs load it when they start (``bootstrap``); a run's child only ends its job
and never does.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import cast

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import Channel, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

from sptraderb.store.listen import JOBS_CHANNEL
from sptraderb.store.pool import Connection, Pool

_UNLIMITED = EntrypointExecutionParameter(concurrency_limit=0)
# Named here and not by the environment, so that every process and the migration mean the same tables.
_BUILDER = QueryQueueBuilder(
    settings=DBSettings(
        prefix="",
        db_schema="sptraderb",
        channel=Channel(JOBS_CHANNEL),
        function="fn_pgqueuer_changed",
        statistics_table="pgqueuer_statistics",
        queue_status_type="pgqueuer_status",
        queue_table="pgqueuer",
        queue_table_log="pgqueuer_log",
        trigger="tg_pgqueuer_changed",
        schedules_table="pgqueuer_schedules",
    )
)


async def put_job(connection: Connection, *, kind: str, entity_id: uuid.UUID, priority: int, key: str) -> int:
    """Add a job unless ``key`` has one; return its number, 0 where nothing was added."""
    queries = Queries(AsyncpgDriver(cast(asyncpg.Connection, connection)), qbq=_BUILDER)
    ids = await queries.enqueue(kind, entity_id.bytes, priority, dedupe_key=key, on_conflict="skip")
    return ids[0] or 0


async def pick_jobs(
    pool: Pool, *, kinds: Sequence[str], batch: int, worker_id: uuid.UUID, lost_after_s: float
) -> list[tuple[int, str, uuid.UUID, int]]:
    """Take jobs that wait or whose holder is silent; return number, kind, row and priority of each."""
    queries = Queries(AsyncpgPoolDriver(pool), qbq=_BUILDER)
    picked = await queries.dequeue(
        batch_size=batch,
        entrypoints={QueueEntrypoint(kind): _UNLIMITED for kind in kinds},
        queue_manager_id=QueueManagerId(worker_id),
        global_concurrency_limit=None,
        heartbeat_timeout=timedelta(seconds=lost_after_s),
    )
    return [
        (int(job.id), str(job.entrypoint), uuid.UUID(bytes=job.payload or b""), job.priority)
        for job in picked
    ]
