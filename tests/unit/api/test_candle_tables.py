"""Arrow and Parquet in pieces: slice by slice the same table, readable to its end, both sides included."""

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from arro3.io import read_ipc_stream, read_parquet

from sptraderb.api.candle_tables import ARROW_BARS, spooled_parquet, stream_arrow
from sptraderb.api.candles_routes import empty_candles
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS, CandleSide
from sptraderb.domain.timeframe import M1
from sptraderb.errors import CandlesUnusable
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


async def test_arrow_when_slices_are_long_then_its_batches_are_short() -> None:
    """The library holds all threads while it writes, so it is given few bars at a time."""
    candles = moving_candles(2 * ARROW_BARS + 1)
    empty = empty_candles(candles.instrument, M1)
    pieces = [piece async for piece in stream_arrow(sliced(candles, len(candles)), empty)]
    assert len(pieces) == 3 + 2
    table = read_ipc_stream(io.BytesIO(b"".join(pieces))).read_all()
    assert np.array_equal(table["time"].to_numpy(), candles.time_s)


@pytest.mark.parametrize("n_bars", [1, 25_500])
async def test_parquet_when_read_back_then_one_table_in_row_groups(tmp_path: Path, n_bars: int) -> None:
    """Every value is there, whatever the slices, and nothing is left on the disk."""
    candles = moving_candles(n_bars)
    empty = empty_candles(candles.instrument, M1)
    file = await spooled_parquet(sliced(candles, 7_000), empty, tmp_path / "spool")
    whole = b"".join([piece async for piece in file])
    table = read_parquet(io.BytesIO(whole)).read_all()
    assert table.column_names == ["time", "open", "high", "low", "close", "volume"]
    assert np.array_equal(table["time"].to_numpy(), candles.time_s)
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(table[name].to_numpy(), getattr(candles, f"{name}_ticks") / 1e5)
    assert np.array_equal(table["volume"].to_numpy(), candles.volume)
    assert list((tmp_path / "spool").iterdir()) == []


async def test_parquet_when_there_are_no_bars_then_an_empty_table(tmp_path: Path) -> None:
    """An empty range is a table, not an empty answer."""
    empty = empty_candles(SEEDED_INSTRUMENTS["EURUSD"], M1)
    file = await spooled_parquet(sliced(empty, 10), empty, tmp_path)
    table = read_parquet(io.BytesIO(b"".join([piece async for piece in file]))).read_all()
    assert (table.num_rows, table.column_names[:2]) == (0, ["time", "open"])


async def test_parquet_when_the_rows_cannot_be_read_then_it_fails_before_the_answer_begins(
    tmp_path: Path,
) -> None:
    """What is wrong with stored rows reaches the client as a problem, not as half a file."""
    candles = moving_candles(10)

    async def broken() -> AsyncIterator[Candles]:
        yield candles
        raise CandlesUnusable("candles.adopted_off_scale", "prices must be on the grid, 1 was not")

    with pytest.raises(CandlesUnusable, match="on the grid"):
        await spooled_parquet(broken(), empty_candles(candles.instrument, M1), tmp_path)
