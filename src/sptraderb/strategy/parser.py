"""Tokens to a syntax tree, by precedence climbing; each method's docstring is its grammar rule.

Precedence as in Python, lowest first: ``or``, ``and``, ``not``, comparisons (chained), ``+ -``,
``* /``, unary ``-``, ``**`` (right to left), then ``[n]``, ``@timeframe`` and ``.output``.
"""

import re
from decimal import Decimal

from sptraderb.strategy.expression_hints import habit_hint
from sptraderb.strategy.syntax_tree import (
    AtTimeframe,
    Binary,
    Call,
    Comparison,
    Expression,
    Lag,
    Logic,
    Name,
    Number,
    Output,
    Span,
    Unary,
    children,
)
from sptraderb.strategy.tokenizer import ExpressionFault, Token, TokenKind, tokens_of

MAX_DEPTH = 48
MAX_NUMBER_LENGTH = 40
MAX_EXPONENT = 30
UNIT_WORDS = ("%", "pips", "ticks", "lots", "units", "bars", "R")
_UNIT_SPELLINGS = {"pip": "pips", "tick": "ticks", "lot": "lots", "unit": "units", "bar": "bars", "r": "R"}
_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _UNARY, _POWER = range(1, 9)
_BINARY = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), _COMPARE),
    "+": _SUM,
    "-": _SUM,
    "*": _PRODUCT,
    "/": _PRODUCT,
    "**": _POWER,
}
_PLAIN = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?([A-Za-z]{0,5}|%)")
_RESERVED = ("and", "or", "not")


def parse_expression(text: str) -> Expression:
    """Return the syntax tree of an expression.

    Raises
    ------
    ExpressionFault
        ``strategy.expression_syntax``, ``strategy.expression_too_long``,
        ``strategy.expression_too_deep``.

    Examples
    --------
    >>> parse_expression("close > 2 * open").operators
    ('>',)
    """
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        unit = _UNIT_SPELLINGS.get(plain[2], plain[2])
        if not unit or unit in UNIT_WORDS:
            return Number(span=Span(0, len(text)), value=Decimal(plain[1]), unit=unit)
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = tokens_of(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        """Parse `whole := expression END`."""
        tree = self._expression(_OR)
        if self._next.kind is not TokenKind.END:
            raise self._unexpected("an operator or the end")
        if _height_exceeds(tree, MAX_DEPTH):
            raise _too_deep(tree.span)
        return tree

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is(self, text: str) -> bool:
        return self._tokens[self._at].word == text

    def _expect(self, text: str) -> Token:
        if not self._is(text):
            raise self._unexpected(f"`{text}`")
        return self._take()

    def _unexpected(self, wanted: str) -> ExpressionFault:
        token = self._next
        found = "the end" if token.kind is TokenKind.END else f"`{token.text}`"
        message = f"{wanted} must stand here, was {found}"
        hint = habit_hint(self._tokens, self._at)
        return ExpressionFault("strategy.expression_syntax", message, token.span, hint)

    def _expression(self, lowest: int) -> Expression:
        """Parse `expression := operand (OPERATOR expression)*, operators of precedence >= lowest`."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep(self._next.span)
        left = self._prefixed(lowest)
        while True:
            operator = self._next.word
            precedence = _BINARY.get(operator, 0)
            if precedence < lowest or not precedence:
                break
            if precedence == _COMPARE:
                left = self._comparison(left)
            elif precedence in (_OR, _AND):
                left = self._logic(left, operator, precedence)
            else:
                self._take()
                right = self._expression(_UNARY if precedence == _POWER else precedence + 1)
                span = Span(left.span.start, right.span.end)
                left = Binary(span=span, operator=operator, left=left, right=right)
        self._depth -= 1
        return left

    def _comparison(self, first: Expression) -> Expression:
        """Parse `comparison := sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)+`."""
        operands, operators = [first], []
        while self._next.kind is TokenKind.OPERATOR and _BINARY.get(self._next.text) == _COMPARE:
            operators.append(self._take().text)
            operands.append(self._expression(_SUM))
        span = Span(first.span.start, operands[-1].span.end)
        return Comparison(span=span, operands=tuple(operands), operators=tuple(operators))

    def _logic(self, first: Expression, operator: str, precedence: int) -> Expression:
        """Parse `logic := operand ("and" operand)+ | operand ("or" operand)+`."""
        operands = [first]
        while self._is(operator):
            self._take()
            operands.append(self._expression(precedence + 1))
        span = Span(first.span.start, operands[-1].span.end)
        return Logic(span=span, operator=operator, operands=tuple(operands))

    def _prefixed(self, lowest: int) -> Expression:
        """Parse `operand := "not" expression | ("-" | "+") expression | postfix`."""
        if self._is("not") and lowest <= _NOT:
            start = self._take().span.start
            operand = self._expression(_NOT)
            return Unary(span=Span(start, operand.span.end), operator="not", operand=operand)
        if self._next.word in ("-", "+"):
            token = self._take()
            operand = self._expression(_UNARY)
            if token.text == "+":
                return operand
            return Unary(span=Span(token.span.start, operand.span.end), operator="-", operand=operand)
        return self._postfix()

    def _postfix(self) -> Expression:
        """Parse `postfix := atom ("[" expression "]" | "@" TIMEFRAME | "." NAME)*`."""
        tree = self._atom()
        while True:
            start = tree.span.start
            if self._next.kind is TokenKind.TIMEFRAME:
                token = self._take()
                span = Span(start, token.span.end)
                tree = AtTimeframe(span=span, operand=tree, timeframe=token.text, timeframe_span=token.span)
            elif self._is("["):
                self._take()
                bars = self._expression(_OR)
                end = self._expect("]").span.end
                tree = Lag(span=Span(start, end), operand=tree, bars=bars)
            elif self._is("."):
                self._take()
                if self._next.kind is not TokenKind.NAME:
                    raise self._unexpected("the name of an output")
                token = self._take()
                span = Span(start, token.span.end)
                tree = Output(span=span, operand=tree, output=token.text, output_span=token.span)
            else:
                return tree

    def _atom(self) -> Expression:
        """Parse `atom := NUMBER [UNIT] | NAME [UNIT] | NAME "(" arguments ")" | "(" expression ")"`."""
        token = self._next
        if token.kind is TokenKind.NUMBER:
            return self._number()
        if token.kind is TokenKind.NAME and token.text not in _RESERVED:
            self._take()
            if self._is("("):
                return self._call(token)
            unit, end = self._unit(token.span.end)
            return Name(span=Span(token.span.start, end), name=token.text, unit=unit)
        if self._is("("):
            self._take()
            inner = self._expression(_OR)
            self._expect(")")
            return inner
        raise self._unexpected("a value")

    def _number(self) -> Expression:
        """Parse `number := DIGITS [UNIT]`."""
        token = self._take()
        value = Decimal(token.text) if len(token.text) <= MAX_NUMBER_LENGTH else Decimal("Infinity")
        if not value.is_finite() or (value and abs(value.adjusted()) > MAX_EXPONENT):
            limit = f"{MAX_NUMBER_LENGTH} characters and an exponent up to {MAX_EXPONENT}"
            message = f"a number must have at most {limit}"
            raise ExpressionFault("strategy.expression_syntax", message, token.span)
        unit, end = self._unit(token.span.end)
        return Number(span=Span(token.span.start, end), value=value, unit=unit)

    def _unit(self, end: int) -> tuple[str, int]:
        """Parse `unit := ["%" | "pips" | "ticks" | "lots" | "units" | "bars" | "R"]`."""
        word = self._next.word
        unit = _UNIT_SPELLINGS.get(word, word)
        if unit not in UNIT_WORDS or (unit == "%" and self._value_follows()):
            return "", end
        return unit, self._take().span.end

    def _value_follows(self) -> bool:
        """Whether a value stands after the next token, which makes `%` no unit but a mistaken remainder."""
        token = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        after_name = self._tokens[self._at - 1].kind is TokenKind.NAME
        is_word = token.kind is TokenKind.NAME and token.text not in _RESERVED
        return (after_name and is_word) or token.kind is TokenKind.NUMBER or token.text == "("

    def _call(self, name: Token) -> Expression:
        """Parse `arguments := [expression ("," expression)*]`."""
        self._take()
        arguments: list[Expression] = []
        while not self._is(")"):
            if arguments and not self._is(","):
                raise self._unexpected("`,` or `)`")
            if arguments:
                self._take()
            arguments.append(self._expression(_OR))
        end = self._take().span.end
        span = Span(name.span.start, end)
        return Call(span=span, name=name.text, name_span=name.span, arguments=tuple(arguments))


def _too_deep(span: Span) -> ExpressionFault:
    return ExpressionFault(
        "strategy.expression_too_deep",
        f"an expression must nest at most {MAX_DEPTH} deep",
        span,
        "name parts of it in `indicators`",
    )


def _height_exceeds(tree: Expression, limit: int) -> bool:
    """Whether the tree is higher than ``limit``; level by level, without recursion."""
    level: list[Expression] = [tree]
    for _ in range(limit):
        level = [child for node in level for child in children(node)]
        if not level:
            return False
    return True
