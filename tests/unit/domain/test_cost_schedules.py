"""When swap and funding fall due, and the spread of an hour."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptraderb.domain.calendar import CalendarName
from sptraderb.domain.cost_schedules import (
    funding_due,
    hourly_spread_ticks,
    swap_days,
    swap_multiplier,
    triple_weekday,
)
from sptraderb.domain.costs import FundingRates, SpreadTable
from sptraderb.errors import MoneyOverflow

WEDNESDAY = 2


def seconds(*texts: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return UTC times as Unix seconds."""
    times = [int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) for text in texts]
    return np.array(times, dtype=np.int64)


@given(st.integers(0, 5000), st.sampled_from(CalendarName), st.integers(0, 4))
def test_swap_when_any_week_is_summed_then_seven_days(week: int, calendar: CalendarName, triple: int) -> None:
    """From Monday to Sunday the multipliers sum to 7, holidays or not (C4)."""
    monday = 4 + 7 * week
    assert sum(swap_multiplier(day, calendar, triple) for day in range(monday, monday + 7)) == 7


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2024-01-02", 2),  # Tuesday after a Monday that is a holiday
        ("2024-01-03", 3),  # Wednesday
        ("2024-01-06", 0),  # Saturday
        ("2024-12-24", 4),  # Tuesday: itself and the three days of a Wednesday that is a holiday
        ("2024-12-25", 0),
        ("2025-12-24", 4),  # Wednesday: three and the Thursday that is a holiday
        ("2023-12-25", 0),  # Monday
        ("2023-12-22", 1),  # Friday before it: its week is full
    ],
)
def test_swap_when_a_day_ends_then_counts(date: str, expected: int) -> None:
    """Wednesday counts three; a holiday's days go to the day before, a Monday's to the day after (C4)."""
    day = int(seconds(date)[0]) // 86_400
    assert swap_multiplier(day, CalendarName.FX, WEDNESDAY) == expected


def test_swap_when_the_session_closes_at_an_open_then_due_there() -> None:
    """The FX day ends at 17:00 New York, 22:00 UTC in winter: due at the bar that opens then (T4)."""
    times = seconds(
        "2024-01-09T20:00", "2024-01-09T21:00", "2024-01-09T22:00", "2024-01-09T23:00", "2024-01-10T23:00"
    )
    assert swap_days(times, CalendarName.FX, triple=WEDNESDAY).tolist() == [0, 0, 1, 0, 3]


def test_swap_when_it_falls_inside_a_bar_then_due_before_the_next() -> None:
    """A 4h bar from 20:00 to 24:00 crosses 22:00: due at the next open (T4); a weekend sums once."""
    times = seconds("2024-01-11T20:00", "2024-01-12T00:00", "2024-01-12T20:00", "2024-01-14T23:00")
    assert swap_days(times, CalendarName.FX, triple=WEDNESDAY).tolist() == [0, 1, 0, 1]
    assert swap_days(times, CalendarName.CRYPTO, triple=WEDNESDAY).tolist() == [0, 1, 0, 2]
    assert swap_days(times[:0], CalendarName.FX, triple=WEDNESDAY).tolist() == []


def test_triple_when_a_pair_settles_the_next_day_then_thursday() -> None:
    """USDCAD triples on Thursday, EURUSD on Wednesday (C4)."""
    assert (triple_weekday("USDCAD"), triple_weekday("EURUSD")) == (3, 2)


def test_funding_when_every_eight_hours_then_due_at_the_next_open() -> None:
    """At 00:00, 08:00 and 16:00 UTC, at the first open not before it; a gap sums what it holds (C4)."""
    times = seconds("2024-01-01T00:00", "2024-01-01T07:00", "2024-01-01T08:00", "2024-01-02T00:30")
    assert funding_due(times, FundingRates(every_s=28_800, rate_ppb=100)).tolist() == [0, 0, 100, 200]


def test_funding_when_a_series_then_each_rate_is_due_once() -> None:
    """A rate is due before the first bar that opens at or after its time; before bar 0 none is."""
    times = seconds("2024-01-01T01:00", "2024-01-01T02:00", "2024-01-01T05:00")
    stamps = seconds("2024-01-01T01:00", "2024-01-01T01:30", "2024-01-01T05:00", "2024-01-01T05:01").tolist()
    series = tuple(zip(stamps, (1, 20, -300, 4000), strict=True))
    assert funding_due(times, FundingRates(series=series)).tolist() == [0, 20, -300]
    assert funding_due(times[:0], FundingRates(series=series)).tolist() == []
    with pytest.raises(MoneyOverflow, match=r"money\.overflow"):
        funding_due(times, FundingRates(series=((0, 2**62), (1, 2**62))))


def test_spread_when_by_hour_then_the_zone_of_the_table_counts() -> None:
    """07:00 in London is 06:00 UTC in July; finer than a tick rounds up (C2, M2)."""
    table = SpreadTable(
        hours_ppm=tuple(150_000 if hour == 7 else 800_000 for hour in range(24)),
        in_pips=True,
        timezone="Europe/London",
    )
    times = seconds("2024-07-01T06:00", "2024-07-01T07:00", "2024-01-02T07:45")
    spread, rounded = hourly_spread_ticks(times, table, pip_ticks=10)
    assert (spread.tolist(), rounded) == ([2, 8, 2], True)
    plain = SpreadTable(hours_ppm=tuple(range(0, 24_000_000, 1_000_000)), in_pips=False)
    assert hourly_spread_ticks(times, plain, pip_ticks=10)[0].tolist() == [6, 7, 7]
