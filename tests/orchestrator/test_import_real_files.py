"""Real files and really broken ones, imported into a store: the exact report of each."""

from pathlib import Path

import numpy as np
import pytest
from arro3.core import DataType
from arro3.io import read_parquet

from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.import_report import ImportReport
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import CandlesUnusable, InvalidInput
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.store.candle_rows import read_candles
from sptraderb.store.pool import Pool

Counts = tuple[int, int, int, int, int]


async def _import(pool: Pool, path: Path, **options: object) -> ImportReport:
    return await import_candles(pool, path, options=ImportOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "options", "target", "counts"),
    [
        ("raw_samples/histdata/DAT_ASCII_EURUSD_M1_202508.csv", {}, ("EURUSD", "1m", "bid"),
         (6748, 6748, 0, 0, 0)),
        ("raw_samples/dukascopy/FOREX_EURUSD_1H_ASK_2017.csv", {}, ("EURUSD", "1h", "ask"),
         (1499, 1499, 0, 0, 0)),
        ("raw_samples/generic/eurusd_1h_2023-12-31_2024-12-01.csv", {"timezone": "+07:00"},
         ("EURUSD", "1h", "bid"), (5736, 5736, 0, 0, 0)),
        ("raw_samples/parquet/eurusd_1h_2023-12-31_2024-01-30.parquet", {"timezone": "auto"},
         ("EURUSD", "1h", "bid"), (476, 476, 0, 0, 0)),
        ("raw_samples/metatrader/EURUSD_H1_2015_mt5_noangle.csv", {"timezone": "Europe/Athens"},
         ("EURUSD", "1h", "bid"), (2999, 2999, 0, 0, 0)),
        ("raw_samples/metatrader/EURUSD_M1_2024_04_mt5.csv", {"timezone": "Europe/Athens"},
         ("EURUSD", "1m", "bid"), (3999, 3999, 0, 0, 0)),
        ("raw_samples/metatrader/EURUSD_M1_2024_mt4.csv", {"timezone": "Europe/Athens"},
         ("EURUSD", "1m", "bid"), (2000, 2000, 0, 0, 0)),
        ("raw_samples/lean/eurusd_quote_hour.csv", {}, ("EURUSD", "1h", "both"), (3000, 3000, 0, 0, 0)),
        ("raw_samples/cryptodatadownload/Coinbase_BTCUSD_1h.csv", {}, ("BTCUSD", "1h", "bid"),
         (1998, 1998, 0, 0, 0)),
        ("dirty/USDCAD_M15_9969_duplicate_rows.parquet", {"timezone": "ny-close"}, ("USDCAD", "15m", "bid"),
         (50000, 40031, 9969, 0, 20457)),
        ("dirty/EURUSD_M1_2024_header_mismatch.csv", {"timezone": "Europe/Athens"}, ("EURUSD", "1m", "bid"),
         (2999, 2999, 0, 0, 0)),
        ("dirty/EURUSD_5m_2026_9_decimals_comment_line.csv", {}, ("EURUSD", "5m", "bid"),
         (5998, 4770, 0, 1228, 0)),
        ("dirty/EURUSD_M1_quoted_whole_lines.csv", {"timezone": "Europe/Athens"}, ("EURUSD", "1m", "bid"),
         (2999, 2999, 0, 0, 0)),
    ],
)  # fmt: skip
async def test_real_file_when_imported_then_the_report_is_exact(
    pool: Pool, shared_data: Path, name: str, options: dict[str, str], target: tuple[str, ...], counts: Counts
) -> None:
    """Rows read, kept, duplicate, refused and noisy are those counted by hand; kept rows are stored."""
    report = await _import(pool, shared_data / name, **options)
    assert (report.symbol, report.timeframe, report.side) == target
    found = (report.n_read, report.n_kept, report.n_duplicate, report.n_refused, report.n_noise)
    assert found == counts
    stored = await read_candles(pool, report.symbol, parse_timeframe(report.timeframe))
    assert len(stored) == report.n_kept


async def test_points_when_the_clock_is_a_brokers_then_four_hour_bars_do_not_fit(
    pool: Pool, shared_data: Path
) -> None:
    """4h bars of a broker's day do not open on the 00:00 UTC grid: refused with every row, not shifted."""
    path = shared_data / "raw_samples/generic/ejtrader_EURUSDh4_scaled.csv"
    with pytest.raises(InvalidInput) as unknown:
        await _import(pool, path)
    assert unknown.value.code == "import.timezone_needed"
    with pytest.raises(CandlesUnusable) as caught:
        await _import(pool, path, timezone="Europe/Athens")
    assert caught.value.code == "import.nothing_kept"
    report = await _import(pool, path, timezone="UTC", trust_timezone=True)
    bars = await read_candles(pool, "EURUSD", parse_timeframe("4h"))
    assert (report.n_kept, int(bars.low_ticks[0])) == (1999, 129587)
    assert any("points" in note for note in report.notes)


async def test_labelled_utc_when_it_is_broker_time_then_it_is_refused(pool: Pool, shared_data: Path) -> None:
    """A column that says UTC and is New York + 7 h is found out by the FX week."""
    with pytest.raises(InvalidInput) as caught:
        await _import(pool, shared_data / "dirty/USDCAD_M15_9969_duplicate_rows.parquet")
    assert caught.value.code == "import.timezone_wrong"
    assert caught.value.context["fitting"] == ["ny-close"]


@pytest.mark.parametrize(
    ("zone", "late"),
    [
        ("UTC", ("weeks begin 3 h after Sunday 17:00 New York; the zone that would fit is ny-close",)),
        ("EST", ("weeks begin 8 h after Sunday 17:00 New York; the zone that would fit is ny-close",)),
        ("ny-close", ()),
    ],
)
async def test_clock_when_weeks_begin_late_in_the_zone_said_then_the_one_that_would_fit_is_named(
    pool: Pool, shared_data: Path, zone: str, late: tuple[str, ...]
) -> None:
    """A zone that puts no bar into the weekend is taken, and what speaks against it is said."""
    path = shared_data / "raw_samples/metatrader/EURUSD_M1_2024_04_mt5.csv"
    report = await _import(pool, path, timezone=zone)
    assert report.quality is not None
    assert tuple(note for note in report.quality.notes if "weeks begin" in note) == late


@pytest.mark.parametrize(
    ("name", "symbol", "decimals"),
    [
        ("EURUSD_5m_mid", "EURUSD.mid", 6),
        ("BTCUSDT_1h_binance", "BTCUSDT", 2),
        ("USDJPY_15m_mt5", "USDJPY", 3),
        ("EURUSD_1h_bidask_i32_lean_2007_2018", "EURUSD.lean", 5),
    ],
)
async def test_train_file_when_loaded_then_every_value_is_equal(
    pool: Pool, shared_data: Path, name: str, symbol: str, decimals: int
) -> None:
    """What is read back is the file, value by value."""
    path = shared_data / "train" / f"{name}.parquet"
    report = await _import(pool, path, symbol=symbol)
    stored = await read_candles(pool, symbol, parse_timeframe(report.timeframe))
    table = read_parquet(path).read_all()
    times = table["time"].cast(DataType.int64()).to_numpy() // 1000
    assert np.array_equal(stored.time_s, times)
    assert stored.instrument.price_scale == decimals
    prefix = "bid_" if "bidask" in name else ""
    for column in ("open", "high", "low", "close"):
        values = table[prefix + column].to_numpy()
        ticks = getattr(stored, f"{column}_ticks")
        assert np.array_equal(ticks if prefix else ticks / 10**decimals, values), column
    if prefix:
        assert stored.ask_low_ticks is not None
        assert np.array_equal(stored.ask_low_ticks, table["ask_low"].to_numpy())
    else:
        assert np.array_equal(stored.volume, table["volume"].to_numpy().astype(np.float64))
