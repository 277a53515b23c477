"""What holds for every request: ids, hosts, origins, CORS, HEAD, errors in one form."""

import asyncio
import json
import logging
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar, get
from litestar.types import ControllerRouterHandler

from sptraderb.api.app import create_app
from sptraderb.api.edge import Edge
from sptraderb.api.origins import origin_rules
from sptraderb.api.problems import handle_error
from sptraderb.bootstrap import Services
from sptraderb.testing.services import client_of

Client = httpx.AsyncClient
ALLOWED = "https://app.example.com"
FOREIGN = "https://evil.example"


async def test_unknown_path_when_asked_then_a_problem_document(client: Client) -> None:
    """404 of no route has the shape of every other error."""
    answer = await client.get("/nothing/here")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "route.not_found"


async def test_wrong_method_when_used_then_405_and_the_allowed_ones(client: Client) -> None:
    """405 names what the path has."""
    answer = await client.put("/health")
    assert (answer.status_code, answer.json()["code"]) == (405, "route.method_not_allowed")
    assert "GET" in answer.headers["allow"]


async def test_error_when_text_is_asked_for_then_text(client: Client) -> None:
    """A caller that names text/plain reads errors as text."""
    answer = await client.get("/nothing", headers={"accept": "text/plain"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("route.not_found: ")


async def test_request_id_when_given_then_kept_else_made(client: Client) -> None:
    """A plain id of the client's is kept; anything else gets one of ours."""
    assert (await client.get("/health", headers={"x-request-id": "abc-1"})).headers["x-request-id"] == "abc-1"
    made = (await client.get("/health", headers={"x-request-id": "a b\tc"})).headers["x-request-id"]
    assert len(made) == 16
    problem = (await client.get("/nothing", headers={"x-request-id": "abc-2"})).json()
    assert problem["request_id"] == "abc-2"


FOREIGN_HOSTS = ["evil.example", "localhost.evil.example:80", "10.0.0.1"]


async def test_host_when_foreign_then_403_before_any_route(client: Client) -> None:
    """A page that rebinds its name to us is stopped before any route that knows something."""
    for host in FOREIGN_HOSTS:
        for path in ("/metrics", "/docs", "/api/workspace", "/nothing"):
            answer = await client.get(path, headers={"host": host})
            assert (answer.status_code, answer.json()["code"]) == (403, "host.not_allowed")


async def test_signs_of_life_when_asked_for_by_address_then_answered(client: Client) -> None:
    """A platform's health check asks the machine by its address, which no setting can list."""
    for path in ("/health", "/ready"):
        answer = await client.get(path, headers={"host": "10.0.0.1:3001"})
        assert answer.status_code == 200


WRITING_METHODS = ["POST", "PUT", "PATCH", "DELETE"]


async def test_write_when_from_a_foreign_page_then_403(client: Client) -> None:
    """No foreign page writes, whatever the path; even `null` is foreign."""
    for method in WRITING_METHODS:
        for origin in (FOREIGN, "null"):
            answer = await client.request(method, "/api/workspace", headers={"origin": origin})
            assert (answer.status_code, answer.json()["code"]) == (403, "origin.not_allowed")


async def test_write_when_from_our_own_or_an_allowed_page_then_served(client: Client) -> None:
    """Our own pages and the listed client may write."""
    for origin in (ALLOWED, "http://127.0.0.1"):
        answer = await client.post(
            "/api/workspace", headers={"origin": origin}, json={"name": "w", "data": 1}
        )
        assert answer.status_code == 201


async def test_read_when_from_a_foreign_page_then_no_cors_headers(client: Client) -> None:
    """A foreign page may ask, its browser will not let it read the answer."""
    answer = await client.get("/api/workspace", headers={"origin": FOREIGN})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


CORS_PATHS = ["/health", "/nothing", "/api/backtest/x/status"]


async def test_cors_when_allowed_then_on_answers_and_errors(client: Client) -> None:
    """The allowed client can read everything, errors included; caches keep origins apart."""
    for path in CORS_PATHS:
        answer = await client.get(path, headers={"origin": ALLOWED})
        assert answer.headers["access-control-allow-origin"] == ALLOWED
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"etag", "link", "location", "retry-after", "ratelimit-limit"} <= set(exposed)
        assert "Origin" in answer.headers["vary"]


async def test_preflight_when_allowed_then_204_with_what_may_be_sent(client: Client) -> None:
    """The browser's question is answered without a body, for any path."""
    headers = {"origin": ALLOWED, "access-control-request-method": "PUT"}
    answer = await client.options("/api/anything", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-methods"] == "GET, POST, PUT, PATCH, DELETE"
    for name in ("content-type", "authorization", "x-api-key", "idempotency-key", "if-match"):
        assert name in answer.headers["access-control-allow-headers"]
    assert int(answer.headers["access-control-max-age"]) > 0


async def test_preflight_when_foreign_then_nothing_is_allowed(client: Client) -> None:
    """A foreign page's preflight gets no permission."""
    headers = {"origin": FOREIGN, "access-control-request-method": "PUT"}
    answer = await client.options("/api/workspace", headers=headers)
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-methods" not in answer.headers


async def test_head_when_asked_then_the_headers_of_get(client: Client) -> None:
    """HEAD is GET without its body, also for errors."""
    found, missing = await client.head("/health"), await client.head("/nothing")
    assert (found.status_code, found.content) == (200, b"")
    assert (missing.status_code, missing.content) == (404, b"")
    assert int(found.headers["content-length"]) > 0


async def test_body_when_too_large_then_413(client: Client, services: Services) -> None:
    """A body beyond the limit is refused, declared or streamed."""

    async def chunks() -> Any:
        for _ in range(2 + services.settings.max_body_bytes // 1_000_000):
            yield b" " * 1_000_000

    headers = {"content-type": "application/json"}
    streamed = await client.post("/api/backtest/run", content=chunks(), headers=headers)
    declared = await client.post("/api/backtest/run", content=b" " * 5_000_000, headers=headers)
    for answer in (streamed, declared):
        assert (answer.status_code, answer.json()["code"]) == (413, "body.too_large")


UNUSABLE_JSON = [
    (b"", "json.malformed"),
    (b"{", "json.malformed"),
    (b'"\xff"', "json.malformed"),
    (b"[" * 65 + b"]" * 65, "json.too_deep"),
    (b"[" * 100_000, "json.too_deep"),
    (b'{"a":' * 70 + b"1" + b"}" * 70, "json.too_deep"),
    (b'{"name": "a\\u0000b"}', "json.nul"),
    (b"[1]", "body.not_an_object"),
]


async def test_json_when_unusable_then_400(client: Client) -> None:
    """Malformed, too deep and NUL-bearing JSON is refused before it is used."""
    for body, code in UNUSABLE_JSON:
        answer = await client.post(
            "/api/workspace", content=body, headers={"content-type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_json_when_a_backslash_is_escaped_then_it_is_no_nul(client: Client) -> None:
    """A backslash and five letters are no NUL."""
    answer = await client.post("/api/workspace", json={"name": "x", "data": "\\u0000"})
    assert answer.status_code == 201


async def test_media_type_when_unsupported_then_415(client: Client) -> None:
    """A form is not JSON; a page cannot smuggle JSON as a simple request's text either."""
    for media_type in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
        answer = await client.post("/api/workspace", content=b"{}", headers={"content-type": media_type})
        assert (answer.status_code, answer.json()["code"]) == (415, "media_type.unsupported")


@pytest.mark.parametrize("target", ["/api/workspace/%00", "/api/backtest?tag=a%00b", "/%00"])
async def test_target_when_it_holds_nul_then_400(client: Client, target: str) -> None:
    """NUL in path or query never reaches a route."""
    answer = await client.get(target)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.nul")


async def test_openapi_when_asked_then_every_api_route_is_in_it(client: Client) -> None:
    """The document is generated from the routes."""
    document = (await client.get("/docs/openapi.json")).json()
    assert {"/health", "/api/backtest/run", "/api/candles", "/api/workspace"} <= set(document["paths"])


def _edge_app(handler: ControllerRouterHandler) -> Litestar:
    app = Litestar([handler], exception_handlers={Exception: handle_error}, logging_config=None)
    rules = origin_rules(allowed_hosts=(), allowed_origins=(), host="127.0.0.1")
    app.asgi_handler = Edge(app.asgi_handler, rules, checks_host=True)
    return app


async def test_defect_when_a_route_breaks_then_500_with_the_id_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An exception nobody foresaw shows an id; the log has the rest under it."""

    @get("/broken")
    async def broken() -> None:
        raise KeyError("secret detail")

    with caplog.at_level(logging.ERROR):
        async with client_of(_edge_app(broken)) as client:
            answer = await client.get("/broken", headers={"x-request-id": "the-id"})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["request_id"]) == (
        500,
        "server.unexpected",
        "the-id",
    )
    assert "secret" not in answer.text


async def test_database_when_away_then_503(services: Services) -> None:
    """A route that cannot reach PostgreSQL says so and when to come back."""
    async with client_of(create_app(services)) as client:
        await services.pool.close()
        answer = await client.get("/api/workspace")
        assert (await client.get("/health")).status_code == 200
    assert (answer.status_code, answer.json()["code"]) == (503, "database.unreachable")
    assert answer.headers["retry-after"] == "1"


async def test_log_when_a_request_ends_then_one_line_with_its_facts(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One canonical line per request: method, path, route, status, duration, size, id, code."""
    lines: list[dict[str, Any]] = []

    class Capture:
        def log(self, _level: int, event: str, **facts: Any) -> None:
            lines.append({"event": event, **facts})

    monkeypatch.setattr("sptraderb.api.request_line._log", Capture())
    logging.getLogger("sptraderb.api.request_line").setLevel(logging.INFO)
    await client.get("/api/backtest/x/status", headers={"x-request-id": "one"})
    await client.get("/health")
    await asyncio.sleep(0)
    assert len(lines) == 1
    line = json.loads(msgspec.json.encode(lines[0]))
    assert line["event"] == "request"
    assert line["request_id"] == "one"
    assert (line["method"], line["status"], line["code"]) == ("GET", 404, "run.not_found")
    assert (line["path"], line["route"]) == ("/api/backtest/x/status", "/api/backtest/{backtest_id}/status")
    assert line["duration_ms"] >= 0
