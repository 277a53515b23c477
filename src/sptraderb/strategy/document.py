"""YAML text to nodes with places: the only reader of YAML in the program.

PyYAML's events are taken one by one (never its constructors): scalars stay text, aliases are
followed within limits, and a file made to exhaust memory is refused before it can.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import yaml

from sptraderb.strategy.document_nodes import (
    DocumentNode,
    MappingNode,
    Place,
    SequenceNode,
    TextNode,
    shortened,
)
from sptraderb.strategy.fault_list import FaultList
from sptraderb.strategy.tokenizer import MAX_LENGTH

MAX_BYTES = 65_536
MAX_DEPTH = 16
MAX_NODES = 5_000
MAX_EXPANDED_CHARACTERS = 2 * MAX_BYTES

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_QUOTE_HINT = "quote the expression: YAML reads `,`, `[`, `]`, `: ` and ` #` as its own"


class _Mark(Protocol):
    index: int


class _TextRefused(Exception):
    """The text cannot be read further; the fault is in the list."""


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being read."""

    place: Place
    is_mapping: bool
    is_flow: bool
    anchor: str | None
    children: list[DocumentNode] = field(default_factory=list)
    plain: list[bool] = field(default_factory=list)
    n_nodes: int = 1
    n_characters: int = 0


def read_document(text: str, faults: FaultList) -> MappingNode | None:
    """Return the document's root mapping, or None after adding faults.

    Parameters
    ----------
    text : str
        The whole file; at most `MAX_BYTES` bytes of UTF-8.
    faults : FaultList
        Takes the faults: ``strategy.too_large``, ``strategy.not_text``, ``strategy.yaml_syntax``,
        ``strategy.yaml_feature``, ``strategy.too_deep``, ``strategy.too_many_nodes``,
        ``strategy.duplicate_key``, ``strategy.empty_value``, ``strategy.unquoted_expression``,
        ``strategy.not_a_mapping``.

    Notes
    -----
    Linear in the text's length; aliases count as what they stand for.
    """
    if not _check_bytes(text, faults):
        return None
    try:
        root = _Builder(text, faults).build()
    except _TextRefused:
        return None
    except yaml.YAMLError as error:
        _add_syntax_fault(error, text, faults)
        return None
    if not isinstance(root, MappingNode):
        place = root.place if root else Place(1, 1)
        faults.add(
            "strategy.not_a_mapping",
            "a strategy must be a mapping of keys such as `name:` and `entry:`, "
            + ("was empty" if root is None else "was something else"),
            at=place,
        )
        return None
    return root


def _check_bytes(text: str, faults: FaultList) -> bool:
    try:
        n_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        faults.add("strategy.not_text", f"a strategy must be Unicode text, {error.reason}", at=None)
        return False
    if n_bytes > MAX_BYTES:
        message = f"a strategy must have at most {MAX_BYTES} bytes, had {n_bytes}"
        faults.add("strategy.too_large", message, at=None)
    return n_bytes <= MAX_BYTES


def add_empty(faults: FaultList, key: TextNode) -> None:
    """Add the fault of a key without a value."""
    message = f"`{shortened(key.text)}` must have a value, was empty"
    faults.add("strategy.empty_value", message, at=key.place)


class _Builder:
    """Builds nodes from parser events with a stack of its own, so that depth costs no recursion."""

    def __init__(self, text: str, faults: FaultList) -> None:
        self._text = text
        self._faults = faults
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[DocumentNode, int, int]] = {}
        self._root: DocumentNode | None = None
        self._n_documents = 0
        self._cut_until = 0

    def build(self) -> DocumentNode | None:
        for event in self._events():
            if isinstance(event, yaml.DocumentStartEvent):
                self._n_documents += 1
                if self._n_documents > 1:
                    self._refuse("a strategy must be one YAML document, a second one starts here", event)
            elif isinstance(event, yaml.ScalarEvent):
                self._take_scalar(event)
            elif isinstance(event, yaml.AliasEvent):
                self._take_alias(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._open(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close()
        return self._root

    def _events(self) -> Iterator[yaml.Event]:
        return iter(yaml.parse(self._text, Loader=_LOADER))

    def _refuse(self, message: str, event: yaml.Event, code: str = "strategy.yaml_feature") -> None:
        self._faults.add(code, message, at=_place(event))
        raise _TextRefused

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            self._faults.add(
                "strategy.yaml_feature",
                f"a strategy must have no YAML tags, was `{shortened(event.tag)}`",
                at=_place(event),
                hint="values are text; the language knows what it expects",
            )

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        self._check_tag(event)
        place = _place(event)
        node = TextNode(event.value, place, _index(event.start_mark), _index(event.end_mark))
        plain = event.style in (None, "")
        self._add(node, (1, len(event.value)), plain=plain, anchor=event.anchor)

    def _take_alias(self, event: yaml.AliasEvent) -> None:
        known = self._anchors.get(event.anchor or "")
        if known is None:
            self._refuse(f"an alias must name an anchor written before it, was `*{event.anchor}`", event)
            return
        node, n_nodes, n_characters = known
        self._add(node, (n_nodes, n_characters), plain=False, anchor=None)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        self._check_tag(event)
        if len(self._stack) >= MAX_DEPTH:
            self._refuse(f"values must nest at most {MAX_DEPTH} deep", event, "strategy.too_deep")
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        flow = bool(event.flow_style)
        self._stack.append(_Open(_place(event), is_mapping, flow, event.anchor))

    def _close(self) -> None:
        done = self._stack.pop()
        node: DocumentNode
        if done.is_mapping:
            node = MappingNode(self._entries(done), done.place)
        else:
            self._check_items(done)
            node = SequenceNode(tuple(done.children), done.place)
        self._add(node, (done.n_nodes, done.n_characters), plain=False, anchor=done.anchor)

    def _add(self, node: DocumentNode, size: tuple[int, int], *, plain: bool, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, *size)
        if not self._stack:
            self._root = node
            return
        parent = self._stack[-1]
        parent.children.append(node)
        parent.plain.append(plain)
        parent.n_nodes += size[0]
        parent.n_characters += size[1]
        if parent.n_nodes > MAX_NODES or parent.n_characters > MAX_EXPANDED_CHARACTERS:
            limit = f"{MAX_NODES} values and {MAX_EXPANDED_CHARACTERS} characters, aliases written out"
            message = f"a strategy must have at most {limit}"
            self._faults.add("strategy.too_many_nodes", message, at=node.place)
            raise _TextRefused

    def _entries(self, done: _Open) -> dict[str, tuple[TextNode, DocumentNode]]:
        entries: dict[str, tuple[TextNode, DocumentNode]] = {}
        for at in range(0, len(done.children) - 1, 2):
            key, value = done.children[at], done.children[at + 1]
            empty = done.plain[at + 1] and isinstance(value, TextNode) and not value.text
            if not isinstance(key, TextNode):
                message = "a key must be text"
                self._faults.add("strategy.yaml_feature", message, at=key.place, hint=_QUOTE_HINT)
            elif empty and done.is_flow and _is_cut([*done.children[at - 1 : at], key]):
                self._add_cut(done.children[at - 1] if at else key, key)
                _forget_last(entries)
            elif self._check_key(key, entries):
                entries[key.text] = (key, value)
                if empty:
                    add_empty(self._faults, key)
        return entries

    def _check_key(self, key: TextNode, entries: dict[str, tuple[TextNode, DocumentNode]]) -> bool:
        if key.text == "<<":
            self._faults.add("strategy.yaml_feature", "a strategy must have no merge keys", at=key.place)
            return False
        if key.text in entries:
            first = entries[key.text][0].place.line
            message = f"a key must be written once, `{shortened(key.text)}` stands on line {first} already"
            self._faults.add("strategy.duplicate_key", message, at=key.place)
            return False
        return True

    def _check_items(self, done: _Open) -> None:
        for at, (item, plain) in enumerate(zip(done.children, done.plain, strict=True)):
            if plain and isinstance(item, TextNode) and not item.text:
                self._faults.add("strategy.empty_value", "a list item must have a value", at=item.place)
            elif done.is_flow and at and _is_cut([done.children[at - 1], item]):
                self._add_cut(done.children[at - 1], item)

    def _add_cut(self, first: DocumentNode, last: TextNode | DocumentNode) -> None:
        """Explain an expression that YAML cut at a comma: ``{stop: highest(high, 20)}``."""
        start = first.raw_start if isinstance(first, TextNode) else 0
        end = last.raw_end if isinstance(last, TextNode) else start
        if start < self._cut_until:  # another piece of one that was told of
            return
        end = self._cut_until = max(end, _end_of_brackets(self._text, start))
        whole = shortened(self._text[start:end])
        self._faults.add(
            "strategy.unquoted_expression",
            f"an expression with a comma must be quoted inside {{ }} and [ ], was `{whole}`",
            at=Place(first.place.line, first.place.column, max(1, end - start)),
            hint=f'write "{whole}"',
        )


def _end_of_brackets(text: str, start: int) -> int:
    """Return where an expression ends that begins at ``start``: at a `,` or `}` outside its parentheses."""
    depth = 0
    for at in range(start, min(len(text), start + MAX_LENGTH)):
        letter = text[at]
        depth += (letter == "(") - (letter == ")")
        if depth < 0 or letter == "\n" or (depth == 0 and letter in ",}]"):
            return at
    return start


def _forget_last(entries: dict[str, tuple[TextNode, DocumentNode]]) -> None:
    """Empty the value that a cut expression left behind, so that it is told of once."""
    if entries:
        name, (key, value) = entries.popitem()
        entries[name] = (key, TextNode("", value.place, is_cut=True))


def _is_cut(pieces: list[DocumentNode]) -> bool:
    """Whether neighbouring values look like one expression cut at a comma."""
    texts = [piece.text for piece in pieces if isinstance(piece, TextNode)]
    return any(text.count("(") != text.count(")") for text in texts)


def _index(mark: _Mark | None) -> int:
    return 0 if mark is None else mark.index


def _place(event: yaml.Event) -> Place:
    start, end = event.start_mark, event.end_mark
    if start is None or end is None:
        return Place(1, 1)
    width = end.column - start.column if end.line == start.line else 1
    return Place(start.line + 1, start.column + 1, max(1, width))


def _add_syntax_fault(error: yaml.YAMLError, text: str, faults: FaultList) -> None:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    if mark is None:
        position = min(getattr(error, "position", 0) or 0, len(text))
        line_start = text.rfind("\n", 0, position) + 1
        place = Place(text.count("\n", 0, position) + 1, position - line_start + 1)
    else:
        place = Place(mark.line + 1, mark.column + 1)
    opened = getattr(error, "context_mark", None)
    began = f", which began on line {opened.line + 1}" if opened and mark and opened.line < mark.line else ""
    index = mark.index if mark is not None else len(text)
    problem = "a tab stands here, where only spaces may" if text[index : index + 1] == "\t" else problem
    message = f"the text must be YAML: {problem}{began}"
    faults.add("strategy.yaml_syntax", message, at=place, hint=_syntax_hint(problem))


def _syntax_hint(problem: str) -> str:
    if "tab" in problem:
        return "indent with spaces"
    if "control characters" in problem or "unacceptable" in problem:
        return "save the file as plain UTF-8 text"
    if "mapping values are not allowed" in problem or "expected ','" in problem:
        return _QUOTE_HINT
    if "cannot start any token" in problem or "alias" in problem:
        return "quote a value that begins with `%`, `@`, `` ` ``, `*`, `&`, `!`, `>` or `|`"
    return ""
