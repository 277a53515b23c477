"""The syntax tree of an expression; every node knows which characters it spans."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple


class Span(NamedTuple):
    """Characters ``start`` to ``end`` of the expression's text; a tuple, for a text has thousands."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A literal, with its unit word (``""`` for none)."""

    span: Span
    value: Decimal
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A word: a price, a parameter, a series; ``unit`` follows parameters only."""

    span: Span
    name: str
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function or an indicator with its arguments."""

    span: Span
    name: str
    name_span: Span
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output of an indicator: ``macd(12, 26, 9).signal``; also ``position.side``."""

    span: Span
    operand: "Expression"
    output: str
    output_span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """A value some bars ago: ``close[1]``."""

    span: Span
    operand: "Expression"
    bars: "Expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class AtTimeframe:
    """A series of a higher timeframe: ``close@4h``."""

    span: Span
    operand: "Expression"
    timeframe: str
    timeframe_span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary:
    """``-x`` or ``not x``."""

    span: Span
    operator: str
    operand: "Expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """Arithmetic on two operands."""

    span: Span
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A chain such as ``20 < rsi(14) <= 80``: one operator fewer than operands."""

    span: Span
    operands: "tuple[Expression, ...]"
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logic:
    """``and`` or ``or`` over two or more operands."""

    span: Span
    operator: str
    operands: "tuple[Expression, ...]"


Expression = Number | Name | Call | Output | Lag | AtTimeframe | Unary | Binary | Comparison | Logic


def children(node: Expression) -> "tuple[Expression, ...]":
    """Return the operands of a node, left to right."""
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Comparison | Logic):
        return node.operands
    if isinstance(node, Binary):
        return (node.left, node.right)
    if isinstance(node, Lag):
        return (node.operand, node.bars)
    if isinstance(node, Output | AtTimeframe | Unary):
        return (node.operand,)
    return ()


def names_in(node: Expression) -> "tuple[Name, ...]":
    """Return every plain word of an expression, without recursion."""
    found: list[Name] = []
    waiting: list[Expression] = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, Name):
            found.append(current)
        waiting.extend(reversed(children(current)))
    return tuple(found)
