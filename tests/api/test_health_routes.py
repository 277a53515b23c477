"""Alive, ready, counted."""

from pathlib import Path

import httpx

from sptraderb.api.app import create_app
from sptraderb.bootstrap import Services
from sptraderb.testing.services import client_of, open_test_services

Client = httpx.AsyncClient


async def test_health_when_asked_then_the_two_fields(client: Client) -> None:
    """The answer clients wait for, byte by byte."""
    answer = await client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "version": "0.1.0"}


async def test_health_when_the_database_is_gone_then_still_healthy(services: Services) -> None:
    """Health never touches the database."""
    async with client_of(create_app(services)) as client:
        await services.pool.close()
        assert (await client.get("/health")).status_code == 200
        ready = await client.get("/ready")
    assert (ready.status_code, ready.json()["code"]) == (503, "database.unreachable")


async def test_ready_when_database_schema_and_queue_answer_then_a_bare_word(client: Client) -> None:
    """Ready is one word, nothing about the inside."""
    answer = await client.get("/ready")
    assert (answer.status_code, answer.text) == (200, "ready\n")


async def test_ready_when_the_schema_is_another_then_503(client: Client, services: Services) -> None:
    """A schema that is not the program's is not ready."""
    await services.pool.execute(
        "INSERT INTO sptraderb.schema_migrations (number, name, checksum) VALUES (9999, 'x', 'x')"
    )
    answer = await client.get("/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "schema.wrong_version")


async def test_metrics_when_asked_from_here_then_the_counters(client: Client) -> None:
    """Prometheus' text format, with requests by route template."""
    await client.get("/api/backtest/x/status")
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'route="/api/backtest/{backtest_id}/status",status="404"' in answer.text
    assert "sptraderb_pool_connections" in answer.text


async def test_metrics_when_a_token_is_set_then_only_with_it(database_url: str, tmp_path: Path) -> None:
    """With METRICS_TOKEN the bearer of it may read, nobody else."""
    async with (
        open_test_services(database_url, tmp_path, METRICS_TOKEN="secret") as services,
        client_of(create_app(services)) as client,
    ):
        refused = await client.get("/metrics")
        allowed = await client.get("/metrics", headers={"authorization": "Bearer secret"})
    assert (refused.status_code, refused.json()["code"]) == (401, "metrics.not_allowed")
    assert "www-authenticate" in refused.headers
    assert allowed.status_code == 200
