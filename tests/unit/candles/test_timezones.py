"""Time zones of files, and the FX week that proves them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptraderb.candles.timezones import (
    EST_ZONE,
    LocalHours,
    fx_closed,
    local_from_utc,
    parse_zone,
    utc_from_local,
)
from sptraderb.domain.calendar import Int64Array
from sptraderb.errors import InvalidInput

_FIRST = int(datetime(2023, 1, 1, tzinfo=UTC).timestamp())


def _fx_hours(n_days: int) -> Int64Array:
    hours = _FIRST + 3600 * np.arange(24 * n_days)
    return hours[~fx_closed(hours)]


def _clock(time_s: Int64Array, name: str) -> Int64Array:
    zone = parse_zone(name)
    local = time_s if zone.place is None else local_from_utc(time_s, zone.place)
    return local + zone.shift_s


@given(st.integers(0, 2**31), st.sampled_from(["Europe/Athens", "America/New_York", "Australia/Sydney"]))
def test_offset_when_asked_in_bulk_then_it_is_the_one_of_zoneinfo(time_s: int, name: str) -> None:
    """The table of changes gives what zoneinfo gives, at any second."""
    place = ZoneInfo(name)
    offset = datetime.fromtimestamp(time_s, tz=place).utcoffset()
    assert offset is not None
    assert local_from_utc(np.array([time_s]), place)[0] == time_s + offset.total_seconds()


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Athens", "ny-close", "+07:00", "America/New_York", "EST", "-3"]
)
def test_times_when_turned_to_utc_then_they_are_the_ones_written(name: str) -> None:
    """A year of hours survives the way to a file's clock and back, both changes of clocks included."""
    hours = _fx_hours(370)
    back, exists = utc_from_local(_clock(hours, name), parse_zone(name))
    assert exists.all()
    assert (back == hours).all()


def test_times_when_an_hour_happens_twice_then_the_step_back_tells_which() -> None:
    """When clocks go back, the times after the step belong to the second hour."""
    hours = int(datetime(2024, 11, 3, 4, tzinfo=UTC).timestamp()) + 1800 * np.arange(8)
    back, _ = utc_from_local(_clock(hours, "America/New_York"), parse_zone("America/New_York"))
    assert (back == hours).all()


def test_time_when_clocks_jump_over_it_then_it_does_not_exist() -> None:
    """02:30 on the day clocks go forward is no time."""
    local = np.array([int(datetime(2024, 3, 10, 2, 30, tzinfo=UTC).timestamp())])
    assert not utc_from_local(local, parse_zone("America/New_York"))[1][0]


@pytest.mark.parametrize("name", ["UTC", "ny-close", "Europe/Athens", "+07:00", "EST", "America/New_York"])
def test_zone_when_weeks_are_fx_weeks_then_it_alone_fits(name: str) -> None:
    """A year of bars on a clock fits that clock's zone and no other reading."""
    local = _clock(_fx_hours(370), name)
    hours = LocalHours()
    hours.add(local)
    assert [zone.name for zone in hours.fitting()] == [parse_zone(name).name]


def test_zone_when_it_is_the_wrong_one_then_bars_in_the_weekend_contradict_it() -> None:
    """Broker time labelled UTC puts Friday's last hours into the weekend."""
    hours = LocalHours()
    hours.add(_clock(_fx_hours(60), "ny-close"))
    assert hours.fit(parse_zone("UTC")).contradicts
    assert not hours.fit(parse_zone("ny-close")).contradicts


@pytest.mark.parametrize("text", ["Mars/Olympus", "+25:00", "", "../etc", "UTC+99"])
def test_zone_when_unknown_then_it_is_refused(text: str) -> None:
    """`import.timezone_unknown` names what may be said."""
    with pytest.raises(InvalidInput) as caught:
        parse_zone(text)
    assert caught.value.code == "import.timezone_unknown"


def test_est_when_named_then_it_has_no_daylight_saving() -> None:
    """HistData's clock stays five hours behind UTC all year."""
    assert parse_zone("EST") == EST_ZONE
    assert parse_zone("UTC-5") == EST_ZONE
