"""The result cache: keeps what is final, and never stands in the way."""

import socket
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sptraderb.domain.backtest import Run, RunState
from sptraderb.errors import InvalidInput
from sptraderb.store.result_cache import LIFETIME_S, open_result_cache
from sptraderb.testing.redis_server import RedisServer
from sptraderb.testing.run_requests import build_request


def _run(state: RunState = RunState.COMPLETED) -> Run:
    return Run(
        id=uuid.uuid4(),
        owner="local",
        request=build_request(),
        state=state,
        attempt=1,
        has_result=state.is_final,
        created_at=datetime.now(tz=UTC),
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_keep_document_when_final_then_found_by_run_and_attempt_until_forgotten() -> None:
    """A document is kept for a while, for its attempt only."""
    async with RedisServer() as server:
        cache = await open_result_cache(server.url)
        run, document = _run(), bytes(range(256))
        assert await cache.find_document(run) is None
        await cache.keep_document(run, document)
        assert await cache.find_document(run) == document
        assert await cache.find_document(replace(run, attempt=2)) is None
        assert set(server.lifetimes.values()) == {LIFETIME_S}
        await cache.forget(run)
        assert await cache.find_document(run) is None
        await cache.close()


async def test_keep_document_when_run_is_not_final_then_not_kept() -> None:
    """What may still change is not cached, nor what is too large."""
    async with RedisServer() as server:
        cache = await open_result_cache(server.url)
        await cache.keep_document(_run(RunState.RUNNING), b"x")
        await cache.keep_document(_run(), b"x" * 9_000_000)
        assert server.values == {}
        assert await cache.find_document(_run(RunState.RUNNING)) is None
        await cache.close()


async def test_cache_when_redis_is_dead_then_does_without_and_recovers() -> None:
    """A Redis that is away costs nothing but its use, and is used again when it is back."""
    port = _free_port()
    cache = await open_result_cache(f"redis://127.0.0.1:{port}/0", rest_s=0.0)
    run = _run()
    assert not await cache.answers()
    await cache.keep_document(run, b"x")
    assert await cache.find_document(run) is None
    async with RedisServer(port):
        await cache.keep_document(run, b"x")
        assert await cache.find_document(run) == b"x"
    assert await cache.find_document(run) is None
    async with RedisServer(port):
        assert await cache.answers()
    await cache.close()


async def test_cache_when_redis_failed_then_left_alone_for_a_while() -> None:
    """After a failure no request waits for Redis until the rest is over."""
    cache = await open_result_cache(f"redis://127.0.0.1:{_free_port()}/0", rest_s=60.0)
    assert not cache.available
    assert await cache.find_document(_run()) is None
    await cache.close()


async def test_open_result_cache_when_address_is_none_then_refused() -> None:
    """An address of something else is a mistake of the input."""
    with pytest.raises(InvalidInput) as caught:
        await open_result_cache("http://127.0.0.1")
    assert caught.value.code == "redis.url_invalid"
