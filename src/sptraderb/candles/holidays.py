"""When FX and metals rest outside the weekend: closures of a year, on New York's clock. Pure.

What real feeds show, not what one venue prints: around Christmas and New Year every broker closes at an hour
of its own, so the stretch in which some are closed is a closure for all. Metals also keep the holidays of the
United States, on which COMEX halts at 13:00, and Good Friday.
"""

from datetime import date, datetime, timedelta

Closure = tuple[datetime, datetime]
"""From, to; naive, as clocks in New York show."""

_MONDAY, _THURSDAY, _FRIDAY, _SATURDAY, _SUNDAY = 0, 3, 4, 5, 6
_JUNETEENTH_SINCE = 2022
_SESSION_END_H, _HALT_H, _REOPEN_H = 17, 13, 18


def fx_closures(year: int) -> list[Closure]:
    """Return Christmas and New Year of the season that ends in January of the year after.

    Parameters
    ----------
    year : int
        Of the Christmas.

    Notes
    -----
    From noon of the eve to 03:00 of the day after; a holiday that falls on a Sunday is kept on Monday, until
    18:00.
    """
    return [_season(date(year, 12, 25)), _season(date(year + 1, 1, 1))]


def metal_closures(year: int) -> list[Closure]:
    """Return the closures of metals: those of FX, Good Friday, and the early halts of United States holidays.

    Parameters
    ----------
    year : int
        Calendar year; of Christmas and New Year as in `fx_closures`.
    """
    christmas, new_year = fx_closures(year)
    if date(year, 12, 25).weekday() == _SATURDAY:
        christmas = (_at(date(year, 12, 23), _SESSION_END_H), christmas[1])
    good_friday = easter_sunday(year) - timedelta(days=2)
    thanksgiving = nth_weekday(year, 11, _THURSDAY, 4)
    halts = [
        nth_weekday(year, 1, _MONDAY, 3),
        nth_weekday(year, 2, _MONDAY, 3),
        nth_weekday(year, 6, _MONDAY, 1) - timedelta(days=7),
        _observed(date(year, 7, 4)),
        nth_weekday(year, 9, _MONDAY, 1),
        thanksgiving,
        thanksgiving + timedelta(days=1),
    ]
    if year >= _JUNETEENTH_SINCE:
        halts.append(_observed(date(year, 6, 19)))
    return [
        christmas,
        new_year,
        (_at(good_friday - timedelta(days=1), _SESSION_END_H), _at(good_friday, _SESSION_END_H)),
        *((_at(day, _HALT_H), _at(day, _REOPEN_H)) for day in halts),
    ]


def easter_sunday(year: int) -> date:
    """Return the date of Easter in the Gregorian calendar.

    References
    ----------
    Meeus, Astronomical Algorithms, chapter 8 (the "anonymous" algorithm).
    """
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (a + 11 * h) // 319
    r = (2 * e + 2 * i - k - h + m + 32) % 7
    month = (h - m + r + 90) // 25
    return date(year, month, (h - m + r + month + 19) % 32)


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """Return the nth weekday (Monday = 0) of a month, counted from 1."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _season(holiday: date) -> Closure:
    start = _at(holiday - timedelta(days=1), 12)
    next_day = holiday + timedelta(days=1)
    return (start, _at(next_day, _REOPEN_H if holiday.weekday() == _SUNDAY else 3))


def _observed(holiday: date) -> date:
    shift = {_SATURDAY: -1, _SUNDAY: 1}.get(holiday.weekday(), 0)
    return holiday + timedelta(days=shift)


def _at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour)  # noqa: DTZ001  a clock's reading, not a moment
