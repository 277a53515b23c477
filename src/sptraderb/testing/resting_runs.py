"""Hypothesis builders of runs whose entries rest, whose positions are taken off in parts and added to.

A run of `wider_runs` is drawn first; each feature then changes one part of it, so that a difference
between the engines can be pinned to a feature.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from sptraderb.domain.candle import Candles
from sptraderb.domain.order import (
    Distance,
    DistanceKind,
    EntryRule,
    ExitRules,
    OrderForm,
    OrderKind,
    PartialExit,
    ScaleIn,
)
from sptraderb.domain.plan import Node, Plan, Signals
from sptraderb.testing.random_runs import RandomRun
from sptraderb.testing.wider_runs import FEATURES, wider_runs

ORDER_FEATURES = ("resting", "partial", "scale_in", "limit_through")
"""What `resting_runs` can add, in the order in which it does."""
_ABOVE, _BELOW, _WILD = 7, 8, 9
_FIRST_CONDITION, _LAST_CONDITION, _DISTANCE = 0, 3, 4


@st.composite
def resting_runs(
    draw: st.DrawFn, features: tuple[str, ...] = ORDER_FEATURES, *, max_bars: int = 120
) -> RandomRun:
    """Draw a run with some of ``features`` (names of `ORDER_FEATURES`), the first of them always."""
    run = draw(wider_runs(tuple(draw(st.permutations(FEATURES))), max_bars=max_bars))
    chosen = {features[0], *draw(st.sets(st.sampled_from(features)))}
    if "resting" in chosen:
        signals = _with_prices(run.signals, run.candles, seed=draw(st.integers(0, 2**32 - 1)))
        run = replace(run, plan=_with_resting(draw, run.plan), signals=signals)
    if "partial" in chosen:
        entries = tuple(replace(rule, exits=_with_parts(draw, rule.exits)) for rule in run.plan.entries)
        run = replace(run, plan=replace(run.plan, entries=entries))
    if "scale_in" in chosen:
        run = replace(run, plan=replace(run.plan, scale_in=draw(_scale_ins())))
    if "limit_through" in chosen:
        through = draw(st.sampled_from((1, 3, 20)))
        run = replace(run, terms=replace(run.terms, limit_through_ticks=through))
    return run


def _with_prices(signals: Signals, candles: Candles, *, seed: int) -> Signals:
    """Add prices above, below and anywhere near the close, half of them levels that later bars touch."""
    generator = np.random.default_rng(seed)
    n_bars = len(candles)
    reach = max(int(np.median(candles.high_ticks - candles.low_ticks)), 2) if n_bars else 2
    away = generator.gamma(2.0, reach / 2, n_bars)
    touched = generator.random(n_bars) < 0.5
    found: dict[int, npt.NDArray[np.float64]] = {}
    later = np.minimum(np.arange(n_bars) + generator.integers(1, 4, n_bars), max(n_bars - 1, 0))
    for node, sign, extremes in ((_ABOVE, 1, candles.high_ticks), (_BELOW, -1, candles.low_ticks)):
        found[node] = np.where(touched, extremes[later], candles.close_ticks + sign * away)
    anywhere = candles.close_ticks + generator.normal(0, reach, n_bars)
    wild = generator.choice([np.nan, np.inf, 0.0, -5.0, 1e30], n_bars)
    found[_WILD] = np.where(generator.random(n_bars) < 0.1, wild, anywhere)
    unit = 10.0**-candles.instrument.price_scale
    levels = {**signals.levels, **{node: values * unit for node, values in found.items()}}
    return replace(signals, levels=levels)


def _with_resting(draw: st.DrawFn, plan: Plan) -> Plan:
    entries = tuple(_resting(draw, rule) for rule in plan.entries)
    return replace(plan, entries=entries, nodes=(*plan.nodes, *[Node(op="constant")] * 3))


def _resting(draw: st.DrawFn, rule: EntryRule) -> EntryRule:
    """Give a rule an order: stops mostly on their own side of the price, limits on the other."""
    kind = draw(st.sampled_from((OrderKind.STOP, OrderKind.LIMIT, OrderKind.STOP_LIMIT, OrderKind.MARKET)))
    if kind is OrderKind.MARKET:
        return rule
    near, far = (_ABOVE, _BELOW) if rule.side > 0 else (_BELOW, _ABOVE)
    return replace(
        rule,
        order=OrderForm(
            kind=kind,
            stop_node=-1 if kind is OrderKind.LIMIT else draw(st.sampled_from((near, near, _WILD))),
            limit_node=-1 if kind is OrderKind.STOP else draw(st.sampled_from((far, near, _WILD))),
            expires_bars=draw(st.sampled_from((0, 0, 1, 3, 8))),
        ),
        cancel_when=draw(st.sampled_from((-1, -1, _FIRST_CONDITION, _LAST_CONDITION))),
        oco=draw(st.booleans()),
    )


def _with_parts(draw: st.DrawFn, exits: ExitRules) -> ExitRules:
    distances = [
        st.builds(Distance, kind=st.just(DistanceKind.RATE), amount=st.sampled_from((200_000, 1_000_000))),
        st.builds(Distance, kind=st.just(DistanceKind.TICKS), amount=st.integers(1_000_000, 200_000_000)),
        st.builds(Distance, kind=st.just(DistanceKind.SERIES), node=st.just(_DISTANCE)),
        st.builds(Distance, kind=st.just(DistanceKind.PRICE), node=st.just(5)),
    ]
    if exits.stop_loss is not None:
        distances.append(st.builds(Distance, kind=st.just(DistanceKind.R), amount=st.just(700_000)))
    parts = st.builds(
        PartialExit,
        at=st.one_of(distances[:3] * 3 + distances[3:]),
        close_ppb=st.sampled_from((500_000_000, 333_333_333, 1_000_000_000, 1)),
        then_break_even=st.booleans(),
    )
    return replace(exits, partial=tuple(draw(st.lists(parts, min_size=1, max_size=3))))


def _scale_ins() -> st.SearchStrategy[ScaleIn]:
    distances = st.one_of(
        st.none(),
        st.builds(Distance, kind=st.just(DistanceKind.RATE), amount=st.sampled_from((100_000, 2_000_000))),
        st.builds(Distance, kind=st.just(DistanceKind.TICKS), amount=st.integers(0, 60_000_000)),
        st.builds(Distance, kind=st.just(DistanceKind.SERIES), node=st.sampled_from((_DISTANCE, 6))),
    )
    return st.builds(ScaleIn, max_entries=st.sampled_from((2, 3, 7)), min_distance=distances)
