"""Rows of ``workspaces``: a client's saved state as JSON, guarded against lost updates by a revision."""

import uuid
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from sptraderb.domain.workspace import Workspace
from sptraderb.errors import InvalidInput, NotFound, PreconditionFailed
from sptraderb.store.page_cursor import read_place, require_limit, write_place
from sptraderb.store.pool import Connection, Database, Row, transaction
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("workspace_rows")
_NAME_LIMIT = 255
_UNKEEPABLE = (
    asyncpg.UntranslatableCharacterError,
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.InvalidTextRepresentationError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceDraft:
    """A workspace on its way into the store.

    Parameters
    ----------
    id : UUID or None
        Which; None for a new one.
    name : str
        1 to 255 characters.
    data : bytes
        JSON text.
    """

    id: UUID | None = None
    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedWorkspace:
    """What a save did.

    Parameters
    ----------
    workspace : Workspace
        As stored now, without data.
    created : bool
        Whether it was new.
    """

    workspace: Workspace
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspacePage:
    """One page of workspaces, newest first, without data.

    Parameters
    ----------
    workspaces : tuple of Workspace
        The page.
    next_cursor : str or None
        Cursor of the next page; None on the last.
    """

    workspaces: tuple[Workspace, ...]
    next_cursor: str | None


async def save_workspace(
    database: Database, draft: WorkspaceDraft, *, owner: str, expected_revision: int | None = None
) -> SavedWorkspace:
    """Create a workspace, or replace the one of that id.

    Parameters
    ----------
    database : Pool or Connection
        Where to write.
    draft : WorkspaceDraft
        What to store.
    owner : str
        Whose it is.
    expected_revision : int, optional
        The revision the caller has seen (``If-Match``).

    Returns
    -------
    SavedWorkspace
        What is stored now.

    Raises
    ------
    InvalidInput
        ``workspace.bad_name``; ``workspace.bad_data`` for JSON that ``jsonb`` cannot keep.
    NotFound
        If the id is another user's (``workspace.not_found``).
    PreconditionFailed
        If the current revision is another, or there is none (``workspace.changed``).
    """
    if not 1 <= len(draft.name) <= _NAME_LIMIT or "\0" in draft.name:
        raise InvalidInput(
            "workspace.bad_name",
            f"a workspace's `name` must be 1..{_NAME_LIMIT} characters, was {len(draft.name)}",
        )
    try:
        async with transaction(database) as connection:
            return await _save(connection, draft, owner, expected_revision)
    except _UNKEEPABLE as error:
        raise InvalidInput(
            "workspace.bad_data", f"`data` must be JSON without NUL and half surrogates, found: {error}"
        ) from error


async def read_workspace(database: Database, workspace_id: UUID, *, owner: str) -> Workspace:
    """Return a workspace with its data.

    Raises
    ------
    NotFound
        If there is none, or it is another's (``workspace.not_found``).
    """
    row = await database.fetchrow(_QUERIES["read_workspace"], workspace_id, owner)
    if row is None:
        raise _not_found(workspace_id)
    return _from_row(row)


async def list_workspaces(
    database: Database, *, owner: str, limit: int | None = None, cursor: str | None = None
) -> WorkspacePage:
    """Return a page of an owner's workspaces, newest first, without data.

    Raises
    ------
    InvalidInput
        ``cursor.invalid``, ``limit.invalid``.
    """
    created_at, last_id = read_place(cursor)
    n_rows = require_limit(limit)
    rows = await database.fetch(_QUERIES["list_workspaces"], owner, created_at, last_id, n_rows + 1)
    found = tuple(_from_row(row) for row in rows[:n_rows])
    more = len(rows) > n_rows
    last = write_place(found[-1].created_at, found[-1].id) if more else None
    return WorkspacePage(workspaces=found, next_cursor=last)


async def delete_workspace(
    database: Database, workspace_id: UUID, *, owner: str, expected_revision: int | None = None
) -> None:
    """Delete a workspace.

    Raises
    ------
    NotFound
        ``workspace.not_found``.
    PreconditionFailed
        If the current revision is another (``workspace.changed``).
    """
    if await database.fetchval(_QUERIES["delete_workspace"], workspace_id, owner, expected_revision) is None:
        raise await _refusal(database, workspace_id, owner, expected_revision)


async def _save(
    connection: Connection, draft: WorkspaceDraft, owner: str, expected_revision: int | None
) -> SavedWorkspace:
    data = draft.data.decode()
    workspace_id = draft.id or uuid.uuid4()
    if expected_revision is None:
        row = await connection.fetchrow(_QUERIES["insert_workspace"], workspace_id, owner, draft.name, data)
        if row is not None:
            return SavedWorkspace(workspace=_from_row(row), created=True)
    row = await connection.fetchrow(
        _QUERIES["replace_workspace"], workspace_id, owner, draft.name, data, expected_revision
    )
    if row is None:
        raise await _refusal(connection, workspace_id, owner, expected_revision)
    return SavedWorkspace(workspace=_from_row(row), created=False)


async def _refusal(
    database: Database, workspace_id: UUID, owner: str, expected: int | None
) -> NotFound | PreconditionFailed:
    current = await database.fetchval(_QUERIES["revision_of"], workspace_id, owner)
    if current is None or expected is None:
        return _not_found(workspace_id)
    return PreconditionFailed(
        "workspace.changed",
        f"the workspace must be at revision {expected}, was at {current}",
        hint="read it again and repeat the change",
    )


def _not_found(workspace_id: UUID) -> NotFound:
    return NotFound(
        "workspace.not_found", f"no workspace has the id {workspace_id}", workspace=str(workspace_id)
    )


def _from_row(row: Row) -> Workspace:
    return Workspace(
        id=row["id"],
        name=row["name"],
        data=row["data"].encode() if row["data"] is not None else None,
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
