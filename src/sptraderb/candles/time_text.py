"""Times as files write them, in bulk: one template per width, digits at fixed places, no guessing by row.

A template is the text of a sample with its digits named: ``YYYY-MM-DDThh:mm:ss`` reads
``2025-08-17T22:00:00``. Epoch numbers (s, ms, us, ns) are told apart by their size. An order of day and
month that the text does not prove is asked for, never assumed.
"""

import re
from dataclasses import dataclass

import numpy as np

from sptraderb.candles.number_text import MAX_DIGITS, BoolArray, ByteArray, read_numbers
from sptraderb.domain.calendar import DAY_S, Int64Array

_DATE = r"(?P<date>\d{4}[-./]\d{2}[-./]\d{2}|\d{2}[-./]\d{2}[-./]\d{4}|\d{8})"
_CLOCK = r"(?P<clock>\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?|\d{6}|\d{2}-[AP]M)"
_ZONE = r"(?P<zone> ?(?:UTC|GMT)?[+-]\d{2}:?\d{2}| ?(?:Z|UTC|GMT))"
_DATE_TIME = re.compile(rf"{_DATE}(?:(?P<gap>[T ,]| - ){_CLOCK}{_ZONE}?)?$")
_CLOCK_ONLY = re.compile(rf"{_CLOCK}$")
_EPOCH = re.compile(r"-?\d{9,19}(?:\.\d{1,9})?$")
_UNIT_DIGITS = ((11, 0), (14, 3), (17, 6), (20, 9))
_DAYS_IN_MONTH = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_LITERAL_M = "\u00b5"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTemplate:
    """Where the digits of one layout of a time lie.

    Parameters
    ----------
    text : str
        The layout, ``Y M D h m s f p`` for digits (f fraction, p the A or P of AM/PM), ``+ H N`` for an
        offset's sign, hours and minutes, anything else literal (a literal M as a micro sign); ``epoch`` for
        numbers.
    states_zone : bool
        Whether the text itself says its zone, so that seconds come out in UTC.
    """

    text: str
    states_zone: bool

    @property
    def is_epoch(self) -> bool:
        """Whether the field is a count of seconds or parts of them since 1970."""
        return self.text == "epoch"


EPOCH = TimeTemplate(text="epoch", states_zone=True)


def find_template(sample: str, *, date_order: str | None = None) -> TimeTemplate | None:
    """Return the template that reads ``sample``, or None.

    Parameters
    ----------
    sample : str
        One field, such as ``17.08.2025 22:00:00.000``.
    date_order : {'dmy', 'mdy', None}
        For dates that begin with two digits; None takes day first, usual with dots and dashes.
    """
    text = sample.strip()
    whole = _DATE_TIME.match(text)
    if whole is not None:
        date = _date_template(whole["date"], date_order)
        clock = _clock_template(whole["clock"]) if whole["clock"] else ""
        zone = whole["zone"] or ""
        mark = re.sub(r"\d", "N", re.sub(r"\d\d", "HH", zone.replace("M", _LITERAL_M), count=1))
        mark = mark.replace("-", "+")
        return TimeTemplate(text=f"{date}{whole['gap'] or ''}{clock}{mark}", states_zone=bool(zone))
    if _EPOCH.match(text):
        return EPOCH
    if _CLOCK_ONLY.match(text):
        return TimeTemplate(text=_clock_template(text), states_zone=False)
    return None


def is_order_ambiguous(samples: list[str]) -> bool:
    """Return whether slashed dates leave open which number is the day (none is above 12 on one side)."""
    found = [re.match(r"(\d{2})/(\d{2})/\d{4}", sample.strip()) for sample in samples]
    pairs = [(int(match[1]), int(match[2])) for match in found if match]
    return bool(pairs) and max(a for a, _ in pairs) <= 12 and max(b for _, b in pairs) <= 12


def proven_order(samples: list[str]) -> str | None:
    """Return ``mdy`` where a slashed date has a second number above 12, ``dmy`` where the first is."""
    for sample in samples:
        match = re.match(r"(\d{2})/(\d{2})/\d{4}", sample.strip())
        if match and int(match[2]) > 12:
            return "mdy"
        if match and int(match[1]) > 12:
            return "dmy"
    return None


def _date_template(date: str, order: str | None) -> str:
    if date.isdigit():
        return "YYYYMMDD"
    if date[4] in "-./":
        return f"YYYY{date[4]}MM{date[7]}DD"
    first, second = ("MM", "DD") if order == "mdy" else ("DD", "MM")
    return f"{first}{date[2]}{second}{date[5]}YYYY"


def _clock_template(clock: str) -> str:
    if clock.endswith("M"):
        return "hh-pM"
    if clock.isdigit():
        return "hhmmss"
    layout = "hh:mm:ss"[: min(len(clock), 8)]
    return layout + (clock[8] + "f" * (len(clock) - 9) if len(clock) > 8 else "")


def read_times(
    buffer: ByteArray, start: Int64Array, end: Int64Array, *, date_order: str | None = None
) -> tuple[Int64Array, BoolArray, BoolArray]:
    """Read one time from each field.

    Parameters
    ----------
    buffer : ndarray of shape (n_bytes,), dtype=uint8
        The text.
    start, end : ndarray of shape (n,), dtype=int64
        Fields.
    date_order : {'dmy', 'mdy', None}
        See `find_template`.

    Returns
    -------
    seconds : ndarray of shape (n,), dtype=int64
        Seconds since 1970 in the file's own zone, in UTC where the field states it.
    ok : ndarray of shape (n,), dtype=bool
        Whether the field is a time that exists in the calendar.
    whole : ndarray of shape (n,), dtype=bool
        Whether the time is a whole second.

    Notes
    -----
    Fields are grouped by width; the first sound field of a width gives the template of its group.
    """
    n = len(start)
    seconds = np.zeros(n, dtype=np.int64)
    ok = np.zeros(n, dtype=np.bool_)
    whole = np.ones(n, dtype=np.bool_)
    widths = end - start
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width)
        template = _template_of(buffer, start[rows], int(width), date_order)
        if template is None:
            continue
        if template.is_epoch:
            group = _read_epochs(buffer, start[rows], end[rows])
        else:
            group = _read_fields(buffer, start[rows], template.text)
        seconds[rows], ok[rows], whole[rows] = group
    return seconds, ok, whole


def _template_of(buffer: ByteArray, start: Int64Array, width: int, order: str | None) -> TimeTemplate | None:
    for first in start[:8]:
        sample = bytes(buffer[first : first + width]).decode("latin-1")
        template = find_template(sample, date_order=order)
        if template is not None and sample == sample.strip():
            return template
    return None


def _read_epochs(
    buffer: ByteArray, start: Int64Array, end: Int64Array
) -> tuple[Int64Array, BoolArray, BoolArray]:
    long = int(end[0] - start[0]) > MAX_DIGITS and not (buffer[start[0] : end[0]] == ord(".")).any()
    numbers = read_numbers(buffer, start, end - long)
    power = np.power(np.int64(10), np.clip(numbers.decimals, 0, 9))
    base = numbers.mantissa // power
    ok, part = numbers.ok, numbers.mantissa % power != 0
    if long:
        last = buffer[end - 1] - np.uint8(48)
        base, ok = base * 10 + last, ok & (last < 10)
    n_digits = len(str(int(np.abs(base).max(initial=0))))
    unit = 10 ** next(digits for limit, digits in _UNIT_DIGITS if n_digits <= limit)
    return base // unit, ok, ~part & (base % unit == 0)


def _read_fields(
    buffer: ByteArray, start: Int64Array, layout: str
) -> tuple[Int64Array, BoolArray, BoolArray]:
    ok = np.ones(len(start), dtype=np.bool_)
    parts = dict.fromkeys("YMDhmsfHN", np.zeros(len(start), dtype=np.int64))
    afternoon = np.zeros(len(start), dtype=np.bool_)
    sign = np.ones(len(start), dtype=np.int64)
    for place, letter in enumerate(layout):
        byte = buffer[start + place]
        if letter in parts and not (letter == "M" and layout[place - 1] == "p"):
            digit = byte - np.uint8(48)
            ok &= digit < 10
            parts[letter] = parts[letter] * 10 + digit
        elif letter == "p":
            afternoon = byte == ord("P")
            ok &= afternoon | (byte == ord("A"))
        elif letter == "+":
            sign = np.where(byte == ord("-"), -1, 1)
        else:
            ok &= byte == ord("M" if letter == _LITERAL_M else letter)
    if "p" in layout:
        ok &= (parts["h"] >= 1) & (parts["h"] <= 12)
        parts["h"] = parts["h"] % 12 + 12 * afternoon
    ok &= (parts["h"] < 24) & (parts["m"] < 60) & (parts["s"] < 60)
    seconds = parts["h"] * 3600 + parts["m"] * 60 + parts["s"]
    if "Y" in layout:
        days, exists = _days_from_dates(parts["Y"], parts["M"], parts["D"])
        seconds, ok = seconds + days * DAY_S, ok & exists
    return seconds - sign * (parts["H"] * 3600 + parts["N"] * 60), ok, parts["f"] == 0


def _days_from_dates(year: Int64Array, month: Int64Array, day: Int64Array) -> tuple[Int64Array, BoolArray]:
    """Return days since 1970-01-01 and whether the date exists (Hinnant, days_from_civil)."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = _DAYS_IN_MONTH[np.clip(month, 0, 12)] - ((month == 2) & ~leap)
    exists = (month >= 1) & (month <= 12) & (day >= 1) & (day <= length) & (year >= 1900) & (year <= 2199)
    shifted = year - (month <= 2)
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468, exists
