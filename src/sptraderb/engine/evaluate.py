"""Evaluate a plan's expression graph on candles: conditions and levels for every bar.

`graph_walk` computes what the rules need, each node once. Values of a higher timeframe join the run's bars
when they are available (T3).
"""

from collections.abc import Callable, Collection, Mapping

import numpy as np
import numpy.typing as npt

from sptraderb.domain.candle import Candles
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.profile import STRICT, Profile
from sptraderb.engine.graph_walk import NO_SERIES, ExternalSeries, GraphWalk
from sptraderb.engine.kernels.series import TRUE, UNDEFINED
from sptraderb.engine.local_time import entry_gate
from sptraderb.engine.series_order import Values


def evaluate_until(
    plan: Plan,
    candles: Candles,
    *,
    external: ExternalSeries = NO_SERIES,
    profile: Profile = STRICT,
    should_stop: Callable[[], bool] | None,
) -> Signals | None:
    """Return conditions and levels of a plan on candles, None if stopped on the way.

    Parameters
    ----------
    plan : Plan
        Its condition and level nodes are evaluated.
    candles : Candles
        Bars, the warm-up first.
    external : mapping of (name, output) to ndarray of shape (n_bars,), dtype=float64
        What the plan's components gave.
    profile : Profile
        Whether numbers compare as raw doubles (M9 does not hold then).
    should_stop : callable or None
        Asked between nodes, and every 20 ms where threads compute; true ends the evaluation.

    Returns
    -------
    Signals or None
        By node; ``ready_bar`` is the first bar on which every price and indicator that a rule reads
        has a value, and not before the plan's own ``first_value`` (T2); 0 where the profile decides at
        once.

    Raises
    ------
    InvalidInput
        ``plan.unknown_op``, ``plan.unknown_indicator``, ``plan.unknown_output``,
        ``plan.argument_count`` (defects of the compiler), ``plan.timeframe_unsupported``.

    Notes
    -----
    Causal: a value at bar t depends on bars up to t only. O(nodes x bars) time; at most the arrays
    that are still to be read live at once.
    """
    conditions, levels = plan.condition_nodes(), plan.level_nodes()
    inputs = plan.program_nodes()
    wanted = conditions | levels | inputs
    walk = GraphWalk(plan, candles, external, raw=profile.exact_comparisons)
    found = walk.run(wanted, should_stop)
    if found is None:
        return None
    values, first_defined = found
    ready = 0 if profile.decides_at_once else max(plan.first_value, first_defined)
    return Signals(
        conditions={node: values[node] == TRUE for node in sorted(conditions)},
        levels={node: values[node].astype(np.float64, copy=False) for node in sorted(levels)},
        entry_allowed=entry_gate(candles, plan.session),
        ready_bar=min(ready, len(candles)),
        inputs={node: _as_number(values[node]) for node in sorted(inputs)},
    )


def evaluate(
    plan: Plan, candles: Candles, *, external: ExternalSeries = NO_SERIES, profile: Profile = STRICT
) -> Signals:
    """Return conditions and levels of a plan on candles: `evaluate_until` without an end before the end."""
    found = evaluate_until(plan, candles, external=external, profile=profile, should_stop=None)
    assert found is not None  # nothing told it to stop
    return found


def evaluate_series(
    plan: Plan, candles: Candles, *, names: Collection[str] | None = None
) -> Mapping[str, npt.NDArray[np.float64]]:
    """Return the plan's named series on the run's bars, NaN where undefined; conditions as 0 and 1.

    Parameters
    ----------
    plan, candles
        As `evaluate` takes them.
    names : collection of str, optional
        Which series; None = all.
    """
    wanted = {name: node for name, node in plan.series.items() if names is None or name in names}
    found = GraphWalk(plan, candles, NO_SERIES).run(frozenset(wanted.values()))
    values = {} if found is None else found[0]
    return {name: _as_number(values[node]) for name, node in wanted.items()}


def _as_number(values: Values) -> npt.NDArray[np.float64]:
    if values.dtype != np.uint8:
        return values.astype(np.float64, copy=False)
    return np.where(values == UNDEFINED, np.nan, values / 2.0)
