"""The engine and the oracle agree on real candles with swap, funding, conversion, margin (M7, C2-C5, A3)."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from arro3.core import DataType
from arro3.io import read_parquet

from sptraderb.domain.bar_facts import BarFacts
from sptraderb.domain.candle import Candles
from sptraderb.domain.conversion import RouteLeg, bar_rates, leg_closes
from sptraderb.domain.cost_schedules import funding_due, hourly_spread_ticks, swap_days, triple_weekday
from sptraderb.domain.costs import FundingRates, SpreadTable, SwapKind
from sptraderb.domain.instrument import CandleSide, Instrument, crypto_instrument, fx_instrument
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.outcome import EventCode, LedgerKind, Outcome
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.domain.plan import Node, Plan, Signals
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.domain.timeframe import H1
from sptraderb.engine.simulate import simulate
from sptraderb.oracle.replay import replay

_BARS, _HISTORY, _LONG, _SHORT, _RANGE = 6000, 400, 0, 1, 2
_FIRST_S = 1_393_632_000  # 2014-03-01
_EURUSD = "EURUSD_1h_bidask_i32_lean_2007_2018"
_NIGHT = SpreadTable(
    hours_ppm=(*(8_000_000,) * 16, 45_500_000, 60_000_000, *(12_000_000,) * 6), in_pips=False
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """A set of candles, the account it is traded in and what that costs."""

    name: str
    instrument: Instrument
    currency: str
    capital: str
    route: tuple[tuple[str, str], ...] = ()
    swap: tuple[SwapKind, int, int] | None = None
    funding: FundingRates | None = None
    spread: SpreadTable | None = None
    changes: tuple[tuple[str, int], ...] = ()
    first_s: int = _FIRST_S


_ACCOUNTS = [
    _Account(
        name=_EURUSD,
        instrument=fx_instrument("EURUSD", CandleSide.BOTH),
        currency="JPY",
        capital="1000000",
        route=(("USDJPY_1h_2012_2022_ejtrader", "USDJPY"),),
        swap=(SwapKind.POINTS, -6_500_000, 1_250_000),
        changes=(("conversion_fee_ppb", 5_000_000), ("commission_ppb", 20_000)),
    ),
    _Account(
        name="USDJPY_1h_2012_2022_ejtrader",
        instrument=fx_instrument("USDJPY"),
        currency="USD",
        capital="10000",
        route=(("USDJPY_1h_2012_2022_ejtrader", "USDJPY"),),
        swap=(SwapKind.PERCENT, -31_000_000, 7_000_001),
        spread=replace(_NIGHT, timezone="America/New_York"),
        changes=(("slippage_range_ppb", 30_000_000),),
    ),
    _Account(
        name="USDCAD_1h_2012_2022_ejtrader",
        instrument=fx_instrument("USDCAD"),
        currency="EUR",
        capital="10000",
        route=(("USDCAD_1h_2012_2022_ejtrader", "USDCAD"), (_EURUSD, "EURUSD")),
        swap=(SwapKind.MONEY, -7_000_003, 2_100_000),
        spread=_NIGHT,
        changes=(("commission_per_lot_minor", 3_500_000), ("slippage_ticks", 1)),
    ),
    _Account(
        name="BTCUSDT_1h_binance",
        instrument=replace(crypto_instrument("BTC", "USDT"), margin_rate_ppb=50_000_000),
        currency="USDT",
        capital="10000",
        funding=FundingRates(every_s=28_800, rate_ppb=100_000),
        changes=(("slippage_ppb", 30_000),),
        first_s=1_640_995_200,
    ),
]


@cache
def _candles(path: Path, instrument: Instrument, first_s: int, *, history: int = 0) -> Candles:
    """Read bars of a file from a time on, and ``history`` before it, as ticks of the instrument."""
    table = read_parquet(str(path)).read_all()
    times = (
        np.concatenate([np.asarray(c) for c in table.column("time").cast(DataType.int64()).chunks]) // 1000
    )
    first = int(np.searchsorted(times, first_s)) - history
    table = table.slice(first, _BARS + 2 * history)
    both = instrument.side is CandleSide.BOTH
    columns: dict[str, npt.NDArray[np.int64]] = {"time_s": times[first : first + table.num_rows]}
    for name in ("open", "high", "low", "close"):
        for prefix, source in (("", "bid_"), ("ask_", "ask_")) if both else (("", ""),):
            values = np.concatenate([np.asarray(c) for c in table.column(f"{source}{name}").chunks])
            scaled = values if both else np.rint(values * 10**instrument.price_scale)
            columns[f"{prefix}{name}_ticks"] = scaled.astype(np.int64)
    return Candles.from_columns(columns, instrument=instrument, timeframe=H1)


def _rolling_mean(values: npt.NDArray[np.int64], period: int) -> npt.NDArray[np.float64]:
    sums = np.cumsum(np.concatenate([[0], values]))
    means = np.full(len(values), np.nan)
    means[period - 1 :] = (sums[period:] - sums[:-period]) / period
    return means


def _crossings(candles: Candles) -> Signals:
    """Return crossings of two averages, and 30 mean ranges of 14 bars as a distance."""
    above = _rolling_mean(candles.close_ticks, 20) > _rolling_mean(candles.close_ticks, 60)
    before = np.concatenate([[False], above[:-1]])
    unit = 10.0**-candles.instrument.price_scale
    return Signals(
        conditions={_LONG: above & ~before, _SHORT: ~above & before},
        levels={_RANGE: _rolling_mean(candles.high_ticks - candles.low_ticks, 14) * 30 * unit},
        entry_allowed=np.ones(len(candles), dtype=np.bool_),
        ready_bar=60,
    )


def _plan() -> Plan:
    """Return a long and a short that risk far more than they should, so that margin has work to do."""
    size = SizeRule(kind=SizeKind.EQUITY_FRACTION, amount=29_500_000_000)
    target = Distance(kind=DistanceKind.SERIES, node=_RANGE)
    entries = (
        EntryRule(name="long", side=1, when=_LONG, size=size, exits=ExitRules(take_profit=target)),
        EntryRule(name="short", side=-1, when=_SHORT, size=size, exits=ExitRules(max_bars=90)),
    )
    return Plan(
        name="crossing",
        nodes=(*[Node(op="constant", boolean=True)] * 2, Node(op="constant")),
        entries=entries,
    )


def _facts(account: _Account, candles: Candles, folder: Path) -> BarFacts:
    instrument = candles.instrument
    rates = {}
    if account.route:
        source, legs = instrument.quote, []
        for name, pair in account.route:
            side = CandleSide.BOTH if name == _EURUSD else CandleSide.BID
            stored = _candles(
                folder / f"{name}.parquet", fx_instrument(pair, side), account.first_s, history=_HISTORY
            )
            leg = RouteLeg(base=pair[:3], quote=pair[3:], inverse=pair[3:] == source)
            legs.append(leg_closes(leg, stored))
            source = pair[:3] if leg.inverse else pair[3:]
        assert source == account.currency
        rates = {
            "open_rates": bar_rates(candles.time_s, legs, first_bar=0),
            "close_rates": bar_rates(candles.close_times_s, legs, first_bar=0),
        }
    triple = triple_weekday(instrument.base + instrument.quote)
    spread = account.spread
    return BarFacts(
        spread_ticks=None
        if spread is None
        else hourly_spread_ticks(candles.time_s, spread, pip_ticks=instrument.pip_ticks)[0],
        swap_days=swap_days(candles.time_s, instrument.calendar, triple=triple) if account.swap else None,
        funding_ppb=funding_due(candles.time_s, account.funding) if account.funding else None,
        **rates,
    )


def _terms(account: _Account, facts: BarFacts) -> Terms:
    instrument = account.instrument
    leverage = -(-(10**9) // instrument.margin_rate_ppb)
    decimals = money_decimals(
        instrument, capital_text=account.capital, leverage=leverage, currency=account.currency
    )
    kind, long, short = account.swap or (None, 0, 0)
    return Terms(
        money_decimals=decimals,
        capital_minor=int(account.capital) * 10**decimals,
        margin_rate_ppb=instrument.margin_rate_ppb,
        start_bar=60,
        swap_kind=kind,
        swap_long=long,
        swap_short=short,
        facts=facts,
        **dict(account.changes),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("stop_out_ppb", [0, 900_000_000], ids=["held", "stopped out"])
@pytest.mark.parametrize("account", _ACCOUNTS, ids=[f"{a.name[:6]} in {a.currency}" for a in _ACCOUNTS])
def test_real_candles_when_money_is_not_simple_then_outcomes_are_equal(
    shared_data: Path, account: _Account, stop_out_ppb: int
) -> None:
    """Real sessions, holidays, spreads and rates of other pairs give the same run in both engines."""
    folder = shared_data / "train"
    candles = _candles(folder / f"{account.name}.parquet", account.instrument, account.first_s)
    terms = replace(_terms(account, _facts(account, candles, folder)), stop_out_ppb=stop_out_ppb)
    signals, plan = _crossings(candles), _plan()
    simulated, replayed = (engine(plan, candles, signals, terms) for engine in (simulate, replay))
    assert outcome_differences(simulated, replayed) == ()
    assert len(replayed.trades) > 8
    assert (_count(replayed, LedgerKind.SWAP) > 20) == (account.swap is not None)
    assert (_count(replayed, LedgerKind.FUNDING) > 20) == (account.funding is not None)
    codes = replayed.events[:, 1]
    assert (codes == EventCode.MARGIN_CALL).any()
    assert (codes == EventCode.STOP_OUT).any() == bool(stop_out_ppb)


def _count(outcome: Outcome, kind: LedgerKind) -> int:
    return int((outcome.ledger_column("kind") == kind).sum())
