"""Candles as Arrow streams and Parquet files, for readers that compute.

The columns are ``time`` (int64 seconds), the four prices and ``volume`` (float64).
"""

import io
from typing import Any

import numpy as np
from arro3.core import Array, RecordBatch, Table
from arro3.io import write_ipc_stream, write_parquet

from sptraderb.domain.candle import Candles


def arrow_stream(candles: Candles) -> bytes:
    """Return candles as an Arrow IPC stream."""
    sink = io.BytesIO()
    write_ipc_stream(_table(candles), sink)
    return sink.getvalue()


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
    return Table.from_batches([batch])
