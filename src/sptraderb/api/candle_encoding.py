"""Candles on the wire: JSON, CSV, Arrow and Parquet, encoded slice by slice.

Prices leave as exactly the stored decimal: in JSON the double nearest to ticks / 10^scale, whose
shortest text is that decimal below 10^15 ticks; in CSV the decimal itself.

A slice is a thousand bars, a small part of a millisecond of work, so that other requests go on; what is
packed is packed in a thread.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import msgspec

from sptraderb.api.candle_text import candle_lines
from sptraderb.api.media_types import CSV, JSON
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.fixed import text_from_ticks

SLICE_BARS = 1_000
PAUSE_S = 0.001
"""Between two pieces. A request takes several turns of the event loop, and with nothing but a turn between
pieces each of them waits for a piece of every stream: /health beside two streams takes half as long so."""

GZIP_LEVEL = 1
_GZIP_WINDOW = 31
_PACKED_BYTES = 2**18
CSV_HEADER = b"time,open,high,low,close,volume\n"

_CSV_PIECES = (b"", b",", b",", b",", b",", b",", b"\n")
_JSON_PIECES = (b'{"time":', b',"open":', b',"high":', b',"low":', b',"close":', b',"volume":', b"},")

EncodeSlice = Callable[[Candles], bytes]


class CandleRow(msgspec.Struct, frozen=True, gc=False):
    """One candle.

    Parameters
    ----------
    time : int
        Open time, Unix seconds UTC.
    open, high, low, close : float
        Prices, exactly the stored decimals.
    volume : float
        As the source counts it.
    """

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def newest_first(candles: Candles) -> Candles:
    """Return the bars in the opposite order, to be written only: nothing but an encoder takes them so."""
    columns = {
        name: value[::-1]
        for name in ("time_s", *PRICE_COLUMNS, "volume", *ASK_COLUMNS)
        if (value := getattr(candles, name)) is not None
    }
    return replace(candles, **columns)


def candle_rows_of(candles: Candles) -> list[CandleRow]:
    """Return candles as rows."""
    divisor = 10.0**candles.instrument.price_scale
    columns = (candles.open_ticks, candles.high_ticks, candles.low_ticks, candles.close_ticks)
    prices = [(ticks / divisor).tolist() for ticks in columns]
    values = zip(candles.time_s.tolist(), *prices, candles.volume.tolist(), strict=True)
    return [CandleRow(*row) for row in values]


def encode_json_rows(candles: Candles) -> bytes:
    """Return candles as JSON objects joined by commas, without the brackets of the array.

    Notes
    -----
    Prices have all decimals of the instrument. About 0.1 microseconds a candle, 0.6 where a slice has to be
    written row by row.
    """
    lines = candle_lines(candles, _JSON_PIECES)
    if lines is not None:
        return lines[:-1]
    return msgspec.json.encode(candle_rows_of(candles))[1:-1]


def encode_csv_rows(candles: Candles) -> bytes:
    """Return candles as CSV lines, prices as exact decimal text, volumes as the shortest exact one."""
    lines = candle_lines(candles, _CSV_PIECES)
    if lines is not None:
        return lines
    scale = candles.instrument.price_scale
    columns = (candles.open_ticks, candles.high_ticks, candles.low_ticks, candles.close_ticks)
    prices = [[text_from_ticks(value, scale) for value in ticks.tolist()] for ticks in columns]
    rows = zip(candles.time_s.tolist(), *prices, candles.volume.tolist(), strict=True)
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def encode_array(candles: Candles) -> bytes:
    """Return candles as one JSON array."""
    return b"[" + b",".join(encode_json_rows(part) for part in in_parts(candles)) + b"]"


async def stream_rows(slices: AsyncIterator[Candles], media_type: str) -> AsyncIterator[bytes]:
    """Yield a text of candles piece by piece; between pieces other requests are served.

    Parameters
    ----------
    slices : async iterator of Candles
        In the order in which they are to be written.
    media_type : {'application/json', 'text/csv'}
        What to write.
    """
    encode: EncodeSlice = encode_csv_rows if media_type == CSV else encode_json_rows
    glue = b"," if media_type == JSON else b""
    yield b"[" if media_type == JSON else CSV_HEADER
    is_first = True
    async for candles in slices:
        for part in in_parts(candles):
            piece = encode(part)
            yield piece if is_first else glue + piece
            is_first = False
            await asyncio.sleep(PAUSE_S)
    if media_type == JSON:
        yield b"]"


async def compressed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield gzip of the pieces.

    Notes
    -----
    zlib lets other threads run, so the pieces are packed in one, a quarter of a megabyte at a time.
    """
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    waiting: list[bytes] = []
    n_waiting = 0
    async for piece in pieces:
        waiting.append(piece)
        n_waiting += len(piece)
        if n_waiting >= _PACKED_BYTES:
            packed = await asyncio.to_thread(packer.compress, b"".join(waiting))
            waiting, n_waiting = [], 0
            if packed:
                yield packed
    yield await asyncio.to_thread(_last_packed, packer, b"".join(waiting))


def _last_packed(packer: "zlib._Compress", data: bytes) -> bytes:
    return packer.compress(data) + packer.flush()


def in_parts(candles: Candles, n_bars: int = SLICE_BARS) -> Iterator[Candles]:
    """Yield candles in parts of so many bars, the last one as many as are left."""
    for start in range(0, len(candles), n_bars):
        yield candles.sliced(start, start + n_bars)
