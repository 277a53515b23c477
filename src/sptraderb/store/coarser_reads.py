"""Timeframes that are not stored, made on the way out: bars of the stored series a few at a time.

A server makes them in its event loop, so a step is small (`STEP_BARS`), and a page reads no more of the
stored series than its bars can hold.
"""

import asyncio
from collections.abc import AsyncIterator

from sptraderb.candles.resample import bucket_opens, joined, resample
from sptraderb.domain.candle import Candles
from sptraderb.domain.timeframe import Timeframe
from sptraderb.store.pool import Database
from sptraderb.store.series_bars import BEGIN_S, BarRange, read_page
from sptraderb.store.series_rows import SeriesState

STEP_BARS = 2_500
_LONGEST_DAY_MORE_S = 3_600
_SPARE_BUCKETS = 5


async def made_bars(
    source: AsyncIterator[Candles], timeframe: Timeframe, wanted: BarRange, *, descending: bool
) -> AsyncIterator[Candles]:
    """Yield the wanted bars of a longer timeframe, made of the slices of a stored one.

    Parameters
    ----------
    source : async iterator of Candles
        Slices, each ascending; the last one comes first if ``descending``.
    timeframe : Timeframe
        Longer than theirs.
    wanted : BarRange
        Which of the bars made; the slices hold all that these are made of.
    descending : bool
        Whether the slices come last first.

    Notes
    -----
    The bars at the edge of a slice wait for the next one.
    """
    edge: Candles | None = None
    async for candles in source:
        bars = candles
        if edge is not None:
            bars = joined(candles, edge) if descending else joined(edge, candles)
        cut = _edge_of(bars, timeframe, at_front=descending)
        whole, edge = bars.sliced(cut, len(bars)), bars.sliced(0, cut)
        if not descending:
            whole, edge = edge, whole
        if len(whole):
            yield wanted.cut(resample(whole, timeframe))
        await asyncio.sleep(0)
    if edge is not None:
        yield wanted.cut(resample(edge, timeframe))


def _edge_of(bars: Candles, timeframe: Timeframe, *, at_front: bool) -> int:
    """Return where the last bucket begins; ``at_front``: where the first one ends."""
    opens = bucket_opens(bars, timeframe)
    return int(opens.searchsorted(opens[0], side="right") if at_front else opens.searchsorted(opens[-1]))


def made_page(whole: Candles, state: SeriesState, wanted: BarRange, *, limit: int, back: bool) -> Candles:
    """Return the first (``back``: the last) wanted bars, made of a mapped source series.

    Returns
    -------
    Candles
        ``limit`` and some more if there are so many.
    """
    low_s, high_s = _source_bounds(state, wanted)
    low = int(whole.time_s.searchsorted(low_s))
    high = int(whole.time_s.searchsorted(high_s, side="right"))
    n_rows = _n_source_rows(state, limit)
    bars = whole.sliced(max(low, high - n_rows), high) if back else whole.sliced(low, min(high, low + n_rows))
    return _made(bars, state, wanted, is_cut=high - low > n_rows, back=back)


async def read_made_page(
    database: Database, state: SeriesState, wanted: BarRange, *, limit: int, back: bool
) -> Candles:
    """Return what `made_page` does, of rows read from the database."""
    low_s, high_s = _source_bounds(state, wanted)
    n_rows = _n_source_rows(state, limit)
    source = BarRange(start_s=low_s, end_s=high_s)
    bars = await read_page(database, state, source, limit=n_rows, back=back)
    return await asyncio.to_thread(_made, bars, state, wanted, is_cut=len(bars) == n_rows, back=back)


def source_range(state: SeriesState, wanted: BarRange) -> BarRange:
    """Return the range of the stored series that the wanted bars are made of."""
    low_s, high_s = _source_bounds(state, wanted)
    return BarRange(start_s=low_s, end_s=high_s)


def _source_bounds(state: SeriesState, wanted: BarRange) -> tuple[int, int]:
    # A bar that opens in the range has nothing before it.
    low_s = BEGIN_S if wanted.start_s is None else wanted.start_s
    return low_s, wanted.source_bounds(state.timeframe)[1]


def _n_source_rows(state: SeriesState, limit: int) -> int:
    """Return how many rows surely hold so many longer bars, and those that a range may cut."""
    longest_s = state.timeframe.seconds + (_LONGEST_DAY_MORE_S if state.timeframe.follows_sessions else 0)
    return (limit + _SPARE_BUCKETS) * -(-longest_s // state.source.seconds)


def _made(bars: Candles, state: SeriesState, wanted: BarRange, *, is_cut: bool, back: bool) -> Candles:
    made = resample(bars, state.timeframe)
    if is_cut and len(made):
        made = made.sliced(1, len(made)) if back else made.sliced(0, len(made) - 1)
    return wanted.cut(made)
