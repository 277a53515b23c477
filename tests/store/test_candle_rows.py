"""Reading candles: ranges, warm-up, pages, streams, the cache, the seed's query and the catalogue."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from sptraderb.candles.cache import CandleCache
from sptraderb.candles.resample import resample
from sptraderb.domain.candle import PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.timeframe import H1, H4, M1, M5, parse_timeframe
from sptraderb.errors import NotFound
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.store import migrate
from sptraderb.store.candle_rows import (
    candle_page,
    find_revision,
    list_metadata,
    open_candle_stream,
    read_candles,
    read_metadata,
)
from sptraderb.store.instrument_rows import find_instrument, list_instruments, read_instrument
from sptraderb.store.pool import Pool
from sptraderb.testing.candle_files import csv_lines, moving_candles, write_lines

_SEED_QUERY = """
    SELECT time, open, high, low, close, volume FROM forex_candles_1h
    WHERE symbol = $1 AND time >= $2 AND time <= $3 ORDER BY time ASC
"""


@pytest.fixture
async def hours(pool: Pool, tmp_path: Path) -> Candles:
    """Give 2,000 hourly candles of EURUSD that are stored."""
    candles = moving_candles(2_000, timeframe=H1)
    await import_candles(pool, write_lines(tmp_path / "EURUSD_1h.csv", csv_lines(candles)))
    return candles


async def test_range_when_read_then_both_bounds_belong_to_it(pool: Pool, hours: Candles) -> None:
    """Bars that open at the bounds are part of the range (API: inclusive on candle time)."""
    first, last = int(hours.time_s[100]), int(hours.time_s[200])
    bars = await read_candles(pool, "EURUSD", H1, first, last)
    assert np.array_equal(bars.time_s, hours.time_s[100:201])
    assert len(await read_candles(pool, "EURUSD", H1, last + 1, last + 2)) == 0
    assert len(await read_candles(pool, "EURUSD", H1, last, first)) == 0


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("name", ["1h", "2h", "4h", "1d"])
async def test_warm_up_when_asked_for_then_exactly_that_many_bars_lie_before(
    pool: Pool, hours: Candles, tmp_path: Path, name: str, cached: bool
) -> None:
    """Warm-up bars are counted in bars, across weekends, as many as there are (T2)."""
    cache = CandleCache(tmp_path / "cache") if cached else None
    timeframe = parse_timeframe(name)
    whole = resample(hours, timeframe) if timeframe != H1 else hours
    start = int(whole.time_s[30]) - 1
    bars = await read_candles(pool, "EURUSD", timeframe, start, None, warm_up=20, cache=cache)
    assert np.array_equal(bars.time_s, whole.time_s[10:])
    assert np.array_equal(bars.close_ticks, whole.close_ticks[10:])
    many = await read_candles(pool, "EURUSD", timeframe, start, None, warm_up=500, cache=cache)
    assert np.array_equal(many.time_s, whole.time_s)


async def test_cache_when_filled_then_it_gives_the_same_and_a_new_revision_is_seen(
    pool: Pool, hours: Candles, tmp_path: Path
) -> None:
    """A cached read equals a direct one; after an import the next read has the new rows at once."""
    cache = CandleCache(tmp_path / "cache")
    first = await read_candles(pool, "EURUSD", H1, cache=cache)
    again = await read_candles(pool, "EURUSD", H1, cache=cache)
    assert np.array_equal(again.close_ticks, hours.close_ticks)
    assert np.array_equal(again.volume, hours.volume)
    assert not again.close_ticks.flags.writeable
    more = moving_candles(2_100, timeframe=H1)
    await import_candles(pool, write_lines(tmp_path / "EURUSD_1h_more.csv", csv_lines(more)))
    fresh = await read_candles(pool, "EURUSD", H1, cache=cache)
    assert (len(first), len(fresh)) == (2_000, 2_100)
    assert fresh.revision is not None
    assert first.revision is not None
    assert fresh.revision > first.revision


async def test_long_series_when_cached_from_both_ends_then_it_is_the_same(pool: Pool, tmp_path: Path) -> None:
    """Two connections fill one array, the second from its end: what a single COPY reads, bar for bar."""
    made = moving_candles(101_000, timeframe=M1)
    await import_candles(pool, write_lines(tmp_path / "EURUSD_1m.csv", csv_lines(made)))
    filled = await read_candles(pool, "EURUSD", M1, cache=CandleCache(tmp_path / "cache"))
    assert np.array_equal(filled.time_s, made.time_s)
    for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume"):
        assert np.array_equal(getattr(filled, name), getattr(made, name))


async def test_pages_when_followed_then_they_are_the_whole_range(pool: Pool, hours: Candles) -> None:
    """Forward and backward pages meet every bar once."""
    times: list[int] = []
    start: int | None = None
    has_more = True
    while has_more:
        page = await candle_page(pool, "EURUSD", H1, from_s=start, limit=300)
        times += page.candles.time_s.tolist()
        has_more, start = page.has_more, times[-1] + 1
    assert times == hours.time_s.tolist()
    last = await candle_page(pool, "EURUSD", H1, limit=10, descending=True)
    assert last.candles.time_s.tolist() == hours.time_s[-10:].tolist()
    assert last.has_more
    four = await candle_page(pool, "EURUSD", parse_timeframe("2h"), limit=5)
    assert np.array_equal(four.candles.close_ticks, resample(hours, parse_timeframe("2h")).close_ticks[:5])


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("descending", [False, True])
async def test_stream_when_read_then_its_slices_are_the_range(
    pool: Pool, hours: Candles, tmp_path: Path, cached: bool, descending: bool
) -> None:
    """Slices, in either direction, hold every bar of the range once."""
    cache = CandleCache(tmp_path / "cache") if cached else None
    low, high = int(hours.time_s[50]), int(hours.time_s[1_500])
    stream = await open_candle_stream(
        pool, "EURUSD", H1, from_s=low, to_s=high, descending=descending, cache=cache, slice_bars=400
    )
    slices = [bars.time_s async for bars in stream.slices]
    assert max(len(times) for times in slices) <= 400
    times = np.concatenate(slices[::-1] if descending else slices)
    assert np.array_equal(times, hours.time_s[50:1_501])


_MADE = ["2h", "3h", "4h", "1d", "1w"]


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("text", _MADE)
async def test_stream_when_the_timeframe_is_not_stored_then_it_is_made_slice_by_slice(
    pool: Pool, hours: Candles, tmp_path: Path, cached: bool, descending: bool, text: str
) -> None:
    """The bars made are those of the whole series at once, wherever its slices are cut."""
    timeframe = parse_timeframe(text)
    cache = CandleCache(tmp_path / "cache") if cached else None
    whole = resample(hours, timeframe)
    low, high = int(whole.time_s[1]) - 1, int(whole.time_s[-2]) + 1
    for bounds, expected in (((None, None), whole), ((low, high), whole.sliced(1, len(whole) - 1))):
        stream = await open_candle_stream(
            pool, "EURUSD", timeframe, from_s=bounds[0], to_s=bounds[1], descending=descending, cache=cache,
            slice_bars=77,
        )  # fmt: skip
        slices = [bars async for bars in stream.slices]
        slices = slices[::-1] if descending else slices
        for name in ("time_s", *PRICE_COLUMNS, "volume"):
            found = np.concatenate([getattr(bars, name) for bars in slices])
            assert np.array_equal(found, getattr(expected, name))


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("text", _MADE)
async def test_pages_when_the_timeframe_is_not_stored_then_they_meet_every_bar_once(
    pool: Pool, hours: Candles, tmp_path: Path, cached: bool, descending: bool, text: str
) -> None:
    """A page is made of no more rows than it needs, and is whole."""
    timeframe = parse_timeframe(text)
    cache = CandleCache(tmp_path / "cache") if cached else None
    if cache is not None:
        await read_candles(pool, "EURUSD", H1, cache=cache)
    whole = resample(hours, timeframe)
    low, high = int(whole.time_s[1]) - 1, int(whole.time_s[-2]) + 1
    found: list[Candles] = []
    has_more = True
    while has_more:
        page = await candle_page(
            pool, "EURUSD", timeframe, from_s=low, to_s=high, limit=7, descending=descending, cache=cache
        )
        found.append(page.candles)
        has_more = page.has_more
        assert len(page.candles) == 7 or not has_more
        if descending:
            high = int(page.candles.time_s[0]) - 1
        else:
            low = int(page.candles.time_s[-1]) + 1
    pages = found[::-1] if descending else found
    for name in ("time_s", *PRICE_COLUMNS, "volume"):
        values = np.concatenate([getattr(bars, name) for bars in pages])
        assert np.array_equal(values, getattr(whole, name)[1:-1])


async def test_stream_when_an_import_comes_between_then_it_stays_at_its_revision(
    pool: Pool, hours: Candles, tmp_path: Path
) -> None:
    """A slow reader never sees two revisions mixed."""
    stream = await open_candle_stream(pool, "EURUSD", H1, slice_bars=500)
    first = await anext(stream.slices)
    other = moving_candles(2_000, timeframe=H1, seed=5)
    await import_candles(pool, write_lines(tmp_path / "EURUSD_1h_other.csv", csv_lines(other)))
    rest = [bars async for bars in stream.slices]
    closes = np.concatenate([first.close_ticks, *(bars.close_ticks for bars in rest)])
    assert np.array_equal(closes, hours.close_ticks)


async def test_seed_query_when_run_then_it_gives_exact_decimals_by_the_index(
    pool: Pool, hours: Candles
) -> None:
    """The seed's query works on our view, with all decimals of the price, and does not scan the table."""
    bounds = [datetime.fromtimestamp(int(hours.time_s[row]), tz=UTC) for row in (10, 400)]
    rows = await pool.fetch(_SEED_QUERY, "EURUSD", *bounds)
    assert len(rows) == 391
    assert rows[0]["open"] == Decimal(int(hours.open_ticks[10])).scaleb(-5)
    assert str(rows[0]["open"]) == f"{int(hours.open_ticks[10]) / 1e5:.5f}"
    plan = "\n".join(row[0] for row in await pool.fetch("EXPLAIN " + _SEED_QUERY, "EURUSD", *bounds))
    assert "candles_1h_pkey" in plan
    assert "Seq Scan on candles_1h" not in plan


async def test_catalogue_when_asked_then_it_knows_range_count_and_timeframes(
    pool: Pool, hours: Candles
) -> None:
    """Metadata counts the finest bars and lists stored timeframes."""
    entry = await read_metadata(pool, "EURUSD")
    assert (entry.tick_count, entry.timeframes) == (2_000, ("1h", "4h", "12h"))
    assert entry.latest_s == int(hours.time_s[-1])
    assert await list_metadata(pool) == [entry]


async def test_series_when_unknown_or_too_coarse_then_the_code_says_so(pool: Pool, hours: Candles) -> None:
    """Unknown symbols name the available ones; finer timeframes than stored are refused."""
    assert len(hours)
    with pytest.raises(NotFound) as unknown:
        await read_candles(pool, "NOPE", H1)
    assert (unknown.value.code, unknown.value.context["available"]) == ("candles.unknown_symbol", ["EURUSD"])
    with pytest.raises(NotFound) as coarse:
        await read_candles(pool, "EURUSD", M5)
    assert coarse.value.code == "candles.too_coarse"
    with pytest.raises(NotFound):
        await read_metadata(pool, "NOPE")


async def test_both_sides_when_imported_then_bid_and_ask_are_read_back(pool: Pool, tmp_path: Path) -> None:
    """A file with both sides keeps them, in derived candles too; bid is what views show."""
    lines = ["time,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close"]
    lines += [
        f"2024-01-03T{hour:02d}:00:00Z,1.10000,1.10010,1.09990,1.10005,1.10010,1.10020,1.10000,1.10015"
        for hour in range(24)
    ]
    lines[3] = "2024-01-03T02:00:00Z,1.10000,1.10010,1.09990,1.10005,1.10010,1.10020,1.09980,1.10000"
    report = await import_candles(pool, write_lines(tmp_path / "EURUSD_1h.csv", lines))
    assert [row.code for row in report.rows] == ["bid_over_ask"]
    for timeframe in (H1, H4):
        bars = await read_candles(pool, "EURUSD", timeframe, cache=CandleCache(tmp_path / "cache"))
        assert bars.ask_close_ticks is not None
        assert set((bars.ask_close_ticks - bars.close_ticks).tolist()) == {10}
    shown = await pool.fetchval("SELECT close FROM forex_candles_1h LIMIT 1")
    assert shown == Decimal("1.10005")


async def test_instruments_when_migrated_then_the_seeds_are_there(pool: Pool) -> None:
    """The migration seeds exactly the instruments the domain knows."""
    stored = {instrument.symbol: instrument for instrument in await list_instruments(pool)}
    assert stored == dict(SEEDED_INSTRUMENTS)
    assert await find_instrument(pool, "NOPE") is None
    with pytest.raises(NotFound) as caught:
        await read_instrument(pool, "NOPE")
    assert caught.value.code == "instrument.not_found"


async def test_views_when_the_names_are_taken_then_they_are_left_alone_and_said(
    empty_database_url: str,
) -> None:
    """A relation of somebody else stays as it is; the migration and the start say so."""
    connection = await asyncpg.connect(empty_database_url)
    try:
        await connection.execute("CREATE TABLE public.forex_candles_1h (time timestamptz, symbol text)")
        report = await migrate.migrate(empty_database_url)
        assert any("forex_candles_1h" in notice for notice in report.notices)
        again = await migrate.migrate(empty_database_url)
        assert [notice.split(" is not read")[0] for notice in again.notices] == ["public.forex_candles_1h"]
        kinds = await connection.fetch(
            "SELECT relname::text, relkind::text FROM pg_class WHERE relname LIKE 'forex_candles%'"
        )
        assert dict(map(tuple, kinds))["forex_candles_1h"] == "r"
        assert dict(map(tuple, kinds))["forex_candles_4h"] == "v"
    finally:
        await connection.close()


async def test_revision_when_two_databases_hold_the_same_then_their_hashes_agree(
    pool: Pool, hours: Candles, tmp_path: Path
) -> None:
    """The content hash names the content, so that a cache never mixes two databases."""
    state = await find_revision(pool, "EURUSD", H1)
    coarse = await find_revision(pool, "EURUSD", H4)
    assert len(state.content_hash) == 64
    assert state.content_hash != coarse.content_hash
    assert (state.n_bars, state.first_s) == (2_000, int(hours.time_s[0]))
