"""Connections go back to the pool as they are, so nothing may be set on them that outlives a transaction."""

import asyncio
import re
from importlib import resources

import pytest

from sptraderb.store.pool import Pool
from sptraderb.store.sql import load_queries

# Both take a lock that they give back themselves: migrations on a connection of their own.
_OWN_LOCKS = {"migrate": {"lock"}, "timescale": {"try_lock", "unlock"}}
_OUTLIVES = re.compile(
    r"^\s*(SET\s+(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)|LISTEN\b|UNLISTEN\b|PREPARE\b|DECLARE\b|DISCARD\b)"
    r"|\bpg_(try_)?advisory_(un)?lock|set_config\([^)]*false\)",
    re.IGNORECASE | re.MULTILINE,
)


def _names() -> list[str]:
    folder = resources.files("sptraderb.store") / "queries"
    return sorted(path.name.removesuffix(".sql") for path in folder.iterdir() if path.name.endswith(".sql"))


@pytest.mark.parametrize("name", _names())
def test_queries_when_read_then_none_leaves_anything_on_its_connection(name: str) -> None:
    """Settings, locks, cursors and listening end with the transaction."""
    found = set()
    for query, text in load_queries(name).items():
        for statement in text.split(";"):
            if _OUTLIVES.search(re.sub(r"(?m)^\s*SET (?=\w+ = )", "", statement)):
                found.add(query)
    assert found <= _OWN_LOCKS.get(name, set())


async def test_connection_when_given_back_in_a_transaction_then_that_is_rolled_back(pool: Pool) -> None:
    """Who gets the connection next begins outside of any transaction, and the mistake is told."""
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    async with pool.acquire() as connection:
        server = await connection.fetchval("SELECT pg_backend_pid()")
        await connection.transaction().start()
        await connection.execute("CREATE TABLE sptraderb.left_behind (id int)")
    asyncio.get_running_loop().set_exception_handler(None)
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") == server
        assert not connection.is_in_transaction()
        assert await connection.fetchval("SELECT to_regclass('sptraderb.left_behind')") is None
    assert len(told) == 1
