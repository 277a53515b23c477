"""Connections to PostgreSQL: one pool per process, opened with patience.

The address must be a direct or session-mode connection: LISTEN and prepared statements need a session.
Every name in our SQL is qualified (``sptraderb.``), so no ``search_path`` is set on a connection.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from sptraderb.errors import InvalidInput, InvariantBroken, Unavailable

Pool: TypeAlias = asyncpg.Pool
Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy
Database: TypeAlias = Pool | Connection
Row: TypeAlias = asyncpg.Record

# What a query raises while the server is gone, starting or full: the caller may try again later. The last
# one also stands for misuse of the driver; `is_database_down` tells them apart.
DATABASE_DOWN: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # a query between the server's farewell and the end of the connection
    asyncpg.InterfaceError,
)
_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0
_CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFigures:
    """How a pool is used at one moment, for ``/metrics``.

    Parameters
    ----------
    size : int
        Connections open now.
    idle : int
        Open connections that nobody uses.
    in_use : int
        Open connections that are lent out.
    max_size : int
        The most the pool opens.
    """

    size: int
    idle: int
    in_use: int
    max_size: int


async def open_pool(url: str, *, size: int = 5, name: str = "sptraderb", wait_s: float = 60.0) -> Pool:
    """Open a connection pool, waiting for the server to come up.

    Parameters
    ----------
    url : str
        ``postgres://`` or ``postgresql://`` address; ``sslmode`` is honoured.
    size : int
        The most connections, at least 1.
    name : str
        ``application_name``, seen in ``pg_stat_activity``.
    wait_s : float
        How long to retry while the server does not answer, in seconds.

    Returns
    -------
    Pool
        Open and tried. ``json`` and ``jsonb`` columns arrive as text.

    Raises
    ------
    InvalidInput
        If the address cannot be read (``database.url_invalid``).
    Unavailable
        If the server does not answer in time (``database.unreachable``) or refuses the user, password
        or database (``database.refused``).
    """
    connection = await connect(url, wait_s=wait_s, name=name)
    await connection.close()
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        max_inactive_connection_lifetime=300.0,
        timeout=_CONNECT_TIMEOUT_S,
        server_settings={"application_name": name},
        reset=_as_it_is,
    )


async def _as_it_is(_: Connection) -> None:
    """Give a connection back without asking the server to forget what was set on it.

    Nothing here sets what outlives a transaction: settings and locks are a transaction's, listening has a
    connection of its own (`tests/store/test_pooled_connections.py`). An open transaction is rolled back
    by asyncpg before. Each query would otherwise wait for the server twice.
    """


async def close_pool(pool: Pool, *, within_s: float = 5.0) -> None:
    """Close a pool when its connections are back, or cut them off after a while.

    Parameters
    ----------
    pool : Pool
        To close.
    within_s : float
        How long to wait for connections that are lent out, in seconds.
    """
    try:
        async with asyncio.timeout(within_s):
            await pool.close()
    except DATABASE_DOWN:
        pool.terminate()


async def connect(url: str, *, wait_s: float = 60.0, name: str = "sptraderb") -> asyncpg.Connection:
    """Open one connection, retrying with backoff while the server does not answer.

    Parameters
    ----------
    url : str
        ``postgres://`` or ``postgresql://`` address.
    wait_s : float
        How long to retry, in seconds; 0 tries once.
    name : str
        ``application_name`` of the connection.

    Returns
    -------
    asyncpg.Connection
        Open; the caller closes it.

    Raises
    ------
    InvalidInput
        If the address cannot be read (``database.url_invalid``).
    Unavailable
        ``database.unreachable`` or ``database.refused``.
    """
    require_postgres_url(url)
    deadline = time.monotonic() + wait_s
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return await asyncpg.connect(
                url, timeout=_CONNECT_TIMEOUT_S, server_settings={"application_name": name}
            )
        except _REFUSED as error:
            raise Unavailable(
                "database.refused",
                f"PostgreSQL at {safe_place(url)} must accept the user, password and database of "
                f"`DATABASE_URL`, was refused: {error}",
            ) from error
        except (asyncpg.ClientConfigurationError, ValueError) as error:
            raise _url_invalid(str(error)) from error
        except DATABASE_DOWN as error:
            if time.monotonic() + pause_s > deadline:
                raise _unreachable(url, wait_s, error) from error
        await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def require_postgres_url(url: str) -> None:
    """Refuse an address that is not one of PostgreSQL's.

    Raises
    ------
    InvalidInput
        If the scheme is another or the address cannot be read (``database.url_invalid``).
    """
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise _url_invalid(str(error)) from error
    if scheme not in ("postgres", "postgresql"):
        raise _url_invalid(f"found scheme `{scheme}`")


def safe_place(url: str) -> str:
    """Return host, port and database of an address, without user and password."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an unreadable address"
    return f"{parts.hostname or 'the default host'}{port}{parts.path}"


def is_database_down(error: BaseException) -> bool:
    """Whether an exception says that the server is away, and not that the query is wrong.

    Parameters
    ----------
    error : BaseException
        What a query raised.

    Returns
    -------
    bool
        True where the same call may succeed later.
    """
    if isinstance(error, asyncpg.InterfaceError):
        return type(error) is asyncpg.InterfaceError and "clos" in str(error)
    return isinstance(error, DATABASE_DOWN)


async def ping(pool: Pool) -> None:
    """Ask the server for an answer, whatever it is.

    Raises
    ------
    Unavailable
        If none comes within two seconds (``database.unreachable``).
    """
    try:
        async with asyncio.timeout(2.0):
            await pool.fetchval("SELECT 1")
    except DATABASE_DOWN as error:
        raise Unavailable("database.unreachable", "PostgreSQL must answer, did not") from error


def pool_figures(pool: Pool) -> PoolFigures:
    """Return how a pool is used now."""
    size, idle = pool.get_size(), pool.get_idle_size()
    return PoolFigures(size=size, idle=idle, in_use=size - idle, max_size=pool.get_max_size())


@contextlib.asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[Connection]:
    """Open a transaction on a pool's next connection, or a savepoint on the connection given.

    Parameters
    ----------
    database : Pool or Connection
        Where to work.

    Yields
    ------
    Connection
        Inside the transaction; it is committed on leaving, rolled back on an exception.
    """
    if isinstance(database, asyncpg.Pool):
        async with database.acquire() as connection, connection.transaction():
            yield connection
    else:
        async with database.transaction():
            yield database


def require_row(row: Row | None) -> Row:
    """Return the row of a query that always has one.

    Raises
    ------
    InvariantBroken
        If it has none (``sql.no_row``).
    """
    if row is None:
        raise InvariantBroken("sql.no_row", "a query that always gives a row must give one, it gave none")
    return row


def _url_invalid(found: str) -> InvalidInput:
    return InvalidInput(
        "database.url_invalid",
        f"`DATABASE_URL` must be an address of PostgreSQL, {found}",
        hint="such as postgresql://user:password@host:5432/name",
    )


def _unreachable(url: str, wait_s: float, error: Exception) -> Unavailable:
    reason = str(error) or type(error).__name__
    return Unavailable(
        "database.unreachable",
        f"PostgreSQL at {safe_place(url)} must answer within {wait_s:g} s, did not: {reason}",
        hint="is the server running, and is DATABASE_URL right?",
    )
