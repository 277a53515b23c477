"""The OpenAPI document: complete, consistent, its examples work, its page is ours."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from jsonschema_rs import Draft202012Validator

from sptraderb.api.app import create_app
from sptraderb.api.docs_routes import missing_assets
from sptraderb.api.openapi_bodies import STRATEGY_EXAMPLE, WORKSPACE_EXAMPLE
from sptraderb.api.run_defaults import read_run_request
from sptraderb.bootstrap import Services
from sptraderb.strategy.compiler import check_strategy

Client = httpx.AsyncClient
SEED_ROUTES = {
    "/health": {"get"},
    "/ready": {"get"},
    "/metrics": {"get"},
    "/api/backtest": {"get"},
    "/api/backtest/run": {"post"},
    "/api/backtest/{backtest_id}": {"get", "delete"},
    "/api/backtest/{backtest_id}/status": {"get"},
    "/api/backtest/{backtest_id}/results": {"get"},
    "/api/backtest/{backtest_id}/manifest": {"get"},
    "/api/backtest/{backtest_id}/cancel": {"post"},
    "/api/backtest/{backtest_id}/replay": {"post"},
    "/api/backtest/{backtest_id}/trades": {"get"},
    "/api/backtest/{backtest_id}/equity": {"get"},
    "/api/backtest/{backtest_id}/ledger": {"get"},
    "/api/workspace": {"get", "post"},
    "/api/workspace/{workspace_id}": {"get", "delete"},
    "/api/strategies": {"get"},
    "/api/strategies/schema": {"get"},
    "/api/strategies/validate": {"post"},
    "/api/strategies/{name}": {"get", "post", "delete"},
    "/api/strategies/{name}/revisions": {"get"},
    "/api/candles": {"get"},
    "/api/metadata": {"get"},
    "/api/instruments": {"get"},
    "/api/indicators": {"get"},
}


@pytest.fixture
def document(services: Services) -> dict[str, Any]:
    """Generate the document."""
    return create_app(services).openapi_schema.to_schema()


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "delete", "patch"}
    ]


def test_document_when_generated_then_every_route_is_in_it(document: dict[str, Any]) -> None:
    """Every route the contract names is there, with its methods."""
    for path, methods in SEED_ROUTES.items():
        assert methods <= set(document["paths"][path]), path


def test_document_when_generated_then_each_operation_says_what_it_does(document: dict[str, Any]) -> None:
    """Each operation has a description and tags; each error answer is a problem document."""
    for path, method, operation in _operations(document):
        assert operation.get("description"), (method, path)
        assert operation.get("tags"), (method, path)
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (method, path, status)


def test_document_when_generated_then_its_schemas_are_schemas(document: dict[str, Any]) -> None:
    """Request bodies carry valid JSON Schemas that refuse what is not in them."""
    for path in ("/api/backtest/run", "/api/workspace"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        validator = Draft202012Validator(body["schema"])
        for example in body["examples"].values():
            assert validator.is_valid(example["value"]), path
            assert not validator.is_valid({**example["value"], "surplus": 1}), path


def test_examples_when_sent_then_they_are_understood(document: dict[str, Any]) -> None:
    """The run example reads, the strategy example compiles."""
    body = document["paths"]["/api/backtest/run"]["post"]["requestBody"]["content"]["application/json"]

    assert read_run_request(msgspec.json.encode(body["examples"]["example"]["value"])).symbols == ("EURUSD",)
    assert check_strategy(STRATEGY_EXAMPLE) == ()


async def test_examples_when_posted_then_accepted(client: Client) -> None:
    """The workspace and strategy examples are accepted as they stand."""
    made = await client.post("/api/workspace", json=WORKSPACE_EXAMPLE)
    stored = await client.post(
        "/api/strategies/rsi_pullback", content=STRATEGY_EXAMPLE, headers={"content-type": "application/yaml"}
    )
    assert (made.status_code, stored.status_code) == (201, 201)


async def test_docs_when_opened_then_only_our_own_files(client: Client) -> None:
    """The page loads nothing from elsewhere; unknown pages beside it are problem documents."""
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    missing = await client.get("/docs/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    script = await client.get("/static/docs.js")
    assert (script.status_code, "SwaggerUIBundle" in script.text) == (200, True)


async def test_static_when_a_path_climbs_then_404(client: Client) -> None:
    """Nothing outside the folder is served."""
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/nothing.js"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_assets_when_not_built_then_the_page_names_them(tmp_path: Path) -> None:
    """The page can say what the set-up has not built."""
    assert missing_assets(tmp_path) == ["swagger-ui-bundle.js", "swagger-ui.css"]
    for name in missing_assets(tmp_path):
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert missing_assets(tmp_path) == []


def test_reference_when_compared_then_it_is_the_generated_page() -> None:
    """docs/reference/endpoints.md says what the routes say; the tool writes it anew."""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, root / "tools" / "endpoint_reference.py"], capture_output=True, text=True, check=True
    )
    written = (root / "docs" / "reference" / "endpoints.md").read_text(encoding="utf-8")
    assert written == done.stdout
