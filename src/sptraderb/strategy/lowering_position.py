"""Lowering of facts about the position, and where they may not stand: known at this close only."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sptraderb.domain.plan import Node
from sptraderb.strategy.lowering import Lowering
from sptraderb.strategy.names import did_you_mean
from sptraderb.strategy.syntax_tree import Output, Span
from sptraderb.strategy.values import Kind, Value

FACTS: Mapping[str, Kind] = MappingProxyType(
    {
        "side": Kind.NUMBER,
        "size": Kind.NUMBER,
        "bars_held": Kind.NUMBER,
        "entry_price": Kind.PRICE,
        "open_pnl": Kind.NUMBER,
    }
)
"""What a rule may know about the position, and what kind of value it is."""


def lower_fact(low: Lowering, tree: Output, timeframe_s: int) -> Value | None:
    """Return ``position.side`` and the like."""
    kind = FACTS.get(tree.output)
    if kind is None:
        facts = ", ".join(f"`{fact}`" for fact in FACTS)
        message = f"a fact about the position must be one of {facts}, was `{tree.output[:40]}`"
        low.fault("strategy.output", message, tree.output_span, did_you_mean(tree.output, FACTS))
        return None
    if timeframe_s:
        message = "a fact about the position must stand on the run's bars, not in a higher timeframe"
        low.fault("strategy.timeframe", message, tree.span)
        return None
    return low.number_node(Node(op="position", name=tree.output, text=low.text(tree.span)), kind)


def without_position(low: Lowering, values: Sequence[Value], span: Span, what: str) -> bool:
    """Whether no value depends on the position; adds a fault about ``what`` if one does."""
    if not any(value.node >= 0 and low.graph.reads_position(value.node) for value in values):
        return True
    message = f"{what} must be of the market, `{low.text(span)}` depends on the position"
    hint = "a fact about the position is known at this close only; compare it or do arithmetic with it"
    low.fault("strategy.position_fact", message, span, hint)
    return False
