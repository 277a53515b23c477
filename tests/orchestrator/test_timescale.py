"""TimescaleDB: aggregates of imports, the same reads, and what is decided at the first start.

Where the extension is absent, our SQL runs against stand-ins of its functions; the strict tests against the
extension itself need a server that has it: `TEST_TIMESCALE_URL`, or a test server on which it is available.
"""

import json
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import numpy as np
import pytest

from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.resample import resample
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.timeframe import H1, H4, H12, M1, M5, M15, STORED, Timeframe
from sptraderb.errors import Conflict
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.store.candle_rows import find_revision, read_candles, read_metadata
from sptraderb.store.migrate import migrate
from sptraderb.store.pool import Pool, open_pool
from sptraderb.store.timescale import (
    ALL_AGGREGATES,
    CHAIN,
    aggregates_of,
    keeps_aggregates,
    refresh_aggregates,
)
from sptraderb.store.timescale_policies import policy_statements, set_policies
from sptraderb.testing.candle_files import csv_lines, moving_candles, write_lines
from sptraderb.testing.database import DatabaseServer
from sptraderb.testing.platform_database import RelationForm, make_relation
from sptraderb.testing.timescale_stand_ins import pretend_extension, stand_in

NO_TIMESCALE = "needs TimescaleDB"
FIVE = moving_candles(4_000, timeframe=M5)
MINUTES = moving_candles(3_000, timeframe=M1)
NOON_S = 1_704_196_800
"""2024-01-02T12:00:00Z, on the grid of every timeframe."""
_SHOWN = """
SELECT extract(epoch FROM time)::bigint, (open * 100000)::bigint, (high * 100000)::bigint,
       (low * 100000)::bigint, (close * 100000)::bigint, volume
FROM public.forex_candles_{} WHERE symbol = $1 ORDER BY time
"""


@pytest.fixture
async def stood_in(pool: Pool) -> Pool:
    """Give a database that keeps aggregates, by stand-ins."""
    async with pool.acquire() as connection:
        await stand_in(connection)
    return pool


@pytest.fixture
async def timescale_url(database_server: DatabaseServer) -> AsyncIterator[str]:
    """Give the address of a database with the extension; without one the test is skipped and counted."""
    admin = os.environ.get("TEST_TIMESCALE_URL") or database_server.create_database(migrated=False)
    name = f"sptraderb_test_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(admin)
    try:
        available = await connection.fetchval(
            "SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'"
        )
        if not available:
            pytest.skip(NO_TIMESCALE)
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        url = urlunsplit(urlsplit(admin)._replace(path=f"/{name}"))
        inside = await asyncpg.connect(url)
        await inside.execute("CREATE EXTENSION timescaledb")
        await inside.close()
        yield url
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
async def timescale(timescale_url: str) -> AsyncIterator[tuple[Pool, str]]:
    """Give a pool on a database with the extension, migrated by us, and its address."""
    await migrate(timescale_url)
    opened = await open_pool(timescale_url, size=4)
    yield opened, timescale_url
    await opened.close()


def written(path: Path, candles: Candles) -> Path:
    """Return a file of some candles."""
    return write_lines(path, csv_lines(candles))


def assert_same(found: Candles, expected: Candles) -> None:
    """Compare every value of two series."""
    for name in ("time_s", *PRICE_COLUMNS, *ASK_COLUMNS, "volume"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


async def shown(pool: Pool, timeframe: Timeframe, symbol: str = "EURUSD") -> list[tuple[int | float, ...]]:
    """Return what a reader of our view sees, in ticks of 10^-5."""
    return [tuple(row) for row in await pool.fetch(_SHOWN.format(timeframe.name), symbol)]


def rows_of(bars: Candles) -> list[tuple[int | float, ...]]:
    """Return candles as `shown` gives them."""
    columns = (getattr(bars, name).tolist() for name in ("time_s", *PRICE_COLUMNS, "volume"))
    return list(zip(*columns, strict=True))


def test_chain_when_listed_then_every_coarser_timeframe_of_every_native_one_is_there() -> None:
    """Each native timeframe has aggregates of all coarser ones, each after what it is made of."""
    for base in STORED:
        made = [base]
        for aggregate in aggregates_of(base):
            assert aggregate.source in made
            made.append(aggregate.timeframe)
        assert made == [one for one in STORED if one >= base]
    assert len({aggregate.name for aggregate in ALL_AGGREGATES}) == len(ALL_AGGREGATES) == 15
    assert set(CHAIN) == set(STORED) - {M1}


async def test_start_when_the_extension_is_absent_then_plain_is_recorded(pool: Pool) -> None:
    """On plain PostgreSQL nothing is said and nothing changes."""
    rows = await pool.fetch("SELECT kind, facts::text FROM sptraderb.candle_storage")
    assert [tuple(row) for row in rows] == [("plain", "{}")]
    assert not await keeps_aggregates(pool)
    assert await refresh_aggregates(pool) == 0


@pytest.mark.parametrize(
    ("version", "licence", "kind", "said"),
    [
        ("2.18.1", "apache", "timescale", "as rows"),
        ("2.9.3", "timescale", "plain", "2.13 or newer is needed"),
        ("2.20.0", "timescale", "plain", "it refused"),
    ],
)
async def test_start_when_an_extension_answers_then_it_is_used_or_left_without_a_trace(
    empty_database_url: str, tmp_path: Path, version: str, licence: str, kind: str, said: str
) -> None:
    """An Apache build gives hypertables with derived rows; what is too old or refuses leaves plain tables."""
    connection = await asyncpg.connect(empty_database_url)
    try:
        await pretend_extension(connection, version=version, licence=licence)
        report = await migrate(empty_database_url)
        assert sum(said in notice for notice in report.notices) == 1
        row = await connection.fetchrow("SELECT kind, facts::text AS facts FROM sptraderb.candle_storage")
        assert row is not None
        assert row["kind"] == kind
        assert json.loads(row["facts"]).get("aggregates", False) is False
        n_turned = await connection.fetchval("SELECT count(*) FROM pretended.turned")
        assert n_turned == (len(STORED) if kind == "timescale" else 0)
        assert (await migrate(empty_database_url)).notices == ()
    finally:
        await connection.close()
    pool = await open_pool(empty_database_url, size=3)
    report_of = await import_candles(pool, written(tmp_path / "EURUSD_5m.csv", FIVE))
    assert set(report_of.derived) == {"15m", "1h", "4h", "12h"}
    assert await shown(pool, H4) == rows_of(resample(FIVE, H4))
    await pool.close()


@pytest.mark.parametrize(
    ("version", "first", "second"),
    [
        ("2.17.2", "timescaledb.compress_segmentby", "SELECT public.add_compression_policy("),
        ("2.18.0", "timescaledb.enable_columnstore", "CALL public.add_columnstore_policy("),
    ],
)
def test_policies_when_a_version_is_given_then_its_names_are_used(
    version: str, first: str, second: str
) -> None:
    """Compression is called columnstore from 2.18 on; aggregates alone are dropped; without days all go."""
    asked = policy_statements(version, schema="public", compress_after_days=90, drop_after_days=400)
    assert sum(first in statement for statement in asked) == len(STORED)
    assert sum(second in statement for statement in asked) == len(STORED)
    drops = [statement for statement in asked if "add_retention_policy" in statement]
    assert len(drops) == len(ALL_AGGREGATES)
    assert not any("candles_" in statement for statement in drops)
    none = policy_statements(version, schema="public", compress_after_days=None, drop_after_days=None)
    assert all("remove_" in statement for statement in none)


async def test_policies_when_candles_are_plain_then_refused(pool: Pool) -> None:
    """There is nothing to set on plain tables."""
    async with pool.acquire() as connection:
        with pytest.raises(Conflict) as caught:
            await set_policies(connection, compress_after_days=1, drop_after_days=None)
    assert caught.value.code == "storage.not_timescale"


async def test_import_when_aggregates_are_kept_then_no_rows_are_derived_and_reads_are_the_same(
    stood_in: Pool, tmp_path: Path
) -> None:
    """One native series: the server's reads, metadata and the views show all coarser candles exactly."""
    report = await import_candles(stood_in, written(tmp_path / "EURUSD_1m.csv", MINUTES))
    assert report.derived == {}
    assert await stood_in.fetchval("SELECT count(*) FROM sptraderb.candle_series") == 1
    assert (await read_metadata(stood_in, "EURUSD")).timeframes == tuple(one.name for one in STORED)
    for timeframe in CHAIN:
        expected = resample(MINUTES, timeframe)
        assert_same(await read_candles(stood_in, "EURUSD", timeframe), expected)
        assert await shown(stood_in, timeframe) == rows_of(expected)
    assert (await find_revision(stood_in, "EURUSD", H4)).source == M1


async def test_refresh_when_an_import_is_committed_then_each_level_gets_whole_buckets(
    stood_in: Pool, tmp_path: Path
) -> None:
    """Levels are refreshed finest first, over the imported range in whole buckets, never to NULL."""
    await import_candles(stood_in, written(tmp_path / "EURUSD_5m.csv", FIVE))
    calls = await stood_in.fetch("SELECT * FROM stand_ins.refreshed")
    names = [f"sptraderb.derived_5m_{name}" for name in ("15m", "1h", "4h", "12h")]
    assert [call["name"] for call in calls] == names
    first, last = int(FIVE.time_s[0]), int(FIVE.time_s[-1])
    for call, timeframe in zip(calls, (M15, H1, H4, H12), strict=True):
        low, high = (int(call[word].timestamp()) for word in ("first", "last"))
        assert (low % timeframe.seconds, high % timeframe.seconds) == (0, 0)
        assert low <= first < low + timeframe.seconds
        assert high - timeframe.seconds <= last < high
    assert await stood_in.fetchval("SELECT count(*) FROM sptraderb.aggregate_refreshes") == 0


async def test_refresh_when_it_fails_then_it_waits_and_the_next_one_does_it(
    stood_in: Pool, tmp_path: Path
) -> None:
    """An import whose refresh fails is stored; the range stays noted until a refresh goes through."""
    await stood_in.execute("ALTER PROCEDURE stand_ins.refresh_continuous_aggregate RENAME TO away")
    await import_candles(stood_in, written(tmp_path / "EURUSD_5m.csv", FIVE))
    assert await stood_in.fetchval("SELECT count(*) FROM sptraderb.aggregate_refreshes") == 1
    assert_same(await read_candles(stood_in, "EURUSD", H1), resample(FIVE, H1))
    await stood_in.execute("ALTER PROCEDURE stand_ins.away RENAME TO refresh_continuous_aggregate")
    assert await refresh_aggregates(stood_in) == 1
    assert await refresh_aggregates(stood_in) == 0


@pytest.mark.parametrize("order", [("5m", "1h"), ("1h", "5m"), ("15m", "1m"), ("4h", "5m")])
async def test_second_series_when_imported_then_everything_is_as_on_plain_tables(
    stood_in: Pool, database_server: DatabaseServer, tmp_path: Path, order: tuple[str, str]
) -> None:
    """Two native timeframes of a symbol: every read and view is what plain PostgreSQL gives."""
    by_name = {one.name: one for one in STORED}
    bars = [
        moving_candles(900, timeframe=by_name[name], seed=seed, first_s=NOON_S)
        for seed, name in enumerate(order)
    ]
    files = [written(tmp_path / f"EURUSD_{one.timeframe.name}.csv", one) for one in bars]
    correction = moving_candles(50, timeframe=bars[0].timeframe, seed=9, first_s=NOON_S)
    again = written(tmp_path / "EURUSD_again.csv", correction)
    url = database_server.create_database()
    plain = await open_pool(url, size=3)
    try:
        for pool in (plain, stood_in):
            for file in (*files, again):
                name = bars[0].timeframe.name if file == again else None
                await import_candles(pool, file, options=ImportOptions(timeframe=name))
        for timeframe in STORED:
            if timeframe >= min(one.timeframe for one in bars):
                expected = await read_candles(plain, "EURUSD", timeframe)
                assert_same(await read_candles(stood_in, "EURUSD", timeframe), expected)
                if timeframe != M1:
                    assert await shown(stood_in, timeframe) == rows_of(expected)
        assert await read_metadata(plain, "EURUSD") == await read_metadata(stood_in, "EURUSD")
    finally:
        await plain.close()
        database_server.drop_database(url)


async def test_both_sides_and_decimal_volumes_when_aggregated_then_exact(
    stood_in: Pool, tmp_path: Path
) -> None:
    """Ask prices go along, and volumes with decimals add up to the same double on every level."""
    lines = ["time,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close,volume"]
    lines += [
        f"2024-01-03T{n // 12:02d}:{n % 12 * 5:02d}:00Z,1.1000{n % 7},1.1002{n % 5},1.0999{n % 3},"
        f"1.1000{n % 9},1.1001{n % 7},1.1003{n % 5},1.1000{n % 3},1.1001{n % 9},0.{n + 1:03d}"
        for n in range(280)
    ]
    await import_candles(stood_in, write_lines(tmp_path / "EURUSD_5m.csv", lines))
    native = await read_candles(stood_in, "EURUSD", M5)
    for timeframe in (M15, H1, H4, H12):
        expected = resample(native, timeframe)
        found = await stood_in.fetch(
            "SELECT extract(epoch FROM bucket)::bigint, ask_open, ask_high, ask_low, ask_close,"
            f" volume::float8 FROM sptraderb.derived_5m_{timeframe.name} ORDER BY 1"
        )
        columns = (getattr(expected, name).tolist() for name in ("time_s", *ASK_COLUMNS, "volume"))
        assert [tuple(row) for row in found] == list(zip(*columns, strict=True))


async def test_extension_when_present_then_tables_are_turned_and_everything_is_exact(
    timescale: tuple[Pool, str], tmp_path: Path
) -> None:
    """Strict, on the extension: hypertables, aggregates in real time, corrections below the watermark."""
    pool, url = timescale
    row = await pool.fetchrow("SELECT kind, facts FROM sptraderb.candle_storage")
    assert row is not None
    assert row["kind"] == "timescale", row["facts"]
    turned = await pool.fetchval(
        "SELECT count(*) FROM timescaledb_information.hypertables WHERE hypertable_schema = 'sptraderb'"
        " AND hypertable_name LIKE 'candles\\_%'"
    )
    assert turned == len(STORED)
    has_aggregates = await pool.fetchval("SHOW timescaledb.license") == "timescale"
    assert await keeps_aggregates(pool) == has_aggregates
    if has_aggregates:
        rows = await pool.fetch(
            "SELECT view_name, materialized_only FROM timescaledb_information.continuous_aggregates"
        )
        assert {row["view_name"] for row in rows} == {one.name for one in ALL_AGGREGATES}
        assert not any(row["materialized_only"] for row in rows)
    # The later part first: its refresh moves the watermark over the earlier part, which comes below it.
    half = len(FIVE) // 2
    for name, part in (("late", FIVE.sliced(half, len(FIVE))), ("early", FIVE.sliced(0, half))):
        await import_candles(pool, written(tmp_path / f"EURUSD_5m_{name}.csv", part))
        expected = part if name == "late" else FIVE
        for timeframe in (M15, H1, H4, H12):
            assert_same(await read_candles(pool, "EURUSD", timeframe), resample(expected, timeframe))
            assert await shown(pool, timeframe) == rows_of(resample(expected, timeframe))
    other = moving_candles(500, timeframe=M5, seed=3)
    await import_candles(pool, written(tmp_path / "EURUSD_5m_corrected.csv", other))
    native = await read_candles(pool, "EURUSD", M5)
    await import_candles(pool, written(tmp_path / "GBPUSD_1m.csv", MINUTES))
    for timeframe in (M15, H1, H4, H12):
        assert await shown(pool, timeframe) == rows_of(resample(native, timeframe))
        assert await shown(pool, timeframe, "GBPUSD") == rows_of(resample(MINUTES, timeframe))
    hours = moving_candles(60, timeframe=H1, seed=5)
    await import_candles(pool, written(tmp_path / "EURUSD_1h.csv", hours))
    for timeframe in (M15, H1, H4, H12):
        assert await shown(pool, timeframe) == rows_of(await read_candles(pool, "EURUSD", timeframe))
    assert (await migrate(url)).notices == ()
    if has_aggregates:
        await _check_policies(pool)


async def test_adoption_when_the_platform_has_hypertables_and_aggregates_then_read_exactly(
    timescale_url: str,
) -> None:
    """Strict, on the extension: a hypertable and a real-time aggregate of the platform are adopted."""
    connection = await asyncpg.connect(timescale_url)
    try:
        form = RelationForm(price_type="numeric(12,5)", is_indexed=False)
        name = await make_relation(connection, FIVE, form=form)
        await connection.execute(
            f"SELECT create_hypertable('{name}', by_range('time'), migrate_data => true)"
        )
        made = ["forex_candles_5m"]
        if await connection.fetchval("SHOW timescaledb.license") == "timescale":
            await connection.execute(
                "CREATE MATERIALIZED VIEW public.forex_candles_1h"
                " WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS"
                " SELECT time_bucket('1 hour', time) AS time, symbol, first(open, time) AS open,"
                " max(high) AS high, min(low) AS low, last(close, time) AS close, sum(volume) AS volume"
                f" FROM {name} GROUP BY 1, 2 WITH NO DATA"
            )
            made.append("forex_candles_1h")
    finally:
        await connection.close()
    report = await migrate(timescale_url)
    assert all(any(f"{one} " in notice and "adopted" in notice for notice in report.notices) for one in made)
    pool = await open_pool(timescale_url, size=2)
    try:
        assert_same(await read_candles(pool, "EURUSD", M5), FIVE)
        assert_same(await read_candles(pool, "EURUSD", H1), resample(FIVE, H1))
        assert_same(await read_candles(pool, "EURUSD", H4), resample(FIVE, H4))
    finally:
        await pool.close()


async def _check_policies(pool: Pool) -> None:
    """Set policies and take them away again; jobs of ours come and go."""
    for days, n_jobs in ((3650, len(STORED) + len(ALL_AGGREGATES)), (None, 0)):
        async with pool.acquire() as connection:
            await set_policies(connection, compress_after_days=days, drop_after_days=days)
        found = await pool.fetchval(
            "SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name IN"
            " ('policy_compression', 'policy_retention')"
        )
        assert found == n_jobs
