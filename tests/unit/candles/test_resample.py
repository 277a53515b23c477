"""Coarser candles: exact prices and volumes, session days across daylight saving."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptraderb.candles.resample import resample, sum_volume
from sptraderb.candles.timezones import fx_closed
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.timeframe import M1, M5, STORED, Timeframe, parse_timeframe


def _bars(
    n_bars: int, *, seed: int = 1, symbol: str = "EURUSD", timeframe: Timeframe = M5, share: float = 0.8
) -> Candles:
    rng = np.random.default_rng(seed)
    time_s = int(datetime(2024, 3, 1, tzinfo=UTC).timestamp()) + timeframe.seconds * np.arange(n_bars)
    time_s = time_s[rng.random(n_bars) < share]
    if symbol == "EURUSD":
        time_s = time_s[~fx_closed(time_s)]
    close = 108_000 + np.cumsum(rng.integers(-9, 10, len(time_s)))
    open_ = close + rng.integers(-5, 6, len(time_s))
    columns = {
        "time_s": time_s,
        "open_ticks": open_,
        "high_ticks": np.maximum(open_, close) + rng.integers(0, 5, len(time_s)),
        "low_ticks": np.minimum(open_, close) - rng.integers(0, 5, len(time_s)),
        "close_ticks": close,
        "volume": rng.integers(1, 10**6, len(time_s)) / 100,
    }
    return Candles.from_columns(columns, instrument=SEEDED_INSTRUMENTS[symbol], timeframe=timeframe)


def _slow(bars: Candles, keys: list[int]) -> list[tuple[int, int, int, int, int, float]]:
    """Aggregate bar by bar with exact sums: the reference."""
    groups: dict[int, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    return [
        (
            key,
            int(bars.open_ticks[rows[0]]),
            max(int(bars.high_ticks[row]) for row in rows),
            min(int(bars.low_ticks[row]) for row in rows),
            int(bars.close_ticks[rows[-1]]),
            float(sum(Decimal(repr(float(bars.volume[row]))) for row in rows)),
        )
        for key, rows in groups.items()
    ]


def _rows(bars: Candles) -> list[tuple[int, int, int, int, int, float]]:
    columns = (bars.time_s, bars.open_ticks, bars.high_ticks, bars.low_ticks, bars.close_ticks)
    lists = [column.tolist() for column in columns]
    return list(zip(*lists, bars.volume.tolist(), strict=True))


@pytest.mark.parametrize("name", [timeframe.name for timeframe in STORED[2:]] + ["10m", "30m", "2h", "6h"])
def test_candles_when_made_longer_then_they_equal_an_exact_aggregation(name: str) -> None:
    """Every bucket on the 00:00 UTC grid has first open, extremes, last close and the exact volume."""
    bars, timeframe = _bars(6_000), parse_timeframe(name)
    keys = [time_s - time_s % timeframe.seconds for time_s in bars.time_s.tolist()]
    assert _rows(resample(bars, timeframe)) == _slow(bars, keys)


def test_candles_when_made_longer_in_two_ways_then_they_are_equal() -> None:
    """1h from 5m equals 1h from 15m from 5m, volumes included."""
    bars = _bars(5_000, seed=3)
    direct = resample(bars, parse_timeframe("1h"))
    stepwise = resample(resample(bars, parse_timeframe("15m")), parse_timeframe("1h"))
    assert _rows(direct) == _rows(stepwise)


def _session_open(time_s: int) -> int:
    """Return the 17:00 New York before the close of a bar, by zoneinfo alone (T4)."""
    new_york = ZoneInfo("America/New_York")
    closes = datetime.fromtimestamp(time_s + 300, tz=new_york)
    after_close = (closes.hour, closes.minute) > (17, 0)
    date = closes.date() if after_close else closes.date() - timedelta(days=1)
    return int(datetime(date.year, date.month, date.day, 17, tzinfo=new_york).timestamp())


def test_fx_days_when_clocks_change_then_they_still_open_at_five_in_new_york() -> None:
    """Daily candles are session days across the change of March 10, 2024 (T4)."""
    bars = _bars(12 * 24 * 30, seed=5, share=1.0)
    keys = [_session_open(time_s) for time_s in bars.time_s.tolist()]
    days = resample(bars, parse_timeframe("1d"))
    assert _rows(days) == _slow(bars, keys)
    assert (days.close_times_s > days.time_s).all()


def test_fx_weeks_when_made_then_they_open_on_sunday_in_new_york() -> None:
    """Weekly candles begin with the session of Monday, Sunday 17:00 New York."""
    weeks = resample(_bars(12 * 24 * 60, seed=6), parse_timeframe("1w"))
    opens = [
        datetime.fromtimestamp(time_s, tz=ZoneInfo("America/New_York")) for time_s in weeks.time_s.tolist()
    ]
    assert {(open_.weekday(), open_.hour) for open_ in opens} == {(6, 17)}


def test_crypto_days_when_made_then_they_are_utc_days() -> None:
    """Crypto closes at 00:00 UTC."""
    days = resample(_bars(4_000, symbol="BTCUSDT"), parse_timeframe("1d"))
    assert (days.time_s % 86_400 == 0).all()


def test_candles_when_there_are_none_then_there_are_none() -> None:
    """An empty series stays empty."""
    assert len(resample(_bars(10).sliced(0, 0), parse_timeframe("1h"))) == 0


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60), st.integers(0, 8))
def test_volume_when_decimal_then_its_sum_is_exact(units: list[int], decimals: int) -> None:
    """The sum of decimals is the double nearest to the true sum, in whatever order."""
    values = np.array([float(Decimal(unit).scaleb(-decimals)) for unit in units])
    total = sum_volume(values, np.array([0]))[0]
    assert total == float(Decimal(sum(units)).scaleb(-decimals))


def test_minutes_when_made_into_fives_then_bars_align() -> None:
    """5m bars of 1m bars open on multiples of five minutes."""
    assert (resample(_bars(3_000, timeframe=M1), M5).time_s % 300 == 0).all()
