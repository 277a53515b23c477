"""Parameters that are a word: switches (`true`, `false`) and choices among a few words."""

from dataclasses import dataclass

from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, SequenceNode, TextNode, shortened
from sptraderb.strategy.names import MAX_NAME_LENGTH, NAME, did_you_mean

SWITCH = ("false", "true")
"""The words of a switch."""
MAX_CHOICES = 50
_OPERATORS = ("and", "or", "not")
_NUMBERS_ONLY = ("range", "step")


@dataclass(frozen=True, slots=True)
class WordParameter:
    """A parameter that is one of a few words.

    Parameters
    ----------
    default : str
        The word unless overridden.
    choices : tuple of str
        What it may be; none for one with a fault, of which nothing more is said.
    """

    default: str
    choices: tuple[str, ...] = SWITCH

    @property
    def choices_text(self) -> str:
        """The choices in words."""
        return " or ".join(f"`{word}`" for word in sorted(self.choices, key=_switch_last))


def _switch_last(word: str) -> int:
    return 1 if word == "false" else 0


def is_word_block(block: dict[str, DocumentNode]) -> bool:
    """Whether a parameter's mapping describes a word."""
    default = block.get("default")
    return "choices" in block or (isinstance(default, TextNode) and default.text in SWITCH)


BROKEN = WordParameter("", ())


def read_word(reader: BlockReader, block: dict[str, DocumentNode], path: str) -> WordParameter:
    """Return the parameter a mapping describes, `BROKEN` after a fault."""
    default = reader.text(block.get("default"), f"{path}.default")
    misplaced = [key for key in _NUMBERS_ONLY if key in block]
    for key in misplaced:
        message = f"`{path}.{key}` must go with a number, the parameter is a word"
        reader.fault("strategy.without_effect", message, block[key], path=f"{path}.{key}")
    choices = SWITCH if "choices" not in block else _choices(reader, block["choices"], f"{path}.choices")
    if default is None or not choices:
        return BROKEN
    found = WordParameter(default.text, choices)
    if default.text not in choices:
        shown = shortened(default.text)
        message = f"`{path}.default` must be {found.choices_text}, was `{shown}`"
        hint = did_you_mean(default.text, choices)
        reader.fault("strategy.value", message, default, path=f"{path}.default", hint=hint)
        return BROKEN
    return BROKEN if misplaced else found


def word_without_choices(reader: BlockReader, node: DocumentNode | None, path: str) -> bool:
    """Whether a default is a bare word; adds the fault that says what to write."""
    if not isinstance(node, TextNode) or not NAME.fullmatch(node.text):
        return False
    message = f"`{path}` must be a number, `true` or `false`, or have `choices`, was `{shortened(node.text)}`"
    hint = f"write `{{default: {shortened(node.text)}, choices: [{shortened(node.text)}, ...]}}`"
    reader.fault("strategy.value", message, node, path=path, hint=hint)
    return True


def _choices(reader: BlockReader, node: DocumentNode, path: str) -> tuple[str, ...]:
    items = node.items if isinstance(node, SequenceNode) else ()
    if not 2 <= len(items) <= MAX_CHOICES:
        message = f"`{path}` must be a list of 2 to {MAX_CHOICES} words"
        reader.fault("strategy.wrong_shape", message, node, path=path, hint="such as `[long, short]`")
        return ()
    found: list[str] = []
    for item in items:
        source = reader.text(item, path)
        if source is None:
            return ()
        word = source.text
        if not NAME.fullmatch(word) or len(word) > MAX_NAME_LENGTH or word in (*_OPERATORS, *found):
            message = f"`{path}` must be different words of [a-z_][a-z0-9_]*, was `{shortened(word)}`"
            reader.fault("strategy.value", message, source, path=path)
            return ()
        found.append(word)
    return tuple(found)
