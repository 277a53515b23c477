"""``/api/strategies``: YAML texts by name, with immutable revisions."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from sptraderb.api.context import services_of
from sptraderb.api.json_body import read_text_body
from sptraderb.api.media_types import YAML
from sptraderb.api.openapi_bodies import StrategyTextOperation
from sptraderb.api.paging import next_link, page_limit
from sptraderb.api.preconditions import expected_revision, is_unchanged, requires_existing, revision_tag
from sptraderb.api.problems import ProblemFault, problem_responses
from sptraderb.api.security import identity_of
from sptraderb.api.wire_time import utc_text
from sptraderb.domain.workspace import Strategy, require_strategy_name
from sptraderb.errors import InvalidInput, NotFound, PreconditionFailed, StrategyInvalid
from sptraderb.store import strategy_rows
from sptraderb.store.strategy_rows import StrategyDraft, StrategyPage
from sptraderb.strategy.assessment import Assessment, assess_strategy
from sptraderb.strategy.compiler import check_strategy
from sptraderb.strategy.header import read_header
from sptraderb.strategy.json_schema import json_schema

AnyRequest = Request[Any, Any, Any]
MAX_TEXT_BYTES = 1024 * 1024
_SCHEMA_JSON = "application/schema+json"
_NO_STORE = {"cache-control": "private, no-cache"}


class StrategyEntry(msgspec.Struct, kw_only=True):
    """A strategy in a list.

    Parameters
    ----------
    name : str
        Unique per owner, ignoring case.
    folder : str
        One level that only orders the tree; empty for none.
    description, version : str
        From the document.
    revision : int
        The newest.
    updated_at : str
        When that was stored.
    valid : bool
        Whether the text compiles.
    """

    name: str
    folder: str
    description: str
    version: str
    revision: int
    updated_at: str
    valid: bool


class RevisionEntry(msgspec.Struct, kw_only=True):
    """One stored revision of a strategy."""

    revision: int
    version: str
    description: str
    updated_at: str
    valid: bool


class SeriesWait(msgspec.Struct, kw_only=True):
    """A series that rules wait for.

    Parameters
    ----------
    text : str
        How the strategy spells it.
    first_value : int
        Bars before its first value.
    settle : int
        Further bars until what it began with no longer shows.
    """

    text: str
    first_value: int
    settle: int


class StrategyReport(msgspec.Struct, kw_only=True):
    """What can be said of a strategy before it runs.

    Parameters
    ----------
    symbol, timeframe : str
        What it was read for: its `backtest` block, else EURUSD on 1h.
    first_value : int
        Bars of the data on which no rule decides.
    settle : int
        Further bars that are loaded before the start where they exist.
    waits : list of SeriesWait
        The series that need most bars.
    n_expressions : int
        Distinct subexpressions that a run evaluates.
    estimated_ms_per_100k_bars : float
        About what evaluating them takes.
    look_ahead : str
        ``none``: causal by construction; ``replayed``: its Python is judged at each run.
    open_bars : list of str
        Parts that read a higher bar while it is open.
    path_dependent : list of str
        Conditions that depend on the position.
    first_bars : str
        What the first bars will miss.
    notes : list of str
        How the text was read.
    """

    symbol: str
    timeframe: str
    first_value: int
    settle: int
    waits: list[SeriesWait]
    n_expressions: int
    estimated_ms_per_100k_bars: float
    look_ahead: str
    open_bars: list[str]
    path_dependent: list[str]
    first_bars: str
    notes: list[str]


class ValidationAnswer(msgspec.Struct, kw_only=True):
    """What a check of a strategy text found.

    Parameters
    ----------
    valid : bool
        Whether it compiles.
    name, version, description : str
        From the document's head, empty where it cannot be read.
    errors : list of ProblemFault
        All faults.
    report : StrategyReport
        What to know of it before it runs.
    """

    valid: bool
    name: str = ""
    version: str = ""
    description: str = ""
    errors: list[ProblemFault] = []
    report: StrategyReport


@get("/api/strategies", tags=["strategies"], responses=problem_responses(400))
async def list_strategies(
    request: AnyRequest,
    limit: Annotated[int | None, QueryParameter(description="Rows of a page, 1..1000")] = None,
    cursor: Annotated[str | None, QueryParameter(description="From a Link header")] = None,
) -> Response[list[StrategyEntry]]:
    """List your strategies by name."""
    page = await strategy_rows.list_strategies(
        services_of(request).pool,
        owner=identity_of(request).owner,
        limit=page_limit(limit, default=1000),
        cursor=cursor,
    )
    return Response([strategy_entry(row) for row in page.strategies], headers=_page_headers(request, page))


@get(
    "/api/strategies/schema",
    tags=["strategies"],
    sync_to_thread=False,
    responses={200: ResponseSpec(dict[str, Any], media_type=_SCHEMA_JSON, generate_examples=False)},
)
def read_schema() -> Response[bytes]:
    """Give the JSON Schema of the strategy document, for editors."""
    return Response(msgspec.json.encode(json_schema()), media_type=_SCHEMA_JSON)


@post(
    "/api/strategies/validate",
    tags=["strategies"],
    status_code=200,
    operation_class=StrategyTextOperation,
    responses=problem_responses(400, 403, 413, 415, 422),
)
async def validate_strategy(request: AnyRequest) -> ValidationAnswer:
    """Check a strategy text without storing it: what to know of it, or 422 with all faults."""
    text = await read_text_body(request, limit=MAX_TEXT_BYTES)
    found = assess_strategy(text)
    if found.faults:
        raise strategy_invalid(found.faults)
    header = read_header(text)
    return ValidationAnswer(
        valid=True,
        name=header.name,
        version=header.version,
        description=header.description,
        report=strategy_report(found),
    )


@get(
    "/api/strategies/{name:str}",
    tags=["strategies"],
    media_type=YAML,
    responses={
        200: ResponseSpec(str, media_type=YAML, description="The YAML text", generate_examples=False),
        **problem_responses(404),
    },
)
async def read_strategy(
    request: AnyRequest,
    name: FromPath[str],
    revision: Annotated[int | None, QueryParameter(description="An older revision", ge=1)] = None,
) -> Response[bytes]:
    """Give a strategy's YAML text; the ETag is its revision."""
    row = await strategy_rows.read_strategy(
        services_of(request).pool, _path_name(name), owner=identity_of(request).owner, revision=revision
    )
    headers = {"etag": revision_tag(row.revision), **_NO_STORE}
    if is_unchanged(request.headers.get("if-none-match"), headers["etag"]):
        return Response(b"", status_code=304, headers=headers, media_type=YAML)
    return Response((row.text or "").encode(), headers=headers, media_type=YAML)


@post(
    "/api/strategies/{name:str}",
    tags=["strategies"],
    operation_class=StrategyTextOperation,
    responses={
        201: ResponseSpec(StrategyEntry, description="Created", generate_examples=False),
        200: ResponseSpec(StrategyEntry, description="Changed, or the same text", generate_examples=False),
        **problem_responses(400, 403, 412, 413, 415, 422),
    },
)
async def save_strategy(
    request: AnyRequest,
    name: FromPath[str],
    folder: Annotated[str | None, QueryParameter(description="Folder to show it in")] = None,
) -> Response[StrategyEntry]:
    """Store a strategy: a new name (201), else a new revision, or nothing for the same text (200)."""
    require_strategy_name(name)
    text = await read_text_body(request, limit=MAX_TEXT_BYTES)
    faults = check_strategy(text)
    if faults:
        raise strategy_invalid(faults)
    pool, owner = services_of(request).pool, identity_of(request).owner
    if_match = request.headers.get("if-match")
    if requires_existing(if_match):
        await _require_existing(request, name)
    header = read_header(text)
    draft = StrategyDraft(
        name=name,
        text=text,
        folder=None if folder is None else _folder(folder),
        description=header.description,
        version=header.version,
        valid=True,
    )
    saved = await strategy_rows.save_strategy(
        pool, draft, owner=owner, expected_revision=expected_revision(if_match)
    )
    created = saved.outcome == "created"
    headers = {"etag": revision_tag(saved.strategy.revision)}
    if created:
        headers["location"] = f"/api/strategies/{saved.strategy.name}"
    return Response(strategy_entry(saved.strategy), status_code=201 if created else 200, headers=headers)


@get("/api/strategies/{name:str}/revisions", tags=["strategies"], responses=problem_responses(400, 404))
async def list_revisions(
    request: AnyRequest,
    name: FromPath[str],
    limit: Annotated[int | None, QueryParameter(description="Rows of a page, 1..1000")] = None,
    cursor: Annotated[str | None, QueryParameter(description="From a Link header")] = None,
) -> Response[list[RevisionEntry]]:
    """List a strategy's revisions, the newest first."""
    page = await strategy_rows.list_revisions(
        services_of(request).pool,
        _path_name(name),
        owner=identity_of(request).owner,
        limit=page_limit(limit),
        cursor=cursor,
    )
    entries = [
        RevisionEntry(
            revision=row.revision,
            version=row.version,
            description=row.description,
            updated_at=utc_text(row.updated_at),
            valid=row.valid,
        )
        for row in page.strategies
    ]
    return Response(entries, headers=_page_headers(request, page))


@delete("/api/strategies/{name:str}", tags=["strategies"], responses=problem_responses(403, 404))
async def delete_strategy(request: AnyRequest, name: FromPath[str]) -> None:
    """Hide a strategy; runs keep the revision they used."""
    await strategy_rows.hide_strategy(
        services_of(request).pool, _path_name(name), owner=identity_of(request).owner
    )


def strategy_report(found: Assessment) -> StrategyReport:
    """Return an assessment as the wire has it."""
    return StrategyReport(
        symbol=found.target.instrument.symbol,
        timeframe=found.target.timeframe.name,
        first_value=found.first_value,
        settle=found.settle,
        waits=[
            SeriesWait(text=wait.text, first_value=wait.first_value, settle=wait.settle)
            for wait in found.waits
        ],
        n_expressions=found.n_nodes,
        estimated_ms_per_100k_bars=round(found.ms_per_100k_bars, 1),
        look_ahead=found.look_ahead,
        open_bars=list(found.open_bars),
        path_dependent=list(found.path_dependent),
        first_bars=found.first_bars,
        notes=[note.text for note in found.notes],
    )


def strategy_invalid(faults: Any) -> StrategyInvalid:
    """Return the error that tells all faults of a strategy text."""
    count = len(faults)
    places = "1 fault" if count == 1 else f"{count} faults"
    return StrategyInvalid("strategy.invalid", f"the strategy must compile, it has {places}", faults=faults)


def strategy_entry(row: Strategy) -> StrategyEntry:
    """Return a strategy as lists show it."""
    return StrategyEntry(
        name=row.name,
        folder=row.folder,
        description=row.description,
        version=row.version,
        revision=row.revision,
        updated_at=utc_text(row.updated_at),
        valid=row.valid,
    )


def _path_name(name: str) -> str:
    # A name no strategy can bear belongs to none: 404, as for any other that is not there.
    try:
        return require_strategy_name(name)
    except InvalidInput:
        raise NotFound("strategy.unknown", f"the strategy must exist, `{name[:100]}` does not") from None


def _folder(folder: str) -> str:
    try:
        return require_strategy_name(folder) if folder else ""
    except InvalidInput:
        raise InvalidInput(
            "strategy.bad_folder",
            f"a folder must be one level of letters, digits, `_`, `.`, `-`, was `{folder[:100]}`",
        ) from None


async def _require_existing(request: AnyRequest, name: str) -> None:
    pool, owner = services_of(request).pool, identity_of(request).owner
    try:
        await strategy_rows.read_strategy(pool, name, owner=owner)
    except NotFound:
        raise PreconditionFailed(
            "strategy.changed", "If-Match asks for a strategy that exists, and none does"
        ) from None


def _page_headers(request: AnyRequest, page: StrategyPage) -> dict[str, str]:
    return {} if page.next_cursor is None else {"link": next_link(request, page.next_cursor)}
