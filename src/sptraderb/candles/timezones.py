"""Time zones of files: reading a zone's name, turning local times into UTC, fitting a zone to the FX week.

FX opens Sunday 17:00 and closes Friday 17:00 in New York. Bars in the hours between contradict a zone; a
zone whose weeks begin and end there fits. The fit is a suggestion for people: only what a file or a vendor's
documentation states, or a user says, is believed.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from sptraderb.candles.number_text import BoolArray
from sptraderb.domain.calendar import DAY_S, NEW_YORK, Int64Array
from sptraderb.errors import InvalidInput

HOUR_S = 3600
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?$", re.IGNORECASE)
_NY_CLOSE_SHIFT_S = 7 * HOUR_S
_MAX_OFFSET_S = 14 * HOUR_S
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A rule that turns a file's local times into UTC.

    Parameters
    ----------
    name : str
        As users write it: ``UTC``, ``Europe/Athens``, ``ny-close``, ``+07:00``.
    place : ZoneInfo or None
        Zone with daylight saving, or None for a fixed offset.
    shift_s : int
        Seconds the file's clock is ahead of ``place``, or of UTC.
    """

    name: str
    place: ZoneInfo | None
    shift_s: int


UTC_ZONE = Zone(name="UTC", place=None, shift_s=0)
EST_ZONE = Zone(name="-05:00", place=None, shift_s=-5 * HOUR_S)


def parse_zone(text: str) -> Zone:
    """Return the zone a word names.

    Raises
    ------
    InvalidInput
        ``import.timezone_unknown``.

    Examples
    --------
    >>> parse_zone("+07:00").shift_s
    25200
    """
    word = text.strip()
    if word.upper() in ("UTC", "Z", "GMT"):
        return UTC_ZONE
    if word.lower() == "ny-close":
        return Zone(name="ny-close", place=NEW_YORK, shift_s=_NY_CLOSE_SHIFT_S)
    if word.upper() == "EST":
        return EST_ZONE
    offset = _OFFSET.match(word)
    if offset:
        seconds = int(offset[2]) * HOUR_S + int(offset[3] or 0) * 60
        if seconds <= _MAX_OFFSET_S:
            return _fixed_zone(-seconds if offset[1] == "-" else seconds)
    try:
        return Zone(name=word, place=ZoneInfo(word), shift_s=0)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(
            "import.timezone_unknown",
            f"a time zone must be UTC, a name such as Europe/Athens, ny-close or an offset such as +07:00, "
            f"was `{word[:40]}`",
        ) from None


def _fixed_zone(shift_s: int) -> Zone:
    if shift_s == 0:
        return UTC_ZONE
    sign = "-" if shift_s < 0 else "+"
    hours, rest = divmod(abs(shift_s), HOUR_S)
    return Zone(name=f"{sign}{hours:02d}:{rest // 60:02d}", place=None, shift_s=shift_s)


@lru_cache(maxsize=512)
def _year_changes(key: str, year: int) -> tuple[tuple[int, int], ...]:
    """Return (UTC second, offset from then on) of each change of offset in a year."""
    zone = ZoneInfo(key)
    start = int((datetime(year, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds())
    changes = []
    before = _offset_at(zone, start - 1)
    for day in range(start, start + 366 * DAY_S, DAY_S):
        low, high = day - 1, day + DAY_S - 1
        if _offset_at(zone, high) != before:
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset_at(zone, middle) == before else (low, middle)
            before = _offset_at(zone, high)
            changes.append((high, before))
    return tuple(changes)


def _offset_at(zone: ZoneInfo, time_s: int) -> int:
    offset = (_EPOCH + timedelta(seconds=time_s)).astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _changes(place: ZoneInfo, first_s: int, last_s: int) -> tuple[Int64Array, Int64Array]:
    """Return the UTC seconds at which offsets change between two times, and the n + 1 offsets around them."""
    first_year = (_EPOCH + timedelta(seconds=first_s)).year - 1
    last_year = (_EPOCH + timedelta(seconds=last_s)).year + 1
    key = place.key
    pairs = sorted({pair for year in range(first_year, last_year + 1) for pair in _year_changes(key, year)})
    start = _offset_at(place, int((datetime(first_year, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()))
    at = np.array([pair[0] for pair in pairs], dtype=np.int64)
    return at, np.array([start, *(pair[1] for pair in pairs)], dtype=np.int64)


def local_from_utc(time_s: Int64Array, place: ZoneInfo) -> Int64Array:
    """Return what clocks in ``place`` show, as seconds since 1970 on that clock."""
    if len(time_s) == 0:
        return time_s
    at, offsets = _changes(place, int(time_s.min()), int(time_s.max()))
    return time_s + offsets[np.searchsorted(at, time_s, side="right")]


def utc_from_local(local_s: Int64Array, zone: Zone) -> tuple[Int64Array, BoolArray]:
    """Turn a file's times into UTC.

    Parameters
    ----------
    local_s : ndarray of shape (n,), dtype=int64
        Seconds since 1970 on the file's clock, in the order of the file.
    zone : Zone
        The file's zone.

    Returns
    -------
    time_s : ndarray of shape (n,), dtype=int64
        Unix seconds UTC.
    exists : ndarray of shape (n,), dtype=bool
        False where the clock jumped over that time: the zone, or the row, is wrong.

    Notes
    -----
    Where the clock goes back, an hour happens twice: times that follow a step back in the file belong to
    the second one.
    """
    if zone.place is None or len(local_s) == 0:
        return local_s - zone.shift_s, np.ones(len(local_s), dtype=np.bool_)
    clock = local_s - zone.shift_s
    at, offsets = _changes(zone.place, int(clock.min()), int(clock.max()))
    old, new = at + offsets[:-1], at + offsets[1:]
    index = np.searchsorted(old, clock, side="right")
    exists = np.ones(len(clock), dtype=np.bool_)
    for change in range(len(at)):
        if new[change] > old[change]:
            exists &= ~((clock >= old[change]) & (clock < new[change]))
        else:
            twice = np.flatnonzero((clock >= new[change]) & (clock < old[change]))
            index[twice[_after_step_back(clock[twice])]] = change + 1
    return clock - offsets[index], exists


def _after_step_back(times: Int64Array) -> BoolArray:
    """Return which times come after the first one that is not later than the time before it."""
    stepped = np.zeros(len(times), dtype=np.bool_)
    if len(times) > 1:
        stepped[1:] = np.maximum.accumulate(np.diff(times) <= 0)
    return stepped


def fx_closed(time_s: Int64Array) -> BoolArray:
    """Return which UTC times lie in the FX weekend: Friday 17:00 to Sunday 17:00 in New York."""
    into_week = (local_from_utc(time_s, NEW_YORK) + 3 * DAY_S) % (7 * DAY_S)
    return (into_week >= 4 * DAY_S + 17 * HOUR_S) & (into_week < 6 * DAY_S + 17 * HOUR_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekFit:
    """How the weeks of a file look if its clock is in a zone.

    Parameters
    ----------
    zone : Zone
        The zone tried.
    n_closed : int
        Bars in the FX weekend.
    n_bars : int
        Bars looked at.
    late_open_s : int or None
        Seconds from Sunday 17:00 New York to the usual (median) first bar of a week; None where no week
        begins.
    n_off : int
        Weeks that do not begin within an hour after that moment, and those that do not end in the hour
        before Friday 17:00.
    """

    zone: Zone
    n_closed: int
    n_bars: int
    late_open_s: int | None
    n_off: int = 0

    @property
    def contradicts(self) -> bool:
        """Whether bars in the weekend are too many for noise: over 0.4 % and more than two."""
        return self.n_closed > max(2, self.n_bars * 4 // 1000)

    @property
    def fits(self) -> bool:
        """Whether weeks begin within an hour after Sunday 17:00 New York and the weekend is empty."""
        return not self.contradicts and self.late_open_s is not None and self.late_open_s < HOUR_S


def _near(into_week_s: Int64Array, moment_s: int) -> Int64Array:
    """Return distances to a moment of the week, of half a day at most; others belong to holidays and gaps."""
    # Monday morning follows Sunday evening, whatever their places in the week.
    distances_s = (into_week_s - moment_s + 84 * HOUR_S) % (7 * DAY_S) - 84 * HOUR_S
    return distances_s[np.abs(distances_s) <= 12 * HOUR_S]


class LocalHours:
    """Counts of bars by hour of a file's own clock; bounded by the hours the file spans."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def add(self, local_s: Int64Array) -> None:
        """Count the bars of one block."""
        hours, counts = np.unique(local_s // HOUR_S, return_counts=True)
        for hour, count in zip(hours.tolist(), counts.tolist(), strict=True):
            self._counts[hour] = self._counts.get(hour, 0) + count

    def fit(self, zone: Zone) -> WeekFit:
        """Return how the file's weeks look in a zone."""
        hours = np.array(sorted(self._counts), dtype=np.int64)
        counts = np.array([self._counts[hour] for hour in hours.tolist()], dtype=np.int64)
        if len(hours) == 0:
            return WeekFit(zone=zone, n_closed=0, n_bars=0, late_open_s=None)
        time_s, exists = utc_from_local(hours * HOUR_S, zone)
        closed = fx_closed(time_s) | ~exists
        opens = np.flatnonzero(np.diff(time_s, prepend=time_s[0] - 2 * DAY_S) >= 24 * HOUR_S)
        into_week = (local_from_utc(time_s, NEW_YORK) + 3 * DAY_S) % (7 * DAY_S)
        late = _near(into_week[opens], 6 * DAY_S + 17 * HOUR_S)
        ends = _near(into_week[np.append(opens[1:] - 1, len(time_s) - 1)], 4 * DAY_S + 16 * HOUR_S)
        late_open = int(np.sort(late)[len(late) // 2]) if len(late) else None
        return WeekFit(
            zone=zone,
            n_closed=int(counts[closed].sum()),
            n_bars=int(counts.sum()),
            late_open_s=late_open,
            n_off=int(np.count_nonzero(late // HOUR_S)) + int(np.count_nonzero(ends // HOUR_S)),
        )

    def fitting(self) -> list[Zone]:
        """Return the zones that fit best, best known first, one for each different reading of the file.

        Notes
        -----
        Of the zones that fit, those with the fewest weeks off stay: zones that differ only in the weeks of
        daylight saving are told apart by those weeks, where the file has them.
        """
        hours = np.array(sorted(self._counts), dtype=np.int64) * HOUR_S
        fits = [fit for fit in map(self.fit, _candidates()) if fit.fits]
        least = min((fit.n_off for fit in fits), default=0)
        zones: dict[bytes, Zone] = {}
        for fit in fits:
            if fit.n_off == least:
                zones.setdefault(utc_from_local(hours, fit.zone)[0].tobytes(), fit.zone)
        return list(zones.values())


@lru_cache(maxsize=1)
def _candidates() -> tuple[Zone, ...]:
    named = [parse_zone(name) for name in ("UTC", "ny-close", "Europe/Athens", "America/New_York", "EST")]
    named += [parse_zone(name) for name in ("Europe/London", "Europe/Berlin", "Australia/Sydney")]
    fixed = [_fixed_zone(hours * HOUR_S) for hours in (*range(1, 15), *range(-12, 0))]
    return (*named, *fixed)
