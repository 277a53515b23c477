"""Rows of ``backtest_runs``: accept, read, list, cancel, delete. A worker's moves are in ``run_moves``."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

from sptraderb.domain.backtest import BacktestRequest, Phase, Progress, Run, RunError, RunState
from sptraderb.errors import Conflict, NotFound
from sptraderb.store.page_cursor import read_place, require_limit, write_place
from sptraderb.store.pool import Connection, Database, Row, require_row
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("run_rows")
_REQUEST_DECODER = msgspec.json.Decoder(BacktestRequest)
_ERROR_DECODER = msgspec.json.Decoder(RunError)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What a list of runs is narrowed to; None leaves a field open.

    Parameters
    ----------
    strategy : str or None
        Name of the strategy.
    symbol : str or None
        First symbol.
    status : str or None
        One of the four outward words.
    tag : str or None
        A tag the run bears.
    """

    strategy: str | None = None
    symbol: str | None = None
    status: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """One page of a list of runs, newest first.

    Parameters
    ----------
    runs : tuple of Run
        The page.
    next_cursor : str or None
        Cursor of the next page; None on the last.
    """

    runs: tuple[Run, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRuns:
    """How many runs are not final.

    Parameters
    ----------
    queued, running : int
        By state.
    """

    queued: int
    running: int


async def insert_run(connection: Connection, run_id: UUID, request: BacktestRequest, *, owner: str) -> Run:
    """Store a new run as queued.

    Parameters
    ----------
    connection : Connection
        In the transaction that also enqueues its job.
    run_id : UUID
        Its identity, new.
    request : BacktestRequest
        Normalised and checked.
    owner : str
        Whose it is.

    Returns
    -------
    Run
        As stored.
    """
    row = await connection.fetchrow(
        _QUERIES["insert_run"],
        run_id,
        owner,
        request.name,
        request.strategy_name,
        request.symbols[0],
        request.timeframe,
        request.start_s,
        request.end_s,
        Decimal(request.initial_capital),
        list(request.tags),
        msgspec.json.encode(request).decode(),
    )
    return run_from_row(require_row(row))


async def read_run(database: Database, run_id: UUID, *, owner: str | None) -> Run:
    """Return a run.

    Parameters
    ----------
    database : Pool or Connection
        Where to read.
    run_id : UUID
        Which.
    owner : str or None
        Whose it must be; None for a worker, who may read any.

    Returns
    -------
    Run
        As stored now.

    Raises
    ------
    NotFound
        If there is none, or it is another's (``run.not_found``).
    """
    row = await database.fetchrow(_QUERIES["read_run"], run_id, owner)
    if row is None:
        raise run_not_found(run_id)
    return run_from_row(row)


async def list_runs(
    database: Database,
    *,
    owner: str,
    run_filter: RunFilter | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> RunPage:
    """Return a page of an owner's runs, newest first.

    Parameters
    ----------
    database : Pool or Connection
        Where to read.
    owner : str
        Whose.
    run_filter : RunFilter, optional
        What to narrow the list to.
    limit : int, optional
        Rows of a page, at most 1,000.
    cursor : str, optional
        Where the page before ended.

    Returns
    -------
    RunPage
        The page and the cursor of the next; the requests come without their strategy's text.

    Raises
    ------
    InvalidInput
        ``cursor.invalid``, ``limit.invalid``.
    """
    wanted = run_filter or RunFilter()
    created_at, last_id = read_place(cursor)
    n_rows = require_limit(limit)
    rows = await database.fetch(
        _QUERIES["list_runs"],
        owner,
        wanted.strategy,
        wanted.symbol,
        wanted.status,
        wanted.tag,
        created_at,
        last_id,
        n_rows + 1,
    )
    runs = tuple(run_from_row(row) for row in rows[:n_rows])
    more = len(rows) > n_rows
    return RunPage(runs=runs, next_cursor=write_place(runs[-1].created_at, runs[-1].id) if more else None)


async def request_cancel(connection: Connection, run_id: UUID, *, owner: str) -> Run:
    """Cancel a waiting run at once, flag a running one for its worker, leave a final one as it is.

    Parameters
    ----------
    connection : Connection
        In the transaction that also withdraws the job and notifies the worker.
    run_id : UUID
        Which.
    owner : str
        Whose it must be.

    Returns
    -------
    Run
        As it is now; the caller judges its state.

    Raises
    ------
    NotFound
        ``run.not_found``.
    """
    await connection.fetchval(_QUERIES["request_cancel"], run_id, owner)
    return await read_run(connection, run_id, owner=owner)


async def delete_run(database: Database, run_id: UUID, *, owner: str) -> None:
    """Delete a final run with its result.

    Raises
    ------
    NotFound
        ``run.not_found``.
    Conflict
        If it is queued or running (``run.wrong_state``).
    """
    if await database.fetchval(_QUERIES["delete_run"], run_id, owner) is not None:
        return
    run = await read_run(database, run_id, owner=owner)
    raise Conflict(
        "run.wrong_state",
        f"a run must be completed, failed or cancelled to be deleted, was {run.state}",
        hint="cancel it first",
        run=str(run_id),
    )


async def queue_position(database: Database, run_id: UUID) -> int | None:
    """Return a waiting run's place in the queue, 1 for the next; None if it does not wait."""
    return await database.fetchval(_QUERIES["queue_position"], run_id) or None


async def count_active(database: Database, *, owner: str | None = None) -> ActiveRuns:
    """Return how many runs wait and run, of one owner or of all."""
    row = require_row(await database.fetchrow(_QUERIES["count_active"], owner))
    return ActiveRuns(queued=row["queued"], running=row["running"])


async def prune_runs(database: Database, *, keep_days: int) -> int:
    """Delete up to 500 runs that ended longer ago and return how many went; 0 means done."""
    return int(await database.fetchval(_QUERIES["prune_runs"], timedelta(days=keep_days)))


def run_from_row(row: Row) -> Run:
    """Return the record of a row that has the columns of the queries here."""
    return Run(
        id=row["id"],
        owner=row["owner"],
        request=_REQUEST_DECODER.decode(row["request"]),
        state=RunState(row["state"]),
        attempt=row["attempt"],
        n_lost=row["n_lost"],
        progress=Progress(
            phase=Phase(row["phase"]),
            percent=row["percent"],
            event_id=row["event_id"],
            n_trades=row["n_trades"],
            equity_time_s=row["equity_time_s"],
            equity=row["equity"],
            eta_s=row["eta_s"],
        ),
        cancel_requested=row["cancel_requested"],
        error=_ERROR_DECODER.decode(row["error"]) if row["error"] is not None else None,
        has_result=row["has_result"],
        digest=row["digest"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
    )


def run_not_found(run_id: UUID) -> NotFound:
    """Return the error for a run that is not there, or is another's."""
    return NotFound("run.not_found", f"no run has the id {run_id}", run=str(run_id))
