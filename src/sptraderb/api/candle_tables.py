"""Candles as Arrow streams and Parquet files, for readers that compute.

The columns are ``time`` (int64 seconds), the four prices and ``volume`` (float64). The library that writes
them lets no other thread run meanwhile, so it is given few bars at a time.
"""

import asyncio
import io
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from arro3.core import Array, RecordBatch, RecordBatchReader, Table
from arro3.io import write_ipc_stream, write_parquet

from sptraderb.api.candle_encoding import PAUSE_S, in_parts
from sptraderb.domain.candle import Candles

ARROW_BARS = 4_000
"""Bars of a record batch: a third of a millisecond."""

_END_BYTES = 8
_PARQUET_BARS = 1_000
_ROW_GROUP_BARS = 10_000
_THREAD_PAUSE_S = 50e-6
_READ_BYTES = 2**17


def arrow_stream(candles: Candles) -> bytes:
    """Return candles as an Arrow IPC stream."""
    sink = io.BytesIO()
    batch = _batch(candles)
    write_ipc_stream(Table.from_batches([batch] if len(candles) else [], schema=batch.schema), sink)
    return sink.getvalue()


async def stream_arrow(slices: AsyncIterator[Candles], empty: Candles) -> AsyncIterator[bytes]:
    """Yield an Arrow IPC stream piece by piece, a record batch each, so that memory is one slice.

    Parameters
    ----------
    slices : async iterator of Candles
        In the order in which they are to be written.
    empty : Candles
        No bars of the same series, for the schema.

    Notes
    -----
    A stream is the schema, the batches, and an end mark of eight bytes; each batch is written as a stream of
    its own and gives its middle.
    """
    whole = arrow_stream(empty)
    schema, end = whole[:-_END_BYTES], whole[-_END_BYTES:]
    yield schema
    async for candles in slices:
        for part in in_parts(candles, ARROW_BARS):
            yield arrow_stream(part)[len(schema) : -_END_BYTES]
            await asyncio.sleep(PAUSE_S)
    yield end


async def spooled_parquet(
    slices: AsyncIterator[Candles], empty: Candles, folder: Path
) -> AsyncIterator[bytes]:
    """Write a Parquet file to disk, row group by row group, and return its bytes piece by piece.

    Parameters
    ----------
    slices : async iterator of Candles
        In the order in which they are to be written.
    empty : Candles
        No bars of the same series, for the schema.
    folder : Path
        Where the file is while it is sent; it has no name there.

    Notes
    -----
    The writer wants a thread until the file is whole. On disk it ends at once, however slowly the client
    reads, and memory is one row group. What goes wrong is raised here, before the answer has begun.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed with the last piece
    spool = _Spool(file)
    try:
        await asyncio.to_thread(_write, spool, slices, empty, asyncio.get_running_loop())
    except asyncio.CancelledError as gone:
        # The thread writes on until it sees this.
        spool.error = gone
        raise
    return _pieces(file)


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while piece := file.read(_READ_BYTES):
            yield piece
            await asyncio.sleep(0)


class _Spool(io.RawIOBase):
    """A file that a writer which cannot bear an error writes to: the first one is kept for later."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: BaseException | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.error is None:
            try:
                self.file.write(data)
            except OSError as error:
                self.error = error
        return len(data)


def _write(
    spool: _Spool, slices: AsyncIterator[Candles], empty: Candles, loop: asyncio.AbstractEventLoop
) -> None:
    reader = RecordBatchReader.from_batches(_batch(empty).schema, _batches(slices, loop, spool))
    write_parquet(
        reader,
        cast(BinaryIO, spool),
        compression="snappy",
        max_row_group_size=_ROW_GROUP_BARS,
        write_batch_size=_PARQUET_BARS,
    )
    if spool.error is not None:
        spool.file.close()
        raise spool.error
    spool.file.seek(0)


def _batches(
    slices: AsyncIterator[Candles], loop: asyncio.AbstractEventLoop, spool: _Spool
) -> Iterator[RecordBatch]:
    """Yield slices that the event loop brings, in parts; between two of them other threads run."""
    while spool.error is None:
        try:
            candles = asyncio.run_coroutine_threadsafe(_next(slices), loop).result()
        except Exception as error:
            spool.error = error
            return
        if candles is None:
            return
        for part in in_parts(candles, _PARQUET_BARS):
            time.sleep(_THREAD_PAUSE_S)
            yield _batch(part)


async def _next(slices: AsyncIterator[Candles]) -> Candles | None:
    return await anext(slices, None)


def _batch(candles: Candles) -> RecordBatch:
    divisor = 10.0**candles.instrument.price_scale
    columns: dict[str, Any] = {"time": Array.from_numpy(np.ascontiguousarray(candles.time_s))}
    for name in ("open", "high", "low", "close"):
        columns[name] = Array.from_numpy(getattr(candles, f"{name}_ticks") / divisor)
    columns["volume"] = Array.from_numpy(np.ascontiguousarray(candles.volume))
    return RecordBatch.from_pydict(columns)
