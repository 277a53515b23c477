"""Fixtures for all tests: the shared data, and a real PostgreSQL with a database of its own per test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from sptraderb.store.pool import Pool, open_pool
from sptraderb.testing.database import DatabaseServer

_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_NO_SHARED_DATA = "needs ../shared/data"
_NO_TIMESCALE = "needs TimescaleDB"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real candles beside the checkout; without it the test is skipped and counted."""
    if not _SHARED_DATA.is_dir():
        pytest.skip(_NO_SHARED_DATA)
    return _SHARED_DATA


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    """Start one embedded PostgreSQL for the session, when the first test wants it."""
    with DatabaseServer() as server:
        yield server


@pytest.fixture
def database_url(database_server: DatabaseServer) -> Iterator[str]:
    """Give the address of a migrated database that only this test uses."""
    url = database_server.create_database()
    yield url
    database_server.drop_database(url)


@pytest.fixture
def empty_database_url(database_server: DatabaseServer) -> Iterator[str]:
    """Give the address of a database without our schema."""
    url = database_server.create_database(migrated=False)
    yield url
    database_server.drop_database(url)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Give a connection pool on a migrated database that only this test uses."""
    opened = await open_pool(database_url, size=5)
    yield opened
    await opened.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line each how many tests did not run for want of the shared data or of TimescaleDB."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason, sentence in (
        (_NO_SHARED_DATA, "../shared/data is absent"),
        (_NO_TIMESCALE, "no PostgreSQL with TimescaleDB is here (TEST_TIMESCALE_URL)"),
    ):
        n_skipped = sum(reason in str(report.longrepr) for report in skipped)
        if n_skipped:
            noun = "test" if n_skipped == 1 else "tests"
            terminalreporter.write_line(f"{n_skipped} {noun} skipped: {sentence}")
