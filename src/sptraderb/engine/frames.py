"""Bars a plan's nodes live on: the run's own, and higher timeframes made of them (rule T3)."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import session_close_s, session_weeks
from sptraderb.domain.candle import Candles
from sptraderb.domain.timeframe import D1, W1, Timeframe
from sptraderb.errors import InvalidInput

Float64Array = npt.NDArray[np.float64]


class Frame:
    """Bars of one timeframe with their prices as float64.

    Parameters
    ----------
    candles : Candles
        The bars.
    """

    def __init__(self, candles: Candles) -> None:
        self.candles = candles

    def __len__(self) -> int:
        return len(self.candles)

    @cached_property
    def session_day(self) -> Float64Array:
        """Session day of each bar as float64."""
        return self.candles.session_days.astype(np.float64)

    def price(self, name: str, *, out: Float64Array | None = None) -> Float64Array:
        """Return a price series: a column, or a mean of columns such as ``hlc3``; one column in ``out``."""
        if name == "volume":
            return self.candles.volume.astype(np.float64)
        columns = _PRICES.get(name)
        if columns is None:
            raise InvalidInput("plan.unknown_op", f"a price must be one of {sorted(_PRICES)}, was `{name}`")
        divisor = 10.0**self.candles.instrument.price_scale * len(columns)
        first = getattr(self.candles, columns[0])
        if len(columns) == 1:
            alone: Float64Array = np.divide(first, divisor, out=out)  # the integers become doubles on the way
            return alone
        total: Float64Array = np.add(first, getattr(self.candles, columns[1]), dtype=np.float64)
        for column in columns[2:]:
            total += getattr(self.candles, column)
        total /= divisor
        return total

    def join(self, values: npt.NDArray[Any], base: "Frame", undefined: float) -> npt.NDArray[Any]:
        """Return values of this frame on the bars of ``base``: the last one available at each close."""
        index = np.searchsorted(self.candles.close_times_s, base.candles.close_times_s, side="right") - 1
        padded = np.append(values, np.array([undefined], dtype=values.dtype))
        return padded[index]


_PRICES = {
    "open": ("open_ticks",),
    "high": ("high_ticks",),
    "low": ("low_ticks",),
    "close": ("close_ticks",),
    "hl2": ("high_ticks", "low_ticks"),
    "hlc3": ("high_ticks", "low_ticks", "close_ticks"),
    "ohlc4": ("open_ticks", "high_ticks", "low_ticks", "close_ticks"),
}


def higher_frame(base: Frame, seconds: int) -> Frame:
    """Return bars of a higher timeframe made of the run's bars.

    A first bar of which the beginning was not loaded is left out; a last one that is not finished is
    there and becomes available never, since no bar of the run closes late enough.

    Raises
    ------
    InvalidInput
        ``plan.timeframe_unsupported`` unless it is a multiple of the run's timeframe.
    """
    candles = base.candles
    timeframe = Timeframe(seconds, f"{seconds}s")
    if not timeframe.is_multiple_of(candles.timeframe) or (seconds > D1.seconds and seconds != W1.seconds):
        raise InvalidInput(
            "plan.timeframe_unsupported",
            f"a series' timeframe must be a multiple of the run's {candles.timeframe}, was {seconds} s",
        )
    if seconds == candles.timeframe.seconds:
        return base
    return Frame(_aggregated(candles, timeframe))


def _aggregated(candles: Candles, timeframe: Timeframe) -> Candles:
    if timeframe.follows_sessions:
        group = (
            candles.session_days if timeframe.seconds == D1.seconds else session_weeks(candles.session_days)
        )
    else:
        group = candles.time_s // timeframe.seconds
    starts = (
        np.flatnonzero(np.diff(group, prepend=group[:1] - 1)) if len(group) else np.empty(0, dtype=np.int64)
    )
    if len(starts) and int(candles.time_s[0]) > _begin_s(candles, timeframe):
        starts = starts[1:]
    if not len(starts):
        return candles.sliced(0, 0)
    first = int(starts[0])
    local = starts - first
    ends = np.append(starts[1:], len(group)) - 1
    sessions = timeframe.follows_sessions
    return Candles(
        instrument=candles.instrument,
        timeframe=timeframe,
        time_s=candles.time_s[starts] if sessions else group[starts] * timeframe.seconds,
        open_ticks=candles.open_ticks[starts],
        high_ticks=np.maximum.reduceat(candles.high_ticks[first:], local),
        low_ticks=np.minimum.reduceat(candles.low_ticks[first:], local),
        close_ticks=candles.close_ticks[ends],
        volume=np.add.reduceat(candles.volume[first:], local),
    )


def _begin_s(candles: Candles, timeframe: Timeframe) -> int:
    """Return when the higher bar that holds the first loaded bar begins."""
    if not timeframe.follows_sessions:
        return int(candles.time_s[0]) // timeframe.seconds * timeframe.seconds
    day = int(candles.session_days[0])
    if timeframe.seconds > D1.seconds:
        day -= (day + 3) % 7  # Monday of the week
    return session_close_s(day - 1, candles.instrument.calendar)
