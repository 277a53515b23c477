"""Queries with names a route does not have are refused: passed over, a misspelt bound gives everything."""

from difflib import get_close_matches
from functools import cache
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.params import QueryParameter

from sptraderb.errors import InvalidInput

_LONGEST = 40


def known_query_only(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse a query parameter the route does not know; for a route's ``guards``.

    Raises
    ------
    InvalidInput
        ``query.unknown`` with the nearest known name.

    Notes
    -----
    ``_`` is let through: clients put a number there so that nothing on the way answers from its store.
    """
    known = _names(handler)
    unknown = [name for name in connection.query_params if name not in known and name != "_"]
    if not unknown:
        return
    near = get_close_matches(unknown[0].lower(), known, n=1, cutoff=0.6)
    words = ", ".join(f"`{name[:_LONGEST]}`" for name in unknown[:5])
    raise InvalidInput(
        "query.unknown",
        f"a query parameter must be one of {', '.join(known)}, was {words}",
        hint=f"did you mean `{near[0]}`?" if near else "",
        available=list(known),
    )


@cache
def _names(handler: BaseRouteHandler) -> tuple[str, ...]:
    names = []
    for name, field in handler.parsed_fn_signature.parameters.items():
        if isinstance(field.kwarg_definition, QueryParameter):
            names.append(field.kwarg_definition.name or name)
    return tuple(names)
