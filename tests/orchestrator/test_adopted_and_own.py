"""Adopted series beside own ones: one origin each, never mixed, and nothing of the platform's is touched."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import numpy as np
import pytest

from sptraderb.api.app import create_app
from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.resample import resample
from sptraderb.domain.candle import PRICE_COLUMNS, Candles
from sptraderb.domain.timeframe import H1, H4, H12, M5, M15, Timeframe
from sptraderb.errors import Conflict
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.store import migrate
from sptraderb.store.candle_rows import find_revision, read_candles, read_metadata
from sptraderb.store.pool import Pool, open_pool
from sptraderb.testing.candle_files import csv_lines, moving_candles, write_lines
from sptraderb.testing.eventually import eventually
from sptraderb.testing.platform_database import RelationForm, make_reader, make_relation
from sptraderb.testing.services import client_of, open_test_services
from sptraderb.testing.worker_processes import start_worker

FINE = moving_candles(4_000, timeframe=M5)
HOURS = moving_candles(700, timeframe=H1, seed=7)
STRATEGY = """\
name: crossover
indicators:
  fast: sma(close, 5)
  slow: sma(close, 20)
entry:
  long:
    when: crosses_above(fast, slow)
    size: 50%
exit:
  stop_loss: 0.2%
"""
_RELATIONS = "relname LIKE 'forex_candles%' OR relname LIKE 'kept_forex%'"
_STATE = f"""
SELECT json_build_object(
  'class', (SELECT json_agg(c ORDER BY relname) FROM pg_class c WHERE ({_RELATIONS}) AND relkind <> 'v'
            OR relname = 'forex_candles_12h'),
  'columns', (SELECT json_agg(a ORDER BY attrelid, attnum)
              FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE {_RELATIONS}),
  'indexes', (SELECT json_agg(i ORDER BY indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = indrelid
              WHERE {_RELATIONS}),
  'constraints', (SELECT json_agg(o ORDER BY o.oid) FROM pg_constraint o JOIN pg_class c ON c.oid = conrelid
                  WHERE {_RELATIONS}),
  'triggers', (SELECT json_agg(t ORDER BY t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
               WHERE {_RELATIONS}),
  'dependencies', (SELECT json_agg(d ORDER BY d) FROM (
                   SELECT d.* FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid
                   WHERE {_RELATIONS}) AS d),
  'comments', (SELECT json_agg(d) FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
               WHERE {_RELATIONS})
)::text
"""
_ROWS = """
SELECT md5(string_agg(concat_ws('|', r.ctid, r.xmin, r.xmax, r::text), E'\\n' ORDER BY r.ctid))
FROM public.{} AS r
"""


@pytest.fixture
async def platform(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Give the platform's own connection to a database without our schema."""
    connection = await asyncpg.connect(empty_database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def late_pool(empty_database_url: str) -> AsyncIterator[Pool]:
    """Give a pool on the platform's database; the test migrates it."""
    opened = await open_pool(empty_database_url, size=3)
    yield opened
    await opened.close()


def same(found: Candles, expected: Candles) -> bool:
    """Return whether two series have the same values."""
    return all(
        np.array_equal(getattr(found, name), getattr(expected, name))
        for name in ("time_s", *PRICE_COLUMNS, "volume")
    )


def written(path: Path, candles: Candles) -> Path:
    """Return a file of some candles."""
    return write_lines(path, csv_lines(candles))


async def origins(pool: Pool) -> dict[str, str]:
    """Return whose rows each series is."""
    rows = await pool.fetch("SELECT timeframe, origin FROM sptraderb.candle_series")
    return dict(map(tuple, rows))


async def read(pool: Pool, timeframe: Timeframe) -> Candles:
    """Return a series of EURUSD."""
    return await read_candles(pool, "EURUSD", timeframe)


async def test_import_when_the_series_is_adopted_then_refused_unless_own_moves_it(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool, tmp_path: Path
) -> None:
    """One origin a series: `own` moves the catalogue row, and the adopted rows are read no more."""
    await make_relation(platform, HOURS)
    await migrate.migrate(empty_database_url)
    other = moving_candles(300, timeframe=H1, seed=3)
    file = written(tmp_path / "EURUSD_1h.csv", other)
    with pytest.raises(Conflict) as caught:
        await import_candles(late_pool, file)
    assert caught.value.code == "import.series_adopted"
    assert "--own" in (caught.value.hint or "")
    assert same(await read(late_pool, H1), HOURS)
    report = await import_candles(late_pool, file, options=ImportOptions(own=True))
    assert report.n_new == 300
    assert same(await read(late_pool, H1), other)
    assert same(await read(late_pool, H4), resample(other, H4))
    assert await origins(late_pool) == {"1h": "own", "4h": "own", "12h": "own"}
    assert (await migrate.migrate(empty_database_url)).notices == ()
    assert same(await read(late_pool, H1), other)
    assert await platform.fetchval("SELECT count(*) FROM public.forex_candles_1h") == 700


async def test_five_minutes_when_own_beside_adopted_hours_then_nothing_mixes(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool, tmp_path: Path
) -> None:
    """Own 5m give own 15m; hours stay the adopted ones, and 4h, 12h and days are made of those."""
    await make_relation(platform, HOURS)
    await migrate.migrate(empty_database_url)
    report = await import_candles(late_pool, written(tmp_path / "EURUSD_5m.csv", FINE))
    assert set(report.derived) == {"15m"}
    assert await origins(late_pool) == {"5m": "own", "15m": "own", "1h": "adopted"}
    assert same(await read(late_pool, M5), FINE)
    assert same(await read(late_pool, M15), resample(FINE, M15))
    assert same(await read(late_pool, H1), HOURS)
    for timeframe in (H4, H12):
        assert same(await read(late_pool, timeframe), resample(HOURS, timeframe))
    assert await platform.fetchval("SELECT count(*) FROM sptraderb.candles_1h") == 0


async def test_hours_when_moved_to_own_beside_own_five_minutes_then_both_are_in_them(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool, tmp_path: Path
) -> None:
    """The moved series holds what own 5m give and, in their place, the native bars of the file."""
    await make_relation(platform, HOURS)
    await migrate.migrate(empty_database_url)
    await import_candles(late_pool, written(tmp_path / "EURUSD_5m.csv", FINE))
    native = moving_candles(100, timeframe=H1, seed=9)
    file = written(tmp_path / "EURUSD_1h.csv", native)
    await import_candles(late_pool, file, options=ImportOptions(own=True))
    derived = resample(FINE, H1)
    hours = await read(late_pool, H1)
    assert np.array_equal(hours.time_s, np.union1d(native.time_s, derived.time_s))
    from_file = np.isin(hours.time_s, native.time_s)
    assert np.array_equal(hours.close_ticks[from_file], native.close_ticks)
    left = np.isin(derived.time_s, native.time_s, invert=True)
    assert np.array_equal(hours.close_ticks[~from_file], derived.close_ticks[left])
    assert same(await read(late_pool, H4), resample(hours, H4))
    state = await find_revision(late_pool, "EURUSD", H1)
    assert (state.n_bars, state.origin) == (len(hours), "own")


async def test_quarters_when_own_beside_adopted_five_minutes_then_hours_come_from_the_latter(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool, tmp_path: Path
) -> None:
    """1h is made from 5m where there are some, whoever has them (DATA); own 15m stay what was imported."""
    await make_relation(platform, FINE)
    await migrate.migrate(empty_database_url)
    quarters = moving_candles(200, timeframe=M15, seed=4)
    report = await import_candles(late_pool, written(tmp_path / "EURUSD_15m.csv", quarters))
    assert report.derived == {}
    assert same(await read(late_pool, M15), quarters)
    for timeframe in (H1, H4):
        assert same(await read(late_pool, timeframe), resample(FINE, timeframe))
    assert (await read_metadata(late_pool, "EURUSD")).timeframes == ("5m", "15m")


async def test_file_when_of_another_side_than_the_adopted_candles_then_needs_a_symbol_of_its_own(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool, tmp_path: Path
) -> None:
    """Adopted candles fix side and scale of their symbol as own ones do."""
    await make_relation(platform, HOURS)
    await migrate.migrate(empty_database_url)
    file = written(tmp_path / "EURUSD_5m.csv", FINE)
    with pytest.raises(Conflict) as caught:
        await import_candles(late_pool, file, options=ImportOptions(symbol="EURUSD", side="ask"))
    assert caught.value.code == "import.side_differs"


async def test_platform_when_migrated_served_run_and_imported_beside_then_it_is_bit_for_bit_the_same(
    platform: asyncpg.Connection, empty_database_url: str, tmp_path: Path
) -> None:
    """With a role that may only read it: catalogue, row versions and contents are equal before and after."""
    tables = [await make_relation(platform, HOURS)]
    await make_relation(
        platform,
        resample(HOURS, H4),
        form=RelationForm(kind="view", price_type="numeric", time_type="timestamp"),
    )
    await make_relation(
        platform, resample(HOURS, H12), form=RelationForm(kind="materialized view", price_type="real")
    )
    tables += ["kept_forex_candles_4h", "kept_forex_candles_12h", "forex_candles_12h"]
    await platform.execute("VACUUM (FREEZE, ANALYZE)")
    url = await make_reader(platform, empty_database_url)

    async def state() -> list[str]:
        rows = [await platform.fetchval(_ROWS.format(table)) for table in tables]
        return [await platform.fetchval(_STATE), *rows]

    before = await state()
    assert all(before)
    fine = "\n".join(csv_lines(FINE)).encode()
    async with (
        open_test_services(url, tmp_path) as services,
        client_of(create_app(services)) as client,
        start_worker(url, tmp_path, child_module="sptraderb.orchestrator.child", concurrency=2),
    ):
        await _serve_all(client)
        digest = await _run(client)
        query = {"symbol": "EURUSD", "filename": "EURUSD_5m.csv"}
        refused = await _import(client, "\n".join(csv_lines(HOURS)).encode(), query | {"timeframe": "1h"})
        assert refused["error"]["code"] == "import.series_adopted"
        taken = await _import(client, fine, query)
        assert taken["report"]["n_new"] == len(FINE)
        assert await _run(client) == digest
        await _serve_all(client)
    assert await state() == before


async def _serve_all(client: httpx.AsyncClient) -> None:
    for timeframe in ("1h", "2h", "4h", "12h", "1d"):
        query = {"symbol": "EURUSD", "timeframe": timeframe}
        for path in ("/api/candles", "/api/candles/quality"):
            answer = await client.get(path, params=query)
            assert answer.status_code == 200, answer.text
            assert "etag" not in answer.headers
            if path == "/api/candles" and timeframe == "1h":
                assert [bar["time"] for bar in answer.json()] == HOURS.time_s.tolist()
    metadata = (await client.get("/api/metadata")).json()
    assert [entry["symbol"] for entry in metadata["symbols"]] == ["EURUSD"]


async def _run(client: httpx.AsyncClient) -> tuple[str, str]:
    """Run a backtest to its end; return its digest and the hash of the candles it read."""
    days = [f"2024-01-{day:02d}" for day in (5, 25)]
    body = {
        "strategy": STRATEGY, "symbol": "EURUSD", "timeframe": "1h", "start_date": days[0],
        "end_date": days[1], "initial_capital": 100_000,
    }  # fmt: skip
    started = await client.post("/api/backtest/run", json=body)
    assert started.status_code == 202, started.text
    path = f"/api/backtest/{started.json()['backtest_id']}"

    async def _ended() -> bool:
        status = (await client.get(f"{path}/status")).json()
        assert status["status"] in ("running", "completed"), status
        return bool(status["status"] == "completed")

    await eventually(_ended, within_s=60.0)
    results = (await client.get(f"{path}/results")).json()
    data = results["manifest"]["data"]
    assert (data["revision"], len(data["sha256"])) == (None, 64)
    return results["digest"], data["sha256"]


async def _import(
    client: httpx.AsyncClient, file: bytes, query: dict[str, str]
) -> dict[str, dict[str, object]]:
    sent = await client.post(
        "/api/candles/import", params=query, content=file, headers={"content-type": "text/csv"}
    )
    assert sent.status_code == 202, sent.text

    async def _ended() -> dict[str, dict[str, object]] | None:
        found = (await client.get(sent.headers["location"])).json()
        return found if found["state"] in ("completed", "failed") else None

    return await eventually(_ended, within_s=60.0)
