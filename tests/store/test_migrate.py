"""Migrations: once, in order, several instances at once, never onto a newer schema."""

import asyncio
import hashlib
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from sptraderb.errors import Conflict, InvalidInput, InvariantBroken, NotPermitted, Unavailable
from sptraderb.store.migrate import CODE_VERSION, Migration, migrate, read_migrations, schema_version
from sptraderb.store.pool import (
    DATABASE_DOWN,
    close_pool,
    connect,
    is_database_down,
    open_pool,
    ping,
    pool_figures,
    safe_place,
    transaction,
)
from sptraderb.store.sql import load_queries, parse_queries
from sptraderb.testing.eventually import eventually


def _made(number: int, sql: str) -> Migration:
    return Migration(
        number=number, name=f"{number:04}_made", sql=sql, checksum=hashlib.sha256(sql.encode()).hexdigest()
    )


async def _fetch(url: str, question: str) -> list[asyncpg.Record]:
    connection = await connect(url)
    try:
        return await connection.fetch(question)
    finally:
        await connection.close()


async def test_migrate_when_empty_then_whole_schema_and_then_nothing(empty_database_url: str) -> None:
    """The first call makes everything and tells its steps, the second finds it done."""
    steps: list[tuple[int, int, str]] = []
    first = await migrate(empty_database_url, on_progress=lambda *step: steps.append(step))
    second = await migrate(empty_database_url)
    names = [migration.name for migration in read_migrations()]
    assert list(first.applied) == names
    assert (first.version, second.version, second.applied) == (CODE_VERSION, CODE_VERSION, ())
    assert steps == [(n, len(names), name) for n, name in enumerate([*names, ""])]


async def test_migrate_when_several_at_once_then_each_migration_runs_once(empty_database_url: str) -> None:
    """Instances that start together do not trip over each other."""
    reports = await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
    assert sorted(len(report.applied) for report in reports) == [0, 0, 0, CODE_VERSION]
    rows = await _fetch(empty_database_url, "SELECT number FROM sptraderb.schema_migrations ORDER BY number")
    assert [row["number"] for row in rows] == list(range(1, CODE_VERSION + 1))


async def test_migrate_when_schema_is_newer_then_refused_and_untouched(empty_database_url: str) -> None:
    """A program older than the schema does not start."""
    newer = [*read_migrations(), _made(CODE_VERSION + 1, "CREATE TABLE from_the_future (x int)")]
    await migrate(empty_database_url, migrations=newer)
    with pytest.raises(Conflict) as caught:
        await migrate(empty_database_url)
    assert caught.value.code == "schema.too_new"
    assert caught.value.context["schema_version"] == CODE_VERSION + 1


async def test_migrate_when_applied_text_differs_then_refused(empty_database_url: str) -> None:
    """A migration that was applied never changes."""
    await migrate(empty_database_url, migrations=[_made(1, "CREATE TABLE one (x int)")])
    with pytest.raises(Conflict) as caught:
        await migrate(empty_database_url, migrations=[_made(1, "CREATE TABLE one (x bigint)")])
    assert caught.value.code == "schema.changed"


async def test_migrate_when_one_fails_then_it_leaves_nothing_and_those_before_stay(
    empty_database_url: str,
) -> None:
    """Each migration is one transaction with its record."""
    good, bad = _made(1, "CREATE TABLE one (x int)"), _made(2, "CREATE TABLE two (x int); SELECT 1/0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_database_url, migrations=[good, bad])
    rows = await _fetch(
        empty_database_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'sptraderb' ORDER BY 1"
    )
    assert [row["tablename"] for row in rows] == ["one", "schema_migrations"]
    connection = await connect(empty_database_url)
    assert await schema_version(connection) == 1
    await connection.close()


async def test_migrate_when_seeds_names_are_taken_then_they_are_left_alone_and_told(
    empty_database_url: str,
) -> None:
    """What a database already has under the seed's names stays as it is."""
    connection = await connect(empty_database_url)
    assert await schema_version(connection) == 0
    await connection.execute(
        "CREATE TABLE public.workspaces (mine text); INSERT INTO public.workspaces VALUES ('x')"
    )
    report = await migrate(empty_database_url)
    assert any("public.workspaces" in notice for notice in report.notices)
    assert await connection.fetchval("SELECT mine FROM public.workspaces") == "x"
    assert await connection.fetchval("SELECT count(*) FROM public.backtest_runs") == 0
    await connection.close()


async def test_migrate_when_role_has_another_search_path_then_names_still_are_ours(
    empty_database_url: str,
) -> None:
    """The role's search_path has no say in where tables go."""
    connection = await connect(empty_database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET search_path = pg_catalog")
    await connection.close()
    await migrate(empty_database_url)
    rows = await _fetch(
        empty_database_url,
        "SELECT 1 FROM pg_tables WHERE schemaname = 'sptraderb' AND tablename = 'pgqueuer'",
    )
    assert len(rows) == 1


async def test_migrate_when_user_may_not_then_said(empty_database_url: str) -> None:
    """A user without the right to make a schema is told which right is missing."""
    connection = await connect(empty_database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"CREATE ROLE {name}_guest LOGIN PASSWORD 'guest'")
    parts = urlsplit(empty_database_url)
    guest = parts._replace(netloc=f"{name}_guest:guest@{parts.hostname}:{parts.port}")
    with pytest.raises(NotPermitted) as caught:
        await migrate(urlunsplit(guest))
    assert caught.value.code == "database.no_right"
    await connection.execute(f"DROP ROLE {name}_guest")
    await connection.close()


async def test_connect_when_nothing_answers_then_unreachable_after_the_stated_time() -> None:
    """Waiting has an end, and the sentence says where it waited, without the password."""
    with pytest.raises(Unavailable) as caught:
        await connect("postgresql://ann:secret@127.0.0.1:1/db", wait_s=0.2)
    assert caught.value.code == "database.unreachable"
    assert "127.0.0.1:1/db" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_connect_when_password_is_wrong_then_refused_at_once(database_url: str) -> None:
    """Waiting does not help against a wrong password or a missing database."""
    wrong_password = database_url.replace("sptraderb:", "sptraderb:x", 1)
    for url in (wrong_password, database_url.replace("/test_", "/none_")):
        with pytest.raises(Unavailable) as caught:
            await connect(url, wait_s=30)
        assert caught.value.code == "database.refused"


@pytest.mark.parametrize(
    "url", ["mysql://h/d", "", "postgresql://h:port/d", "postgresql://h/d?sslmode=maybe"]
)
async def test_connect_when_address_is_no_address_then_refused(url: str) -> None:
    """An address that is none of PostgreSQL's is a mistake of the input."""
    with pytest.raises(InvalidInput) as caught:
        await connect(url, wait_s=0)
    assert caught.value.code == "database.url_invalid"


def test_safe_place_when_address_holds_password_then_it_is_left_out() -> None:
    """Logs get host, port and database only."""
    assert safe_place("postgres://u:p@db.example:5433/runs?sslmode=require") == "db.example:5433/runs"


async def test_pool_when_connections_are_cut_then_next_query_works(database_url: str) -> None:
    """After PostgreSQL was away the pool is whole again by itself."""
    pool = await open_pool(database_url, size=2)
    pid = await pool.fetchval("SELECT pg_backend_pid()")
    other = await connect(database_url)
    await other.execute("SELECT pg_terminate_backend($1)", pid)
    await other.close()

    async def answers() -> bool:
        try:
            await ping(pool)
            return bool(await pool.fetchval("SELECT 1"))
        except (Unavailable, *DATABASE_DOWN):
            return False

    await eventually(answers)
    figures = pool_figures(pool)
    assert (figures.max_size, figures.in_use) == (2, 0)
    await pool.close()


async def test_close_pool_when_a_connection_is_not_given_back_then_cut_off(database_url: str) -> None:
    """Shutting down does not wait for ever."""
    pool = await open_pool(database_url, size=2)
    await pool.acquire()
    await close_pool(pool, within_s=0.1)
    assert pool.is_closing()
    with pytest.raises(asyncpg.InterfaceError):
        await pool.fetchval("SELECT 1")


async def test_is_database_down_when_query_is_wrong_then_no_when_connection_is_gone_then_yes(
    database_url: str,
) -> None:
    """A wrong argument is no outage, a closed connection is one."""
    connection = await connect(database_url)
    with pytest.raises(asyncpg.DataError) as wrong:
        await connection.fetchval("SELECT $1::int", "x")
    assert not is_database_down(wrong.value)
    await connection.close()
    with pytest.raises(asyncpg.InterfaceError) as gone:
        await connection.fetchval("SELECT 1")
    assert is_database_down(gone.value)
    assert is_database_down(ConnectionRefusedError())


async def test_transaction_when_it_fails_then_rolled_back_on_pool_and_connection(database_url: str) -> None:
    """On a pool it is a transaction, inside another a savepoint."""
    pool = await open_pool(database_url, size=2)
    await pool.execute("CREATE TABLE t (x int)")
    with pytest.raises(ZeroDivisionError):
        await _insert_and_fail(pool)
    async with transaction(pool) as connection:
        with pytest.raises(ZeroDivisionError):
            await _insert_and_fail(connection)
        await connection.execute("INSERT INTO t VALUES (2)")
    assert [row["x"] for row in await pool.fetch("SELECT x FROM t")] == [2]
    await pool.close()


async def _insert_and_fail(database: asyncpg.Pool) -> None:
    async with transaction(database) as connection:
        await connection.execute("INSERT INTO t VALUES (1)")
        raise ZeroDivisionError


def test_queries_when_all_files_are_loaded_then_each_has_name_reason_and_text() -> None:
    """Every query of every file has a reason; a missing one is a defect."""
    for name in (
        "run_rows",
        "run_moves",
        "result_rows",
        "strategy_rows",
        "workspace_rows",
        "jobs",
        "migrate",
    ):
        assert load_queries(name)
    for text in (
        "-- a --\nSELECT 1",
        "-- a --\n-- why\n",
        "-- a --\n-- why\nSELECT 1\n-- a --\n-- why\nSELECT 2",
    ):
        with pytest.raises(InvariantBroken) as caught:
            parse_queries(text, source="x.sql")
        assert caught.value.code == "sql.malformed"
    assert parse_queries("-- a --\n-- why\nSELECT 1;\n\n-- b --\n-- why\n-- so\nSELECT 2\n", source="x") == {
        "a": "SELECT 1;",
        "b": "SELECT 2",
    }
