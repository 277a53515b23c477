"""Candles and PostgreSQL's binary COPY: rows to NumPy columns and back, no Python object per row.

A row of a binary COPY is a field count and, for each field, its length and its bytes, big-endian. Our rows
have no NULL in the columns asked for, so every row is equally wide and a block of them is one structured
array.
"""

import asyncio
import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sptraderb.candles.cache import candles_from_array
from sptraderb.candles.row_block import RowBlock
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.timeframe import Timeframe
from sptraderb.errors import InvariantBroken
from sptraderb.store.pool import Database

BAR_COLUMNS = ("time", "open", "high", "low", "close", "volume")
ASK_BAR_COLUMNS = ("ask_open", "ask_high", "ask_low", "ask_close")

_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
_HEADER = _SIGNATURE + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)
_EPOCH_2000_US = 946_684_800_000_000
_US = 1_000_000
_DECODE_BYTES = 2**20
# A row is a message, and PostgreSQL sends eight kilobytes of them at a time. Waking up for each of those
# costs more than decoding them; a moment later a hundred kilobytes have gathered in the socket.
_GATHERED_BYTES = 100_000
_N_AT_ONCE = 16
_GATHERING_S = 0.001


class BarDecoder:
    """Turns the bytes of a COPY into columns as they arrive.

    Parameters
    ----------
    n_columns : int
        6, or 10 with the ask's prices.
    target : ndarray of shape (n_columns, n_bars), dtype=int64, or None
        Where to put the rows when their number is known; None collects them.
    backwards : bool
        Rows come newest first and fill ``target``, which must be given, from its end.
    """

    def __init__(self, n_columns: int, target: Int64Array | None = None, *, backwards: bool = False) -> None:
        fields = [
            (f"{kind}{index}", code)
            for index in range(n_columns)
            for kind, code in (("l", ">i4"), ("v", ">i8"))
        ]
        self._row = np.dtype([("n", ">i2"), *fields])
        self._n_columns = n_columns
        self._target = target
        self._backwards = backwards
        self._n_pieces = 0
        self._blocks: list[Int64Array] = []
        self._waiting: list[bytes] = []
        self._n_waiting = 0
        self._header_seen = False
        self.n_bars = 0

    async def feed(self, data: bytes) -> None:
        """Take the next bytes; a coroutine because asyncpg awaits its sink."""
        self._waiting.append(data)
        self._n_waiting += len(data)
        if self._n_waiting >= _DECODE_BYTES:
            self._decode()
        self._n_pieces += 1
        if self._n_pieces > _N_AT_ONCE and len(data) < _GATHERED_BYTES:
            await asyncio.sleep(_GATHERING_S)

    def _decode(self) -> None:
        data = b"".join(self._waiting)
        start = 0 if self._header_seen else len(_HEADER)
        self._header_seen = True
        n_rows = max(0, len(data) - start) // self._row.itemsize
        end = start + n_rows * self._row.itemsize
        if n_rows:
            self._take(np.frombuffer(data, dtype=self._row, count=n_rows, offset=start))
        self._waiting, self._n_waiting = [data[end:]], len(data) - end

    def _take(self, rows: npt.NDArray[np.void]) -> None:
        lengths_right = all((rows[f"l{index}"] == 8).all() for index in range(self._n_columns))
        if not lengths_right or not (rows["n"] == self._n_columns).all():
            raise InvariantBroken(
                "candles.copy_malformed", "candle columns must not be NULL in a stored series"
            )
        n_rows = len(rows)
        if self._target is None:
            block = np.empty((self._n_columns, n_rows), dtype=np.int64)
            self._blocks.append(block)
        elif self.n_bars + n_rows > self._target.shape[1]:
            raise InvariantBroken(
                "candles.copy_malformed", "a series must have as many rows as its catalogue says"
            )
        elif self._backwards:
            end = self._target.shape[1] - self.n_bars
            block = self._target[:, end - n_rows : end][:, ::-1]
        else:
            block = self._target[:, self.n_bars : self.n_bars + n_rows]
        for index in range(self._n_columns):
            block[index] = rows[f"v{index}"]
        block[0] += _EPOCH_2000_US
        block[0] //= _US
        self.n_bars += n_rows

    def columns(self) -> Int64Array:
        """Decode what is left and return all rows, shape (n_columns, n_bars)."""
        self._decode()
        if self._target is not None:
            end = self._target.shape[1]
            return self._target[:, end - self.n_bars :] if self._backwards else self._target[:, : self.n_bars]
        if not self._blocks:
            return np.empty((self._n_columns, 0), dtype=np.int64)
        return self._blocks[0] if len(self._blocks) == 1 else np.concatenate(self._blocks, axis=1)


async def copy_bars(
    connection: Database,
    query: str,
    arguments: Sequence[object],
    *,
    n_columns: int,
    target: Int64Array | None = None,
    backwards: bool = False,
) -> Int64Array:
    """Run a query for bars and return its columns.

    Parameters
    ----------
    connection : Connection
        Where to run it.
    query : str
        Selects ``BAR_COLUMNS``, then ``ASK_BAR_COLUMNS`` for ten columns.
    arguments : sequence
        Of the query.
    n_columns : int
        6 or 10.
    target : ndarray or None
        See `BarDecoder`.
    backwards : bool
        See `BarDecoder`.

    Returns
    -------
    ndarray of shape (n_columns, n_bars), dtype=int64
        Time in Unix seconds, prices in ticks, volume as the bits of a float64.
    """
    decoder = BarDecoder(n_columns, target, backwards=backwards)
    await connection.copy_from_query(query, *arguments, output=decoder.feed, format="binary")
    return decoder.columns()


def candles_from_copy(
    columns: Int64Array, *, instrument: Instrument, timeframe: Timeframe, revision: int | None
) -> Candles:
    """Return candles over columns of `copy_bars`."""
    columns.flags.writeable = False
    return candles_from_array(columns, instrument=instrument, timeframe=timeframe, revision=revision)


def encode_rows(block: RowBlock) -> bytes:
    """Return rows for the stage in binary COPY form, without header and trailer.

    Parameters
    ----------
    block : RowBlock
        Sound rows with times in UTC.
    """
    return _encoded([(block.line, 8), *_bar_columns(block), *((prices, 8) for prices in block.prices[4:])])


def encode_series_rows(block: RowBlock, *, instrument_id: int, revision: int, derived: bool = False) -> bytes:
    """Return rows for a series' own table in binary COPY form, in the order of its columns.

    Parameters
    ----------
    block : RowBlock
        Sound rows with times in UTC, ascending.
    instrument_id, revision : int
        The same in every row.
    derived : bool
        Whether the rows are made of finer ones.
    """
    n_rows = len(block)
    return _encoded(
        [
            (np.full(n_rows, instrument_id), 4),
            (np.full(n_rows, int(derived)), 1),
            *_bar_columns(block),
            (np.full(n_rows, revision), 8),
            *((prices, 8) for prices in block.prices[4:]),
        ]
    )


def _bar_columns(block: RowBlock) -> list[tuple[Int64Array, int]]:
    time_us = block.time_s * _US - _EPOCH_2000_US
    return [(time_us, 8), *((prices, 8) for prices in block.prices[:4]), (block.volume.view(np.int64), 8)]


def _encoded(columns: Sequence[tuple[Int64Array, int]]) -> bytes:
    """Return columns of the widths given, in bytes, as rows of a binary COPY."""
    fields: list[tuple[str, str]] = [("n", ">i2")]
    for index, (_, width) in enumerate(columns):
        fields += [(f"l{index}", ">i4"), (f"v{index}", f">i{width}")]
    rows = np.empty(len(columns[0][0]), dtype=np.dtype(fields))
    rows["n"] = len(columns)
    for index, (column, width) in enumerate(columns):
        rows[f"l{index}"] = width
        rows[f"v{index}"] = column
    return rows.tobytes()


COPY_HEADER, COPY_TRAILER = _HEADER, _TRAILER
