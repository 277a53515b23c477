"""The keeper of one import: listens to its child, writes its progress, settles what it left undone."""

import asyncio
import contextlib
import time
from uuid import UUID

from sptraderb.candles.import_job import MAX_LOST, ImportJob, ImportState
from sptraderb.domain.backtest import RunError
from sptraderb.errors import NotFound
from sptraderb.orchestrator.child_pipe import Ended, Failed, ImportAssignment, ProgressReport, Stopped
from sptraderb.orchestrator.child_processes import Child
from sptraderb.store import import_job_rows, jobs
from sptraderb.store.pool import DATABASE_DOWN, Connection, Pool, transaction
from sptraderb.telemetry import logger

KILL_AFTER_S = 0.75
"""How long a child may take from a cancel to its answer."""
_WRITE_EVERY_S = 0.5
_AGAIN_AFTER_S = 0.5
_log = logger(__name__)


async def take_import(pool: Pool, job: jobs.Job, *, worker_id: UUID) -> "ImportKeeper | None":
    """Claim the import a job is about, counting a worker that was lost with it.

    Parameters
    ----------
    pool : Pool
        The worker's.
    job : Job
        Held by the worker.
    worker_id : UUID
        The holder.

    Returns
    -------
    ImportKeeper or None
        None if there is nothing to do: cancelled or ended while its job waited. The job is finished then.
    """
    with contextlib.suppress(NotFound):
        found = await import_job_rows.read_import(pool, job.entity_id, owner=None)
        if found.state is ImportState.RUNNING:
            async with transaction(pool) as connection:
                await _settle_lost(connection, found)
    claimed = await import_job_rows.claim_import(pool, job.entity_id)
    if claimed is None:
        await jobs.finish(pool, job.job_id, worker_id=worker_id)
        return None
    return ImportKeeper(pool, claimed, job=job, worker_id=worker_id)


class ImportKeeper:
    """One import held by this worker.

    Parameters
    ----------
    pool : Pool
        The worker's.
    claimed : ImportJob
        As claimed.
    job : Job
        The job held.
    worker_id : UUID
        The holder.
    """

    def __init__(self, pool: Pool, claimed: ImportJob, *, job: jobs.Job, worker_id: UUID) -> None:
        self.claimed = claimed
        self.job = job
        self._pool = pool
        self._worker_id = worker_id
        self._child: Child | None = None
        self._killer: asyncio.TimerHandle | None = None
        self._is_cancelled = self._is_handed_back = self._is_disowned = False
        self._last: Ended | Stopped | Failed | None = None

    def cancel(self) -> None:
        """Stop the child after its block, kill it if that takes too long. Idempotent."""
        if self._is_cancelled:
            return
        self._is_cancelled = True
        if self._child is not None:
            self._child.stop()
            self._killer = asyncio.get_running_loop().call_later(KILL_AFTER_S, self._kill)

    def hand_back(self) -> None:
        """Kill the child and give the import to the next worker."""
        self._is_handed_back = True
        self._kill()

    def disown(self) -> None:
        """Kill the child: the job is another worker's now."""
        self._is_disowned = True
        self._kill()

    async def compare(self, *, holds_job: bool) -> None:
        """Act on what the row says: taken over, or cancelled and the notice lost."""
        try:
            found = await import_job_rows.read_import(self._pool, self.claimed.id, owner=None)
        except NotFound:
            return
        if found.attempt != self.claimed.attempt or not (holds_job or found.state.is_final):
            self.disown()
        elif found.cancel_requested and found.state is ImportState.RUNNING:
            self.cancel()

    async def keep(self, child: Child | None, assignment: ImportAssignment) -> None:
        """Look after the import until it is settled.

        Parameters
        ----------
        child : Child or None
            Forked for it; None if none could be.
        assignment : ImportAssignment
            What the child is told.
        """
        began_s = time.monotonic()
        if child is not None:
            self._child = child
            if not (self._is_handed_back or self._is_disowned or self._is_cancelled):
                await child.assign(assignment)
                await self._listen(child)
            await child.exit_code()
            if self._killer is not None:
                self._killer.cancel()
        status = await self._settle_surely()
        _log.info(
            "import",
            id=str(self.claimed.id),
            attempt=self.claimed.attempt,
            status=status,
            seconds=round(time.monotonic() - began_s, 3),
            bytes=self.claimed.n_bytes,
        )

    async def _listen(self, child: Child) -> None:
        written_s, phase = 0.0, ""
        async for message in child.messages():
            if not isinstance(message, ProgressReport):
                self._last = message
                continue
            now_s = time.monotonic()
            if message.phase != phase or now_s - written_s >= _WRITE_EVERY_S:
                written_s, phase = now_s, message.phase
                with contextlib.suppress(*DATABASE_DOWN):
                    await self._write(message)

    async def _write(self, report: ProgressReport) -> None:
        is_wanted_gone = await import_job_rows.write_progress(
            self._pool,
            self.claimed.id,
            attempt=self.claimed.attempt,
            phase=report.phase,
            percent=report.percent,
        )
        if is_wanted_gone:
            self.cancel()

    async def _settle_surely(self) -> str:
        """Settle, again and again while the database is away; when stopping, once."""
        while True:
            try:
                return await self._settle()
            except DATABASE_DOWN:
                if self._is_handed_back:
                    return "left"
            await asyncio.sleep(_AGAIN_AFTER_S)

    async def _settle(self) -> str:
        last = self._last
        if isinstance(last, Ended):
            return last.status
        if self._is_disowned:
            return "fenced"
        async with transaction(self._pool) as connection:
            after = await self._after(connection, last)
            if after is not None and after.state is ImportState.QUEUED:
                await jobs.put_back(connection, self.job.job_id, worker_id=self._worker_id)
            else:
                await jobs.finish(connection, self.job.job_id, worker_id=self._worker_id)
        return "fenced" if after is None else after.state.value

    async def _after(self, connection: Connection, last: Stopped | Failed | None) -> ImportJob | None:
        """Write what the child left undone, and return the row; None if it has moved on."""
        own = self.claimed
        if self._is_cancelled or isinstance(last, Stopped):
            return await import_job_rows.end_import(
                connection, own.id, attempt=own.attempt, state=ImportState.CANCELLED
            )
        if isinstance(last, Failed) and not last.retry:
            error = RunError(code=last.code, message=last.message, context=last.context, hint=last.hint)
            return await import_job_rows.end_import(
                connection, own.id, attempt=own.attempt, state=ImportState.FAILED, error=error
            )
        if self._is_handed_back:
            return await import_job_rows.put_back(connection, own.id, attempt=own.attempt, counts_loss=False)
        _log.error("child of an import died", id=str(own.id), attempt=own.attempt)
        return await _settle_lost(connection, own)

    def _kill(self) -> None:
        if self._child is not None:
            self._child.kill()


async def _settle_lost(connection: Connection, lost: ImportJob) -> ImportJob | None:
    """Let an import wait again after a loss; end it if it was to be cancelled or was lost too often."""
    found = await import_job_rows.read_import(connection, lost.id, owner=None, to_change=True)
    if found.cancel_requested:
        return await import_job_rows.end_import(
            connection, lost.id, attempt=lost.attempt, state=ImportState.CANCELLED
        )
    if found.n_lost + 1 >= MAX_LOST:
        error = RunError(
            code="import.worker_lost",
            message=f"an import must be done within {MAX_LOST} attempts, its worker was lost each time",
        )
        return await import_job_rows.end_import(
            connection, lost.id, attempt=lost.attempt, state=ImportState.FAILED, error=error
        )
    return await import_job_rows.put_back(connection, lost.id, attempt=lost.attempt, counts_loss=True)
