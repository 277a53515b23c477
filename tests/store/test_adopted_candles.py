"""Adoption: candles of a database that was there before are read as they are (DATA, storage)."""

import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from sptraderb.candles.cache import CandleCache
from sptraderb.candles.resample import resample
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.timeframe import H1, H4, M1, M5, M15, parse_timeframe
from sptraderb.errors import CandlesUnusable, Conflict, NotFound
from sptraderb.store import migrate
from sptraderb.store.adopted_relations import adopt_relations, describe_adopted
from sptraderb.store.candle_rows import (
    candle_page,
    find_revision,
    list_metadata,
    open_candle_stream,
    read_candles,
    read_metadata,
)
from sptraderb.store.instrument_rows import read_instrument
from sptraderb.store.pool import Pool, open_pool
from sptraderb.testing.candle_files import moving_candles
from sptraderb.testing.platform_database import RelationForm, add_rows, make_relation

HOURS = moving_candles(600, timeframe=H1)
FORMS = [
    RelationForm(),
    RelationForm(price_type="real", volume_type="bigint"),
    RelationForm(price_type="numeric", time_type="timestamp", volume_type="numeric"),
    RelationForm(price_type="numeric(12,5)", is_indexed=False),
    RelationForm(price_type="numeric(18,8)", kind="partitioned table", volume_type="integer"),
    RelationForm(kind="view", time_type="timestamp"),
    RelationForm(kind="view", price_type="numeric"),
    RelationForm(kind="materialized view", price_type="real"),
]


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


def assert_same(found: Candles, expected: Candles) -> None:
    """Compare every value of two series."""
    assert found.instrument == expected.instrument
    for name in ("time_s", *PRICE_COLUMNS, *ASK_COLUMNS, "volume"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.kind} {form.price_type} {form.time_type}")
async def test_relation_when_there_before_then_read_exactly_in_every_way(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool, form: RelationForm
) -> None:
    """Whatever kind and types a relation has: range, warm-up, page, stream and coarser bars are exact."""
    await make_relation(platform, HOURS, form=form)
    report = await migrate.migrate(empty_database_url)
    assert any("forex_candles_1h" in notice and "adopted" in notice for notice in report.notices)
    state = await find_revision(late_pool, "EURUSD", H1)
    assert (state.origin, state.revision, state.n_bars) == ("adopted", None, 600)
    assert_same(await read_candles(late_pool, "EURUSD", H1), HOURS)
    start, end = int(HOURS.time_s[300]), int(HOURS.time_s[400])
    warm = await read_candles(late_pool, "EURUSD", H1, start, end, warm_up=20)
    assert_same(warm, HOURS.sliced(280, 401))
    page = await candle_page(late_pool, "EURUSD", H1, from_s=start, limit=50)
    assert_same(page.candles, HOURS.sliced(300, 350))
    last = await candle_page(late_pool, "EURUSD", H1, limit=50, descending=True)
    assert_same(last.candles, HOURS.sliced(550, 600))
    stream = await open_candle_stream(late_pool, "EURUSD", H1, from_s=start, slice_bars=70)
    times = np.concatenate([slice_.time_s async for slice_ in stream.slices])
    assert np.array_equal(times, HOURS.time_s[300:])
    for name in ("2h", "4h", "12h", "1d", "1w"):
        timeframe = parse_timeframe(name)
        assert_same(await read_candles(late_pool, "EURUSD", timeframe), resample(HOURS, timeframe))
    entry = await read_metadata(late_pool, "EURUSD")
    assert (entry.tick_count, entry.timeframes) == (600, ("1h",))
    assert (entry.earliest_s, entry.latest_s) == (int(HOURS.time_s[0]), int(HOURS.time_s[-1]))


async def test_cache_when_series_is_adopted_then_nothing_is_kept_and_changes_are_seen(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool, tmp_path: Path
) -> None:
    """Rows appended or changed by their owner are read at once; no file of the cache holds them."""
    form = RelationForm()
    table = await make_relation(platform, HOURS.sliced(0, 500), form=form)
    await migrate.migrate(empty_database_url)
    cache = CandleCache(tmp_path / "cache")
    assert_same(await read_candles(late_pool, "EURUSD", H1, cache=cache), HOURS.sliced(0, 500))
    await add_rows(platform, table, HOURS.sliced(500, 600), form=form)
    assert_same(await read_candles(late_pool, "EURUSD", H1, cache=cache), HOURS)
    entry = (await list_metadata(late_pool))[0]
    assert (entry.tick_count, entry.latest_s) == (600, int(HOURS.time_s[-1]))
    await platform.execute(f"UPDATE public.{table} SET volume = volume + 1")
    changed = await read_candles(late_pool, "EURUSD", H4, cache=cache)
    assert changed.volume.sum() == HOURS.volume.sum() + 600
    assert not list(tmp_path.rglob("*.npy"))


@pytest.mark.parametrize(
    ("price_type", "value"),
    [
        ("double precision", "1.0870300000000001"),
        ("double precision", "1.087035"),
        ("double precision", "'NaN'"),
        ("double precision", "'Infinity'"),
        ("double precision", "1e308"),
        ("double precision", "NULL"),
        ("numeric", "1.087030000000000000000001"),
        ("numeric", "'NaN'"),
        ("numeric", "1e300"),
        ("numeric", "NULL"),
        ("real", "1.087035"),
        ("real", "'NaN'"),
        ("real", "3e38"),
    ],
)
async def test_price_when_off_the_scale_then_refused_with_a_count_and_other_ranges_go_on(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool, price_type: str, value: str
) -> None:
    """A value that is no decimal of the instrument's places is refused at read, never rounded."""
    table = await make_relation(platform, HOURS, form=RelationForm(price_type=price_type))
    moments = [datetime.fromtimestamp(int(HOURS.time_s[row]), tz=UTC) for row in (100, 200, 300)]
    await platform.execute(
        f"UPDATE public.{table} SET close = {value} WHERE time = ANY($1::timestamptz[])", moments
    )
    await migrate.migrate(empty_database_url)
    for timeframe in (H1, H4):
        with pytest.raises(CandlesUnusable) as caught:
            await read_candles(late_pool, "EURUSD", timeframe)
        assert caught.value.code == "candles.adopted_off_scale"
        assert caught.value.context["count"] == 3
    sound = await read_candles(late_pool, "EURUSD", H1, None, int(HOURS.time_s[99]))
    assert_same(sound, HOURS.sliced(0, 100))


async def test_real_when_several_ticks_have_the_same_one_then_refused(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool
) -> None:
    """Seven digits cannot tell 1234567.89 from its neighbours, so no tick is guessed."""
    await make_relation(platform, HOURS, form=RelationForm(price_type="real"), symbol="BTCUSD")
    await platform.execute("UPDATE public.forex_candles_1h SET high = 1234567.89")
    await migrate.migrate(empty_database_url)
    with pytest.raises(CandlesUnusable) as caught:
        await read_candles(late_pool, "BTCUSD", H1)
    assert caught.value.context["count"] == 600


async def test_time_when_within_a_second_then_refused_and_a_broken_bar_is_named(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool
) -> None:
    """Times are not cut to seconds, and rows that cannot be candles are refused with their time."""
    table = await make_relation(platform, HOURS)
    await migrate.migrate(empty_database_url)
    moment = datetime.fromtimestamp(int(HOURS.time_s[5]), tz=UTC)
    await platform.execute(f"UPDATE public.{table} SET time = time + interval '1 ms' WHERE time = $1", moment)
    with pytest.raises(CandlesUnusable) as caught:
        await read_candles(late_pool, "EURUSD", H1)
    assert (caught.value.code, caught.value.context["count"]) == ("candles.adopted_off_scale", 1)
    await platform.execute(
        f"UPDATE public.{table} SET time = $1, high = low - 0.01 WHERE time = $2",
        moment,
        moment + timedelta(milliseconds=1),
    )
    with pytest.raises(CandlesUnusable, match=f"{moment:%Y-%m-%dT%H:%M:%SZ}") as broken:
        await read_candles(late_pool, "EURUSD", H1)
    assert broken.value.code == "candles.ohlc_broken"


async def test_scale_when_described_then_the_candles_can_be_read(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool
) -> None:
    """Prices with six decimals are read once the instrument is said to have six."""
    mid = dataclasses.replace(SEEDED_INSTRUMENTS["EURUSD"], price_scale=6)
    fine = moving_candles(50, timeframe=H1, instrument=mid)
    await make_relation(platform, fine, form=RelationForm(price_type="numeric"))
    await migrate.migrate(empty_database_url)
    with pytest.raises(CandlesUnusable):
        await read_candles(late_pool, "EURUSD", H1)
    async with late_pool.acquire() as connection:
        described = await describe_adopted(connection, "EURUSD", {"price_scale": "6"})
    assert described.price_scale == 6
    assert_same(await read_candles(late_pool, "EURUSD", H1), fine)


async def test_symbols_when_unknown_then_inferred_or_left_out_with_a_word(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool
) -> None:
    """A coin takes the decimals its rows have; what cannot be inferred is left out and said."""
    form = RelationForm(price_type="numeric")
    coin = dataclasses.replace(SEEDED_INSTRUMENTS["BTCUSDT"], symbol="WIFUSDT", base="WIF", price_scale=7)
    bars = moving_candles(40, timeframe=H1, instrument=coin)
    table = await make_relation(platform, bars, form=form)
    await add_rows(platform, table, bars, form=form, symbol="DAX40")
    report = await migrate.migrate(empty_database_url)
    assert any("DAX40" in notice and "left out" in notice for notice in report.notices)
    assert (await read_instrument(late_pool, "WIFUSDT")).price_scale == 7
    assert np.array_equal((await read_candles(late_pool, "WIFUSDT", H1)).close_ticks, bars.close_ticks)
    with pytest.raises(NotFound):
        await read_candles(late_pool, "DAX40", H1)


async def test_start_when_symbols_are_new_then_they_are_taken_in(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool
) -> None:
    """A relation that was empty at the first start serves what it holds at a later one."""
    form = RelationForm()
    table = await make_relation(platform, HOURS.sliced(0, 0), form=form)
    await migrate.migrate(empty_database_url)
    assert await list_metadata(late_pool) == []
    await add_rows(platform, table, HOURS, form=form)
    second = await migrate.migrate(empty_database_url)
    assert (second.applied, second.notices) == ((), ())
    assert_same(await read_candles(late_pool, "EURUSD", H1), HOURS)


async def test_start_when_a_relation_is_gone_then_said_and_reads_refuse(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool
) -> None:
    """Each start looks whether adopted relations are still there; `adopt` forgets what is gone."""
    table = await make_relation(platform, HOURS)
    await migrate.migrate(empty_database_url)
    await platform.execute(f"ALTER TABLE public.{table} RENAME TO hidden")
    again = await migrate.migrate(empty_database_url)
    assert any("forex_candles_1h" in notice and "not there" in notice for notice in again.notices)
    with pytest.raises(CandlesUnusable) as caught:
        await read_candles(late_pool, "EURUSD", H1)
    assert caught.value.code == "candles.adopted_gone"
    assert [entry.symbol for entry in await list_metadata(late_pool)] == ["EURUSD"]
    await platform.execute(f"ALTER TABLE public.hidden RENAME TO {table}")
    await platform.execute(f"ALTER TABLE public.{table} ALTER COLUMN close TYPE numeric")
    assert (await migrate.migrate(empty_database_url)).notices == ()
    assert_same(await read_candles(late_pool, "EURUSD", H1), HOURS)
    await platform.execute(f"DROP TABLE public.{table}")
    async with late_pool.acquire() as connection:
        assert await adopt_relations(connection) == ["public.forex_candles_1h is adopted no more"]
    assert await list_metadata(late_pool) == []


async def test_adoption_when_a_symbol_is_gone_or_own_candles_have_both_sides_then_left_out(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool
) -> None:
    """Looking again forgets symbols without rows; one side of prices cannot join a symbol of both."""
    form = RelationForm()
    table = await make_relation(platform, HOURS, form=form)
    await add_rows(platform, table, HOURS.sliced(0, 10), form=form, symbol="GBPUSD")
    await migrate.migrate(empty_database_url)
    await platform.execute(f"DELETE FROM public.{table} WHERE symbol = 'EURUSD'")
    await add_rows(platform, table, HOURS.sliced(0, 10), form=form, symbol="AUDUSD")
    await platform.execute("UPDATE sptraderb.instruments SET candle_side = 'both' WHERE symbol = 'AUDUSD'")
    async with late_pool.acquire() as connection:
        sentences = await adopt_relations(connection)
    assert [entry.symbol for entry in await list_metadata(late_pool)] == ["GBPUSD"]
    assert any("AUDUSD" in sentence and "left out" in sentence for sentence in sentences)


async def test_names_when_theirs_come_first_then_ours_are_made_beside_them(
    platform: asyncpg.Connection, empty_database_url: str
) -> None:
    """A relation of the platform keeps its name; only the names that are free become our views."""
    await make_relation(platform, HOURS)
    await platform.execute("CREATE TABLE public.forex_candles_4h (time timestamptz, symbol text)")
    report = await migrate.migrate(empty_database_url)
    assert any("forex_candles_4h is not read as candles" in notice for notice in report.notices)
    kinds = dict(
        map(tuple, await platform.fetch(
            "SELECT relname::text, relkind::text FROM pg_class WHERE relname LIKE 'forex_candles___'"
            " OR relname LIKE 'forex_candles____'"
        ))
    )  # fmt: skip
    assert kinds == {
        "forex_candles_1h": "r", "forex_candles_4h": "r", "forex_candles_5m": "v",
        "forex_candles_15m": "v", "forex_candles_12h": "v",
    }  # fmt: skip


async def test_names_when_ours_come_first_then_theirs_is_refused_or_not_read_until_adopted(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool
) -> None:
    """PostgreSQL refuses a second relation of the name; one put in its place is read only when adopted."""
    await migrate.migrate(empty_database_url)
    with pytest.raises(asyncpg.DuplicateTableError):
        await make_relation(platform, HOURS)
    await platform.execute("DROP VIEW public.forex_candles_1h")
    await make_relation(platform, HOURS)
    report = await migrate.migrate(empty_database_url)
    assert report.notices == (
        "public.forex_candles_1h is not ours and not read; `sptraderb candles adopt` adopts it",
    )
    assert await list_metadata(late_pool) == []
    async with late_pool.acquire() as connection:
        assert len(await adopt_relations(connection)) == 1
    assert_same(await read_candles(late_pool, "EURUSD", H1), HOURS)


async def test_relation_when_there_is_no_right_then_not_read_and_said(
    platform: asyncpg.Connection, empty_database_url: str
) -> None:
    """Without SELECT nothing is adopted, and the notice says why."""
    await make_relation(platform, HOURS)
    database = empty_database_url.rsplit("/", 1)[-1].split("?", maxsplit=1)[0]
    await platform.execute(f"CREATE ROLE blind_{database} LOGIN PASSWORD 'secret'")
    await platform.execute(f"GRANT CREATE ON DATABASE {database} TO blind_{database}")
    place = empty_database_url.split("@", 1)[1]
    report = await migrate.migrate(f"postgresql://blind_{database}:secret@{place}")
    assert any("no right to SELECT" in notice for notice in report.notices)


async def test_minutes_when_adopted_then_every_coarser_timeframe_is_made_of_them(
    platform: asyncpg.Connection, empty_database_url: str, late_pool: Pool
) -> None:
    """1m is adopted too; what is not stored comes from the coarsest adopted series that divides it."""
    minutes = moving_candles(3_000, timeframe=M1)
    await make_relation(platform, minutes)
    await make_relation(platform, resample(minutes, M15), form=RelationForm(price_type="numeric"))
    await migrate.migrate(empty_database_url)
    assert (await read_metadata(late_pool, "EURUSD")).timeframes == ("1m", "15m")
    assert (await find_revision(late_pool, "EURUSD", M5)).source == M1
    assert (await find_revision(late_pool, "EURUSD", H1)).source == M15
    for timeframe in (M5, H1, H4):
        assert_same(await read_candles(late_pool, "EURUSD", timeframe), resample(minutes, timeframe))


async def test_description_when_own_candles_are_stored_then_refused(pool: Pool) -> None:
    """Own candles fix the instrument; adoption cannot change it."""
    from sptraderb.testing.stored_candles import store_bars, wavy_bars

    await store_bars(pool, wavy_bars(10))
    async with pool.acquire() as connection:
        with pytest.raises(Conflict) as caught:
            await describe_adopted(connection, "EURUSD", {"price_scale": "6"})
    assert caught.value.code == "import.instrument_differs"
