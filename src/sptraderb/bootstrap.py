"""Bootstrap: settings in, running parts out; the only place that picks real parts.

1. database: the server `DATABASE_URL` names, else the embedded one      store/embedded
2. schema:   migrations under an advisory lock                           store/migrate
3. pool:     connections for this process                                store/pool
4. cache:    the candle cache on disk                                    candles/cache
5. results:  copies of finished results, where Redis is configured       store/result_cache

Parts close in the opposite order; an embedded server that this process started stops last.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sptraderb.candles.cache import CandleCache
from sptraderb.orchestrator.component_policy import ComponentPolicy
from sptraderb.settings import Settings
from sptraderb.store import (
    job_library,  # noqa: F401 - loaded at start, not by the first request
    migrate,
)
from sptraderb.store.embedded import open_embedded
from sptraderb.store.pool import Pool, close_pool, open_pool
from sptraderb.store.result_cache import ResultCache, open_result_cache
from sptraderb.telemetry import logger

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts a process works with.

    Parameters
    ----------
    settings : Settings
        As read from the environment.
    database_url : str
        The effective one, the embedded server's included.
    pool : Pool
        Connections of this process.
    candle_cache : CandleCache
        Candles on disk, shared between processes.
    result_cache : ResultCache or None
        Copies of finished results in Redis; None where no `REDIS_URL` is set.
    started_at : datetime
        When the process came up, UTC.
    """

    settings: Settings
    database_url: str
    pool: Pool
    candle_cache: CandleCache
    result_cache: ResultCache | None
    started_at: datetime


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[str]:
    """Give the URL of a database that answers; start the embedded server where none is named.

    Raises
    ------
    Unavailable
        ``database.unreachable`` and the codes of `store.embedded`.
    """
    if settings.database_url:
        yield settings.database_url
        return
    server = await open_embedded(settings.data_dir, bin_dir=settings.postgres_bin_dir)
    try:
        yield server.url
    finally:
        await server.stop()


async def migrate_database(url: str, *, on_progress: Callable[[int, int, str], None] | None = None) -> None:
    """Bring the schema up to date and say what was adopted or left alone.

    Raises
    ------
    Conflict
        ``schema.too_new`` if a newer program has migrated the database.
    """
    report = await migrate.migrate(url, on_progress=on_progress)
    for sentence in report.notices:
        _log.warning("migration notice", text=sentence)
    if report.applied:
        _log.info("schema migrated", version=report.version, applied=list(report.applied))


@asynccontextmanager
async def open_services(
    settings: Settings, *, on_migration: Callable[[int, int, str], None] | None = None
) -> AsyncIterator[Services]:
    """Open everything a process needs, in order; close it in the opposite order.

    Parameters
    ----------
    settings : Settings
        As read from the environment.
    on_migration : callable, optional
        Told (done, total, name) for each migration.
    """
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(open_database(settings))
        await migrate_database(url, on_progress=on_migration)
        pool = await open_pool(url, size=settings.db_pool_size)
        stack.push_async_callback(close_pool, pool)
        cache = CandleCache(settings.data_dir / "candles", max_bytes=settings.candle_cache_bytes)
        results = await open_result_cache(settings.redis_url) if settings.redis_url else None
        if results is not None:
            stack.push_async_callback(results.close)
        yield Services(
            settings=settings,
            database_url=url,
            pool=pool,
            candle_cache=cache,
            result_cache=results,
            started_at=datetime.now(tz=UTC),
        )


def component_policy(settings: Settings) -> ComponentPolicy:
    """Return what the operator allows of strategies' own Python."""
    return ComponentPolicy(
        mode=settings.user_python,
        folder=str(settings.user_python_dir or settings.data_dir / "python"),
        memory_bytes=settings.user_python_memory_mb << 20,
        cpu_s=settings.user_python_cpu_s,
    )
