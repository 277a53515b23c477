"""Backtests over HTTP: accepted, asked about, cancelled, listed, deleted, repeated."""

import uuid
from typing import Any

import httpx
import pytest_asyncio

from sptraderb.bootstrap import Services
from sptraderb.testing.stored_candles import store_bars, wavy_bars

Client = httpx.AsyncClient
STRATEGY = """\
name: pullback
version: "1.0.0"
description: "RSI pullback"
parameters:
  level: {default: 40, range: [10, 90]}
entry:
  long:
    when: crosses_above(rsi(14), level)
    size: 2%
exit:
  stop_loss: 20 pips
"""
FILL_QUEUE = """
INSERT INTO sptraderb.backtest_runs
    (id, owner, strategy_name, symbol, timeframe, start_date, end_date, initial_capital, request)
SELECT gen_random_uuid(), 'other', 's', 'EURUSD', '1h', now(), now(), 1, '{}' FROM generate_series(1, $1)
"""
BODY: dict[str, Any] = {
    "strategy_name": "pullback",
    "symbol": "EURUSD",
    "timeframe": "1h",
    "start_date": "2017-01-10",
    "end_date": "2017-01-20",
    "initial_capital": 10000,
}


@pytest_asyncio.fixture(autouse=True)
async def stored(services: Services, client: Client) -> None:
    """Store candles and the strategy."""
    await store_bars(services.pool, wavy_bars(600))
    answer = await client.post(
        "/api/strategies/pullback", content=STRATEGY, headers={"content-type": "text/yaml"}
    )
    assert answer.status_code == 201


async def _start(client: Client, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
    body = {key: value for key, value in {**BODY, **changes}.items() if value is not None}
    return await client.post("/api/backtest/run", json=body, headers=headers)


async def test_run_when_good_then_202_with_the_two_fields(client: Client, services: Services) -> None:
    """Accepted means: the id and `running`; run row and job are committed together."""
    answer = await _start(client)
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"backtest_id", "status"}
    assert body["status"] == "running"
    assert answer.headers["location"] == f"/api/backtest/{body['backtest_id']}/status"
    row = await services.pool.fetchrow("SELECT id, status, strategy_name FROM sptraderb.backtest_runs")
    assert (str(row["id"]), row["status"], row["strategy_name"]) == (
        body["backtest_id"],
        "running",
        "pullback",
    )
    assert await services.pool.fetchval("SELECT count(*) FROM sptraderb.pgqueuer") == 1


async def test_status_when_queued_then_running_with_its_place(client: Client) -> None:
    """A waiting run reads `running`, phase `queued`, with its place in the queue."""
    ids = [(await _start(client)).json()["backtest_id"] for _ in range(2)]
    answers = [(await client.get(f"/api/backtest/{run}/status")).json() for run in ids]
    assert [answer["queue_position"] for answer in answers] == [1, 2]
    assert answers[0]["created_at"].endswith("Z")
    for answer, run in zip(answers, ids, strict=True):
        assert {"backtest_id", "status", "progress", "phase", "error", "eta_seconds"} <= set(answer)
        assert (answer["backtest_id"], answer["status"], answer["phase"]) == (run, "running", "queued")
        assert (answer["progress"], answer["error"]) == (0.0, None)


WRONG_RUNS = [
    ({"strategy_name": "nosuch"}, 404, "strategy.unknown"),
    ({"symbol": "NOSUCH"}, 404, "candles.unknown_symbol"),
    ({"timeframe": "5m"}, 404, "candles.too_coarse"),
    ({"timeframe": "9x"}, 400, "body.invalid"),
    ({"start_date": "2017-01-21"}, 400, "body.invalid"),
    ({"strategy_name": None, "strategy": "name: x\nentri: {}\n"}, 422, "strategy.invalid"),
    ({"parameters": {"levl": 30}}, 422, "strategy.invalid"),
    ({"surplus": 1}, 400, "body.invalid"),
]


async def test_run_when_something_is_wrong_then_nothing_is_stored(client: Client, services: Services) -> None:
    """Strategy, symbol, timeframe, dates and keys are checked before the answer."""
    for changes, status, code in WRONG_RUNS:
        answer = await _start(client, **changes)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert await services.pool.fetchval("SELECT count(*) FROM sptraderb.backtest_runs") == 0


async def test_run_when_inline_then_the_text_is_the_strategy(client: Client) -> None:
    """A text in the request needs no stored strategy; its name is the document's."""
    answer = await _start(client, strategy_name=None, strategy=STRATEGY.replace("pullback", "inline_one", 1))
    entry = (await client.get("/api/backtest")).json()[0]
    assert answer.status_code == 202
    assert (entry["strategy_name"], entry["strategy_revision"]) == ("inline_one", None)


async def test_run_when_the_key_repeats_then_one_run(client: Client) -> None:
    """The same key and body start one run; another body under the key is 422."""
    key = {"idempotency-key": "k-1"}
    first, again = await _start(client, key), await _start(client, key)
    other = await _start(client, key, initial_capital=5000)
    assert (first.status_code, again.status_code, first.json()) == (202, 202, again.json())
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.key_reused")
    assert len((await client.get("/api/backtest")).json()) == 1
    bad = await _start(client, {"idempotency-key": "x" * 300})
    assert (bad.status_code, bad.json()["code"]) == (400, "idempotency.bad_key")


async def test_cancel_when_queued_then_204_and_again_204(client: Client) -> None:
    """Cancelling is acknowledged; a second time changes nothing; results of it never were."""
    place = f"/api/backtest/{(await _start(client)).json()['backtest_id']}"
    first, second = await client.post(f"{place}/cancel"), await client.post(f"{place}/cancel")
    assert (first.status_code, first.content, second.status_code) == (204, b"", 204)
    assert (await client.get(f"{place}/status")).json()["status"] == "cancelled"
    results = await client.get(f"{place}/results")
    assert (results.status_code, results.json()["code"]) == (409, "run.no_result")


async def test_cancel_when_it_has_ended_then_409(client: Client, services: Services) -> None:
    """A failed run stays failed; status and results tell the error."""
    run = (await _start(client)).json()["backtest_id"]
    await services.pool.execute(
        "UPDATE sptraderb.backtest_runs SET state = 'failed', phase = 'done', completed_at = now(), "
        """error = '{"code": "money.overflow", "message": "too much", "context": {"bar": 5}}'"""
    )
    refused = await client.post(f"/api/backtest/{run}/cancel")
    status = (await client.get(f"/api/backtest/{run}/status")).json()
    results = (await client.get(f"/api/backtest/{run}/results")).json()
    error = {"code": "money.overflow", "message": "too much", "context": {"bar": 5}}
    assert (refused.status_code, refused.json()["code"]) == (409, "run.wrong_state")
    assert (status["status"], status["error"]) == ("failed", error)
    assert (results["status"], results["code"], results["context"]["error"]) == (409, "run.failed", error)


async def test_results_when_not_finished_then_409(client: Client) -> None:
    """Everything of a result waits for the end."""
    place = f"/api/backtest/{(await _start(client)).json()['backtest_id']}"
    for tail in ("results", "manifest", "trades", "equity", "ledger", "orders", "events"):
        answer = await client.get(f"{place}/{tail}")
        assert (answer.status_code, answer.json()["code"]) == (409, "run.not_finished")
    replay = await client.post(f"{place}/replay")
    assert (replay.status_code, replay.json()["code"]) == (409, "run.not_finished")


async def test_list_when_filtered_then_only_those(client: Client) -> None:
    """Runs are listed newest first, narrowed by strategy, symbol, status and tag, page by page."""
    for number in range(3):
        await _start(client, name=f"r{number}", tags=["even"] if number % 2 == 0 else ["odd"])
    names = [row["name"] for row in (await client.get("/api/backtest")).json()]
    assert names == ["r2", "r1", "r0"]
    for query, n_rows in (
        ("tag=even", 2),
        ("strategy=pullback", 3),
        ("strategy=x", 0),
        ("symbol=EURUSD", 3),
        ("symbol=GBPUSD", 0),
        ("status=running", 3),
        ("status=failed", 0),
    ):
        assert len((await client.get(f"/api/backtest?{query}")).json()) == n_rows
    first = await client.get("/api/backtest?limit=2&tag=even&status=running")
    assert "link" not in first.headers
    page = await client.get("/api/backtest?limit=2&symbol=EURUSD")
    rest = await client.get(page.headers["link"].split(";")[0].strip("<>"))
    assert [row["name"] for row in page.json() + rest.json()] == ["r2", "r1", "r0"]
    wrong = await client.get("/api/backtest?status=queued")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "run.unknown_status")


async def test_delete_when_ended_then_gone_when_active_then_409(client: Client) -> None:
    """Only what has ended can be deleted."""
    place = f"/api/backtest/{(await _start(client)).json()['backtest_id']}"
    active = await client.delete(place)
    await client.post(f"{place}/cancel")
    gone = await client.delete(place)
    assert (active.status_code, active.json()["code"]) == (409, "run.wrong_state")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.get(f"{place}/status")).status_code == 404


async def test_run_when_unknown_then_404_everywhere(client: Client) -> None:
    """No id, no run: one answer on every route."""
    for name in (str(uuid.uuid4()), "nonsense"):
        for method, tail in (
            ("GET", ""),
            ("GET", "/status"),
            ("GET", "/results"),
            ("GET", "/manifest"),
            ("GET", "/trades"),
            ("POST", "/cancel"),
            ("POST", "/replay"),
            ("DELETE", ""),
        ):
            answer = await client.request(method, f"/api/backtest/{name}{tail}")
            assert (answer.status_code, answer.json()["code"]) == (404, "run.not_found")


async def test_run_when_the_queue_is_full_then_503(client: Client, services: Services) -> None:
    """A full queue takes no more and says when to come back."""
    await services.pool.execute(FILL_QUEUE, services.settings.max_queue)
    answer = await _start(client)
    assert (answer.status_code, answer.json()["code"]) == (503, "queue.full")
    assert "retry-after" in answer.headers
    assert (await client.get("/api/backtest")).json() == []
