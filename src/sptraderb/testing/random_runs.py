"""Hypothesis builders of whole runs: instruments, candles, plans, signals and terms as domain objects.

Made to reach the rules' corners: gaps, spikes, flat bars, opens beyond a level, levels touched to the
tick, conditions that are often true, sizes near the margin and the minimum. Values shrink well: a run
is drawn from small integers, candles from a seed and a few shape numbers.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from sptraderb.domain.calendar import CalendarName
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan, RiskLimits, Signals
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.domain.timeframe import H1, H4, M15, Timeframe

MONDAY_S = 1_704_067_200  # 2024-01-01 00:00 UTC
_CONDITIONS, _FIRST_LEVEL = 4, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomRun:
    """Everything `simulate` and `replay` take; ``finer`` candles where bars may be walked with them."""

    plan: Plan
    candles: Candles
    signals: Signals
    terms: Terms
    finer: Candles | None = None


def instruments() -> st.SearchStrategy[Instrument]:
    """Draw instruments: FX-like, coin-like and odd ones, of any side, scale, step and point value."""
    return st.builds(
        Instrument,
        symbol=st.just("RANDOM"),
        kind=st.just("other"),
        base=st.just("RND"),
        quote=st.sampled_from(("USD", "JPY", "BTC")),
        price_scale=st.sampled_from((5, 3, 2, 0, 8)),
        quantity_scale=st.sampled_from((0, 2, 8)),
        quantity_step=st.sampled_from((1, 1, 10, 1000)),
        quantity_min=st.sampled_from((1, 10, 5000)),
        pip_ticks=st.just(10),
        lot_units=st.sampled_from((1, 100, 100_000)),
        calendar=st.sampled_from(CalendarName),
        side=st.sampled_from((CandleSide.BID, CandleSide.ASK, CandleSide.MID)),
        margin_rate_ppb=st.sampled_from((10**9, 33_333_333, 10**7)),
        point_value=st.sampled_from((1, 1, 50)),
    )


def random_candles(
    instrument: Instrument, *, seed: int, n_bars: int, start_ticks: int = 100_000, move_ticks: int = 60
) -> Candles:
    """Return a random walk with gaps, spikes, flat bars and missing bars, the same for the same seed.

    Parameters
    ----------
    instrument : Instrument
        Whose candles.
    seed : int
        Of the generator.
    n_bars : int
        Bars.
    start_ticks, move_ticks : int
        First price and usual range of a bar; prices stay above a tenth of the first price.
    """
    generator = np.random.default_rng(seed)
    kind = generator.random(n_bars)
    steps = generator.integers(-move_ticks, move_ticks + 1, n_bars)
    gaps = np.where(kind < 0.1, generator.integers(-4 * move_ticks, 4 * move_ticks + 1, n_bars), 0)
    floor = start_ticks // 10
    columns: dict[str, list[int]] = {"open_ticks": [], "high_ticks": [], "low_ticks": [], "close_ticks": []}
    last = start_ticks
    for bar in range(n_bars):
        open_ = max(last + int(gaps[bar]), floor)
        flat = 0.1 <= kind[bar] < 0.2
        close = open_ if flat else max(open_ + int(steps[bar]), floor)
        spike = 5 * move_ticks if kind[bar] > 0.95 else move_ticks
        up, down = (0, 0) if flat else (int(v) for v in generator.integers(0, spike // 2 + 1, 2))
        columns["open_ticks"].append(open_)
        columns["high_ticks"].append(max(open_, close) + up)
        columns["low_ticks"].append(max(min(open_, close) - down, floor))
        columns["close_ticks"].append(close)
        last = close
    return _candles(instrument, columns, generator)


def _candles(
    instrument: Instrument, columns: dict[str, list[int]], generator: np.random.Generator
) -> Candles:
    n_bars = len(columns["open_ticks"])
    timeframe: Timeframe = (M15, H1, H4)[int(generator.integers(0, 3))]
    missing = generator.random(n_bars) < 0.05
    slots = np.cumsum(np.where(missing, generator.integers(2, 30, n_bars), 1))
    return Candles.from_columns(
        {
            **columns,
            "time_s": MONDAY_S + timeframe.seconds * slots,
            "volume": generator.integers(0, 1000, n_bars).astype(np.float64),
        },
        instrument=instrument,
        timeframe=timeframe,
    )


_RATES = st.sampled_from((1, 500_000, 2_000_000, 10_000_000, 1_000_000_000))
_LEVEL_NODES = st.integers(_FIRST_LEVEL, _FIRST_LEVEL + 2)


def _distances(*, r_allowed: bool) -> st.SearchStrategy[Distance]:
    kinds = [
        st.builds(Distance, kind=st.just(DistanceKind.RATE), amount=_RATES),
        st.builds(Distance, kind=st.just(DistanceKind.TICKS), amount=st.integers(0, 300_000_000)),
        st.builds(Distance, kind=st.just(DistanceKind.SERIES), node=_LEVEL_NODES),
        st.builds(Distance, kind=st.just(DistanceKind.PRICE), node=_LEVEL_NODES),
    ]
    if r_allowed:
        kinds.append(
            st.builds(Distance, kind=st.just(DistanceKind.R), amount=st.sampled_from((500_000, 2_000_001)))
        )
    return st.one_of(kinds)


def _exits() -> st.SearchStrategy[ExitRules]:
    return st.builds(
        ExitRules,
        when=st.integers(-1, _CONDITIONS - 1),
        stop_loss=st.none() | _distances(r_allowed=False),
        take_profit=st.none() | _distances(r_allowed=True),
        max_bars=st.sampled_from((0, 0, 1, 2, 5)),
        live_from_next_bar=st.booleans(),
    )


def _sizes() -> st.SearchStrategy[SizeRule]:
    usual = st.sampled_from((10_000_000, 500_000_000, 1_000_000_000, 29_999_999_999, 60_000_000_000))
    return st.one_of(
        st.builds(SizeRule, kind=st.just(SizeKind.EQUITY_FRACTION), amount=usual),
        st.builds(SizeRule, kind=st.just(SizeKind.RISK), amount=st.sampled_from((1_000_000, 20_000_000))),
        st.builds(SizeRule, kind=st.just(SizeKind.UNITS), amount=st.integers(1, 10**14)),
        st.builds(SizeRule, kind=st.just(SizeKind.LOTS), amount=st.integers(1, 10**9)),
        st.builds(SizeRule, kind=st.just(SizeKind.NOTIONAL), amount=st.integers(1, 10**14)),
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw plans of one to three rules over four condition nodes and three level nodes."""
    sides = draw(st.lists(st.sampled_from((1, -1)), min_size=1, max_size=3))
    entries = tuple(
        EntryRule(
            name=f"rule_{number}",
            side=side,
            when=draw(st.integers(0, _CONDITIONS - 1)),
            size=draw(_sizes()),
            exits=draw(_exits()),
        )
        for number, side in enumerate(sides)
    )
    nodes = [Node(op="constant", boolean=True, params=(1.0,))] * _CONDITIONS
    nodes += [Node(op="constant", params=(1.0,))] * 3
    return Plan(name="random", nodes=tuple(nodes), entries=entries)


def random_signals(candles: Candles, *, seed: int, density: float, gated: bool = False) -> Signals:
    """Return conditions that are true with a probability, and levels near the price, some undefined.

    Node 4 is a small positive distance, node 5 a price around the close and often exactly a tick of
    the bar, node 6 a wild number.
    """
    generator = np.random.default_rng(seed)
    n_bars = len(candles)
    conditions: dict[int, npt.NDArray[np.bool_]] = {
        node: generator.random(n_bars) < density for node in range(_CONDITIONS)
    }
    unit = 10.0**-candles.instrument.price_scale
    near = np.where(generator.random(n_bars) < 0.5, candles.low_ticks, candles.high_ticks)
    price = near + np.where(generator.random(n_bars) < 0.5, 0.0, generator.normal(0, 40, n_bars))
    wild = generator.choice([np.nan, np.inf, -5.0, 0.0, 1e30, 33.00003, 33.5, 120.0], n_bars)
    levels = {
        _FIRST_LEVEL: np.where(generator.random(n_bars) < 0.1, np.nan, generator.gamma(2.0, 40.0, n_bars))
        * unit,
        _FIRST_LEVEL + 1: price * unit,
        _FIRST_LEVEL + 2: wild * unit,
    }
    allowed = generator.random(n_bars) < 0.8 if gated else np.ones(n_bars, dtype=np.bool_)
    return Signals(conditions=conditions, levels=levels, entry_allowed=allowed, ready_bar=0)


def random_terms(draw: st.DrawFn, instrument: Instrument, *, n_bars: int) -> Terms:
    """Draw terms that fit an instrument: costs from none to heavy, limits, start and end."""
    rate = instrument.margin_rate_ppb
    large = ("1000", "5") if instrument.quote == "BTC" else ("1000000", "100000000")
    capital = draw(st.sampled_from(("10000", "137", *large)))
    decimals = money_decimals(instrument, capital_text=capital, leverage=-(-(10**9) // rate))
    risk = RiskLimits(
        max_drawdown_ppb=draw(st.sampled_from((0, 0, 150_000_000, 10_000_000))),
        daily_loss_limit_ppb=draw(st.sampled_from((0, 0, 30_000_000, 1_000_000))),
        max_position_size_ppb=draw(st.sampled_from((0, 0, 10**9, 10**10))),
    )
    return Terms(
        money_decimals=decimals,
        capital_minor=int(capital) * 10**decimals,
        commission_ppb=draw(st.sampled_from((0, 20_000, 1_000_000, 333_333))),
        spread_ticks=draw(st.sampled_from((0, 1, 8, 15))),
        slippage_ticks=draw(st.sampled_from((0, 1, 3))),
        margin_rate_ppb=rate,
        risk=risk,
        start_bar=draw(st.integers(0, min(n_bars, 12))),
        close_at_end=draw(st.booleans()),
        for_position=draw(st.booleans()),
    )


@st.composite
def random_runs(draw: st.DrawFn, *, max_bars: int = 120) -> RandomRun:
    """Draw a whole run of at most ``max_bars`` bars."""
    instrument = draw(instruments())
    n_bars = draw(st.integers(1, max_bars))
    seed = draw(st.integers(0, 2**32 - 1))
    candles = random_candles(
        instrument, seed=seed, n_bars=n_bars, move_ticks=draw(st.sampled_from((60, 8, 400, 4000)))
    )
    plan = draw(plans())
    density = draw(st.sampled_from((0.1, 0.3, 0.02, 0.7)))
    signals = random_signals(candles, seed=seed + 1, density=density, gated=draw(st.booleans()))
    terms = random_terms(draw, instrument, n_bars=n_bars)
    return RandomRun(plan=plan, candles=candles, signals=signals, terms=terms)
