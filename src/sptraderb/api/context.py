"""What a route finds in the application: the services and the progress hub put there by ``create_app``."""

from typing import Any

from litestar.connection import ASGIConnection

from sptraderb.api.progress_hub import ProgressHub
from sptraderb.bootstrap import Services

AnyConnection = ASGIConnection[Any, Any, Any, Any]
SERVICES_KEY = "services"
HUB_KEY = "progress_hub"


def services_of(connection: AnyConnection) -> Services:
    """Return the services of the application a request or WebSocket came to."""
    services = connection.app.state[SERVICES_KEY]
    assert isinstance(services, Services)
    return services


def hub_of(connection: AnyConnection) -> ProgressHub:
    """Return the progress hub of the application a WebSocket came to."""
    hub = connection.app.state[HUB_KEY]
    assert isinstance(hub, ProgressHub)
    return hub
