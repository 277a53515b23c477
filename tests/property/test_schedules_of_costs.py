"""What falls due when, and at which rate, is what a plain walk over the calendar finds (C2, C4, C5, T4)."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptraderb.domain.calendar import CalendarName, Int64Array
from sptraderb.domain.conversion import LegCloses, RouteLeg, bar_rates
from sptraderb.domain.cost_schedules import funding_due, hourly_spread_ticks, swap_days
from sptraderb.domain.costs import FundingRates, SpreadTable
from sptraderb.errors import CandlesUnusable

_WALK = settings(max_examples=40, deadline=None)
_NEW_YORK = ZoneInfo("America/New_York")
_2010_S, _2030_S = 1_262_304_000, 1_893_456_000


@st.composite
def _opens(draw: st.DrawFn) -> Int64Array:
    """Draw open times of bars with gaps of minutes to weeks, often near the turn of a year or of a clock."""
    start = draw(
        st.integers(_2010_S, _2030_S) | st.sampled_from((1_703_203_200, 1_735_000_000, 1_710_028_800))
    )
    steps = draw(st.lists(st.sampled_from((300, 3600, 3600, 14_400, 86_400, 200_000, 900_000)), max_size=40))
    return (start - start % 300 + np.cumsum([0, *steps])).astype(np.int64)


def _days_of_week(monday: date, triple: int) -> list[int]:
    """Return the days that each day of a week counts, those of a holiday given to a neighbour in the week."""
    days = [3 if weekday == triple else 1 for weekday in range(5)]
    for weekday in range(5):
        day = monday + timedelta(days=weekday)
        if (day.month, day.day) in ((12, 25), (1, 1)):
            taker = 1 if weekday == 0 else weekday - 1
            days[taker] += days[weekday]
            days[weekday] = 0
    return [*days, 0, 0]


def _plain_swap_days(before_s: int, now_s: int, triple: int) -> int:
    """Count what ends after one open and not after the next, a calendar day at a time."""
    due, day = 0, datetime.fromtimestamp(before_s, UTC).date() - timedelta(days=2)
    while day <= datetime.fromtimestamp(now_s, UTC).date() + timedelta(days=2):
        close_s = datetime(day.year, day.month, day.day, 17, tzinfo=_NEW_YORK).timestamp()
        if before_s < close_s <= now_s:
            due += _days_of_week(day - timedelta(days=day.weekday()), triple)[day.weekday()]
        day += timedelta(days=1)
    return due


@_WALK
@given(opens=_opens(), triple=st.sampled_from((2, 3)))
def test_swap_days_when_walked_day_by_day_then_are_the_same(opens: Int64Array, triple: int) -> None:
    """Every session that ends between two opens counts its days there, holidays moved inside their week."""
    found = swap_days(opens, CalendarName.FX, triple=triple).tolist()
    pairs = zip(opens[:-1].tolist(), opens[1:].tolist(), strict=True)
    assert found == [0, *(_plain_swap_days(before, now, triple) for before, now in pairs)]


@_WALK
@given(opens=_opens())
def test_swap_days_when_trading_never_rests_then_are_the_midnights_between(opens: Int64Array) -> None:
    """A coin counts one day for each midnight UTC passed (T4)."""
    found = swap_days(opens, CalendarName.CRYPTO, triple=2)
    np.testing.assert_array_equal(found[1:], np.diff(opens // 86_400))


@_WALK
@given(week=st.integers(2090, 3100), triple=st.sampled_from((2, 3)))
def test_swap_days_when_a_week_is_full_then_sum_to_seven(week: int, triple: int) -> None:
    """Held from one Sunday to the next, a position pays seven days in any week, whatever holidays it has."""
    sunday_s = week * 7 * 86_400 + 3 * 86_400 + 43_200
    assert datetime.fromtimestamp(sunday_s, UTC).weekday() == 6
    opens = np.array([sunday_s, sunday_s + 7 * 86_400], dtype=np.int64)
    assert swap_days(opens, CalendarName.FX, triple=triple).tolist() == [0, 7]


@_WALK
@given(opens=_opens(), data=st.data())
def test_funding_when_walked_row_by_row_then_is_the_same(opens: Int64Array, data: st.DataObject) -> None:
    """Each stated rate is due before the first bar that opens at or after its time (C4)."""
    span = st.integers(int(opens[0]) - 9000, int(opens[-1]) + 9000) | st.sampled_from(opens.tolist())
    times = sorted(data.draw(st.sets(span, max_size=30)))
    series = tuple((time_s, data.draw(st.integers(-(10**8), 10**8))) for time_s in times)
    expected = [0] * len(opens)
    for time_s, rate in series:
        due = [bar for bar, open_s in enumerate(opens.tolist()) if open_s >= time_s]
        if due and due[0] > 0:
            expected[due[0]] += rate
    # What lies before the first bar is nobody's: a position cannot have been held then.
    assert funding_due(opens, FundingRates(series=series)).tolist() == (
        expected if series else [0] * len(opens)
    )


@_WALK
@given(opens=_opens(), zone=st.sampled_from(("UTC", "America/New_York", "Europe/London", "Asia/Kolkata")))
def test_spread_when_looked_up_by_local_hour_then_is_the_same(opens: Int64Array, zone: str) -> None:
    """Each bar takes the spread of the hour that a clock in the zone shows at its open, rounded up (C2)."""
    table = SpreadTable(hours_ppm=tuple(700_001 * hour for hour in range(24)), in_pips=True, timezone=zone)
    found, rounded = hourly_spread_ticks(opens, table, pip_ticks=10)
    hours = [datetime.fromtimestamp(open_s, ZoneInfo(zone)).hour for open_s in opens.tolist()]
    assert found.tolist() == [-(-700_001 * hour * 10 // 1_000_000) for hour in hours]
    assert rounded


@st.composite
def _legs(draw: st.DrawFn) -> list[LegCloses]:
    legs = []
    for pair in draw(st.sampled_from((("GBPUSD",), ("USDJPY", "EURJPY")))):
        known = sorted(draw(st.sets(st.integers(0, 5000), min_size=1, max_size=20)))
        closes = draw(st.lists(st.integers(1, 10**7), min_size=len(known), max_size=len(known)))
        legs.append(
            LegCloses(
                leg=RouteLeg(base=pair[:3], quote=pair[3:], inverse=draw(st.booleans())),
                known_s=np.array(known, dtype=np.int64),
                closes=np.array(closes, dtype=np.int64),
                one=draw(st.sampled_from((100_000, 1000, 200_000))),
            )
        )
    return legs


@_WALK
@given(legs=_legs(), times=st.sets(st.integers(0, 6000), min_size=1, max_size=20), first=st.integers(0, 3))
def test_rate_when_looked_up_leg_by_leg_then_is_the_same_quotient(
    legs: list[LegCloses], times: set[int], first: int
) -> None:
    """A route's rate is the product of the last closes known then; none known is an error, never 1 (C5)."""
    asked = sorted(times)
    expected = [_plain_rate(legs, time_s) for time_s in asked]
    if any(rate is None for rate in expected[first:]):
        with pytest.raises(CandlesUnusable, match=r"conversion\.no_rate"):
            bar_rates(np.array(asked, dtype=np.int64), legs, first_bar=first)
        return
    found = bar_rates(np.array(asked, dtype=np.int64), legs, first_bar=first)
    for top, bottom, rate in zip(found.numerator.tolist(), found.denominator.tolist(), expected, strict=True):
        if rate is not None:
            assert (top, bottom) == rate.as_integer_ratio()


def _plain_rate(legs: list[LegCloses], time_s: int) -> Fraction | None:
    rate = Fraction(1)
    for closes in legs:
        known = [close for at_s, close in zip(closes.known_s, closes.closes, strict=True) if at_s <= time_s]
        if not known:
            return None
        price = Fraction(int(known[-1]), closes.one)
        rate = rate / price if closes.leg.inverse else rate * price
    return rate
