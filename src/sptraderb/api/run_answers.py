"""Runs as clients see them: the status, the row of a list, the frame of a socket."""

from typing import Any
from uuid import UUID

import msgspec

from sptraderb.api.progress_hub import FINAL_STATUSES, RunFrame
from sptraderb.api.wire_time import optional_utc_text, text_from_seconds, utc_text
from sptraderb.domain.backtest import Run, RunError, RunState
from sptraderb.errors import NotFound
from sptraderb.store import run_rows
from sptraderb.store.pool import Database


class RunErrorAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a run or an import failed; ``hint`` says what to do, where anything is known to help."""

    code: str
    message: str
    context: dict[str, Any]
    hint: str = ""


class StartAnswer(msgspec.Struct, kw_only=True):
    """A run that was accepted.

    Parameters
    ----------
    backtest_id : str
        UUID under which everything about the run is found.
    status : str
        ``running``, from acceptance to the end.
    """

    backtest_id: str
    status: str


class StatusAnswer(msgspec.Struct, kw_only=True):
    """Where a run is.

    Parameters
    ----------
    backtest_id : str
        The run.
    status : {'running', 'completed', 'failed', 'cancelled'}
        ``running`` from acceptance to the end.
    progress : float
        0..100.
    phase : str
        ``queued loading compiling simulating storing done``.
    error : RunErrorAnswer or None
        Why it failed.
    queue_position : int or None
        1 = the next; None when it does not wait.
    eta_seconds : float or None
        Estimated time to go.
    trades : int
        Closed trades so far.
    event_id : int
        Grows with every change.
    created_at, started_at, completed_at : str or None
        Times.
    """

    backtest_id: str
    status: str
    progress: float
    phase: str
    error: RunErrorAnswer | None
    queue_position: int | None
    eta_seconds: float | None
    trades: int
    event_id: int
    created_at: str
    started_at: str | None
    completed_at: str | None


class RunEntry(msgspec.Struct, kw_only=True):
    """A run in a list."""

    backtest_id: str
    name: str
    strategy_name: str
    strategy_revision: int | None
    symbol: str
    symbols: list[str]
    timeframe: str
    start_date: str
    end_date: str
    initial_capital: str
    status: str
    phase: str
    progress: float
    error: RunErrorAnswer | None
    digest: str | None
    tags: list[str]
    created_at: str
    started_at: str | None
    completed_at: str | None


def parse_run_id(text: str) -> UUID:
    """Return the id a path names.

    Raises
    ------
    NotFound
        ``run.not_found``: what is no UUID is no run.
    """
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("run.not_found", f"no run has the id {text[:80]}", run=text[:80]) from None


async def find_frame(database: Database, run_id: UUID, *, owner: str | None) -> RunFrame | None:
    """Return a run's state as a socket sends it, None where there is no such run of this owner."""
    try:
        run = await run_rows.read_run(database, run_id, owner=owner)
    except NotFound:
        return None
    return frame_of_run(run)


def frame_of_run(run: Run) -> RunFrame:
    """Return a run's row as the frame a socket sends."""
    status, progress = run.state.status, run.progress
    point: tuple[str, str] | msgspec.UnsetType = msgspec.UNSET
    if progress.equity_time_s is not None and progress.equity is not None:
        point = (text_from_seconds(progress.equity_time_s), progress.equity)
    return RunFrame(
        type=status if status in FINAL_STATUSES else "progress",
        backtest_id=str(run.id),
        status=status,
        progress=_percent(run),
        phase=progress.phase.value,
        error=error_fields(run.error),
        event_id=progress.event_id,
        trades=progress.n_trades,
        equity=point,
        eta_seconds=progress.eta_s if progress.eta_s is not None else msgspec.UNSET,
    )


def status_answer(run: Run, queue_position: int | None) -> StatusAnswer:
    """Return where a run is."""
    return StatusAnswer(
        backtest_id=str(run.id),
        status=run.state.status,
        progress=_percent(run),
        phase=run.progress.phase.value,
        error=error_answer(run.error),
        queue_position=queue_position,
        eta_seconds=None if run.state.is_final else run.progress.eta_s,
        trades=run.progress.n_trades,
        event_id=run.progress.event_id,
        created_at=utc_text(run.created_at),
        started_at=optional_utc_text(run.started_at),
        completed_at=optional_utc_text(run.completed_at),
    )


def run_entry(run: Run) -> RunEntry:
    """Return a run as lists show it."""
    request = run.request
    return RunEntry(
        backtest_id=str(run.id),
        name=request.name,
        strategy_name=request.strategy_name,
        strategy_revision=request.strategy_revision,
        symbol=request.symbols[0],
        symbols=list(request.symbols),
        timeframe=request.timeframe,
        start_date=text_from_seconds(request.start_s),
        end_date=text_from_seconds(request.end_s),
        initial_capital=request.initial_capital,
        status=run.state.status,
        phase=run.progress.phase.value,
        progress=_percent(run),
        error=error_answer(run.error),
        digest=run.digest,
        tags=list(request.tags),
        created_at=utc_text(run.created_at),
        started_at=optional_utc_text(run.started_at),
        completed_at=optional_utc_text(run.completed_at),
    )


def error_answer(error: RunError | None) -> RunErrorAnswer | None:
    """Return why a run failed, as clients see it."""
    if error is None:
        return None
    return RunErrorAnswer(
        code=error.code, message=error.message, context=dict(error.context), hint=error.hint
    )


def _percent(run: Run) -> float:
    return 100.0 if run.state is RunState.COMPLETED else round(run.progress.percent, 2)


def error_fields(error: RunError | None) -> dict[str, Any] | None:
    """Return the same as a mapping, for answers whose other fields vary."""
    return None if error is None else msgspec.to_builtins(error_answer(error))
