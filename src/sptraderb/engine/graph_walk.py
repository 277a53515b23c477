"""The walk over a plan's nodes: each computed once, as soon as what it reads is there, by several threads.

An array is used again after its last reader, so that few live at once. Which thread computes a node and
when changes no value: a node's values depend on those of its arguments alone. Large runs use every
processor the process may have, small ones none but the caller's: kernels, TA-Lib and NumPy let other
threads run meanwhile. A large run's caller only looks whether to stop, so that no long node delays it.
"""

import heapq
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from sptraderb.domain.candle import Candles
from sptraderb.domain.plan import Node, Plan
from sptraderb.engine.array_pool import ArrayPool
from sptraderb.engine.frames import Frame, higher_frame
from sptraderb.engine.kernels.series import UNDEFINED, first_defined_nb
from sptraderb.engine.operations import (
    CONDITION,
    EITHER,
    OPS,
    Op,
    Place,
    indicator_of_prices,
)
from sptraderb.engine.series_order import OrderMemory, Values, spread
from sptraderb.errors import InvalidInput

_SOURCES = frozenset({"price", "forming", "indicator", "external"})
ExternalSeries = Mapping[tuple[str, str], npt.NDArray[np.float64]]
NO_SERIES: ExternalSeries = MappingProxyType({})

MOST_THREADS = 4
_NODE_BARS_PER_THREAD = 10_000_000
"""Nodes times bars: below, threads cost more than they save, as two take each other's cache."""
_WATCHED_BARS = 2_000_000
"""From here on one node may take longer than a cancel may wait; a thread of its own costs some 2 ms."""
_LOOK_S = 0.02
"""Seconds between two looks whether to stop, while threads compute."""


class GraphWalk:
    """One evaluation: the nodes, the frames they live on, who still reads what, and what is to be done.

    Parameters
    ----------
    plan : Plan
        Its nodes are walked.
    candles : Candles
        The run's bars.
    external : mapping of (name, output) to ndarray of shape (n_bars,), dtype=float64
        What the plan's components gave.
    raw : bool
        Whether numbers compare as the doubles they are and last bits are TradingView's.
    """

    def __init__(self, plan: Plan, candles: Candles, external: ExternalSeries, *, raw: bool = False) -> None:
        self.raw = raw
        self.nodes = plan.nodes
        self.external = external
        self.base = Frame(candles)
        self.frames = {0: self.base}
        self.pool = ArrayPool()
        self.timezone = "UTC" if plan.session is None else plan.session.timezone
        self._held: dict[int, Values] = {}
        self._result: dict[int, Values] = {}
        self._first_defined = 0
        self._failures: dict[int, Exception] = {}
        self._turn = threading.Condition()
        self._is_stopped = False

    def run(
        self, wanted: frozenset[int], should_stop: Callable[[], bool] | None = None
    ) -> tuple[dict[int, Values], int] | None:
        """Return the wanted nodes' values on the run's bars, and the first bar all sources have one.

        None if ``should_stop`` said so between two nodes, or at any time where threads compute: those then
        end by themselves after the node they are at.
        """
        order = self._order(wanted)
        for number in order:
            self._frame(self.nodes[number].timeframe_s)
        self._plan_work(order, wanted)
        n_bars = len(self.base)
        n_threads = min(MOST_THREADS, _n_processors(), 1 + len(order) * n_bars // _NODE_BARS_PER_THREAD)
        if n_threads == 1 and (should_stop is None or n_bars < _WATCHED_BARS):
            self._work(should_stop)
        else:
            self._work_together(n_threads, should_stop)
        if self._failures:
            raise self._failures[min(self._failures)]
        return None if self._is_stopped else (self._result, self._first_defined)

    def _work_together(self, n_threads: int, should_stop: Callable[[], bool] | None) -> None:
        """Let threads work, and wait for them unless told to stop."""
        helpers = [threading.Thread(target=self._work, daemon=True) for _ in range(n_threads)]
        for helper in helpers:
            helper.start()
        with self._turn:
            while self._left and not self._failures and not self._is_stopped:
                self._turn.wait(_LOOK_S)
                self._is_stopped = should_stop is not None and should_stop()
        if not self._is_stopped:
            for helper in helpers:
                helper.join()

    def _order(self, wanted: Iterable[int]) -> list[int]:
        """Return the nodes needed, each right after what it reads: so values are read soon and freed."""
        order: list[int] = []
        seen: set[int] = set()
        waiting = [(number, False) for number in sorted(wanted, reverse=True)]
        while waiting:
            number, is_ready = waiting.pop()
            if is_ready:
                order.append(number)
            elif number not in seen:
                seen.add(number)
                waiting.append((number, True))
                waiting += [(arg, False) for arg in reversed(self.nodes[number].args)]
        return order

    def _plan_work(self, order: list[int], wanted: frozenset[int]) -> None:
        """Note what each node waits for, who waits for it, and which are outputs of one indicator."""
        self._wanted = wanted
        self._rank = {number: rank for rank, number in enumerate(order)}
        self._readers = dict.fromkeys(order, 0)
        self._waits_for = dict.fromkeys(order, 0)
        self._waiting: dict[int, list[int]] = {number: [] for number in order}
        self._siblings: dict[int, list[int]] = {}
        self._left = len(order)
        first_of: dict[tuple[str, tuple[float, ...], tuple[int, ...], int], int] = {}
        for number in order:
            node = self.nodes[number]
            for arg in node.args:
                self._readers[arg] += 1
            before = set(node.args)
            if self._is_of_prices(node):
                key = node.name, node.params, node.args, node.timeframe_s
                first = first_of.setdefault(key, number)
                self._siblings.setdefault(first, []).append(number)
                before |= {first} - {number}
            self._waits_for[number] = len(before)
            for other in before:
                self._waiting[other].append(number)
        self._ready = [rank for rank, number in enumerate(order) if not self._waits_for[number]]
        self._by_rank = order

    def _is_of_prices(self, node: Node) -> bool:
        """Whether a node is an output of an indicator whose inputs are prices of its own bars."""
        inputs = [self.nodes[arg] for arg in node.args]
        return node.op == "indicator" and all(
            arg.op == "price" and arg.name != "volume" and arg.timeframe_s == node.timeframe_s
            for arg in inputs
        )

    def _work(self, should_stop: Callable[[], bool] | None = None) -> None:
        """Compute nodes until none is left; every thread does this."""
        places: dict[int, Place] = {}
        while True:
            if should_stop is not None and should_stop():
                self._is_stopped = True
            with self._turn:
                while not self._ready and self._left and not self._is_over():
                    self._turn.wait()
                if not self._left or self._is_over():
                    return
                number = self._by_rank[heapq.heappop(self._ready)]
            try:
                self._store(number, self._computed(number, places), places)
            except Exception as problem:  # raised by `run`, in the thread that asked
                with self._turn:
                    self._failures[number] = problem
                    self._turn.notify_all()
                return

    def _is_over(self) -> bool:
        return self._is_stopped or bool(self._failures)

    def _computed(self, number: int, places: dict[int, Place]) -> dict[int, Values]:
        """Return the values of a node, and of its siblings if it is the first of them."""
        node = self.nodes[number]
        if number in self._held:  # a sibling has computed it
            return {}
        siblings = self._siblings.get(number, [])
        args = tuple(self._argument(node, arg, places) for arg in node.args)
        if siblings:
            _checked(node, args)
            rows = [self.nodes[sibling] for sibling in siblings]
            found = indicator_of_prices(rows, args, self._place(node.timeframe_s, places))
            return dict(zip(siblings, found, strict=True))
        return {number: self._compute(node, args, places)}

    def _store(self, number: int, done: dict[int, Values], places: dict[int, Place]) -> None:
        """Keep values, free what was read for the last time, and wake whoever waited."""
        node = self.nodes[number]
        firsts = [
            self._first_bar(self.nodes[other], values)
            for other, values in done.items()
            if self.nodes[other].op in _SOURCES
        ]
        joined: Values | None = None
        if number in self._wanted:
            values = done[number] if number in done else self._held[number]
            joined = spread(self._joined(values, node.timeframe_s, 0), len(self.base))
        free: list[list[Values]] = []
        with self._turn:
            self._held.update(done)
            del done
            self._first_defined = max([self._first_defined, *firsts])
            if joined is not None:
                self._result[number] = joined
            for arg in node.args:
                self._readers[arg] -= 1
                if self._readers[arg] == 0 and arg in self._held:
                    free.append([self._held.pop(arg)])
            for other in self._waiting[number]:
                self._waits_for[other] -= 1
                if not self._waits_for[other]:
                    heapq.heappush(self._ready, self._rank[other])
            self._left -= 1
            self._turn.notify_all()
        for box in free:
            for place in places.values():
                place.orders.forget(box[0])
            self.pool.give_back(box)

    def _frame(self, seconds: int) -> Frame:
        if seconds not in self.frames:
            self.frames[seconds] = higher_frame(self.base, seconds)
        return self.frames[seconds]

    def _argument(self, node: Node, arg: int, places: dict[int, Place]) -> Values:
        reader = self.nodes[arg]
        if reader.op == "constant":
            return self._compute(reader, (), places, seconds=node.timeframe_s)
        return self._joined(self._held[arg], reader.timeframe_s, node.timeframe_s)

    def _joined(self, values: Values, seconds: int, target: int) -> Values:
        frame, other = self._frame(seconds), self._frame(target)
        if frame is other or not values.ndim:
            return values
        if target != 0:
            raise InvalidInput(
                "plan.argument_count", f"a series of {target} s must read series of its own, read {seconds} s"
            )
        return frame.join(values, other, UNDEFINED if values.dtype == np.uint8 else np.nan)

    def _compute(
        self, node: Node, args: tuple[Values, ...], places: dict[int, Place], seconds: int | None = None
    ) -> Values:
        if node.op == "external":
            return self.external[node.name, node.output]
        op = _checked(node, args)
        place = self._place(node.timeframe_s if seconds is None else seconds, places)
        if not op.takes_constants and not all(values.ndim for values in args):
            args = tuple(spread(values, len(place.frame)) for values in args)
        return op.compute(node, args, place)

    def _place(self, seconds: int, places: dict[int, Place]) -> Place:
        if seconds not in places:
            places[seconds] = Place(
                frame=self._frame(seconds),
                timezone=self.timezone,
                orders=OrderMemory(),
                raw=self.raw,
                pool=self.pool,
            )
        return places[seconds]

    def _first_bar(self, node: Node, values: Values) -> int:
        joined = self._joined(values, node.timeframe_s, 0)
        return int(first_defined_nb(joined)) if joined.ndim else 0


def _n_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
