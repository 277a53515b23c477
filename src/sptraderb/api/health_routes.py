"""Is it alive, is it ready, what does it count: ``/health``, ``/ready``, ``/metrics``."""

import hmac
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from sptraderb.api.context import services_of
from sptraderb.api.media_types import PLAIN_TEXT
from sptraderb.api.origins import is_loopback
from sptraderb.api.problems import problem_responses
from sptraderb.errors import NotAuthenticated, Unavailable
from sptraderb.store import jobs, migrate
from sptraderb.store.pool import DATABASE_DOWN, ping, pool_figures
from sptraderb.telemetry import POOL_CONNECTIONS, REGISTRY, RUNS

AnyRequest = Request[Any, Any, Any]


class HealthAnswer(msgspec.Struct, frozen=True):
    """The process answers.

    Parameters
    ----------
    status : str
        Always ``healthy``.
    version : str
        The program's version.
    """

    status: str
    version: str


def program_version() -> str:
    """Return the installed program's version."""
    try:
        return version("sptraderb")
    except PackageNotFoundError:
        return "0.0.0"


_HEALTH = msgspec.json.encode(HealthAnswer("healthy", program_version()))


@get(
    "/health",
    sync_to_thread=False,
    tags=["server"],
    responses={200: ResponseSpec(HealthAnswer, generate_examples=False)},
)
def read_health() -> Response[bytes]:
    """Say that the process is alive; never touches the database."""
    return Response(_HEALTH, media_type="application/json")


@get(
    "/ready",
    tags=["server"],
    media_type=PLAIN_TEXT,
    responses={
        200: ResponseSpec(str, media_type=PLAIN_TEXT, description="ready", generate_examples=False),
        **problem_responses(503),
    },
)
async def read_ready(request: AnyRequest) -> str:
    """Say that the database answers, has the program's schema, and the queue can be read."""
    pool = services_of(request).pool
    try:
        await ping(pool)
        found = await migrate.schema_version(pool)
        await jobs.queue_figures(pool)
    except DATABASE_DOWN as error:
        raise Unavailable("database.unreachable", "PostgreSQL must answer, and does not now") from error
    if found != migrate.CODE_VERSION:
        raise Unavailable(
            "schema.wrong_version", f"the schema must be at version {migrate.CODE_VERSION}, was {found}"
        )
    return "ready\n"


@get("/metrics", tags=["server"], media_type=PLAIN_TEXT, responses=problem_responses(401))
async def read_metrics(request: AnyRequest) -> Response[bytes]:
    """Give the counters in Prometheus' text format; by METRICS_TOKEN, or from this machine."""
    services = services_of(request)
    _require_metrics_right(request, services.settings.metrics_token)
    figures = pool_figures(services.pool)
    POOL_CONNECTIONS.labels("idle").set(figures.idle)
    POOL_CONNECTIONS.labels("in_use").set(figures.in_use)
    await _count_runs(request)
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


async def _count_runs(request: AnyRequest) -> None:
    # Figures about runs are a courtesy: metrics must come even when the database does not answer.
    try:
        counts = await jobs.queue_figures(services_of(request).pool)
    except DATABASE_DOWN:
        return
    backtests = counts.get("backtest")
    RUNS.labels("queued").set(backtests.queued if backtests else 0)
    RUNS.labels("running").set(backtests.picked if backtests else 0)


def _require_metrics_right(request: AnyRequest, token: str) -> None:
    if token:
        given = request.headers.get("authorization", "")
        allowed = hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    else:
        allowed = request.client is None or is_loopback(request.client.host)
    if not allowed:
        raise NotAuthenticated(
            "metrics.not_allowed",
            "metrics must be asked for with the bearer token METRICS_TOKEN, or from this machine without one",
        )
