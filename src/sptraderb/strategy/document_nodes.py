"""The values of a YAML document with their places; `document` makes them, the readers take them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the strategy's text.

    Parameters
    ----------
    line, column : int
        Counted from 1.
    width : int
        Characters a caret underlines, at least 1.
    """

    line: int
    column: int
    width: int = 1


@dataclass(frozen=True, slots=True)
class TextNode:
    """A scalar; always text, YAML's guesses at types never happen.

    Parameters
    ----------
    text : str
        The value.
    place : Place
        Where it starts.
    raw_start, raw_end : int
        Where its spelling (quotes included) lies in the document, in characters.
    is_cut : bool
        Whether it is the rest of an expression that YAML cut, told of already.
    """

    text: str
    place: Place
    raw_start: int = 0
    raw_end: int = 0
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class MappingNode:
    """A mapping; keys are unique.

    Parameters
    ----------
    entries : dict of str to (TextNode, DocumentNode)
        Key node and value by key text, in the order of the text.
    place : Place
        Where it starts.
    """

    entries: "dict[str, tuple[TextNode, DocumentNode]]"
    place: Place

    def get(self, key: str) -> "DocumentNode | None":
        """Return the value under ``key``, or None."""
        entry = self.entries.get(key)
        return None if entry is None else entry[1]


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list.

    Parameters
    ----------
    items : tuple of DocumentNode
        In the order of the text.
    place : Place
        Where it starts.
    """

    items: "tuple[DocumentNode, ...]"
    place: Place


DocumentNode = TextNode | MappingNode | SequenceNode


def plain_data(node: DocumentNode) -> object:
    """Return a node as text, dict and list."""
    if isinstance(node, TextNode):
        return node.text
    if isinstance(node, SequenceNode):
        return [plain_data(item) for item in node.items]
    return {key: plain_data(value) for key, (_, value) in node.entries.items()}


def kind_words(node: DocumentNode) -> str:
    """Return what a node is, in words for an error."""
    if isinstance(node, TextNode):
        return f"`{shortened(node.text)}`"
    return "a mapping" if isinstance(node, MappingNode) else "a list"


def shortened(text: str, length: int = 60) -> str:
    """Return ``text`` on one line, cut to what an error message can show."""
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 3] + "..."
