"""Weeks that lie an hour off in one half of the year: the mark of a clock that was converted wrongly. Pure.

FX opens on Sunday and closes on Friday at 17:00 in New York the whole year round. A file turned to UTC with
a fixed offset, or with the daylight saving of another place, begins and ends its weeks an hour earlier in
summer than in winter, or later. A source that only opens late in summer has no fault: its weeks end as in
winter.
"""

from dataclasses import dataclass

import numpy as np

from sptraderb.candles.timezones import HOUR_S, local_from_utc
from sptraderb.domain.calendar import DAY_S, LONDON, NEW_YORK, Int64Array

_MIN_WEEKS = 3
_WEEK_S = 7 * DAY_S
_SUNDAY_OPEN_S = 3 * DAY_S + 17 * HOUR_S
_FRIDAY_CLOSE_S = DAY_S + 17 * HOUR_S
_WEEKEND_S = 24 * HOUR_S
_NEAR_H = 4
_WINTER_OFFSET_S = -5 * HOUR_S


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFault:
    """Weeks of one half of the year that lie at another hour than those of the other half.

    Parameters
    ----------
    n_weeks : int
        How many begin at the hour that is further from 17:00 New York.
    summer_late_h, winter_late_h : int
        Hours after Sunday 17:00 New York at which weeks usually begin.
    """

    n_weeks: int
    summer_late_h: int
    winter_late_h: int

    @property
    def sentence(self) -> str:
        """The fault for people."""
        return (
            f"{self.n_weeks:,} weeks begin at another hour: {_late(self.summer_late_h)} in summer, "
            f"{_late(self.winter_late_h)} in winter; the times were converted with a wrong daylight saving"
        )


class WeekStarts:
    """Gathers when weeks end and begin, block by block.

    Parameters
    ----------
    bar_s : int
        Length of a bar.
    """

    def __init__(self, bar_s: int) -> None:
        self._bar_s = bar_s
        self._weekends: list[Int64Array] = []

    def add(self, time_s: Int64Array) -> None:
        """Take the next open times; the first one only says what the second follows."""
        before = np.flatnonzero(np.diff(time_s) >= _WEEKEND_S)
        if len(before):
            self._weekends.append(np.stack([time_s[before] + self._bar_s, time_s[before + 1]]))

    def fault(self) -> ClockFault | None:
        """Return how summer and winter differ, or None if they agree or are too few to tell."""
        if not self._weekends:
            return None
        ends_s, begins_s = np.concatenate(self._weekends, axis=1)
        summer_time = local_from_utc(begins_s, NEW_YORK) - begins_s != _WINTER_OFFSET_S
        # In the weeks in which only one of America and Europe has summer time, brokers differ.
        same = summer_time == (local_from_utc(begins_s, LONDON) - begins_s != 0)
        begin_late, end_late = _lateness(begins_s, _SUNDAY_OPEN_S), _lateness(ends_s, _FRIDAY_CLOSE_S)
        told = same & (np.abs(begin_late) < _NEAR_H) & (np.abs(end_late) < _NEAR_H)
        halves = [told & (summer_time == half) for half in (True, False)]
        if min(int(half.sum()) for half in halves) < _MIN_WEEKS:
            return None
        summer, winter = (_usual(begin_late[half]) for half in halves)
        moved = summer - winter
        if moved == 0 or _usual(end_late[halves[0]]) - _usual(end_late[halves[1]]) != moved:
            return None
        half, late = (halves[0], summer) if abs(summer) > abs(winter) else (halves[1], winter)
        n_weeks = int(np.count_nonzero(begin_late[half] == late))
        return ClockFault(n_weeks=n_weeks, summer_late_h=summer, winter_late_h=winter)


def _lateness(time_s: Int64Array, moment_s: int) -> Int64Array:
    """Return whole hours, to the nearest, after a moment of the week in New York."""
    late_s = (local_from_utc(time_s, NEW_YORK) - moment_s + _WEEK_S // 2) % _WEEK_S - _WEEK_S // 2
    return np.floor_divide(late_s + HOUR_S // 2, HOUR_S)


def _usual(hours: Int64Array) -> int:
    return int(np.sort(hours)[len(hours) // 2])


def _late(hours: int) -> str:
    if hours == 0:
        return "at 17:00 New York"
    return f"{abs(hours)} h {'after' if hours > 0 else 'before'} 17:00 New York"
