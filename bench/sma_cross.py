"""The case the speed benches share: SMA 10/30 cross, long only, 2 % stop, 4 % target, 0.1 % commission.

Prices are random and lie on a grid on which 2 % and 4 % are whole ticks, so that engines in doubles and
in integers mean the same levels. Each bar opens at the close before, so that a level set from the close
of the signal and one set from the fill are the same.
"""

import numpy as np

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import crypto_instrument
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.domain.timeframe import M1

FAST, SLOW = 10, 30
STOP, TARGET, COMMISSION = 0.02, 0.04, 0.001
CAPITAL = 10_000_000
PRICE_FACTOR = 100
ONE_UNIT = SizeRule(kind=SizeKind.UNITS, amount=10**9)
ALL_EQUITY = SizeRule(kind=SizeKind.EQUITY_FRACTION, amount=10**9)
_GRID = 50


def sma_cross_plan(size: SizeRule) -> Plan:
    """Return the plan with a size: one unit (every trade affordable to the end) or all equity."""
    nodes = (
        Node(op="price", name="close"),
        Node(op="indicator", name="sma", args=(0,), params=(float(FAST),), first_value=FAST - 1),
        Node(op="indicator", name="sma", args=(0,), params=(float(SLOW),), first_value=SLOW - 1),
        Node(op="crosses_above", args=(1, 2), boolean=True, first_value=SLOW),
        Node(op="crosses_below", args=(1, 2), boolean=True, first_value=SLOW),
    )
    exits = ExitRules(
        when=4,
        stop_loss=Distance(kind=DistanceKind.RATE, amount=round(STOP * 1e9)),
        take_profit=Distance(kind=DistanceKind.RATE, amount=round(TARGET * 1e9)),
    )
    return Plan(
        name="sma_cross",
        nodes=nodes,
        entries=(EntryRule(name="long", side=1, when=3, size=size, exits=exits),),
        first_value=SLOW,
    )


def sma_cross_terms(candles: Candles, *, capital: int = CAPITAL) -> Terms:
    """Return capital and commission, no leverage."""
    decimals = money_decimals(candles.instrument, capital_text=str(capital), leverage=1)
    return Terms(
        money_decimals=decimals,
        capital_minor=capital * 10**decimals,
        commission_ppb=round(COMMISSION * 1e9),
        margin_rate_ppb=10**9,
        start_bar=SLOW,
    )


def random_candles(n_bars: int) -> Candles:
    """Return random one-minute bars around 20,000, always the same: a walk that is slowly drawn back.

    A bar moves 0.5 %, so that stops and targets are reached as well as crosses; without the pull a
    million bars would leave any price range.
    """
    generator = np.random.default_rng(7)
    path, distance = [], 0.0
    for step in generator.normal(0.0, 5e-3, n_bars).tolist():
        distance += step - 2e-5 * distance
        path.append(distance)
    close = (2_000_000 * np.exp(np.array(path))).astype(np.int64) // _GRID * _GRID
    open_ = np.r_[close[:1], close[:-1]]
    columns = {
        "time_s": 1_600_000_000 // 60 * 60 + 60 * np.arange(n_bars),
        "open_ticks": open_,
        "high_ticks": np.maximum(open_, close) + close // 1000 * generator.integers(0, 3, n_bars),
        "low_ticks": np.minimum(open_, close) - close // 1000 * generator.integers(0, 3, n_bars),
        "close_ticks": close,
    }
    return Candles.from_columns(columns, instrument=crypto_instrument("BTC", "USDT"), timeframe=M1)
