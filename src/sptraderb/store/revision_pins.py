"""Pinning data revisions: what a stored result was computed from is kept, so that it can be repeated."""

from sptraderb.store.pool import Connection
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("revision_pins")


async def pin_revision(connection: Connection, symbol: str, revision: int) -> None:
    """Mark a symbol's revision as needed; history it covers is not pruned.

    Parameters
    ----------
    connection : Connection
        Best the transaction that stores the result.
    symbol : str
        Whose candles.
    revision : int
        As in the manifest.
    """
    await connection.execute(_QUERIES["pin_revision"], symbol, revision)
