"""Result documents on their way out: from Redis where it has a copy, else from PostgreSQL.

The caller has read the run's row before, so whose it is was judged there and not by the cache.
"""

import asyncio

import msgspec

from sptraderb.bootstrap import Services
from sptraderb.domain.backtest import Run, RunState
from sptraderb.store import result_rows

_DOCUMENT = msgspec.json.Decoder(dict[str, msgspec.Raw])


async def read_packed(services: Services, run: Run) -> bytes:
    """Return a finished run's document as stored, gzip; that of a cancelled run always says ``partial``.

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
    if run.state is RunState.CANCELLED:
        packed = await asyncio.to_thread(_marked_partial, packed)
    if cache is not None:
        await cache.keep_document(run, packed)
    return packed


async def forget_document(services: Services, run: Run) -> None:
    """Drop the copy of a run that was deleted."""
    if services.result_cache is not None:
        await services.result_cache.forget(run)


def _marked_partial(packed: bytes) -> bytes:
    """Mark a document that was complete when the cancel came: its last bar was done, its storing was not."""
    document = _DOCUMENT.decode(result_rows.unpack_document(packed))
    if bytes(document.get("partial", b"true")) == b"true":
        return packed
    return result_rows.pack_document(msgspec.json.encode({**document, "partial": msgspec.Raw(b"true")}))
