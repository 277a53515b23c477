"""Filling the disk cache: a whole series, from both of its ends at once where it is long.

Most of a read's cost is PostgreSQL's, which serves a connection on one processor; the second connection sees
the first one's snapshot, so both halves are of one moment.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sptraderb.candles.cache import CandleCache, n_columns
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.errors import InvariantBroken
from sptraderb.store.candle_copy import copy_bars
from sptraderb.store.pool import Connection, Database, Pool
from sptraderb.store.series_bars import BEGIN_S, END_S, bars_query, mapped_series
from sptraderb.store.series_rows import SeriesState
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("candle_rows")
_WORTH_TWO_BARS = 100_000
_WAIT_S = 1.0


async def fill_cache(
    connection: Connection, state: SeriesState, cache: CandleCache, *, database: Database
) -> Candles | None:
    """Put the whole source series on disk and return it mapped; None = read without the cache.

    Parameters
    ----------
    connection : Connection
        In the transaction ``state`` was read in: repeatable read, where ``database`` is a pool.
    state : SeriesState
        What the catalogue said.
    cache : CandleCache
        Where to.
    database : Pool or Connection
        A pool lends a second connection for a long series, where it has one to spare.

    Raises
    ------
    InvariantBroken
        ``candles.catalogue_wrong``.
    """
    side, key = state.instrument.side, state.key
    if key is None or not cache.takes(state.n_bars * n_columns(side) * 8):
        return None
    try:
        async with cache.writing(key, n_bars=state.n_bars, side=side) as target:
            n_bars = await _copied(connection, state, target, database)
            if n_bars != state.n_bars:
                raise InvariantBroken(
                    "candles.catalogue_wrong",
                    f"a series must have as many rows as its catalogue says, {state.symbol} {state.source} "
                    f"has {n_bars} for {state.n_bars}",
                )
    except OSError:
        return None
    return mapped_series(state, cache)


async def _copied(connection: Connection, state: SeriesState, target: Int64Array, database: Database) -> int:
    """Fill an array with a series' rows; return how many there were."""
    async with AsyncExitStack() as held:
        second = None
        if isinstance(database, Pool) and state.n_bars >= _WORTH_TWO_BARS:
            second = await held.enter_async_context(_second_reader(database, connection))
        if second is None:
            return await _half(connection, state, target, (BEGIN_S, END_S), backwards=False)
        middle_s = (state.first_s + state.last_s) // 2
        # Both are waited for, whatever becomes of one: a connection goes back idle.
        halves = await asyncio.gather(
            _half(connection, state, target, (BEGIN_S, middle_s), backwards=False),
            _half(second, state, target, (middle_s + 1, END_S), backwards=True),
            return_exceptions=True,
        )
        n_bars = 0
        for half in halves:
            if isinstance(half, BaseException):
                raise half
            n_bars += half
        return n_bars


async def _half(
    connection: Connection,
    state: SeriesState,
    target: Int64Array,
    bounds: tuple[int, int],
    *,
    backwards: bool,
) -> int:
    name = "select_bars_back" if backwards else "select_bars"
    query = bars_query(name, state.source, state.instrument.side)
    columns = await copy_bars(
        connection, query, (state.instrument_id, *bounds), n_columns=len(target), target=target,
        backwards=backwards,
    )  # fmt: skip
    return int(columns.shape[1])


@asynccontextmanager
async def _second_reader(pool: Pool, first: Connection) -> AsyncIterator[Connection | None]:
    """Give a connection that sees what the first one sees; None where the pool has none to spare."""
    if pool.get_idle_size() == 0 and pool.get_size() >= pool.get_max_size():
        yield None
        return
    async with AsyncExitStack() as held:
        try:
            connection = await held.enter_async_context(pool.acquire(timeout=_WAIT_S))
        except TimeoutError:
            connection = None
        if connection is not None:
            snapshot = await first.fetchval(_QUERIES["export_snapshot"])
            await held.enter_async_context(connection.transaction(isolation="repeatable_read", readonly=True))
            await connection.execute(_QUERIES["take_snapshot"].format(snapshot=snapshot))
        yield connection
