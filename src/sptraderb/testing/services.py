"""Running services for tests: the real parts on a test's own database, and a real server around them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from litestar import Litestar

from sptraderb.api.server import server_config
from sptraderb.bootstrap import Services, open_services
from sptraderb.settings import Settings
from sptraderb.store.migrate import CODE_VERSION
from sptraderb.store.pool import connect

LOOPBACK = "127.0.0.1"
_STEP_S = 0.01
_FILLED_TABLES = """
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
 WHERE schemaname = 'sptraderb' AND tablename NOT IN ('schema_migrations', 'instruments', 'candle_storage')
"""


@asynccontextmanager
async def open_test_services(database_url: str, data_dir: Path, **variables: str) -> AsyncIterator[Services]:
    """Give services on a database that is there already.

    Parameters
    ----------
    database_url : str
        A test's own database.
    data_dir : Path
        For the candle cache.
    **variables
        Environment variables, such as ``ALLOWED_ORIGINS="https://app.example.com"``.
    """
    environ = {"DATABASE_URL": database_url, "DATA_DIR": str(data_dir), **variables}
    async with open_services(Settings.from_environ(environ)) as services:
        yield services


async def empty_tables(database_url: str) -> None:
    """Empty all tables of a test's database but the seeded instruments; faster than a new database."""
    connection = await connect(database_url)
    try:
        await connection.execute("DELETE FROM sptraderb.schema_migrations WHERE number > $1", CODE_VERSION)
        await connection.execute(f"TRUNCATE {await connection.fetchval(_FILLED_TABLES)} CASCADE")
    finally:
        await connection.close()


@asynccontextmanager
async def serve_on_free_port(app: Litestar) -> AsyncIterator[str]:
    """Serve an application by uvicorn on loopback; give ``127.0.0.1:port``; stop it as a signal would."""
    listening = socket.socket()
    listening.bind((LOOPBACK, 0))
    port = listening.getsockname()[1]
    server = uvicorn.Server(server_config(app, host=LOOPBACK, port=port))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if serving.done():
                await serving
            await asyncio.sleep(_STEP_S)
        yield f"{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        await serving
        listening.close()


@asynccontextmanager
async def client_of(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that speaks to an application in this process and loop, its lifespan running."""
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    # A task of its own holds the lifespan: it must end where it began, and a fixture's end is elsewhere.
    started, ended = asyncio.Event(), asyncio.Event()
    living = asyncio.create_task(_live(app, started, ended))
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait((living, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{LOOPBACK}") as client:
            yield client
    finally:
        ended.set()
        await living


async def _live(app: Litestar, started: asyncio.Event, ended: asyncio.Event) -> None:
    async with app.lifespan():
        started.set()
        await ended.wait()
