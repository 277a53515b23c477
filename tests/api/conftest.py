"""Fixtures of the API's tests: services on a test's own database, a client in process, a live server."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio

from sptraderb.api.app import create_app
from sptraderb.bootstrap import Services
from sptraderb.testing.services import client_of, open_test_services, serve_on_free_port

ALLOWED_ORIGIN = "https://app.example.com"


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
