"""Sending files of candles: what is refused before it is stored, and what the answers say."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from sptraderb.api.app import create_app
from sptraderb.bootstrap import Services
from sptraderb.candles.import_job import ImportState
from sptraderb.domain.backtest import RunError
from sptraderb.store import import_job_rows
from sptraderb.testing.eventually import eventually
from sptraderb.testing.services import client_of, open_test_services

Client = httpx.AsyncClient
IMPORT = "/api/candles/import"
FILE = b"time,open,high,low,close,volume\n2024-01-02T10:00:00Z,1.0942,1.0951,1.0937,1.0948,1204\n"


async def _n_rows(services: Services) -> int:
    question = """SELECT (SELECT count(*) FROM sptraderb.candle_imports)
        + (SELECT count(*) FROM sptraderb.candle_import_chunks) + (SELECT count(*) FROM sptraderb.pgqueuer)"""
    return int(await services.pool.fetchval(question))


async def _send(client: Client, **query: str) -> dict[str, Any]:
    answer = await client.post(IMPORT, params={"symbol": "EURUSD", **query}, content=FILE)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_import_when_sent_then_202_with_its_place(client: Client) -> None:
    """The answer says where to ask; the file is queued with all that was said of it."""
    answer = await client.post(
        IMPORT, params={"filename": "C:\\data\\EURUSD_1h.csv", "timeframe": "1h"}, content=FILE
    )
    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/candles/imports/{body['import_id']}"
    assert (body["state"], body["phase"], body["progress"]) == ("queued", "queued", 0)
    assert (body["file"], body["size_bytes"]) == ("EURUSD_1h.csv", len(FILE))
    assert (body["report"], body["error"], body["started_at"]) == (None, None, None)
    assert (await client.get(answer.headers["location"])).json() == body


BAD = [
    ({"side": "left"}, "import.bad_option"),
    ({"trust": "blindly"}, "import.bad_option"),
    ({"date_order": "ymd"}, "import.bad_option"),
    ({"format": "word"}, "import.bad_option"),
    ({"timeframe": "7 days of the week"}, "timeframe.unknown"),
    ({"timezone": "Mars/North"}, "import.timezone_unknown"),
    ({"instrument": "price_scale"}, "import.bad_instrument"),
]


@pytest.mark.parametrize(("query", "code"), BAD, ids=[next(iter(query)) for query, _ in BAD])
async def test_import_when_an_option_is_wrong_then_400_and_nothing_stored(
    client: Client, services: Services, query: dict[str, str], code: str
) -> None:
    """What no file could be imported with is refused at once."""
    answer = await client.post(IMPORT, params=query, content=FILE)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert await _n_rows(services) == 0


async def test_import_when_empty_or_a_form_then_refused(client: Client, services: Services) -> None:
    """The body is the file itself."""
    empty = await client.post(IMPORT)
    form = await client.post(IMPORT, files={"file": ("a.csv", FILE)})
    assert (empty.status_code, empty.json()["code"]) == (400, "import.file_empty")
    assert (form.status_code, form.json()["code"]) == (415, "media_type.unsupported")
    assert await _n_rows(services) == 0


async def test_import_when_too_large_then_413_whether_it_says_so_or_not(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The limit holds for the length declared and for what arrives."""

    async def _undeclared() -> Any:
        for _ in range(3):
            yield b"x" * 1000

    folder = tmp_path_factory.mktemp("data")
    async with (
        open_test_services(database_url, folder, MAX_IMPORT_BYTES="2048") as services,
        client_of(create_app(services)) as client,
    ):
        declared = await client.post(IMPORT, content=b"x" * 2049)
        streamed = await client.post(IMPORT, content=_undeclared())
        for answer in (declared, streamed):
            assert (answer.status_code, answer.json()["code"]) == (413, "import.too_large")
        assert await _n_rows(services) == 0


async def test_import_when_the_connection_ends_early_then_nothing_remains(
    live_address: str, services: Services
) -> None:
    """A sender that goes away in the middle leaves nothing, on a real socket."""
    host, port = live_address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {IMPORT}?symbol=EURUSD HTTP/1.1\r\nHost: {live_address}\r\nContent-Length: 5000000\r\n\r\n"
    writer.write(head.encode() + b"x" * 2_500_000)
    await writer.drain()

    async def _uploads() -> int:
        question = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sptraderb upload'"
        return int(await services.pool.fetchval(question))

    async def _begun() -> bool:
        return await _uploads() == 1

    async def _ended() -> bool:
        return await _uploads() == 0

    await eventually(_begun)
    writer.close()
    await eventually(_ended)
    assert await _n_rows(services) == 0


async def test_import_when_failed_then_the_error_is_told(client: Client, services: Services) -> None:
    """A failed import has a code, a sentence and facts, and no report."""
    sent = await _send(client)
    error = RunError(code="import.format_unknown", message="no layout", context={"file": "a"}, hint="say one")
    row = await import_job_rows.claim_import(services.pool, sent["import_id"])
    assert row is not None
    await import_job_rows.end_import(
        services.pool, row.id, attempt=row.attempt, state=ImportState.FAILED, error=error
    )
    body = (await client.get(f"/api/candles/imports/{row.id}")).json()
    assert (body["state"], body["report"]) == ("failed", None)
    told = {"code": error.code, "message": "no layout", "context": {"file": "a"}, "hint": "say one"}
    assert body["error"] == told
    again = await client.post(f"/api/candles/imports/{row.id}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "import.wrong_state")


async def test_cancel_when_waiting_then_cancelled_at_once_and_twice_the_same(
    client: Client, services: Services
) -> None:
    """An import nobody has begun is cancelled with its job; cancelling it again is no error."""
    place = f"/api/candles/imports/{(await _send(client))['import_id']}"
    answers = [await client.post(f"{place}/cancel") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert (await client.get(place)).json()["state"] == "cancelled"
    assert await _n_rows(services) == 1


async def test_imports_when_listed_then_the_newest_first_page_by_page(
    client: Client, services: Services
) -> None:
    """Pages together are all imports; entries carry no report but its summary; a state narrows them."""
    sent = [(await _send(client, filename=f"{number}.csv"))["import_id"] for number in range(5)]
    row = await import_job_rows.claim_import(services.pool, sent[0])
    assert row is not None
    summary = {"symbol": "EURUSD", "timeframe": "1h", "n_read": 3, "n_kept": 2, "unchanged": False}
    report = json.dumps({**summary, "revision": 7, "rows": []}).encode()
    await import_job_rows.end_import(
        services.pool, row.id, attempt=row.attempt, state=ImportState.COMPLETED, report=report
    )
    found: list[dict[str, Any]] = []
    place: str | None = "/api/candles/imports?limit=2"
    while place is not None:
        answer = await client.get(place)
        assert len(answer.json()) <= 2
        found += answer.json()
        link = answer.headers.get("link")
        place = None if link is None else link.split(";")[0].strip("<>")
    assert [entry["import_id"] for entry in found] == sent[::-1]
    assert [entry["state"] for entry in found] == ["queued"] * 4 + ["completed"]
    assert found[-1]["summary"] == {**summary, "revision": 7}
    assert all("report" not in entry for entry in found)
    done = (await client.get("/api/candles/imports?state=completed")).json()
    assert [entry["import_id"] for entry in done] == sent[:1]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("state=lost", "import.unknown_state"),
        ("cursor=zzz", "cursor.invalid"),
        ("limit=0", "page.limit_out_of_range"),
    ],
)
async def test_imports_when_the_query_is_wrong_then_the_code_says_so(
    client: Client, query: str, code: str
) -> None:
    """A list says what it cannot narrow or continue."""
    answer = await client.get(f"/api/candles/imports?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_imports_when_another_owners_then_not_listed(client: Client, services: Services) -> None:
    """A list shows the caller's own imports only."""
    await _send(client)
    await services.pool.execute("UPDATE sptraderb.candle_imports SET owner = 'other'")
    assert (await client.get("/api/candles/imports")).json() == []


@pytest.mark.parametrize("name", ["5b7050f5-6833-404e-b080-780b91b2c3d0", "not-a-uuid"])
async def test_import_when_unknown_then_404(client: Client, name: str) -> None:
    """Neither reading nor cancelling finds what is not there."""
    place = f"/api/candles/imports/{name}"
    for answer in (await client.get(place), await client.post(f"{place}/cancel")):
        assert (answer.status_code, answer.json()["code"]) == (404, "import.not_found")


async def test_import_when_another_owners_then_404(client: Client, services: Services) -> None:
    """Another user's import does not exist for the caller."""
    sent = await _send(client)
    await services.pool.execute("UPDATE sptraderb.candle_imports SET owner = 'other'")
    assert (await client.get(f"/api/candles/imports/{sent['import_id']}")).status_code == 404
