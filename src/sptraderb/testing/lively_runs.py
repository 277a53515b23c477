"""Hypothesis builders of runs that trade a lot: both sides, sizes that fit, levels on the right side.

Beside `random_runs`, which reaches refusals; these reach reversals, time exits and stops by the dozen.
"""

from dataclasses import replace

from hypothesis import strategies as st

from sptraderb.domain.order import (
    LONG,
    SHORT,
    Distance,
    DistanceKind,
    EntryRule,
    ExitRules,
    SizeKind,
    SizeRule,
)
from sptraderb.domain.plan import Node, Plan
from sptraderb.testing.random_runs import (
    RandomRun,
    instruments,
    random_candles,
    random_signals,
    random_terms,
)

_SMALL_RATES = (500_000, 2_000_000, 5_000_000)


def _distances() -> st.SearchStrategy[Distance]:
    return st.one_of(
        st.builds(Distance, kind=st.just(DistanceKind.RATE), amount=st.sampled_from(_SMALL_RATES)),
        st.builds(Distance, kind=st.just(DistanceKind.TICKS), amount=st.integers(1, 400_000_000)),
        st.builds(Distance, kind=st.just(DistanceKind.SERIES), node=st.just(4)),
    )


def _sizes() -> st.SearchStrategy[SizeRule]:
    fractions = st.sampled_from((100_000_000, 333_333_333, 900_000_000))
    return st.builds(SizeRule, kind=st.just(SizeKind.EQUITY_FRACTION), amount=fractions)


def _exits() -> st.SearchStrategy[ExitRules]:
    r_multiple = st.builds(Distance, kind=st.just(DistanceKind.R), amount=st.integers(500_000, 3_000_000))
    stops = st.builds(
        ExitRules,
        when=st.sampled_from((-1, -1, 2)),
        stop_loss=_distances(),
        take_profit=st.none() | _distances() | r_multiple,
        max_bars=st.sampled_from((0, 0, 3, 10)),
        live_from_next_bar=st.booleans(),
    )
    return stops | st.builds(ExitRules, max_bars=st.sampled_from((0, 4)))


@st.composite
def lively_runs(draw: st.DrawFn, *, max_bars: int = 150) -> RandomRun:
    """Draw a run of a long and a short rule that both fire often."""
    instrument = replace(draw(instruments()), quantity_scale=draw(st.sampled_from((2, 8))))
    instrument = replace(instrument, quantity_step=1, quantity_min=1)
    n_bars, seed = draw(st.integers(20, max_bars)), draw(st.integers(0, 2**32 - 1))
    candles = random_candles(
        instrument, seed=seed, n_bars=n_bars, move_ticks=draw(st.sampled_from((60, 200, 1000)))
    )
    entries = tuple(
        EntryRule(name=name, side=side, when=node, size=draw(_sizes()), exits=draw(_exits()))
        for name, side, node in (("long", LONG, 0), ("short", SHORT, 1))
    )
    nodes = (*(Node(op="constant", boolean=True),) * 4, *(Node(op="constant"),) * 3)
    density = draw(st.sampled_from((0.1, 0.25)))
    terms = random_terms(draw, instrument, n_bars=n_bars)
    risk = replace(terms.risk, max_position_size_ppb=0)
    return RandomRun(
        plan=Plan(name="lively", nodes=nodes, entries=entries),
        candles=candles,
        signals=random_signals(candles, seed=seed + 1, density=density, gated=draw(st.booleans())),
        terms=replace(terms, risk=risk),
    )
