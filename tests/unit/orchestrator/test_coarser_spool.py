"""Coarser candles made while rows pass: the same as made of the whole, wherever the blocks are cut."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptraderb.candles.resample import resample
from sptraderb.candles.row_block import RowBlock
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS, CandleSide
from sptraderb.domain.timeframe import H1, H4, H12, M1, M5, M15, Timeframe
from sptraderb.orchestrator.coarser_spool import CoarserSpool
from sptraderb.orchestrator.derive_candles import block_of
from sptraderb.testing.candle_files import moving_candles


async def drain(rows: AsyncIterator[bytes]) -> None:
    """Take all there is."""
    async for _ in rows:
        pass


def collector_of(blocks: list[RowBlock]) -> Callable[[RowBlock], bytes]:
    """Return an encoder that keeps what it is given."""

    def collect(block: RowBlock) -> bytes:
        blocks.append(block)
        return b""

    return collect


def spooled(candles: Candles, cuts: list[int]) -> dict[Timeframe, np.ndarray]:
    """Return the columns of each coarser timeframe, made of blocks between the cuts."""
    spool = CoarserSpool(candles.instrument, candles.timeframe)
    edges = [0, *sorted(cuts), len(candles)]
    for first, last in pairwise(edges):
        spool.add(block_of(candles.sliced(first, last)))
    spool.finish()
    n_prices = 8 if candles.instrument.side is CandleSide.BOTH else 4
    made: dict[Timeframe, list[RowBlock]] = {}
    for timeframe, level in spool.levels.items():
        blocks = made.setdefault(timeframe, [])
        asyncio.run(drain(level.rows(n_prices, collector_of(blocks))))
        assert level.n_rows == sum(len(block) for block in blocks)
        assert (level.first_s, level.last_s) == (blocks[0].time_s[0], blocks[-1].time_s[-1])
    spool.close()
    return {
        timeframe: np.vstack(
            [
                np.concatenate([block.time_s for block in blocks]),
                np.concatenate([block.volume for block in blocks]),
                np.concatenate([block.prices for block in blocks], axis=1),
            ]
        )
        for timeframe, blocks in made.items()
    }


def columns_of(candles: Candles) -> np.ndarray:
    """Return candles as the rows that are stored."""
    names = (*PRICE_COLUMNS, *(ASK_COLUMNS if candles.ask_open_ticks is not None else ()))
    return np.vstack([candles.time_s, candles.volume, *(getattr(candles, name) for name in names)])


@given(cuts=st.lists(st.integers(0, 3_000), max_size=12))
def test_spool_when_rows_come_in_blocks_then_as_made_of_the_whole(cuts: list[int]) -> None:
    """No cut changes a bar, of any timeframe."""
    candles = moving_candles(3_000)
    for timeframe, columns in spooled(candles, cuts).items():
        assert np.array_equal(columns, columns_of(resample(candles, timeframe))), timeframe


@pytest.mark.parametrize(
    ("native", "coarser"),
    [
        (M1, [M5, M15, H1, H4, H12]),
        (M5, [M15, H1, H4, H12]),
        (M15, [H1, H4, H12]),
        (H1, [H4, H12]),
        (H12, []),
    ],
)
def test_spool_when_opened_then_the_timeframes_kept_beside_the_native_one(
    native: Timeframe, coarser: list[Timeframe]
) -> None:
    """Each timeframe that is stored and coarser is made."""
    made = spooled(moving_candles(400, timeframe=native), [100])
    assert list(made) == coarser


def test_spool_when_both_sides_then_the_asks_as_well() -> None:
    """Bid and ask go the same way."""
    plain = moving_candles(900)
    both = replace(SEEDED_INSTRUMENTS["EURUSD"], side=CandleSide.BOTH)
    columns = {name: getattr(plain, name) for name in ("time_s", "volume", *PRICE_COLUMNS)}
    columns |= {ask: getattr(plain, bid) + 7 for bid, ask in zip(PRICE_COLUMNS, ASK_COLUMNS, strict=True)}
    candles = Candles.from_columns(columns, instrument=both, timeframe=M1)
    for timeframe, found in spooled(candles, [13, 512]).items():
        assert np.array_equal(found, columns_of(resample(candles, timeframe)))
