"""Cross-origin headers: what a browser page of an allowed origin may send and read.

Pure functions from headers to headers; ``edge`` puts them on every answer, errors included.

References
----------
The Fetch standard, CORS protocol.
"""

from collections.abc import Iterable

from sptraderb.api.origins import OriginRules

METHODS = "GET, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = "content-type, authorization, x-api-key, idempotency-key, if-match, if-none-match"
EXPOSED_HEADERS = (
    "etag, link, location, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset, "
    "content-disposition, x-request-id"
)
MAX_AGE_S = 600

RawHeaders = list[tuple[bytes, bytes]]


def answer_headers(rules: OriginRules, origin: str) -> RawHeaders:
    """Return the headers of an answer to a page of ``origin``; none when it is not allowed."""
    if not rules.allows_origin(origin):
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", EXPOSED_HEADERS.encode()),
    ]


def preflight_headers(rules: OriginRules, origin: str) -> RawHeaders:
    """Return the headers of the answer to a browser's preflight; none when the origin is not allowed."""
    if not rules.allows_origin(origin):
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-methods", METHODS.encode()),
        (b"access-control-allow-headers", REQUEST_HEADERS.encode()),
        (b"access-control-max-age", str(MAX_AGE_S).encode()),
    ]


def with_vary_origin(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """Return the headers with ``Origin`` in their one ``Vary`` line, so caches keep origins apart."""
    kept: RawHeaders = []
    words: list[str] = []
    for name, value in headers:
        if name.lower() == b"vary":
            words += [word.strip() for word in value.decode("latin-1").split(",")]
        else:
            kept.append((name, value))
    if "origin" not in (word.lower() for word in words):
        words.append("Origin")
    kept.append((b"vary", ", ".join(words).encode("latin-1")))
    return kept
