"""Which finer candles tell the course of a run's bars (X6), and reading them.

The finest stored series below the run's timeframe is taken, as long as it is not too long to be held. Both
are read at one revision: the later of the two, at which the run's own bars are the same.
"""

import dataclasses

from sptraderb.candles.cache import CandleCache
from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.candle import Candles
from sptraderb.domain.order import OrderKind
from sptraderb.domain.plan import Plan
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.timeframe import Timeframe, parse_timeframe
from sptraderb.errors import CandlesUnusable
from sptraderb.store.candle_rows import read_candles, read_metadata
from sptraderb.store.pool import Database

MOST_BARS = 6_000_000
"""Finer bars a run may hold: ten years of minutes; beyond, the next coarser series is asked."""


def has_paths(plan: Plan, request: BacktestRequest) -> bool:
    """Return whether the course inside a bar may decide anything: attached levels or resting orders."""
    profiles = (request.profile, *request.more_profiles)
    if all(PROFILES[name].walks_ohlc and not PROFILES[name].walks_finer for name in profiles):
        return False
    return any(rule.order.kind is not OrderKind.MARKET or rule.exits.distances() for rule in plan.entries)


async def read_finer(
    database: Database,
    request: BacktestRequest,
    candles: Candles,
    *,
    cache: CandleCache | None = None,
    n_shared: int = 1,
) -> Candles | None:
    """Return the finer candles under a run's bars, None where none are stored.

    Parameters
    ----------
    database : Pool or Connection
        Where they are.
    request : BacktestRequest
        Its ``data_revision`` pins them too.
    candles : Candles
        The run's bars, as stored.
    cache : CandleCache, optional
        For the candles.
    n_shared : int
        How many symbols hold finer candles in one run; together they stay below `MOST_BARS`.

    Returns
    -------
    Candles or None
        Of the same symbol, from the first bar's open to the last bar's close.
    """
    symbol, span_s = candles.instrument.symbol, int(candles.close_times_s[-1] - candles.time_s[0])
    known = await read_metadata(database, symbol)
    for name in known.timeframes:
        finer = parse_timeframe(name)
        if not _divides(finer, candles.timeframe) or span_s // finer.seconds * n_shared > MOST_BARS:
            continue
        try:
            return await read_candles(
                database,
                symbol,
                finer,
                int(candles.time_s[0]),
                int(candles.close_times_s[-1]) - 1,
                revision=request.data_revision,
                cache=cache,
            )
        except CandlesUnusable:
            # Finer candles only help: the run does without what cannot be read exactly.
            continue
    return None


def at_later_revision(candles: Candles, finer: Candles | None) -> Candles:
    """Return candles that carry the later of two revisions, at which both can be read again."""
    if finer is None or finer.revision is None or candles.revision is None:
        return candles
    return dataclasses.replace(candles, revision=max(candles.revision, finer.revision))


def _divides(finer: Timeframe, timeframe: Timeframe) -> bool:
    return finer.seconds < timeframe.seconds and timeframe.is_multiple_of(finer)
