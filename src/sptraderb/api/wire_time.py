"""Times on the wire: written ``YYYY-MM-DDTHH:MM:SSZ``, read as RFC 3339, plain dates or seconds."""

from datetime import UTC, date, datetime

from sptraderb.errors import InvalidInput

_LONGEST_TEXT = 40
LAST_SECOND = 253_402_300_799


def utc_text(moment: datetime) -> str:
    """Return a moment as ``YYYY-MM-DDTHH:MM:SSZ``; a naive one is taken as UTC.

    Examples
    --------
    >>> utc_text(datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=UTC))
    '2024-01-02T03:04:05Z'
    """
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return (
        f"{aware:%Y-%m-%dT%H:%M:%S}Z" if aware.year >= 1000 else f"{aware.replace(tzinfo=None).isoformat()}Z"
    )


def optional_utc_text(moment: datetime | None) -> str | None:
    """Return a moment as text, None for None."""
    return None if moment is None else utc_text(moment)


def text_from_seconds(time_s: int) -> str:
    """Return Unix seconds as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return utc_text(datetime.fromtimestamp(time_s, UTC))


def seconds_from_text(text: str, *, name: str, ends_day: bool = False) -> int:
    """Return the Unix seconds a text names: seconds, RFC 3339, or a plain UTC date.

    Parameters
    ----------
    text : str
        Such as ``1710918000``, ``2024-03-20T07:00:00Z`` or ``2024-03-20``.
    name : str
        The field, for the error.
    ends_day : bool
        Whether a plain date means the last second of that UTC day instead of the first.

    Raises
    ------
    InvalidInput
        ``time.malformed``, ``time.without_zone``.

    Examples
    --------
    >>> seconds_from_text("1970-01-02", name="to", ends_day=True)
    172799
    """
    stripped = text.strip()
    digits = stripped.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) != 8:
        return _seconds_in_range(int(stripped) if len(digits) <= 12 else LAST_SECOND + 1, name, stripped)
    if len(stripped) == 10 and stripped.count("-") == 2:
        return _day_seconds(stripped, name) + (86_399 if ends_day else 0)
    return int(moment_from_text(stripped, name=name).timestamp())


def time_bound(text: str | None, name: str, *, ends_day: bool = False) -> int | None:
    """Return the bound of a range a query gives, None where it gives none.

    Raises
    ------
    InvalidInput
        As `seconds_from_text`.
    """
    return None if text is None or not text.strip() else seconds_from_text(text, name=name, ends_day=ends_day)


def time_range(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """Return both bounds of a range that a query gives as ``from`` and ``to``, inclusive; None = no bound.

    Raises
    ------
    InvalidInput
        As `seconds_from_text`; ``time.reversed`` where the range ends before it begins.
    """
    from_s, to_s = time_bound(start, "from"), time_bound(end, "to", ends_day=True)
    if from_s is not None and to_s is not None and to_s < from_s:
        raise InvalidInput("time.reversed", f"`to` must not be before `from`, was {end} for {start}")
    return from_s, to_s


def moment_from_text(text: str, *, name: str) -> datetime:
    """Return the moment an RFC 3339 text names.

    Raises
    ------
    InvalidInput
        ``time.malformed``, ``time.without_zone``.
    """
    try:
        moment = datetime.fromisoformat(text) if len(text) <= _LONGEST_TEXT else None
    except ValueError:
        moment = None
    if moment is None:
        raise _malformed(name, text)
    if moment.tzinfo is None:
        raise InvalidInput(
            "time.without_zone", f"`{name}` must state its zone, was {text}", hint=f"write {text}Z for UTC"
        )
    return moment.astimezone(UTC)


def _day_seconds(text: str, name: str) -> int:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise _malformed(name, text) from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _seconds_in_range(value: int, name: str, text: str) -> int:
    if not 0 <= value <= LAST_SECOND:
        raise InvalidInput(
            "time.malformed",
            f"`{name}` must be Unix seconds 0..{LAST_SECOND}, was {text[:_LONGEST_TEXT]}",
            hint="milliseconds are divided by 1000 first",
        )
    return value


def _malformed(name: str, text: str) -> InvalidInput:
    return InvalidInput(
        "time.malformed",
        f"`{name}` must be RFC 3339, a date or Unix seconds, was `{text[:_LONGEST_TEXT]}`",
        hint="such as 2024-03-20T07:00:00Z, 2024-03-20 or 1710918000",
    )
