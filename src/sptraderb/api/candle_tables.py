"""Candles as Arrow streams and Parquet files, for readers that compute.

The columns are ``time`` (int64 seconds), the four prices and ``volume`` (float64).
"""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from arro3.core import Array, RecordBatch, Table
from arro3.io import write_ipc_stream, write_parquet

from sptraderb.domain.candle import Candles

_END_BYTES = 8


def arrow_stream(candles: Candles) -> bytes:
    """Return candles as an Arrow IPC stream."""
    sink = io.BytesIO()
    write_ipc_stream(_table(candles), sink)
    return sink.getvalue()


async def stream_arrow(slices: AsyncIterator[Candles], empty: Candles) -> AsyncIterator[bytes]:
    """Yield an Arrow IPC stream piece by piece, one record batch for each slice, so that memory is one slice.

    Parameters
    ----------
    slices : async iterator of Candles
        In the order in which they are to be written.
    empty : Candles
        No bars of the same series, for the schema.

    Notes
    -----
    A stream is the schema, the batches, and an end mark of eight bytes; each slice is written as a stream of
    its own in a thread, and gives its middle.
    """
    whole = arrow_stream(empty)
    schema, end = whole[:-_END_BYTES], whole[-_END_BYTES:]
    yield schema
    async for candles in slices:
        if len(candles):
            batch = await asyncio.to_thread(arrow_stream, candles)
            yield batch[len(schema) : -_END_BYTES]
    yield end


def parquet_file(candles: Candles) -> bytes:
    """Return candles as a Parquet file."""
    sink = io.BytesIO()
    write_parquet(_table(candles), sink)
    return sink.getvalue()


def _table(candles: Candles) -> Table:
    divisor = 10.0**candles.instrument.price_scale
    columns: dict[str, Any] = {"time": Array.from_numpy(np.ascontiguousarray(candles.time_s))}
    for name in ("open", "high", "low", "close"):
        columns[name] = Array.from_numpy(getattr(candles, f"{name}_ticks") / divisor)
    columns["volume"] = Array.from_numpy(np.ascontiguousarray(candles.volume))
    batch = RecordBatch.from_pydict(columns)
    return Table.from_batches([batch] if len(candles) else [], schema=batch.schema)
