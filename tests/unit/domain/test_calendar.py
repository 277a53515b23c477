"""Session days follow the New York close with daylight saving, crypto midnight UTC (T4)."""

from datetime import UTC, datetime

import numpy as np
import pytest

from sptraderb.domain.calendar import CalendarName, session_close_s, session_days


def unix(text: str) -> int:
    """Return Unix seconds of an ISO time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def day(text: str) -> int:
    """Return a date as days since 1970."""
    return unix(text) // 86_400


@pytest.mark.parametrize(
    ("close_time", "session"),
    [
        ("2024-01-15T22:00", "2024-01-15"),  # 17:00 in New York, winter: the day's last bar
        ("2024-01-15T22:01", "2024-01-16"),
        ("2024-07-15T21:00", "2024-07-15"),  # 17:00 in New York, summer
        ("2024-07-15T21:01", "2024-07-16"),
        ("2024-03-10T22:00", "2024-03-11"),  # Sunday of the change: closes 21:00 UTC from here on
        ("2024-03-11T21:00", "2024-03-11"),
        ("2024-11-03T22:00", "2024-11-03"),  # and back to 22:00 UTC
    ],
)
def test_fx_day_when_bar_closes_then_follows_new_york(close_time: str, session: str) -> None:
    """An FX bar belongs to the day whose 17:00 New York close is the first at or after its own (T4)."""
    days = session_days(np.array([unix(close_time)]), CalendarName.FX)
    assert days.tolist() == [day(session)]


def test_crypto_day_when_bar_closes_at_midnight_then_belongs_to_the_day_before() -> None:
    """A crypto bar that closes at 00:00 UTC ends the day (T4)."""
    times = np.array([unix("2024-01-15T00:00"), unix("2024-01-15T00:01")])
    assert session_days(times, CalendarName.CRYPTO).tolist() == [day("2024-01-14"), day("2024-01-15")]


@pytest.mark.parametrize("calendar", list(CalendarName))
def test_session_close_when_asked_then_ends_its_own_day(calendar: CalendarName) -> None:
    """The close of a day belongs to that day, one second later begins the next, all year round (T4)."""
    for number in range(day("2024-01-01"), day("2025-01-02")):
        close_s = session_close_s(number, calendar)
        assert session_days(np.array([close_s, close_s + 1]), calendar).tolist() == [number, number + 1]


def test_session_days_when_no_bars_then_empty() -> None:
    """No bars have no days."""
    assert session_days(np.empty(0, dtype=np.int64), CalendarName.FX).tolist() == []
