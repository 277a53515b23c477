"""Fixtures of the API's tests: services on a test's own database, a client in process, a live server."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from sptraderb.api.app import create_app
from sptraderb.bootstrap import Services
from sptraderb.testing.database import DatabaseServer
from sptraderb.testing.services import client_of, empty_tables, open_test_services, serve_on_free_port

ALLOWED_ORIGIN = "https://app.example.com"


@pytest.fixture(scope="session")
def kept_database_url(database_server: DatabaseServer) -> Iterator[str]:
    """One database for all tests of the API; each test finds its tables empty."""
    url = database_server.create_database()
    yield url
    database_server.drop_database(url)


@pytest_asyncio.fixture
async def database_url(kept_database_url: str) -> str:
    """Give the address of a database whose tables are empty."""
    await empty_tables(kept_database_url)
    return kept_database_url


@pytest_asyncio.fixture
async def services(database_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    """Real services; one web client's origin is allowed."""
    async with open_test_services(database_url, tmp_path, ALLOWED_ORIGINS=ALLOWED_ORIGIN) as opened:
        yield opened


@pytest_asyncio.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client in process, speaking to loopback."""
    async with client_of(create_app(services)) as opened:
        yield opened


@pytest_asyncio.fixture
async def live_address(services: Services) -> AsyncIterator[str]:
    """``127.0.0.1:port`` of a real server."""
    async with serve_on_free_port(create_app(services)) as address:
        yield address
