"""Who is asking, and may this page ask at all: the checks before any route.

Open mode only for now: everyone is the owner ``local``. ``AUTH_MODE=required`` is refused by the
settings at start, so nothing here can let a stranger in by mistake.
"""

from typing import Any

from litestar.connection import ASGIConnection

from sptraderb.api.origins import OriginRules
from sptraderb.domain.identity import LOCAL, Identity
from sptraderb.errors import NotPermitted

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def identity_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Identity:
    """Return who a request or WebSocket acts for; in open mode always the owner ``local``."""
    identity = connection.scope["state"].get("identity", LOCAL)
    return identity if isinstance(identity, Identity) else LOCAL


def require_known_host(rules: OriginRules, host_header: str) -> None:
    """Refuse a request whose ``Host`` is not one of ours (open mode).

    Raises
    ------
    NotPermitted
        ``host.not_allowed``.
    """
    if not rules.allows_host(host_header):
        raise NotPermitted(
            "host.not_allowed",
            f"the Host must be loopback or listed in ALLOWED_HOSTS, was `{host_header[:100]}`",
            hint="set ALLOWED_HOSTS to the names clients use for this server",
        )


def require_known_origin(rules: OriginRules, *, method: str, origin: str | None, host_header: str) -> None:
    """Refuse a write or WebSocket that a foreign web page sent.

    Parameters
    ----------
    method : str
        HTTP method, or ``WEBSOCKET``.
    origin : str or None
        The ``Origin`` header; programs other than browsers send none.

    Raises
    ------
    NotPermitted
        ``origin.not_allowed``.
    """
    if origin is None or method in SAFE_METHODS:
        return
    if not rules.accepts_writer(origin, host_header):
        raise NotPermitted(
            "origin.not_allowed",
            f"the Origin must be this server's own or listed in ALLOWED_ORIGINS, was `{origin[:100]}`",
            hint="set ALLOWED_ORIGINS to the web client's origin",
        )
