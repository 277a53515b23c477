"""Every real sample: recognised with no flag but a zone nobody can prove, clock and prices exact."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from sptraderb.candles.formats.unpacking import plain_file
from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.import_report import ImportReport, time_text
from sptraderb.domain.candle import PRICE_COLUMNS
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import InvalidInput
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.store.candle_rows import read_candles
from sptraderb.store.pool import Pool


class Sample(NamedTuple):
    """A file, what must be said of it, and what must come of it."""

    name: str
    zone: str | None
    series: tuple[str, str, str, str]
    first: str
    last: str
    n_kept: int
    columns: tuple[str, int] | None = None


_CSV, _SEMICOLON, _TAB = ",", ";", "\t"
ATHENS = "Europe/Athens"
SAMPLES = [
    Sample("binance/NEARUSDT-1m-2026-06.csv", None, ("binance", "NEARUSDT", "1m", "bid"),
           "2026-06-01T00:00:00Z", "2026-06-04T11:19:00Z", 5000, (_CSV, 1)),
    Sample("binance/NEARUSDT-1m-2026-06_noheader_us.csv", None, ("binance", "NEARUSDT", "1m", "bid"),
           "2026-06-01T00:00:00Z", "2026-06-03T01:59:00Z", 3000, (_CSV, 1)),
    Sample("binance/NEARUSDT-1m-api.json", None, ("binance-json", "NEARUSDT", "1m", "bid"),
           "2026-06-01T00:00:00Z", "2026-06-01T08:19:00Z", 500, ("json", 1)),
    Sample("cryptodatadownload/Coinbase_BTCUSD_1h.csv", None, ("cryptodatadownload", "BTCUSD", "1h", "bid"),
           "2019-07-26T04:00:00Z", "2019-10-17T09:00:00Z", 1998, (_CSV, 2)),
    Sample("dukascopy/EURUSD_Candlestick_5_m_BID_17.08.2025-22.08.2025.csv", None,
           ("dukascopy", "EURUSD", "5m", "bid"), "2025-08-17T22:00:00Z", "2025-08-22T19:55:00Z", 1356,
           (_CSV, 1)),
    Sample("dukascopy/FOREX_EURUSD_1H_ASK_2017.csv", None, ("dukascopy", "EURUSD", "1h", "ask"),
           "2017-01-01T22:00:00Z", "2017-03-29T07:00:00Z", 1499, (_CSV, 1)),
    Sample("dukascopy/eurusd-m1-bid-dukascopy-node.csv", None, ("dukascopy-node", "EURUSD", "1m", "bid"),
           "2025-08-17T22:00:00Z", "2025-08-20T03:12:00Z", 3000, (_CSV, 1)),
    Sample("freqtrade/BTC_USDT-15m.feather", None, ("arrow", "BTCUSDT", "15m", "bid"),
           "2023-04-01T00:00:00Z", "2023-05-23T01:45:00Z", 5000),
    Sample("freqtrade/BTC_USDT-5m.json", None, ("freqtrade", "BTCUSDT", "5m", "bid"),
           "2022-01-01T00:00:00Z", "2022-01-18T08:35:00Z", 5000, ("json", 1)),
    Sample("generic/EURUSD_5m_epoch_s_semicolon_commadec.csv", None, ("csv", "EURUSD", "5m", "bid"),
           "2025-08-17T22:00:00Z", "2025-08-21T13:15:00Z", 1000, (_SEMICOLON, 1)),
    Sample("generic/EURUSD_5m_iso.csv", None, ("csv", "EURUSD", "5m", "bid"),
           "2025-08-17T22:00:00Z", "2025-08-22T19:55:00Z", 1356, (_CSV, 1)),
    Sample("generic/eurusd_1h_2023-12-31_2024-12-01.csv", "+07:00", ("csv", "EURUSD", "1h", "bid"),
           "2024-01-01T22:00:00Z", "2024-11-29T21:00:00Z", 5736, (_CSV, 1)),
    Sample("histdata/DAT_ASCII_EURUSD_M1_202508.csv", None, ("histdata", "EURUSD", "1m", "bid"),
           "2025-08-17T22:00:00Z", "2025-08-22T19:59:00Z", 6748, (_SEMICOLON, 1)),
    Sample("histdata/DAT_MT_EURUSD_M1_202508.csv", None, ("histdata-mt", "EURUSD", "1m", "bid"),
           "2025-08-17T22:00:00Z", "2025-08-19T09:25:00Z", 2000, (_CSV, 2)),
    Sample("lean/eurusd_quote_hour.csv", None, ("lean", "EURUSD", "1h", "both"),
           "2018-07-05T16:00:00Z", "2018-12-31T21:00:00Z", 3000, (_CSV, 1)),
    Sample("metatrader/EURUSD_H1_2015_mt5_noangle.csv", ATHENS, ("mt5", "EURUSD", "1h", "bid"),
           "2015-01-01T22:00:00Z", "2015-06-26T06:00:00Z", 2999, (_TAB, 2)),
    Sample("metatrader/EURUSD_M1_2024_04_mt5.csv", ATHENS, ("mt5", "EURUSD", "1m", "bid"),
           "2024-03-31T21:08:00Z", "2024-04-03T16:36:00Z", 3999, (_TAB, 2)),
    Sample("metatrader/EURUSD_M1_2024_mt4.csv", ATHENS, ("mt4", "EURUSD", "1m", "bid"),
           "2024-01-02T07:59:00Z", "2024-01-03T17:32:00Z", 2000, (_CSV, 2)),
    Sample("parquet/BTCUSDT_5m_binance_5000.parquet", None, ("parquet", "BTCUSDT", "5m", "bid"),
           "2024-03-01T00:00:00Z", "2024-03-18T08:35:00Z", 5000),
    Sample("parquet/EURUSD_1m_mid_5000.parquet", None, ("parquet", "EURUSD", "1m", "mid"),
           "2025-01-01T22:00:00Z", "2025-01-09T03:30:00Z", 5000),
    Sample("parquet/eurusd_1h_2023-12-31_2024-01-30.parquet", "+07:00", ("parquet", "EURUSD", "1h", "bid"),
           "2024-01-01T22:00:00Z", "2024-01-29T17:00:00Z", 476),
]  # fmt: skip
REFUSED = {"generic/ejtrader_EURUSDh4_scaled.csv"}
"""Four-hour bars of a broker's day, which no zone puts on the 00:00 UTC grid: `test_import_real_files`."""


async def _import(pool: Pool, path: Path, **options: object) -> ImportReport:
    with plain_file(path) as plain:
        said = ImportOptions(file_name=plain.name, **options)  # type: ignore[arg-type]
        return await import_candles(pool, plain.path, options=said)


def _rows(path: Path, kind: str) -> Iterator[list[str]]:
    """Read a sample with Python's own readers, each number as it is written."""
    text = path.read_text("utf-8")
    if kind == "json":
        for row in json.loads(text, parse_float=str, parse_int=str):
            yield row
        return
    for row in csv.reader(io.StringIO(text), delimiter=kind):
        if len(row) > 4 and row[0][:1].isdigit():
            yield [field.replace(",", ".") for field in row]


def test_samples_when_compared_with_the_index_then_all_are_here(shared_data: Path) -> None:
    """No sample is left out: each is in the table or in the list of those refused."""
    index = json.loads((shared_data / "samples_index.json").read_text())
    listed = {
        entry["file"].removeprefix("raw_samples/") for entry in index if entry["file"].startswith("raw")
    }
    named = {sample.name for sample in SAMPLES} | REFUSED
    assert {name for name in listed if not name.startswith("ticks_json/")} == named


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_sample_when_imported_then_recognised_placed_and_exact(
    pool: Pool, shared_data: Path, sample: Sample
) -> None:
    """Format, symbol, timeframe, side and clock are right; every price is the decimal of the file."""
    path = shared_data / "raw_samples" / sample.name
    if sample.zone is not None:
        with pytest.raises(InvalidInput) as caught:
            await _import(pool, path)
        assert caught.value.code == "import.timezone_needed"
    report = await _import(pool, path, timezone=sample.zone)
    assert (report.format, report.symbol, report.timeframe, report.side) == sample.series
    assert (report.n_kept, report.n_refused, report.n_duplicate) == (sample.n_kept, 0, 0)
    assert report.first_s is not None
    assert report.last_s is not None
    assert (time_text(report.first_s), time_text(report.last_s)) == (sample.first, sample.last)
    if sample.columns is None:
        return
    kind, first = sample.columns
    rows = list(_rows(path, kind))
    stored = await read_candles(pool, report.symbol, parse_timeframe(report.timeframe))
    if int(rows[0][0][:4].isdigit()) and sample.series[0] == "cryptodatadownload":
        rows.reverse()
    scale = Decimal(10) ** stored.instrument.price_scale
    prices = np.array([[int(Decimal(text) * scale) for text in row[first : first + 4]] for row in rows]).T
    assert all(Decimal(row[first]) * scale == int(Decimal(row[first]) * scale) for row in rows)
    for name, column in zip(PRICE_COLUMNS, prices, strict=True):
        assert np.array_equal(getattr(stored, name), column), name


@pytest.mark.parametrize(
    ("name", "fitting", "wrong"),
    [
        ("raw_samples/metatrader/EURUSD_H1_2015_mt5_noangle.csv", ["ny-close", ATHENS], "UTC"),
        ("raw_samples/metatrader/EURUSD_M1_2024_04_mt5.csv", ["ny-close"], None),
        ("raw_samples/generic/eurusd_1h_2023-12-31_2024-12-01.csv", ["+07:00"], "UTC"),
        ("raw_samples/parquet/eurusd_1h_2023-12-31_2024-01-30.parquet", ["+07:00"], "UTC"),
        ("raw_samples/metatrader/EURUSD_M1_2024_mt4.csv", [], None),
        ("dirty/EURUSD_M1_quoted_whole_lines.csv", [], None),
        ("dirty/EURUSD_M1_2024_header_mismatch.csv", [], None),
    ],
)
async def test_clock_when_nobody_states_it_then_refused_with_what_its_weeks_prove(
    pool: Pool, shared_data: Path, name: str, fitting: list[str], wrong: str | None
) -> None:
    """No zone is guessed; those whose FX weeks fit are named; a wrong one is refused by the weeks."""
    with pytest.raises(InvalidInput) as caught:
        await _import(pool, shared_data / name)
    assert (caught.value.code, caught.value.context["fitting"]) == ("import.timezone_needed", fitting)
    if wrong is not None:
        with pytest.raises(InvalidInput) as refused:
            await _import(pool, shared_data / name, timezone=wrong)
        assert refused.value.code == "import.timezone_wrong"
        assert set(fitting) <= set(refused.value.context["fitting"])


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "+05:00"])
async def test_documented_est_when_another_zone_is_said_then_the_weeks_refuse_it(
    pool: Pool, shared_data: Path, zone: str
) -> None:
    """HistData's clock is known; a user who says another one is told by the FX week."""
    path = shared_data / "raw_samples/histdata/DAT_ASCII_EURUSD_M1_202508.csv"
    with pytest.raises(InvalidInput) as caught:
        await _import(pool, path, timezone=zone)
    assert caught.value.code == "import.timezone_wrong"


@pytest.mark.parametrize(
    ("name", "zone", "rows"),
    [
        ("EURUSD_5m_2026_9_decimals_comment_line.csv", None,
         {"off_grid": (1070, (25, 30, 32)), "ohlc": (158, (7, 12, 34))}),
        ("USDCAD_M15_9969_duplicate_rows.parquet", "ny-close",
         {"noise": (20457, (2, 6, 8)), "duplicate": (9969, (29922, 29924, 29926))}),
        ("EURUSD_M1_2024_header_mismatch.csv", ATHENS, {}),
        ("EURUSD_M1_quoted_whole_lines.csv", ATHENS, {}),
    ],
)  # fmt: skip
async def test_dirty_file_when_imported_then_each_kind_of_row_has_count_and_lines(
    pool: Pool, shared_data: Path, name: str, zone: str | None, rows: dict[str, tuple[int, tuple[int, ...]]]
) -> None:
    """What is not simply kept is counted and placed, by the lines of the file."""
    report = await _import(pool, shared_data / "dirty" / name, timezone=zone)
    assert {row.code: (row.count, row.lines[:3]) for row in report.rows} == rows
    assert report.n_read == report.n_kept + report.n_duplicate + report.n_refused + report.n_flat_weekend


async def test_real_export_when_in_utf16_and_zipped_then_the_same_import(
    pool: Pool, shared_data: Path, tmp_path: Path
) -> None:
    """A MetaTrader export as MetaTrader 5 encodes it, packed or not, changes nothing after its plain text."""
    path = shared_data / "raw_samples/metatrader/EURUSD_M1_2024_04_mt5.csv"
    assert (await _import(pool, path, timezone=ATHENS)).n_new == 3999
    encoded = tmp_path / path.name
    encoded.write_bytes(path.read_text("utf-8").encode("utf-16"))
    packed = tmp_path / "EURUSD_M1_2024_04_mt5.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(encoded, path.name)
    for other in (encoded, packed):
        report = await _import(pool, other, timezone=ATHENS)
        assert (report.format, report.n_kept, report.unchanged) == ("mt5", 3999, True)


async def test_decimals_when_counted_line_by_line_then_those_refused(pool: Pool, shared_data: Path) -> None:
    """A plain reading of the dirty file with Decimals refuses the same lines for the same reasons."""
    path = shared_data / "dirty/EURUSD_5m_2026_9_decimals_comment_line.csv"
    counts = {"off_grid": 0, "ohlc": 0}
    for line in path.read_text().splitlines()[2:]:
        open_, high, low, close = (Decimal(text) for text in line.split(",")[1:5])
        if any(price != round(price, 5) for price in (open_, high, low, close)):
            counts["off_grid"] += 1
        elif not low <= min(open_, close) <= max(open_, close) <= high:
            counts["ohlc"] += 1
    report = await _import(pool, path)
    assert {row.code: row.count for row in report.rows} == counts
