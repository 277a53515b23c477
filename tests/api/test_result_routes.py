"""Results: the stored document, its blocks, its tables."""

import csv
import dataclasses
import io
from typing import Any, cast
from uuid import UUID

import httpx

from sptraderb.api.app import create_app
from sptraderb.bootstrap import Services
from sptraderb.domain.backtest import Run
from sptraderb.testing.services import client_of
from sptraderb.testing.stored_results import DIGEST, small_document, store_finished_run

Client = httpx.AsyncClient
SEED_FIELDS = {
    "backtest_id",
    "start_capital",
    "end_capital",
    "total_trades",
    "winning_trades",
    "losing_trades",
    "total_pnl",
    "max_drawdown",
    "sharpe_ratio",
    "signals_generated",
    "completed_trades",
    "daily_returns",
}


async def test_results_when_completed_then_the_stored_bytes(client: Client, services: Services) -> None:
    """The document is served byte for byte as the worker stored it, packed or not."""
    run_id = await store_finished_run(services.pool)
    place = f"/api/backtest/{run_id}/results"
    packed = await client.get(place, headers={"accept-encoding": "gzip"})
    plain = await client.get(place, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == small_document(run_id)
    assert set(plain.json()) >= SEED_FIELDS
    assert plain.headers["vary"].startswith("Accept-Encoding")


async def test_results_when_unchanged_then_304(client: Client, services: Services) -> None:
    """A result never changes; who has it is told so."""
    place = f"/api/backtest/{await store_finished_run(services.pool)}/results"
    tag = (await client.get(place)).headers["etag"]
    again = await client.get(place, headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.get(place + "?include=metrics")).headers["etag"] != tag


async def test_results_when_blocks_are_named_then_only_those(client: Client, services: Services) -> None:
    """`include` selects blocks; the figures are always there; an unknown name is refused with the list."""
    place = f"/api/backtest/{await store_finished_run(services.pool)}/results"
    some = (await client.get(f"{place}?include=metrics,notes,digest")).json()
    none = (await client.get(f"{place}?include=")).json()
    wrong = await client.get(f"{place}?include=metrics,trads")
    assert {"metrics", "notes", "total_pnl", "digest", "backtest_id"} <= set(some)
    assert not {"completed_trades", "equity", "manifest"} & set(some)
    assert "metrics" not in none
    assert (wrong.status_code, wrong.json()["code"]) == (400, "result.unknown_block")
    assert "completed_trades" in wrong.json()["context"]["available"]


async def test_results_when_cancelled_while_running_then_partial(client: Client, services: Services) -> None:
    """A cancelled run keeps what it had, marked as partial."""
    run_id = await store_finished_run(services.pool, cancelled=True)
    status = (await client.get(f"/api/backtest/{run_id}/status")).json()
    result = await client.get(f"/api/backtest/{run_id}/results")
    assert (status["status"], result.status_code, result.json()["partial"]) == ("cancelled", 200, True)


async def test_results_when_cancelled_while_its_complete_result_was_stored_then_partial_all_the_same(
    client: Client, services: Services
) -> None:
    """A cancelled run never looks like a completed one, even if every bar was done."""
    run_id = await store_finished_run(services.pool, cancelled=True, complete=True)
    place = f"/api/backtest/{run_id}/results"
    whole, some = await client.get(place), await client.get(f"{place}?include=metrics")
    assert (whole.json()["partial"], some.json()["partial"]) == (True, True)


async def test_results_when_anothers_then_404(client: Client, services: Services) -> None:
    """Another user's result does not exist."""
    run_id = await store_finished_run(services.pool, owner="somebody")
    for tail in ("results", "manifest", "trades", "equity", "ledger"):
        assert (await client.get(f"/api/backtest/{run_id}/{tail}")).status_code == 404


async def test_manifest_when_asked_then_the_stored_one(client: Client, services: Services) -> None:
    """The manifest is a document of its own."""
    run_id = await store_finished_run(services.pool)
    answer = await client.get(f"/api/backtest/{run_id}/manifest")
    assert answer.json() == {"manifest_version": 1, "data": {"revision": 1}}
    assert (await client.get("/api/backtest")).json()[0]["digest"] == DIGEST


async def test_trades_when_paged_then_all_once_in_order(client: Client, services: Services) -> None:
    """Pages together are the table; ids count on; a trade has the fields clients read."""
    run_id = await store_finished_run(services.pool, n_trades=25)
    place: str | None = f"/api/backtest/{run_id}/trades?limit=10"
    rows = []
    while place is not None:
        answer = await client.get(place)
        rows += answer.json()
        link = answer.headers.get("link")
        place = None if link is None else link.split(";")[0].strip("<>")
    assert [row["id"] for row in rows] == list(range(1, 26))
    assert {
        "id", "symbol", "side", "entry_time", "entry_price", "exit_time", "exit_price", "quantity", "pnl",
        "pnl_percent", "exit_reason", "holding_period_hours", "commission", "mae", "mfe", "bars", "ambiguous",
        "entry_rule",
    } <= set(rows[0])  # fmt: skip
    assert rows[1]["entry_price"] == "1.10001"
    assert (rows[1]["side"], rows[1]["exit_reason"], rows[2]["pnl"]) == ("long", "take_profit", "2.00")
    assert rows[0]["entry_time"] == "2017-01-02T00:00:00Z"


async def test_equity_when_a_page_crosses_chunks_then_no_row_is_lost(
    client: Client, services: Services
) -> None:
    """A page may begin in one stored chunk and end in the next."""
    run_id = await store_finished_run(services.pool, n_bars=60_000)
    rows = []
    place: str | None = f"/api/backtest/{run_id}/equity?limit=10000"
    while place is not None:
        answer = await client.get(place)
        rows += [row["equity"] for row in answer.json()]
        link = answer.headers.get("link")
        place = None if link is None else link.split(";")[0].strip("<>")
    assert len(rows) == 60_000
    assert (rows[0], rows[-1]) == ("10000.00", "10000.059999")
    assert len(set(rows)) == 60_000


async def test_ledger_when_downloaded_then_csv_of_all_rows(client: Client, services: Services) -> None:
    """CSV is the whole table with a header, as a file."""
    run_id = await store_finished_run(services.pool, n_trades=12_000)
    named = await client.get(f"/api/backtest/{run_id}/ledger?format=csv")
    liked = await client.get(f"/api/backtest/{run_id}/ledger", headers={"accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(named.text)))
    assert named.text == liked.text
    assert named.headers["content-type"].startswith("text/csv")
    assert f"{run_id}-ledger.csv" in named.headers["content-disposition"]
    assert (len(rows), rows[0]["kind"], rows[1]["kind"]) == (12_001, "deposit", "price_pnl")


async def test_table_when_empty_then_an_empty_array(client: Client, services: Services) -> None:
    """No events are no rows."""
    run_id = await store_finished_run(services.pool)
    for tail in ("orders", "events"):
        answer = await client.get(f"/api/backtest/{run_id}/{tail}")
        assert (answer.status_code, answer.json()) == (200, [])
    past = await client.get(f"/api/backtest/{run_id}/trades?cursor=WzEwMDBd")
    assert (past.status_code, past.json()) == (200, [])


async def test_table_when_the_query_is_wrong_then_refused(client: Client, services: Services) -> None:
    """Limits, cursors and formats are checked."""
    place = f"/api/backtest/{await store_finished_run(services.pool)}/trades"
    for query, status, code in (
        ("?limit=0", 400, "page.limit_out_of_range"),
        ("?limit=10001", 400, "page.limit_out_of_range"),
        ("?cursor=!", 400, "page.cursor_malformed"),
        ("?cursor=WyJhIl0", 400, "page.cursor_malformed"),
        ("?format=xls", 400, "format.unknown"),
    ):
        answer = await client.get(place + query)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    nothing = await client.get(place, headers={"accept": "image/png"})
    assert (nothing.status_code, nothing.json()["code"]) == (406, "media_type.not_acceptable")


class KeptDocuments:
    """Stands for Redis: a dictionary of documents by run."""

    def __init__(self) -> None:
        self.kept: dict[UUID, bytes] = {}
        self.n_found = 0

    async def find_document(self, run: Run) -> bytes | None:
        """Return a kept document."""
        found = self.kept.get(run.id)
        self.n_found += found is not None
        return found

    async def keep_document(self, run: Run, document: bytes) -> None:
        """Keep one."""
        self.kept[run.id] = document

    async def forget(self, run: Run) -> None:
        """Drop one."""
        self.kept.pop(run.id, None)


async def test_results_when_a_copy_is_kept_then_ownership_is_still_asked_first(services: Services) -> None:
    """The copy serves the second read, never another user's, and goes with the run."""
    copies = KeptDocuments()
    cached = dataclasses.replace(services, result_cache=cast("Any", copies))
    mine = await store_finished_run(services.pool)
    others = await store_finished_run(services.pool, owner="somebody")
    copies.kept[others] = b"secret"
    async with client_of(create_app(cached)) as client:
        first = await client.get(f"/api/backtest/{mine}/results")
        second = await client.get(f"/api/backtest/{mine}/results")
        assert first.content == second.content == small_document(mine)
        assert copies.n_found == 1
        assert (await client.get(f"/api/backtest/{others}/results")).status_code == 404
        assert (await client.delete(f"/api/backtest/{mine}")).status_code == 204
        assert set(copies.kept) == {others}
