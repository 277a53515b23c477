"""Fan-out of progress: the newest state wins, slow readers cost nothing."""

import asyncio
import uuid
from uuid import UUID

import msgspec
import pytest

from sptraderb.api.progress_hub import ProgressHub, RunFrame, SentFrame, Watcher, encoded
from sptraderb.errors import Unavailable

RUN = uuid.UUID("0b7e3a52-3f0c-4d53-9d11-6a7b3d0a1c11")


def _frame(event_id: int, status: str = "running") -> RunFrame:
    kind = "progress" if status == "running" else status
    return RunFrame(
        type=kind, backtest_id=str(RUN), status=status, progress=1.0, phase="loading", event_id=event_id
    )


def _notice(event: int, status: str = "running", **more: object) -> str:
    fields = {"run": str(RUN), "event": event, "status": status, "phase": "simulating", "progress": 50.0}
    return msgspec.json.encode({**fields, **more}).decode()


class RowReader:
    """Reads a frame set by the test, and counts."""

    def __init__(self, frame: RunFrame | None = None) -> None:
        self.frame = frame
        self.n_reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, run_id: UUID) -> RunFrame | None:
        """Give the frame, once the gate is open."""
        self.n_reads += 1
        await self.gate.wait()
        return self.frame


async def _newest(watcher: Watcher) -> SentFrame:
    async with asyncio.timeout(2):
        frame = await watcher.newest()
    assert frame is not None
    return frame


async def test_notice_when_watched_then_every_watcher_gets_one_encoded_frame() -> None:
    """A notification reaches all watchers of its run as one text, encoded once."""
    hub = ProgressHub(RowReader())
    with hub.watch(RUN) as first, hub.watch(RUN) as second, hub.watch(uuid.uuid4()) as other:
        hub.receive("c", _notice(3, trades=2, equity=[1_710_918_000, "10000.50"], eta=1.5))
        one, two = await _newest(first), await _newest(second)
        assert one is two
        assert msgspec.json.decode(one.text) == {
            "type": "progress",
            "backtest_id": str(RUN),
            "status": "running",
            "progress": 50.0,
            "phase": "simulating",
            "error": None,
            "event_id": 3,
            "trades": 2,
            "equity": ["2024-03-20T07:00:00Z", "10000.50"],
            "eta_seconds": 1.5,
        }
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await other.newest()


async def test_watcher_when_slow_then_it_gets_the_newest_only() -> None:
    """What a slow reader missed is gone; an older frame never replaces a newer one."""
    watcher = Watcher()
    for event_id in (1, 2, 5, 4):
        watcher.offer(encoded(_frame(event_id)))
    assert (await _newest(watcher)).event_id == 5


async def test_watcher_when_it_takes_nothing_then_others_get_every_frame_and_it_keeps_one() -> None:
    """A reader that never reads stalls nobody and gathers no queue: one slot, the newest frame in it."""
    hub = ProgressHub(RowReader())
    with hub.watch(RUN) as idle, hub.watch(RUN) as busy:
        seen = []
        for event in range(1, 501):
            hub.receive("c", _notice(event))
            seen.append((await _newest(busy)).event_id)
        assert seen == list(range(1, 501))
        assert (await _newest(idle)).event_id == 500
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await idle.newest()


async def test_watcher_when_the_run_has_ended_then_nothing_replaces_the_last_frame() -> None:
    """A late notification of progress does not undo the end."""
    watcher = Watcher()
    watcher.offer(encoded(_frame(7, "completed")))
    watcher.offer(encoded(_frame(9)))
    frame = await _newest(watcher)
    assert (frame.event_id, frame.is_last) == (7, True)


async def test_end_when_notified_then_the_row_is_read_once_for_all() -> None:
    """The last frame is read from the row (it holds the error), once however many watch."""
    reader = RowReader(_frame(9, "failed"))
    hub = ProgressHub(reader)
    with hub.watch(RUN) as first, hub.watch(RUN) as second:
        hub.receive("c", _notice(9, "failed"))
        assert (await _newest(first)).is_last
        assert (await _newest(second)).is_last
    assert reader.n_reads == 1


async def test_refresh_when_asked_during_a_read_then_one_more_read_follows() -> None:
    """Many wishes during one read make one more read, not many."""
    reader = RowReader(_frame(1))
    reader.gate.clear()
    hub = ProgressHub(reader)
    with hub.watch(RUN) as watcher:
        for _ in range(5):
            hub.refresh(RUN)
        await asyncio.sleep(0)
        hub.refresh(RUN)
        reader.gate.set()
        await _newest(watcher)
        await hub.close()
    assert reader.n_reads <= 2


async def test_gap_when_notifications_were_missed_then_watched_runs_are_read_again() -> None:
    """After the LISTEN connection was away every watched run is read again."""
    hub = ProgressHub(RowReader(_frame(4)))
    with hub.watch(RUN) as watcher:
        hub.gap()
        assert (await _newest(watcher)).event_id == 4


async def test_notice_when_nobody_watches_or_it_is_garbage_then_nothing_happens() -> None:
    """Notifications of other processes' runs are free; one that cannot be read harms nobody."""
    reader = RowReader()
    hub = ProgressHub(reader)
    hub.receive("c", _notice(1, "completed"))
    with hub.watch(RUN):
        hub.receive("c", "garbage")
    assert (reader.n_reads, hub.n_watchers) == (0, 0)


async def test_refresh_when_the_database_is_away_then_the_hub_lives() -> None:
    """A read that fails is logged; the next one works."""

    async def fail(_run_id: UUID) -> RunFrame | None:
        raise Unavailable("database.unreachable", "away")

    hub = ProgressHub(fail)
    with hub.watch(RUN) as watcher:
        hub.refresh(RUN)
        await asyncio.sleep(0.01)
        hub.publish(RUN, _frame(2))
        assert (await _newest(watcher)).event_id == 2


async def test_close_when_the_server_stops_then_watchers_wake() -> None:
    """Stopping wakes everyone at once, also who comes later."""
    hub = ProgressHub(RowReader())
    with hub.watch(RUN) as watcher:
        await hub.close()
        async with asyncio.timeout(1):
            assert await watcher.newest() is None
            await watcher.pause(10)
        with hub.watch(RUN) as late:
            async with asyncio.timeout(1):
                assert await late.newest() is None
