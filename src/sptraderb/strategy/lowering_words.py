"""Lowering of switches and words: known before the run, so that what they rule out is never computed."""

from collections.abc import Sequence
from decimal import Decimal

from sptraderb.strategy.lowering import Lowering
from sptraderb.strategy.names import did_you_mean
from sptraderb.strategy.syntax_tree import Comparison, Expression, Name, Span
from sptraderb.strategy.values import Kind, Value
from sptraderb.strategy.word_parameter import SWITCH


def truth(value: bool) -> Value:
    """Return a condition that is known before the run."""
    return Value(kind=Kind.BOOLEAN, constant=Decimal(int(value)))


def lower_word(low: Lowering, tree: Name) -> Value | None:
    """Return a switch's condition; any other word must be compared."""
    word, choices = low.scope.words[tree.name]
    if tree.unit:
        low.fault(
            "strategy.unit_not_allowed", f"a unit must follow a number, `{tree.name}` is a word", tree.span
        )
        return None
    if choices == SWITCH:
        return truth(word == "true")
    if not choices:
        return None
    message = f"a word must be compared with one of its choices, was `{tree.name}` alone"
    low.fault("strategy.wrong_type", message, tree.span, f"write `{tree.name} == {choices[0]}`")
    return None


def compares_words(low: Lowering, tree: Comparison) -> bool:
    """Whether a comparison is about a parameter that is a word."""
    return any(_is_word(low, operand) for operand in tree.operands)


def lower_word_comparison(low: Lowering, tree: Comparison) -> Value | None:
    """Return whether two words are the same, which is known before the run."""
    if len(tree.operands) > 2 or tree.operators[0] not in ("==", "!="):
        message = "words must be compared by `==` or `!=`, two at a time"
        low.fault("strategy.wrong_type", message, tree.span, "join conditions by `and`, `or`, `not`")
        return None
    left, right = tree.operands
    if not _is_word(low, left):
        left, right = right, left
    if not isinstance(left, Name) or not isinstance(right, Name):
        word = left.name if isinstance(left, Name) else ""
        message = f"`{word}` must be compared with one of its choices, was `{low.text(right.span)}`"
        low.fault("strategy.wrong_type", message, right.span, _choices_hint(low, word))
        return None
    word, choices = low.scope.words[left.name]
    if not choices:
        return None
    other = low.scope.words[right.name][0] if _is_word(low, right) else right.name
    if not _is_word(low, right) and other not in choices:
        message = f"`{left.name}` must be compared with one of its choices, was `{other[:60]}`"
        hint = did_you_mean(other, choices) or _choices_hint(low, left.name)
        low.fault("strategy.value", message, right.span, hint)
        return None
    return truth((word == other) == (tree.operators[0] == "=="))


def joined(low: Lowering, operator: str, operands: Sequence[Value], *, span: Span) -> Value:
    """Return conditions joined by and or or, without those that are known before the run."""
    decides = operator == "or"
    if any(operand.constant == int(decides) for operand in operands):
        return truth(decides)
    unknown = [operand for operand in operands if operand.constant is None]
    if not unknown:
        return truth(not decides)
    return unknown[0] if len(unknown) == 1 else low.condition_node(operator, unknown, span)


def _is_word(low: Lowering, tree: Expression) -> bool:
    return isinstance(tree, Name) and tree.name in low.scope.words and low.scope.words[tree.name][1] != SWITCH


def _choices_hint(low: Lowering, name: str) -> str:
    return "choices are " + ", ".join(f"`{word}`" for word in low.scope.words[name][1])
