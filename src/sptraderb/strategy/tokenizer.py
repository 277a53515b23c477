"""Expression text to tokens; knows characters, not grammar."""

import re
from enum import StrEnum
from typing import NamedTuple

from sptraderb.strategy.syntax_tree import Span

MAX_LENGTH = 2_000


class TokenKind(StrEnum):
    """What a token is."""

    NUMBER = "number"
    NAME = "name"
    TIMEFRAME = "timeframe"
    OPERATOR = "operator"
    END = "end"


class Token(NamedTuple):
    """One token with the characters it spans; ``word`` is the text of an operator or name, else empty."""

    kind: TokenKind
    text: str
    span: Span
    word: str = ""


class ExpressionFault(Exception):
    """An expression cannot be read; carries what a fault needs."""

    def __init__(self, code: str, message: str, span: Span, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.span = span
        self.hint = hint


_TOKEN = re.compile(
    r"\s*(?:(?P<timeframe>@\s*[0-9A-Za-z]+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>\*\*|<=|>=|==|!=|[-+*/<>()\[\],.%]))"
)
_KINDS = {kind.value: kind for kind in TokenKind}
_HINTS = {
    "=": "write `==` to compare",
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`",
    "^": "write `**` for a power",
    "?": "write `if_else(condition, a, b)`",
    "@": "write a timeframe after `@`, such as `close@4h`",
    '"': "an expression holds no text",
    "'": "an expression holds no text",
    ":": "a price level is written `{price: ...}`",
    "\u2264": "write `<=`",
    "\u2265": "write `>=`",
    "\u2260": "write `!=`",
    "\u2212": "write `-`",
    "\u2013": "write `-`",
    "\u00d7": "write `*`",
    "\u00f7": "write `/`",
    **dict.fromkeys("\u201c\u201d\u2018\u2019", "an expression needs no quotes inside"),
    **dict.fromkeys("$\u20ac\u00a3", "an amount of money is `size: {notional: 500}`"),
}
_ARGUMENT_NAME = re.compile(r"[(,]\s*[A-Za-z_][A-Za-z0-9_]*\s*$")


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of an expression, an END token last.

    Raises
    ------
    ExpressionFault
        ``strategy.expression_syntax``, ``strategy.expression_too_long``.
    """
    if len(text) > MAX_LENGTH:
        message = f"an expression must have at most {MAX_LENGTH} characters, had {len(text)}"
        hint = "name parts of it in `indicators`"
        raise ExpressionFault("strategy.expression_too_long", message, Span(0, 1), hint)
    found: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _unreadable(text, _after_space(text, position))
        group = match.lastgroup
        kind, word, span = _KINDS[group], match[group], Span(*match.span(group))
        if kind is TokenKind.TIMEFRAME:
            found.append(Token(kind, word[1:].strip(), span))
        else:
            found.append(Token(kind, word, span, "" if kind is TokenKind.NUMBER else word))
        position = match.end()
    found.append(Token(TokenKind.END, "", Span(len(text), len(text) + 1)))
    return found


def _after_space(text: str, position: int) -> int:
    return len(text) - len(text[position:].lstrip())


def _unreadable(text: str, position: int) -> ExpressionFault:
    character = text[position]
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    return ExpressionFault(
        "strategy.expression_syntax",
        f"an expression must hold numbers, names and operators, was `{shown}`",
        Span(position, position + 1),
        _hint(text, position),
    )


def _hint(text: str, position: int) -> str:
    """Return what to write for a character, with a look at what stands before it."""
    if text[position] == "=" and _ARGUMENT_NAME.search(text, 0, position):
        return "arguments have no names: write `rsi(close, 14)`; `==` compares"
    return _HINTS.get(text[position], "")
