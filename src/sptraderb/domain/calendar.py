"""Session days: when a trading day of an instrument begins and ends (rule T4).

FX closes at 17:00 America/New_York, daylight saving included; crypto closes at 00:00 UTC. A bar
belongs to the session day in which it closed; a bar closing exactly at the session close belongs
to the day that ends there.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]

NEW_YORK = ZoneInfo("America/New_York")
LONDON = ZoneInfo("Europe/London")
DAY_S = 86_400
YEAR_S = 31_557_600
_FX_CLOSE_HOUR = 17
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CalendarName(StrEnum):
    """The calendars an instrument can follow."""

    FX = "fx"
    CRYPTO = "crypto"


def session_rule(word: str) -> CalendarName:
    """Return the rule of session days of a calendar's word; days of exchanges end at 17:00 New York as FX's.

    At that moment every exchange is closed but New Zealand's, whose first hour counts to the day before in
    its summer.
    """
    return CalendarName(word) if word in set(CalendarName) else CalendarName.FX


SESSION_DAYS_A_WEEK = {CalendarName.FX: 5, CalendarName.CRYPTO: 7}


@lru_cache(maxsize=4096)
def _fx_close_s(day: int) -> int:
    """Return the Unix second at which the FX session day ``day`` (days since 1970) closes."""
    date = (_EPOCH + timedelta(days=day)).date()
    close = datetime(date.year, date.month, date.day, _FX_CLOSE_HOUR, tzinfo=NEW_YORK)
    return int(close.timestamp())


def session_close_s(day: int, calendar: CalendarName) -> int:
    """Return the Unix second at which a session day closes.

    Parameters
    ----------
    day : int
        Session day as days since 1970-01-01, named by the date on which it closes.
    calendar : CalendarName
        Which calendar.
    """
    if calendar is CalendarName.CRYPTO:
        return (day + 1) * DAY_S
    return _fx_close_s(day)


def session_days(close_times_s: Int64Array, calendar: CalendarName) -> Int64Array:
    """Return the session day each close time belongs to.

    Parameters
    ----------
    close_times_s : ndarray of shape (n_bars,), dtype=int64
        Unix seconds at which bars close, ascending.
    calendar : CalendarName
        Which calendar.

    Returns
    -------
    ndarray of shape (n_bars,), dtype=int64
        Days since 1970-01-01 of the date on which the session closes.

    Notes
    -----
    O(n_bars + days log days); the New York close is computed once a day.
    """
    if len(close_times_s) == 0:
        return np.empty(0, dtype=np.int64)
    if calendar is CalendarName.CRYPTO:
        return (close_times_s - 1) // DAY_S
    first = int(close_times_s[0]) // DAY_S - 1
    last = int(close_times_s[-1]) // DAY_S + 2
    closes_s = np.array([_fx_close_s(day) for day in range(first, last + 1)], dtype=np.int64)
    ended = np.searchsorted(close_times_s, closes_s, side="right")
    counts = np.diff(ended, prepend=0, append=len(close_times_s))
    return np.repeat(np.arange(first, last + 2, dtype=np.int64), counts)


def session_weeks(days: Int64Array) -> Int64Array:
    """Return the week (Monday to Sunday, counted from 1969-12-29) of each session day."""
    return (days + 3) // 7
