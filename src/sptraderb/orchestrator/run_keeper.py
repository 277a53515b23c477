"""The keeper of one run: listens to its child, passes its progress on, and settles what it left undone."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from sptraderb.domain.backtest import Phase, Progress, Run, RunError
from sptraderb.errors import NotFound
from sptraderb.orchestrator.child_pipe import Assignment, Ended, Failed, ProgressReport, Stopped
from sptraderb.orchestrator.child_processes import Child
from sptraderb.orchestrator.progress import ProgressRelay
from sptraderb.orchestrator.run_settling import (
    settle_cancelled,
    settle_crashed,
    settle_failed,
    settle_handed_back,
)
from sptraderb.store import jobs, run_moves, run_rows
from sptraderb.store.listen import PROGRESS_CHANNEL, notify
from sptraderb.store.pool import DATABASE_DOWN, Pool
from sptraderb.telemetry import RUNS_FINISHED, logger

KILL_AFTER_S = 0.75
"""How long a child may take from a cancel to its answer."""
PACK_WITHIN_S = 30.0
"""How long a child that has stopped may pack its partial result; the run is cancelled before."""
_SETTLE_AGAIN_S = 0.5
_RETRY_AFTER_S = 1.0
_SETTLE_WHEN_STOPPING_S = 5.0
_log = logger(__name__)


class RunKeeper:
    """One run held by this worker.

    Parameters
    ----------
    pool : Pool
        The worker's.
    run : Run
        As claimed.
    job : Job
        The job held.
    worker_id : UUID
        The holder.
    """

    def __init__(self, pool: Pool, run: Run, *, job: jobs.Job, worker_id: UUID) -> None:
        self.run = run
        self.job = job
        self.is_cancelled = False
        self._pool = pool
        self._worker_id = worker_id
        self._child: Child | None = None
        self._is_handed_back = False
        self._is_disowned = False
        self._killer: asyncio.TimerHandle | None = None
        self._last: Ended | Stopped | Failed | None = None
        self._phase = Phase.QUEUED.value
        self._ending: asyncio.Task[Run | None] | None = None

    def cancel(self) -> None:
        """Stop the child at the next chunk, kill it if that takes too long. Idempotent."""
        if self.is_cancelled:
            return
        self.is_cancelled = True
        if self._child is not None:
            self._child.stop()
            self._killer = asyncio.get_running_loop().call_later(KILL_AFTER_S, self._end_overdue)

    def hand_back(self) -> None:
        """Kill the child and give the run to the next worker at no cost."""
        self._is_handed_back = True
        self._kill()

    def disown(self) -> None:
        """Kill the child: the job is another worker's now."""
        if self._ending is not None:
            # Cancelled by this worker itself, with the job; the child only adds its partial result.
            return
        if not self._is_disowned:
            _log.warning("run was taken over by another worker", run=str(self.run.id))
        self._is_disowned = True
        self._kill()

    async def keep(self, child: Child | None, assignment: Assignment) -> None:
        """Look after the run until it is settled.

        Parameters
        ----------
        child : Child or None
            Forked for it; None if none could be.
        assignment : Assignment
            What the child is told.
        """
        began_s = time.monotonic()
        code = None
        if child is not None:
            self._child = child
            if not (self._is_handed_back or self._is_disowned or self.is_cancelled):
                await child.assign(assignment)
                await self._listen(child)
            code = await child.exit_code()
            if self._killer is not None:
                self._killer.cancel()
        status = await self._settle_surely(code)
        RUNS_FINISHED.labels(status).inc()
        _log.info(
            "run",
            run=str(self.run.id),
            attempt=self.run.attempt,
            status=status,
            seconds=round(time.monotonic() - began_s, 3),
            strategy=self.run.request.strategy_name,
            symbol=",".join(self.run.request.symbols),
            timeframe=self.run.request.timeframe,
            exit_code=code,
            **self._figures(),
        )

    async def _listen(self, child: Child) -> None:
        relay = ProgressRelay(self.run, notify=self._notify, write=self._write)
        publishing = asyncio.create_task(relay.run())
        try:
            async for message in child.messages():
                if isinstance(message, ProgressReport):
                    self._phase = message.phase
                    relay.offer(message)
                else:
                    self._last = message
        finally:
            publishing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await publishing

    async def _notify(self, payload: str) -> None:
        with contextlib.suppress(*DATABASE_DOWN):
            await notify(self._pool, PROGRESS_CHANNEL, payload)

    async def _write(self, progress: Progress) -> None:
        attempt = self.run.attempt
        with contextlib.suppress(*DATABASE_DOWN, NotFound):
            if not await run_moves.write_progress(self._pool, self.run.id, progress, attempt=attempt):
                # Ended by its child a moment ago, or another attempt's.
                found = await run_rows.read_run(self._pool, self.run.id, owner=None)
                if found.attempt != attempt:
                    self.disown()

    async def _settle_surely(self, code: int | None) -> str:
        """Settle, again and again while the database is away; when stopping, not for long."""
        if isinstance(self._last, Failed) and self._last.retry and not self._is_handed_back:
            # Whatever did not answer needs a moment before the run is tried again.
            await asyncio.sleep(_RETRY_AFTER_S)
        while True:
            try:
                return await self._settle(code)
            except DATABASE_DOWN as error:
                if self._is_handed_back:
                    _log.warning("run could not be handed back", run=str(self.run.id), error=str(error))
                    return "left"
            await asyncio.sleep(_SETTLE_AGAIN_S)

    async def _settle(self, code: int | None) -> str:
        if self._ending is not None:
            ended = await asyncio.gather(self._ending, return_exceptions=True)
            if isinstance(ended[0], Run):
                return ended[0].state.value
            self._ending = None
        settle, reason = self._verdict(code)
        if settle is None:
            return reason
        async with asyncio.timeout(_SETTLE_WHEN_STOPPING_S):
            after = await settle()
        return "fenced" if after is None else after.state.value

    def _verdict(self, code: int | None) -> tuple[Callable[[], Awaitable[Run | None]] | None, str]:
        """Return what to do about the row, and the word for the log if there is nothing to do."""
        known = (self._pool, self.run, self.job, self._worker_id)
        last = self._last
        if isinstance(last, Ended):
            return None, last.status
        if self._is_disowned:
            return None, "fenced"
        if self.is_cancelled or isinstance(last, Stopped):
            return lambda: settle_cancelled(*known), ""
        if isinstance(last, Failed) and not last.retry:
            error = RunError(code=last.code, message=last.message, context=last.context, hint=last.hint)
            return lambda: settle_failed(*known, error=error), ""
        if self._is_handed_back or isinstance(last, Failed):
            return lambda: settle_handed_back(*known), ""
        _log.error("child of a run died", run=str(self.run.id), attempt=self.run.attempt, exit_code=code)
        return lambda: settle_crashed(*known), ""

    def _end_overdue(self) -> None:
        """End a cancelled run without its child, or before the child has packed what there is."""
        if self._phase != Phase.STORING.value:
            self._kill()
            return
        known = (self._pool, self.run, self.job, self._worker_id)
        self._ending = asyncio.create_task(settle_cancelled(*known))
        self._killer = asyncio.get_running_loop().call_later(PACK_WITHIN_S, self._kill)

    def _kill(self) -> None:
        if self._child is not None:
            self._child.kill()

    def _figures(self) -> dict[str, object]:
        last = self._last
        if isinstance(last, Ended):
            return {"bars": last.n_bars, "trades": last.n_trades}
        if isinstance(last, Failed):
            return {"code": last.code, "message": last.message}
        return {}
