"""What somebody meant who writes expressions as other languages do: a hint for each habit.

Place: asked by `parser` where a token cannot stand, and by `lowering_calls` for functions of other names.
"""

from sptraderb.strategy.names import INDICATORS
from sptraderb.strategy.tokenizer import Token, TokenKind

_RESERVED = ("and", "or", "not")
_UNITS_HINT = "units are `%`, `pips`, `ticks`, `lots`, `units`, `bars`, `R`"
_LAG_HINT = "`close[1]` is the bar before; the future cannot be read"
_IF_HINT = "write the condition alone, such as `close > open`; a choice is `if_else(condition, a, b)`"
_FOREIGN = {
    "crossover": "crosses_above(a, b)",
    "cross_above": "crosses_above(a, b)",
    "crossed_above": "crosses_above(a, b)",
    "crossunder": "crosses_below(a, b)",
    "cross_below": "crosses_below(a, b)",
    "crossed_below": "crosses_below(a, b)",
    "cross": "crosses_above(a, b) or crosses_below(a, b)",
    "iff": "if_else(condition, a, b)",
    "where": "if_else(condition, a, b)",
    "barssince": "bars_since(condition)",
    "valuewhen": "previous_value(condition, x)",
    "nz": "if_else(condition, a, b)",
    "ref": "close[1]",
    "shift": "close[1]",
    "rolling_max": "highest(x, n)",
    "rolling_min": "lowest(x, n)",
    "maximum": "max(a, b)",
    "minimum": "min(a, b)",
    "std": "stdev(x, n)",
    "bollinger": "bbands(close, 20, 2).upper",
    "round": "round_to_tick(x)",
}


def foreign_call(name: str) -> str:
    """Return what the language calls a function of another one, as a hint; empty if it is unknown.

    Examples
    --------
    >>> foreign_call("crossover")
    'write `crosses_above(a, b)`'
    """
    known = _FOREIGN.get(name.lower())
    return f"write `{known}`" if known else ""


def habit_hint(tokens: list[Token], at: int) -> str:
    """Return what was meant where the token at ``at`` cannot stand; empty if nobody knows.

    Parameters
    ----------
    tokens : list of Token
        Of the whole expression, END last.
    at : int
        The token that cannot stand there.
    """
    token = tokens[at]
    before = tokens[at - 1] if at else None
    word = token.text.lower()
    if token.kind is TokenKind.END and _open_brackets(tokens) > 0:
        return "a bracket that was opened is not closed"
    if token.text == ")" and _open_brackets(tokens[:at]) <= 0:
        return "no bracket is open here"
    if token.kind is TokenKind.NAME and word in _RESERVED and token.text not in _RESERVED:
        return f"write `{word}`"
    if token.text == "%":
        return "write `mod(a, b)` for a remainder; `%` is a unit"
    if before is None:
        return ""
    if token.text == "(" and at > 1 and tokens[at - 2].text == ".":
        return _method_hint(before.text)
    if before.kind is TokenKind.NUMBER and token.text == ",":
        return "decimals follow a point, such as `2.5%`"
    if token.kind is TokenKind.NAME:
        return _word_hint(tokens, at)
    return ""


def _open_brackets(tokens: list[Token]) -> int:
    texts = [token.text for token in tokens]
    return texts.count("(") + texts.count("[") - texts.count(")") - texts.count("]")


def _method_hint(name: str) -> str:
    """Return what to write for ``something.name(``."""
    if name in ("shift", "ref"):
        return _LAG_HINT
    known = _FOREIGN.get(name.lower(), f"{name}(...)" if name in INDICATORS else "")
    return f"functions have no prefix: write `{known}`" if known else "functions have no prefix"


def _word_hint(tokens: list[Token], at: int) -> str:
    before = tokens[at - 1]
    words = [part.text.lower() for part in tokens[at : at + 2]]
    if words[0] in ("crosses", "crossed", "cross"):
        side = "below" if words[-1] in ("below", "under") else "above"
        return f"write `crosses_{side}(a, b)`"
    if before.text in ("if", "when") or words[0] in ("then", "else"):
        return _IF_HINT
    if before.kind is TokenKind.NUMBER:
        return _UNITS_HINT
    return ""
