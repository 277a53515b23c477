"""Text tables as blocks of rows: whole chunks of bytes at a time, no Python object per line."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sptraderb.candles.formats.table_layout import TableLayout
from sptraderb.candles.number_text import ByteArray, doubles_from_numbers, read_numbers, ticks_from_numbers
from sptraderb.candles.row_block import RowBlock
from sptraderb.candles.row_faults import RowFault, check_prices, mark
from sptraderb.candles.time_text import read_times
from sptraderb.domain.calendar import DAY_S, Int64Array
from sptraderb.errors import InvalidInput

CHUNK_BYTES = 4 * 2**20
_BOM = b"\xef\xbb\xbf"
_NEWLINE, _RETURN, _HASH = 10, 13, 35


def read_text_blocks(
    path: Path, decimals: int, *, layout: TableLayout, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[RowBlock]:
    """Read a text table.

    Parameters
    ----------
    path : Path
        The file.
    decimals : int
        Decimals of a tick in the file's own price unit; negative where prices are multiplied.
    layout : TableLayout
        Where the columns are.
    chunk_bytes : int
        Bytes read at a time.

    Yields
    ------
    RowBlock
        Rows in the file's order, with times on the file's clock.

    Raises
    ------
    InvalidInput
        ``import.line_too_long``.

    Notes
    -----
    Memory is a few times ``chunk_bytes``, whatever the file's size.
    """
    chunks = _json_chunks(path, chunk_bytes) if layout.json_rows else _line_chunks(path, layout, chunk_bytes)
    line = 1 + layout.skip_lines
    for text, n_bytes in chunks:
        buffer = np.frombuffer(text, dtype=np.uint8)
        yield _block_of(buffer, line, decimals, layout, n_bytes)
        line += int(np.count_nonzero(buffer == _NEWLINE))


def _line_chunks(path: Path, layout: TableLayout, chunk_bytes: int) -> Iterator[tuple[bytes, int]]:
    with path.open("rb") as file:
        rest = file.read(len(_BOM))
        if rest == _BOM:
            rest = b""
        elif layout.skip_lines:
            file.seek(0)
            rest = b""
        for _ in range(layout.skip_lines):
            file.readline(chunk_bytes)
        while True:
            chunk = file.read(chunk_bytes)
            text = rest + chunk
            if chunk:
                cut = text.rfind(b"\n") + 1
                if cut == 0:
                    if len(text) > chunk_bytes:
                        raise InvalidInput(
                            "import.line_too_long", f"a line must be shorter than {chunk_bytes} bytes"
                        )
                    rest = text
                    continue
                text, rest = text[:cut], text[cut:]
            elif text and not text.endswith(b"\n"):
                text += b"\n"
            if text:
                yield (text.translate(None, b'"') if layout.strip_quotes else text), len(text)
            if not chunk:
                return


def _json_chunks(path: Path, chunk_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Yield records of a JSON array of arrays as lines: ``[[1, "2"], [3, "4"]]`` is ``1,2`` and ``3,4``."""
    with path.open("rb") as file:
        rest = b""
        while chunk := file.read(chunk_bytes):
            text = rest + chunk
            cut = text.rfind(b"]") + 1
            if cut == 0:
                if len(text) > chunk_bytes:
                    raise InvalidInput(
                        "import.line_too_long", f"a record must be shorter than {chunk_bytes} bytes"
                    )
                rest = text
                continue
            text, rest = text[:cut], text[cut:]
            n_bytes = len(text)
            lines = text.translate(None, b' "\t\r\n[').replace(b"]]", b"]").replace(b"]", b"\n")
            lines = lines.replace(b"\n,", b"\n").lstrip(b",\n")
            if lines:
                yield lines, n_bytes


def _block_of(
    buffer: ByteArray, first_line: int, decimals: int, layout: TableLayout, n_bytes: int
) -> RowBlock:
    ends = np.flatnonzero(buffer == _NEWLINE)
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)
    line = first_line + np.arange(len(ends), dtype=np.int64)
    ends = ends - (buffer[np.maximum(ends - 1, 0)] == _RETURN)
    real = (ends > starts) & (buffer[starts] != _HASH)
    starts, ends, line = starts[real], ends[real], line[real]
    n_skipped = int(np.count_nonzero(~real))
    marks = np.flatnonzero(buffer == ord(layout.delimiter))
    first_mark = np.searchsorted(marks, starts)
    n_marks = np.searchsorted(marks, ends) - first_mark
    sound = n_marks == layout.n_fields - 1
    n = len(starts)
    faults = np.zeros(n, dtype=np.uint8)
    mark(faults, ~sound, RowFault.FIELDS)
    columns = _Fields(marks, first_mark[sound], starts[sound], ends[sound], layout.n_fields)
    time_s = np.zeros(n, dtype=np.int64)
    prices = np.zeros((len(layout.prices), n), dtype=np.int64)
    volume = np.zeros(n)
    noisy = np.zeros(n, dtype=np.bool_)
    part = np.zeros(int(np.count_nonzero(sound)), dtype=np.uint8)
    time_s[sound] = _times(buffer, columns, layout, part)
    prices[:, sound], noisy[sound] = _prices(buffer, columns, layout, decimals, part)
    volume[sound] = _volume(buffer, columns, layout, part)
    faults[sound] = part
    return RowBlock(
        line=line, time_s=time_s, prices=prices, volume=volume, faults=faults, noisy=noisy,
        n_skipped=n_skipped, n_bytes=n_bytes,
    )  # fmt: skip


class _Fields:
    """Where each field of each sound row begins and ends."""

    def __init__(
        self, marks: Int64Array, first_mark: Int64Array, starts: Int64Array, ends: Int64Array, n_fields: int
    ) -> None:
        self._marks, self._first = marks, first_mark
        self._starts, self._ends, self._n_fields = starts, ends, n_fields

    def __len__(self) -> int:
        return len(self._starts)

    def place(self, column: int) -> tuple[Int64Array, Int64Array]:
        """Return the first byte and the byte after the last of a column's fields."""
        start = self._starts if column == 0 else self._marks[self._first + column - 1] + 1
        last = column == self._n_fields - 1
        return start, self._ends if last else self._marks[self._first + column]


def _times(buffer: ByteArray, columns: _Fields, layout: TableLayout, faults: np.ndarray) -> Int64Array:
    total = np.zeros(len(columns), dtype=np.int64)
    for column in layout.time:
        seconds, ok, whole = read_times(buffer, *columns.place(column), date_order=layout.date_order)
        mark(faults, ~ok, RowFault.TIME)
        mark(faults, ~whole, RowFault.MISALIGNED)
        total += seconds
    if len(layout.time) == 1:
        return total
    mark(faults, np.abs(total) >= 200 * 366 * DAY_S, RowFault.TIME)
    return total


def _prices(
    buffer: ByteArray, columns: _Fields, layout: TableLayout, decimals: int, faults: np.ndarray
) -> tuple[Int64Array, np.ndarray]:
    ticks = np.zeros((len(layout.prices), len(columns)), dtype=np.int64)
    noisy = np.zeros(len(columns), dtype=np.bool_)
    for index, column in enumerate(layout.prices):
        numbers = read_numbers(buffer, *columns.place(column), decimal_mark=ord(layout.decimal_mark))
        grid = ticks_from_numbers(numbers, decimals)
        mark(faults, ~numbers.ok, RowFault.PRICE)
        mark(faults, ~grid.on_grid, RowFault.OFF_GRID)
        ticks[index] = grid.ticks
        noisy |= grid.noisy
    for side in range(0, len(layout.prices), 4):
        check_prices(faults, *ticks[side : side + 4])
    return ticks, noisy


def _volume(buffer: ByteArray, columns: _Fields, layout: TableLayout, faults: np.ndarray) -> np.ndarray:
    if layout.volume is None:
        return np.zeros(len(columns))
    start, end = columns.place(layout.volume)
    values = doubles_from_numbers(read_numbers(buffer, start, end, decimal_mark=ord(layout.decimal_mark)))
    values[end == start] = 0.0
    mark(faults, ~(values >= 0), RowFault.VOLUME)
    return values
