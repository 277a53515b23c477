"""Paging of lists: ``?limit&cursor`` in, ``Link: <...>; rel="next"`` out.

A cursor is opaque to clients: the last row's sort key, encoded. The list stays a bare array.
"""

import base64
import binascii
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Request

from sptraderb.errors import InvalidInput

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_MAX_CURSOR_LENGTH = 400
_Key = TypeVar("_Key")


def page_limit(limit: int | None, *, default: int = DEFAULT_LIMIT, ceiling: int = MAX_LIMIT) -> int:
    """Return how many rows a page has.

    Raises
    ------
    InvalidInput
        ``page.limit_out_of_range``.
    """
    if limit is None:
        return default
    if not 1 <= limit <= ceiling:
        raise InvalidInput(
            "page.limit_out_of_range", f"`limit` must be 1..{ceiling}, was {limit}", limit=ceiling
        )
    return limit


def encode_cursor(*key: str | int) -> str:
    """Return a sort key as an opaque word."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str | None, shape: type[_Key]) -> _Key | None:
    """Return the sort key of a cursor, None without one.

    Parameters
    ----------
    cursor : str or None
        What ``encode_cursor`` gave.
    shape : type
        The key's type, such as ``tuple[str, str]``.

    Raises
    ------
    InvalidInput
        ``page.cursor_malformed``.
    """
    if cursor is None:
        return None
    try:
        if len(cursor) > _MAX_CURSOR_LENGTH:
            raise ValueError
        padded = cursor + "=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded.encode("ascii")), type=shape)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise InvalidInput(
            "page.cursor_malformed", "`cursor` must be one a Link header gave, and was not"
        ) from None


def next_link(request: Request[Any, Any, Any], cursor: str) -> str:
    """Return the ``Link`` header's value for the page after this one; the query stays otherwise."""
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    query = urlencode([*pairs, ("cursor", cursor)])
    return f'<{request.scope["path"]}?{query}>; rel="next"'
