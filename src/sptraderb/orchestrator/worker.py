"""The worker: takes runs from the queue and looks after one child process for each.

The parent stays light (no Numba, no candles, no results) and does four things at once:

1. claim:   takes jobs (runs, and imports sent over HTTP: import_keeper) while it has free places; a job whose
            run still reads ``running`` was lost by another worker, which is counted first
                                                                                     store/jobs, run_moves
2. beat:    says every second that its jobs are alive; a job that is gone was given to another worker, and
            its child is killed (it could not write any more: every write carries the attempt number)
3. listen:  a cancel is passed to the child, which stops at the next chunk and stores what there is; one
            that takes longer than `KILL_AFTER_S` is killed
4. settle:  a child that ended without a result was failed, cancelled, handed back or lost

The child reads candles and writes the result itself, over a connection of its own: a result is tens of
megabytes, and this way they are never copied into the parent, and the final state, the result and the
end of the job are one transaction that the attempt number and the job's holder fence.

On SIGTERM or SIGINT nothing new is claimed, children are killed (what they had not committed is void)
and runs are handed back without costing an attempt. A second signal leaves at once: children notice
that their pipe closes, and the runs are found by their silence.
"""

import asyncio
import contextlib
import os
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sptraderb.domain.backtest import RunState
from sptraderb.errors import NotFound, Unavailable
from sptraderb.orchestrator.child_pipe import Assignment, ImportAssignment
from sptraderb.orchestrator.child_processes import Child, Template
from sptraderb.orchestrator.component_policy import OFF, ComponentPolicy
from sptraderb.orchestrator.import_keeper import ImportKeeper, take_import
from sptraderb.orchestrator.import_queue import IMPORT
from sptraderb.orchestrator.kernel_environment import prepare_kernels
from sptraderb.orchestrator.run_keeper import RunKeeper
from sptraderb.orchestrator.run_settling import BACKTEST, settle_lost
from sptraderb.store import jobs, run_moves, run_rows
from sptraderb.store.listen import CANCEL_CHANNEL, JOBS_CHANNEL, Listener, listen
from sptraderb.store.pool import DATABASE_DOWN, Pool, open_pool
from sptraderb.telemetry import logger

BEAT_EVERY_S = 1.0
CLAIM_EVERY_S = 1.0
QUIET_AFTER_GAP_S = 2.0
"""After the database was away, so that living workers can beat before anyone takes their jobs for lost."""
_POOL_SIZE = 2
_CLAIM_ENDS_WITHIN_S = 3.0
_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker needs to know.

    Parameters
    ----------
    database_url : str
        The effective one.
    data_dir : Path
        Where the candle cache and, if need be, compiled kernels lie.
    concurrency : int
        Children at a time.
    candle_cache_bytes : int
        How large the candle cache may grow.
    python : ComponentPolicy
        What strategies' own Python may do.
    child_module : str
        Whose ``run_child`` the children run; tests give another.
    wait_s : float
        How long to wait for the database at the start, in seconds.
    log_level, log_format : str
        For the children's log lines, as for `telemetry.configure_logging`.
    """

    database_url: str
    data_dir: Path
    concurrency: int = 1
    candle_cache_bytes: int = 2 * 2**30
    python: ComponentPolicy = OFF
    child_module: str = "sptraderb.orchestrator.child"
    wait_s: float = 60.0
    log_level: str = "info"
    log_format: str = "auto"


async def run_worker(
    options: WorkerOptions,
    *,
    handle_signals: bool = True,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Work until told to stop.

    Parameters
    ----------
    options : WorkerOptions
        What to work on.
    handle_signals : bool
        Whether SIGTERM and SIGINT stop it; else cancelling the task does.
    on_ready : callable, optional
        Called when kernels are loaded and jobs are taken from now on.

    Raises
    ------
    Unavailable
        ``database.unreachable``, ``worker.template_failed``.
    """
    prepare_kernels()
    pool = await open_pool(
        options.database_url, size=_POOL_SIZE, name="sptraderb worker", wait_s=options.wait_s
    )
    try:
        worker = Worker(pool, options)
        if handle_signals:
            _stop_on_signals(worker)
        await worker.run(on_ready)
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await pool.close()


class Worker:
    """One worker process; see the module.

    Parameters
    ----------
    pool : Pool
        Two connections are enough.
    options : WorkerOptions
        What to work on.
    """

    def __init__(self, pool: Pool, options: WorkerOptions) -> None:
        self.worker_id = uuid.uuid4()
        self._pool = pool
        self._options = options
        self._template = Template(
            options.child_module,
            data_dir=options.data_dir,
            log_level=options.log_level,
            log_format=options.log_format,
        )
        self._keepers: dict[UUID, RunKeeper | ImportKeeper] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._quiet_until_s = 0.0
        self._database_answers = True

    def stop(self) -> None:
        """Hand everything back and end; the second call leaves at once."""
        if self._stopping.is_set():
            os._exit(130)
        self._stopping.set()
        self._wake.set()

    async def run(self, on_ready: Callable[[], None] | None = None) -> None:
        """Work until `stop` is called or the task is cancelled."""
        listener: Listener | None = None
        loops: list[asyncio.Task[None]] = []
        try:
            if not await self._start_template():
                return
            listener = await listen(
                self._options.database_url,
                [CANCEL_CHANNEL, JOBS_CHANNEL],
                self._hear,
                on_gap=self._wake.set,
                wait_s=self._options.wait_s,
            )
            loops = [asyncio.create_task(self._beat_always()), asyncio.create_task(self._claim_always())]
            _log.info("worker ready", worker=str(self.worker_id), concurrency=self._options.concurrency)
            if on_ready is not None:
                on_ready()
            # The claiming loop ends when told to stop; a loop that ends otherwise has an error to raise.
            done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await self._shut_down(listener, loops)

    async def _start_template(self) -> bool:
        """Load the kernels, which can take a minute where nothing is compiled yet; false if told to stop."""
        starting = asyncio.create_task(self._template.start())
        stopped = asyncio.create_task(self._stopping.wait())
        done, rest = await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        if starting in done:
            starting.result()
        return not self._stopping.is_set()

    async def _shut_down(self, listener: Listener | None, loops: list[asyncio.Task[None]]) -> None:
        self._stopping.set()
        self._wake.set()
        # Claiming ends by itself, so that nothing is left between a claim and its keeper; beating goes on
        # until the last run is settled.
        if len(loops) == 2:
            await asyncio.wait(loops[1:], timeout=_CLAIM_ENDS_WITHIN_S)
        for keeper in self._keepers.values():
            keeper.hand_back()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        if listener is not None:
            await listener.stop()
        await self._template.stop()
        _log.info("worker stopped", worker=str(self.worker_id))

    def _hear(self, channel: str, payload: str) -> None:
        if channel == JOBS_CHANNEL:
            self._wake.set()
            return
        with contextlib.suppress(ValueError):
            if (keeper := self._keepers.get(UUID(payload))) is not None:
                keeper.cancel()

    async def _beat_always(self) -> None:
        while True:
            try:
                async with asyncio.timeout(jobs.LOST_AFTER_S / 2):
                    await self._beat()
                self._note_database(answers=True)
            except DATABASE_DOWN as error:
                self._note_database(answers=False, error=error)
            await asyncio.sleep(BEAT_EVERY_S)

    async def _beat(self) -> None:
        keepers = list(self._keepers.values())
        held = await jobs.heartbeat(
            self._pool, [keeper.job.job_id for keeper in keepers], worker_id=self.worker_id
        )
        for keeper in keepers:
            await self._compare(keeper, holds_job=keeper.job.job_id in held)

    async def _compare(self, keeper: RunKeeper | ImportKeeper, *, holds_job: bool) -> None:
        """Act on what the row says: taken over by another worker, or cancelled and the notice lost."""
        if isinstance(keeper, ImportKeeper):
            await keeper.compare(holds_job=holds_job)
            return
        try:
            run = await run_rows.read_run(self._pool, keeper.run.id, owner=None)
        except NotFound:
            # Ended and deleted, while its keeper was still at it.
            return
        if run.attempt != keeper.run.attempt or not (holds_job or run.state.is_final):
            keeper.disown()
        elif run.cancel_requested and run.state is RunState.RUNNING:
            keeper.cancel()

    def _note_database(self, *, answers: bool, error: Exception | None = None) -> None:
        if answers and not self._database_answers:
            self._quiet_until_s = asyncio.get_running_loop().time() + QUIET_AFTER_GAP_S
            _log.info("database answers again")
        elif not answers and self._database_answers:
            _log.warning("database does not answer", error=str(error) or type(error).__name__)
        self._database_answers = answers

    async def _claim_always(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            n_free = self._options.concurrency - len(self._keepers)
            is_quiet = asyncio.get_running_loop().time() < self._quiet_until_s
            if n_free > 0 and self._database_answers and not is_quiet:
                with contextlib.suppress(*DATABASE_DOWN):
                    await self._claim(n_free)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLAIM_EVERY_S):
                    await self._wake.wait()

    async def _claim(self, n_free: int) -> None:
        found = await jobs.next_jobs(
            self._pool, kinds=[BACKTEST, IMPORT], batch=n_free, worker_id=self.worker_id
        )
        held = {keeper.job.job_id for keeper in self._keepers.values()}
        for job in found:
            if job.job_id in held:
                continue
            try:
                await self._take(job)
            except DATABASE_DOWN:
                raise
            except Exception:
                # One row that cannot be read must not keep the others waiting; its job comes up again.
                _log.exception("job could not be taken", kind=job.kind, id=str(job.entity_id))

    async def _take(self, job: jobs.Job) -> None:
        taken = await (self._take_import(job) if job.kind == IMPORT else self._take_run(job))
        if taken is None:
            return
        self._keepers[job.entity_id] = taken
        task = asyncio.create_task(self._keep(taken), name=f"{job.kind} {job.entity_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_import(self, job: jobs.Job) -> ImportKeeper | None:
        return await take_import(self._pool, job, worker_id=self.worker_id)

    async def _take_run(self, job: jobs.Job) -> RunKeeper | None:
        await settle_lost(self._pool, job.entity_id)
        run = await run_moves.claim_run(self._pool, job.entity_id, worker_id=self.worker_id)
        if run is None:
            # Cancelled, deleted or ended while its job waited.
            await jobs.finish(self._pool, job.job_id, worker_id=self.worker_id)
            return None
        return RunKeeper(self._pool, run, job=job, worker_id=self.worker_id)

    async def _keep(self, keeper: RunKeeper | ImportKeeper) -> None:
        name = str(keeper.job.entity_id)
        try:
            try:
                child = await self._template.fork()
            except Unavailable as error:
                _log.exception("no child for a job", id=name, code=error.code)
                await asyncio.sleep(BEAT_EVERY_S)
                keeper.hand_back()
                child = None
            await self._hand_over(keeper, child)
        except Exception:
            # Its job falls silent, and the run is found as a lost one.
            _log.exception("job lost its keeper", kind=keeper.job.kind, id=name)
        finally:
            del self._keepers[keeper.job.entity_id]
            self._wake.set()

    async def _hand_over(self, keeper: RunKeeper | ImportKeeper, child: Child | None) -> None:
        url, data_dir = self._options.database_url, str(self._options.data_dir)
        job_id = keeper.job.job_id
        if isinstance(keeper, ImportKeeper):
            claimed = keeper.claimed
            importing = ImportAssignment(
                import_id=claimed.id,
                attempt=claimed.attempt,
                options=claimed.options,
                n_bytes=claimed.n_bytes,
                job_id=job_id,
                worker_id=self.worker_id,
                database_url=url,
                data_dir=data_dir,
            )
            await keeper.keep(child, importing)
            return
        assignment = Assignment(
            run=keeper.run,
            job_id=job_id,
            worker_id=self.worker_id,
            database_url=url,
            data_dir=data_dir,
            candle_cache_bytes=self._options.candle_cache_bytes,
            python=self._options.python,
        )
        await keeper.keep(child, assignment)


def _stop_on_signals(worker: Worker) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
