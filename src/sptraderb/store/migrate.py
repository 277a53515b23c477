"""Migrations: numbered SQL files, each applied once, in one transaction, under an advisory lock.

1. Connect, with patience (:func:`sptraderb.store.pool.connect`).
2. Take the lock: of several instances that start at once, one migrates and the others wait.
3. Compare the table of applied migrations with the files: refuse a newer schema or a changed file.
4. Apply what is missing, in order, each with its row in one transaction.
5. Look at candles that were there before: adopt them once, later see that they are still there.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources

import asyncpg

from sptraderb.errors import Conflict, InvariantBroken, NotPermitted
from sptraderb.store.adopted_relations import settle_adoption
from sptraderb.store.pool import Connection, Database, connect
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("migrate")
OLDEST_SERVER = 14
_FILE_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file of ``store/migrations``.

    Parameters
    ----------
    number : int
        Place in the order, from 1, without gaps.
    name : str
        File name without ``.sql``.
    sql : str
        Its text.
    checksum : str
        SHA-256 of the text, in hex.
    """

    number: int
    name: str
    sql: str
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationReport:
    """What :func:`migrate` found and did.

    Parameters
    ----------
    version : int
        The schema's version now.
    applied : tuple of str
        Names of the migrations applied by this call, in order.
    notices : tuple of str
        What the migrations had to say, such as relations they left alone.
    """

    version: int
    applied: tuple[str, ...]
    notices: tuple[str, ...]


def read_migrations() -> tuple[Migration, ...]:
    """Return the program's migrations in order.

    Raises
    ------
    InvariantBroken
        If a file name is not ``NNNN_name.sql`` or the numbers have a gap (``schema.malformed``).
    """
    found = []
    for entry in resources.files("sptraderb.store").joinpath("migrations").iterdir():
        if not entry.name.endswith(".sql"):
            continue
        named = _FILE_NAME.match(entry.name)
        if named is None:
            raise InvariantBroken("schema.malformed", f"a migration is NNNN_name.sql, was {entry.name}")
        sql = entry.read_text("utf-8")
        checksum = hashlib.sha256(sql.encode()).hexdigest()
        found.append(Migration(number=int(named[1]), name=entry.name[:-4], sql=sql, checksum=checksum))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise InvariantBroken("schema.malformed", "migrations must be numbered 1, 2, 3 without gap or double")
    return tuple(found)


CODE_VERSION = len(read_migrations())
"""Schema version this program makes and needs."""


async def migrate(
    url: str,
    *,
    wait_s: float = 60.0,
    migrations: Sequence[Migration] | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> MigrationReport:
    """Bring the schema to the program's version; several instances may call it at once.

    Parameters
    ----------
    url : str
        Address of the database.
    wait_s : float
        How long to wait for the server, in seconds.
    migrations : sequence of Migration, optional
        Instead of the program's own.
    on_progress : callable, optional
        Called with the number done, the number to do and the next one's name; at the end with ``""``.

    Returns
    -------
    MigrationReport
        What was done.

    Raises
    ------
    Unavailable
        If the server does not answer in time (``database.unreachable``).
    Conflict
        If the schema is newer than the program (``schema.too_new``) or an applied migration has
        another text than the program's (``schema.changed``), or PostgreSQL is older than 14
        (``database.too_old``).
    NotPermitted
        If the user may not make the schema (``database.no_right``).
    """
    wanted = read_migrations() if migrations is None else tuple(migrations)
    notices: list[str] = []
    connection = await connect(url, wait_s=wait_s, name="sptraderb migrate")
    try:
        connection.add_log_listener(lambda _connection, message: _note(notices, message))
        _require_version(connection)
        await connection.execute(_QUERIES["lock"])
        missing = await _compare(connection, wanted)
        for n_done, migration in enumerate(missing):
            if on_progress is not None:
                on_progress(n_done, len(missing), migration.name)
            await _apply(connection, migration)
        if migrations is None:
            notices += await settle_adoption(connection)
        if on_progress is not None:
            on_progress(len(missing), len(missing), "")
    except asyncpg.InsufficientPrivilegeError as error:
        raise NotPermitted(
            "database.no_right",
            f"the user of `DATABASE_URL` must own schema sptraderb or may create it, was refused: {error}",
            hint="GRANT CREATE ON DATABASE name TO user",
        ) from error
    finally:
        await connection.close()
    return MigrationReport(
        version=len(wanted), applied=tuple(migration.name for migration in missing), notices=tuple(notices)
    )


async def schema_version(database: Database) -> int:
    """Return the number of the newest applied migration, 0 where there is none."""
    if await database.fetchval(_QUERIES["has_table"]) is None:
        return 0
    return int(await database.fetchval(_QUERIES["version"]))


def _require_version(connection: Connection) -> None:
    major = connection.get_server_version().major
    if major < OLDEST_SERVER:
        raise Conflict(
            "database.too_old", f"PostgreSQL must be of version {OLDEST_SERVER} or newer, was {major}"
        )


async def _compare(connection: Connection, wanted: Sequence[Migration]) -> list[Migration]:
    if await connection.fetchval(_QUERIES["has_table"]) is None:
        await connection.execute(_QUERIES["create_table"])
    applied = {row["number"]: row for row in await connection.fetch(_QUERIES["applied"])}
    newest = max(applied, default=0)
    if newest > len(wanted):
        raise Conflict(
            "schema.too_new",
            f"the database's schema must be of version {len(wanted)} or older, was {newest}",
            hint="a newer release of sptraderb has used this database; run that one or a newer one",
            schema_version=newest,
            program_version=len(wanted),
        )
    for migration in wanted:
        row = applied.get(migration.number)
        if row is not None and row["checksum"] != migration.checksum:
            raise Conflict(
                "schema.changed",
                f"migration {migration.name} must have the text it was applied with, which it has not",
                hint="the database was made by another build; use that build, or a new database",
            )
    return [migration for migration in wanted if migration.number not in applied]


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(_QUERIES["settle_names"])
        await connection.execute(migration.sql)
        await connection.execute(_QUERIES["record"], migration.number, migration.name, migration.checksum)


def _note(notices: list[str], message: asyncpg.PostgresLogMessage) -> None:
    # "already exists, skipping" has a code of its own; only what a migration raises itself is news.
    if message.severity in ("NOTICE", "WARNING") and message.sqlstate in ("00000", "01000"):
        notices.append(message.message)
