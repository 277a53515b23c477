"""The older dialect: files written for the first SPtraderB server, translated into the language.

Steps:

1. `is_legacy` tells the dialect by its shape.
2. `translate` takes parameters with a request's values, then turns rules (`legacy_rules`), signals
   (`legacy_signals`), conditions (`legacy_conditions`), the account's blocks (`legacy_account`) and what
   keeps entries back (`legacy_filters`) into a document of the language, whose nodes keep the places of
   their origin.
3. The compiler reads that document as any other; every translation that matters leaves a note.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sptraderb.domain.fixed import decimal_from_text
from sptraderb.domain.plan import EntryFilters, Note
from sptraderb.errors import InvalidInput
from sptraderb.strategy.document_nodes import (
    DocumentNode,
    MappingNode,
    SequenceNode,
    TextNode,
    kind_words,
    shortened,
)
from sptraderb.strategy.fault_list import FaultList
from sptraderb.strategy.legacy_account import (
    stated_optimization,
    translated_backtest,
    translated_costs,
    translated_risk,
    translated_session,
)
from sptraderb.strategy.legacy_filters import translated_filters
from sptraderb.strategy.legacy_notes import Translation, new_mapping, new_text
from sptraderb.strategy.legacy_rules import translated_entry, translated_exit
from sptraderb.strategy.legacy_signals import check_dependencies
from sptraderb.strategy.names import did_you_mean
from sptraderb.strategy.parameter_block import ParameterText
from sptraderb.strategy.target import StrategyTarget

_LEGACY_ROOT_KEYS = ("dependencies", "signal_config")
_LEGACY_ENTRY_KEYS = ("primary", "filters", "action", "size_value")
_USED = (
    *("name", "version", "author", "description", "type", "dependencies", "signal_config", "parameters"),
    *("entry", "exit", "risk", "backtest", "filters", "execution"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """A translated document.

    Parameters
    ----------
    root : MappingNode
        A document of the language.
    parameters : mapping of str to str
        The file's parameters in force; they are resolved already.
    optimization : mapping
        `backtest.optimization` as written.
    notes : tuple of Note
        How the text was read.
    filters : EntryFilters or None
        What entries must keep.
    """

    root: MappingNode
    parameters: Mapping[str, str]
    optimization: Mapping[str, object]
    notes: tuple[Note, ...]
    filters: EntryFilters | None


def is_legacy(root: MappingNode) -> bool:
    """Whether a document has the shape of the older dialect."""
    if any(key in root.entries for key in _LEGACY_ROOT_KEYS):
        return True
    entry, exits = root.get("entry"), root.get("exit")
    by_exit = isinstance(exits, MappingNode) and "signal_exit" in exits.entries
    if not isinstance(entry, MappingNode):
        return by_exit
    by_when = isinstance(entry.get("when"), SequenceNode)
    return by_exit or by_when or any(key in entry.entries for key in _LEGACY_ENTRY_KEYS)


def translate(
    root: MappingNode,
    faults: FaultList,
    *,
    target: StrategyTarget,
    overrides: Mapping[str, ParameterText],
) -> Translated | None:
    """Return a document of the language with the meaning of one of the older dialect.

    Parameters
    ----------
    root : MappingNode
        The older document.
    faults : FaultList
        Takes the faults; None comes back if there are any.
    target : StrategyTarget
        Timeframe and instrument of the run; some durations and filters depend on them.
    overrides : mapping
        A request's values for the file's parameters.
    """
    translation = Translation(root=root, faults=faults, target=target)
    translation.note("legacy.translated", "the text is of the older dialect and was translated", root)
    _read_parameters(translation, overrides)
    translation.leftovers(root, _USED, "")
    check_dependencies(translation)
    filters = translated_filters(translation)
    values = _translated_blocks(translation)
    _note_unread(translation)
    if faults:
        return None
    parameters = {name: node.text for name, node in translation.parameters.items()}
    return Translated(
        root=new_mapping(values, root),
        parameters=parameters,
        optimization=stated_optimization(root),
        notes=tuple(translation.notes),
        filters=filters,
    )


def _translated_blocks(translation: Translation) -> dict[str, DocumentNode | None]:
    root = translation.root
    entry = translation.block(root, "entry", "entry")
    exits = translation.block(root, "exit", "exit")
    if entry is None and "entry" not in root.entries:
        message = "a strategy must have the key `entry`"
        translation.fault("strategy.missing_key", message, root, path="entry")
    values: dict[str, DocumentNode | None] = {
        key: root.get(key) for key in ("name", "version", "description")
    }
    if entry is not None:
        values["entry"] = translated_entry(translation, entry)
        values["exit"] = translated_exit(translation, exits, entry)
    series = {name: new_text(expression, root) for name, expression in translation.series.items()}
    values["indicators"] = new_mapping(series, root) if series else None
    values["risk"] = translated_risk(translation, root)
    values["costs"] = translated_costs(translation)
    values["backtest"] = translated_backtest(translation)
    values["session"] = translated_session(translation)
    return values


def _read_parameters(translation: Translation, overrides: Mapping[str, ParameterText]) -> None:
    """Take the file's parameters, then a request's values for them."""
    block = translation.block(translation.root, "parameters", "parameters")
    for key, value in block.entries.values() if block else ():
        node = value
        if isinstance(node, MappingNode):
            node = node.get("default") or node.get("value") or node
        if isinstance(node, TextNode):
            translation.parameters[key.text] = node
        else:
            path = f"parameters.{shortened(key.text)}"
            message = f"`{path}` must be text or have a `default`, was {kind_words(node)}"
            translation.fault("strategy.wrong_shape", message, node, path=path)
    for name, given in overrides.items():
        _override(translation, str(name), given)


def _note_unread(translation: Translation) -> None:
    """Note every parameter that no rule asked for: a limit that stands there alone does nothing."""
    block = translation.root.get("parameters")
    for key, _ in block.entries.values() if isinstance(block, MappingNode) else ():
        if key.text not in translation.read:
            text = f"`parameters.{shortened(key.text)}` is read by no rule and has no effect"
            translation.note("legacy.unused", text, key)


def _override(translation: Translation, name: str, given: ParameterText) -> None:
    path = f"parameters.{shortened(name)}"
    default = translation.parameters.get(name)
    if default is None:
        message = f"a request's parameter must be one of the strategy's, was `{shortened(name)}`"
        hint = did_you_mean(name, translation.parameters)
        translation.faults.add("strategy.parameter_unknown", message, at=None, path=path, hint=hint)
        return
    text = (
        given if isinstance(given, str) else f"{Decimal(str(given)):f}" if not isinstance(given, bool) else ""
    )
    if _is_number(default.text) and not _is_number(text):
        message = (
            f"`{path}` must be a number like its default {shortened(default.text)}, was `{shortened(text)}`"
        )
        translation.faults.add("strategy.parameter_malformed", message, at=None, path=path)
        return
    translation.parameters[name] = TextNode(text, default.place, default.raw_start, default.raw_end)


def _is_number(text: str) -> bool:
    try:
        decimal_from_text(text.strip().removesuffix("%"))
    except InvalidInput:
        return False
    return True
