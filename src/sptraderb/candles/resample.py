"""Coarser candles from finer ones: first open, highest high, lowest low, last close, sum of volume.

Prices are integers, so they are exact. Volumes are added as decimals where they are some (up to 8 places),
so that the sum does not depend on the way it was reached: 1h from 5m equals 1h from 15m.
"""

from collections.abc import Sequence

import numpy as np

from sptraderb.candles.number_text import BoolArray
from sptraderb.domain.calendar import Int64Array, session_close_s, session_days, session_weeks
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles, Float64Array
from sptraderb.domain.timeframe import D1, Timeframe

_MAX_VOLUME_DECIMALS = 8
_MAX_EXACT_DOUBLE = 2**53


def resample(candles: Candles, timeframe: Timeframe) -> Candles:
    """Return candles of a longer timeframe.

    Parameters
    ----------
    candles : Candles
        Finer candles of one symbol, whose length divides ``timeframe`` (hours or less for days and weeks).
    timeframe : Timeframe
        Up to 12h on the 00:00 UTC grid; 1d and 1w are session days and weeks (T4) that open with their
        session, whether or not a bar trades at that moment.

    Notes
    -----
    A bucket without a bar gives no candle (T5); one with fewer bars than it could have gives one of those.
    O(n_bars).
    """
    keys = bucket_opens(candles, timeframe)
    starts = _starts(keys)
    if len(starts) == 0:
        return candles_like(candles, timeframe, {name: np.empty(0) for name in ("time_s", "volume")}, starts)
    columns = {"time_s": keys[starts], "volume": sum_volume(candles.volume, starts)}
    return candles_like(candles, timeframe, columns, starts)


def joined(one: Candles, other: Candles) -> Candles:
    """Return candles of one series followed by later ones of it."""
    names = ("time_s", "volume", *PRICE_COLUMNS, *(ASK_COLUMNS if one.ask_open_ticks is not None else ()))
    columns = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in names}
    return Candles.from_columns(
        columns, instrument=one.instrument, timeframe=one.timeframe, revision=one.revision
    )


def candles_like(
    candles: Candles, timeframe: Timeframe, columns: dict[str, np.ndarray], starts: Int64Array
) -> Candles:
    """Return the buckets that begin at ``starts`` as candles, given their times and volumes."""
    for names in (PRICE_COLUMNS, ASK_COLUMNS):
        prices = [getattr(candles, name) for name in names]
        if prices[0] is None:
            continue
        merged = _merge_prices(prices, starts) if len(starts) else [np.empty(0, dtype=np.int64)] * 4
        columns |= dict(zip(names, merged, strict=True))
    return Candles.from_columns(
        columns, instrument=candles.instrument, timeframe=timeframe, revision=candles.revision
    )


def _merge_prices(prices: Sequence[Int64Array], starts: Int64Array) -> list[Int64Array]:
    open_, high, low, close = prices
    ends = np.append(starts[1:], len(open_)) - 1
    return [open_[starts], np.maximum.reduceat(high, starts), np.minimum.reduceat(low, starts), close[ends]]


def bucket_opens(candles: Candles, timeframe: Timeframe) -> Int64Array:
    """Return the open time of the longer candle each bar belongs to, shape (n_bars,)."""
    if not timeframe.follows_sessions:
        return candles.time_s - candles.time_s % timeframe.seconds
    calendar = candles.instrument.calendar
    days = session_days(candles.time_s + candles.timeframe.seconds, calendar)
    if timeframe != D1:
        weeks = session_weeks(days)
        days = weeks * 7 - 3
    unique, inverse = np.unique(days, return_inverse=True)
    opens = np.array([session_close_s(int(day) - 1, calendar) for day in unique], dtype=np.int64)
    return opens[inverse] if len(unique) else np.empty(0, dtype=np.int64)


def _starts(keys: Int64Array) -> Int64Array:
    if len(keys) == 0:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate([[True], np.diff(keys) != 0])).astype(np.int64)


def sum_volume(volume: Float64Array, starts: Int64Array) -> Float64Array:
    """Return the sum of each stretch of volumes, exact where they are decimals.

    Parameters
    ----------
    volume : ndarray of shape (n,), dtype=float64
        Not negative.
    starts : ndarray of shape (m,), dtype=int64
        Where each stretch begins.

    Notes
    -----
    A stretch whose volumes are decimals of at most 8 places with a sum below 2^53 units of the last place
    gives the double nearest to the true sum; any other the plain sum of doubles.
    """
    sums = np.add.reduceat(volume, starts)
    undone = np.ones(len(starts), dtype=np.bool_)
    for decimals in (0, 2, _MAX_VOLUME_DECIMALS):
        exact = _exact_sums(volume, starts, decimals)
        better = undone & exact[1]
        sums[better] = exact[0][better]
        undone &= ~better
        if not undone.any():
            break
    return sums


def _exact_sums(volume: Float64Array, starts: Int64Array, decimals: int) -> tuple[Float64Array, BoolArray]:
    factor = 10.0**decimals
    units = np.rint(volume * factor)
    fits = (units / factor == volume) & (units < _MAX_EXACT_DOUBLE)
    totals = np.add.reduceat(np.where(fits, units, 0.0), starts)
    whole = np.logical_and.reduceat(fits, starts) & (totals < _MAX_EXACT_DOUBLE)
    return totals / factor, whole
