"""Parquet, Arrow and Feather: batches of columns through arro3, never the whole file.

Doubles are read by the rule of `number_text.ticks_from_doubles`; integers are prices in points unless
they are few-digit whole prices; strings and decimals go through the text readers.
"""

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from arro3.core import Array, DataType, RecordBatch, RecordBatchReader
from arro3.io import read_ipc, read_ipc_stream, read_parquet

from sptraderb.candles.formats.file_head import FileHead
from sptraderb.candles.formats.generic_csv import columns_by_name
from sptraderb.candles.formats.table_layout import Recognised
from sptraderb.candles.number_text import (
    GridPrices,
    doubles_from_numbers,
    read_numbers,
    ticks_from_doubles,
    ticks_from_numbers,
)
from sptraderb.candles.row_block import RowBlock
from sptraderb.candles.row_faults import FaultArray, RowFault, check_prices, mark
from sptraderb.candles.time_text import find_template, read_times
from sptraderb.candles.timezones import UTC_ZONE
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Float64Array
from sptraderb.domain.instrument import CandleSide
from sptraderb.errors import InvalidInput

BATCH_ROWS = 65_536
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_PANIC = re.compile(r'unwrap\(\).*?\("(.*)"\)')
_PARQUET, _ARROW, _FEATHER_1 = b"PAR1", b"ARROW1", b"FEA1"
_STREAM = b"\xff\xff\xff\xff"
_MAX_SCALE = 10
_HEAD_ROWS = 2000
_TYPE = "arro3.core.DataType<"


def recognise_arrow(head: FileHead) -> Recognised | None:
    """Return how to read a Parquet, Arrow or Feather file, or None if the file is none.

    Raises
    ------
    InvalidInput
        ``import.file_damaged``, ``import.columns_missing``.
    """
    if not head.data.startswith((_PARQUET, _ARROW, _STREAM)):
        return None
    batch = next(iter(open_batches(head.path, BATCH_ROWS)), None)
    if batch is None or batch.num_rows == 0:
        raise InvalidInput("import.file_empty", f"the file must hold candles, {head.name} has no row")
    names = tuple(name.lower() for name in batch.schema.names)
    columns = columns_by_name(names)
    if columns is None:
        raise InvalidInput(
            "import.columns_missing",
            f"a table must have time, open, high, low and close, has {', '.join(batch.schema.names)[:200]}",
        )
    time, prices, volume = columns
    batch = batch.slice(0, min(batch.num_rows, _HEAD_ROWS))
    whole = all(_is_whole(batch.column(column)) for column in prices)
    zone = UTC_ZONE if _states_zone(batch.column(time[0])) else None
    least = (
        min(float(_filled(batch.column(column), DataType.float64()).min()) for column in prices)
        if whole
        else 0.0
    )
    decimals = 0 if whole else max(_decimals(batch.column(column)) for column in prices)
    return Recognised(
        format="parquet" if head.data.startswith(_PARQUET) else "arrow",
        read_blocks=partial(_read_batches, time=time, prices=prices, volume=volume),
        zone=zone,
        zone_reason="the time column says UTC" if zone else "",
        side=CandleSide.BOTH if len(prices) == 8 else None,
        decimals=decimals,
        least_whole_price=int(least) if whole else None,
    )


def open_batches(path: Path, batch_rows: int) -> Iterator[RecordBatch]:
    """Yield record batches of a Parquet or Arrow file.

    Raises
    ------
    InvalidInput
        ``import.file_damaged`` if the file cannot be decoded.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
        reader: RecordBatchReader
        if start.startswith(_PARQUET):
            reader = read_parquet(path, batch_size=batch_rows)
        elif start.startswith(_ARROW):
            reader = read_ipc(path)
        else:
            reader = read_ipc_stream(path)
        yield from _sliced(reader, batch_rows)
    except (InvalidInput, GeneratorExit):
        raise
    except BaseException as error:  # a panic of the Rust library is no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise InvalidInput(
            "import.file_damaged", f"the file must be readable as a table: {_reason(error)}"
        ) from None


def _reason(error: BaseException) -> str:
    """Return the first line of what the library says; of a panic, only the sentence inside it."""
    said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    quoted = _PANIC.search(said)
    return quoted[1] if quoted else said


def _sliced(reader: RecordBatchReader, batch_rows: int) -> Iterator[RecordBatch]:
    for batch in reader:
        for first in range(0, batch.num_rows, batch_rows):
            yield batch.slice(first, min(batch_rows, batch.num_rows - first))


def _read_batches(
    path: Path, decimals: int, *, time: tuple[int, ...], prices: tuple[int, ...], volume: int | None
) -> Iterator[RowBlock]:
    line = 1
    size = path.stat().st_size
    n_bytes = 0
    batches = open_batches(path, BATCH_ROWS)
    for batch in batches:
        n = batch.num_rows
        faults = np.zeros(n, dtype=np.uint8)
        noisy = np.zeros(n, dtype=np.bool_)
        time_s = np.zeros(n, dtype=np.int64)
        for column in time:
            time_s += _times(batch.column(column), faults)
        ticks = np.zeros((len(prices), n), dtype=np.int64)
        for index, column in enumerate(prices):
            grid = _ticks(batch.column(column), decimals, faults)
            ticks[index], noisy = grid.ticks, noisy | grid.noisy
        for side in range(0, len(prices), 4):
            check_prices(faults, *ticks[side : side + 4])
        share = min(size - n_bytes, batch.num_rows * 40)
        n_bytes += share
        yield RowBlock(
            line=np.arange(line, line + n, dtype=np.int64), time_s=time_s, prices=ticks,
            volume=_volume(batch.column(volume), faults) if volume is not None else np.zeros(n),
            faults=faults, noisy=noisy, n_bytes=share,
        )  # fmt: skip
        line += n


def _joined(column: Array) -> tuple[np.ndarray, Int64Array, Int64Array]:
    """Return a column's texts as one buffer with the bounds of each."""
    texts = [b"" if text is None else str(text).encode() for text in column.to_pylist()]
    ends = np.cumsum(np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts)))
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    return np.frombuffer(b"".join(texts) + b"\n", dtype=np.uint8), starts, ends


def _kind(column: Array) -> str:
    return str(column.type).removeprefix(_TYPE)


def _is_text(column: Array) -> bool:
    return _kind(column).startswith(("Utf8", "LargeUtf8"))


def _is_whole(column: Array) -> bool:
    return _kind(column).startswith(("Int8", "Int16", "Int32", "Int64", "UInt"))


def _is_single(column: Array) -> bool:
    return _kind(column).startswith("Float32")


def _is_timestamp(column: Array) -> bool:
    return _kind(column).startswith("Timestamp")


def _states_zone(column: Array) -> bool:
    if _is_timestamp(column):
        return column.type.tz is not None
    if _is_text(column):
        samples = [text for text in islice(column.to_pylist(), 1000) if text]
        templates = [find_template(text) for text in samples]
        return bool(templates) and all(found is not None and found.states_zone for found in templates)
    return _is_whole(column)


def _present(column: Array) -> np.ndarray | None:
    """Return which values are there, or None when all are."""
    if column.null_count == 0:
        return None
    return np.array([value is not None for value in column.to_pylist()], dtype=np.bool_)


def _filled(column: Array, kind: DataType) -> np.ndarray:
    """Return the values as NumPy, zero where null."""
    present = _present(column)
    cast = column.cast(kind)
    if present is None:
        return np.asarray(cast.to_numpy())
    return np.array([value if value is not None else 0 for value in cast.to_pylist()])


def _times(column: Array, faults: FaultArray) -> Int64Array:
    if _is_text(column):
        seconds, ok, whole = read_times(*_joined(column))
        mark(faults, ~ok, RowFault.TIME)
        mark(faults, ~whole, RowFault.MISALIGNED)
        return seconds
    present = _present(column)
    if present is not None:
        mark(faults, ~present, RowFault.TIME)
    if _is_timestamp(column):
        unit = _UNITS[str(column.type.time_unit)]
    elif _is_whole(column):
        size = int(np.abs(_filled(column, DataType.int64())).max(initial=0))
        unit = next(
            unit for limit, unit in ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (1e30, 10**9)) if size < limit
        )
    else:
        mark(faults, np.ones(len(faults), dtype=np.bool_), RowFault.TIME)
        return np.zeros(len(faults), dtype=np.int64)
    values = _filled(column, DataType.int64()).astype(np.int64)
    mark(faults, values % unit != 0, RowFault.MISALIGNED)
    return values // unit


def _ticks(column: Array, decimals: int, faults: FaultArray) -> GridPrices:
    if _is_whole(column) or _is_text(column) or _kind(column).startswith("Decimal"):
        numbers = read_numbers(*_joined(column))
        mark(faults, ~numbers.ok, RowFault.PRICE)
        grid = ticks_from_numbers(numbers, decimals)
    else:
        values = _filled(column, DataType.float64()).astype(np.float64)
        present = _present(column)
        mark(faults, ~np.isfinite(values) | (False if present is None else ~present), RowFault.PRICE)
        if _is_single(column):
            values = _widened(values.astype(np.float32))
        grid = ticks_from_doubles(values, decimals)
    mark(faults, ~grid.on_grid, RowFault.OFF_GRID)
    return grid


def _widened(values: np.ndarray) -> Float64Array:
    """Return single floats as the doubles their shortest decimal text names."""
    return np.array([float(str(value)) for value in values], dtype=np.float64)


def _volume(column: Array, faults: FaultArray) -> Float64Array:
    if _is_text(column):
        start_end = _joined(column)
        values = doubles_from_numbers(read_numbers(*start_end))
        values[start_end[1] == start_end[2]] = 0.0
    else:
        values = _filled(column, DataType.float64()).astype(np.float64)
    mark(faults, ~(np.isfinite(values) & (values >= 0)), RowFault.VOLUME)
    return values


def _decimals(column: Array) -> int:
    """Return the fewest decimals that hold every value, float noise aside; at most 10."""
    if not _kind(column).startswith("Float"):
        numbers = read_numbers(*_joined(column))
        return next(
            (scale for scale in range(_MAX_SCALE) if _all_fit(ticks_from_numbers(numbers, scale))), 10
        )
    values = _filled(column, DataType.float64()).astype(np.float64)
    if _is_single(column):
        values = _widened(values.astype(np.float32))
    values = values[np.isfinite(values)]
    for scale in range(_MAX_SCALE):
        if _all_fit(ticks_from_doubles(values, scale)):
            return scale
    return _MAX_SCALE


def _all_fit(grid: GridPrices) -> bool:
    return bool(grid.on_grid.all())
