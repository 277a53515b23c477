"""The application: routes, error documents and the edge around them, put together once.

``create_app`` takes running services and gives an ASGI application; it opens nothing itself but the
one LISTEN connection of this process, while the application runs.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID

from litestar import Litestar
from litestar.datastructures import State
from litestar.types import ControllerRouterHandler

from sptraderb.api import (
    backtest_routes,
    candles_routes,
    catalogue_routes,
    health_routes,
    imports_routes,
    quality_routes,
    report_routes,
    result_routes,
    result_table_routes,
    strategies_routes,
    workspace_routes,
)
from sptraderb.api.context import HUB_KEY, SERVICES_KEY
from sptraderb.api.docs_routes import openapi_config, static_routes, with_summary
from sptraderb.api.edge import Edge
from sptraderb.api.health_routes import program_version
from sptraderb.api.origins import OriginRules, origin_rules
from sptraderb.api.problems import handle_error
from sptraderb.api.progress_hub import ProgressHub, ReadFrame, RunFrame
from sptraderb.api.progress_socket import follow_backtest
from sptraderb.api.run_answers import find_frame
from sptraderb.bootstrap import Services
from sptraderb.settings import Settings
from sptraderb.store.listen import PROGRESS_CHANNEL, listen

OPEN_MODE = "open"


def create_app(services: Services) -> Litestar:
    """Return the application that serves these services.

    Parameters
    ----------
    services : Services
        Open already; the caller closes them after the application has stopped.

    Returns
    -------
    Litestar
        An ASGI application with its lifespan.
    """
    hub = ProgressHub(_frame_reader(services))
    app = Litestar(
        route_handlers=_route_handlers(),
        lifespan=[_listening(services, hub)],
        exception_handlers={Exception: handle_error},
        openapi_config=openapi_config(version=program_version()),
        request_max_body_size=None,
        logging_config=None,
        state=State({SERVICES_KEY: services, HUB_KEY: hub}),
        debug=False,
    )
    checks_host = services.settings.auth_mode == OPEN_MODE
    app.asgi_handler = Edge(app.asgi_handler, _rules_of(services.settings), checks_host=checks_host)
    return app


def _route_handlers() -> Sequence[ControllerRouterHandler]:
    return (*(with_summary(handler) for handler in _HTTP_ROUTES), follow_backtest, static_routes())


_HTTP_ROUTES = (
    health_routes.read_health,
    health_routes.read_ready,
    health_routes.read_metrics,
    backtest_routes.start_backtest,
    backtest_routes.list_backtests,
    backtest_routes.read_backtest,
    backtest_routes.read_status,
    backtest_routes.cancel_backtest,
    backtest_routes.replay_backtest,
    backtest_routes.delete_backtest,
    result_routes.read_results,
    result_routes.read_manifest,
    report_routes.read_report,
    result_table_routes.list_trades,
    result_table_routes.list_equity,
    result_table_routes.list_ledger,
    result_table_routes.list_orders,
    result_table_routes.list_events,
    workspace_routes.list_workspaces,
    workspace_routes.save_workspace,
    workspace_routes.read_workspace,
    workspace_routes.delete_workspace,
    strategies_routes.list_strategies,
    strategies_routes.read_schema,
    strategies_routes.validate_strategy,
    strategies_routes.read_strategy,
    strategies_routes.save_strategy,
    strategies_routes.list_revisions,
    strategies_routes.delete_strategy,
    candles_routes.read_candles,
    quality_routes.read_quality,
    imports_routes.start_import,
    imports_routes.list_imports,
    imports_routes.read_import,
    imports_routes.cancel_import,
    catalogue_routes.read_metadata,
    catalogue_routes.list_instruments,
    catalogue_routes.list_indicators,
)


def _listening(
    services: Services, hub: ProgressHub
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        listener = await listen(services.database_url, [PROGRESS_CHANNEL], hub.receive, on_gap=hub.gap)
        try:
            yield
        finally:
            await hub.close()
            await listener.stop()

    return lifespan


def _frame_reader(services: Services) -> ReadFrame:
    async def read_frame(run_id: UUID) -> RunFrame | None:
        return await find_frame(services.pool, run_id, owner=None)

    return read_frame


def _rules_of(settings: Settings) -> OriginRules:
    return origin_rules(
        allowed_hosts=settings.allowed_hosts, allowed_origins=settings.allowed_origins, host=settings.host
    )
