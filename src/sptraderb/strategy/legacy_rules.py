"""`entry` and `exit` of the older dialect as the blocks of the language."""

from collections.abc import Callable

from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, TextNode, kind_words, shortened
from sptraderb.strategy.legacy_conditions import indicator_condition
from sptraderb.strategy.legacy_levels import translated_holding, translated_level, translated_trailing
from sptraderb.strategy.legacy_notes import Translation, items_of, new_mapping, new_text
from sptraderb.strategy.legacy_signals import signal_condition

_DEFAULT_SIZE = "1%"
_SIDES = {"buy": "long", "sell": "short"}
_CLOSES = ("close_all", "close", "exit")
_ENTRY_USED = ("when", "action", "size", "size_value", "size_type", "primary", "filters")
_EXIT_USED = (
    "signal_exit",
    "when",
    "action",
    "stop_loss",
    "take_profit",
    "max_holding_period",
    "trailing_stop",
)


def translated_entry(translation: Translation, node: MappingNode) -> MappingNode:
    """Return `entry` with one rule of the side that `action` names."""
    translation.leftovers(node, _ENTRY_USED, "entry")
    conditions = [_any_of(translation, node.get("when"), "entry.when", item=_rule_condition)]
    conditions += [_all_of(translation, node.get(key), f"entry.{key}") for key in ("primary", "filters")]
    known = [condition for condition in conditions if condition]
    if not known and not translation.faults:
        message = "`entry` must have a rule in `when`, `primary` or `filters`"
        translation.fault("strategy.missing_key", message, node, path="entry")
    when = " and ".join(f"({condition})" if len(known) > 1 else condition for condition in known)
    rule = {"when": new_text(when, node.get("when") or node), "size": _size(translation, node)}
    return new_mapping({_side(translation, node): new_mapping(rule, node)}, node)


def _side(translation: Translation, node: MappingNode) -> str:
    action = node.get("action")
    word = action.text.strip().lower() if isinstance(action, TextNode) else "buy"
    if word not in _SIDES and action is not None:
        message = f"`entry.action` must be buy or sell, was `{shortened(word)}`"
        translation.fault("strategy.value", message, action, path="entry.action")
    return _SIDES.get(word, "long")


def _size(translation: Translation, node: MappingNode) -> TextNode:
    for key in ("size", "size_value"):
        found = node.get(key)
        if isinstance(found, MappingNode):
            found = found.get("value")
        size = translation.percent(found, f"entry.{key}")
        if size is not None:
            return size
    text = "`entry.size` is not stated: 0.01 of equity, the older dialect's default, is in force"
    translation.note("legacy.default", text, node)
    return new_text(_DEFAULT_SIZE, node)


def translated_exit(translation: Translation, node: MappingNode | None, at: DocumentNode) -> MappingNode:
    """Return `exit` with its condition, stop, target and longest holding."""
    translation.leftovers(node, _EXIT_USED, "exit")
    get = (lambda _key: None) if node is None else node.get
    place = node or at
    conditions = [
        _signal_exit(translation, get("signal_exit")),
        _any_of(translation, get("when"), "exit.when", item=_rule_condition),
    ]
    _check_close(translation, get("action"), "exit.action")
    known = [
        f"({condition})" if conditions[0] and conditions[1] else condition
        for condition in conditions
        if condition
    ]
    values: dict[str, DocumentNode | None] = {
        "when": new_text(" or ".join(known), get("signal_exit") or get("when") or place) if known else None,
        "stop_loss": translated_level(translation, get("stop_loss"), "stop_loss"),
        "take_profit": translated_level(translation, get("take_profit"), "take_profit"),
        "trailing_stop": translated_trailing(translation, get("trailing_stop")),
        **translated_holding(translation, get("max_holding_period")),
    }
    return new_mapping(values, place)


def _signal_exit(translation: Translation, node: DocumentNode | None) -> str:
    if isinstance(node, MappingNode):
        translation.leftovers(node, ("when", "action"), "exit.signal_exit")
        _check_close(translation, node.get("action"), "exit.signal_exit.action")
        return _any_of(translation, node.get("when"), "exit.signal_exit.when", item=_rule_condition)
    return _any_of(translation, node, "exit.signal_exit", item=_rule_condition)


def _check_close(translation: Translation, action: DocumentNode | None, path: str) -> None:
    if action is None:
        return
    word = action.text.strip().lower() if isinstance(action, TextNode) else kind_words(action)
    if word not in _CLOSES:
        message = f"`{path}` must be close_all or close, was `{shortened(word)}`"
        translation.fault("strategy.value", message, action, path=path)


def _rule_condition(translation: Translation, item: DocumentNode, path: str) -> str | None:
    if isinstance(item, MappingNode) and "signal" not in item.entries and "condition" in item.entries:
        return indicator_condition(translation, item, path)
    return signal_condition(translation, item, path)


def _any_of(
    translation: Translation,
    node: DocumentNode | None,
    path: str,
    *,
    item: Callable[[Translation, DocumentNode, str], str | None],
) -> str:
    found = [item(translation, row, f"{path}[{at}]") for at, row in enumerate(items_of(node))]
    known = [condition for condition in found if condition]
    return " or ".join(f"({condition})" if len(known) > 1 else condition for condition in known)


def _all_of(translation: Translation, node: DocumentNode | None, path: str) -> str:
    found = [indicator_condition(translation, row, f"{path}[{at}]") for at, row in enumerate(items_of(node))]
    return " and ".join(condition for condition in found if condition)
