"""Named queries: SQL lives in ``queries/*.sql``, each with a name and the reason it is written that way.

A file is read once per process. Its form::

    -- claim_run --
    -- Skips a row another worker holds, so workers never wait for each other.
    UPDATE ...;

    -- next_name --
    ...
"""

import functools
import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from sptraderb.errors import InvariantBroken

_NAME_LINE = re.compile(r"^-- ([a-z][a-z0-9_]*) --$")


@functools.cache
def load_queries(name: str) -> Mapping[str, str]:
    """Return the named queries of one file of ``store/queries``.

    Parameters
    ----------
    name : str
        File name without ``.sql``, such as ``run_rows``.

    Returns
    -------
    mapping of str to str
        SQL text by query name, read-only.

    Raises
    ------
    InvariantBroken
        If a query has no reason, no text, or a name used twice (``sql.malformed``).
    """
    text = resources.files("sptraderb.store").joinpath("queries", f"{name}.sql").read_text("utf-8")
    return MappingProxyType(parse_queries(text, source=f"{name}.sql"))


def parse_queries(text: str, *, source: str) -> dict[str, str]:
    """Split the text of a query file into its queries.

    Parameters
    ----------
    text : str
        The file's text.
    source : str
        Its name, for the error.

    Returns
    -------
    dict of str to str
        SQL text by query name, in the file's order, without name and reason lines.

    Raises
    ------
    InvariantBroken
        If a query has no reason, no text, or a name used twice (``sql.malformed``).
    """
    blocks: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        found = _NAME_LINE.match(line)
        if found is None:
            lines.append(line)
            continue
        if found[1] in blocks:
            raise InvariantBroken(
                "sql.malformed", f"{source}: a query name must be unique, {found[1]} is twice"
            )
        lines = blocks.setdefault(found[1], [])
    return {name: _without_reason(block, f"{source}: {name}") for name, block in blocks.items()}


def _without_reason(lines: list[str], place: str) -> str:
    n_reason = 0
    while n_reason < len(lines) and lines[n_reason].startswith("--"):
        n_reason += 1
    sql = "\n".join(lines[n_reason:]).strip()
    if n_reason == 0 or not sql:
        raise InvariantBroken("sql.malformed", f"{place} must have a reason line and a text")
    return sql
