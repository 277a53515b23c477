"""Stand-ins for TimescaleDB's functions on plain PostgreSQL, so that our SQL for it runs where it is absent.

They have the same answers for what we ask: buckets, first and last by time, and a refresh that only notes its
bounds, since a plain view is never behind. What only the extension can show (its syntax, watermarks, chunks)
they do not.
"""

import re

from sptraderb.domain.timeframe import M1
from sptraderb.store.pool import Connection
from sptraderb.store.timescale import ALL_AGGREGATES, CHAIN, view_sql

SCHEMA = "stand_ins"
_FUNCTIONS = f"""
CREATE SCHEMA {SCHEMA};
CREATE FUNCTION {SCHEMA}.time_bucket(width interval, at timestamptz) RETURNS timestamptz
    IMMUTABLE LANGUAGE sql AS $$ SELECT date_bin(width, at, timestamptz '2000-01-03 00:00:00+00') $$;
CREATE FUNCTION {SCHEMA}.keep(held numeric[], value bigint, at timestamptz, sign integer) RETURNS numeric[]
    IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN held IS NULL OR sign * extract(epoch FROM at) < sign * held[1]
                THEN ARRAY[extract(epoch FROM at), value] ELSE held END $$;
CREATE FUNCTION {SCHEMA}.keep_first(numeric[], bigint, timestamptz) RETURNS numeric[] IMMUTABLE LANGUAGE sql
    AS $$ SELECT {SCHEMA}.keep($1, $2, $3, 1) $$;
CREATE FUNCTION {SCHEMA}.keep_last(numeric[], bigint, timestamptz) RETURNS numeric[] IMMUTABLE LANGUAGE sql
    AS $$ SELECT {SCHEMA}.keep($1, $2, $3, -1) $$;
CREATE FUNCTION {SCHEMA}.value_of(numeric[]) RETURNS bigint IMMUTABLE LANGUAGE sql
    AS $$ SELECT $1[2]::bigint $$;
CREATE AGGREGATE {SCHEMA}.first(bigint, timestamptz) (
    SFUNC = {SCHEMA}.keep_first, STYPE = numeric[], FINALFUNC = {SCHEMA}.value_of);
CREATE AGGREGATE {SCHEMA}.last(bigint, timestamptz) (
    SFUNC = {SCHEMA}.keep_last, STYPE = numeric[], FINALFUNC = {SCHEMA}.value_of);
CREATE TABLE {SCHEMA}.refreshed (name text, first timestamptz, last timestamptz);
CREATE PROCEDURE {SCHEMA}.refresh_continuous_aggregate(name text, first timestamptz, last timestamptz)
    LANGUAGE sql AS $$ INSERT INTO {SCHEMA}.refreshed VALUES (name, first, last) $$;
UPDATE sptraderb.candle_storage
   SET kind = 'timescale', facts = '{{"schema": "{SCHEMA}", "aggregates": true}}';
"""


async def stand_in(connection: Connection) -> None:
    """Make a migrated, empty database behave as if TimescaleDB kept its aggregates.

    Parameters
    ----------
    connection : Connection
        As the owner of the database.
    """
    await connection.execute(_FUNCTIONS)
    for aggregate in ALL_AGGREGATES:
        sql = aggregate.sql(schema=SCHEMA)
        plain = re.sub(r"MATERIALIZED VIEW (\S+)\s+WITH \([^)]*\)", r"VIEW \1", sql)
        await connection.execute(plain.replace("WITH NO DATA", ""))
    for timeframe in CHAIN:
        assert timeframe > M1
        await connection.execute(view_sql(timeframe))


_PRETENCE = """
CREATE SCHEMA pretended;
CREATE TABLE pretended.turned (name regclass, dimension text);
CREATE FUNCTION pretended.by_range(name text, width interval) RETURNS text LANGUAGE sql
    AS $$ SELECT name || ' ' || width $$;
CREATE FUNCTION pretended.create_hypertable(relation regclass, dimension text, create_default_indexes boolean)
    RETURNS void LANGUAGE sql AS $$ INSERT INTO pretended.turned VALUES (relation, dimension) $$;
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
VALUES (pg_nextoid('pg_extension', 'oid', 'pg_extension_oid_index'), 'timescaledb', 10,
        'pretended'::regnamespace, false, '{version}');
"""


async def pretend_extension(connection: Connection, *, version: str, licence: str) -> None:
    """Make a database look as if an extension were made in it that only notes hypertables.

    Parameters
    ----------
    connection : Connection
        As a superuser, on an empty database of a test.
    version, licence : str
        What it says of itself. Aggregates are beyond it, as they are beyond an Apache build.
    """
    await connection.execute(_PRETENCE.format(version=version))
    database = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {database} SET timescaledb.license = '{licence}'")
