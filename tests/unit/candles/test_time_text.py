"""Times as files write them."""

from datetime import UTC, datetime

import numpy as np
import pytest

from sptraderb.candles.time_text import find_template, is_order_ambiguous, proven_order, read_times


def _read(text: str, **options: str) -> tuple[int, bool, bool]:
    buffer = np.frombuffer(text.encode(), dtype=np.uint8)
    seconds, ok, whole = read_times(buffer, np.array([0]), np.array([len(text)]), **options)
    return int(seconds[0]), bool(ok[0]), bool(whole[0])


_NOON = int(datetime(2025, 8, 17, 22, 0, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "states_zone"),
    [
        ("2025-08-17T22:00:00Z", True),
        ("2025-08-17 22:00:00", False),
        ("2025-08-17 22:00", False),
        ("20250817 220000", False),
        ("2025.08.17 22:00:00", False),
        ("17.08.2025 22:00:00.000", False),
        ("17.08.2025 22:00:00.000 GMT+0000", True),
        ("2025-08-17 22:00:00 UTC", True),
        ("2025-08-17T22:00:00.000+00:00", True),
        ("2025-08-18 05:00:00+07:00", True),
        ("2025-08-17T17:00:00-0500", True),
        ("2025-08-17 10-PM", False),
        ("20250817 22:00", False),
        ("1755468000", True),
        ("1755468000000", True),
        ("1755468000000000", True),
        ("1755468000000000000", True),
        ("1755468000.0", True),
    ],
)
def test_time_when_written_in_a_known_way_then_it_is_read(text: str, states_zone: bool) -> None:
    """Every layout seen in real files gives the same moment."""
    template = find_template(text)
    assert template is not None
    assert template.states_zone is states_zone
    assert _read(text) == (_NOON, True, True)


def test_time_when_midnight_is_written_as_twelve_am_then_the_day_begins() -> None:
    """12-AM is hour 0, 12-PM is hour 12."""
    assert _read("2019-10-17 12-AM")[0] % 86_400 == 0
    assert _read("2019-10-17 12-PM")[0] % 86_400 == 43_200


@pytest.mark.parametrize(
    "text", ["2025-02-29 00:00:00", "2025-13-01 00:00:00", "2025-08-17 24:00:00", "2025-04-31"]
)
def test_time_when_it_does_not_exist_then_it_is_not_ok(text: str) -> None:
    """Days and hours that the calendar does not have are refused."""
    assert _read(text)[1] is False


@pytest.mark.parametrize("text", ["", "yesterday", "17:00 o'clock", "1/2/2025", "12345678901234567890123"])
def test_time_when_unreadable_then_there_is_no_template(text: str) -> None:
    """Nothing is guessed."""
    assert find_template(text) is None


def test_time_when_it_has_a_part_of_a_second_then_it_is_not_whole() -> None:
    """Candles open on whole seconds; a rest is reported."""
    assert _read("2025-08-17T22:00:00.250Z") == (_NOON, True, False)
    assert _read("1755468000250") == (_NOON, True, False)


def test_rows_when_they_have_several_widths_then_each_is_read() -> None:
    """A file may drop the seconds in some rows."""
    text = b"2025-08-17 22:00,2025-08-17 22:05:00,2025-08-17 22:10"
    starts, ends = np.array([0, 17, 37]), np.array([16, 36, 53])
    seconds, ok, _ = read_times(np.frombuffer(text, dtype=np.uint8), starts, ends)
    assert ok.all()
    assert (seconds - _NOON).tolist() == [0, 300, 600]


def test_rows_when_one_has_another_zone_name_then_it_is_refused() -> None:
    """A zone that differs from the template's is not read as if it were the same."""
    text = b"2025-08-17 22:00:00 UTC,2025-08-17 22:00:00 EST"
    _, ok, _ = read_times(np.frombuffer(text, dtype=np.uint8), np.array([0, 24]), np.array([23, 47]))
    assert ok.tolist() == [True, False]


def test_order_of_day_and_month_when_slashed_then_it_must_be_proven() -> None:
    """01/02/2024 alone proves nothing; a number above 12 does."""
    assert is_order_ambiguous(["01/02/2024", "03/04/2024"])
    assert not is_order_ambiguous(["01/02/2024", "13/04/2024"])
    assert proven_order(["01/13/2024"]) == "mdy"
    assert proven_order(["13/01/2024"]) == "dmy"
    assert proven_order(["01/02/2024"]) is None
    assert _read("01/02/2024", date_order="mdy")[0] == int(datetime(2024, 1, 2, tzinfo=UTC).timestamp())
