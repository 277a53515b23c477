"""How long a market is open between two moments, so that a gap can be told from a closed market.

FX: Sunday 17:00 to Friday 17:00 New York without the closures of `holidays`. Metals the same, with more
holidays and without the daily hour from 17:00. Crypto: always. An instrument of an exchange: the sessions of
that exchange (`exchange_hours`), to the minute; beyond its table nothing is due.
"""

from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from sptraderb.candles.exchange_hours import sessions_of
from sptraderb.candles.holidays import Closure, fx_closures, metal_closures
from sptraderb.candles.timezones import HOUR_S, local_from_utc
from sptraderb.domain.calendar import DAY_S, NEW_YORK, CalendarName, Int64Array
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.timeframe import Timeframe

_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_LONG_CLOSURE_S = 12 * HOUR_S
_EDGE_S = HOUR_S
WEEK_S = 7 * DAY_S
_FOREVER_S = 2**40
_FRIDAY_CLOSE_S = DAY_S + 17 * HOUR_S
"""From Thursday 1970-01-01 00:00 on."""


class ClosedSpans:
    """Stretches in which a market is closed, put in order and joined where they meet.

    Parameters
    ----------
    starts, ends : ndarray of shape (n,), dtype=int64
        Seconds on the clock of the market, in any order; the end is not in the span.
    """

    def __init__(self, starts: Int64Array, ends: Int64Array) -> None:
        order = np.argsort(starts, kind="stable")
        starts, reach = starts[order], np.maximum.accumulate(ends[order])
        begins = np.ones(len(starts), dtype=np.bool_)
        begins[1:] = starts[1:] > reach[:-1]
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(starts)) - 1 if len(first) else first
        never = np.array([-2 * _FOREVER_S], dtype=np.int64)
        self.starts = np.concatenate([never, starts[first]]).astype(np.int64)
        self.ends = np.concatenate([never, reach[last]]).astype(np.int64)
        self._lengths = self.ends - self.starts
        self._before = np.cumsum(self._lengths) - self._lengths

    def seconds_before(self, clock_s: Int64Array) -> Int64Array:
        """Return how many seconds were closed up to each moment."""
        index = np.searchsorted(self.starts, clock_s, side="right") - 1
        inside = np.minimum(clock_s - self.starts[index], self._lengths[index])
        return np.asarray(self._before[index] + inside, dtype=np.int64)

    def widened(self) -> "ClosedSpans":
        """Return them with the hour around each long one, in which brokers may be closed as well."""
        extra = np.where(self._lengths >= _LONG_CLOSURE_S, _EDGE_S, 0)
        return ClosedSpans(self.starts - extra, self.ends + extra)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketHours:
    """When a market is open.

    Parameters
    ----------
    closed : ClosedSpans
        When it is not.
    always_closed : ClosedSpans
        The same with the edges of long closures: outside of these every broker is open.
    place : ZoneInfo or None
        The clock of the spans; None = UTC.
    session_s : int
        Open seconds of a usual session day.
    sessions_a_week : int
        Session days of a usual week.
    """

    closed: ClosedSpans
    always_closed: ClosedSpans
    place: ZoneInfo | None
    session_s: int
    sessions_a_week: int

    def open_seconds(self, time_s: Int64Array, *, needed: bool = False) -> Int64Array:
        """Return how many seconds the market was open up to each time, from a fixed origin.

        Parameters
        ----------
        time_s : ndarray of shape (n,), dtype=int64
            Unix seconds UTC.
        needed : bool
            Leaves out the hours next to long closures, in which some brokers are closed.

        Notes
        -----
        Differences are what counts. Clocks in New York change while FX is closed, so local time measures open
        hours exactly.
        """
        if len(time_s) == 0:
            return time_s
        clock_s = time_s if self.place is None else local_from_utc(time_s, self.place)
        return clock_s - (self.always_closed if needed else self.closed).seconds_before(clock_s)

    def bar_seconds(self, timeframe: Timeframe) -> int:
        """Return how many open seconds a usual bar holds."""
        if not timeframe.follows_sessions:
            return timeframe.seconds
        return self.session_s * (self.sessions_a_week if timeframe.seconds >= WEEK_S else 1)


def hours_of(instrument: Instrument) -> MarketHours:
    """Return the hours in which an instrument trades."""
    if instrument.exchange:
        return _exchange(instrument.exchange)
    if instrument.calendar is CalendarName.CRYPTO:
        return _always()
    return _new_york(instrument.kind == "metal")


@lru_cache(maxsize=1)
def _always() -> MarketHours:
    none = ClosedSpans(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    return MarketHours(closed=none, always_closed=none, place=None, session_s=DAY_S, sessions_a_week=7)


@lru_cache(maxsize=64)
def _exchange(mic: str) -> MarketHours:
    opens, closes = sessions_of(mic).T
    closed = ClosedSpans(np.append(-_FOREVER_S, closes), np.append(opens, _FOREVER_S))
    days, lengths = np.unique(opens // DAY_S, return_inverse=True)
    usual_s = int(np.median(np.bincount(lengths, weights=closes - opens, minlength=len(days))))
    return MarketHours(
        closed=closed,
        always_closed=closed,
        place=None,
        session_s=usual_s,
        sessions_a_week=5,
    )


@lru_cache(maxsize=2)
def _new_york(is_metal: bool) -> MarketHours:
    n_days = (_LAST_YEAR + 1 - _FIRST_YEAR) * 365
    fridays = _FRIDAY_CLOSE_S + WEEK_S * np.arange(-1, n_days // 7)
    starts, ends = [fridays], [fridays + 2 * DAY_S]
    if is_metal:
        rests = 17 * HOUR_S + DAY_S * np.arange(n_days)
        starts, ends = [*starts, rests], [*ends, rests + HOUR_S]
    closures = metal_closures if is_metal else fx_closures
    holidays = np.array(
        [_clock_pair(pair) for year in range(_FIRST_YEAR, _LAST_YEAR + 1) for pair in closures(year)]
    )
    closed = ClosedSpans(np.concatenate([*starts, holidays[:, 0]]), np.concatenate([*ends, holidays[:, 1]]))
    return MarketHours(
        closed=closed,
        always_closed=closed.widened(),
        place=NEW_YORK,
        session_s=DAY_S - (HOUR_S if is_metal else 0),
        sessions_a_week=5,
    )


def _clock_pair(closure: Closure) -> tuple[int, int]:
    start, end = (int(moment.replace(tzinfo=UTC).timestamp()) for moment in closure)
    return start, end
