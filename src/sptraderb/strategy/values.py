"""What an expression can be: kinds of values, typed nodes and constants with units."""

from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from enum import StrEnum

EXACT = Context(prec=40, Emax=300, Emin=-300, traps=[InvalidOperation, DivisionByZero, Overflow])
"""How constants are computed: decimal, 40 digits; a quotient or power may round at the 40th."""


class Kind(StrEnum):
    """What the values of an expression are.

    ``SCALED`` is a price times a number or a sum of prices: it may serve as price or as distance.
    """

    NUMBER = "number"
    PRICE = "price"
    DISTANCE = "distance"
    SCALED = "scaled"
    BOOLEAN = "boolean"


KIND_WORDS = {
    Kind.NUMBER: "a plain number",
    Kind.PRICE: "a price",
    Kind.DISTANCE: "a price distance",
    Kind.SCALED: "a price or distance",
    Kind.BOOLEAN: "a condition",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A typed expression: a node of the graph, or a constant that is no node yet.

    Parameters
    ----------
    kind : Kind
        What its values are.
    node : int
        Node of the graph, -1 for a constant.
    constant : Decimal or None
        The value, where it is known before the run.
    timeframe_s : int
        Timeframe its bars have, 0 = the run's.
    """

    kind: Kind
    node: int = -1
    constant: Decimal | None = None
    timeframe_s: int = 0


@dataclass(frozen=True, slots=True)
class Quantity:
    """A constant with its unit word, such as ``1.5 R``; ``""`` for a plain number."""

    value: Decimal
    unit: str = ""

    @property
    def text(self) -> str:
        """How a strategy writes it."""
        digits = f"{EXACT.normalize(self.value):f}" if self.value else "0"
        return digits + (self.unit if self.unit in ("", "%") else f" {self.unit}")


def sum_kind(left: Value, right: Value, *, minus: bool) -> Kind:
    """Return the kind of a sum or difference; a constant number takes the other's kind."""
    one, two = _adapted(left, right)
    if Kind.NUMBER in (one, two):
        return Kind.NUMBER
    if (one, two) == (Kind.PRICE, Kind.DISTANCE):
        return Kind.PRICE
    if (one, two) == (Kind.DISTANCE, Kind.PRICE):
        return Kind.SCALED if minus else Kind.PRICE
    if one is Kind.PRICE and two is Kind.PRICE:
        return Kind.DISTANCE if minus else Kind.SCALED
    return one if one is two else Kind.SCALED


def product_kind(left: Kind, right: Kind) -> Kind:
    """Return the kind of a product."""
    if left is Kind.NUMBER:
        left, right = right, left
    if right is not Kind.NUMBER:
        return Kind.NUMBER
    return Kind.SCALED if left is Kind.PRICE else left


def quotient_kind(left: Kind, right: Kind) -> Kind:
    """Return the kind of a quotient."""
    return product_kind(left, right) if right is Kind.NUMBER else Kind.NUMBER


def common_kind(values: list[Value]) -> Kind:
    """Return the kind that several alternatives share; constants take the others' kind."""
    kinds = {value.kind for value in values if not (value.kind is Kind.NUMBER and value.constant is not None)}
    if len(kinds) > 1:
        kinds.discard(Kind.SCALED)
    if not kinds:
        return Kind.NUMBER
    return kinds.pop() if len(kinds) == 1 else Kind.NUMBER


def _adapted(left: Value, right: Value) -> tuple[Kind, Kind]:
    """Read a constant number beside a price or distance as a distance."""
    one, two = left.kind, right.kind
    if one is Kind.NUMBER and left.constant is not None and two is not Kind.NUMBER:
        one = Kind.DISTANCE
    if two is Kind.NUMBER and right.constant is not None and one is not Kind.NUMBER:
        two = Kind.DISTANCE
    return one, two
