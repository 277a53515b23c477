"""Clock times of bars in a named zone: hours, weekdays, and whether entries are allowed (X18)."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import DAY_S, Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.plan import SessionFilter

_WEEK_S = 7 * DAY_S
_GRAIN_S = 900
_MINUTE_S = 60
_MONDAY = 3  # 1970-01-01 was a Thursday


def local_seconds(times_s: Int64Array, timezone: str) -> Int64Array:
    """Return Unix seconds shifted to a zone's clock, daylight saving included.

    Parameters
    ----------
    times_s : ndarray of shape (n,), dtype=int64
        Unix seconds.
    timezone : str
        IANA name.

    Notes
    -----
    Offsets are looked up once a week of data, and every quarter of an hour in weeks that change.
    """
    if timezone == "UTC" or len(times_s) == 0:
        return times_s
    zone = ZoneInfo(timezone)
    weeks, of_bar = np.unique(times_s // _WEEK_S, return_inverse=True)
    before = np.array([_offset_s(int(week) * _WEEK_S, zone) for week in weeks], dtype=np.int64)
    after = np.array([_offset_s((int(week) + 1) * _WEEK_S - 1, zone) for week in weeks], dtype=np.int64)
    offsets = before[of_bar]
    changing = (before != after)[of_bar]
    grains, of_grain = np.unique(times_s[changing] // _GRAIN_S, return_inverse=True)
    found = np.array([_offset_s(int(grain) * _GRAIN_S, zone) for grain in grains], dtype=np.int64)
    if len(found):
        offsets[changing] = found[of_grain]
    return times_s + offsets


def _offset_s(time_s: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(time_s, UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def hours(times_s: Int64Array, timezone: str) -> Int64Array:
    """Return the hour of the day, 0 to 23, in a zone."""
    return local_seconds(times_s, timezone) % DAY_S // 3600


def weekdays(times_s: Int64Array, timezone: str) -> Int64Array:
    """Return the day of the week in a zone, Monday = 0."""
    return (local_seconds(times_s, timezone) // DAY_S + _MONDAY) % 7


def inside_session(times_s: Int64Array, session: SessionFilter) -> npt.NDArray[np.bool_]:
    """Return whether times lie in a session: [start, end), a night belonging to the day it starts on."""
    local = local_seconds(times_s, session.timezone)
    minute = local % DAY_S // _MINUTE_S
    day = local // DAY_S
    if session.start_minute < session.end_minute:
        open_ = (minute >= session.start_minute) & (minute < session.end_minute)
    else:
        open_ = (minute >= session.start_minute) | (minute < session.end_minute)
        day = np.where(minute < session.end_minute, day - 1, day)
    wanted = np.array([number in session.days for number in range(7)])
    inside: npt.NDArray[np.bool_] = open_ & wanted[(day + _MONDAY) % 7]
    return inside


def entry_gate(candles: Candles, session: SessionFilter | None) -> npt.NDArray[np.bool_]:
    """Return whether an entry decided at each close and filled at the next open lies in the session.

    Returns
    -------
    ndarray of shape (n_bars,), dtype=bool
        All true without a session; for the last bar only the decision counts.
    """
    if session is None:
        return np.ones(len(candles), dtype=np.bool_)
    allowed = inside_session(candles.close_times_s, session)
    allowed[:-1] &= inside_session(candles.time_s, session)[1:]
    return allowed
