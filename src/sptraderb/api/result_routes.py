"""Results of runs: the document as stored, its blocks, its tables page by page."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from sptraderb.api.context import services_of
from sptraderb.api.media_types import JSON, accepted_quality
from sptraderb.api.preconditions import is_unchanged, weak_tag
from sptraderb.api.problems import problem_responses
from sptraderb.api.run_answers import error_fields, parse_run_id
from sptraderb.api.security import identity_of
from sptraderb.api.stored_documents import read_packed
from sptraderb.domain.backtest import Run, RunState
from sptraderb.errors import Conflict, InvalidInput
from sptraderb.store import result_rows, run_rows

AnyRequest = Request[Any, Any, Any]
BLOCKS = (
    "symbols",
    "completed_trades",
    "daily_returns",
    "metrics",
    "conventions",
    "units",
    "equity",
    "drawdown",
    "ledger",
    "orders",
    "open_positions",
    "events",
    "bounds",
    "profiles",
    "profile_differences",
    "look_ahead",
    "quality",
    "notes",
    "manifest",
)
"""Top-level blocks that ``?include=`` selects; the figures beside them are always there, the digest too."""
_ALWAYS = ("digest",)

_DOCUMENT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_VARY = {"vary": "Accept-Encoding"}


@get(
    "/api/backtest/{backtest_id:str}/results",
    tags=["results"],
    responses={
        200: ResponseSpec(dict[str, Any], description="The result", generate_examples=False),
        **problem_responses(400, 404, 409),
    },
)
async def read_results(
    request: AnyRequest,
    backtest_id: FromPath[str],
    include: Annotated[
        str | None, QueryParameter(description="Blocks to give, comma separated; all without it")
    ] = None,
) -> Response[bytes]:
    """Give the result of a run that has ended; of a cancelled one what there is, with ``"partial": true``."""
    blocks = _wanted_blocks(include)
    run = await read_run_with_result(request, backtest_id)
    tag = weak_tag(f"{run.digest or run.attempt}-{'all' if blocks is None else '.'.join(blocks)}")
    headers = {"etag": tag, "cache-control": "private, no-cache", **_VARY}
    if is_unchanged(request.headers.get("if-none-match"), tag):
        return Response(b"", status_code=304, headers=headers, media_type=JSON)
    packed = await read_packed(services_of(request), run)
    if blocks is not None:
        body = await asyncio.to_thread(select_blocks, packed, blocks)
    elif accepted_quality(request.headers.get("accept-encoding", "identity"), "gzip") > 0:
        return Response(packed, headers={**headers, "content-encoding": "gzip"}, media_type=JSON)
    else:
        body = await asyncio.to_thread(result_rows.unpack_document, packed)
    return Response(body, headers=headers, media_type=JSON)


@get(
    "/api/backtest/{backtest_id:str}/manifest",
    tags=["results"],
    responses={
        200: ResponseSpec(dict[str, Any], description="The manifest", generate_examples=False),
        **problem_responses(404, 409),
    },
)
async def read_manifest(request: AnyRequest, backtest_id: FromPath[str]) -> Response[bytes]:
    """Give everything that decided a result: versions, strategy text, parameters, data revision, costs."""
    run = await read_run_with_result(request, backtest_id)
    packed = await read_packed(services_of(request), run)
    document = await asyncio.to_thread(_blocks_of, packed)
    return Response(bytes(document.get("manifest", msgspec.Raw(b"{}"))), media_type=JSON)


def select_blocks(packed: bytes, blocks: Sequence[str]) -> bytes:
    """Return a stored document with only some of its blocks; the texts of the others are untouched."""
    document = _blocks_of(packed)
    kept = {name: raw for name, raw in document.items() if name not in BLOCKS or name in blocks}
    return msgspec.json.encode(kept)


async def read_run_with_result(request: AnyRequest, backtest_id: str) -> Run:
    """Return a run of the caller's that has a result.

    Raises
    ------
    NotFound
        ``run.not_found``.
    Conflict
        As `require_result`.
    """
    pool, owner = services_of(request).pool, identity_of(request).owner
    run = await run_rows.read_run(pool, parse_run_id(backtest_id), owner=owner)
    require_result(run)
    return run


def require_result(run: Run) -> None:
    """Refuse a run that has no result to give.

    Raises
    ------
    Conflict
        ``run.not_finished``, ``run.failed`` with the error, ``run.no_result`` (cancelled before it began).
    """
    facts: dict[str, Any] = {"backtest_id": str(run.id), "status": run.state.status}
    if not run.state.is_final:
        phase = run.progress.phase.value
        raise Conflict(
            "run.not_finished", f"the run must have ended, is {run.state} in phase {phase}", **facts
        )
    if run.state is RunState.FAILED:
        error = run.error
        context: dict[str, Any] = {} if error is None else {"error": error_fields(error)}
        message = "" if error is None else f": {error.message}"
        raise Conflict("run.failed", f"the run must have completed, it failed{message}", **facts, **context)
    if not run.has_result:
        raise Conflict(
            "run.no_result",
            "the run must have left a result, it was cancelled before one was stored",
            hint="a run that was cancelled while it computed may store what it had within seconds",
            **facts,
        )


def _wanted_blocks(include: str | None) -> tuple[str, ...] | None:
    if include is None:
        return None
    names = tuple(dict.fromkeys(part.strip() for part in include.split(",") if part.strip()))
    unknown = [name for name in names if name not in BLOCKS and name not in _ALWAYS]
    if unknown:
        raise InvalidInput(
            "result.unknown_block",
            f"`include` must name blocks of the result, `{unknown[0][:40]}` is none",
            hint=f"the blocks are {', '.join(BLOCKS)}",
            available=list(BLOCKS),
        )
    return names


def _blocks_of(packed: bytes) -> dict[str, msgspec.Raw]:
    return _DOCUMENT.decode(result_rows.unpack_document(packed))
