"""Reading request bodies: size, media type, JSON and its depth, each bounded before use."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Request

from sptraderb.errors import InvalidInput, TooLarge

MAX_DEPTH = 64
JSON_TYPES = ("application/json",)
YAML_TYPES = ("application/yaml", "text/yaml", "text/plain", "application/x-yaml", "text/x-yaml")
_NUL_ESCAPE = re.compile(rb"(?:^|[^\\])(?:\\\\)*\\u0000")


async def read_body(request: Request[Any, Any, Any], *, limit: int) -> bytes:
    """Return the request's body, read no further than ``limit`` bytes.

    Raises
    ------
    TooLarge
        ``body.too_large``.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def read_json_body(request: Request[Any, Any, Any], *, limit: int) -> bytes:
    """Return the bytes of a JSON body after checking its media type, size, syntax and depth.

    Raises
    ------
    InvalidInput
        ``media_type.unsupported``, ``json.malformed``, ``json.too_deep``, ``json.nul``.
    TooLarge
        ``body.too_large``.
    """
    require_media_type(request, JSON_TYPES)
    body = await read_body(request, limit=limit)
    decode_json(body)
    return body


async def read_text_body(request: Request[Any, Any, Any], *, limit: int) -> str:
    """Return a YAML body as text.

    Raises
    ------
    InvalidInput
        ``media_type.unsupported``, ``body.not_utf8``.
    TooLarge
        ``body.too_large``.
    """
    require_media_type(request, YAML_TYPES)
    body = await read_body(request, limit=limit)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            "body.not_utf8", f"the text must be UTF-8, byte {error.start} was not", position=error.start
        ) from None
    if "\0" in text:
        raise InvalidInput("body.nul", "the text must hold no NUL character, and did")
    return text


def require_media_type(request: Request[Any, Any, Any], allowed: Sequence[str]) -> None:
    """Refuse a body of another kind; a request that names no type is taken at its word.

    Raises
    ------
    InvalidInput
        ``media_type.unsupported``.
    """
    header = request.headers.get("content-type", "")
    name = header.split(";", 1)[0].strip().lower()
    if name and name not in allowed and not (name.endswith("+json") and JSON_TYPES[0] in allowed):
        raise InvalidInput(
            "media_type.unsupported",
            f"the Content-Type must be one of {', '.join(allowed)}, was `{name[:80]}`",
            available=list(allowed),
        )


def decode_json(body: bytes) -> Any:
    """Return what a JSON text holds, at most ``MAX_DEPTH`` levels deep and without NUL characters.

    Raises
    ------
    InvalidInput
        ``json.malformed``, ``json.too_deep``, ``json.nul``.
    """
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput("json.malformed", f"the body must be JSON, and was not: {error}") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        raise _too_deep()
    if _NUL_ESCAPE.search(body):
        raise InvalidInput("json.nul", "strings must hold no NUL character (\\u0000), and one did")
    return value


def is_deeper(value: object, levels: int) -> bool:
    """Return whether nested objects and arrays go deeper than ``levels``; no recursion is used."""
    layer = [value] if isinstance(value, (dict, list)) else []
    for _ in range(levels):
        layer = [
            child
            for parent in layer
            for child in (parent.values() if isinstance(parent, Mapping) else parent)
            if isinstance(child, (dict, list))
        ]
        if not layer:
            return False
    return True


def _too_deep() -> InvalidInput:
    return InvalidInput(
        "json.too_deep", f"the body must nest at most {MAX_DEPTH} levels, and went deeper", limit=MAX_DEPTH
    )


def _too_large(limit: int) -> TooLarge:
    return TooLarge("body.too_large", f"the body must be at most {limit} bytes, and was more", limit=limit)
