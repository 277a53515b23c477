"""Reads a strategy's head only: what lists show; and the defaults a request may leave to the file."""

from collections.abc import Mapping
from dataclasses import dataclass

from sptraderb.errors import InvariantBroken
from sptraderb.strategy.document import read_document
from sptraderb.strategy.document_nodes import MappingNode, Place, SequenceNode, TextNode
from sptraderb.strategy.fault_list import FaultList


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyHeader:
    """The head of a strategy.

    Parameters
    ----------
    name, description, version : str
        As written; version and description may be empty.
    """

    name: str
    description: str = ""
    version: str = ""


def read_header(text: str) -> StrategyHeader:
    """Return name, description and version of a strategy text of either dialect.

    Raises
    ------
    StrategyInvalid
        ``strategy.invalid`` if the text is no YAML mapping or has no name.
    """
    root = _root(text)
    texts = {key: text_under(root, key) for key in ("name", "description", "version")}
    if not texts["name"]:
        faults = FaultList(text)
        faults.add("strategy.missing_key", "a strategy must have the key `name`", at=Place(1, 1), path="name")
        faults.require_none()
    return StrategyHeader(**texts)


def read_backtest_defaults(text: str) -> Mapping[str, str]:
    """Return the texts of the `backtest` block, unchecked; empty if there is none.

    Raises
    ------
    StrategyInvalid
        ``strategy.invalid`` if the text is no YAML mapping.
    """
    block = _root(text).get("backtest")
    if not isinstance(block, MappingNode):
        return {}
    read = {key: text_under(block, key) for key in block.entries}
    read["symbols"] = _texts_under(block, "symbols")
    return {key: text for key, text in read.items() if text}


def listed_symbols(text: str) -> list[str]:
    """Return the symbols that `backtest.symbols` names.

    Examples
    --------
    >>> listed_symbols("EURUSD, GBPUSD")
    ['EURUSD', 'GBPUSD']
    """
    return [symbol.strip() for symbol in text.split(",")]


def text_under(mapping: MappingNode, key: str) -> str:
    """Return the text under a key; empty if there is none or it is no text."""
    value = mapping.get(key)
    return value.text.strip() if isinstance(value, TextNode) else ""


def _texts_under(mapping: MappingNode, key: str) -> str:
    """Return a list of texts as one, parted by commas; one text as it is."""
    value = mapping.get(key)
    if not isinstance(value, SequenceNode):
        return text_under(mapping, key)
    return ", ".join(item.text.strip() for item in value.items if isinstance(item, TextNode))


def _root(text: str) -> MappingNode:
    faults = FaultList(text)
    root = read_document(text, faults)
    if root is None:
        faults.require_none()
        raise InvariantBroken("strategy.no_fault", "a text without a root must have a fault, had none")
    return root
