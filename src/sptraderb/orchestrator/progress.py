"""Progress of a run: measured in the child, thinned and published by the worker.

The child reports phases and bars to its pipe (`ProgressMeter`); the worker sends at most ten
notifications a second and writes the row at most once a second (`ProgressRelay`), so neither a fast
run nor a thousand watchers burden the database. Event ids grow over attempts and workers: the larger of
the last one plus one and the milliseconds since the run was made, so a worker that takes a run over need
not know what the lost one said after the row was last written.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import msgspec

from sptraderb.domain.backtest import Phase, Progress, Run
from sptraderb.orchestrator.child_pipe import ProgressReport

NOTIFY_EVERY_S = 0.1
ROW_EVERY_S = 1.0
_SPANS = {
    Phase.QUEUED: (0.0, 0.0),
    Phase.LOADING: (0.0, 10.0),
    Phase.COMPILING: (10.0, 15.0),
    Phase.SIMULATING: (15.0, 90.0),
    Phase.STORING: (90.0, 99.0),
}
"""Where each phase begins and ends in percent of the whole."""


class Notice(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The payload of a progress notification, a few figures only (8,000 bytes is the limit).

    Parameters
    ----------
    run : UUID
        The run.
    event : int
        Grows with every change.
    status : str
        Outward status word.
    phase : str
        Step it is in.
    progress : float
        0..100.
    trades : int
        Closed trades so far.
    equity : tuple of (int, str) or None
        Unix seconds and decimal text.
    eta : float or None
        Seconds probably left.
    """

    run: UUID
    event: int
    status: str
    phase: str
    progress: float
    trades: int = 0
    equity: tuple[int, str] | None = None
    eta: float | None = None


def notice_text(run_id: UUID, status: str, progress: Progress) -> str:
    """Return the notification that says where a run is."""
    at, value = progress.equity_time_s, progress.equity
    notice = Notice(
        run=run_id,
        event=progress.event_id,
        status=status,
        phase=progress.phase.value,
        progress=round(progress.percent, 2),
        trades=progress.n_trades,
        equity=None if at is None or value is None else (at, value),
        eta=None if progress.eta_s is None else round(progress.eta_s, 1),
    )
    return msgspec.json.encode(notice).decode()


def next_event_id(last: int, created_at: datetime, now: datetime | None = None) -> int:
    """Return an event id above ``last``: milliseconds since the run was made, or one more.

    Examples
    --------
    >>> made = datetime(2024, 1, 1, tzinfo=UTC)
    >>> next_event_id(7, made, datetime(2024, 1, 1, 0, 0, 2, tzinfo=UTC)), next_event_id(2500, made, made)
    (2000, 2501)
    """
    age = (now or datetime.now(tz=UTC)) - created_at
    return max(last + 1, int(age.total_seconds() * 1000))


class ReportSink(Protocol):
    """Takes reports; the child's pipe."""

    def __call__(self, report: ProgressReport, /) -> None:
        """Take one."""


class ProgressMeter:
    """The child's side: turns phases and bars into percent and an estimate.

    Parameters
    ----------
    send : callable
        Takes reports.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, send: ReportSink, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._phase = Phase.QUEUED
        self._phase_began_s = clock()
        self._sent_s = float("-inf")

    def enter(self, phase: Phase, *, n_trades: int = 0, equity: tuple[int, str] | None = None) -> None:
        """Say that a phase begins; always sent.

        Parameters
        ----------
        phase : Phase
            Which.
        n_trades : int
            Closed trades so far.
        equity : tuple of (int, str), optional
            The newest equity point.
        """
        self._phase = phase
        self._phase_began_s = self._sent_s = self._clock()
        self._send(
            ProgressReport(
                phase=phase.value,
                percent=_SPANS[phase][0],
                n_trades=n_trades,
                equity_time_s=None if equity is None else equity[0],
                equity=None if equity is None else equity[1],
            )
        )

    def advance(
        self,
        done: int,
        total: int,
        *,
        n_trades: int = 0,
        equity: Callable[[], tuple[int, str] | None] | None = None,
    ) -> None:
        """Say how much of the phase is done; sent at most ten times a second.

        Parameters
        ----------
        done, total : int
            Of whatever the phase counts.
        n_trades : int
            Closed trades so far.
        equity : callable, optional
            Gives the newest equity point; called only if a report is sent.
        """
        now_s = self._clock()
        if now_s - self._sent_s < NOTIFY_EVERY_S:
            return
        self._sent_s = now_s
        share = min(1.0, done / total) if total > 0 else 0.0
        low, high = _SPANS[self._phase]
        spent_s = now_s - self._phase_began_s
        point = equity() if equity is not None else None
        report = ProgressReport(
            phase=self._phase.value,
            percent=low + (high - low) * share,
            eta_s=spent_s * (1.0 - share) / share if share > 0.0 else None,
            n_trades=n_trades,
            equity_time_s=None if point is None else point[0],
            equity=None if point is None else point[1],
        )
        self._send(report)


class ProgressRelay:
    """The worker's side: passes on the newest state of one run, never faster than the limits.

    Parameters
    ----------
    run : Run
        As claimed.
    notify : callable
        Sends a payload; may fail, progress is not worth a run.
    write : callable
        Writes the row, fenced by the attempt.
    """

    def __init__(
        self,
        run: Run,
        *,
        notify: Callable[[str], Awaitable[None]],
        write: Callable[[Progress], Awaitable[None]],
    ) -> None:
        self._run = run
        self._notify = notify
        self._write = write
        self._newest: Progress | None = None
        self._changed = asyncio.Event()
        self._event_id = run.progress.event_id
        self._written_s = time.monotonic()

    def offer(self, report: ProgressReport) -> None:
        """Take the newest report; an older one that was not sent yet is dropped."""
        self._event_id = next_event_id(self._event_id, self._run.created_at)
        self._newest = Progress(
            phase=Phase(report.phase),
            percent=report.percent,
            event_id=self._event_id,
            n_trades=report.n_trades,
            equity_time_s=report.equity_time_s,
            equity=report.equity,
            eta_s=report.eta_s,
        )
        self._changed.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        unwritten: Progress | None = None
        while True:
            wait_s = None if unwritten is None else max(0.0, self._written_s + ROW_EVERY_S - time.monotonic())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            if self._changed.is_set() and (progress := self._newest) is not None:
                self._changed.clear()
                unwritten = progress
                await self._notify(notice_text(self._run.id, self._run.state.status, progress))
            if unwritten is not None and time.monotonic() - self._written_s >= ROW_EVERY_S:
                await self._write(unwritten)
                unwritten, self._written_s = None, time.monotonic()
            await asyncio.sleep(NOTIFY_EVERY_S)
