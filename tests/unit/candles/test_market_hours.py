"""Hours of markets: holidays and edges as real brokers keep them, and clocks converted wrongly."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from arro3.core import DataType
from arro3.io import read_parquet

from sptraderb.candles.check import LONG_GAP_S, SeriesMeter, check_candles, count_missing
from sptraderb.candles.coverage import measure_coverage
from sptraderb.candles.holidays import easter_sunday, metal_closures, nth_weekday
from sptraderb.candles.market_hours import hours_of
from sptraderb.candles.timezones import local_from_utc, parse_zone, utc_from_local
from sptraderb.domain.calendar import NEW_YORK, Int64Array
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS, infer_instrument
from sptraderb.domain.timeframe import D1, H1, M1, W1, Timeframe, parse_timeframe
from sptraderb.testing.candle_files import moving_candles

EURUSD, XAUUSD = SEEDED_INSTRUMENTS["EURUSD"], SEEDED_INSTRUMENTS["XAUUSD"]


def at(text: str) -> int:
    """Return a UTC time as Unix seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def missing(last: str, first: str, symbol: str = "EURUSD", timeframe: Timeframe = H1) -> int:
    """Return the bars missing between two open times."""
    times = np.array([at(last), at(first)])
    return int(count_missing(times, SEEDED_INSTRUMENTS[symbol], timeframe)[0])


@pytest.mark.parametrize(
    ("last", "first"),
    [
        ("2010-12-24T18:00", "2010-12-26T22:00"),  # Christmas on Saturday
        ("2011-12-23T21:00", "2011-12-26T07:00"),  # on Sunday: kept on Monday
        ("2016-12-23T20:00", "2016-12-26T23:00"),
        ("2016-12-30T20:00", "2017-01-02T23:00"),  # New Year on Sunday
        ("2012-12-24T17:00", "2012-12-26T07:00"),
        ("2013-12-31T17:00", "2014-01-02T07:00"),
        ("2018-12-24T18:00", "2018-12-26T00:00"),
        ("2020-12-24T18:00", "2020-12-27T23:00"),
    ],
)
def test_season_when_a_real_broker_rested_then_nothing_is_missing(last: str, first: str) -> None:
    """Early closes, the holidays and the late morning after them are no gaps (real feeds)."""
    assert missing(last, first) == 0


@pytest.mark.parametrize(
    ("last", "first"),
    [
        ("2010-12-27T00:00", "2010-12-28T00:00"),
        ("2019-12-24T10:00", "2019-12-24T16:00"),
        ("2024-12-26T09:00", "2024-12-27T00:00"),
        ("2015-12-28T00:00", "2015-12-28T06:00"),
    ],
)
def test_season_when_the_market_was_open_then_bars_are_missing(last: str, first: str) -> None:
    """Days before and after the holidays are like any other."""
    assert missing(last, first) == (at(first) - at(last)) // 3600 - 1


def test_edge_of_the_week_when_an_hour_lacks_then_it_is_no_gap_and_two_are_one() -> None:
    """Brokers close an hour early and open an hour late; more is missing, with all its bars."""
    assert missing("2024-03-01T20:00", "2024-03-03T23:00") == 0
    assert missing("2024-03-01T19:00", "2024-03-03T22:00") == 2
    assert missing("2024-03-01T21:00", "2024-03-04T00:00") == 2


@pytest.mark.parametrize(
    ("last", "first", "expected"),
    [
        ("2023-09-04T16:00", "2023-09-04T22:00", 0),  # Labour Day, 13:00 to 18:00 New York
        ("2023-11-23T17:00", "2023-11-23T23:00", 0),
        ("2023-11-24T18:00", "2023-11-26T23:00", 0),
        ("2024-03-28T20:00", "2024-03-31T22:00", 0),  # Good Friday
        ("2021-07-05T16:00", "2021-07-05T22:00", 0),  # Independence Day kept on Monday
        ("2022-06-20T16:00", "2022-06-20T22:00", 0),
        ("2018-06-19T16:00", "2018-06-19T20:00", 3),  # Juneteenth was no holiday yet
        ("2024-03-06T21:00", "2024-03-06T23:00", 0),  # the daily rest
    ],
)
def test_metal_when_the_united_states_rest_then_it_rests(last: str, first: str, expected: int) -> None:
    """Gold keeps COMEX's halts and its daily hour; the dollar against the euro does not."""
    assert missing(last, first, "XAUUSD") == expected


@pytest.mark.parametrize(
    ("timeframe", "symbol", "last", "first", "expected"),
    [
        (D1, "EURUSD", "2024-03-05T22:00", "2024-03-07T22:00", 1),
        (D1, "XAUUSD", "2024-03-05T22:00", "2024-03-07T22:00", 1),
        (D1, "EURUSD", "2024-03-07T22:00", "2024-03-10T21:00", 0),
        (D1, "BTCUSDT", "2024-03-05T00:00", "2024-03-09T00:00", 3),
        (W1, "EURUSD", "2024-01-07T22:00", "2024-01-28T22:00", 2),
        (W1, "EURUSD", "2024-12-15T22:00", "2025-01-05T22:00", 2),
        (W1, "XAUUSD", "2024-03-24T21:00", "2024-04-14T21:00", 2),
    ],
)
def test_session_bars_when_absent_then_sessions_are_counted(
    timeframe: Timeframe, symbol: str, last: str, first: str, expected: int
) -> None:
    """Days and weeks are missing whole, however many hours they hold."""
    assert missing(last, first, symbol, timeframe) == expected


def test_easter_and_weekdays_when_computed_then_the_known_dates() -> None:
    """Easter by the almanac; the fourth Thursday of November."""
    known = (date(1961, 4, 2), date(2008, 3, 23), date(2011, 4, 24), date(2024, 3, 31), date(2038, 4, 25))
    assert [easter_sunday(day.year) for day in known] == list(known)
    assert nth_weekday(2023, 11, 3, 4) == date(2023, 11, 23)
    memorial_day = metal_closures(2023)[5][0]
    assert (memorial_day.month, memorial_day.day) == (5, 29)


def test_open_seconds_when_counted_minute_by_minute_then_the_same() -> None:
    """The table of closures agrees with asking of each minute of a year whether the market is open."""
    hours = hours_of(XAUUSD)
    minutes = at("2023-03-01T00:00") + 60 * np.arange(400 * 1440)
    clock = local_from_utc(minutes, NEW_YORK)
    spans = list(zip(hours.closed.starts.tolist(), hours.closed.ends.tolist(), strict=True))
    closed = np.zeros(len(minutes), dtype=bool)
    for start, end in spans:
        if end > clock[0] and start <= clock[-1]:
            closed |= (clock >= start) & (clock < end)
    counted = np.concatenate([[0], np.cumsum(~closed[:-1])]) * 60
    # Clocks change while the market is closed, so differences are exact throughout.
    found = hours.open_seconds(minutes)
    assert np.array_equal(found - found[0], counted)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EURUSD_1h_mt5", ["2013-10-27T21:00", "2013-10-28T21:00", "2024-08-01T23:00"]),
        ("GBPUSD_1h_2012_2022_ejtrader", ["2014-05-01T00:00"]),
        ("EURUSD_15m_mt5", ["2024-08-01T23:00"]),
        ("EURUSD_5m_2023_mt5", []),
        ("USDJPY_1h_2012_2022_ejtrader", []),
    ],
)
def test_real_brokers_when_judged_then_only_true_holes_are_gaps(
    shared_data: Path, name: str, expected: list[str]
) -> None:
    """Years of real candles: holidays and edges of weeks are no gaps, outages are, and no clock is wrong."""
    symbol, timeframe = name[:6], parse_timeframe(name.split("_")[1])
    table = read_parquet(shared_data / "train" / f"{name}.parquet").read_all()
    times = table["time"].cast(DataType.int64()).to_numpy() // 1000
    lacking = count_missing(times, infer_instrument(symbol), timeframe)
    long = np.flatnonzero(lacking * timeframe.seconds > LONG_GAP_S)
    assert [datetime.fromtimestamp(int(times[row]), UTC).isoformat()[:16] for row in long] == expected
    assert meter_of(times, timeframe).report().n_clock_faults == 0


def meter_of(times: Int64Array, timeframe: Timeframe) -> SeriesMeter:
    """Return the figures of a series of that many moving bars."""
    rng = np.random.default_rng(3)
    close = 108_000 + np.cumsum(rng.integers(-9, 10, len(times)))
    meter = SeriesMeter(EURUSD, timeframe)
    for first in range(0, len(times), 5_000):
        part = close[first : first + 5_000]
        meter.add(times[first : first + 5_000], np.stack([part, part + 5, part - 5, part]))
    return meter


@pytest.mark.parametrize(("zone", "read_as"), [("America/New_York", "-05:00"), ("Europe/Athens", "+02:00")])
def test_series_when_daylight_saving_was_left_out_then_it_is_a_clock_fault(zone: str, read_as: str) -> None:
    """Two years whose summers are an hour off are told, counted and never better than C."""
    right = moving_candles(12_000, timeframe=H1).time_s
    clock = local_from_utc(right, parse_zone(zone).place or NEW_YORK)
    wrong, _ = utc_from_local(np.unique(clock), parse_zone(read_as))
    assert meter_of(right, H1).report().n_clock_faults == 0
    report = meter_of(wrong, H1).report()
    assert report.n_clock_faults > 50
    assert report.grade >= "C"
    assert "daylight saving" in report.notes[-1]


def test_series_when_it_only_opens_late_in_summer_then_no_clock_fault() -> None:
    """A source without the first hour of summer weeks has holes, not another clock."""
    right = moving_candles(12_000, timeframe=H1).time_s
    offset = local_from_utc(right, NEW_YORK) - right
    first_hour = np.diff(right, prepend=0) > 86_400
    assert meter_of(right[~(first_hour & (offset == -4 * 3600))], H1).report().n_clock_faults == 0


def test_minutes_when_quiet_around_the_weekend_then_nothing_is_missing() -> None:
    """The last minutes of Friday and the first of Sunday without ticks are no holes, nor in the picture."""
    candles = moving_candles(8_000, timeframe=M1, first_s=at("2024-03-01T12:00"))
    quiet = (candles.time_s > at("2024-03-01T21:50")) & (candles.time_s < at("2024-03-03T22:07"))
    kept = np.flatnonzero(~quiet)
    assert len(kept) < len(candles)
    columns = {
        name: getattr(candles, name)[kept]
        for name in ("time_s", "open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume")
    }
    less = type(candles).from_columns(columns, instrument=EURUSD, timeframe=M1)
    assert check_candles(less).n_missing == 0
    assert {cell.share for cell in measure_coverage(less, n_cells=50)} <= {None, 1.0}
