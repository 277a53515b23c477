"""`forming` is the open bar as it is at each close: worked by hand, and equal to cutting the data there."""

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import fx_instrument
from sptraderb.domain.timeframe import H1
from sptraderb.engine.forming import forming_price
from sptraderb.engine.frames import Frame, higher_frame
from sptraderb.errors import InvalidInput

_EIGHT = 8 * 3600 * 100_000  # a whole multiple of 4 hours
_PRICES = ("open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4")


def _candles(n_bars: int, *, first_hour: int = 0, seed: int = 1) -> Candles:
    random = np.random.default_rng(seed)
    close = 110_000 + np.cumsum(random.integers(-40, 41, n_bars))
    opens = close + random.integers(-20, 21, n_bars)
    return Candles.from_columns(
        {
            "time_s": _EIGHT + 3600 * (first_hour + np.arange(n_bars)),
            "open_ticks": opens,
            "high_ticks": np.maximum(opens, close) + random.integers(1, 30, n_bars),
            "low_ticks": np.minimum(opens, close) - random.integers(1, 30, n_bars),
            "close_ticks": close,
            "volume": np.arange(1.0, n_bars + 1),
        },
        instrument=fx_instrument("EURUSD"),
        timeframe=H1,
    )


def test_forming_when_worked_by_hand_then_it_is_the_bar_so_far() -> None:
    """T3: first open, highest high, lowest low, latest close and volume of the bars so far."""
    columns = {
        "time_s": _EIGHT + 3600 * np.arange(6),
        "open_ticks": np.array([10, 12, 11, 14, 13, 15]),
        "high_ticks": np.array([13, 14, 12, 15, 16, 15]),
        "low_ticks": np.array([9, 11, 8, 13, 12, 14]),
        "close_ticks": np.array([12, 11, 12, 13, 15, 14]),
        "volume": np.array([1.0, 2, 3, 4, 5, 6]),
    }
    frame = Frame(Candles.from_columns(columns, instrument=fx_instrument("EURUSD"), timeframe=H1))
    found = {name: forming_price(frame, name, 14_400) for name in _PRICES}
    scale = 100_000.0
    np.testing.assert_array_equal(found["open"], np.array([10, 10, 10, 10, 13, 13]) / scale)
    np.testing.assert_array_equal(found["high"], np.array([13, 14, 14, 15, 16, 16]) / scale)
    np.testing.assert_array_equal(found["low"], np.array([9, 9, 8, 8, 12, 12]) / scale)
    np.testing.assert_array_equal(found["close"], np.array([12, 11, 12, 13, 15, 14]) / scale)
    np.testing.assert_array_equal(found["volume"], np.array([1.0, 3, 6, 10, 5, 11]))


@pytest.mark.parametrize("seconds", [14_400, 86_400, 604_800])
@pytest.mark.parametrize("name", _PRICES)
def test_forming_when_the_data_end_there_then_it_is_the_last_higher_bar(name: str, seconds: int) -> None:
    """At each bar it equals the unfinished bar that the higher frame of the bars so far ends with."""
    whole = _candles(400, first_hour=2)
    values = forming_price(Frame(whole), name, seconds)
    for cut in (1, 2, 3, 60, 61, 62, 63, 64, 150, 300, 400):
        higher = higher_frame(Frame(whole.sliced(0, cut)), seconds)
        if len(higher):
            assert values[cut - 1] == pytest.approx(higher.price(name)[-1], rel=1e-15)
        else:
            assert np.isnan(values[cut - 1])


def test_forming_when_the_first_bar_is_cut_then_it_is_undefined_until_the_next() -> None:
    """A higher bar of which the beginning was not loaded has no open, and no other price either."""
    values = forming_price(Frame(_candles(12, first_hour=1)), "close", 14_400)
    assert np.isnan(values[:3]).all()
    assert np.isfinite(values[3:]).all()


def test_forming_when_the_price_is_unknown_then_it_is_refused() -> None:
    """An unknown price is a defect of the compiler, told as such."""
    with pytest.raises(InvalidInput) as raised:
        forming_price(Frame(_candles(12)), "median", 14_400)
    assert raised.value.code == "plan.unknown_op"
