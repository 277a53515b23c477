"""The progress socket, by a real server and a real client."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from sptraderb.api.app import create_app
from sptraderb.bootstrap import Services
from sptraderb.store import run_rows
from sptraderb.store.listen import PROGRESS_CHANNEL, notify
from sptraderb.testing.run_requests import build_request
from sptraderb.testing.services import open_test_services, serve_on_free_port

WAIT_S = 10.0
FRAME_FIELDS = {"type", "backtest_id", "status", "progress", "phase", "error", "event_id", "trades"}


async def _insert(services: Services, owner: str = "local") -> UUID:
    run_id = uuid.uuid4()
    async with services.pool.acquire() as connection:
        await run_rows.insert_run(connection, run_id, build_request(), owner=owner)
    return run_id


async def _announce(services: Services, run_id: UUID, event: int, **fields: Any) -> None:
    notice = {
        "run": str(run_id),
        "event": event,
        "status": "running",
        "phase": "simulating",
        "progress": 40.0,
    }
    await notify(services.pool, PROGRESS_CHANNEL, msgspec.json.encode({**notice, **fields}).decode())


async def _end(services: Services, run_id: UUID, state: str, error: str | None = None) -> None:
    await services.pool.execute(
        "UPDATE sptraderb.backtest_runs SET state = $2, phase = 'done', completed_at = now(), error = $3,"
        " has_result = ($2 = 'completed'), event_id = event_id + 100 WHERE id = $1",
        run_id,
        state,
        error,
    )
    await _announce(services, run_id, 0, status=state, phase="done")


@asynccontextmanager
async def _follow(
    address: str, run_id: UUID | str, query: str = "", **options: Any
) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://{address}/ws/backtest/{run_id}{query}", **options) as socket:
        yield socket


async def _frame(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_S):
        frame: dict[str, Any] = msgspec.json.decode(await socket.recv())
    return frame


async def _close_code(socket: ClientConnection) -> int | None:
    async with asyncio.timeout(WAIT_S):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed:
            return socket.close_code


async def test_socket_when_connected_then_state_changes_and_the_end(
    live_address: str, services: Services
) -> None:
    """The current state comes first, then a frame per change, then the last frame and code 1000."""
    run_id = await _insert(services)
    async with _follow(live_address, run_id) as socket:
        first = await _frame(socket)
        assert set(first) >= FRAME_FIELDS
        assert (first["type"], first["status"], first["phase"]) == ("progress", "running", "queued")
        assert first["backtest_id"] == str(run_id)
        await _announce(services, run_id, 10, trades=3, equity=[1_710_918_000, "10010.50"], eta=2.5)
        second = await _frame(socket)
        assert (second["event_id"], second["progress"], second["trades"]) == (10, 40.0, 3)
        assert second["equity"] == ["2024-03-20T07:00:00Z", "10010.50"]
        await _end(services, run_id, "completed")
        last = await _frame(socket)
        assert (last["type"], last["status"], last["progress"]) == ("completed", "completed", 100.0)
        assert await _close_code(socket) == 1000


async def test_socket_when_the_run_failed_then_the_last_frame_tells_why(
    live_address: str, services: Services
) -> None:
    """The notification holds few figures; the error is read from the row."""
    run_id = await _insert(services)
    error = {"code": "money.overflow", "message": "too much", "context": {}}
    async with _follow(live_address, run_id) as socket:
        await _frame(socket)
        await _end(services, run_id, "failed", msgspec.json.encode(error).decode())
        last = await _frame(socket)
        assert (last["type"], last["error"]) == ("failed", error)
        assert await _close_code(socket) == 1000


async def test_socket_when_the_run_has_ended_before_then_one_frame_and_1000(
    live_address: str, services: Services
) -> None:
    """Who comes late gets the end at once, even having seen later events."""
    run_id = await _insert(services)
    await _end(services, run_id, "cancelled")
    async with _follow(live_address, run_id, "?last_event_id=999999") as socket:
        assert (await _frame(socket))["type"] == "cancelled"
        assert await _close_code(socket) == 1000


@pytest.mark.parametrize("name", ["nonsense", "0b7e3a52-3f0c-4d53-9d11-6a7b3d0a1c11"])
async def test_socket_when_the_run_is_unknown_then_4404(live_address: str, name: str) -> None:
    """An unknown run is accepted and closed with a code a browser can see."""
    async with _follow(live_address, name) as socket:
        assert await _close_code(socket) == 4404


async def test_socket_when_another_owners_run_then_4404(live_address: str, services: Services) -> None:
    """Another user's run does not exist."""
    run_id = await _insert(services, owner="somebody")
    async with _follow(live_address, run_id) as socket:
        assert await _close_code(socket) == 4404


async def test_socket_when_events_were_seen_then_they_are_skipped(
    live_address: str, services: Services
) -> None:
    """`last_event_id` skips what was seen; nonsense in it counts as nothing seen."""
    run_id = await _insert(services)
    async with (
        _follow(live_address, run_id, "?last_event_id=10") as seen,
        _follow(live_address, run_id, "?last_event_id=x") as fresh,
    ):
        assert (await _frame(fresh))["phase"] == "queued"
        await _announce(services, run_id, 10)
        await _announce(services, run_id, 11)
        assert (await _frame(seen))["event_id"] == 11


async def test_socket_when_changes_rain_then_ten_frames_a_second_at_most(
    live_address: str, services: Services
) -> None:
    """A hundred changes in a moment become a few frames; the newest is among them."""
    run_id = await _insert(services)
    async with _follow(live_address, run_id) as socket:
        await _frame(socket)
        started = time.monotonic()
        for event in range(1, 101):
            await _announce(services, run_id, event)
        ids = [(await _frame(socket))["event_id"]]
        while ids[-1] < 100:
            ids.append((await _frame(socket))["event_id"])
        elapsed_s = time.monotonic() - started
    assert ids == sorted(set(ids))
    assert len(ids) <= elapsed_s / 0.1 + 2


async def test_socket_when_the_protocol_is_offered_then_echoed(live_address: str, services: Services) -> None:
    """`sptraderb.v1` is echoed; a bearer beside it never is."""
    run_id = await _insert(services)
    offered = [Subprotocol("bearer.secret"), Subprotocol("sptraderb.v1")]
    async with _follow(live_address, run_id, subprotocols=offered) as socket:
        assert socket.subprotocol == "sptraderb.v1"


async def test_socket_when_from_a_foreign_page_or_host_then_refused(
    live_address: str, services: Services
) -> None:
    """A page that is neither ours nor allowed cannot listen in."""
    run_id = await _insert(services)
    with pytest.raises(InvalidStatus) as caught:
        async with _follow(live_address, run_id, origin=Origin("https://evil.example")):
            pass
    assert caught.value.response.status_code == 403
    async with _follow(live_address, run_id, origin=Origin("https://app.example.com")) as socket:
        assert (await _frame(socket))["type"] == "progress"


async def test_socket_when_the_server_stops_then_1012(services: Services) -> None:
    """Stopping tells every socket that the server restarts."""
    run_id = await _insert(services)
    async with serve_on_free_port(create_app(services)) as address:
        socket = await connect(f"ws://{address}/ws/backtest/{run_id}")
        await _frame(socket)
    assert await _close_code(socket) == 1012


async def test_socket_when_too_many_then_1013(database_url: str, tmp_path: Path) -> None:
    """Beyond the limit a socket is told to come back later; a place that is left can be taken."""
    async with (
        open_test_services(database_url, tmp_path, MAX_SOCKETS="1") as services,
        serve_on_free_port(create_app(services)) as address,
    ):
        run_id = await _insert(services)
        async with _follow(address, run_id) as first:
            await _frame(first)
            async with _follow(address, run_id) as second:
                assert await _close_code(second) == 1013


async def test_socket_when_a_message_comes_in_then_it_means_nothing(
    live_address: str, services: Services
) -> None:
    """What a client says is read and left."""
    run_id = await _insert(services)
    async with _follow(live_address, run_id) as socket:
        await _frame(socket)
        await socket.send("hello")
        await _announce(services, run_id, 5)
        assert (await _frame(socket))["event_id"] == 5


async def test_socket_when_hundreds_follow_one_run_then_all_get_the_end(
    live_address: str, services: Services
) -> None:
    """Many sockets on one run cost one read of the row."""
    run_id = await _insert(services)
    n_sockets = 200
    sockets = [await connect(f"ws://{live_address}/ws/backtest/{run_id}") for _ in range(n_sockets)]
    await _end(services, run_id, "completed")
    codes = await asyncio.gather(*(_close_code(socket) for socket in sockets))
    assert codes == [1000] * n_sockets
