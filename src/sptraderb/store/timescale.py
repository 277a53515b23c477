"""TimescaleDB, where the extension is made in the database: hypertables and continuous aggregates.

Decided at a database's first start and recorded in ``sptraderb.candle_storage``; whatever goes wrong then
leaves plain tables and a notice. Only empty candle tables are turned.

- Native candles are hypertables under their old names: all SQL of imports and reads stays as it is.
- Coarser candles of a symbol whose candles are all of one timeframe are continuous aggregates, level on
  level, of its integer columns. Other symbols (two native timeframes, or an adopted one) keep derived rows as
  on plain tables: a native bar wins over a derived one of the same time, which no aggregate can express.
- The server itself makes unstored timeframes from native rows of one revision: an aggregate belongs to no
  revision, and its watermark moves under a reader's snapshot. Aggregates serve SQL readers, by our views.
- Apache builds (``timescaledb.license``) have no aggregates: hypertables with derived rows.
"""

import contextlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from sptraderb.domain.timeframe import H1, H4, H12, M1, M5, M15, STORED, Timeframe
from sptraderb.store.pool import Connection, Database, Pool
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("timescale")
OLDEST = (2, 13)
"""The first version with `by_range`; hierarchical aggregates came with 2.9."""
CHAIN: dict[Timeframe, Timeframe] = {M5: M1, M15: M5, H1: M5, H4: H1, H12: H4}
"""What each aggregate is made of; 1h of 15m where that is what is native."""
_CHUNK_DAYS = {M1: 30, M5: 90, M15: 180, H1: 720, H4: 1440, H12: 3600}
_BY_NAME = {timeframe.name: timeframe for timeframe in STORED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """One continuous aggregate.

    Parameters
    ----------
    base : Timeframe
        Of the native candles it comes from.
    source : Timeframe
        Of what it is made of: ``base``, or another aggregate of that base.
    timeframe : Timeframe
        Of its bars.
    """

    base: Timeframe
    source: Timeframe
    timeframe: Timeframe

    @property
    def name(self) -> str:
        """Its name in schema ``sptraderb``."""
        return f"derived_{self.base.name}_{self.timeframe.name}"

    def sql(self, *, schema: str) -> str:
        """Return the statement that makes it; ``schema`` is the extension's."""
        is_first = self.source == self.base
        return _QUERIES["create_aggregate"].format(
            name=self.name,
            schema=schema,
            seconds=self.timeframe.seconds,
            time="time" if is_first else "bucket",
            volume="volume::numeric" if is_first else "volume",
            source=f"candles_{self.base.name}"
            if is_first
            else f"derived_{self.base.name}_{self.source.name}",
            condition="WHERE NOT derived" if is_first else "",
        )


def aggregates_of(base: Timeframe) -> Iterator[Aggregate]:
    """Give the aggregates of native candles, each after the one it is made of."""
    made = {base}
    for timeframe, wanted in CHAIN.items():
        source = M15 if timeframe == H1 and M5 not in made else wanted
        if timeframe > base and source in made:
            made.add(timeframe)
            yield Aggregate(base=base, source=source, timeframe=timeframe)


ALL_AGGREGATES = tuple(aggregate for base in STORED for aggregate in aggregates_of(base))


async def decide_storage(connection: Connection) -> list[str]:
    """Choose how candles are kept in a database at its first start, and record it.

    Parameters
    ----------
    connection : Connection
        In the transaction of the first start.

    Returns
    -------
    list of str
        Sentences for the operator; none on plain PostgreSQL.
    """
    found = await connection.fetchrow(_QUERIES["find_extension"])
    if found is None:
        await connection.execute(_QUERIES["decide"], "plain", "{}")
        return []
    facts: dict[str, object] = {"version": found["version"], "license": found["license"]}
    why_not = _why_not(found["version"], is_empty=found["is_empty"])
    if not why_not:
        facts["aggregates"] = found["license"] == "timescale"
        try:
            async with connection.transaction():
                await _turn(connection, schema=found["schema"], with_aggregates=bool(facts["aggregates"]))
        except asyncpg.PostgresError as error:
            why_not = f"it refused: {error}"
    if why_not:
        await connection.execute(_QUERIES["decide"], "plain", json.dumps({"why_not": why_not}))
        return [f"TimescaleDB {found['version']} is here and not used for candles: {why_not}"]
    await connection.execute(_QUERIES["decide"], "timescale", json.dumps(facts | {"schema": found["schema"]}))
    kept = "continuous aggregates" if facts["aggregates"] else "rows, since this build has no aggregates"
    return [f"candles are kept in hypertables of TimescaleDB {found['version']}, coarser ones as {kept}"]


def _why_not(version: str, *, is_empty: bool) -> str:
    with contextlib.suppress(ValueError):
        if tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2]) >= OLDEST:
            return "" if is_empty else "candles are stored already"
    return f"version {OLDEST[0]}.{OLDEST[1]} or newer is needed"


async def _turn(connection: Connection, *, schema: str, with_aggregates: bool) -> None:
    quoted = '"' + schema.replace('"', '""') + '"'
    for timeframe, days in _CHUNK_DAYS.items():
        query = _QUERIES["create_hypertable"]
        await connection.fetch(query.format(schema=quoted, timeframe=timeframe.name, days=days))
    if not with_aggregates:
        return
    for aggregate in ALL_AGGREGATES:
        await connection.execute(aggregate.sql(schema=quoted))
    for timeframe in CHAIN:
        if await connection.fetchval(_QUERIES["has_view"].format(timeframe=timeframe.name)):
            await connection.execute(view_sql(timeframe))


def view_sql(timeframe: Timeframe) -> str:
    """Return the statement of our view that shows stored rows and aggregates as one."""
    unions = "\n".join(
        _QUERIES["union_aggregate"].format(name=one.name, base=one.base.name)
        for one in ALL_AGGREGATES
        if one.timeframe == timeframe
    )
    return _QUERIES["replace_view"].format(timeframe=timeframe.name, unions=unions)


async def keeps_aggregates(database: Database) -> bool:
    """Return whether coarser candles come from continuous aggregates in this database."""
    return bool(await database.fetchval(_QUERIES["keeps_aggregates"]))


async def describe_storage(database: Database) -> str:
    """Return how candles are kept in a database, for people; empty before the first start."""
    row = await database.fetchrow(_QUERIES["read_storage"])
    if row is None:
        return ""
    facts = json.loads(row["facts"])
    if row["kind"] == "plain":
        return f"plain tables{', without TimescaleDB: ' + facts['why_not'] if 'why_not' in facts else ''}"
    coarser = "aggregates" if facts["aggregates"] else "rows"
    return f"hypertables of TimescaleDB {facts['version']}, coarser ones as {coarser}"


async def mark_aggregated(
    connection: Connection, instrument_id: int, timeframes: Collection[Timeframe], *, aggregated: bool
) -> None:
    """Say whether coarser candles of native series come from aggregates."""
    names = [timeframe.name for timeframe in timeframes]
    await connection.execute(_QUERIES["mark_aggregated"], instrument_id, names, aggregated)


async def list_aggregated(database: Database, instrument_id: int) -> list[Timeframe]:
    """Return the series of an instrument whose coarser candles come from aggregates: one or none."""
    rows = await database.fetch(_QUERIES["list_aggregated"], instrument_id)
    return [_BY_NAME[row["timeframe"]] for row in rows]


async def note_refresh(connection: Connection, timeframe: Timeframe, first_s: int, last_s: int) -> None:
    """Note a range of native candles that the aggregates are to show, in the import's transaction."""
    await connection.execute(_QUERIES["note_refresh"], timeframe.name, first_s, last_s)


async def refresh_aggregates(pool: Pool) -> int:
    """Refresh what is noted, level by level, each range whole buckets and none to NULL.

    Parameters
    ----------
    pool : Pool
        Not in a transaction: a refresh opens its own.

    Returns
    -------
    int
        Ranges that went through. One that fails stays noted, for the next import.

    Notes
    -----
    Until then readers of the views miss the range in coarser timeframes; the server's own reads do not.
    """
    if not await keeps_aggregates(pool):
        return 0
    async with pool.acquire() as connection:
        if not await connection.fetchval(_QUERIES["try_lock"]):
            return 0
        try:
            n_done = 0
            with contextlib.suppress(asyncpg.PostgresError):
                while waiting := await connection.fetch(_QUERIES["list_refreshes"]):
                    for row in waiting:
                        await _refresh(connection, _BY_NAME[row["timeframe"]], row["first_s"], row["last_s"])
                        await connection.execute(_QUERIES["end_refresh"], row["id"])
                        n_done += 1
            return n_done
        finally:
            await connection.execute(_QUERIES["unlock"])


async def _refresh(connection: Connection, base: Timeframe, first_s: int, last_s: int) -> None:
    storage = await connection.fetchrow(_QUERIES["read_storage"])
    assert storage is not None
    schema = json.loads(storage["facts"])["schema"].replace('"', '""')
    for aggregate in aggregates_of(base):
        length = aggregate.timeframe.seconds
        first, last = first_s // length * length, (last_s // length + 1) * length
        query = _QUERIES["refresh"].format(
            schema=f'"{schema}"', name=aggregate.name, first=_text(first), last=_text(last)
        )
        await connection.execute(query)


def _text(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, tz=UTC).isoformat()
