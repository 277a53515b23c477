"""Constants with units: literals, parameters and arithmetic on them, computed exactly before the run."""

from decimal import Decimal, DecimalException

from sptraderb.strategy.scope import Scope
from sptraderb.strategy.syntax_tree import Binary, Expression, Name, Number, Span, Unary, children
from sptraderb.strategy.tokenizer import ExpressionFault
from sptraderb.strategy.values import EXACT, Quantity


def is_constant(tree: Expression, scope: Scope) -> bool:
    """Whether an expression holds nothing but literals, parameters and arithmetic."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Name) and node.name not in scope.parameters:
            return False
        if not isinstance(node, Name | Number | Binary | Unary) or getattr(node, "operator", "") == "not":
            return False
        waiting.extend(children(node))
    return True


def quantity_of(tree: Expression, scope: Scope) -> Quantity:
    """Return the value of a constant expression.

    Raises
    ------
    ExpressionFault
        ``strategy.units_differ``, ``strategy.unit_twice``, ``strategy.number_undefined``.
    """
    if isinstance(tree, Number):
        return Quantity(tree.value, tree.unit)
    if isinstance(tree, Name):
        return _parameter(tree, scope)
    if isinstance(tree, Unary):
        inner = quantity_of(tree.operand, scope)
        return Quantity(EXACT.minus(inner.value), inner.unit)
    if isinstance(tree, Binary):
        return combined(
            tree.operator, quantity_of(tree.left, scope), quantity_of(tree.right, scope), span=tree.span
        )
    raise ExpressionFault("strategy.not_constant", "a constant must stand here", tree.span)


def _parameter(tree: Name, scope: Scope) -> Quantity:
    quantity = scope.parameters[tree.name]
    if not tree.unit:
        return quantity
    if quantity.unit:
        message = f"a unit must stand once, `{tree.name}` is {quantity.text} already"
        raise ExpressionFault("strategy.unit_twice", message, tree.span)
    return Quantity(quantity.value, tree.unit)


def combined(operator: str, left: Quantity, right: Quantity, *, span: Span) -> Quantity:
    """Return ``left operator right``; sums need the same unit, products at most one.

    Raises
    ------
    ExpressionFault
        ``strategy.units_differ``, ``strategy.number_undefined``.
    """
    unit = _unit_of(operator, left.unit, right.unit)
    if unit is None:
        message = f"`{operator}` must have fitting units, were {left.text} and {right.text}"
        raise ExpressionFault("strategy.units_differ", message, span)
    try:
        return Quantity(_computed(operator, left.value, right.value), unit)
    except DecimalException:
        message = f"a constant must be a number, {left.text} {operator} {right.text} is none"
        raise ExpressionFault("strategy.number_undefined", message, span) from None


def _unit_of(operator: str, left: str, right: str) -> str | None:
    if operator in "+-":
        return left if left == right else None
    if operator == "*" and not (left and right):
        return left or right
    if operator == "/" and (not right or left == right):
        return "" if left == right else left
    return "" if operator == "**" and not (left or right) else None


def _computed(operator: str, left: Decimal, right: Decimal) -> Decimal:
    if operator == "+":
        return EXACT.add(left, right)
    if operator == "-":
        return EXACT.subtract(left, right)
    if operator == "*":
        return EXACT.multiply(left, right)
    return EXACT.divide(left, right) if operator == "/" else EXACT.power(left, right)
