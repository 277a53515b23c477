"""When costs fall due: days of swap, funding payments, the spread of an hour (rules C2, C4, T4).

Something falls due before the first bar that opens at or after its time, for the position held at the
close before: what happens inside a bar is processed before the next one. All functions take the open
times of a run's bars and give an array of shape (n_bars,), dtype=int64, 0 on bar 0.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from sptraderb.domain.calendar import DAY_S, CalendarName, Int64Array, session_days
from sptraderb.domain.costs import FundingRates, SpreadTable
from sptraderb.errors import MoneyOverflow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).date()
_HOUR_S = 3600
_MILLION = 1_000_000
_MONDAY, _WEDNESDAY, _THURSDAY, _SATURDAY = 0, 2, 3, 5
_NEXT_DAY_PAIRS = ("USDCAD", "USDTRY", "USDRUB", "USDPHP")
_HOLIDAYS = ((12, 25), (1, 1))


def triple_weekday(pair: str) -> int:
    """Return the session day (Monday = 0) that counts three days of swap: Wednesday, else Thursday.

    Parameters
    ----------
    pair : str
        Base and quote currency in one word; those that settle on the next day triple on Thursday.
    """
    return _THURSDAY if pair in _NEXT_DAY_PAIRS else _WEDNESDAY


@lru_cache(maxsize=65_536)
def swap_multiplier(day: int, calendar: CalendarName, triple: int) -> int:
    """Return how many days of swap the end of a session day stands for; a week's sum to 7 (C4).

    Parameters
    ----------
    day : int
        Session day as days since 1970-01-01, named by the date on which it closes.
    calendar : CalendarName
        Where trading never rests every day counts one.
    triple : int
        Weekday that counts three.

    Notes
    -----
    Weekends count none. Nor does a holiday (25 December, 1 January): the session day before it takes
    its days as well, or the one after it where it is a Monday, so that they stay in its week.
    """
    if calendar is CalendarName.CRYPTO:
        return 1
    if _is_holiday(day):
        return 0
    own = _usual_multiplier(day, triple)
    if own and _is_holiday(day + 1):
        own += _usual_multiplier(day + 1, triple)
    if own and _is_holiday(day - 1) and _weekday(day - 1) == _MONDAY:
        own += _usual_multiplier(day - 1, triple)
    return own


def _usual_multiplier(day: int, triple: int) -> int:
    weekday = _weekday(day)
    if weekday >= _SATURDAY:
        return 0
    return 3 if weekday == triple else 1


def _weekday(day: int) -> int:
    return (day + 3) % 7


def _is_holiday(day: int) -> bool:
    date = _EPOCH + timedelta(days=day)
    return _weekday(day) < _SATURDAY and (date.month, date.day) in _HOLIDAYS


def swap_days(times_s: Int64Array, calendar: CalendarName, *, triple: int) -> Int64Array:
    """Return the days of swap due before each bar's open (C4, T4).

    Parameters
    ----------
    times_s : ndarray of shape (n_bars,), dtype=int64
        Open times, Unix seconds, ascending.
    calendar : CalendarName
        When session days end: those that end after one open and not after the next are due there.
    triple : int
        Weekday that counts three, see `triple_weekday`.
    """
    due = np.zeros(len(times_s), dtype=np.int64)
    if not len(times_s):
        return due
    running = session_days(times_s + 1, calendar)
    first, last = int(running[0]), int(running[-1])
    counts = [swap_multiplier(day, calendar, triple) for day in range(first, last)]
    before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)])
    due[1:] = np.diff(before[running - first])
    return due


def funding_due(times_s: Int64Array, funding: FundingRates) -> Int64Array:
    """Return the sum of the funding rates due before each bar's open, per 10^9 (C4).

    Parameters
    ----------
    times_s : ndarray of shape (n_bars,), dtype=int64
        Open times, Unix seconds, ascending.
    funding : FundingRates
        A rate at its times, or one every so often.

    Raises
    ------
    MoneyOverflow
        ``money.overflow`` if the rates of the range do not add up within 64 bits.
    """
    due = np.zeros(len(times_s), dtype=np.int64)
    if not len(times_s):
        return due
    if not funding.series:
        if funding.every_s:
            due[1:] = np.diff(times_s // funding.every_s) * funding.rate_ppb
        return due
    series_s = np.array([time_s for time_s, _ in funding.series], dtype=np.int64)
    if sum(abs(rate) for _, rate in funding.series) >= 2**63:
        raise MoneyOverflow("money.overflow", "the funding rates must add up within 64 bits, they do not")
    sums = np.cumsum([0, *(rate for _, rate in funding.series)], dtype=np.int64)
    due[1:] = np.diff(sums[np.searchsorted(series_s, times_s, side="right")])
    return due


def hourly_spread_ticks(
    times_s: Int64Array, table: SpreadTable, *, pip_ticks: int
) -> tuple[Int64Array, bool]:
    """Return each bar's spread by its opening hour, in ticks rounded up, and whether any was rounded.

    Parameters
    ----------
    times_s : ndarray of shape (n_bars,), dtype=int64
        Open times, Unix seconds, ascending.
    table : SpreadTable
        24 spreads and the zone of their hours (M2, C2).
    pip_ticks : int
        Ticks of a pip.
    """
    factor = pip_ticks if table.in_pips else 1
    ticks = [-(-amount * factor // _MILLION) for amount in table.hours_ppm]
    rounded = any(amount * factor % _MILLION for amount in table.hours_ppm)
    return np.array(ticks, dtype=np.int64)[_local_hours(times_s, table.timezone)], rounded


def _local_hours(times_s: Int64Array, timezone: str) -> Int64Array:
    """Return the hour of the day of each time; a zone's offset is looked up once a quarter of an hour."""
    if timezone == "UTC" or not len(times_s):
        return times_s % DAY_S // _HOUR_S
    quarters, places = np.unique(times_s // 900, return_inverse=True)
    zone = ZoneInfo(timezone)
    offsets = [datetime.fromtimestamp(quarter * 900, zone).utcoffset() for quarter in quarters.tolist()]
    seconds = np.array([int(offset.total_seconds()) if offset else 0 for offset in offsets], dtype=np.int64)
    return (times_s + seconds[places]) % DAY_S // _HOUR_S
