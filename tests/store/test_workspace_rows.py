"""Workspaces: create, replace, guard by revision, keep owners apart. And idempotency keys."""

import asyncio
import uuid

import pytest

from sptraderb.errors import InvalidInput, NotFound, PreconditionFailed
from sptraderb.store import idempotency_rows, workspace_rows
from sptraderb.store.pool import Pool
from sptraderb.store.workspace_rows import SavedWorkspace, WorkspaceDraft


async def _save(pool: Pool, workspace_id: uuid.UUID | None = None, **more: object) -> SavedWorkspace:
    draft = WorkspaceDraft(
        id=workspace_id, name=str(more.get("name", "desk")), data=bytes(more.get("data", b'{"a": [1, 2.50]}'))
    )
    return await workspace_rows.save_workspace(
        pool, draft, owner=str(more.get("owner", "local")), expected_revision=more.get("expected")
    )


async def test_save_workspace_when_new_then_created_when_known_then_replaced(pool: Pool) -> None:
    """Without id or with an unknown one it is created, with a known one replaced."""
    first = await _save(pool)
    wanted = uuid.uuid4()
    second = await _save(pool, wanted)
    again = await _save(pool, wanted, name="other", data=b"[null]")
    assert (first.created, second.created, again.created) == (True, True, False)
    assert (second.workspace.id, again.workspace.revision, again.workspace.data) == (wanted, 2, None)
    stored = await workspace_rows.read_workspace(pool, wanted, owner="local")
    assert (stored.name, stored.data, stored.created_at) == ("other", b"[null]", second.workspace.created_at)
    assert stored.updated_at >= second.workspace.updated_at


async def test_save_workspace_when_revision_seen_is_old_then_refused(pool: Pool) -> None:
    """`If-Match` guards against lost updates, of deletes as well."""
    saved = await _save(pool)
    key = saved.workspace.id
    await _save(pool, key, expected=1)
    with pytest.raises(PreconditionFailed) as caught:
        await _save(pool, key, expected=1)
    assert caught.value.code == "workspace.changed"
    with pytest.raises(PreconditionFailed):
        await workspace_rows.delete_workspace(pool, key, owner="local", expected_revision=1)
    with pytest.raises(NotFound):
        await _save(pool, uuid.uuid4(), expected=1)
    await workspace_rows.delete_workspace(pool, key, owner="local", expected_revision=2)
    with pytest.raises(NotFound):
        await workspace_rows.delete_workspace(pool, key, owner="local")


async def test_workspace_when_anothers_then_not_found(pool: Pool) -> None:
    """Another user's id can be neither read nor written nor deleted, and looks like an unknown one."""
    key = (await _save(pool, owner="ann")).workspace.id
    for attempt in (
        _save(pool, key),
        workspace_rows.read_workspace(pool, key, owner="local"),
        workspace_rows.delete_workspace(pool, key, owner="local"),
    ):
        with pytest.raises(NotFound) as caught:
            await attempt
        assert caught.value.code == "workspace.not_found"
    assert (await workspace_rows.list_workspaces(pool, owner="local")).workspaces == ()


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("", b"{}", "workspace.bad_name"),
        ("x" * 256, b"{}", "workspace.bad_name"),
        ("a\0b", b"{}", "workspace.bad_name"),
        ("ok", b'{"a": "\\u0000"}', "workspace.bad_data"),
        ("ok", b'{"a": "\\ud800"}', "workspace.bad_data"),
        ("ok", b"{", "workspace.bad_data"),
    ],
)
async def test_save_workspace_when_unfit_then_refused(pool: Pool, name: str, data: bytes, code: str) -> None:
    """What the columns cannot keep is refused with a sentence, not with a server error."""
    with pytest.raises(InvalidInput) as caught:
        await _save(pool, name=name, data=data)
    assert caught.value.code == code


async def test_list_workspaces_when_paged_then_each_comes_once(pool: Pool) -> None:
    """Pages cover all workspaces, newest first, without data."""
    made = [(await _save(pool)).workspace.id for _ in range(5)]
    first = await workspace_rows.list_workspaces(pool, owner="local", limit=3)
    second = await workspace_rows.list_workspaces(pool, owner="local", limit=3, cursor=first.next_cursor)
    seen = [workspace.id for workspace in (*first.workspaces, *second.workspaces)]
    assert seen == made[::-1]
    assert second.next_cursor is None
    assert first.workspaces[0].data is None


async def test_public_view_when_read_then_shows_the_seeds_columns(pool: Pool) -> None:
    """The seed's table of workspaces is there as a view."""
    await _save(pool)
    row = await pool.fetchrow("SELECT id, name, data, created_at, updated_at FROM public.workspaces")
    assert row is not None
    assert row["name"] == "desk"


async def test_idempotency_when_two_requests_race_then_one_starts(pool: Pool) -> None:
    """The second request with a key waits for the first and finds what it started."""
    started: list[uuid.UUID] = []

    async def start() -> uuid.UUID:
        async with pool.acquire() as connection, connection.transaction():
            found = await idempotency_rows.find_start(connection, owner="local", key="k")
            if found is not None:
                return found.entity_id
            started.append(uuid.uuid4())
            await idempotency_rows.insert_start(
                connection, owner="local", key="k", body_hash="h", entity_id=started[-1]
            )
            return started[-1]

    answers = await asyncio.gather(*(start() for _ in range(4)))
    assert len(started) == 1
    assert set(answers) == set(started)


async def test_idempotency_when_a_day_has_passed_then_key_is_free_again(pool: Pool) -> None:
    """Keys are kept 24 hours and are each owner's own."""
    async with pool.acquire() as connection, connection.transaction():
        await idempotency_rows.insert_start(
            connection, owner="ann", key="k", body_hash="h", entity_id=uuid.uuid4()
        )
        assert await idempotency_rows.find_start(connection, owner="bob", key="k") is None
        assert await idempotency_rows.find_start(connection, owner="ann", key="k") is not None
        await connection.execute("UPDATE sptraderb.idempotency_keys SET created_at = now() - interval '25 h'")
        assert await idempotency_rows.find_start(connection, owner="ann", key="k") is None
        assert await idempotency_rows.prune_starts(connection) == 1
