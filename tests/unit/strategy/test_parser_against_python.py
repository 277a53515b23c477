"""The grammar is Python's where the two meet: same acceptance, same tree, same constants."""

import ast
from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from sptraderb.strategy.parser import parse_expression
from sptraderb.strategy.quantities import quantity_of
from sptraderb.strategy.scope import Scope
from sptraderb.strategy.syntax_tree import (
    Binary,
    Call,
    Comparison,
    Expression,
    Lag,
    Logic,
    Name,
    Number,
    Output,
    Unary,
)
from sptraderb.strategy.tokenizer import ExpressionFault

_TOKENS = "a b 1 2.5 + - - * / ** < <= > >= == != and or not ( ( ) ) f( f( , [ ] [1] .x"
_SIGNS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.Lt: "<", ast.LtE: "<=",
    ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.And: "and", ast.Or: "or",
}  # fmt: skip


class _NotInLanguage(Exception):
    """Python has it, the language does not."""


def _python_tree(node: ast.expr) -> object:
    """Return Python's tree in the common form."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.UnaryOp):
        inner = _python_tree(node.operand)
        return (
            inner
            if isinstance(node.op, ast.UAdd)
            else ("not" if isinstance(node.op, ast.Not) else "neg", inner)
        )
    if isinstance(node, ast.BinOp):
        return (_SIGNS[type(node.op)], _python_tree(node.left), _python_tree(node.right))
    if isinstance(node, ast.BoolOp):
        return (_SIGNS[type(node.op)], *(_python_tree(value) for value in node.values))
    if isinstance(node, ast.Compare):
        operands = [_python_tree(value) for value in (node.left, *node.comparators)]
        return ("compare", tuple(_SIGNS[type(sign)] for sign in node.ops), *operands)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return ("call", node.func.id, *(_python_tree(value) for value in node.args))
    if isinstance(node, ast.Subscript):
        return ("lag", _python_tree(node.value), _python_tree(node.slice))
    if isinstance(node, ast.Attribute):
        return ("output", _python_tree(node.value), node.attr)
    raise _NotInLanguage


def _own_tree(node: Expression) -> object:
    """Return the language's tree in the common form."""
    if isinstance(node, Number):
        return f"{node.value:f}"
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Unary):
        return ("neg" if node.operator == "-" else "not", _own_tree(node.operand))
    if isinstance(node, Binary):
        return (node.operator, _own_tree(node.left), _own_tree(node.right))
    if isinstance(node, Logic):
        return (node.operator, *(_own_tree(operand) for operand in node.operands))
    if isinstance(node, Comparison):
        return ("compare", node.operators, *(_own_tree(operand) for operand in node.operands))
    if isinstance(node, Call):
        return ("call", node.name, *(_own_tree(argument) for argument in node.arguments))
    if isinstance(node, Lag):
        return ("lag", _own_tree(node.operand), _own_tree(node.bars))
    assert isinstance(node, Output)
    return ("output", _own_tree(node.operand), node.output)


def _parsed_by_python(text: str) -> object | None:
    try:
        return _python_tree(ast.parse(text, mode="eval").body)
    except (SyntaxError, _NotInLanguage):
        return None


def _parsed(text: str) -> object | None:
    try:
        return _own_tree(parse_expression(text))
    except ExpressionFault:
        return None


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(_TOKENS.split()), min_size=1, max_size=14).map(" ".join))
@example("- a ** - b ** 2.5")
@example("not a < b <= 1 and not b or a == 1")
@example("- f( a , b ) [1] * - a - b - 1")
@example("not not a")
def test_expression_when_python_can_read_it_then_the_trees_are_equal(text: str) -> None:
    """Precedence, association and chains are Python's; what Python refuses is refused."""
    assume(", )" not in text and "1 .x" not in text and "2.5 .x" not in text)
    assert _parsed(text) == _parsed_by_python(text)


_NUMBERS = st.integers(0, 999).map(str)
_SUMS = st.recursive(
    _NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("-{}".format),
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(_SUMS)
def test_constant_when_computed_then_it_is_pythons_exactly(text: str) -> None:
    """Constants are computed exactly."""
    value = quantity_of(parse_expression(text), Scope.empty()).value
    assert Fraction(value) == Fraction(eval(text))
    assert isinstance(value, Decimal)
