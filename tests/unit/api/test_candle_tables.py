"""Arrow in pieces: slice by slice the same table, readable to its end, both sides included."""

import io
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
from arro3.io import read_ipc_stream

from sptraderb.api.candle_tables import stream_arrow
from sptraderb.api.candles_routes import empty_candles
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS, CandleSide
from sptraderb.domain.timeframe import M1
from sptraderb.testing.candle_files import moving_candles


async def sliced(candles: Candles, size: int) -> AsyncIterator[Candles]:
    """Give candles in slices."""
    for first in range(0, len(candles), size):
        yield candles.sliced(first, min(len(candles), first + size))


@pytest.mark.parametrize("size", [1, 333, 5_000])
async def test_arrow_when_streamed_in_slices_then_one_table(size: int) -> None:
    """A reader sees one table of all rows, whatever the slices, and each piece is small."""
    candles = moving_candles(1_000)
    empty = empty_candles(candles.instrument, M1)
    pieces = [piece async for piece in stream_arrow(sliced(candles, size), empty)]
    table = read_ipc_stream(io.BytesIO(b"".join(pieces))).read_all()
    assert np.array_equal(table["time"].to_numpy(), candles.time_s)
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(table[name].to_numpy(), getattr(candles, f"{name}_ticks") / 1e5)
    assert np.array_equal(table["volume"].to_numpy(), candles.volume)
    assert len(pieces) == -(-len(candles) // size) + 2


@pytest.mark.parametrize("side", [CandleSide.BID, CandleSide.BOTH])
async def test_arrow_when_there_are_no_bars_then_an_empty_table_with_its_columns(side: CandleSide) -> None:
    """An empty range is a table, not an empty answer."""
    empty = empty_candles(replace(SEEDED_INSTRUMENTS["EURUSD"], side=side), M1)
    pieces = [piece async for piece in stream_arrow(sliced(empty, 10), empty)]
    table = read_ipc_stream(io.BytesIO(b"".join(pieces))).read_all()
    assert (table.num_rows, table.column_names) == (0, ["time", "open", "high", "low", "close", "volume"])
