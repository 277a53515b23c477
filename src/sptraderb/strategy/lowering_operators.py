"""Lowering of literals, operators, comparisons and lags."""

from decimal import Decimal

from sptraderb.domain.plan import Node
from sptraderb.strategy.graph import Growth
from sptraderb.strategy.lowering import Lowering, common_timeframe, constant_lag
from sptraderb.strategy.lowering_position import without_position
from sptraderb.strategy.lowering_words import compares_words, joined, lower_word_comparison, truth
from sptraderb.strategy.quantities import combined
from sptraderb.strategy.syntax_tree import Binary, Comparison, Lag, Logic, Number, Span, Unary
from sptraderb.strategy.tokenizer import ExpressionFault
from sptraderb.strategy.values import EXACT, Kind, Quantity, Value, product_kind, quotient_kind, sum_kind

_ARITHMETIC_OPS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}
_COMPARISON_OPS = {
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
    "==": "equal",
    "!=": "not_equal",
}


def lower_number(low: Lowering, tree: Number, _timeframe_s: int) -> Value | None:
    """Return a literal."""
    return low.constant(Quantity(tree.value, tree.unit), tree.span)


def lower_lag(low: Lowering, tree: Lag, timeframe_s: int) -> Value | None:
    """Return a value some bars ago."""
    inner = low.lower(tree.operand, timeframe_s)
    bars = constant_lag(low, tree.bars, lowest=0)
    if inner is None or bars is None or not without_position(low, [inner], tree.span, "a lag"):
        return None
    return lagged(low, inner, bars, text=low.text(tree.span))


def lagged(low: Lowering, inner: Value, bars: int, *, text: str) -> Value:
    """Return a value ``bars`` bars ago."""
    if inner.constant is not None or bars == 0:
        return inner
    node = Node(
        op="lag",
        args=(inner.node,),
        params=(float(bars),),
        timeframe_s=inner.timeframe_s,
        boolean=inner.kind is Kind.BOOLEAN,
        text=text,
    )
    index = low.graph.add(node, Growth(first_value=bars))
    return Value(kind=inner.kind, node=index, timeframe_s=inner.timeframe_s)


def lower_unary(low: Lowering, tree: Unary, timeframe_s: int) -> Value | None:
    """Return a negation."""
    if tree.operator == "not":
        inner = low.condition(tree.operand, timeframe_s)
        if inner is not None and inner.constant is not None:
            return truth(not inner.constant)
        return None if inner is None else low.condition_node("not", [inner], tree.span)
    inner = low.number(tree.operand, timeframe_s)
    if inner is None:
        return None
    if inner.constant is not None:
        return Value(kind=inner.kind, constant=EXACT.minus(inner.constant))
    node = Node(op="neg", args=(inner.node,), timeframe_s=inner.timeframe_s, text=low.text(tree.span))
    return low.number_node(node, Kind.SCALED if inner.kind is Kind.PRICE else inner.kind)


def lower_binary(low: Lowering, tree: Binary, timeframe_s: int) -> Value | None:
    """Return arithmetic; constants are computed at once."""
    left = low.number(tree.left, timeframe_s)
    right = low.number(tree.right, timeframe_s)
    if left is None or right is None:
        return None
    kind = _arithmetic_kind(tree.operator, left, right)
    if left.constant is not None and right.constant is not None:
        return _folded(low, tree, (left.constant, right.constant), kind)
    if tree.operator == "**" and not without_position(low, [left, right], tree.span, "`**`"):
        return None
    node = Node(
        op=_ARITHMETIC_OPS[tree.operator],
        args=(low.node(left), low.node(right)),
        timeframe_s=common_timeframe([left, right]),
        text=low.text(tree.span),
    )
    return low.number_node(node, kind)


def _arithmetic_kind(operator: str, left: Value, right: Value) -> Kind:
    if operator in "+-":
        return sum_kind(left, right, minus=operator == "-")
    if operator == "*":
        return product_kind(left.kind, right.kind)
    return quotient_kind(left.kind, right.kind) if operator == "/" else Kind.NUMBER


def _folded(low: Lowering, tree: Binary, operands: tuple[Decimal, Decimal], kind: Kind) -> Value | None:
    left, right = Quantity(operands[0]), Quantity(operands[1])
    try:
        return Value(kind=kind, constant=combined(tree.operator, left, right, span=tree.span).value)
    except ExpressionFault as fault:
        low.fault(fault.code, fault.message, fault.span)
        return None


def lower_comparison(low: Lowering, tree: Comparison, timeframe_s: int) -> Value | None:
    """Return a comparison; a chain is joined by and."""
    if compares_words(low, tree):
        return lower_word_comparison(low, tree)
    operands = [low.lower(operand, timeframe_s) for operand in tree.operands]
    links: list[Value | None] = []
    for at, operator in enumerate(tree.operators):
        left, right = operands[at], operands[at + 1]
        span = Span(tree.operands[at].span.start, tree.operands[at + 1].span.end)
        if left is None or right is None or not _check_comparable(low, tree, at, (left, right)):
            links.append(None)
        elif left.kind is Kind.BOOLEAN and left.constant is not None and right.constant is not None:
            links.append(truth((left.constant == right.constant) == (operator == "==")))
        else:
            links.append(low.condition_node(_COMPARISON_OPS[operator], [left, right], span))
    known = [link for link in links if link is not None]
    if len(known) < len(links):
        return None
    return known[0] if len(known) == 1 else joined(low, "and", known, span=tree.span)


def _check_comparable(low: Lowering, tree: Comparison, at: int, pair: tuple[Value, Value]) -> bool:
    conditions = [value.kind is Kind.BOOLEAN for value in pair]
    if not any(conditions) or (all(conditions) and tree.operators[at] in ("==", "!=")):
        return True
    wrong = tree.operands[at + conditions.index(True)]
    message = f"a comparison must be of numbers, `{low.text(wrong.span)}` is a condition"
    low.fault("strategy.wrong_type", message, wrong.span, "join conditions by `and`, `or`, `not`")
    return False


def lower_logic(low: Lowering, tree: Logic, timeframe_s: int) -> Value | None:
    """Return conditions joined by and or or."""
    operands = [low.condition(operand, timeframe_s) for operand in tree.operands]
    known = [operand for operand in operands if operand is not None]
    if len(known) < len(operands):
        return None
    return joined(low, tree.operator, known, span=tree.span)
