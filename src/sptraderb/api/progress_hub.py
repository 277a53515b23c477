"""Fan-out of run progress to the sockets of this process: one LISTEN connection, any number of readers.

Notifications come in from the database (``store/listen``). A watcher holds one slot with the newest
state, never a queue: a slow reader misses steps, costs nothing and stalls nobody. What a
notification does not carry (the error of a failed run) and what was missed while the connection
was away is read from the row, once per run however many watch it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import msgspec

from sptraderb.api.wire_time import text_from_seconds
from sptraderb.errors import SptraderbError
from sptraderb.store.pool import DATABASE_DOWN
from sptraderb.telemetry import SOCKETS, logger

_log = logger(__name__)
_READ_FAILURES: tuple[type[Exception], ...] = (SptraderbError, *DATABASE_DOWN)
FINAL_STATUSES = frozenset({"completed", "failed", "cancelled"})


class RunFrame(msgspec.Struct, kw_only=True, frozen=True):
    """One state of a run as a socket sends it.

    Parameters
    ----------
    type : {'progress', 'completed', 'failed', 'cancelled'}
        What the frame tells; all but ``progress`` are the last one.
    backtest_id : str
        The run.
    status : {'running', 'completed', 'failed', 'cancelled'}
        The outward status.
    progress : float
        0..100.
    phase : str
        ``queued``, ``loading``, ``compiling``, ``simulating``, ``storing``, or the final status.
    error : dict or None
        ``{code, message, context}`` of a failed run.
    event_id : int
        Grows with every change of the run.
    trades : int
        Closed trades so far.
    equity : tuple of (str, str)
        Newest point of the equity curve, where there is one.
    eta_seconds : float
        Estimated time to go, where it can be told.
    """

    type: str
    backtest_id: str
    status: str
    progress: float
    phase: str
    error: dict[str, Any] | None = None
    event_id: int
    trades: int = 0
    equity: tuple[str, str] | msgspec.UnsetType = msgspec.UNSET
    eta_seconds: float | msgspec.UnsetType = msgspec.UNSET

    @property
    def is_last(self) -> bool:
        """Whether the run has ended."""
        return self.status in FINAL_STATUSES


class SentFrame(msgspec.Struct, frozen=True):
    """A frame encoded once for all sockets."""

    event_id: int
    is_last: bool
    text: str


class ProgressNotice(msgspec.Struct, frozen=True):
    """The payload of a progress notification, as the worker writes it."""

    run: UUID
    event: int
    status: str
    phase: str = ""
    progress: float = 0.0
    trades: int = 0
    equity: tuple[int, str] | None = None
    eta: float | None = None


ReadFrame = Callable[[UUID], Awaitable[RunFrame | None]]


class Watcher:
    """One socket's view of a run: a slot with the newest frame."""

    __slots__ = ("_changed", "_newest", "_urgent")

    def __init__(self) -> None:
        self._newest: SentFrame | None = None
        self._changed = asyncio.Event()
        self._urgent = asyncio.Event()

    def offer(self, frame: SentFrame) -> None:
        """Put a frame in the slot unless it is older than what is there."""
        held = self._newest
        if held is not None and (held.is_last or (frame.event_id <= held.event_id and not frame.is_last)):
            return
        self._newest = frame
        self._changed.set()
        if frame.is_last:
            self._urgent.set()

    def wake(self) -> None:
        """End all waiting: the server stops."""
        self._changed.set()
        self._urgent.set()

    async def newest(self) -> SentFrame | None:
        """Wait for a change and return the newest frame, None if there was none."""
        await self._changed.wait()
        self._changed.clear()
        return self._newest

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the run ends or the server stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._urgent.wait()


class ProgressHub:
    """All watchers of this process.

    Parameters
    ----------
    read_frame : callable
        Reads a run's row as a frame, None when the run is gone.
    """

    def __init__(self, read_frame: ReadFrame) -> None:
        self._read_frame = read_frame
        self._watchers: dict[UUID, set[Watcher]] = {}
        self._refreshes: dict[UUID, asyncio.Task[None]] = {}
        self._again: set[UUID] = set()
        self.is_closing = False

    @property
    def n_watchers(self) -> int:
        """How many sockets are watching."""
        return sum(len(watchers) for watchers in self._watchers.values())

    @contextmanager
    def watch(self, run_id: UUID) -> Iterator[Watcher]:
        """Watch a run for the length of a ``with`` block."""
        watcher = Watcher()
        self._watchers.setdefault(run_id, set()).add(watcher)
        SOCKETS.inc()
        if self.is_closing:
            watcher.wake()
        try:
            yield watcher
        finally:
            SOCKETS.dec()
            watchers = self._watchers.get(run_id, set())
            watchers.discard(watcher)
            if not watchers:
                self._watchers.pop(run_id, None)

    def receive(self, _channel: str, payload: str) -> None:
        """Take a notification; one that cannot be read is logged and left."""
        try:
            notice = msgspec.json.decode(payload, type=ProgressNotice)
        except msgspec.MsgspecError as error:
            _log.warning("progress_notice_unreadable", detail=str(error), payload=payload[:200])
            return
        if notice.run not in self._watchers:
            return
        if notice.status in FINAL_STATUSES:
            self.refresh(notice.run)
        else:
            self.publish(notice.run, frame_of_notice(notice))

    def publish(self, run_id: UUID, frame: RunFrame) -> None:
        """Offer a frame to everyone who watches the run, encoded once."""
        watchers = self._watchers.get(run_id)
        if watchers:
            sent = encoded(frame)
            for watcher in watchers:
                watcher.offer(sent)

    def refresh(self, run_id: UUID) -> None:
        """Read the run's row and publish it; calls during a read make one more read, not many."""
        if run_id in self._refreshes:
            self._again.add(run_id)
            return
        task = asyncio.create_task(self._refresh(run_id), name=f"refresh {run_id}")
        self._refreshes[run_id] = task
        task.add_done_callback(lambda _task: self._refreshes.pop(run_id, None))

    def gap(self) -> None:
        """Read every watched run again: notifications may have been missed."""
        for run_id in list(self._watchers):
            self.refresh(run_id)

    async def close(self) -> None:
        """Tell all watchers that the server stops, and end the reads under way."""
        self.is_closing = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.wake()
        tasks = list(self._refreshes.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _refresh(self, run_id: UUID) -> None:
        try:
            while True:
                self._again.discard(run_id)
                frame = await self._read_frame(run_id)
                if frame is not None:
                    self.publish(run_id, frame)
                if run_id not in self._again:
                    return
        except _READ_FAILURES as error:
            # The database is away; the LISTEN bridge calls `gap` when it is back.
            _log.warning("progress_read_failed", run=str(run_id), detail=str(error))


def frame_of_notice(notice: ProgressNotice) -> RunFrame:
    """Return the frame of a notification about a run under way."""
    point = notice.equity
    return RunFrame(
        type="progress",
        backtest_id=str(notice.run),
        status="running",
        progress=notice.progress,
        phase=notice.phase,
        event_id=notice.event,
        trades=notice.trades,
        equity=msgspec.UNSET if point is None else (text_from_seconds(point[0]), point[1]),
        eta_seconds=notice.eta if notice.eta is not None else msgspec.UNSET,
    )


def encoded(frame: RunFrame) -> SentFrame:
    """Return a frame as the text every socket sends."""
    return SentFrame(frame.event_id, frame.is_last, msgspec.json.encode(frame).decode())
