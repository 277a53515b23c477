"""The outermost layer of the server: what holds for every request, whatever its route.

1. a request id and one log line          request_line
2. Host and Origin                        security, origins
3. the browser's preflight, CORS headers  cors
4. HEAD as GET without its body
5. the routes                             the framework's handler
6. a problem document for whatever slipped through

Also unknown paths and refused requests pass here, which is why this is no framework middleware:
those run after routing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from sptraderb.api import cors
from sptraderb.api.origins import OriginRules
from sptraderb.api.problems import defect, render_problem
from sptraderb.api.request_line import RequestLine
from sptraderb.api.security import require_known_host, require_known_origin
from sptraderb.errors import InvalidInput, SptraderbError
from sptraderb.telemetry import logger

# A platform asks for these by address; they tell a foreign page nothing it could use.
_SIGNS_OF_LIFE = frozenset({"/health", "/ready"})
_log = logger(__name__)
_POLICY_VIOLATION = 1008


class Edge:
    """An ASGI application around the framework's handler.

    Parameters
    ----------
    inner : ASGIApp
        The framework's handler: routes, validation, error documents.
    rules : OriginRules
        Allowed hosts and origins.
    checks_host : bool
        Whether ``Host`` is checked (open mode).
    """

    __slots__ = ("_checks_host", "_inner", "_rules", "_varies")

    def __init__(self, inner: ASGIApp, rules: OriginRules, *, checks_host: bool) -> None:
        self._inner = inner
        self._rules = rules
        self._checks_host = checks_host
        self._varies = bool(rules.origins or rules.patterns)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request or WebSocket."""
        headers = _first_headers(scope)
        line = RequestLine(scope, headers.get(b"x-request-id", ""))
        scope["state"]["request_id"] = line.request_id
        try:
            if scope["type"] == ScopeType.WEBSOCKET:
                await self._serve_socket(scope, receive, _counting_sockets(send, line), headers)
            else:
                await self._serve_request(scope, receive, self._answering(send, line, headers), headers)
        finally:
            line.finish()

    async def _serve_request(
        self, scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, str]
    ) -> None:
        method = str(scope["method"])  # type: ignore[typeddict-item]
        origin = headers.get(b"origin")
        started = _Started(send)
        try:
            if scope["path"] not in _SIGNS_OF_LIFE:
                self._require_entry(method, origin, headers.get(b"host", ""))
            _require_no_nul(scope)
            if method == "OPTIONS" and origin and b"access-control-request-method" in headers:
                await _send_empty(started, 204, cors.preflight_headers(self._rules, origin))
            elif method == "HEAD":
                await self._inner(_as_get(scope), receive, _without_body(started))
            else:
                await self._inner(scope, receive, started)
        except SptraderbError as error:
            await self._send_error(scope, started, error, headers)
        except Exception as error:
            request_id = scope["state"]["request_id"]
            _log.error("request_failed", request_id=request_id, detail=str(error), exc_info=error)
            if not started.is_started:
                await self._send_error(scope, started, defect(error), headers)

    async def _serve_socket(
        self, scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, str]
    ) -> None:
        try:
            self._require_entry("WEBSOCKET", headers.get(b"origin"), headers.get(b"host", ""))
        except SptraderbError as error:
            scope["state"]["error_code"] = error.code
            await receive()
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": error.code})
            return
        await self._inner(scope, receive, send)

    def _require_entry(self, method: str, origin: str | None, host: str) -> None:
        if self._checks_host:
            require_known_host(self._rules, host)
        require_known_origin(self._rules, method=method, origin=origin, host_header=host)

    async def _send_error(
        self, scope: Scope, send: Send, error: SptraderbError, headers: Mapping[bytes, str]
    ) -> None:
        state = scope["state"]
        state["error_code"] = error.code
        rendered = render_problem(error, accept=headers.get(b"accept", ""), request_id=state["request_id"])
        raw: cors.RawHeaders = [
            (b"content-type", _with_charset(rendered.media_type)),
            (b"content-length", str(len(rendered.body)).encode()),
        ]
        raw += [(name.lower().encode(), value.encode()) for name, value in rendered.headers.items()]
        body = b"" if scope.get("method") == "HEAD" else rendered.body
        await send({"type": "http.response.start", "status": rendered.status, "headers": raw})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _answering(self, send: Send, line: RequestLine, headers: Mapping[bytes, str]) -> Send:
        origin = headers.get(b"origin")
        extra = [(b"x-request-id", line.request_id.encode()), (b"x-content-type-options", b"nosniff")]
        if origin:
            extra += cors.answer_headers(self._rules, origin)
        varies = self._varies

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                line.status = message["status"]
                raw = list(message.get("headers", ()))
                names = {name for name, _ in raw}
                raw += [pair for pair in extra if pair[0] not in names]
                message["headers"] = cors.with_vary_origin(raw) if varies else raw
            elif message["type"] == "http.response.body":
                line.size += len(message.get("body", b""))
            await send(message)

        return answer


class _Started:
    """A ``send`` that remembers whether the answer has begun."""

    __slots__ = ("_send", "is_started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_started = False

    async def __call__(self, message: Message) -> None:
        self.is_started = True
        await self._send(message)


def _require_no_nul(scope: Scope) -> None:
    # No name here can hold the character, PostgreSQL keeps none, and a C library below would cut at it.
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise InvalidInput("request.nul", "path and query must hold no NUL character, and one did")


def _with_charset(media_type: str) -> bytes:
    return f"{media_type}; charset=utf-8".encode() if media_type.startswith("text/") else media_type.encode()


def _first_headers(scope: Scope) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        found.setdefault(name, value.decode("latin-1"))
    return found


def _as_get(scope: Scope) -> Scope:
    changed: dict[str, Any] = {**scope, "method": "GET"}
    return changed  # type: ignore[return-value]


def _without_body(send: Send) -> Send:
    async def head_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    return head_only


def _counting_sockets(send: Send, line: RequestLine) -> Send:
    line.status = 403

    async def count(message: Message) -> None:
        if message["type"] == "websocket.accept":
            line.status = 101
        elif message["type"] == "websocket.send":
            line.size += len(message.get("text") or message.get("bytes") or b"")
        elif message["type"] == "websocket.close" and line.status == 101:
            line.status = message["code"]
        await send(message)

    return count


async def _send_empty(send: Callable[[Message], Any], status: int, headers: cors.RawHeaders) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
