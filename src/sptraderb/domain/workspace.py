"""Workspaces and strategies as stored: records without behaviour."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sptraderb.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_RESERVED = frozenset({"validate", "schema"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A user's saved workspace.

    Parameters
    ----------
    id : UUID
        Identity.
    name : str
        1 to 255 characters.
    data : bytes or None
        JSON as text bytes; None in lists.
    revision : int
        Grows with each change; the ETag.
    created_at, updated_at : datetime
        Times, UTC.
    """

    id: UUID
    name: str
    data: bytes | None
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A stored strategy at one of its revisions.

    Parameters
    ----------
    name : str
        Unique per owner, ignoring case.
    folder : str
        One level that only orders the tree; empty for none.
    description, version : str
        From the document.
    revision : int
        From 1; immutable once stored.
    text : str or None
        The YAML text; None in lists.
    valid : bool
        Whether the text compiled when it was stored.
    updated_at : datetime
        When this revision was stored, UTC.
    """

    name: str
    folder: str = ""
    description: str = ""
    version: str = ""
    revision: int
    text: str | None = None
    valid: bool = True
    updated_at: datetime


def require_strategy_name(name: str) -> str:
    """Return the name if a strategy may bear it.

    Raises
    ------
    InvalidInput
        ``strategy.bad_name``.
    """
    lowered = name.lower()
    if not _NAME.fullmatch(name) or lowered in _RESERVED or lowered.endswith((".yaml", ".yml")):
        raise InvalidInput(
            "strategy.bad_name",
            "a strategy name must be 1..100 letters, digits, `_`, `.`, `-`, begin with a letter or digit, "
            f"not end in .yaml and not be one of {', '.join(sorted(_RESERVED))}, was `{name[:120]}`",
        )
    return name
