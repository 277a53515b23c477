"""The LISTEN bridge: one connection per process that hands notifications to a callback.

It reconnects with backoff by itself. What was sent while it was away is lost to it, so after each
reconnect it calls ``on_gap`` and the caller reads the rows again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

import asyncpg

from sptraderb.errors import InvariantBroken, Unavailable
from sptraderb.store.pool import Database, connect

PROGRESS_CHANNEL = "sptraderb_progress"
CANCEL_CHANNEL = "sptraderb_cancel"
JOBS_CHANNEL = "ch_pgqueuer"
PAYLOAD_LIMIT_BYTES = 7_999
_PROBE_EVERY_S = 5.0
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0

_log = logging.getLogger("sptraderb.store.listen")


class Listener:
    """A running LISTEN bridge; made by :func:`listen`.

    Parameters
    ----------
    url : str
        Address of the database.
    channels : sequence of str
        Channels to listen on.
    on_payload : callable
        Called with channel and payload, on the event loop; must not block.
    on_gap : callable
        Called after each reconnect.
    """

    def __init__(
        self,
        url: str,
        channels: Sequence[str],
        *,
        on_payload: Callable[[str, str], None],
        on_gap: Callable[[], None],
    ) -> None:
        self._url = url
        self._channels = tuple(channels)
        self._on_payload = on_payload
        self._on_gap = on_gap
        self._lost = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether notifications arrive now."""
        return self._connection is not None and not self._connection.is_closed()

    async def start(self, *, wait_s: float) -> None:
        """Connect and listen; then keep listening in a task of its own.

        Raises
        ------
        Unavailable
            If the server does not answer within ``wait_s`` (``database.unreachable``).
        """
        await self._attach(wait_s)
        self._task = asyncio.create_task(self._keep(), name="listen")

    async def stop(self) -> None:
        """End the task and close the connection; idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._detach()

    async def _attach(self, wait_s: float) -> None:
        connection = await connect(self._url, wait_s=wait_s, name="sptraderb listen")
        self._lost.clear()
        connection.add_termination_listener(lambda _connection: self._lost.set())
        try:
            for channel in self._channels:
                await connection.add_listener(channel, self._receive)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection

    async def _detach(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            async with asyncio.timeout(1.0):
                await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()

    def _receive(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._on_payload(channel, str(payload))

    async def _keep(self) -> None:
        while True:
            await self._wait_until_lost()
            await self._detach()
            _log.warning("listening connection lost, reconnecting")
            pause_s = _FIRST_PAUSE_S
            while not self.connected:
                try:
                    await self._attach(0.0)
                except (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            self._on_gap()

    async def _wait_until_lost(self) -> None:
        # A connection cut by the network alone says nothing; a small question now and then does.
        while not self._lost.is_set():
            try:
                async with asyncio.timeout(_PROBE_EVERY_S):
                    await self._lost.wait()
            except TimeoutError:
                if not await self._answers():
                    return

    async def _answers(self) -> bool:
        connection = self._connection
        if connection is None or connection.is_closed():
            return False
        try:
            async with asyncio.timeout(_PROBE_EVERY_S):
                await connection.fetchval("SELECT 1")
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()
            return False
        return True


async def listen(
    url: str,
    channels: Sequence[str],
    on_payload: Callable[[str, str], None],
    *,
    on_gap: Callable[[], None],
    wait_s: float = 60.0,
) -> Listener:
    """Listen on channels of a database until told to stop.

    Parameters
    ----------
    url : str
        Address of the database; a direct or session-mode connection.
    channels : sequence of str
        Such as ``PROGRESS_CHANNEL``.
    on_payload : callable
        Called with channel and payload for each notification, on the event loop; must not block.
    on_gap : callable
        Called after each reconnect: notifications may have been missed.
    wait_s : float
        How long to wait for the first connection, in seconds.

    Returns
    -------
    Listener
        Listening already; ``await listener.stop()`` ends it.

    Raises
    ------
    Unavailable
        If the server does not answer in time (``database.unreachable``).
    """
    listener = Listener(url, channels, on_payload=on_payload, on_gap=on_gap)
    await listener.start(wait_s=wait_s)
    return listener


async def notify(database: Database, channel: str, payload: str) -> None:
    """Send a notification; inside a transaction it goes out at the commit.

    Parameters
    ----------
    database : Pool or Connection
        Where to send from.
    channel : str
        Name of the channel.
    payload : str
        At most 7,999 bytes of UTF-8, PostgreSQL's limit.

    Raises
    ------
    InvariantBroken
        If the payload is longer (``notify.too_long``).
    """
    n_bytes = len(payload.encode())
    if n_bytes > PAYLOAD_LIMIT_BYTES:
        raise InvariantBroken(
            "notify.too_long", f"a notification must be at most {PAYLOAD_LIMIT_BYTES} bytes, was {n_bytes}"
        )
    await database.execute("SELECT pg_notify($1, $2)", channel, payload)
