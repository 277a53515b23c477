"""``/api/workspace``: what the web client keeps between visits, with a revision against lost updates."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from sptraderb.api.context import services_of
from sptraderb.api.json_body import read_json_body
from sptraderb.api.openapi_bodies import WorkspaceOperation
from sptraderb.api.paging import next_link, page_limit
from sptraderb.api.payload_reading import read_payload
from sptraderb.api.payloads import WorkspacePayload, workspace_name
from sptraderb.api.preconditions import (
    expected_revision,
    is_unchanged,
    requires_existing,
    revision_tag,
)
from sptraderb.api.problems import problem_responses
from sptraderb.api.security import identity_of
from sptraderb.api.wire_time import utc_text
from sptraderb.domain.workspace import Workspace
from sptraderb.errors import InvalidInput, NotFound, PreconditionFailed, TooLarge
from sptraderb.store import workspace_rows
from sptraderb.store.workspace_rows import WorkspaceDraft

AnyRequest = Request[Any, Any, Any]
_ENVELOPE_BYTES = 4096


class WorkspaceEntry(msgspec.Struct, kw_only=True):
    """A workspace in a list: everything but its data.

    Parameters
    ----------
    id : str
        UUID.
    name : str
        1 to 255 characters.
    created_at, updated_at : str
        Times.
    """

    id: str
    name: str
    created_at: str
    updated_at: str


class WorkspaceAnswer(msgspec.Struct, kw_only=True):
    """A workspace with its data."""

    id: str
    name: str
    data: msgspec.Raw
    created_at: str
    updated_at: str


class WorkspaceDescription(WorkspaceEntry, kw_only=True):
    """A workspace with its data (any JSON), as the API's description shows it."""

    data: Any = None


_DESCRIBED = {200: ResponseSpec(WorkspaceDescription, generate_examples=False)}


@get("/api/workspace", tags=["workspaces"], responses=problem_responses(400))
async def list_workspaces(
    request: AnyRequest,
    limit: Annotated[int | None, QueryParameter(description="Rows of a page, 1..1000")] = None,
    cursor: Annotated[str | None, QueryParameter(description="From a Link header")] = None,
) -> Response[list[WorkspaceEntry]]:
    """List your workspaces, the newest first, without their data."""
    page = await workspace_rows.list_workspaces(
        services_of(request).pool, owner=identity_of(request).owner, limit=page_limit(limit), cursor=cursor
    )
    headers = {} if page.next_cursor is None else {"link": next_link(request, page.next_cursor)}
    return Response([_entry(row) for row in page.workspaces], headers=headers)


@post(
    "/api/workspace",
    tags=["workspaces"],
    operation_class=WorkspaceOperation,
    responses={
        201: ResponseSpec(WorkspaceDescription, description="Created", generate_examples=False),
        200: ResponseSpec(WorkspaceDescription, description="Replaced", generate_examples=False),
        **problem_responses(400, 403, 404, 412, 413, 415),
    },
)
async def save_workspace(request: AnyRequest) -> Response[bytes]:
    """Create a workspace (201), or replace the one with this id (200).

    ``If-Match`` with the ETag of what you changed guards against overwriting somebody else's change.
    """
    services, owner = services_of(request), identity_of(request).owner
    limit = services.settings.workspace_max_bytes
    body = await read_json_body(request, limit=limit + _ENVELOPE_BYTES)
    payload = read_payload(body, WorkspacePayload)
    data = _raw_data(body, limit)
    if_match = request.headers.get("if-match")
    workspace_id = None if payload.id is None else _body_id(payload.id)
    if requires_existing(if_match):
        await _require_existing(request, workspace_id)
    saved = await workspace_rows.save_workspace(
        services.pool,
        WorkspaceDraft(id=workspace_id, name=workspace_name(payload.name), data=data),
        owner=owner,
        expected_revision=expected_revision(if_match),
    )
    headers = {"etag": revision_tag(saved.workspace.revision)}
    if saved.created:
        headers["location"] = f"/api/workspace/{saved.workspace.id}"
    return _answer(saved.workspace, data, status=201 if saved.created else 200, headers=headers)


@get(
    "/api/workspace/{workspace_id:str}",
    tags=["workspaces"],
    responses={**_DESCRIBED, **problem_responses(404)},
)
async def read_workspace(request: AnyRequest, workspace_id: FromPath[str]) -> Response[bytes]:
    """Give a workspace with its data; the ETag is its revision."""
    row = await workspace_rows.read_workspace(
        services_of(request).pool, _path_id(workspace_id), owner=identity_of(request).owner
    )
    tag = revision_tag(row.revision)
    if is_unchanged(request.headers.get("if-none-match"), tag):
        return Response(b"", status_code=304, headers={"etag": tag}, media_type="application/json")
    return _answer(row, row.data or b"null", status=200, headers={"etag": tag})


@delete("/api/workspace/{workspace_id:str}", tags=["workspaces"], responses=problem_responses(403, 404, 412))
async def delete_workspace(request: AnyRequest, workspace_id: FromPath[str]) -> None:
    """Delete a workspace."""
    await workspace_rows.delete_workspace(
        services_of(request).pool,
        _path_id(workspace_id),
        owner=identity_of(request).owner,
        expected_revision=expected_revision(request.headers.get("if-match")),
    )


class _DataOnly(msgspec.Struct):
    data: msgspec.Raw


def _raw_data(body: bytes, limit: int) -> bytes:
    # The client's own text: numbers keep their digits, keys their order until the database has them.
    data = bytes(msgspec.json.decode(body, type=_DataOnly).data)
    if len(data) > limit:
        raise TooLarge(
            "workspace.too_large", f"`data` must be at most {limit} bytes, was {len(data)}", limit=limit
        )
    return data


def _body_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput("workspace.bad_id", f"`id` must be a UUID, was `{text[:80]}`") from None


def _path_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("workspace.not_found", f"the workspace must exist, `{text[:80]}` does not") from None


async def _require_existing(request: AnyRequest, workspace_id: UUID | None) -> None:
    try:
        if workspace_id is not None:
            pool, owner = services_of(request).pool, identity_of(request).owner
            await workspace_rows.read_workspace(pool, workspace_id, owner=owner)
            return
    except NotFound:
        pass
    raise PreconditionFailed("workspace.changed", "If-Match asks for a workspace that exists, and none does")


def _entry(row: Workspace) -> WorkspaceEntry:
    return WorkspaceEntry(
        id=str(row.id),
        name=row.name,
        created_at=utc_text(row.created_at),
        updated_at=utc_text(row.updated_at),
    )


def _answer(row: Workspace, data: bytes, *, status: int, headers: dict[str, str]) -> Response[bytes]:
    answer = WorkspaceAnswer(
        id=str(row.id),
        name=row.name,
        data=msgspec.Raw(data),
        created_at=utc_text(row.created_at),
        updated_at=utc_text(row.updated_at),
    )
    body = msgspec.json.encode(answer)
    return Response(body, status_code=status, headers=headers, media_type="application/json")
