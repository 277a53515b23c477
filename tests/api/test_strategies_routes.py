"""Strategies: YAML texts by name, with immutable revisions."""

import httpx
import pytest

from sptraderb.strategy.header import read_backtest_defaults
from sptraderb.testing.worked_strategies import strategy_files

Client = httpx.AsyncClient
YAML = {"content-type": "application/yaml"}
TEXT = """\
name: pullback
version: "1.0.0"
description: "RSI pullback"
entry:
  long:
    when: crosses_above(rsi(14), 40)
    size: 2%
exit:
  stop_loss: 20 pips
"""
CHANGED = TEXT.replace("1.0.0", "1.0.1").replace("20 pips", "30 pips")
BROKEN = TEXT.replace("stop_loss", "stop_los").replace("rsi(14)", "rsii(14)")


async def test_strategy_when_posted_then_201_200_200(client: Client) -> None:
    """New, changed and same: only a changed text makes a revision."""
    made = await client.post("/api/strategies/pullback", content=TEXT, headers=YAML)
    same = await client.post("/api/strategies/pullback", content=TEXT, headers=YAML)
    changed = await client.post("/api/strategies/pullback", content=CHANGED, headers=YAML)
    assert [answer.status_code for answer in (made, same, changed)] == [201, 200, 200]
    assert [answer.headers["etag"] for answer in (made, same, changed)] == ['"1"', '"1"', '"2"']
    assert made.headers["location"] == "/api/strategies/pullback"
    assert made.json() | {"updated_at": ""} == {
        "name": "pullback",
        "folder": "",
        "description": "RSI pullback",
        "version": "1.0.0",
        "revision": 1,
        "updated_at": "",
        "valid": True,
    }


@pytest.mark.parametrize(
    "media_type", ["application/yaml", "text/yaml", "text/plain", "text/yaml; charset=utf-8"]
)
async def test_strategy_when_read_back_then_the_same_text(client: Client, media_type: str) -> None:
    """The text comes back byte for byte, as YAML, with its revision as ETag."""
    text = TEXT + "# ünïcode ☃\n"
    await client.post("/api/strategies/p", content=text, headers={"content-type": media_type})
    answer = await client.get("/api/strategies/p")
    assert answer.text == text
    assert answer.headers["content-type"] == "text/yaml; charset=utf-8"
    assert answer.headers["etag"] == '"1"'
    again = await client.get("/api/strategies/p", headers={"if-none-match": '"1"'})
    assert (again.status_code, again.content) == (304, b"")


async def test_strategy_when_listed_then_the_fields_clients_read(client: Client) -> None:
    """The list is a bare array without texts, by name, in folders."""
    for name, folder in (("b", "?folder=trend"), ("a", "")):
        await client.post(f"/api/strategies/{name}{folder}", content=TEXT, headers=YAML)
    rows = (await client.get("/api/strategies")).json()
    assert [(row["name"], row["folder"]) for row in rows] == [("a", ""), ("b", "trend")]
    assert {"name", "folder", "description", "version", "updated_at", "valid"} <= set(rows[0])
    first = await client.get("/api/strategies?limit=1")
    second = await client.get(first.headers["link"].split(";")[0].strip("<>"))
    assert [row["name"] for row in first.json() + second.json()] == ["a", "b"]


async def test_strategy_when_it_does_not_compile_then_422_with_all_faults(client: Client) -> None:
    """Every fault comes back with its line, column and a suggestion; nothing is stored."""
    answer = await client.post("/api/strategies/pullback", content=BROKEN, headers=YAML)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "strategy.invalid")
    assert len(problem["errors"]) >= 2
    assert all(fault["line"] and fault["column"] and fault["message"] for fault in problem["errors"])
    assert any("stop_loss" in fault.get("hint", "") for fault in problem["errors"])
    assert (await client.get("/api/strategies/pullback")).status_code == 404


async def test_validate_when_good_then_200_and_nothing_stored(client: Client) -> None:
    """A check stores nothing."""
    answer = await client.post("/api/strategies/validate", content=TEXT, headers=YAML)
    assert answer.status_code == 200
    said = answer.json()
    report = said.pop("report")
    assert said == {
        "valid": True,
        "name": "pullback",
        "version": "1.0.0",
        "description": "RSI pullback",
        "errors": [],
    }
    assert (report["symbol"], report["timeframe"], report["look_ahead"]) == ("EURUSD", "1h", "none")
    assert (report["waits"][0]["first_value"], report["first_value"]) == (14, 15)
    assert report["path_dependent"] == report["open_bars"] == []
    assert report["estimated_ms_per_100k_bars"] > 0
    broken = await client.post("/api/strategies/validate", content=BROKEN, headers=YAML)
    assert (broken.status_code, broken.json()["code"]) == (422, "strategy.invalid")
    assert (await client.get("/api/strategies")).json() == []


async def test_validate_when_given_the_worked_strategies_then_all_are_good(client: Client) -> None:
    """Each worked file is answered with its own market, warm-up, cost and look-ahead status."""
    for strategy in strategy_files():
        text = strategy.read_text(encoding="utf-8")
        answer = await client.post("/api/strategies/validate", content=text, headers=YAML)
        said = answer.json()
        assert (answer.status_code, said["valid"], said["name"]) == (200, True, strategy.stem), said
        report, stated = said["report"], read_backtest_defaults(text)
        assert (report["symbol"], report["timeframe"]) == (stated["symbol"], stated["timeframe"])
        assert report["look_ahead"] == "none"
        assert report["first_value"] >= report["waits"][0]["first_value"] > 0
        assert report["estimated_ms_per_100k_bars"] > 0
        assert report["first_bars"]


async def test_revisions_when_a_text_changed_then_each_can_be_read(client: Client) -> None:
    """Revisions are immutable and stay readable."""
    for text in (TEXT, CHANGED):
        await client.post("/api/strategies/p", content=text, headers=YAML)
    rows = (await client.get("/api/strategies/p/revisions")).json()
    assert [(row["revision"], row["version"]) for row in rows] == [(2, "1.0.1"), (1, "1.0.0")]
    assert (await client.get("/api/strategies/p?revision=1")).text == TEXT
    assert (await client.get("/api/strategies/p")).text == CHANGED
    assert (await client.get("/api/strategies/p?revision=3")).status_code == 404


async def test_strategy_when_if_match_is_stale_then_412(client: Client) -> None:
    """A lost update is refused; If-Match never creates."""
    await client.post("/api/strategies/p", content=TEXT, headers=YAML)
    stale = await client.post("/api/strategies/p", content=CHANGED, headers={**YAML, "if-match": '"9"'})
    absent = await client.post("/api/strategies/q", content=TEXT, headers={**YAML, "if-match": '"1"'})
    assert (stale.status_code, absent.status_code) == (412, 412)
    assert (await client.get("/api/strategies/p")).text == TEXT


async def test_strategy_when_deleted_then_hidden(client: Client) -> None:
    """A hidden strategy is not listed and not found; posting brings it back as new."""
    await client.post("/api/strategies/p", content=TEXT, headers=YAML)
    assert (await client.delete("/api/strategies/p")).status_code == 204
    assert (await client.get("/api/strategies/p")).status_code == 404
    assert (await client.delete("/api/strategies/p")).status_code == 404
    assert (await client.get("/api/strategies")).json() == []
    assert (await client.post("/api/strategies/p", content=TEXT, headers=YAML)).status_code == 201


async def test_strategy_when_the_case_differs_then_the_same_strategy(client: Client) -> None:
    """Names are unique ignoring case, as file names on some systems are."""
    await client.post("/api/strategies/Trend", content=TEXT, headers=YAML)
    answer = await client.post("/api/strategies/TREND", content=TEXT, headers=YAML)
    assert answer.status_code == 200
    assert len((await client.get("/api/strategies")).json()) == 1


IMPOSSIBLE_NAMES = ["_x", ".x", "x" * 101, "a b", "x.yaml", "x.YML", "Schema"]


async def test_strategy_when_the_name_is_impossible_then_400_or_404(client: Client) -> None:
    """Impossible names cannot be written, and reading them finds nothing."""
    for name in IMPOSSIBLE_NAMES:
        written = await client.post(f"/api/strategies/{name}", content=TEXT, headers=YAML)
        assert (written.status_code, written.json()["code"]) == (400, "strategy.bad_name")
        assert (await client.get(f"/api/strategies/{name}")).status_code == 404


async def test_strategy_when_the_body_is_no_text_then_refused(client: Client) -> None:
    """JSON, bytes that are no UTF-8, NUL and giants are refused by name."""
    place = "/api/strategies/p"
    cases = [
        (TEXT.encode(), "application/json", 415, "media_type.unsupported"),
        (b"name: \xff", "application/yaml", 400, "body.not_utf8"),
        (b"name: \0", "application/yaml", 400, "body.nul"),
        (b"#" * 1_100_000, "application/yaml", 413, "body.too_large"),
        (b"", "application/yaml", 422, "strategy.invalid"),
    ]
    for body, media_type, status, code in cases:
        answer = await client.post(place, content=body, headers={"content-type": media_type})
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_schema_and_indicators_when_asked_then_documents(client: Client) -> None:
    """Editors get the JSON Schema of the language and the registry of indicators."""
    schema = await client.get("/api/strategies/schema")
    assert schema.headers["content-type"] == "application/schema+json"
    assert schema.json()["$schema"].startswith("https://json-schema.org/")
    indicators = (await client.get("/api/indicators")).json()
    assert {"sma", "ema", "rsi", "atr"} <= {row["name"] for row in indicators}
