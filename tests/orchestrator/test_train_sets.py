"""Every prepared set of real candles, loaded and read back; rollups against a plain aggregation."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from arro3.core import DataType, Table
from arro3.io import read_parquet

from sptraderb.candles.cache import CandleCache
from sptraderb.candles.import_options import ImportOptions
from sptraderb.domain.calendar import CalendarName
from sptraderb.domain.candle import Candles
from sptraderb.domain.timeframe import D1, STORED, W1, Timeframe, parse_timeframe
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.store.candle_rows import list_metadata, read_candles
from sptraderb.store.pool import Pool

# A symbol holds files of one side, scale and source; 1m and 5m mid, 15m and 1h of one broker share theirs.
SETS = {
    "AUDUSD_1m_bidask_i32": ("AUDUSD.both", 5),
    "AUDUSD_1m_mid": ("AUDUSD.mid", 6),
    "AUDUSD_5m_mid": ("AUDUSD.mid", 6),
    "BTCUSDT_1h_binance": ("BTCUSDT.hourly", 2),
    "BTCUSDT_5m_2022_binance": ("BTCUSDT.2022", 2),
    "BTCUSDT_5m_binance": ("BTCUSDT", 2),
    "ETHUSDT_5m_2022_binance": ("ETHUSDT", 2),
    "EURUSD_15m_mt5": ("EURUSD", 5),
    "EURUSD_1h_bidask_i32_lean_2007_2018": ("EURUSD.lean", 5),
    "EURUSD_1h_mt5": ("EURUSD", 5),
    "EURUSD_1m_bidask_i32": ("EURUSD.both", 5),
    "EURUSD_1m_mid": ("EURUSD.mid", 6),
    "EURUSD_5m_2020_mt": ("EURUSD.mt2020", 5),
    "EURUSD_5m_2023_mt5": ("EURUSD.mt2023", 5),
    "EURUSD_5m_mid": ("EURUSD.mid", 6),
    "GBPUSD_15m_mt5": ("GBPUSD", 5),
    "GBPUSD_1h_2012_2022_ejtrader": ("GBPUSD.ejtrader", 5),
    "SOLUSDT_5m_2022_binance": ("SOLUSDT", 2),
    "USDCAD_1h_2012_2022_ejtrader": ("USDCAD", 5),
    "USDJPY_15m_mt5": ("USDJPY", 3),
    "USDJPY_1h_2012_2022_ejtrader": ("USDJPY.ejtrader", 3),
    "XAUUSD_1h_mt5": ("XAUUSD", 2),
}
N_ROWS = 1_675_000
NEW_YORK = ZoneInfo("America/New_York")
PRICES = ("open", "high", "low", "close")
Row = tuple[int, int, int, int, int, Decimal]


def _timeframe(name: str) -> Timeframe:
    return parse_timeframe(name.split("_")[1])


def _table(folder: Path, name: str) -> Table:
    return read_parquet(folder / "train" / f"{name}.parquet").read_all()


def _times(table: Table) -> np.ndarray:
    return np.asarray(table["time"].cast(DataType.int64()).to_numpy()) // 1000


async def _load(pool: Pool, folder: Path, symbol: str) -> int:
    """Import the files of a symbol, finest first; return their rows."""
    names = sorted((name for name, (owner, _) in SETS.items() if owner == symbol), key=_timeframe)
    n_rows = 0
    for name in names:
        side = "mid" if name.endswith("_mid") else None
        options = ImportOptions(symbol=symbol, side=side, trust="verified")
        report = await import_candles(pool, folder / "train" / f"{name}.parquet", options=options)
        assert (report.n_kept, report.n_refused, report.n_duplicate) == (report.n_read, 0, 0), name
        assert report.timeframe == _timeframe(name).name
        n_rows += report.n_read
    return n_rows


def _require_equal(stored: Candles, table: Table, name: str, decimals: int) -> None:
    """Compare every value of a file with what is stored, as integers and as the doubles of the file."""
    rows = np.isin(stored.time_s, _times(table), assume_unique=True)
    assert np.array_equal(stored.time_s[rows], _times(table)), name
    assert stored.instrument.price_scale == decimals, name
    is_both = "bidask" in name
    for column in PRICES:
        ticks = getattr(stored, f"{column}_ticks")[rows]
        if is_both:
            asks = getattr(stored, f"ask_{column}_ticks")[rows]
            assert np.array_equal(ticks, table[f"bid_{column}"].to_numpy()), (name, column)
            assert np.array_equal(asks, table[f"ask_{column}"].to_numpy()), (name, column)
        else:
            values = table[column].to_numpy()
            assert np.array_equal(ticks / 10**decimals, values), (name, column)
            assert np.array_equal(ticks, np.rint(values * 10**decimals).astype(np.int64)), (name, column)
    volume = next((table[word].to_numpy() for word in ("volume", "ticks") if word in table.schema.names), 0)
    assert np.array_equal(stored.volume[rows], np.broadcast_to(volume, rows.sum()).astype(np.float64)), name


async def test_train_sets_when_all_are_loaded_then_every_value_is_read_back(
    pool: Pool, shared_data: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """1.7 million rows in 18 symbols, from the database and from the cache, are the files bit for bit."""
    assert sorted(SETS) == sorted(path.stem for path in (shared_data / "train").glob("*.parquet"))
    began_s = time.perf_counter()
    symbols = sorted({symbol for symbol, _ in SETS.values()})
    gate = asyncio.Semaphore(2)

    async def load(symbol: str) -> int:
        async with gate:
            return await _load(pool, shared_data, symbol)

    n_rows = sum(await asyncio.gather(*map(load, symbols)))
    loaded_s = time.perf_counter() - began_s
    assert n_rows > N_ROWS
    cache = CandleCache(tmp_path / "cache")
    for name, (symbol, decimals) in SETS.items():
        table, timeframe = _table(shared_data, name), _timeframe(name)
        stored = await read_candles(pool, symbol, timeframe)
        _require_equal(stored, table, name, decimals)
        mapped = await read_candles(pool, symbol, timeframe, cache=cache)
        _require_equal(mapped, table, name, decimals)
        finest = min(_timeframe(other) for other, (owner, _) in SETS.items() if owner == symbol)
        if timeframe == finest:
            assert len(stored) == table.num_rows, name
    assert [entry.symbol for entry in await list_metadata(pool)] == symbols
    took_s = time.perf_counter() - began_s
    record_property("took", f"{n_rows:,} rows loaded in {loaded_s:.1f} s, all compared in {took_s:.1f} s")


def _bucket(time_s: int, timeframe: Timeframe, calendar: CalendarName) -> int:
    """Return the open of a bar's bucket, by dates and the rules of the time zone alone."""
    if not timeframe.follows_sessions:
        return time_s // timeframe.seconds * timeframe.seconds
    if calendar is not CalendarName.FX:
        day = datetime.fromtimestamp(time_s, tz=UTC).date()
        first = day if timeframe == D1 else day - timedelta(days=day.weekday())
        return int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp())
    local = datetime.fromtimestamp(time_s, tz=NEW_YORK)
    session = local.date() + timedelta(days=local.hour >= 17)
    if timeframe == W1:
        session -= timedelta(days=session.weekday())
    return _session_open(session)


def _session_open(session: date) -> int:
    before = session - timedelta(days=1)
    return int(datetime(before.year, before.month, before.day, 17, tzinfo=NEW_YORK).timestamp())


def _aggregated(bars: Candles, timeframe: Timeframe) -> list[Row]:
    """Aggregate bar by bar in plain Python: first open, highest, lowest, last close, exact volume."""
    found: dict[int, Row] = {}
    columns = (bars.time_s, bars.open_ticks, bars.high_ticks, bars.low_ticks, bars.close_ticks)
    calendar = bars.instrument.calendar
    for at, open_, high, low, close, volume in zip(
        *(column.tolist() for column in columns), bars.volume.tolist(), strict=True
    ):
        key = _bucket(at, timeframe, calendar)
        added = Decimal(repr(volume))
        held = found.get(key)
        if held is None:
            found[key] = (key, open_, high, low, close, added)
        else:
            found[key] = (key, held[1], max(held[2], high), min(held[3], low), close, held[5] + added)
    return [found[key] for key in sorted(found)]


def _rows(bars: Candles) -> Iterator[tuple[int | float, ...]]:
    columns = (bars.time_s, bars.open_ticks, bars.high_ticks, bars.low_ticks, bars.close_ticks, bars.volume)
    return zip(*(column.tolist() for column in columns), strict=True)


@pytest.mark.parametrize(
    ("name", "timeframes"),
    [
        ("EURUSD_1m_bidask_i32", ("5m", "15m", "30m", "1h", "2h", "4h", "12h", "1d", "1w")),
        ("EURUSD_1h_mt5", ("4h", "12h", "1d", "1w")),
        ("BTCUSDT_5m_2022_binance", ("15m", "1h", "4h", "12h", "1d", "1w")),
    ],
)
async def test_rollup_when_read_then_it_equals_an_exact_aggregation_of_the_file(
    pool: Pool, shared_data: Path, name: str, timeframes: tuple[str, ...]
) -> None:
    """Stored and derived timeframes, FX days and weeks across every change of daylight saving, are exact."""
    symbol = SETS[name][0]
    await _load(pool, shared_data, symbol)
    native = await read_candles(pool, symbol, _timeframe(name))
    stored = {timeframe.name for timeframe in STORED}
    for word in timeframes:
        timeframe = parse_timeframe(word)
        found = await read_candles(pool, symbol, timeframe)
        expected = [(*row[:5], float(row[5])) for row in _aggregated(native, timeframe)]
        assert list(_rows(found)) == expected, word
        n_stored = await pool.fetchval(
            "SELECT count(*) FROM sptraderb.candle_series JOIN sptraderb.instruments ON id = instrument_id"
            " WHERE symbol = $1 AND timeframe = $2",
            symbol,
            word,
        )
        assert n_stored == (word in stored)
