"""An evaluation that is told to stop: between nodes, and in the middle of one where threads compute."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.order import EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan
from sptraderb.domain.timeframe import H1
from sptraderb.engine import graph_walk
from sptraderb.engine.evaluate import evaluate, evaluate_until
from sptraderb.engine.operations import OPS, Place
from sptraderb.engine.series_order import Values

N_BARS = 50
PRICES = np.arange(100_000, 100_000 + N_BARS)
CANDLES = Candles.from_columns(
    {
        "time_s": 1_704_067_200 + H1.seconds * np.arange(N_BARS),
        "open_ticks": PRICES,
        "high_ticks": PRICES + 3,
        "low_ticks": PRICES - 3,
        "close_ticks": PRICES + 1,
    },
    instrument=SEEDED_INSTRUMENTS["EURUSD"],
    timeframe=H1,
)
NODES = (
    Node(op="price", name="close"),
    Node(op="neg", args=(0,)),
    Node(op="abs", args=(1,)),
    Node(op="greater", args=(2, 0), boolean=True),
)
SIZE = SizeRule(kind=SizeKind.UNITS, amount=10**9)
PLAN = Plan(
    name="p",
    nodes=NODES,
    entries=(EntryRule(name="long", side=1, when=3, size=SIZE, exits=ExitRules()),),
)


def test_evaluation_when_told_between_nodes_then_ends_there() -> None:
    """Asked before every node; what comes after a yes is not computed and nothing is given."""
    looks: list[bool] = []

    def should_stop() -> bool:
        looks.append(len(looks) == 2)
        return looks[-1]

    assert evaluate_until(PLAN, CANDLES, should_stop=should_stop) is None
    assert looks == [False, False, True]


def test_evaluation_when_never_told_then_is_that_without_asking() -> None:
    """Looking changes nothing."""
    asked, alone = evaluate_until(PLAN, CANDLES, should_stop=lambda: False), evaluate(PLAN, CANDLES)
    assert asked is not None
    assert asked.ready_bar == alone.ready_bar
    np.testing.assert_array_equal(asked.conditions[3], alone.conditions[3])


def test_evaluation_when_told_inside_a_long_node_then_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where threads compute, the caller is free at once; they end after the node they are at."""
    is_at_it, may_end = threading.Event(), threading.Event()

    def endless(_node: Node, args: tuple[Values, ...], _place: Place) -> Values:
        is_at_it.set()
        may_end.wait()
        return args[0]

    monkeypatch.setitem(OPS, "neg", replace(OPS["neg"], compute=endless))  # type: ignore[arg-type]
    monkeypatch.setattr(graph_walk, "_NODE_BARS_PER_THREAD", 1)
    monkeypatch.setattr(graph_walk, "_n_processors", lambda: 2)
    before = set(threading.enumerate())
    assert evaluate_until(PLAN, CANDLES, should_stop=is_at_it.is_set) is None
    left = set(threading.enumerate()) - before
    assert left
    may_end.set()
    for thread in left:
        thread.join(timeout=60)
        assert not thread.is_alive()
