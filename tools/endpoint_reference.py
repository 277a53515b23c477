"""Write the reference of endpoints from the OpenAPI document: ``python tools/endpoint_reference.py``.

Prints Markdown; ``docs/reference/endpoints.md`` holds it and a test compares the two, so the page cannot
drift from the routes.
"""

from types import SimpleNamespace
from typing import Any, cast

import msgspec

from sptraderb.api.app import create_app
from sptraderb.bootstrap import Services
from sptraderb.settings import Settings

METHODS = ("get", "post", "put", "patch", "delete")
SECTIONS = {
    "server": "Server",
    "backtests": "Backtests",
    "results": "Results",
    "strategies": "Strategies",
    "candles": "Candles, instruments",
    "workspaces": "Workspaces",
}
PLAIN_WORDS = {
    "Request fulfilled, document follows": "OK",
    "Additional response": "OK",
    "Request fulfilled, nothing follows": "nothing follows",
}
HEAD = """\
# Endpoints

Written by `python tools/endpoint_reference.py > docs/reference/endpoints.md` from the OpenAPI document,
which a running server gives at `/docs/openapi.json` and shows at `/docs`.

- Bodies are JSON in UTF-8 unless said otherwise. Times are written `YYYY-MM-DDTHH:MM:SSZ`.
- Lists are bare arrays; `?limit=` and `?cursor=` page them, `Link: <...>; rel="next"` leads to the next page.
- Errors are `application/problem+json` (RFC 9457) with `type, title, status, detail, code, errors[]`, and
  text for `Accept: text/plain`. The codes are in [errors.md](errors.md). A 5xx carries the `request_id` under
  which the log has the rest; every answer has it as `X-Request-Id`.
- `HEAD` works wherever `GET` does. An empty answer is 204.
- In open mode `Host` must be loopback or in `ALLOWED_HOSTS`; a writing request or WebSocket from a web page
  needs an `Origin` that is our own or in `ALLOWED_ORIGINS`.
"""
SOCKET = """\
## Progress socket

`WS /ws/backtest/{backtest_id}?last_event_id=` sends the current state on connect, then a frame per change,
at most ten a second; a slow reader gets the newest state. Offer the subprotocol `sptraderb.v1`.

```json
{"type": "progress", "backtest_id": "...", "status": "running", "progress": 42.5, "phase": "simulating",
 "error": null, "event_id": 1700, "trades": 12, "equity": ["2017-03-01T10:00:00Z", "10120.50"],
 "eta_seconds": 1.4}
```

`type` is `progress`, and `completed`, `failed` or `cancelled` in the last frame. `equity` and `eta_seconds`
are there when known.

| code | meaning |
| --- | --- |
| `1000` | the run has ended; its last frame was sent |
| `1012` | the server stops; connect again |
| `1013` | too many sockets, or no database for now; try again later |
| `4404` | no such run |
"""


def document() -> dict[str, Any]:
    """Return the OpenAPI document; no database is needed for it."""
    settings = Settings.from_environ({"DATABASE_URL": "postgres://none", "DATA_DIR": "none"})
    services = cast("Services", SimpleNamespace(settings=settings))
    return create_app(services).openapi_schema.to_schema()


def markdown(openapi: dict[str, Any]) -> str:
    """Return the page."""
    parts = [HEAD]
    for tag, title in SECTIONS.items():
        rows = [
            (path, method, operation)
            for path, item in openapi["paths"].items()
            for method, operation in item.items()
            if method in METHODS and tag in operation.get("tags", ())
        ]
        parts.append(f"## {title}\n")
        parts += [_operation(*row) for row in sorted(rows, key=lambda row: (row[0], METHODS.index(row[1])))]
    return "\n".join([*parts, SOCKET])


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    lines = [f"### {method.upper()} {path}", "", operation["description"], ""]
    body = operation.get("requestBody")
    if body:
        lines += [f"Body: {', '.join(f'`{name}`' for name in body['content'])}.", ""]
        lines += _body_keys(body)
    parameters = [row for row in operation.get("parameters") or () if row["in"] != "path"]
    if parameters:
        lines += ["| parameter | in | meaning |", "| --- | --- | --- |"]
        lines += [f"| `{row['name']}` | {row['in']} | {row.get('description', '')} |" for row in parameters]
        lines.append("")
    answers = [
        f"{status} {PLAIN_WORDS.get(row['description'], row['description'])}"
        for status, row in sorted(operation["responses"].items())
    ]
    lines += [f"Answers: {'; '.join(answers)}.", ""]
    return "\n".join(lines)


def _body_keys(body: dict[str, Any]) -> list[str]:
    schema = body["content"].get("application/json", {}).get("schema", {})
    needed, keys = schema.get("required", []), list(schema.get("properties", {}))
    optional = [key for key in keys if key not in needed]
    if not keys:
        return []
    words = [", ".join(f"`{key}`" for key in needed)] if needed else []
    words.append("optional " + ", ".join(f"`{key}`" for key in optional))
    return [f"Keys: {'; '.join(words)}.", ""]


if __name__ == "__main__":
    print(markdown(msgspec.json.decode(msgspec.json.encode(document()))), end="")
