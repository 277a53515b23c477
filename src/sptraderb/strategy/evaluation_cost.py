"""What evaluating a plan costs, estimated before anything runs: its nodes and what each takes a bar.

The figures are measured, one expression at a time, on 50,000 bars of one core of a small server, and
rounded; they say whether a strategy takes milliseconds or seconds, not how many microseconds.
"""

from collections.abc import Mapping
from types import MappingProxyType

from sptraderb.domain.plan import Node, Plan

_OP_NS: Mapping[str, float] = MappingProxyType(
    {
        "constant": 0.5,
        "price": 2,
        "bar_index": 1,
        "calendar": 5,
        "forming": 60,
        "lag": 4,
        "pow": 30,
        "if_else": 20,
        "and": 10,
        "or": 10,
        "highest": 35,
        "lowest": 35,
        "rising": 35,
        "falling": 35,
        "count_true": 20,
        "bars_since": 15,
        "previous_value": 18,
    }
)
_PLAIN_NS = 8.0
_INDICATOR_NS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("sma", "ema", "wma", "rma", "rsi", "stdev", "mom", "roc", "dema", "tema"), 12),
        **dict.fromkeys(("adx", "macd", "bbands", "mfi", "cci", "ultosc", "vhf", "supertrend"), 65),
        **dict.fromkeys(("adxr", "donchian", "plus_di", "minus_di", "dx", "willr", "choppiness"), 90),
        **dict.fromkeys(("stoch", "stochf", "stochrsi", "kdj", "mama", "imi", "pivot_points"), 100),
        **dict.fromkeys(("ichimoku", "percentrank"), 250),
        "connors_rsi": 380,
        **dict.fromkeys(("ht_dcphase", "ht_sine", "ht_trendmode"), 650),
    }
)
_INDICATOR_DEFAULT_NS = 30.0
_STEP_NS = 5.0
_BARS = 100_000


def evaluated_nodes(plan: Plan) -> frozenset[int]:
    """Return the nodes that a run evaluates: those its rules read, and those these read."""
    needed = set(plan.condition_nodes() | plan.level_nodes() | plan.program_nodes())
    for number in range(len(plan.nodes) - 1, -1, -1):
        if number in needed:
            needed.update(plan.nodes[number].args)
    return frozenset(needed)


def estimated_ms(plan: Plan) -> float:
    """Return about how many milliseconds a plan's expressions take on 100,000 bars."""
    nanoseconds = sum(_node_ns(plan.nodes[number]) for number in evaluated_nodes(plan))
    steps = sum(len(program.code) // 2 for program in plan.programs.values())
    return (nanoseconds + steps * _STEP_NS) * _BARS / 1e6


def _node_ns(node: Node) -> float:
    if node.op == "indicator":
        return _INDICATOR_NS.get(node.name, _INDICATOR_DEFAULT_NS)
    return _OP_NS.get(node.op, _PLAIN_NS)
