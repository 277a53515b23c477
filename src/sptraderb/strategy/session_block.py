"""Reads `session`: on which days and in which hours entries are allowed (X18)."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sptraderb.domain.plan import SessionFilter
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, shortened
from sptraderb.strategy.names import did_you_mean

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOURS = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*")
_DAY_MINUTES = 1440
_ALL_DAYS = frozenset(range(7))
_ZONE_HINT = "such as `Europe/London` or `UTC`"


def read_session(reader: BlockReader, node: DocumentNode | None) -> SessionFilter | None:
    """Return the session filter, None if the document states none."""
    block = reader.block(node, "session", block="session")
    if not block:
        return None
    start, end = _hours(reader, block.get("hours"))
    return SessionFilter(
        days=_days(reader, block.get("days")),
        start_minute=start,
        end_minute=end,
        timezone=_timezone(reader, block.get("timezone")),
    )


def day_number(word: str) -> int | None:
    """Return the number of a weekday's name, Monday = 0, or None."""
    name = word.strip().lower()
    if name in DAYS:
        return DAYS.index(name)
    return _LONG_DAYS.index(name) if name in _LONG_DAYS else None


def minutes_of(text: str) -> tuple[int, int] | None:
    """Return [start, end) of ``07:00-17:00`` in minutes of the day, or None."""
    match = _HOURS.fullmatch(text)
    if match is None:
        return None
    hours = [int(part) for part in match.groups()]
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    sound = hours[1] < 60 and hours[3] < 60 and start < _DAY_MINUTES and end <= _DAY_MINUTES
    return (start, end) if sound else None


def is_timezone(name: str) -> bool:
    """Whether a name is an IANA time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _days(reader: BlockReader, node: DocumentNode | None) -> frozenset[int]:
    if node is None:
        return _ALL_DAYS
    found: set[int] = set()
    for item in reader.items(node):
        source = reader.text(item, "session.days")
        if source is None:
            continue
        for word in source.text.split(","):
            days = _day_range(word)
            if days is None:
                message = f"`session.days` must be days such as `mon-fri`, was `{shortened(word)}`"
                hint = did_you_mean(word.strip(), [*DAYS, *_LONG_DAYS])
                reader.fault("strategy.value", message, source, path="session.days", hint=hint)
            else:
                found.update(days)
    return frozenset(found) or _ALL_DAYS


def _day_range(word: str) -> list[int] | None:
    ends = [day_number(part) for part in word.split("-")]
    if len(ends) > 2 or None in ends:
        return None
    first, last = ends[0] or 0, ends[-1] or 0
    return [(first + at) % 7 for at in range((last - first) % 7 + 1)]


def _hours(reader: BlockReader, node: DocumentNode | None) -> tuple[int, int]:
    source = reader.text(node, "session.hours")
    if source is None:
        return 0, _DAY_MINUTES
    found = minutes_of(source.text)
    if found is None or found[0] == found[1]:
        message = f'`session.hours` must be such as "07:00-17:00", was `{shortened(source.text)}`'
        reader.fault("strategy.value", message, source, path="session.hours")
        return 0, _DAY_MINUTES
    return found


def _timezone(reader: BlockReader, node: DocumentNode | None) -> str:
    source = reader.text(node, "session.timezone")
    if source is None:
        return "UTC"
    if not is_timezone(source.text):
        message = f"`session.timezone` must be an IANA name, was `{shortened(source.text)}`"
        reader.fault("strategy.value", message, source, path="session.timezone", hint=_ZONE_HINT)
        return "UTC"
    return source.text
