"""What the translation of the older dialect carries along: notes, faults, parameters, new nodes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from sptraderb.domain.fixed import decimal_from_text
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.plan import Note
from sptraderb.domain.timeframe import Timeframe
from sptraderb.errors import InvalidInput
from sptraderb.strategy.document_nodes import (
    DocumentNode,
    MappingNode,
    Place,
    SequenceNode,
    TextNode,
    kind_words,
    shortened,
)
from sptraderb.strategy.fault_list import FaultList
from sptraderb.strategy.names import NAME, RESERVED, did_you_mean
from sptraderb.strategy.target import StrategyTarget
from sptraderb.strategy.values import EXACT, Quantity

_REFERENCE = re.compile(r"(?:\$\{|\{\{)?\s*(parameters|risk)\.([A-Za-z0-9_]+)\s*(?:\}\}|\})?")
MAX_NOTES = 100
_NULL = ("null", "none", "~")
_FALSE = ("false", "no", "off", *_NULL)


@dataclass(slots=True, kw_only=True)
class Translation:
    """The state of one translation.

    Parameters
    ----------
    root : MappingNode
        The document of the older dialect.
    faults : FaultList
        Takes the faults.
    target : StrategyTarget
        Timeframe and instrument of the run.
    parameters : dict of str to TextNode
        Values in force after overrides.
    notes : list of Note
        How the text was read.
    series : dict of str to str
        Named series of the translated document, as expressions.
    read : set of str
        Parameters that something asked for.
    """

    root: MappingNode
    faults: FaultList
    target: StrategyTarget
    parameters: dict[str, TextNode] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    series: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    @property
    def timeframe(self) -> Timeframe:
        """The run's timeframe."""
        return self.target.timeframe

    @property
    def instrument(self) -> Instrument:
        """What the run trades."""
        return self.target.instrument

    def parameter(self, name: str) -> TextNode | None:
        """Return a parameter's value, None if the file has none of that name; it counts as read."""
        self.read.add(name)
        return self.parameters.get(name)

    def note(self, code: str, text: str, at: DocumentNode | None) -> None:
        """Leave a note about a line."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(Note(code=code, text=text, line=None if at is None else at.place.line))

    def unused(self, key: TextNode, path: str) -> None:
        """Leave the note that a key has no effect."""
        self.note("legacy.unused", f"`{path}` is accepted and has no effect", key)

    def named(self, label: str, expression: str) -> str:
        """Name a series of the translated document and return the name; the label as far as it can be one."""
        name = re.sub(r"[^a-z0-9_]+", "_", label.lower()).strip("_")[:40] or "series"
        name = f"s_{name}" if name in RESERVED or not NAME.fullmatch(name) else name
        while self.series.get(name, expression) != expression:
            name += "_2"
        self.series[name] = expression
        return name

    def fault(self, code: str, message: str, node: DocumentNode, *, path: str, hint: str = "") -> None:
        """Add a fault at a node."""
        self.faults.add(code, message, at=node.place, path=path, hint=hint)

    def resolved(self, node: DocumentNode | None, path: str) -> TextNode | None:
        """Return a text with a reference such as ``parameters.size`` replaced; None for ``null``."""
        if node is None or is_null(node):
            return None
        if not isinstance(node, TextNode):
            message = f"`{path}` must be a number, was {kind_words(node)}"
            self.fault("strategy.wrong_shape", message, node, path=path)
            return None
        match = _REFERENCE.fullmatch(node.text.strip())
        if match is None:
            return node
        found = self._named(match[1], match[2])
        if found is None:
            message = f"`{path}` must name something of the file, `{shortened(node.text)}` is not there"
            hint = did_you_mean(match[2], self.parameters)
            self.fault("strategy.legacy_reference", message, node, path=path, hint=hint)
            return None
        return TextNode(found.text, node.place, node.raw_start, node.raw_end)

    def _named(self, block: str, name: str) -> TextNode | None:
        if block == "parameters":
            return self.parameter(name)
        risk = self.root.get("risk")
        found = risk.get(name) if isinstance(risk, MappingNode) else None
        return found if isinstance(found, TextNode) and not _REFERENCE.search(found.text) else None

    def number(self, node: DocumentNode | None, path: str) -> Decimal | None:
        """Return a number, references resolved; ``2%`` is 0.02. None after a fault or if there is none."""
        source = self.resolved(node, path)
        if source is None or node is None:
            return None
        text = source.text.strip()
        try:
            if text.endswith("%"):
                return decimal_from_text(text[:-1]).scaleb(-2)
            return decimal_from_text(text)
        except InvalidInput:
            message = f"`{path}` must be a number, was `{shortened(text)}`"
            self.fault("strategy.legacy_number", message, node, path=path)
            return None

    def percent(self, node: DocumentNode | None, path: str) -> TextNode | None:
        """Return a fraction as a percentage of the new dialect."""
        number = self.number(node, path)
        return None if number is None or node is None else new_text(percent_text(number), node)

    def block(self, parent: MappingNode | None, key: str, path: str) -> MappingNode | None:
        """Return a mapping under a key, None if there is none (a fault if it is something else)."""
        node = None if parent is None else parent.get(key)
        if node is None or isinstance(node, MappingNode):
            return node
        message = f"`{path}` must be a mapping, was {kind_words(node)}"
        self.fault("strategy.wrong_shape", message, node, path=path)
        return None

    def leftovers(self, block: MappingNode | None, used: tuple[str, ...], path: str) -> None:
        """Note every key of a block that nothing reads."""
        for key, _ in block.entries.values() if block else ():
            if key.text not in used:
                self.unused(key, f"{path}.{shortened(key.text)}" if path else shortened(key.text))


def new_text(text: str, at: DocumentNode | Place) -> TextNode:
    """Return a scalar of the new dialect that stands where its origin stood."""
    return TextNode(text, at if isinstance(at, Place) else at.place)


def new_mapping(values: Mapping[str, DocumentNode | None], at: DocumentNode) -> MappingNode:
    """Return a mapping of the new dialect; keys without a value are left out."""
    entries = {key: (new_text(key, value), value) for key, value in values.items() if value is not None}
    return MappingNode(entries, at.place)


def percent_text(number: Decimal) -> str:
    """Return a fraction as a percentage's text."""
    return Quantity(EXACT.scaleb(number, 2), "%").text


def is_false(node: DocumentNode | None) -> bool:
    """Whether a value says no."""
    return isinstance(node, TextNode) and node.text.strip().lower() in _FALSE


def is_null(node: DocumentNode) -> bool:
    """Whether a value says that there is none."""
    return isinstance(node, TextNode) and node.text.strip().lower() in _NULL


def items_of(node: DocumentNode | None) -> tuple[DocumentNode, ...]:
    """Return the items of a list, the value itself as the only one, or nothing."""
    if node is None:
        return ()
    return node.items if isinstance(node, SequenceNode) else (node,)
