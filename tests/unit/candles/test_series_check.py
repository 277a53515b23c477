"""Checks of a series: gaps against the calendar, spikes, flat runs, grades."""

from datetime import UTC, datetime

import numpy as np
import pytest

from sptraderb.candles.check import SeriesMeter, check_candles, count_missing
from sptraderb.candles.timezones import fx_closed
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.timeframe import H1

_EURUSD = SEEDED_INSTRUMENTS["EURUSD"]


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def _hours(first: str, n_hours: int) -> Int64Array:
    time_s = _at(first) + 3600 * np.arange(n_hours)
    return time_s[~fx_closed(time_s)]


def _moving(n_bars: int) -> Int64Array:
    rng = np.random.default_rng(7)
    close = 108_000 + np.cumsum(rng.integers(-9, 10, n_bars))
    return np.stack([close, close + 5, close - 5, close])


def test_weekend_when_between_two_bars_then_nothing_is_missing() -> None:
    """From Friday's last to Sunday's first bar the market is closed, in winter and in summer."""
    for last, first in (("2017-01-06T21:00", "2017-01-08T22:00"), ("2017-07-07T20:00", "2017-07-09T21:00")):
        times = np.array([_at(last), _at(first)])
        assert count_missing(times, _EURUSD, H1).tolist() == [0]


@pytest.mark.parametrize("year", [2018, 2019, 2020, 2024])
def test_christmas_when_no_bar_trades_then_nothing_is_missing(year: int) -> None:
    """The session days of Christmas and New Year are closed."""
    times = np.array([_at(f"{year}-12-24T21:00"), _at(f"{year}-12-25T22:00")])
    assert count_missing(times, _EURUSD, H1).tolist() == [0]


def test_gap_when_on_a_weekday_then_its_bars_are_missing() -> None:
    """Every due bar of an open market counts."""
    times = np.array([_at("2024-03-05T09:00"), _at("2024-03-05T13:00")])
    assert count_missing(times, _EURUSD, H1).tolist() == [3]


def test_gold_when_it_pauses_at_five_then_nothing_is_missing() -> None:
    """Metals rest for the hour after 17:00 New York."""
    times = np.array([_at("2024-03-05T21:00"), _at("2024-03-05T23:00")])
    assert count_missing(times, SEEDED_INSTRUMENTS["XAUUSD"], H1).tolist() == [0]
    assert count_missing(times, _EURUSD, H1).tolist() == [1]


def test_crypto_when_a_weekend_is_absent_then_it_is_missing() -> None:
    """Crypto never closes."""
    times = np.array([_at("2024-03-08T21:00"), _at("2024-03-10T21:00")])
    assert count_missing(times, SEEDED_INSTRUMENTS["BTCUSDT"], H1).tolist() == [47]


def test_series_when_complete_then_its_grade_is_a() -> None:
    """Whole weeks without a fault are grade A."""
    times = _hours("2024-01-02T00:00", 24 * 60)
    prices = _moving(len(times))
    columns = dict(zip(("open_ticks", "high_ticks", "low_ticks", "close_ticks"), prices, strict=True))
    candles = Candles.from_columns(columns | {"time_s": times}, instrument=_EURUSD, timeframe=H1)
    report = check_candles(candles)
    assert (report.grade, report.n_missing, report.gaps) == ("A", 0, ())


def test_series_when_fed_in_blocks_then_the_report_is_the_same() -> None:
    """Blocks change nothing: gaps, flat runs and counts carry over."""
    times = _hours("2024-01-02T00:00", 24 * 60)
    times = times[(np.arange(len(times)) % 97) != 0]
    prices = _moving(len(times))
    prices[:, 300:330] = prices[3, 299]
    whole, parts = SeriesMeter(_EURUSD, H1), SeriesMeter(_EURUSD, H1)
    whole.add(times, prices)
    for first in range(0, len(times), 310):
        parts.add(times[first : first + 310], prices[:, first : first + 310])
    one, other = whole.report(), parts.report()
    assert (one.n_missing, one.gaps, one.n_flat) == (other.n_missing, other.gaps, other.n_flat)
    assert one.n_flat == 1
    assert one.n_missing > 0


def test_series_when_days_are_absent_then_the_gap_is_listed_and_the_grade_falls() -> None:
    """The largest gap comes first, with the bars around it."""
    times = _hours("2024-01-02T00:00", 24 * 30)
    keep = (times < _at("2024-01-09T00:00")) | (times >= _at("2024-01-11T00:00"))
    meter = SeriesMeter(_EURUSD, H1)
    meter.add(times[keep], _moving(int(keep.sum())))
    report = meter.report()
    assert report.gaps[0].missing_bars == 48
    assert report.gaps[0].after_s == _at("2024-01-08T23:00")
    assert report.grade in ("D", "F")


def test_bar_when_its_range_is_thirty_times_the_usual_then_it_is_a_spike() -> None:
    """An outlying range is counted and keeps a series from grade A."""
    times = _hours("2024-01-02T00:00", 24 * 30)
    prices = _moving(len(times))
    prices[1, 50] += 4000
    meter = SeriesMeter(_EURUSD, H1)
    meter.add(times, prices)
    report = meter.report()
    assert (report.n_spikes, report.grade) == (1, "B")
