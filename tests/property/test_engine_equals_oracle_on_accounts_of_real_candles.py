"""The engine and the oracle agree on an account of three real symbols, netted and hedged (M7, A1, A3, C5)."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sptraderb.domain.bar_facts import BarFacts
from sptraderb.domain.candle import Candles
from sptraderb.domain.conversion import RouteLeg, bar_rates, leg_closes
from sptraderb.domain.cost_schedules import swap_days, triple_weekday
from sptraderb.domain.costs import SwapKind
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.outcome import EventCode, LedgerKind
from sptraderb.domain.plan import Node, Plan, RiskLimits, Signals
from sptraderb.domain.portfolio import Leg
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.terms import Terms
from sptraderb.testing.engine_answers import replayed_account, require_equal_accounts, simulated_account
from sptraderb.testing.portfolio_runs import RandomPortfolio
from sptraderb.testing.train_candles import train_candles

_SETS = ("GBPUSD_1h_2012_2022_ejtrader", "USDJPY_1h_2012_2022_ejtrader", "USDCAD_1h_2012_2022_ejtrader")
_BARS, _HISTORY, _FIRST_S, _DECIMALS = 700, 40, 1_421_193_600, 6
_LONG, _SHORT, _RANGE = range(3)


def _rolling_mean(values: npt.NDArray[np.int64], period: int) -> npt.NDArray[np.float64]:
    sums = np.cumsum(np.concatenate([[0], values]))
    means = np.full(len(values), np.nan)
    means[period - 1 :] = (sums[period:] - sums[:-period]) / period
    return means


def _signals(candles: Candles) -> Signals:
    """Return crossings of two averages, and eight mean ranges of 14 bars as a distance."""
    above = _rolling_mean(candles.close_ticks, 8) > _rolling_mean(candles.close_ticks, 24)
    before = np.concatenate([[False], above[:-1]])
    unit = 10.0**-candles.instrument.price_scale
    return Signals(
        conditions={_LONG: above & ~before, _SHORT: ~above & before},
        levels={_RANGE: _rolling_mean(candles.high_ticks - candles.low_ticks, 14) * 8 * unit},
        entry_allowed=np.ones(len(candles), dtype=np.bool_),
        ready_bar=24,
    )


def _plan() -> Plan:
    """Return a long and a short that risk far more than they should, so that margin has work to do."""
    size = SizeRule(kind=SizeKind.EQUITY_FRACTION, amount=14_000_000_000)
    target = Distance(kind=DistanceKind.SERIES, node=_RANGE)
    entries = (
        EntryRule(
            name="long", side=1, when=_LONG, size=size, exits=ExitRules(take_profit=target, max_bars=60)
        ),
        EntryRule(name="short", side=-1, when=_SHORT, size=size, exits=ExitRules(max_bars=40)),
    )
    nodes = (*[Node(op="constant", boolean=True)] * 2, Node(op="constant"))
    return Plan(name="crossing", nodes=nodes, entries=entries)


def _leg(path: Path, profile: str) -> Leg:
    """Return a symbol in a dollar account: a pair against the dollar converts by its own closes."""
    stored = train_candles(path)
    first = int(np.searchsorted(stored.time_s, _FIRST_S))
    candles = stored.sliced(first, first + _BARS)
    instrument = candles.instrument
    rates = {}
    if instrument.quote != "USD":
        route = RouteLeg(base=instrument.base, quote=instrument.quote, inverse=True)
        closes = [leg_closes(route, stored.sliced(first - _HISTORY, first + _BARS))]
        rates = {
            "open_rates": bar_rates(candles.time_s, closes, first_bar=0),
            "close_rates": bar_rates(candles.close_times_s, closes, first_bar=0),
        }
    days = swap_days(
        candles.time_s, instrument.calendar, triple=triple_weekday(instrument.base + instrument.quote)
    )
    terms = Terms(
        money_decimals=_DECIMALS,
        currency="USD",
        capital_minor=100_000 * 10**_DECIMALS,
        commission_ppb=20_000,
        slippage_ticks=1,
        spread_ticks=9,
        swap_kind=SwapKind.PERCENT,
        swap_long=-31_000_000,
        swap_short=7_000_001,
        margin_rate_ppb=instrument.margin_rate_ppb,
        stop_out_ppb=900_000_000,
        risk=RiskLimits(daily_loss_limit_ppb=200_000_000),
        start_bar=24,
        profile=PROFILES[profile],
        facts=BarFacts(swap_days=days, **rates),
    )
    return Leg(
        symbol=instrument.symbol, plan=_plan(), candles=candles, signals=_signals(candles), terms=terms
    )


@pytest.mark.parametrize("hedging", [False, True], ids=["netting", "hedging"])
@pytest.mark.parametrize("profile", ["strict", "tradingview", "close"])
def test_account_of_real_symbols_when_simulated_and_replayed_then_outcomes_are_equal(
    shared_data: Path, profile: str, hedging: bool
) -> None:
    """Sessions, gaps and rates of three pairs, with swap and more risk than margin bears (A1, A3, C4, C5)."""
    legs = tuple(_leg(shared_data / "train" / f"{name}.parquet", profile) for name in _SETS)
    run = RandomPortfolio(legs=legs, hedging=hedging)
    outcome = replayed_account(run)
    require_equal_accounts(simulated_account(run), outcome)
    assert not isinstance(outcome, str)
    assert min(np.bincount(outcome.trade_legs, minlength=len(legs))) > 5
    assert (outcome.ledger[:, 1] == LedgerKind.SWAP).sum() > 20
    assert {EventCode.MARGIN_CALL, EventCode.STOP_OUT} <= set(outcome.events[:, 1].tolist())
