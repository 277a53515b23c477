"""Times on the wire."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sptraderb.api.wire_time import moment_from_text, seconds_from_text, text_from_seconds, utc_text
from sptraderb.errors import InvalidInput


def test_text_when_written_then_seconds_and_z() -> None:
    """Times are written without fraction and with Z, whatever zone they came in."""
    moment = datetime(2024, 3, 20, 9, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert utc_text(moment) == "2024-03-20T07:00:00Z"
    assert utc_text(datetime(2024, 3, 20, 7, 0, 0)) == "2024-03-20T07:00:00Z"  # noqa: DTZ001  naive on purpose
    assert text_from_seconds(0) == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1710918000", 1_710_918_000),
        ("2024-03-20T07:00:00Z", 1_710_918_000),
        ("2024-03-20T09:00:00+02:00", 1_710_918_000),
        ("2024-03-20", 1_710_892_800),
        ("0", 0),
    ],
)
def test_seconds_when_any_spelling_then_the_same_moment(text: str, seconds: int) -> None:
    """Unix seconds, RFC 3339 and plain dates all name a moment."""
    assert seconds_from_text(text, name="from") == seconds


def test_seconds_when_a_plain_end_then_the_last_second_of_the_day() -> None:
    """A plain end means to the end of that UTC day; a time means itself."""
    assert seconds_from_text("1970-01-01", name="to", ends_day=True) == 86_399
    assert seconds_from_text("1970-01-01T00:00:00Z", name="to", ends_day=True) == 0


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-13-01", "2024-02-30", "1e9", "-5", "9" * 30, "1710918000000", "2024-1-1"]
)
def test_seconds_when_not_a_time_then_refused(text: str) -> None:
    """Nonsense, and milliseconds taken for seconds, are refused with the field's name."""
    with pytest.raises(InvalidInput, match="`from`") as caught:
        seconds_from_text(text, name="from")
    assert caught.value.code == "time.malformed"


def test_moment_when_without_zone_then_refused() -> None:
    """A time that states no zone could mean two moments."""
    with pytest.raises(InvalidInput) as caught:
        moment_from_text("2024-03-20T07:00:00", name="start_date")
    assert caught.value.code == "time.without_zone"
    assert moment_from_text("2024-03-20T07:00:00Z", name="x").tzinfo is UTC
