"""Syntax trees to typed nodes of the graph: what all rules share; `lowering_*` hold the rules.

A part with a fault gives None after the fault is noted, and everything above it gives None silently, so
that one mistake is told once and several mistakes are told together.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sptraderb.domain.plan import Node
from sptraderb.strategy.document_nodes import Place, TextNode
from sptraderb.strategy.fault_list import FaultList
from sptraderb.strategy.graph import Growth, NodeGraph
from sptraderb.strategy.parser import parse_expression
from sptraderb.strategy.scope import Scope
from sptraderb.strategy.syntax_tree import Expression, Span
from sptraderb.strategy.tokenizer import ExpressionFault
from sptraderb.strategy.values import EXACT, KIND_WORDS, Kind, Quantity, Value

MAX_LAG = 10_000


class Lowering:
    """Compiles expressions of one strategy into one graph.

    Parameters
    ----------
    graph : NodeGraph
        Takes the nodes.
    scope : Scope
        What names mean.
    faults : FaultList
        Takes the faults.
    rules : mapping of type to callable
        How each kind of syntax tree becomes a value.
    """

    def __init__(self, graph: NodeGraph, scope: Scope, *, faults: FaultList, rules: "Rules") -> None:
        self.graph = graph
        self.scope = scope
        self._faults = faults
        self._source = TextNode("", Place(1, 1))
        self._path = ""
        self._rules = rules
        self.lifted: dict[tuple[str, int], Value | None] = {}

    def parse(self, source: TextNode, path: str) -> Expression | None:
        """Return the syntax tree of a scalar, or None after adding a fault."""
        self._source, self._path = source, path
        try:
            return parse_expression(source.text)
        except ExpressionFault as fault:
            self._add(fault)
            return None

    def value(self, tree: Expression, source: TextNode, path: str) -> Value | None:
        """Return the typed value of a syntax tree, or None after adding faults."""
        self._source, self._path = source, path
        return self.lower(tree, 0)

    def required_condition(self, tree: Expression, source: TextNode, path: str) -> Value | None:
        """Return the condition of a syntax tree, or None after adding faults."""
        self._source, self._path = source, path
        return self.condition(tree, 0)

    def elsewhere(self, tree: Expression, source: TextNode, path: str, *, timeframe_s: int) -> Value | None:
        """Return the value of another scalar's tree in a timeframe, then go on with the one at hand."""
        kept = self._source, self._path
        self._source, self._path = source, path
        value = self.lower(tree, timeframe_s)
        self._source, self._path = kept
        return value

    def node(self, value: Value) -> int:
        """Return the graph's node of a value; a constant becomes one here."""
        if value.node >= 0:
            return value.node
        number = Decimal(0) if value.constant is None else value.constant
        if value.kind is Kind.BOOLEAN:
            text = "true" if number else "false"
            return self.graph.add(Node(op="constant", params=(float(number),), boolean=True, text=text))
        return self.graph.add(Node(op="constant", params=(float(number),), text=f"{number:f}"))

    def fault(self, code: str, message: str, span: Span, hint: str = "") -> None:
        """Add a fault about characters of the expression at hand; gives None to return."""
        place = self._faults.place_in(self._source, span.start, span.end)
        self._faults.add(code, message, at=place, path=self._path, hint=hint)

    def text(self, span: Span) -> str:
        """Return how the source spells a part of the expression at hand."""
        return " ".join(self._source.text[span.start : span.end].split())

    def lower(self, tree: Expression, timeframe_s: int) -> Value | None:
        """Return the value of a tree whose prices are of ``timeframe_s`` (0 = the run's)."""
        if self._faults.full:
            return None
        return self._rules[type(tree)](self, tree, timeframe_s)

    def number(self, tree: Expression, timeframe_s: int) -> Value | None:
        """Return a number's value; a condition is a fault."""
        value = self.lower(tree, timeframe_s)
        if value is not None and value.kind is Kind.BOOLEAN:
            message = f"a number must stand here, `{self.text(tree.span)}` is a condition"
            hint = "write `if_else(condition, 1, 0)` for a number"
            self.fault("strategy.wrong_type", message, tree.span, hint)
            return None
        return value

    def condition(self, tree: Expression, timeframe_s: int) -> Value | None:
        """Return a condition's value; a number is a fault."""
        value = self.lower(tree, timeframe_s)
        if value is not None and value.kind is not Kind.BOOLEAN:
            message = f"a condition must stand here, `{self.text(tree.span)}` is {KIND_WORDS[value.kind]}"
            hint = "compare it, such as `x > 0`"
            self.fault("strategy.wrong_type", message, tree.span, hint)
            return None
        return value

    def condition_node(self, op: str, arguments: Sequence[Value], span: Span, *, lag: int = 0) -> Value:
        """Return a condition on the run's bars."""
        args = tuple(self.node(argument) for argument in arguments)
        node = Node(op=op, args=args, boolean=True, text=self.text(span))
        return Value(kind=Kind.BOOLEAN, node=self.graph.add(node, Growth(first_value=lag)))

    def number_node(self, node: Node, kind: Kind, grows: Growth | None = None) -> Value:
        """Return a number of the graph."""
        index = self.graph.add(node, grows or Growth())
        return Value(kind=kind, node=index, timeframe_s=node.timeframe_s)

    def constant(self, quantity: Quantity, span: Span) -> Value | None:
        """Return a constant's value; units other than pips and ticks are a fault."""
        if quantity.unit in ("pips", "ticks"):
            return Value(kind=Kind.DISTANCE, constant=self.scope.distance(quantity))
        if quantity.unit in ("", "bars"):
            return Value(kind=Kind.NUMBER, constant=quantity.value)
        message = f"only pips and ticks may stand inside an expression, was {quantity.text}"
        self.fault("strategy.unit_not_allowed", message, span, _without_unit(quantity))
        return None

    def price(self, name: str, timeframe_s: int) -> Value:
        """Return a price series."""
        kind = Kind.NUMBER if name == "volume" else Kind.PRICE
        return self.number_node(Node(op="price", name=name, timeframe_s=timeframe_s, text=name), kind)

    def _add(self, fault: ExpressionFault) -> None:
        self.fault(fault.code, fault.message, fault.span, fault.hint)


def _without_unit(quantity: Quantity) -> str:
    number = Quantity(quantity.value, "").text
    if quantity.unit != "%":
        return ""
    share = Quantity(EXACT.scaleb(quantity.value, -2), "").text
    return f"write `{number}` for the number, `{share} * x` for a share of x"


def common_timeframe(values: Sequence[Value]) -> int:
    """Return the timeframe that all series share, 0 (join on the run's bars) if they do not."""
    found = {value.timeframe_s for value in values if value.constant is None}
    return found.pop() if len(found) == 1 else 0


def constant_lag(low: Lowering, tree: Expression, *, lowest: int) -> int | None:
    """Return a whole number of bars known before the run, or None after adding a fault."""
    value = low.number(tree, 0)
    if value is None:
        return None
    bars = value.constant
    if bars is None or bars != bars.to_integral_value() or not lowest <= bars <= MAX_LAG:
        found = low.text(tree.span)
        message = f"a constant whole number from {lowest} to {MAX_LAG} must stand here, was `{found}`"
        hint = "a negative lag would look into the future" if bars is not None and bars < 0 else ""
        low.fault("strategy.lag", message, tree.span, hint)
        return None
    return int(bars)


Rules = Mapping[type, Callable[[Lowering, Any, int], Value | None]]
