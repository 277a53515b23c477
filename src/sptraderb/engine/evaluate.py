"""Evaluate a plan's expression graph on candles: conditions and levels for every bar.

Only what the rules need is computed, each node once, and an array is dropped after its last reader.
Values of a higher timeframe join the run's bars when they are available (T3).
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from sptraderb.domain.candle import Candles
from sptraderb.domain.plan import Node, Plan, Signals
from sptraderb.domain.profile import STRICT, Profile
from sptraderb.engine.frames import Frame, higher_frame
from sptraderb.engine.kernels.series import TRUE, UNDEFINED, first_defined_nb
from sptraderb.engine.local_time import entry_gate
from sptraderb.engine.operations import CONDITION, EITHER, OPS, Op, OrderMemory, Place, Values, spread
from sptraderb.errors import InvalidInput

_SOURCES = frozenset({"price", "forming", "indicator", "external"})
ExternalSeries = Mapping[tuple[str, str], npt.NDArray[np.float64]]
NO_SERIES: ExternalSeries = MappingProxyType({})


def evaluate(
    plan: Plan, candles: Candles, *, external: ExternalSeries = NO_SERIES, profile: Profile = STRICT
) -> Signals:
    """Return conditions and levels of a plan on candles.

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

    Returns
    -------
    Signals
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
    values, first_defined = _Graph(plan, candles, external, raw=profile.exact_comparisons).run(wanted)
    ready = 0 if profile.decides_at_once else max(plan.first_value, first_defined)
    return Signals(
        conditions={node: values[node] == TRUE for node in sorted(conditions)},
        levels={node: values[node].astype(np.float64, copy=False) for node in sorted(levels)},
        entry_allowed=entry_gate(candles, plan.session),
        ready_bar=min(ready, len(candles)),
        inputs={node: _as_number(values[node]) for node in sorted(inputs)},
    )


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
    values, _ = _Graph(plan, candles, NO_SERIES).run(frozenset(wanted.values()))
    return {name: _as_number(values[node]) for name, node in wanted.items()}


def _as_number(values: Values) -> npt.NDArray[np.float64]:
    if values.dtype != np.uint8:
        return values.astype(np.float64, copy=False)
    return np.where(values == UNDEFINED, np.nan, values / 2.0)


class _Graph:
    """One evaluation: the nodes, the frames they live on, and who still reads what."""

    def __init__(self, plan: Plan, candles: Candles, external: ExternalSeries, *, raw: bool = False) -> None:
        self.raw = raw
        self.nodes = plan.nodes
        self.external = external
        self.base = Frame(candles)
        self.frames = {0: self.base}
        self.places: dict[int, Place] = {}
        self.timezone = "UTC" if plan.session is None else plan.session.timezone

    def run(self, wanted: frozenset[int]) -> tuple[dict[int, Values], int]:
        """Return the wanted nodes' values on the run's bars, and the first bar all sources have one."""
        needed = self._closure(wanted)
        readers = self._readers(needed)
        held: dict[int, Values] = {}
        result: dict[int, Values] = {}
        first_defined = 0
        for number in sorted(needed):
            node = self.nodes[number]
            values = self._compute(node, tuple(self._argument(node, arg, held) for arg in node.args))
            if node.op in _SOURCES:
                first_defined = max(first_defined, self._first_defined(node, values))
            held[number] = values
            if number in wanted:
                result[number] = spread(self._joined(values, node.timeframe_s, 0), len(self.base))
            for arg in node.args:
                readers[arg] -= 1
                if readers[arg] == 0:
                    held.pop(arg, None)
        return result, first_defined

    def _closure(self, wanted: Iterable[int]) -> frozenset[int]:
        needed: set[int] = set()
        waiting = list(wanted)
        while waiting:
            number = waiting.pop()
            if number not in needed:
                needed.add(number)
                waiting.extend(self.nodes[number].args)
        return frozenset(needed)

    def _readers(self, needed: Iterable[int]) -> dict[int, int]:
        counts = dict.fromkeys(needed, 0)
        for number in counts:
            for arg in self.nodes[number].args:
                counts[arg] += 1
        return counts

    def _frame(self, seconds: int) -> Frame:
        if seconds not in self.frames:
            self.frames[seconds] = higher_frame(self.base, seconds)
        return self.frames[seconds]

    def _argument(self, node: Node, arg: int, held: Mapping[int, Values]) -> Values:
        reader = self.nodes[arg]
        if reader.op == "constant":
            return self._compute(reader, (), seconds=node.timeframe_s)
        return self._joined(held[arg], reader.timeframe_s, node.timeframe_s)

    def _joined(self, values: Values, seconds: int, target: int) -> Values:
        frame, other = self._frame(seconds), self._frame(target)
        if frame is other or not values.ndim:
            return values
        if target != 0:
            raise InvalidInput(
                "plan.argument_count", f"a series of {target} s must read series of its own, read {seconds} s"
            )
        return frame.join(values, other, UNDEFINED if values.dtype == np.uint8 else np.nan)

    def _compute(self, node: Node, args: tuple[Values, ...], seconds: int | None = None) -> Values:
        if node.op == "external":
            return self.external[node.name, node.output]
        op = _checked(node, args)
        place = self._place(node.timeframe_s if seconds is None else seconds)
        if not op.takes_constants and not all(values.ndim for values in args):
            args = tuple(spread(values, len(place.frame)) for values in args)
        return op.compute(node, args, place)

    def _place(self, seconds: int) -> Place:
        if seconds not in self.places:
            frame = self._frame(seconds)
            self.places[seconds] = Place(
                frame=frame, timezone=self.timezone, orders=OrderMemory(), raw=self.raw
            )
        return self.places[seconds]

    def _first_defined(self, node: Node, values: Values) -> int:
        joined = self._joined(values, node.timeframe_s, 0)
        return int(first_defined_nb(joined)) if joined.ndim else 0


def _checked(node: Node, args: tuple[Values, ...]) -> Op:
    """Return a node's op after checking what it is given."""
    op = OPS.get(node.op)
    if op is None:
        raise InvalidInput("plan.unknown_op", f"a node's op must be one of the vocabulary, was `{node.op}`")
    count = len(op.args)
    fits = len(args) >= max(count, 1) if op.repeats else len(args) == count
    kinds = (*op.args, *(op.args[-1:] * (len(args) - count)))
    fits = fits and op.n_params in (-1, len(node.params))
    for kind, values in zip(kinds, args, strict=False):
        fits = fits and (kind == EITHER or (values.dtype == np.uint8) == (kind == CONDITION))
    if not fits:
        raise InvalidInput(
            "plan.argument_count",
            f"`{node.op}` must be given what it takes, was given {len(args)} arguments and "
            f"{len(node.params)} constants in `{node.text}`",
        )
    return op
