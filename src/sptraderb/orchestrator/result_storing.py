"""Storing a result from the child: state, result, end of the job and notification in one transaction.

Fenced twice, by the attempt number and by the job's holder: a child that lost its claim writes nothing.
Where the worker has ended a cancelled run already, because packing its partial result took longer than a
second, the result is added to it.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from sptraderb.domain.backtest import Phase, Progress, Run
from sptraderb.orchestrator.child_pipe import Assignment
from sptraderb.orchestrator.run_settling import announce
from sptraderb.store import jobs, run_moves
from sptraderb.store.partial_results import attach_result
from sptraderb.store.pool import DATABASE_DOWN, Connection, connect, transaction
from sptraderb.store.result_rows import StoredResult
from sptraderb.store.revision_pins import pin_revision

_TRIES = 60
_AGAIN_AFTER_S = 1.0
_CONNECT_WITHIN_S = 600.0


class Fenced(Exception):
    """Another attempt holds the run; rolls back what this one wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What a run came to.

    Parameters
    ----------
    result : StoredResult
        Ready to be stored.
    is_partial : bool
        Whether it was stopped before the data ended.
    n_bars, n_trades : int
        Bars walked, trades closed.
    equity : tuple of (int, str) or None
        The last equity point: open time of its bar, decimal text.
    data_revision : int or None
        Revision of the candles, to be kept as long as the result; None where there is none.
    conversion_revisions : mapping of str to int
        The same of the pairs the run converted by.
    symbol_revisions : mapping of str to int
        The same by symbol, where there are several.
    """

    result: StoredResult
    is_partial: bool
    n_bars: int
    n_trades: int
    equity: tuple[int, str] | None = None
    data_revision: int | None = None
    conversion_revisions: Mapping[str, int] = field(default_factory=dict)
    symbol_revisions: Mapping[str, int] = field(default_factory=dict)


async def store_surely(assignment: Assignment, executed: Executed) -> Run | None:
    """Store a result, again and again while the database is away: it may have taken hours.

    Parameters
    ----------
    assignment : Assignment
        Whose claim fences the write.
    executed : Executed
        The result; a partial one ends the run as cancelled.

    Returns
    -------
    Run or None
        As it is now; None if another attempt holds it, or a first try was committed unseen.

    Raises
    ------
    Unavailable
        ``database.unreachable`` if the database stays away.
    """
    for n_left in reversed(range(_TRIES)):
        connection = await connect(assignment.database_url, name="sptraderb run", wait_s=_CONNECT_WITHIN_S)
        try:
            async with transaction(connection) as inside:
                return await _store(inside, assignment, executed)
        except Fenced:
            return None
        except DATABASE_DOWN:
            if n_left == 0 or not connection.is_closed():
                raise
            await asyncio.sleep(_AGAIN_AFTER_S)
        finally:
            with contextlib.suppress(*DATABASE_DOWN):
                await connection.close()
    raise AssertionError


async def _store(connection: Connection, assignment: Assignment, executed: Executed) -> Run:
    run, result = assignment.run, executed.result
    await run_moves.write_progress(connection, run.id, _last_progress(executed), attempt=run.attempt)
    if executed.is_partial:
        after = await run_moves.confirm_cancel(connection, run.id, attempt=run.attempt, result=result)
    else:
        after = await run_moves.finish_run(connection, run.id, result, attempt=run.attempt)
    if after is None:
        after = await attach_result(connection, run.id, result, attempt=run.attempt)
    elif not await jobs.finish(connection, assignment.job_id, worker_id=assignment.worker_id):
        raise Fenced
    if after is None:
        raise Fenced
    if executed.data_revision is not None:
        await pin_revision(connection, run.request.symbols[0], executed.data_revision, run_id=run.id)
    for revisions in (executed.symbol_revisions, executed.conversion_revisions):
        for symbol, revision in revisions.items():
            await pin_revision(connection, symbol, revision, run_id=run.id)
    await announce(connection, after)
    return after


def _last_progress(executed: Executed) -> Progress:
    """Return the figures the run's row keeps; the move that ends the run sets phase and percent."""
    return Progress(
        phase=Phase.STORING,
        percent=99.0,
        n_trades=executed.n_trades,
        equity_time_s=None if executed.equity is None else executed.equity[0],
        equity=None if executed.equity is None else executed.equity[1],
    )
