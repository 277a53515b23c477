"""A database that was there before ours, for tests of adoption: relations ``forex_candles_*`` of any kind.

The platform's rows are built from candles in memory, so what a reader must find is known exactly.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

from sptraderb.domain.candle import Candles
from sptraderb.domain.fixed import text_from_ticks
from sptraderb.store.pool import Connection

_COLUMNS = """
    "time" {time_type} NOT NULL, symbol varchar(10) NOT NULL, open {price_type}, high {price_type},
    low {price_type}, close {price_type}, volume {volume_type}
"""
_INSERT = """
INSERT INTO public.{name}
SELECT t{zone}, $2, o::{price_type}, h::{price_type}, l::{price_type}, c::{price_type}, v::{volume_type}
FROM unnest($1::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[])
    AS rows (t, o, h, l, c, v)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationForm:
    """How a relation of the platform is made.

    Parameters
    ----------
    kind : {'table', 'view', 'materialized view', 'partitioned table'}
        Of the relation; the rows of a view are in a table beside it.
    price_type, time_type, volume_type : str
        Types of its columns.
    is_indexed : bool
        Whether the table has an index on symbol and time.
    """

    kind: str = "table"
    price_type: str = "double precision"
    time_type: str = "timestamptz"
    volume_type: str = "double precision"
    is_indexed: bool = True


async def make_relation(
    connection: Connection, candles: Candles, *, form: RelationForm | None = None, symbol: str | None = None
) -> str:
    """Make ``public.forex_candles_<timeframe>`` with the rows of some candles; return its name.

    Parameters
    ----------
    connection : Connection
        As the platform's role.
    candles : Candles
        What it holds.
    form : RelationForm, optional
        An indexed table of doubles unless said otherwise.
    symbol : str, optional
        Instead of the candles' own.
    """
    shape = form or RelationForm()
    name = f"forex_candles_{candles.timeframe.name}"
    table = name if shape.kind.endswith("table") else f"kept_{name}"
    types = {
        "time_type": shape.time_type, "price_type": shape.price_type, "volume_type": shape.volume_type,
    }  # fmt: skip
    partitions = " PARTITION BY RANGE (time)" if shape.kind == "partitioned table" else ""
    storage = "" if partitions else " WITH (autovacuum_enabled = false)"
    await connection.execute(f"CREATE TABLE public.{table} ({_COLUMNS.format(**types)}){partitions}{storage}")
    if partitions:
        await connection.execute(f"CREATE TABLE public.{table}_all PARTITION OF public.{table} DEFAULT")
    if shape.is_indexed:
        await connection.execute(f"CREATE UNIQUE INDEX ON public.{table} (symbol, time)")
    await add_rows(connection, table, candles, form=shape, symbol=symbol)
    if not shape.kind.endswith("table"):
        await connection.execute(f"CREATE {shape.kind} public.{name} AS SELECT * FROM public.{table}")
    return name


async def add_rows(
    connection: Connection, table: str, candles: Candles, *, form: RelationForm, symbol: str | None = None
) -> None:
    """Append candles to a table of `make_relation`, each price as its exact decimal text."""
    scale = candles.instrument.price_scale
    texts = [
        [text_from_ticks(int(ticks), scale) for ticks in column]
        for column in (candles.open_ticks, candles.high_ticks, candles.low_ticks, candles.close_ticks)
    ]
    times = [datetime.fromtimestamp(int(second), tz=UTC) for second in candles.time_s]
    query = _INSERT.format(
        name=table,
        zone="" if form.time_type == "timestamptz" else " AT TIME ZONE 'UTC'",
        price_type=form.price_type,
        volume_type=form.volume_type,
    )
    volume = candles.volume.tolist()
    await connection.execute(query, times, symbol or candles.instrument.symbol, *texts, volume)


async def make_reader(connection: Connection, url: str) -> str:
    """Make a role that may read the platform's relations and make a schema; return its address."""
    parts = urlsplit(url)
    database = parts.path[1:]
    role = f"reader_of_{database}"
    await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    await connection.execute(f"GRANT CONNECT, CREATE ON DATABASE {database} TO {role}")
    await connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    place = f"{role}:secret@{parts.hostname}:{parts.port}"
    return urlunsplit(parts._replace(netloc=place))
