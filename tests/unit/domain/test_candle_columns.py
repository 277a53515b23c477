"""Candles are checked once in their constructor and read-only ever after."""

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import CandleSide, crypto_instrument, fx_instrument
from sptraderb.domain.timeframe import D1, H1, W1
from sptraderb.errors import CandlesUnusable

EURUSD = fx_instrument("EURUSD")


def columns(**changes: list[int]) -> dict[str, list[int]]:
    """Return two sound hourly bars, some columns replaced."""
    sound = {
        "time_s": [0, 3600],
        "open_ticks": [100, 101],
        "high_ticks": [105, 106],
        "low_ticks": [95, 96],
        "close_ticks": [101, 102],
    }
    return sound | changes


def test_candles_when_sound_then_held_read_only() -> None:
    """Sound columns are held; writing to them fails."""
    candles = Candles.from_columns(columns(), instrument=EURUSD, timeframe=H1)
    assert len(candles) == 2
    with pytest.raises(ValueError, match="read-only"):
        candles.close_ticks[0] = 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"time_s": [3600, 3600]}, "candles.unordered"),
        ({"low_ticks": [0, 96]}, "candles.not_positive"),
        ({"high_ticks": [105, 101]}, "candles.ohlc_broken"),
        ({"low_ticks": [101, 96]}, "candles.ohlc_broken"),
        ({"close_ticks": [101]}, "candles.ragged"),
    ],
)
def test_candles_when_broken_then_refused_with_a_code(changes: dict[str, list[int]], code: str) -> None:
    """Each way of being broken is refused by its own code."""
    with pytest.raises(CandlesUnusable) as caught:
        Candles.from_columns(columns(**changes), instrument=EURUSD, timeframe=H1)
    assert caught.value.code == code


def test_candles_when_both_sides_then_ask_columns_are_checked_too() -> None:
    """Bid and ask candles hold both sets of columns, each checked."""
    both = fx_instrument("EURUSD", CandleSide.BOTH)
    ask = {f"ask_{name}": values for name, values in columns().items() if name != "time_s"}
    held = Candles.from_columns(columns() | ask, instrument=both, timeframe=H1)
    assert held.ask_close_ticks is not None
    with pytest.raises(CandlesUnusable):
        Candles.from_columns(columns() | ask | {"ask_low_ticks": [0, 1]}, instrument=both, timeframe=H1)


def test_slice_when_taken_then_shares_memory() -> None:
    """A slice is a view of the same columns."""
    candles = Candles.from_columns(columns(), instrument=EURUSD, timeframe=H1)
    part = candles.sliced(1, 2)
    assert part.time_s.tolist() == [3600]
    assert np.shares_memory(part.close_ticks, candles.close_ticks)


def test_close_times_when_daily_then_session_closes() -> None:
    """A daily FX bar opened at Sunday 22:00 UTC in winter closes Monday 22:00, a weekly one Friday (T4)."""
    sunday_22h = 1_704_664_800  # 2024-01-07T22:00Z
    one = {name: values[:1] for name, values in columns().items()} | {"time_s": [sunday_22h]}
    daily = Candles.from_columns(one, instrument=EURUSD, timeframe=D1)
    weekly = Candles.from_columns(one, instrument=EURUSD, timeframe=W1)
    assert daily.close_times_s.tolist() == [sunday_22h + 86_400]
    assert weekly.close_times_s.tolist() == [sunday_22h + 5 * 86_400]
    coin = Candles.from_columns(
        one | {"time_s": [1_704_672_000]}, instrument=crypto_instrument("BTC", "USDT"), timeframe=W1
    )  # Monday 2024-01-08T00:00Z closes a week later
    assert coin.close_times_s.tolist() == [1_704_672_000 + 7 * 86_400]
