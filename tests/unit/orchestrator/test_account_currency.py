"""Which currency an account is counted in where a request does not say so (A6)."""

import pytest

from sptraderb.domain.conversion import conversion_routes
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.order import EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan
from sptraderb.orchestrator.run_terms import run_terms
from sptraderb.testing.run_requests import build_request

_RULE = EntryRule(
    name="long", side=1, when=0, size=SizeRule(kind=SizeKind.UNITS, amount=10**9), exits=ExitRules()
)
_PLAN = Plan(name="always", nodes=(Node(op="constant", boolean=True),), entries=(_RULE,))


@pytest.mark.parametrize(
    ("symbol", "currency"), [("EURUSD", "USD"), ("USDJPY", "JPY"), ("BTCUSDT", "USDT"), ("XAUUSD", "USD")]
)
def test_account_when_no_currency_is_stated_then_it_is_the_quote_currency(symbol: str, currency: str) -> None:
    """A run counts in what its first symbol is quoted in; a tether is not a dollar (A6)."""
    terms = run_terms(build_request(), _PLAN, SEEDED_INSTRUMENTS[symbol], start_bar=0)
    assert terms.currency == currency


def test_account_when_in_dollars_then_a_coin_quoted_in_tether_needs_a_rate() -> None:
    """USDT to USD is a route over a stored pair like any other, never 1 (A6, C5)."""
    terms = run_terms(
        build_request(account_currency="USD"), _PLAN, SEEDED_INSTRUMENTS["BTCUSDT"], start_bar=0
    )
    assert terms.currency == "USD"
    pairs = {leg.pair for route in conversion_routes("USDT", "USD") for leg in route}
    assert "USDTUSD" in pairs
