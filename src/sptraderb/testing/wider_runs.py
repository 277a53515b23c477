"""Hypothesis builders that widen a random run: both sides, fees, stops that move, time limits.

A run of `random_runs` or `lively_runs` is drawn first; each feature then changes one part of it, so that
a difference between the engines can be pinned to a feature.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import CandleSide
from sptraderb.domain.order import Distance, DistanceKind, ExitRules
from sptraderb.domain.plan import Plan
from sptraderb.domain.terms import Terms
from sptraderb.testing.lively_runs import lively_runs
from sptraderb.testing.random_runs import RandomRun, random_runs

_Change = Callable[[st.DrawFn, ExitRules], ExitRules]

FEATURES = ("sides", "fees", "slippage", "trailing", "duration", "break_even")
"""What `wider_runs` can add, in the order in which it does."""


@st.composite
def wider_runs(draw: st.DrawFn, features: tuple[str, ...] = FEATURES, *, max_bars: int = 120) -> RandomRun:
    """Draw a run with some of ``features`` (names of `FEATURES`), the first of them always."""
    run = draw(lively_runs(max_bars=max_bars) | random_runs(max_bars=max_bars))
    chosen = {features[0], *draw(st.sets(st.sampled_from(features)))}
    if "sides" in chosen:
        run = replace(run, candles=with_ask(run.candles, seed=draw(st.integers(0, 2**32 - 1))))
    if "fees" in chosen:
        run = replace(run, terms=_with_fees(draw, run.terms))
    if "slippage" in chosen:
        rate = draw(st.sampled_from((1, 30_000, 2_000_000)))
        run = replace(run, terms=replace(run.terms, slippage_ppb=rate))
    exits = {"trailing": _with_trailing, "duration": _with_duration, "break_even": _with_break_even}
    for name, change in exits.items():
        if name in chosen:
            run = replace(run, plan=_with_exits(draw, run.plan, change))
    return run


def with_ask(candles: Candles, *, seed: int) -> Candles:
    """Return candles with an ask side above them: its own walk, never below the bid."""
    generator = np.random.default_rng(seed)
    widest = int(generator.choice([1, 5, 60]))
    spreads = {name: generator.integers(0, widest, len(candles)) for name in PRICE_COLUMNS}
    sides = {name: getattr(candles, name) for name in PRICE_COLUMNS}
    ask = {name: sides[name] + spreads[name] for name in PRICE_COLUMNS}
    ask["high_ticks"] = np.maximum.reduce([ask["high_ticks"], ask["open_ticks"], ask["close_ticks"]])
    ask["low_ticks"] = np.minimum.reduce([ask["low_ticks"], ask["open_ticks"], ask["close_ticks"]])
    return Candles.from_columns(
        {
            "time_s": candles.time_s,
            "volume": candles.volume,
            **sides,
            **{name: ask[main] for name, main in zip(ASK_COLUMNS, PRICE_COLUMNS, strict=True)},
        },
        instrument=replace(candles.instrument, side=CandleSide.BOTH),
        timeframe=candles.timeframe,
    )


def _with_fees(draw: st.DrawFn, terms: Terms) -> Terms:
    """Add fees of up to some hundred money units, of odd amounts that round."""
    one = 10**terms.money_decimals
    fees = st.sampled_from((0, 1, 7 * one // 2, 333 * one // 100, 40 * one))
    least, most = draw(fees), draw(fees)
    return replace(
        terms,
        commission_per_lot_minor=draw(fees),
        commission_per_order_minor=draw(fees),
        commission_min_minor=least,
        commission_max_minor=0 if most < least else most,
    )


def _with_exits(draw: st.DrawFn, plan: Plan, change: _Change) -> Plan:
    entries = tuple(replace(entry, exits=change(draw, entry.exits)) for entry in plan.entries)
    return replace(plan, entries=entries)


def _moves(*, has_stop: bool) -> st.SearchStrategy[Distance]:
    kinds = [
        st.builds(Distance, kind=st.just(DistanceKind.RATE), amount=st.sampled_from((200_000, 1_000_000))),
        st.builds(Distance, kind=st.just(DistanceKind.TICKS), amount=st.integers(0, 200_000_000)),
        st.builds(Distance, kind=st.just(DistanceKind.SERIES), node=st.sampled_from((4, 4, 4, 6))),
    ]
    if has_stop:
        kinds.append(st.builds(Distance, kind=st.just(DistanceKind.R), amount=st.integers(1, 3_000_000)))
    return st.one_of(kinds)


def _with_trailing(draw: st.DrawFn, exits: ExitRules) -> ExitRules:
    moves = _moves(has_stop=exits.stop_loss is not None)
    return replace(exits, trailing_stop=draw(moves), trailing_activate=draw(st.none() | moves))


def _with_duration(draw: st.DrawFn, exits: ExitRules) -> ExitRules:
    return replace(exits, max_duration_s=draw(st.sampled_from((1, 3600, 14_400, 100_000))))


def _with_break_even(draw: st.DrawFn, exits: ExitRules) -> ExitRules:
    return replace(exits, break_even_at=draw(_moves(has_stop=exits.stop_loss is not None)))
