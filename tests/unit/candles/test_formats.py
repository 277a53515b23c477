"""Formats: layouts by header, by values and by vendor; blocks that do not depend on the chunk size."""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from arro3.core import Array, DataType, Table
from arro3.io import write_ipc, write_parquet

from sptraderb.candles.formats.file_head import read_head
from sptraderb.candles.formats.recognise import FORMATS, recognise
from sptraderb.candles.formats.table_layout import Recognised
from sptraderb.candles.formats.text_rows import read_text_blocks
from sptraderb.candles.row_faults import RowFault
from sptraderb.errors import InvalidInput
from sptraderb.testing.candle_files import csv_lines, moving_candles, write_lines

_BARS = moving_candles(400)


def _found(path: Path) -> Recognised:
    return recognise(read_head(path))


def _closes(path: Path, decimals: int = 5) -> list[int]:
    blocks = list(_found(path).read_blocks(path, decimals))
    assert not np.concatenate([block.faults for block in blocks]).any()
    return [int(ticks) for block in blocks for ticks in block.prices[3]]


@pytest.mark.parametrize("chunk_bytes", [80, 997, 4096, 2**20])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_table_when_read_in_chunks_of_any_size_then_rows_and_lines_are_the_same(
    tmp_path: Path, chunk_bytes: int, end: str
) -> None:
    """Where a chunk ends decides nothing; line numbers count the header and blanks."""
    lines = csv_lines(_BARS)
    lines.insert(100, "")
    path = write_lines(tmp_path / "EURUSD_1m.csv", lines, end=end)
    reader = _found(path).read_blocks
    assert isinstance(reader, partial)
    blocks = list(read_text_blocks(path, 5, chunk_bytes=chunk_bytes, **reader.keywords))
    assert np.concatenate([block.line for block in blocks]).tolist() == [*range(2, 101), *range(102, 403)]
    assert np.concatenate([block.prices[3] for block in blocks]).tolist() == _BARS.close_ticks.tolist()
    assert np.concatenate([block.time_s for block in blocks]).tolist() == _BARS.time_s.tolist()
    assert sum(block.n_skipped for block in blocks) == 1
    assert sum(block.n_bytes for block in blocks) <= path.stat().st_size


def test_table_when_the_last_line_has_no_end_then_it_is_read(tmp_path: Path) -> None:
    """The last row counts, with or without a newline, after a byte-order mark too."""
    path = tmp_path / "EURUSD_1m.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join(csv_lines(_BARS)).encode())
    assert _closes(path) == _BARS.close_ticks.tolist()


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(",", ";"),
        lambda line: line.replace(",", "\t"),
        lambda line: line.replace(",", ";").replace(".", ","),
        lambda line: f'"{line}"',
        lambda line: ",".join(f'"{field}"' for field in line.split(",")),
    ],
)
def test_table_when_split_and_quoted_in_other_ways_then_it_is_read(tmp_path: Path, change: object) -> None:
    """Semicolons, tabs, decimal commas, quoted fields and quoted lines are all the same table."""
    assert callable(change)
    path = write_lines(tmp_path / "EURUSD_1m.csv", [change(line) for line in csv_lines(_BARS)])
    assert _closes(path) == _BARS.close_ticks.tolist()


def test_table_when_it_has_no_header_then_values_tell_the_columns(tmp_path: Path) -> None:
    """A time, then open, high, low, close, then the volume."""
    path = write_lines(tmp_path / "EURUSD_1m.csv", csv_lines(_BARS)[1:])
    assert _closes(path) == _BARS.close_ticks.tolist()


def test_table_when_the_header_has_too_few_names_then_values_tell_the_columns(tmp_path: Path) -> None:
    """A header that does not fit its rows is not believed."""
    rows = [line.replace("T", ",", 1).replace("Z", "") for line in csv_lines(_BARS)[1:]]
    path = write_lines(tmp_path / "EURUSD_1m.csv", ["Date,Open,High,Low,Close,Volume", *rows])
    assert _closes(path) == _BARS.close_ticks.tolist()


def _table(prices: np.ndarray, time: Array) -> Table:
    columns = dict(zip(("open", "high", "low", "close"), map(Array.from_numpy, prices), strict=True))
    return Table.from_pydict({"time": time, **columns})


def _stamps(unit: Literal["s", "ms", "us", "ns"], tz: str | None) -> Array:
    factor = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    return Array.from_numpy(_BARS.time_s * factor).cast(DataType.timestamp(unit, tz=tz))


def _float_prices() -> np.ndarray:
    ticks = np.stack([_BARS.open_ticks, _BARS.high_ticks, _BARS.low_ticks, _BARS.close_ticks])
    return np.asarray(ticks / 10**5)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("tz", [None, "UTC"])
def test_parquet_when_its_times_have_any_unit_then_they_are_read(
    tmp_path: Path, unit: Literal["s", "ms", "us", "ns"], tz: str | None
) -> None:
    """A column that says UTC proves the zone, one that does not proves nothing."""
    path = tmp_path / "EURUSD_1m.parquet"
    write_parquet(_table(_float_prices(), _stamps(unit, tz)), path)
    found = _found(path)
    assert (found.zone is not None) == (tz is not None)
    assert _closes(path) == _BARS.close_ticks.tolist()
    first = next(found.read_blocks(path, 5))
    assert first.time_s.tolist() == _BARS.time_s.tolist()


def test_parquet_when_times_are_text_then_they_are_read_as_text(tmp_path: Path) -> None:
    """A string column goes the way of a text file."""
    texts = [f"{np.datetime64(time_s, 's')}Z" for time_s in _BARS.time_s.tolist()]
    path = tmp_path / "EURUSD_1m.parquet"
    write_parquet(_table(_float_prices(), Array(texts, DataType.string())), path)
    assert _found(path).zone is not None
    assert _closes(path) == _BARS.close_ticks.tolist()


def test_arrow_when_written_as_a_file_then_it_is_read(tmp_path: Path) -> None:
    """Feather and Arrow files are the same container."""
    path = tmp_path / "EURUSD_1m.arrow"
    write_ipc(_table(_float_prices(), _stamps("ns", "UTC")), path, compression=None)
    assert _closes(path) == _BARS.close_ticks.tolist()


def test_parquet_when_prices_are_decimals_or_whole_then_they_are_exact(tmp_path: Path) -> None:
    """Decimal columns and integer points never pass through a float."""
    ticks = np.stack([_BARS.open_ticks, _BARS.high_ticks, _BARS.low_ticks, _BARS.close_ticks])
    path = tmp_path / "EURUSD_1m.parquet"
    write_parquet(_table(ticks, _stamps("ms", "UTC")), path)
    assert _found(path).least_whole_price == int(ticks.min())
    assert _closes(path, 0) == _BARS.close_ticks.tolist()


def test_parquet_when_a_price_is_null_or_no_number_then_the_row_is_refused(tmp_path: Path) -> None:
    """Absent values are named, never zero."""
    prices = _float_prices()
    prices[2, 5] = np.nan
    path = tmp_path / "EURUSD_1m.parquet"
    write_parquet(_table(prices, _stamps("ms", "UTC")), path)
    faults = next(_found(path).read_blocks(path, 5)).faults
    assert np.flatnonzero(faults).tolist() == [5]
    assert faults[5] == RowFault.PRICE


def test_parquet_when_damaged_then_it_is_said(tmp_path: Path) -> None:
    """A cut file is refused with a code, not a panic."""
    path = tmp_path / "EURUSD_1m.parquet"
    write_parquet(_table(_float_prices(), _stamps("ms", "UTC")), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InvalidInput) as caught:
        _found(path)
    assert caught.value.code == "import.file_damaged"


def test_parquet_when_a_column_is_absent_then_it_is_said(tmp_path: Path) -> None:
    """A table without prices is no table of candles."""
    path = tmp_path / "EURUSD_1m.parquet"
    write_parquet(
        Table.from_pydict({"time": _stamps("ms", "UTC"), "price": Array.from_numpy(_float_prices()[0])}), path
    )
    with pytest.raises(InvalidInput) as caught:
        _found(path)
    assert caught.value.code == "import.columns_missing"


def test_format_when_forced_and_wrong_then_it_is_refused(tmp_path: Path) -> None:
    """A forced format is the only one asked."""
    path = write_lines(tmp_path / "EURUSD_1m.csv", csv_lines(_BARS))
    with pytest.raises(InvalidInput) as caught:
        recognise(read_head(path), forced="lean")
    assert caught.value.code == "import.format_unknown"
    assert recognise(read_head(path), forced="csv").format == "csv"
    assert "csv" in FORMATS


def test_file_when_it_does_not_exist_then_it_is_said(tmp_path: Path) -> None:
    """`import.file_unreadable`."""
    with pytest.raises(InvalidInput) as caught:
        read_head(tmp_path / "absent.csv")
    assert caught.value.code == "import.file_unreadable"


_SAME = (117134, 117157, 117126, 117130)
_FIVE = (117134, 117157, 117100, 117114)
_NEAR = (232000, 232300, 232000, 232200)
_HOUR = (110427, 110447, 110420, 110438)
_REAL = {
    "histdata/DAT_ASCII_EURUSD_M1_202508.csv": ("histdata", "-05:00", 6748, _SAME),
    "histdata/DAT_MT_EURUSD_M1_202508.csv": ("histdata-mt", "-05:00", 2000, _SAME),
    "dukascopy/EURUSD_Candlestick_5_m_BID_17.08.2025-22.08.2025.csv": ("dukascopy", "UTC", 1356, _FIVE),
    "dukascopy/FOREX_EURUSD_1H_ASK_2017.csv": ("dukascopy", "UTC", 1499, (105236, 105253, 105221, 105227)),
    "dukascopy/eurusd-m1-bid-dukascopy-node.csv": ("dukascopy-node", "UTC", 3000, _SAME),
    "metatrader/EURUSD_M1_2024_04_mt5.csv": ("mt5", None, 3999, (107901, 107902, 107888, 107888)),
    "metatrader/EURUSD_H1_2015_mt5_noangle.csv": ("mt5", None, 2999, (120565, 120687, 119991, 120001)),
    "metatrader/EURUSD_M1_2024_mt4.csv": ("mt4", None, 2000, (110181, 110183, 110153, 110154)),
    "binance/NEARUSDT-1m-2026-06.csv": ("binance", "UTC", 5000, _NEAR),
    "binance/NEARUSDT-1m-2026-06_noheader_us.csv": ("binance", "UTC", 3000, _NEAR),
    "binance/NEARUSDT-1m-api.json": ("binance-json", "UTC", 500, _NEAR),
    "freqtrade/BTC_USDT-5m.json": (
        *("freqtrade", "UTC", 5000), (4621693000, 4639149000, 4620837000, 4632134000)),
    "freqtrade/BTC_USDT-15m.feather": (
        *("arrow", "UTC", 5000), (2846536000, 2850000000, 2844894000, 2850000000)),
    "cryptodatadownload/Coinbase_BTCUSD_1h.csv": (
        *("cryptodatadownload", "UTC", 1998), (805100000, 805683000, 802123000, 803588000)),
    "generic/eurusd_1h_2023-12-31_2024-12-01.csv": ("csv", None, 5736, _HOUR),
    "generic/EURUSD_5m_iso.csv": ("csv", "UTC", 1356, _FIVE),
    "generic/EURUSD_5m_epoch_s_semicolon_commadec.csv": ("csv", "UTC", 1000, _FIVE),
    "parquet/eurusd_1h_2023-12-31_2024-01-30.parquet": ("parquet", None, 476, _HOUR),
    "lean/eurusd_quote_hour.csv": ("lean", "UTC", 3000, (116950, 116986, 116913, 116975)),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(_REAL))
def test_real_file_when_read_then_format_zone_rows_and_first_prices_are_right(
    shared_data: Path, name: str
) -> None:
    """Every vendor's real layout is recognised by itself; zones are those the vendor documents."""
    path = shared_data / "raw_samples" / name
    form, zone, n_rows, first = _REAL[name]
    found = _found(path)
    blocks = list(found.read_blocks(path, 5))
    assert (found.format, found.zone and found.zone.name) == (form, zone)
    assert sum(len(block) for block in blocks) == n_rows
    assert not np.concatenate([block.faults for block in blocks]).any()
    assert tuple(blocks[0].prices[:4, 0].tolist()) == first


def test_real_prices_when_scaled_with_float_noise_then_they_are_whole_points(shared_data: Path) -> None:
    """129587.00000000001 is 129587 points, counted as noise."""
    path = shared_data / "raw_samples" / "generic" / "ejtrader_EURUSDh4_scaled.csv"
    found = _found(path)
    block = next(found.read_blocks(path, 0))
    assert found.least_whole_price is not None
    assert found.least_whole_price > 100_000
    assert not block.faults.any()
    assert int(block.noisy.sum()) == 487
    assert block.prices[2, 0] == 129587
