"""The LISTEN bridge: delivers, reconnects, says when something may have been missed."""

import asyncio

import pytest

from sptraderb.errors import InvariantBroken
from sptraderb.store.listen import PAYLOAD_LIMIT_BYTES, PROGRESS_CHANNEL, listen, notify
from sptraderb.store.pool import Pool
from sptraderb.testing.eventually import eventually


async def test_listen_when_notified_then_payload_arrives_after_the_commit(
    pool: Pool, database_url: str
) -> None:
    """A notification sent in a transaction arrives when that is committed, and only then."""
    heard: list[tuple[str, str]] = []
    listener = await listen(
        database_url, [PROGRESS_CHANNEL, "other"], lambda *one: heard.append(one), on_gap=lambda: None
    )
    async with pool.acquire() as connection:
        async with connection.transaction():
            await notify(connection, PROGRESS_CHANNEL, '{"n":1}')
            await notify(pool, "other", "at once")
            await eventually(lambda: heard)
        await eventually(lambda: len(heard) == 2)
    assert heard == [("other", "at once"), (PROGRESS_CHANNEL, '{"n":1}')]
    await listener.stop()
    await listener.stop()
    assert not listener.connected


async def test_listen_when_connection_is_cut_then_reconnects_and_tells_the_gap(
    pool: Pool, database_url: str
) -> None:
    """After a cut the bridge is back by itself, and its user is told to look again."""
    heard: list[str] = []
    gap = asyncio.Event()
    listener = await listen(database_url, ["c"], lambda _channel, text: heard.append(text), on_gap=gap.set)
    for round_number in range(2):
        gap.clear()
        cut = await pool.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = 'sptraderb listen' AND datname = current_database()"
        )
        assert cut == 1
        async with asyncio.timeout(10):
            await gap.wait()
        assert listener.connected
        await notify(pool, "c", str(round_number))
        await eventually(lambda: len(heard) > 0)
        assert heard.pop() == str(round_number)
    await listener.stop()


async def test_notify_when_payload_is_too_long_then_refused(pool: Pool) -> None:
    """PostgreSQL's limit is counted in bytes."""
    await notify(pool, "c", "x" * PAYLOAD_LIMIT_BYTES)
    with pytest.raises(InvariantBroken) as caught:
        await notify(pool, "c", "é" * (PAYLOAD_LIMIT_BYTES // 2 + 1))
    assert caught.value.code == "notify.too_long"
