"""What a symbol shows by what was imported, the same however coarser candles are kept."""

from pathlib import Path

import numpy as np
import pytest

from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.resample import resample
from sptraderb.domain.candle import PRICE_COLUMNS, Candles
from sptraderb.domain.timeframe import D1, H1, H4, H12, M5, M15, Timeframe, parse_timeframe
from sptraderb.errors import Conflict, NotFound
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.store.candle_rows import list_metadata, read_candles, read_metadata
from sptraderb.store.pool import Pool
from sptraderb.testing.candle_files import csv_lines, moving_candles, write_lines
from sptraderb.testing.timescale_stand_ins import stand_in

FIVE = moving_candles(3_000, timeframe=M5)
HOURS = moving_candles(120, timeframe=H1, seed=8)
M30 = parse_timeframe("30m")


@pytest.fixture(params=["rows", "aggregates"])
async def kept(pool: Pool, request: pytest.FixtureRequest) -> Pool:
    """Give a database that keeps coarser candles as rows, and one that keeps them as aggregates."""
    if request.param == "aggregates":
        async with pool.acquire() as connection:
            await stand_in(connection)
    return pool


async def take(pool: Pool, folder: Path, candles: Candles, **options: str) -> None:
    """Import candles of EURUSD."""
    path = write_lines(folder / f"EURUSD_{candles.timeframe.name}.csv", csv_lines(candles))
    await import_candles(pool, path, options=ImportOptions(**options))  # type: ignore[arg-type]


async def shows(pool: Pool, timeframe: Timeframe, expected: Candles, symbol: str = "EURUSD") -> bool:
    """Return whether a symbol's series has just these values."""
    found = await read_candles(pool, symbol, timeframe)
    names = ("time_s", *PRICE_COLUMNS, "volume")
    return all(np.array_equal(getattr(found, name), getattr(expected, name)) for name in names)


async def test_symbol_when_only_hours_are_imported_then_coarser_ones_show_and_finer_ones_are_refused(
    kept: Pool, tmp_path: Path
) -> None:
    """1h alone gives 1h, 4h, 12h, 2h and days; 5m and 15m do not exist."""
    await take(kept, tmp_path, HOURS)
    assert await shows(kept, H1, HOURS)
    for timeframe in (parse_timeframe("2h"), H4, H12, D1):
        assert await shows(kept, timeframe, resample(HOURS, timeframe))
    for timeframe in (M5, M15, M30):
        with pytest.raises(NotFound) as caught:
            await read_candles(kept, "EURUSD", timeframe)
        assert caught.value.code == "candles.too_coarse"
    assert (await read_metadata(kept, "EURUSD")).timeframes == ("1h", "4h", "12h")


async def test_symbol_when_only_five_minutes_are_imported_then_all_coarser_ones_show(
    kept: Pool, tmp_path: Path
) -> None:
    """5m alone gives every coarser timeframe, stored or not."""
    await take(kept, tmp_path, FIVE)
    for timeframe in (M15, M30, H1, H4, H12, D1):
        assert await shows(kept, timeframe, resample(FIVE, timeframe))
    entry = await read_metadata(kept, "EURUSD")
    assert (entry.timeframes, entry.tick_count) == (("5m", "15m", "1h", "4h", "12h"), len(FIVE))


@pytest.mark.parametrize("hours_first", [False, True])
async def test_symbol_when_both_are_imported_then_native_hours_win_and_others_are_derived(
    kept: Pool, tmp_path: Path, hours_first: bool
) -> None:
    """A native hour wins over the derived one; 4h are made of the hours one sees, whichever came first."""
    for candles in (HOURS, FIVE) if hours_first else (FIVE, HOURS):
        await take(kept, tmp_path, candles)
    derived = resample(FIVE, H1)
    hours = await read_candles(kept, "EURUSD", H1)
    is_native = np.isin(hours.time_s, HOURS.time_s)
    assert np.array_equal(hours.time_s, np.union1d(HOURS.time_s, derived.time_s))
    assert np.array_equal(hours.close_ticks[is_native], HOURS.close_ticks)
    left = np.isin(derived.time_s, HOURS.time_s, invert=True)
    assert left.any()
    assert np.array_equal(hours.close_ticks[~is_native], derived.close_ticks[left])
    assert await shows(kept, M15, resample(FIVE, M15))
    for timeframe in (H4, H12, D1):
        assert await shows(kept, timeframe, resample(hours, timeframe))


async def test_sides_when_different_then_each_has_a_symbol_of_its_own(kept: Pool, tmp_path: Path) -> None:
    """Hours of another side than the stored 5m need another symbol, and mix with nothing there."""
    await take(kept, tmp_path, FIVE, symbol="EURUSD", side="bid")
    with pytest.raises(Conflict) as caught:
        await take(kept, tmp_path, HOURS, symbol="EURUSD", side="ask")
    assert caught.value.code == "import.side_differs"
    await take(kept, tmp_path, HOURS, symbol="EURUSD.ask", side="ask")
    assert await shows(kept, H1, resample(FIVE, H1))
    assert await shows(kept, H1, HOURS, "EURUSD.ask")
    assert await shows(kept, H4, resample(HOURS, H4), "EURUSD.ask")
    assert [entry.symbol for entry in await list_metadata(kept)] == ["EURUSD", "EURUSD.ask"]
