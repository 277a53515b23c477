"""Partial results that come after their run is cancelled already.

A cancel is done within a second, but packing the partial result of a very long run can take longer: the
worker then ends the run, and the child adds the result when it is ready.
"""

from uuid import UUID

from sptraderb.domain.backtest import Run
from sptraderb.store.pool import Database, transaction
from sptraderb.store.result_rows import StoredResult
from sptraderb.store.run_rows import read_run
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("partial_results")
_MOVES = load_queries("run_moves")


async def attach_result(
    database: Database, run_id: UUID, result: StoredResult, *, attempt: int
) -> Run | None:
    """Give a cancelled run the partial result of its last attempt.

    Parameters
    ----------
    database : Pool or Connection
        Where to write.
    run_id : UUID
        Which.
    result : StoredResult
        Summary, document and column chunks.
    attempt : int
        The attempt that was cancelled.

    Returns
    -------
    Run or None
        With its result; None if it is not cancelled, has one, or was another attempt's.
    """
    async with transaction(database) as connection:
        attached = await connection.fetchval(
            _QUERIES["attach_result"], run_id, attempt, result.digest, result.summary.decode()
        )
        if attached is None:
            return None
        await connection.execute(_MOVES["write_document"], run_id, result.document)
        for chunk in result.chunks:
            place = (chunk.table, chunk.number, chunk.first_row, chunk.n_rows)
            await connection.execute(_MOVES["write_columns"], run_id, *place, chunk.data)
        return await read_run(connection, run_id, owner=None)
