"""Stops, targets and the longest holding of the older dialect as exits of the language."""

import re

from sptraderb.domain.timeframe import SESSION_ALIGNED_FROM_S
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, TextNode, kind_words, shortened
from sptraderb.strategy.legacy_notes import Translation, is_false, new_mapping, new_text

_PERIOD = re.compile(r"(\d{1,6})\s*(bars?|days?|hours?|h|d)?")
_FRACTIONS = ("fixed", "percentage", "percent", "fixed_percentage", "fraction")
_UNITS = {"pips": "pips", "ticks": "ticks", "r": "R", "risk_reward": "R"}
_KINDS = (*_FRACTIONS[:2], "pips", "ticks", "atr")
_LEVEL_USED = ("type", "value", "percentage", "multiplier", "period", "description")
_DISTANCE_KEYS = ("value", "distance", "percentage")
_TRAILING_USED = ("type", *_DISTANCE_KEYS, "activation", "activate", "enabled", "description")
_DEFAULT_ATR = "14"


def translated_level(translation: Translation, node: DocumentNode | None, key: str) -> TextNode | None:
    """Return a stop or target; `parameters` and `risk` are asked when `exit` has none.

    A fraction of the fill price unless its `type` says pips, ticks, R or a multiple of the ATR.
    """
    if is_false(node):
        return None
    if isinstance(node, MappingNode):
        translation.leftovers(node, _LEVEL_USED, f"exit.{key}")
        given = node.get("value") or node.get("percentage") or node.get("multiplier")
        if given is not None:
            return None if is_false(given) else _typed_level(translation, node, key, given=given)
    elif node is not None:
        return translation.percent(node, f"exit.{key}")
    risk = translation.root.get("risk")
    elsewhere = translation.parameter(key) or (risk.get(key) if isinstance(risk, MappingNode) else None)
    if is_false(elsewhere):
        return None
    if elsewhere is not None:
        text = f"`exit.{key}` is not stated: `{key}` of `parameters` or `risk` is in force"
        translation.note("legacy.default", text, elsewhere)
    elif node is not None:
        message = f"`exit.{key}` must have a `value`"
        translation.fault("strategy.missing_key", message, node, path=f"exit.{key}", hint="`false` for none")
    return translation.percent(elsewhere, key)


def _typed_level(
    translation: Translation, node: MappingNode, key: str, *, given: DocumentNode
) -> TextNode | None:
    path = f"exit.{key}"
    kind = node.get("type")
    word = kind.text.strip().lower() if isinstance(kind, TextNode) else _FRACTIONS[0]
    if word in _FRACTIONS:
        return translation.percent(given, f"{path}.value")
    number = translation.number(given, f"{path}.value")
    if number is None:
        return None
    if word in _UNITS and (_UNITS[word] != "R" or key == "take_profit"):
        return new_text(f"{number:f} {_UNITS[word]}", given)
    if word == "atr":
        period = translation.resolved(node.get("period"), f"{path}.period")
        length = _DEFAULT_ATR if period is None else period.text.strip()
        text = f"`{path}` is {number:f} times atr({length}) at the bar that decides"
        translation.note("legacy.default", text, node)
        return new_text(f"{number:f} * atr({length})", given)
    message = f"`{path}.type` must be one of {', '.join(_KINDS)}, was `{shortened(word)}`"
    translation.fault("strategy.value", message, kind or node, path=f"{path}.type")
    return None


def translated_trailing(translation: Translation, node: DocumentNode | None) -> MappingNode | None:
    """Return a trailing stop from a fraction of the fill price, None where it is off."""
    path = "exit.trailing_stop"
    block = node if isinstance(node, MappingNode) else None
    if node is None or is_false(node) or is_false(block.get("enabled") if block else None):
        if node is not None:
            translation.note("legacy.unused", f"`{path}` is off", node)
        return None
    translation.leftovers(block, _TRAILING_USED, path)
    distance: DocumentNode | None = node
    if block is not None:
        distance = next((block.get(key) for key in _DISTANCE_KEYS if key in block.entries), None)
    kind = block.get("type") if block else None
    word = kind.text.strip().lower() if isinstance(kind, TextNode) else _FRACTIONS[0]
    if word not in _FRACTIONS:
        message = f"`{path}.type` must be fixed or percentage, was `{shortened(word)}`"
        translation.fault("strategy.value", message, kind or node, path=f"{path}.type")
        return None
    if distance is None or (isinstance(distance, TextNode) and distance.text.strip().lower() == "true"):
        found = kind_words(node) if block else "`true`"
        message = f"`{path}` must say how far it stays behind, was {found}"
        hint = "such as 0.01, a fraction of the fill price"
        translation.fault("strategy.missing_key", message, node, path=path, hint=hint)
        return None
    activate = (block.get("activation") or block.get("activate")) if block else None
    values = {
        "distance": translation.percent(distance, path),
        "activate": translation.percent(activate, f"{path}.activation"),
    }
    text = f"`{path}` is applied: it follows each finished bar's best price, live from the next bar"
    translation.note("legacy.trailing_stop", text, node)
    return new_mapping(dict(values), node)


def translated_holding(translation: Translation, node: DocumentNode | None) -> dict[str, TextNode | None]:
    """Return the longest holding: a number is days on daily candles, else bars; hours and days are times."""
    path = "exit.max_holding_period"
    source = translation.resolved(node, path)
    if source is None or node is None:
        return {}
    match = _PERIOD.fullmatch(source.text.strip())
    if match is None:
        message = f"`{path}` must be such as 10, `10 bars` or `20 days`, was `{shortened(source.text)}`"
        translation.fault("strategy.value", message, node, path=path)
        return {}
    unit = (match[2] or "bars")[0]
    daily = translation.timeframe.seconds == SESSION_ALIGNED_FROM_S
    if unit == "b" or (unit == "d" and daily):
        return {"max_bars": new_text(match[1], node)}
    words = {"d": "days", "h": "hours"}[unit]
    return {"max_duration": new_text(f"{int(match[1])} {words}", node)}
