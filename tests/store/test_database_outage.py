"""PostgreSQL is killed under a working program: nothing accepted is lost, everybody finds back by itself."""

import asyncio
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from sptraderb.store import jobs, run_moves, run_rows
from sptraderb.store.embedded import EmbeddedServer, open_embedded
from sptraderb.store.listen import listen, notify
from sptraderb.store.migrate import migrate
from sptraderb.store.pool import DATABASE_DOWN, Pool, close_pool, open_pool
from sptraderb.testing.eventually import eventually
from sptraderb.testing.run_requests import build_request, build_result


@pytest_asyncio.fixture
async def server() -> AsyncIterator[EmbeddedServer]:
    """Give a durable server of its own, since the tests' shared one must not be killed."""
    folder = Path(tempfile.mkdtemp(prefix="sptraderb-outage-"))
    folder.chmod(0o755)
    async with await open_embedded(folder) as opened:
        await migrate(opened.url)
        yield opened
    shutil.rmtree(folder)


async def _kill(server: EmbeddedServer) -> None:
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: server.pid not in (None, pid))


async def _works(pool: Pool) -> bool:
    try:
        return await pool.fetchval("SELECT 1") == 1
    except DATABASE_DOWN:
        return False


async def test_killed_postgres_when_run_was_accepted_then_it_is_still_there(server: EmbeddedServer) -> None:
    """Run and job of a committed transaction survive, those of an open one are gone together."""
    pool = await open_pool(server.url, size=3)
    kept, lost, worker = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    async with pool.acquire() as connection, connection.transaction():
        await run_rows.insert_run(connection, kept, build_request(), owner="local")
        await jobs.enqueue(connection, kind="backtest", entity_id=kept)
    open_one = await pool.acquire()
    await open_one.execute("BEGIN")
    await run_rows.insert_run(open_one, lost, build_request(), owner="local")
    await jobs.enqueue(open_one, kind="backtest", entity_id=lost)
    await _kill(server)
    await eventually(lambda: _works(pool))
    [job] = await jobs.next_jobs(pool, kinds=["backtest"], batch=5, worker_id=worker)
    assert job.entity_id == kept
    assert [run.id for run in (await run_rows.list_runs(pool, owner="local")).runs] == [kept]
    await pool.release(open_one)
    await close_pool(pool)


async def test_killed_postgres_when_run_is_running_then_its_worker_goes_on(server: EmbeddedServer) -> None:
    """A claim outlives the outage: the same worker finishes the run, once."""
    pool = await open_pool(server.url, size=3)
    async with pool.acquire() as connection:
        run = await run_rows.insert_run(connection, uuid.uuid4(), build_request(), owner="local")
    claimed = await run_moves.claim_run(pool, run.id, worker_id=uuid.uuid4())
    assert claimed is not None
    await _kill(server)
    await eventually(lambda: _works(pool))
    finished = await run_moves.finish_run(pool, run.id, build_result(), attempt=claimed.attempt)
    again = await run_moves.finish_run(pool, run.id, build_result(), attempt=claimed.attempt)
    assert finished is not None
    assert again is None
    await close_pool(pool)


async def test_killed_postgres_when_listening_then_gap_is_told_and_listening_goes_on(
    server: EmbeddedServer,
) -> None:
    """The bridge reconnects to the same address and says that it was away."""
    heard: list[str] = []
    gap = asyncio.Event()
    listener = await listen(server.url, ["c"], lambda _channel, text: heard.append(text), on_gap=gap.set)
    pool = await open_pool(server.url, size=2)
    await _kill(server)
    async with asyncio.timeout(15):
        await gap.wait()
    await eventually(lambda: _works(pool))
    await notify(pool, "c", "back")
    await eventually(lambda: heard == ["back"])
    await listener.stop()
    await close_pool(pool)
