"""Routes and rates into the account currency."""

import numpy as np
import pytest

from sptraderb.domain.conversion import LegCloses, RouteLeg, bar_rates, conversion_routes, leg_closes
from sptraderb.domain.instrument import fx_instrument
from sptraderb.errors import CandlesUnusable, MoneyOverflow
from sptraderb.testing.outcomes import flat_candles
from sptraderb.testing.wider_runs import with_ask


def closes(pair: str, prices: list[int], *, inverse: bool, one: int = 100_000) -> LegCloses:
    """Return a pair's closes, known at 100, 200, 300 ..."""
    leg = RouteLeg(base=pair[:3], quote=pair[3:], inverse=inverse)
    known = 100 * np.arange(1, len(prices) + 1, dtype=np.int64)
    return LegCloses(leg=leg, known_s=known, closes=np.array(prices, dtype=np.int64), one=one)


def test_routes_when_listed_then_direct_inverse_usd_eur() -> None:
    """Direct, inverse, via USD, via EUR, each leg direct or inverse (C5)."""
    words = [
        " ".join(f"{'1/' if leg.inverse else ''}{leg.pair}" for leg in route)
        for route in conversion_routes("JPY", "CHF")
    ]
    assert words[:3] == ["JPYCHF", "1/CHFJPY", "JPYUSD USDCHF"]
    assert "1/USDJPY USDCHF" in words
    assert len(words) == 10
    assert len(conversion_routes("JPY", "USD")) == 6


def test_rates_when_two_legs_then_one_quotient_in_lowest_terms() -> None:
    """JPY to CHF via USD: 1/USDJPY x USDCHF, the last closes known at each time (C5)."""
    legs = (
        closes("USDJPY", [150_000, 120_000], inverse=True, one=1000),
        closes("USDCHF", [90_000, 88_000], inverse=False),
    )
    rates = bar_rates(np.array([50, 100, 250], dtype=np.int64), legs, first_bar=1)
    quotients = list(zip(rates.numerator.tolist(), rates.denominator.tolist(), strict=True))
    assert quotients == [(0, 1), (3, 500), (11, 1500)]


def test_rates_when_none_is_known_then_refused_with_pair_and_time() -> None:
    """No rate is an error that names pair and time, never 0 or 1 (C5)."""
    legs = (closes("GBPUSD", [125_000], inverse=False),)
    with pytest.raises(CandlesUnusable, match=r"GBPUSD must be known at 1970-01-01T00:01:39Z") as caught:
        bar_rates(np.array([99, 100], dtype=np.int64), legs, first_bar=0)
    assert (caught.value.code, caught.value.context["pair"]) == ("conversion.no_rate", "GBPUSD")
    with pytest.raises(CandlesUnusable):
        bar_rates(np.array([99], dtype=np.int64), (closes("GBPUSD", [], inverse=True),), first_bar=0)


def test_rates_when_a_quotient_leaves_64_bits_then_refused() -> None:
    """Legs of enormous prices are the error `money.overflow` (M3)."""
    legs = (closes("AAAUSD", [2**61 - 1], inverse=False), closes("USDBBB", [2**61 - 3], inverse=False))
    with pytest.raises(MoneyOverflow, match=r"money\.overflow"):
        bar_rates(np.array([100], dtype=np.int64), legs, first_bar=0)


def test_closes_when_a_pair_has_both_sides_then_their_middle() -> None:
    """Bid and ask close are added over twice the scale, so that nothing is rounded (C5)."""
    candles = flat_candles(3, instrument=fx_instrument("EURUSD"))
    leg = RouteLeg(base="EUR", quote="USD", inverse=False)
    assert leg_closes(leg, candles).one == 100_000
    both = with_ask(candles, seed=1)
    found = leg_closes(leg, both)
    assert found.one == 200_000
    assert both.ask_close_ticks is not None
    assert found.closes.tolist() == (both.close_ticks + both.ask_close_ticks).tolist()
    assert found.known_s.tolist() == candles.close_times_s.tolist()
