"""The decimals of money and the rounding of costs follow M1 and M2."""

import pytest

from sptraderb.domain.costs import Costs
from sptraderb.domain.instrument import CandleSide, Instrument, crypto_instrument, fx_instrument
from sptraderb.domain.terms import money_decimals, slippage_ticks, spread_ticks
from sptraderb.errors import InvalidInput

MID = fx_instrument("EURUSD", CandleSide.MID)
BITCOIN = crypto_instrument("BTC", "USDT")
YEN = fx_instrument("USDJPY")


@pytest.mark.parametrize(
    ("instrument", "capital", "leverage", "decimals"),
    [
        (MID, "10000", 30, 6),
        (MID, "100000000", 30, 6),
        (MID, "100000000", 500, 5),
        (BITCOIN, "10000", 1, 10),
        (BITCOIN, "100000000", 1, 7),
        (YEN, "10000000000", 25, 4),
    ],
)
def test_money_decimals_when_capital_grows_then_shrink(
    instrument: Instrument, capital: str, leverage: int, decimals: int
) -> None:
    """The worked examples of M1 hold."""
    assert money_decimals(instrument, capital_text=capital, leverage=leverage) == decimals


def test_money_decimals_when_nothing_fits_then_refused() -> None:
    """Capital that overflows even at the currency's own digits is refused (M1)."""
    with pytest.raises(InvalidInput) as caught:
        money_decimals(MID, capital_text="99999999999999", leverage=500)
    assert caught.value.code == "money.capital_too_large"


@pytest.mark.parametrize(
    ("costs", "ticks", "rounded"),
    [
        (Costs(), 0, False),
        (Costs(spread_ppm_pips=800_000), 8, False),  # 0.8 pips of 10 ticks
        (Costs(spread_ppm_pips=810_000), 9, True),
        (Costs(spread_ppm_ticks=3_000_000), 3, False),
        (Costs(spread_ppm_ticks=1), 1, True),
    ],
)
def test_spread_when_finer_than_a_tick_then_rounds_up(costs: Costs, ticks: int, rounded: bool) -> None:
    """A spread finer than a tick rounds up and says so (M2, C2)."""
    assert spread_ticks(costs, fx_instrument("EURUSD")) == (ticks, rounded)


def test_slippage_when_in_pips_then_in_ticks() -> None:
    """0.1 pips are one tick of a five-digit quote (C3)."""
    assert slippage_ticks(Costs(slippage_ppm_pips=100_000), fx_instrument("EURUSD")) == (1, False)


def test_costs_when_request_states_some_then_others_stay() -> None:
    """What a request states wins; what it leaves out stays the strategy's."""
    strategy = Costs(commission_ppb=1000, spread_ppm_pips=800_000)
    request = Costs(spread_ppm_ticks=2_000_000)
    assert strategy.overridden_by(request) == Costs(commission_ppb=1000, spread_ppm_ticks=2_000_000)
