"""Cursors of lists: where the last page ended, as text a client hands back unread."""

import base64
import binascii
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from sptraderb.errors import InvalidInput

MAX_LIMIT = 1_000
_Value = TypeVar("_Value")


class _Place(msgspec.Struct, array_like=True, frozen=True):
    created_at: datetime
    id: UUID


def write_place(created_at: datetime, row_id: UUID) -> str:
    """Return the cursor of a list ordered by time of creation, then id."""
    return _write(_Place(created_at, row_id))


def read_place(cursor: str | None) -> tuple[datetime | None, UUID | None]:
    """Return time and id that a cursor names, None twice for the first page.

    Raises
    ------
    InvalidInput
        If this program did not make it (``cursor.invalid``).
    """
    if cursor is None:
        return None, None
    place = _read(cursor, _Place)
    return place.created_at, place.id


def write_word(word: str) -> str:
    """Return the cursor of a list ordered by one word, such as a name."""
    return _write(word)


def read_word(cursor: str | None) -> str | None:
    """Return the word that a cursor names, None for the first page.

    Raises
    ------
    InvalidInput
        If this program did not make it (``cursor.invalid``).
    """
    return None if cursor is None else _read(cursor, str)


def write_number(number: int) -> str:
    """Return the cursor of a list ordered by one number."""
    return _write(number)


def read_number(cursor: str | None) -> int | None:
    """Return the number that a cursor names, None for the first page.

    Raises
    ------
    InvalidInput
        If this program did not make it (``cursor.invalid``).
    """
    return None if cursor is None else _read(cursor, int)


def require_limit(limit: int | None) -> int:
    """Return how many rows a page has: the limit asked for, at most ``MAX_LIMIT``.

    Raises
    ------
    InvalidInput
        If it is below 1 (``limit.invalid``).
    """
    if limit is not None and limit < 1:
        raise InvalidInput("limit.invalid", f"`limit` must be at least 1, was {limit}")
    return MAX_LIMIT if limit is None else min(limit, MAX_LIMIT)


def _write(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode("ascii").rstrip("=")


def _read(cursor: str, kind: type[_Value]) -> _Value:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(text, type=kind)
    except (binascii.Error, msgspec.MsgspecError, ValueError) as error:
        raise InvalidInput(
            "cursor.invalid", "`cursor` must be one that a list gave, it is not", hint="begin without one"
        ) from error
