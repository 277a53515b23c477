"""One canonical log line, and one count, for every request and every socket."""

import functools
import logging
import secrets
import time
from typing import Any

from litestar.types import Scope
from prometheus_client import Counter, Histogram

from sptraderb.telemetry import REQUEST_SECONDS, REQUESTS, logger

_log = logger(__name__)
_level = logging.getLogger(__name__)
_QUIET_PATHS = frozenset({"/health", "/ready", "/metrics"})
_ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_MAX_ID_LENGTH = 64
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
CLIENT_LEFT = 499


class RequestLine:
    """What is told about one request when it ends.

    Parameters
    ----------
    scope : Scope
        The request's ASGI scope.
    given_id : str
        The client's ``X-Request-Id``; used when it is short and plain, else one is made.
    """

    __slots__ = ("_scope", "_started", "method", "request_id", "size", "status")

    def __init__(self, scope: Scope, given_id: str) -> None:
        self._scope = scope
        self._started = time.perf_counter()
        self.method = str(scope.get("method", "WEBSOCKET"))
        self.request_id = given_id if _is_plain_id(given_id) else secrets.token_hex(8)
        self.status = CLIENT_LEFT
        self.size = 0

    def finish(self, **facts: object) -> None:
        """Write the line and count the request; an unanswered one counts as left by its client."""
        elapsed_s = time.perf_counter() - self._started
        path = str(self._scope["path"])
        route = str(self._scope.get("path_template") or "unknown")
        _counter(self.method if self.method in _METHODS else "other", route, self.status).inc()
        if self.method != "WEBSOCKET":
            _stopwatch(route).observe(elapsed_s)
        level = logging.DEBUG if path in _QUIET_PATHS else logging.INFO
        if not _level.isEnabledFor(level):
            return
        _log.log(
            level,
            "request",
            request_id=self.request_id,
            method=self.method,
            path=path[:300],
            route=route,
            status=self.status,
            duration_ms=round(elapsed_s * 1000, 2),
            bytes=self.size,
            client=_client_of(self._scope),
            **_error_code(self._scope["state"]),
            **facts,
        )


@functools.cache
def _counter(method: str, route: str, status: int) -> Counter:
    return REQUESTS.labels(method, route, str(status))


@functools.cache
def _stopwatch(route: str) -> Histogram:
    return REQUEST_SECONDS.labels(route)


def _is_plain_id(text: str) -> bool:
    return 0 < len(text) <= _MAX_ID_LENGTH and _ID_CHARACTERS.issuperset(text)


def _client_of(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _error_code(state: dict[str, Any]) -> dict[str, str]:
    code = state.get("error_code")
    return {"code": str(code)} if code else {}
