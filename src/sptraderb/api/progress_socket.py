"""``WS /ws/backtest/{id}``: a run's state on connect, then a frame per change, until it ends.

Close codes: 1000 the run has ended (its last frame was sent), 1012 the server stops, 1013 too many
sockets or no database for now, 4401 no right to it, 4404 no such run. An unknown run is accepted
first and then closed: a refused handshake shows a browser no code.
"""

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath

from sptraderb.api.context import hub_of, services_of
from sptraderb.api.progress_hub import ProgressHub, SentFrame, Watcher, encoded
from sptraderb.api.run_answers import find_frame, parse_run_id
from sptraderb.api.security import identity_of
from sptraderb.errors import NotFound, Unavailable
from sptraderb.store.pool import DATABASE_DOWN

PROTOCOL = "sptraderb.v1"
FRAME_GAP_S = 0.1
SEND_TIMEOUT_S = 30.0
ENDED = 1000
SERVER_STOPS = 1012
TRY_AGAIN_LATER = 1013
NO_SUCH_RUN = 4404

_NOT_NOW: tuple[type[Exception], ...] = (Unavailable, *DATABASE_DOWN)

Socket = WebSocket[Any, Any, Any]


@websocket("/ws/backtest/{backtest_id:str}")
async def follow_backtest(socket: Socket, backtest_id: FromPath[str]) -> None:
    """Follow one backtest until it ends, the client leaves or the server stops."""
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(subprotocols=PROTOCOL if PROTOCOL in offered else None)
    with suppress(WebSocketDisconnect):
        code = await _closing_code(socket, backtest_id)
        await socket.close(code)


async def _closing_code(socket: Socket, backtest_id: str) -> int:
    hub, services = hub_of(socket), services_of(socket)
    if hub.is_closing:
        return SERVER_STOPS
    if hub.n_watchers >= services.settings.max_sockets:
        return TRY_AGAIN_LATER
    try:
        run_id = parse_run_id(backtest_id)
        return await _follow(socket, hub, run_id)
    except NotFound:
        return NO_SUCH_RUN
    except _NOT_NOW:
        return TRY_AGAIN_LATER


async def _follow(socket: Socket, hub: ProgressHub, run_id: UUID) -> int:
    # Watching starts before the row is read, so that no change falls between the two.
    with hub.watch(run_id) as watcher:
        frame = await find_frame(services_of(socket).pool, run_id, owner=identity_of(socket).owner)
        if frame is None:
            return NO_SUCH_RUN
        watcher.offer(encoded(frame))
        sending = asyncio.create_task(_send_frames(socket, hub, watcher))
        leaving = asyncio.create_task(_wait_until_left(socket))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise WebSocketDisconnect(detail="the client left")
            return sending.result()
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)


async def _send_frames(socket: Socket, hub: ProgressHub, watcher: Watcher) -> int:
    seen = _last_event_id(socket)
    while True:
        frame = await watcher.newest()
        if frame is not None and (frame.is_last or frame.event_id > seen):
            await _send(socket, frame)
            seen = frame.event_id
            if frame.is_last:
                return ENDED
        if hub.is_closing:
            return SERVER_STOPS
        await watcher.pause(FRAME_GAP_S)


async def _send(socket: Socket, frame: SentFrame) -> None:
    # A reader that takes nothing for this long is gone, whatever TCP believes.
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await socket.send_text(frame.text)
    except TimeoutError:
        raise WebSocketDisconnect(detail="the reader takes nothing") from None


async def _wait_until_left(socket: Socket) -> None:
    # Nothing a client says means anything here; it is read so that leaving is noticed.
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return


def _last_event_id(socket: Socket) -> int:
    text = str(socket.query_params.get("last_event_id", ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1
