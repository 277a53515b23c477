"""Rows of ``idempotency_keys``: a POST repeated under the same key within a day starts nothing new."""

from dataclasses import dataclass
from uuid import UUID

from sptraderb.store.pool import Connection, Database
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("idempotency_rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotentStart:
    """What was started under a key.

    Parameters
    ----------
    entity_id : UUID
        The run or job.
    body_hash : str
        Hash of the request's body, to tell a repetition from another request.
    """

    entity_id: UUID
    body_hash: str


async def find_start(connection: Connection, *, owner: str, key: str) -> IdempotentStart | None:
    """Return what was started under a key, and keep others with the same key out until the commit.

    Parameters
    ----------
    connection : Connection
        In the transaction that starts the work, before anything else in it.
    owner : str
        Whose key.
    key : str
        The key.

    Returns
    -------
    IdempotentStart or None
        None if nothing was, within 24 hours.
    """
    await connection.execute(_QUERIES["lock_start"], owner, key)
    row = await connection.fetchrow(_QUERIES["find_start"], owner, key)
    return IdempotentStart(entity_id=row["entity_id"], body_hash=row["body_hash"]) if row else None


async def insert_start(
    connection: Connection, *, owner: str, key: str, body_hash: str, entity_id: UUID
) -> None:
    """Store what is started under a key, in the transaction that starts it."""
    await connection.execute(_QUERIES["insert_start"], owner, key, body_hash, entity_id)


async def prune_starts(database: Database) -> int:
    """Delete keys older than a day and return how many went."""
    return int(await database.fetchval(_QUERIES["prune_starts"]))
