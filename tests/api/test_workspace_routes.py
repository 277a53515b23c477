"""Workspaces: created, replaced, guarded against lost updates."""

import uuid
from typing import Any

import httpx
import pytest

from sptraderb.bootstrap import Services

Client = httpx.AsyncClient
UNKNOWN = "0b7e3a52-3f0c-4d53-9d11-6a7b3d0a1c11"


async def _create(client: Client, **fields: Any) -> httpx.Response:
    return await client.post("/api/workspace", json={"name": "charts", "data": {"n": 1}, **fields})


async def test_workspace_when_created_then_201_with_location_and_all_fields(client: Client) -> None:
    """A new workspace answers with its place, its ETag and the five fields clients read."""
    answer = await _create(client)
    row = answer.json()
    assert answer.status_code == 201
    assert set(row) == {"id", "name", "data", "created_at", "updated_at"}
    assert answer.headers["location"] == f"/api/workspace/{row['id']}"
    assert answer.headers["etag"] == '"1"'
    assert row["created_at"].endswith("Z")
    assert len(row["created_at"]) == 20


async def test_workspace_when_the_id_is_unknown_then_created_under_it(client: Client) -> None:
    """A client may choose the id; posting it again replaces."""
    first, second = await _create(client, id=UNKNOWN), await _create(client, id=UNKNOWN, data=[1])
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == UNKNOWN
    assert second.headers["etag"] == '"2"'
    assert "location" not in second.headers


ANY_JSON = [None, True, 1.5, "text", [], {}, {"deep": [[[{"a": None}]]]}, {"ünï": "☃", "n": 12345678901234}]


async def test_workspace_when_read_back_then_any_json_is_the_same(client: Client) -> None:
    """What is kept is what was sent, whatever JSON it is."""
    for data in ANY_JSON:
        made = (await _create(client, data=data)).json()
        answer = await client.get(f"/api/workspace/{made['id']}")
        assert answer.status_code == 200
        assert answer.json()["data"] == data


async def test_workspace_when_listed_then_without_data_page_by_page(client: Client) -> None:
    """The list is a bare array of entries; the Link header leads through it."""
    for number in range(3):
        await _create(client, name=f"w{number}")
    first = await client.get("/api/workspace?limit=2")
    assert [set(row) for row in first.json()] == [{"id", "name", "created_at", "updated_at"}] * 2
    target = first.headers["link"].split(";")[0].strip("<>")
    second = await client.get(target)
    assert len(second.json()) == 1
    assert "link" not in second.headers
    names = {row["name"] for row in first.json() + second.json()}
    assert names == {"w0", "w1", "w2"}


async def test_workspace_when_if_match_is_stale_then_412_and_unchanged(client: Client) -> None:
    """Whoever holds an older revision cannot overwrite the newer one."""
    made = (await _create(client)).json()
    fresh = await client.post(
        "/api/workspace", json={"id": made["id"], "name": "b", "data": 2}, headers={"if-match": '"1"'}
    )
    stale = await client.post(
        "/api/workspace", json={"id": made["id"], "name": "c", "data": 3}, headers={"if-match": '"1"'}
    )
    assert (fresh.status_code, stale.status_code) == (200, 412)
    assert stale.json()["code"] == "workspace.changed"
    assert (await client.get(f"/api/workspace/{made['id']}")).json()["data"] == 2


@pytest.mark.parametrize("tag", ["*", '"1"'])
async def test_workspace_when_if_match_and_none_exists_then_412(client: Client, tag: str) -> None:
    """If-Match never creates."""
    answer = await client.post(
        "/api/workspace", json={"id": UNKNOWN, "name": "b", "data": 2}, headers={"if-match": tag}
    )
    assert answer.status_code == 412
    assert (await client.get(f"/api/workspace/{UNKNOWN}")).status_code == 404


async def test_workspace_when_unchanged_then_304(client: Client) -> None:
    """A client that has the revision is told so without the data."""
    made = (await _create(client)).json()
    answer = await client.get(f"/api/workspace/{made['id']}", headers={"if-none-match": '"1"'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"1"'


async def test_workspace_when_deleted_then_204_then_404(client: Client) -> None:
    """Deleting empties the place; a second time there is nothing."""
    place = f"/api/workspace/{(await _create(client)).json()['id']}"
    first, second = await client.delete(place), await client.delete(place)
    assert (first.status_code, first.content) == (204, b"")
    assert (second.status_code, second.json()["code"]) == (404, "workspace.not_found")
    assert (await client.get(place)).status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_workspace_when_the_id_is_nonsense_or_unknown_then_404(client: Client, method: str) -> None:
    """What is no UUID is no workspace."""
    for name in ("nonsense", str(uuid.uuid4()), "%01"):
        answer = await client.request(method, f"/api/workspace/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "workspace.not_found")


WRONG_FIELDS = [
    ({"name": ""}, "workspace.bad_name"),
    ({"name": "x" * 256}, "workspace.bad_name"),
    ({"id": "nonsense"}, "workspace.bad_id"),
    ({"name": 5}, "body.invalid"),
    ({"surplus": 5}, "body.invalid"),
]


async def test_workspace_when_a_field_is_wrong_then_400(client: Client) -> None:
    """Names, ids and keys are checked before anything is stored."""
    for fields, code in WRONG_FIELDS:
        answer = await _create(client, **fields)
        assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_workspace_when_data_is_too_large_then_413(client: Client, services: Services) -> None:
    """The stated size holds to the byte."""
    limit = services.settings.workspace_max_bytes
    fits = await _create(client, data="x" * (limit - 2))
    too_large = await _create(client, data="x" * (limit - 1))
    assert fits.status_code == 201
    assert (too_large.status_code, too_large.json()["code"]) == (413, "workspace.too_large")
