"""A worker's moves on a run, each one statement fenced by the attempt number.

The moves are those of ``domain.backtest.MOVES``; a test runs every function on every state and compares.
A function that finds the run in other hands, or final, changes nothing and returns None: the worker
then stops its child and forgets the run. Every move raises the event number, for the notification.
"""

from uuid import UUID

import msgspec

from sptraderb.domain.backtest import MAX_ATTEMPTS, Progress, Run, RunError
from sptraderb.store.pool import Connection, Database, transaction
from sptraderb.store.result_rows import StoredResult
from sptraderb.store.run_rows import read_run
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("run_moves")


async def claim_run(database: Database, run_id: UUID, *, worker_id: UUID) -> Run | None:
    """Take a waiting run (queued to running).

    Parameters
    ----------
    database : Pool or Connection
        Where to write.
    run_id : UUID
        Which.
    worker_id : UUID
        Who takes it.

    Returns
    -------
    Run or None
        With the attempt number that fences this worker's writes; None if it does not wait.
    """
    async with transaction(database) as connection:
        return await _moved(connection, "claim_run", run_id, worker_id)


async def write_progress(database: Database, run_id: UUID, progress: Progress, *, attempt: int) -> bool:
    """Store how far a run is.

    Parameters
    ----------
    database : Pool or Connection
        Where to write.
    run_id : UUID
        Which.
    progress : Progress
        How far; its event number counts only if it is the largest so far.
    attempt : int
        The worker's claim.

    Returns
    -------
    bool
        False if the run is in other hands or final.
    """
    written = await database.fetchval(
        _QUERIES["write_progress"],
        run_id,
        attempt,
        progress.phase.value,
        progress.percent,
        progress.event_id,
        progress.n_trades,
        progress.equity_time_s,
        progress.equity,
        progress.eta_s,
    )
    return written is not None


async def finish_run(database: Database, run_id: UUID, result: StoredResult, *, attempt: int) -> Run | None:
    """Store a run's result and end it, in one transaction (running to completed).

    Parameters
    ----------
    database : Pool or Connection
        Where to write.
    run_id : UUID
        Which.
    result : StoredResult
        Summary, document and column chunks.
    attempt : int
        The worker's claim.

    Returns
    -------
    Run or None
        Completed; cancelled if a cancel was acknowledged meanwhile. None if in other hands or final.
    """
    async with transaction(database) as connection:
        run = await _moved(connection, "finish_run", run_id, attempt, result.digest, result.summary.decode())
        if run is not None:
            await _write_result(connection, run_id, result)
        return run


async def fail_run(database: Database, run_id: UUID, error: RunError, *, attempt: int) -> Run | None:
    """End a run with an error (running to failed).

    Parameters
    ----------
    database : Pool or Connection
        Where to write.
    run_id : UUID
        Which.
    error : RunError
        Why.
    attempt : int
        The worker's claim.

    Returns
    -------
    Run or None
        Failed; cancelled if a cancel was acknowledged meanwhile. None if in other hands or final.
    """
    async with transaction(database) as connection:
        return await _moved(connection, "fail_run", run_id, attempt, msgspec.json.encode(error).decode())


async def confirm_cancel(
    database: Database, run_id: UUID, *, attempt: int, result: StoredResult | None = None
) -> Run | None:
    """End a run because its user asked for it, keeping what was computed (running to cancelled).

    Parameters
    ----------
    database : Pool or Connection
        Where to write.
    run_id : UUID
        Which.
    attempt : int
        The worker's claim.
    result : StoredResult, optional
        The partial result; None if there is none.

    Returns
    -------
    Run or None
        Cancelled; None if in other hands or final.
    """
    digest = result.digest if result is not None else None
    summary = result.summary.decode() if result is not None else None
    async with transaction(database) as connection:
        run = await _moved(connection, "confirm_cancel", run_id, attempt, digest, summary)
        if run is not None and result is not None:
            await _write_result(connection, run_id, result)
        return run


async def hand_back(database: Database, run_id: UUID, *, attempt: int) -> Run | None:
    """Put a run back because its worker stops; no loss is counted (running to queued).

    Parameters
    ----------
    database : Pool or Connection
        Best the transaction that puts the job back.
    run_id : UUID
        Which.
    attempt : int
        The worker's claim.

    Returns
    -------
    Run or None
        Queued; cancelled if a cancel was acknowledged. None if in other hands or final.
    """
    async with transaction(database) as connection:
        return await _moved(connection, "hand_back", run_id, attempt)


async def mark_lost(database: Database, run_id: UUID, *, attempt: int) -> Run | None:
    """Count a dead worker and put its run back, or give up (running to queued, failed or cancelled).

    Parameters
    ----------
    database : Pool or Connection
        Where to write.
    run_id : UUID
        Which.
    attempt : int
        The dead worker's claim, as read from the row.

    Returns
    -------
    Run or None
        Queued; failed with ``run.worker_lost`` at the last allowed loss; cancelled if a cancel was
        acknowledged. None if another has moved it already.
    """
    error = RunError(
        code="run.worker_lost",
        message=f"a run's worker must live, {MAX_ATTEMPTS} workers died on this one",
        context={"attempts": MAX_ATTEMPTS},
    )
    async with transaction(database) as connection:
        return await _moved(
            connection, "mark_lost", run_id, attempt, MAX_ATTEMPTS, msgspec.json.encode(error).decode()
        )


async def _moved(connection: Connection, query: str, run_id: UUID, *arguments: object) -> Run | None:
    if await connection.fetchval(_QUERIES[query], run_id, *arguments) is None:
        return None
    return await read_run(connection, run_id, owner=None)


async def _write_result(connection: Connection, run_id: UUID, result: StoredResult) -> None:
    await connection.execute(_QUERIES["clear_columns"], run_id)
    await connection.execute(_QUERIES["write_document"], run_id, result.document)
    for chunk in result.chunks:
        await connection.execute(
            _QUERIES["write_columns"],
            run_id,
            chunk.table,
            chunk.number,
            chunk.first_row,
            chunk.n_rows,
            chunk.data,
        )
