"""The engine and the oracle agree bit for bit on every real set, in every profile, with all costs (M7)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sptraderb.domain.bar_facts import BarFacts
from sptraderb.domain.calendar import CalendarName
from sptraderb.domain.candle import Candles
from sptraderb.domain.cost_schedules import funding_due, hourly_spread_ticks, swap_days
from sptraderb.domain.costs import FundingRates, SpreadTable, SwapKind
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.order import (
    Distance,
    DistanceKind,
    EntryRule,
    ExitRules,
    OrderForm,
    OrderKind,
    PartialExit,
    ScaleIn,
    SizeKind,
    SizeRule,
)
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.domain.plan import Node, Plan, RiskLimits, Signals
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.engine.simulate import simulate
from sptraderb.oracle.replay import replay
from sptraderb.testing.train_candles import train_candles, train_instrument

_BARS = 1200
_SETS = (
    "AUDUSD_1m_bidask_i32",
    "AUDUSD_1m_mid",
    "AUDUSD_5m_mid",
    "BTCUSDT_1h_binance",
    "BTCUSDT_5m_2022_binance",
    "BTCUSDT_5m_binance",
    "ETHUSDT_5m_2022_binance",
    "EURUSD_15m_mt5",
    "EURUSD_1h_bidask_i32_lean_2007_2018",
    "EURUSD_1h_mt5",
    "EURUSD_1m_bidask_i32",
    "EURUSD_1m_mid",
    "EURUSD_5m_2020_mt",
    "EURUSD_5m_2023_mt5",
    "EURUSD_5m_mid",
    "GBPUSD_15m_mt5",
    "GBPUSD_1h_2012_2022_ejtrader",
    "SOLUSDT_5m_2022_binance",
    "USDCAD_1h_2012_2022_ejtrader",
    "USDJPY_15m_mt5",
    "USDJPY_1h_2012_2022_ejtrader",
    "XAUUSD_1h_mt5",
)
_FINER = {
    "AUDUSD_5m_mid": "AUDUSD_1m_mid",
    "EURUSD_5m_mid": "EURUSD_1m_mid",
    "BTCUSDT_1h_binance": "BTCUSDT_5m_binance",
}
_LONG, _SHORT, _ABOVE, _BELOW, _RANGE = range(5)
_HOURS = SpreadTable(hours_ppm=(*(8_000_000,) * 20, *(31_500_000,) * 4), in_pips=False)


def _signals(candles: Candles) -> Signals:
    """Return a channel of 20 bars: a signal every few bars, its bounds as prices, a third of it as range."""
    n_bars, unit = len(candles), 10.0**-candles.instrument.price_scale
    top, bottom = _extremes(candles.high_ticks, np.max), _extremes(candles.low_ticks, np.min)
    bars = np.arange(n_bars)
    return Signals(
        conditions={_LONG: bars % 7 == 0, _SHORT: bars % 11 == 5},
        levels={
            _ABOVE: (top + 1) * unit,
            _BELOW: (0.8 * bottom + 0.2 * top) * unit,
            _RANGE: np.maximum(0.3 * (top - bottom), 5) * unit,
        },
        entry_allowed=bars % 97 != 0,
        ready_bar=20,
    )


def _extremes(
    values: npt.NDArray[np.int64], take: Callable[..., npt.NDArray[np.int64]]
) -> npt.NDArray[np.float64]:
    found = np.full(len(values), np.nan)
    found[19:] = take(np.lib.stride_tricks.sliding_window_view(values, 20), axis=1)
    return found


def _plan() -> Plan:
    """Return a stop entry long and a market short, added to, taken off in parts, followed by stops."""
    stop = Distance(kind=DistanceKind.SERIES, node=_RANGE)
    exits = ExitRules(
        stop_loss=stop,
        take_profit=Distance(kind=DistanceKind.R, amount=3_000_000),
        max_bars=60,
        trailing_stop=Distance(kind=DistanceKind.R, amount=1_200_000),
        trailing_activate=Distance(kind=DistanceKind.R, amount=1_500_000),
        partial=(
            PartialExit(
                at=Distance(kind=DistanceKind.R, amount=1_000_000),
                close_ppb=333_333_333,
                then_break_even=True,
            ),
        ),
    )
    size = SizeRule(kind=SizeKind.EQUITY_FRACTION, amount=300_000_000)
    buy_stop = OrderForm(kind=OrderKind.STOP, stop_node=_ABOVE, expires_bars=6)
    sell_limit = OrderForm(kind=OrderKind.LIMIT, limit_node=_BELOW, expires_bars=3)
    entries = (
        EntryRule(name="long", side=1, when=_LONG, size=size, exits=exits, order=buy_stop),
        EntryRule(name="short", side=-1, when=_SHORT, size=size, exits=exits, order=sell_limit),
    )
    adding = ScaleIn(max_entries=3, min_distance=Distance(kind=DistanceKind.RATE, amount=200_000))
    nodes = (*[Node(op="constant", boolean=True)] * 2, *[Node(op="constant")] * 3)
    return Plan(name="channel", nodes=nodes, entries=entries, scale_in=adding)


def _terms(candles: Candles, profile: str) -> Terms:
    instrument = candles.instrument
    decimals = money_decimals(instrument, capital_text="100000", leverage=30)
    return Terms(
        money_decimals=decimals,
        capital_minor=100_000 * 10**decimals,
        commission_ppb=20_000,
        commission_min_minor=10**decimals // 2,
        slippage_ticks=1,
        slippage_range_ppb=30_000_000,
        swap_kind=SwapKind.PERCENT,
        swap_long=-31_000_000,
        swap_short=7_000_001,
        margin_rate_ppb=instrument.margin_rate_ppb,
        risk=RiskLimits(daily_loss_limit_ppb=50_000_000),
        start_bar=20,
        profile=PROFILES[profile],
        facts=_facts(candles, instrument),
    )


def _facts(candles: Candles, instrument: Instrument) -> BarFacts:
    spread = None
    if instrument.side is not CandleSide.BOTH:
        spread, _ = hourly_spread_ticks(candles.time_s, _HOURS, pip_ticks=instrument.pip_ticks)
    is_coin = instrument.calendar is CalendarName.CRYPTO
    funding = funding_due(candles.time_s, FundingRates(every_s=28_800, rate_ppb=100_000)) if is_coin else None
    days = None if is_coin else swap_days(candles.time_s, instrument.calendar, triple=2)
    return BarFacts(spread_ticks=spread, swap_days=days, funding_ppb=funding)


def test_sets_when_listed_then_none_is_left_out(shared_data: Path) -> None:
    """Every real set of the shared folder is walked by the test below (M7)."""
    assert sorted(path.stem for path in (shared_data / "train").glob("*.parquet")) == sorted(_SETS)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", _SETS)
def test_real_set_when_simulated_and_replayed_then_outcomes_are_equal(
    shared_data: Path, name: str, profile: str
) -> None:
    """Resting entries, parts, additions, stops that follow and every cost, on a part of each set (M7).

    Each profile walks another part of the set, and finer candles where there are some of the symbol.
    """
    path = shared_data / "train" / f"{name}.parquet"
    part = list(PROFILES).index(profile) - len(PROFILES)
    candles = train_candles(path, start=_BARS * part, n_bars=_BARS)
    finer = None
    if name in _FINER:
        finer = train_candles(path.with_stem(_FINER[name]))
        first, end = np.searchsorted(finer.time_s, (candles.time_s[0], candles.close_times_s[-1]))
        finer = finer.sliced(int(first), int(end))
    plan, signals, terms = _plan(), _signals(candles), _terms(candles, profile)
    simulated = simulate(plan, candles, signals, terms, finer=finer)
    replayed = replay(plan, candles, signals, terms, finer=finer)
    assert outcome_differences(simulated, replayed) == ()
    assert len(replayed.trades) > 20
    if finer is not None and (PROFILES[profile].walks_finer or not PROFILES[profile].walks_ohlc):
        assert replayed.n_walked_bars > 10


def test_set_when_named_then_its_instrument_is_known() -> None:
    """Names of the sets say what is in them."""
    sides = {name: train_instrument(name).side for name in _SETS}
    assert {sides["AUDUSD_1m_mid"], sides["XAUUSD_1h_mt5"]} == {CandleSide.MID, CandleSide.BID}
    assert sides["EURUSD_1m_bidask_i32"] is CandleSide.BOTH
