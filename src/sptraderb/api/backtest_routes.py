"""``/api/backtest``: start a run, ask where it is, cancel, list, delete, repeat."""

from typing import Annotated, Any

from litestar import Request, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, QueryParameter

from sptraderb.api.context import services_of
from sptraderb.api.json_body import read_json_body
from sptraderb.api.openapi_bodies import RunOperation
from sptraderb.api.paging import next_link, page_limit
from sptraderb.api.problems import problem_responses
from sptraderb.api.run_answers import (
    RunEntry,
    StartAnswer,
    StatusAnswer,
    parse_run_id,
    run_entry,
    status_answer,
)
from sptraderb.api.run_defaults import complete_run_request
from sptraderb.api.security import identity_of
from sptraderb.api.stored_documents import forget_document
from sptraderb.bootstrap import component_policy
from sptraderb.domain.backtest import Run, RunState
from sptraderb.errors import InvalidInput
from sptraderb.orchestrator import queue
from sptraderb.store import run_rows
from sptraderb.store.run_rows import RunFilter

AnyRequest = Request[Any, Any, Any]
STATUSES = ("running", "completed", "failed", "cancelled")
MAX_KEY_LENGTH = 255


@post(
    "/api/backtest/run",
    tags=["backtests"],
    status_code=202,
    operation_class=RunOperation,
    responses={
        202: ResponseSpec(StartAnswer, description="Accepted", generate_examples=False),
        **problem_responses(400, 403, 404, 413, 415, 422, 503),
    },
)
async def start_backtest(
    request: AnyRequest,
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name="Idempotency-Key", description="Same key and body within 24 h: same answer, one run"
        ),
    ] = None,
) -> Response[StartAnswer]:
    """Start a backtest: checked, stored and queued when this answers; nothing is computed before."""
    services = services_of(request)
    body = await read_json_body(request, limit=services.settings.max_body_bytes)
    run = await queue.submit(
        services.pool,
        await complete_run_request(body, services.pool, owner=identity_of(request).owner),
        owner=identity_of(request).owner,
        idempotency_key=_checked_key(idempotency_key),
        max_queue=services.settings.max_queue,
        policy=component_policy(services.settings),
    )
    return _started(run)


@get("/api/backtest", tags=["backtests"], responses=problem_responses(400))
async def list_backtests(  # noqa: PLR0913  query parameters are a route's arguments
    request: AnyRequest,
    strategy: Annotated[str | None, QueryParameter(description="Only runs of this strategy")] = None,
    symbol: Annotated[str | None, QueryParameter(description="Only runs of this symbol")] = None,
    status: Annotated[str | None, QueryParameter(description="running, completed, failed, cancelled")] = None,
    tag: Annotated[str | None, QueryParameter(description="Only runs with this tag")] = None,
    limit: Annotated[int | None, QueryParameter(description="Rows of a page, 1..1000")] = None,
    cursor: Annotated[str | None, QueryParameter(description="From a Link header")] = None,
) -> Response[list[RunEntry]]:
    """List your runs, the newest first."""
    if status is not None and status not in STATUSES:
        raise InvalidInput(
            "run.unknown_status", f"`status` must be one of {', '.join(STATUSES)}, was `{status[:40]}`"
        )
    page = await run_rows.list_runs(
        services_of(request).pool,
        owner=identity_of(request).owner,
        run_filter=RunFilter(strategy=strategy, symbol=symbol, status=status, tag=tag),
        limit=page_limit(limit),
        cursor=cursor,
    )
    headers = {} if page.next_cursor is None else {"link": next_link(request, page.next_cursor)}
    return Response([run_entry(run) for run in page.runs], headers=headers)


@get("/api/backtest/{backtest_id:str}/status", tags=["backtests"], responses=problem_responses(404))
async def read_status(request: AnyRequest, backtest_id: FromPath[str]) -> StatusAnswer:
    """Say where a run is."""
    pool = services_of(request).pool
    run = await run_rows.read_run(pool, parse_run_id(backtest_id), owner=identity_of(request).owner)
    waiting = run.state is RunState.QUEUED
    return status_answer(run, await run_rows.queue_position(pool, run.id) if waiting else None)


@get("/api/backtest/{backtest_id:str}", tags=["backtests"], responses=problem_responses(404))
async def read_backtest(request: AnyRequest, backtest_id: FromPath[str]) -> RunEntry:
    """Give a run's row: what was asked for and where it is."""
    pool, owner = services_of(request).pool, identity_of(request).owner
    return run_entry(await run_rows.read_run(pool, parse_run_id(backtest_id), owner=owner))


@post(
    "/api/backtest/{backtest_id:str}/cancel",
    tags=["backtests"],
    status_code=204,
    responses=problem_responses(403, 404, 409),
)
async def cancel_backtest(request: AnyRequest, backtest_id: FromPath[str]) -> None:
    """Cancel a run: acknowledged at once, done within a second; a partial result is kept."""
    pool, owner = services_of(request).pool, identity_of(request).owner
    await queue.cancel(pool, parse_run_id(backtest_id), owner=owner)


@post(
    "/api/backtest/{backtest_id:str}/replay",
    tags=["backtests"],
    status_code=202,
    responses={
        202: ResponseSpec(StartAnswer, description="Accepted", generate_examples=False),
        **problem_responses(403, 404, 409, 422, 503),
    },
)
async def replay_backtest(request: AnyRequest, backtest_id: FromPath[str]) -> Response[StartAnswer]:
    """Run the same manifest again as a run of its own; its digest must come out the same."""
    services, owner = services_of(request), identity_of(request).owner
    run = await queue.replay(
        services.pool,
        parse_run_id(backtest_id),
        owner=owner,
        max_queue=services.settings.max_queue,
        policy=component_policy(services.settings),
    )
    return _started(run)


@delete("/api/backtest/{backtest_id:str}", tags=["backtests"], responses=problem_responses(403, 404, 409))
async def delete_backtest(request: AnyRequest, backtest_id: FromPath[str]) -> None:
    """Delete a run that has ended, with its result."""
    services, owner = services_of(request), identity_of(request).owner
    run = await run_rows.read_run(services.pool, parse_run_id(backtest_id), owner=owner)
    await run_rows.delete_run(services.pool, run.id, owner=owner)
    await forget_document(services, run)


def _started(run: Run) -> Response[StartAnswer]:
    answer = StartAnswer(backtest_id=str(run.id), status=RunState.RUNNING.value)
    return Response(answer, status_code=202, headers={"location": f"/api/backtest/{run.id}/status"})


def _checked_key(key: str | None) -> str | None:
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidInput(
            "idempotency.bad_key",
            f"Idempotency-Key must be 1..{MAX_KEY_LENGTH} printable characters, was {len(key)}",
        )
    return key
