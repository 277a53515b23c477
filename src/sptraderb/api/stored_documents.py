"""Result documents on their way out: from Redis where it has a copy, else from PostgreSQL.

The caller has read the run's row before, so whose it is was judged there and not by the cache.
"""

from sptraderb.bootstrap import Services
from sptraderb.domain.backtest import Run
from sptraderb.store import result_rows


async def read_packed(services: Services, run: Run) -> bytes:
    """Return a finished run's document as stored, gzip.

    Raises
    ------
    NotFound
        ``run.no_result``.
    """
    cache = services.result_cache
    if cache is not None:
        kept = await cache.find_document(run)
        if kept is not None:
            return kept
    packed = await result_rows.read_document(services.pool, run.id)
    if cache is not None:
        await cache.keep_document(run, packed)
    return packed


async def forget_document(services: Services, run: Run) -> None:
    """Drop the copy of a run that was deleted."""
    if services.result_cache is not None:
        await services.result_cache.forget(run)
