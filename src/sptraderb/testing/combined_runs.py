"""Hypothesis builders of runs that combine everything: costs, orders, profiles, finer candles, programs.

Place: over the other builders, which change one thing at a time. Here a run is drawn from one of them,
with costs of every kind, and then given a profile, finer candles and conditions about the position, so
that each pair of features meets.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from sptraderb.domain.plan import Node
from sptraderb.domain.position_program import Fact, PositionProgram, Step
from sptraderb.domain.profile import PROFILES
from sptraderb.testing.costly_runs import COSTS, costly_runs
from sptraderb.testing.finer_parts import finer_parts
from sptraderb.testing.money_runs import FEATURES as MONEY
from sptraderb.testing.money_runs import money_runs
from sptraderb.testing.random_runs import RandomRun, random_runs
from sptraderb.testing.resting_runs import ORDER_FEATURES, resting_runs

_CONDITIONS, _PRICE = 4, 5
_ORDERS = (Step.LESS, Step.LESS_EQUAL, Step.GREATER, Step.GREATER_EQUAL, Step.EQUAL, Step.NOT_EQUAL)
_COMPARED = {
    Fact.SIDE: (0.0, 1.0, -1.0),
    Fact.SIZE: (0.0, 1.0, 250.0),
    Fact.BARS_HELD: (0.0, 1.0, 3.0, 7.0),
    Fact.OPEN_PNL: (0.0, 1.5, -20.0, 100.0),
}


@st.composite
def combined_runs(
    draw: st.DrawFn, *, profile: str = "", walked: bool | None = None, max_bars: int = 90
) -> RandomRun:
    """Draw a run of any mix of features.

    Parameters
    ----------
    profile : str
        Name of its profile; empty: any.
    walked : bool or None
        Whether there are finer candles; None: either.
    max_bars : int
        Bars at most.
    """
    plain = resting_runs(tuple(draw(st.permutations(ORDER_FEATURES))), max_bars=max_bars)
    run = draw(
        costly_runs(tuple(draw(st.permutations(COSTS))), max_bars=max_bars)
        | money_runs(tuple(draw(st.permutations(MONEY))), base=plain)
        | plain
        | random_runs(max_bars=max_bars)
    )
    # One seed decides the rest: each choice is as likely beside any other.
    seed = draw(st.integers(0, 2**32 - 1))
    dice = np.random.default_rng(seed)
    if dice.random() < 0.5:
        run = _with_programs(draw, run)
    terms = replace(
        run.terms,
        profile=PROFILES[profile or str(dice.choice(tuple(PROFILES)))],
        limit_through_ticks=int(dice.choice((0, 0, 1, 3, 20))),
        for_position=bool(dice.random() < 0.5),
    )
    is_walked = bool(dice.random() < 0.5) if walked is None else walked
    return RandomRun(
        plan=run.plan,
        candles=run.candles,
        signals=run.signals,
        terms=terms,
        finer=finer_parts(run.candles, seed=seed) if is_walked else None,
    )


def cut_short(run: RandomRun, n_bars: int) -> RandomRun:
    """Return a run's first bars, with what is known of them."""
    signals, facts, finer = run.signals, run.terms.facts.sliced(0, n_bars), run.finer
    if finer is not None:
        end = np.searchsorted(finer.time_s, run.candles.close_times_s[n_bars - 1])
        finer = finer.sliced(0, int(end))
    return replace(
        run,
        candles=run.candles.sliced(0, n_bars),
        signals=replace(
            signals,
            conditions={node: values[:n_bars] for node, values in signals.conditions.items()},
            levels={node: values[:n_bars] for node, values in signals.levels.items()},
            inputs={node: values[:n_bars] for node, values in signals.inputs.items()},
            entry_allowed=signals.entry_allowed[:n_bars],
        ),
        terms=replace(run.terms, facts=facts),
        finer=finer,
    )


def _with_programs(draw: st.DrawFn, run: RandomRun) -> RandomRun:
    """Let some conditions ask about the position beside what they ask about the market."""
    plan, inputs = run.plan, dict(run.signals.inputs)
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for node in sorted(draw(st.sets(st.integers(0, _CONDITIONS - 1), min_size=1))):
        market = len(plan.nodes)
        inputs[market] = _undefined_at_times(run.signals.conditions[node], generator)
        inputs[_PRICE] = run.signals.levels[_PRICE]
        plan = replace(
            plan,
            nodes=(*plan.nodes, Node(op="constant", boolean=True)),
            programs={**plan.programs, node: _program(draw, market)},
        )
    return replace(run, plan=plan, signals=replace(run.signals, inputs=inputs))


def _undefined_at_times(
    condition: npt.NDArray[np.bool_], generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    return np.where(generator.random(len(condition)) < 0.05, np.nan, condition.astype(np.float64))


def _program(draw: st.DrawFn, market: int) -> PositionProgram:
    """Draw `market condition and|or [not] fact compared with a number or a price`."""
    fact = draw(st.sampled_from(Fact))
    number = draw(st.sampled_from(_COMPARED.get(fact, (0.0,))))
    other = (Step.CONSTANT, 0) if fact in _COMPARED else (Step.ROW, 1)
    code = [Step.ROW, 0, Step.FACT, fact, *other, draw(st.sampled_from(_ORDERS)), 0]
    code += [Step.NOT, 0] * draw(st.integers(0, 1))
    code += [draw(st.sampled_from((Step.AND, Step.AND, Step.OR))), 0]
    return PositionProgram(
        code=tuple(int(word) for word in code), constants=(number,), nodes=(market, _PRICE)
    )
