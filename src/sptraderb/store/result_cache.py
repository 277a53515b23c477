"""An optional copy of finished results in Redis; without it everything works, a little slower.

Place: beside ``result_rows``. Only documents of final runs are kept, by run and attempt, for a while.
Ownership is checked in PostgreSQL before the cache is read. A Redis that is away is left alone for a few
seconds and then tried again: no request waits for it twice, and none fails because of it.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from sptraderb.domain.backtest import Run
from sptraderb.errors import InvalidInput

LIFETIME_S = 3_600
_LARGEST_BYTES = 8_000_000
_TIMEOUT_S = 0.25
_REST_S = 5.0
_Answer = TypeVar("_Answer")

_log = logging.getLogger("sptraderb.store.result_cache")


class ResultCache:
    """Documents of finished runs in Redis; made by :func:`open_result_cache`.

    Parameters
    ----------
    client : redis.asyncio.Redis
        Connects when first used.
    failures : tuple of type
        What the client raises when Redis does not answer.
    rest_s : float
        How long a Redis that failed is left alone, in seconds.
    """

    def __init__(
        self, client: Any, *, failures: tuple[type[Exception], ...], rest_s: float = _REST_S
    ) -> None:
        self._client = client
        self._failures = failures
        self._rest_s = rest_s
        self._away_until = 0.0

    @property
    def available(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return time.monotonic() >= self._away_until

    async def find_document(self, run: Run) -> bytes | None:
        """Return a run's packed document, None where it is not kept; the caller has checked the owner."""
        if not run.state.is_final or not run.has_result:
            return None
        found = await self._ask(lambda: self._client.get(_key(run.id, run.attempt)))
        return found if isinstance(found, bytes) else None

    async def keep_document(self, run: Run, document: bytes) -> None:
        """Keep a final run's packed document for an hour, unless it is too large."""
        if run.state.is_final and len(document) <= _LARGEST_BYTES:
            await self._ask(lambda: self._client.set(_key(run.id, run.attempt), document, ex=LIFETIME_S))

    async def forget(self, run: Run) -> None:
        """Drop what is kept of a run that is deleted or has changed."""
        await self._ask(lambda: self._client.delete(_key(run.id, run.attempt)))

    async def answers(self) -> bool:
        """Ask Redis for a sign of life."""
        return await self._ask(self._client.ping) is not None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, question: Callable[[], Awaitable[_Answer]]) -> _Answer | None:
        if not self.available:
            return None
        try:
            return await question()
        except self._failures as error:
            self._away_until = time.monotonic() + self._rest_s
            _log.warning("Redis does not answer, going on without it: %s", error)
            return None


async def open_result_cache(url: str, *, rest_s: float = _REST_S) -> ResultCache:
    """Return a cache on a Redis; a dead one is a warning in the log, nothing more.

    Parameters
    ----------
    url : str
        ``REDIS_URL``, such as ``redis://127.0.0.1:6379/0``.
    rest_s : float
        How long a Redis that failed is left alone, in seconds.

    Returns
    -------
    ResultCache
        To be closed by the caller.

    Raises
    ------
    InvalidInput
        If the address cannot be read (``redis.url_invalid``).
    """
    # Only who configures Redis pays for its import, a fifth of the program's.
    import redis.asyncio
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError

    try:
        client = redis.asyncio.Redis.from_url(
            url,
            protocol=2,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise InvalidInput(
            "redis.url_invalid",
            f"`REDIS_URL` must be an address of Redis, found: {error}",
            hint="such as redis://127.0.0.1:6379/0",
        ) from error
    cache = ResultCache(client, failures=(RedisError, OSError, TimeoutError), rest_s=rest_s)
    await cache.answers()
    return cache


def _key(run_id: UUID, attempt: int) -> str:
    return f"sptraderb:result:{run_id}:{attempt}"
