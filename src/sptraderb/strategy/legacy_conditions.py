"""The older dialect's conditions on indicators, such as ``{indicator: rsi, condition: "< 30"}``."""

import re

from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, TextNode, shortened
from sptraderb.strategy.legacy_notes import Translation
from sptraderb.strategy.legacy_signals import component

_REFERENCE = re.compile(r"parameters\.([A-Za-z0-9_]+)")
_ROLLING_MEAN = re.compile(r"\b([A-Za-z_]+)\.rolling\(\s*(\w+(?:\.\w+)?)\s*\)\.mean\(\)")
_WORD = re.compile(r"(?<![\w.@])([A-Za-z_]\w*)(?!\w*\s*\()")
_COMPARISON = re.compile(r"\s*(<=|>=|==|!=|<|>)")
_PERIODS = {"rsi": 14, "sma": 20, "ema": 20, "adx": 14, "atr": 14, "bb": 20}
_CALLS = {
    "rsi": "rsi(close, {n})",
    "sma": "sma_legacy(close, {n})",
    "ema": "ema_legacy(close, {n})",
    "adx": "adx({n}).adx",
    "atr": "atr({n})",
    "bb": "bbands(close, {n}, 2).upper",
}
_BANDS = {"bb_upper": "upper", "bb_middle": "middle", "bb_lower": "lower"}
_USED = ("indicator", "condition", "min_bars")
MAX_BARS = 500


def indicator_condition(translation: Translation, item: DocumentNode, path: str) -> str | None:
    """Return the expression of an `{indicator, condition}` item, None after a fault."""
    if not isinstance(item, MappingNode):
        message = f"`{path}` must have `indicator` and `condition`"
        translation.fault("strategy.wrong_shape", message, item, path=path)
        return None
    translation.leftovers(item, _USED, path)
    condition = item.get("condition")
    if not isinstance(condition, TextNode):
        message = f"`{path}` must have a `condition`"
        translation.fault("strategy.missing_key", message, item, path=path, hint='such as "< 30"')
        return None
    indicator = item.get("indicator")
    left = component(indicator.text) if isinstance(indicator, TextNode) else ""
    text = condition.text.strip()
    if _COMPARISON.match(text):
        if not left:
            message = f"`{path}` must name the `indicator` it compares"
            translation.fault("strategy.missing_key", message, item, path=path)
            return None
        text = f"{left} {text}"
    expression = _translated(translation, text, condition, path)
    bars = translation.number(item.get("min_bars"), f"{path}.min_bars")
    if expression is None or bars is None:
        return None if expression is None else f"({expression})"
    if bars != bars.to_integral_value() or not 1 <= bars <= MAX_BARS:
        message = f"`{path}.min_bars` must be a whole number from 1 to {MAX_BARS}, was {bars}"
        translation.fault("strategy.out_of_range", message, item, path=path)
        return None
    return f"count_true({expression}, {int(bars)}) == {int(bars)}"


def _translated(translation: Translation, text: str, at: TextNode, path: str) -> str | None:
    """Return a condition with references, rolling means and indicator words replaced."""
    missing = [name for name in _REFERENCE.findall(text) if translation.parameter(name) is None]
    if missing:
        message = f"`{path}` must name parameters of the file, `{shortened(missing[0])}` is not there"
        translation.fault("strategy.legacy_reference", message, at, path=path)
        return None
    text = _REFERENCE.sub(lambda match: translation.parameters[match[1]].text, text)
    text = _ROLLING_MEAN.sub(r"sma(\1, \2)", text)
    return _WORD.sub(lambda match: _word(translation, match[1]), text)


def _word(translation: Translation, word: str) -> str:
    """Return what an indicator's bare word means; other words stay."""
    lowered = word.lower()
    if lowered in ("price", "close_price"):
        return "close"
    if lowered in _BANDS:
        return f"bbands(close, {_period(translation, 'bb')}, 2).{_BANDS[lowered]}"
    if lowered in _CALLS:
        return _CALLS[lowered].format(n=_period(translation, lowered))
    return word


def _period(translation: Translation, word: str) -> str:
    given = translation.parameter(f"{word}_period")
    return str(_PERIODS[word]) if given is None else given.text
