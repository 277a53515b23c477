"""Policies of TimescaleDB, off until asked for: compression of native candles, retention of aggregates.

Native candles are never dropped by a policy: the catalogue counts them and runs are computed from them.
"""

import json

from sptraderb.domain.timeframe import STORED
from sptraderb.errors import Conflict
from sptraderb.store.pool import Connection, require_row
from sptraderb.store.sql import load_queries
from sptraderb.store.timescale import ALL_AGGREGATES

_QUERIES = load_queries("timescale")
_COLUMNSTORE = (2, 18)


def policy_statements(
    version: str, *, schema: str, compress_after_days: int | None, drop_after_days: int | None
) -> list[str]:
    """Return the statements that replace all policies of ours.

    Parameters
    ----------
    version : str
        Of the extension; from 2.18 on compression is called columnstore.
    schema : str
        The extension's, as an identifier.
    compress_after_days : int or None
        Age at which chunks of native candles are compressed; None = no policy.
    drop_after_days : int or None
        Age at which chunks of aggregates are dropped; None = no policy.
    """
    major, minor = (int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2])
    is_new = (major, minor) >= _COLUMNSTORE
    statements = []
    for timeframe in STORED:
        table = f"'sptraderb.candles_{timeframe.name}'"
        if is_new:
            statements.append(f"CALL {schema}.remove_columnstore_policy({table}, if_exists => true)")
        else:
            statements.append(f"SELECT {schema}.remove_compression_policy({table}, if_exists => true)")
        if compress_after_days is not None:
            statements += _compression(timeframe.name, schema, compress_after_days, is_new=is_new)
    for aggregate in ALL_AGGREGATES:
        name = f"'sptraderb.{aggregate.name}'"
        statements.append(f"SELECT {schema}.remove_retention_policy({name}, if_exists => true)")
        if drop_after_days is not None:
            statements.append(
                f"SELECT {schema}.add_retention_policy({name}, interval '{drop_after_days} days')"
            )
    return statements


def _compression(timeframe: str, schema: str, days: int, *, is_new: bool) -> list[str]:
    table, after = f"sptraderb.candles_{timeframe}", f"interval '{days} days'"
    if is_new:
        return [
            f"ALTER TABLE {table} SET (timescaledb.enable_columnstore, "
            "timescaledb.segmentby = 'instrument_id', timescaledb.orderby = 'time')",
            f"CALL {schema}.add_columnstore_policy('{table}', after => {after})",
        ]
    return [
        f"ALTER TABLE {table} SET (timescaledb.compress, "
        "timescaledb.compress_segmentby = 'instrument_id', timescaledb.compress_orderby = 'time')",
        f"SELECT {schema}.add_compression_policy('{table}', {after})",
    ]


async def set_policies(
    connection: Connection, *, compress_after_days: int | None, drop_after_days: int | None
) -> int:
    """Replace all policies of ours; without days there are none. Return how many statements it took.

    Raises
    ------
    Conflict
        ``storage.not_timescale`` where candles are plain tables or the build has no policies.
    """
    storage = require_row(await connection.fetchrow(_QUERIES["read_storage"]))
    facts = json.loads(storage["facts"])
    if storage["kind"] != "timescale" or not facts.get("aggregates"):
        raise Conflict(
            "storage.not_timescale",
            f"policies need candles kept by TimescaleDB's community edition, here they are {storage['kind']}",
        )
    schema = '"' + facts["schema"].replace('"', '""') + '"'
    statements = policy_statements(
        facts["version"], schema=schema, compress_after_days=compress_after_days,
        drop_after_days=drop_after_days,
    )  # fmt: skip
    for statement in statements:
        await connection.execute(statement)
    return len(statements)
