"""The first server's built-in signals as expressions of the language.

A signal emitted events with a `crossover_type`; a rule named a signal and the outputs it wanted. Here
each wanted event becomes a condition that is true on the bar of the event.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, SequenceNode, TextNode, shortened
from sptraderb.strategy.legacy_level_signals import LEVEL_SIGNALS, level_condition
from sptraderb.strategy.legacy_notes import Translation, items_of, new_text
from sptraderb.strategy.names import did_you_mean

MAX_PERIOD = 5_000
MAX_CONFIRMATION = 100
_TYPE_KEYS = ("crossover_type", "signal_type", "type")
_EVENTS = {"golden_cross": (">", "crosses_above"), "death_cross": ("<", "crosses_below")}


@dataclass(frozen=True, slots=True, kw_only=True)
class _CrossSignal:
    """A crossover signal: which average, its default periods, its default separation."""

    average: str
    fast: int
    slow: int
    separation: Decimal


_SIGNALS: Mapping[str, _CrossSignal] = MappingProxyType(
    {
        "ma_crossover": _CrossSignal(average="sma", fast=20, slow=50, separation=Decimal("0.0002")),
        "ema_crossover": _CrossSignal(average="ema", fast=12, slow=26, separation=Decimal(0)),
    }
)
SIGNAL_NAMES = (*_SIGNALS, *LEVEL_SIGNALS)
_COMPARISON = re.compile(r"(>=|<=|==|!=|>|<)\s*(\S.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crossing:
    """A configured crossover."""

    fast: str
    slow: str
    separation: Decimal
    confirmation: int
    series: Mapping[str, str]


def signal_condition(translation: Translation, item: DocumentNode, path: str) -> str | None:
    """Return the expression that is true on the bars of the events a rule's item wants."""
    name, outputs = _wanted(translation, item, path)
    if name is None:
        return None
    if name.text in LEVEL_SIGNALS:
        return level_condition(translation, name, outputs, path)
    if name.text not in _SIGNALS:
        known = ", ".join(SIGNAL_NAMES)
        message = f"a signal must be one of {known}, was `{shortened(name.text)}`"
        hint = did_you_mean(name.text, SIGNAL_NAMES) or "write the rule as an expression in `entry.long.when`"
        translation.fault("strategy.legacy_signal_unknown", message, name, path=path, hint=hint)
        return None
    crossing = _configured(translation, name)
    if crossing is None:
        return None
    conditions = [_output_condition(translation, crossing, key, value, path=path) for key, value in outputs]
    if not any(key.text in _TYPE_KEYS for key, _ in outputs):
        either = " or ".join(_event(crossing, event) for event in _EVENTS)
        conditions.insert(0, f"({either})")
    known_conditions = [condition for condition in conditions if condition is not None]
    return " and ".join(known_conditions) if len(known_conditions) == len(conditions) else None


def check_dependencies(translation: Translation) -> None:
    """Note the components a file names that rules do not use; paths may be dotted or slashed."""
    dependencies = translation.block(translation.root, "dependencies", "dependencies")
    for key, value in dependencies.entries.values() if dependencies else ():
        if key.text not in ("signals", "indicators", "orders"):
            translation.unused(key, f"dependencies.{shortened(key.text)}")
        for item in items_of(value):
            if (
                key.text == "signals"
                and isinstance(item, TextNode)
                and component(item.text) not in SIGNAL_NAMES
            ):
                text = f"signal `{shortened(component(item.text))}` is not built in; no rule may ask for it"
                translation.note("legacy.signal_unknown", text, item)


def component(path: str) -> str:
    """Return a component's name: the last part of a dotted or slashed path without ``.py``."""
    return path.strip().removesuffix(".py").replace("/", ".").rsplit(".", 1)[-1]


def _wanted(
    translation: Translation, item: DocumentNode, path: str
) -> tuple[TextNode | None, list[tuple[TextNode, DocumentNode]]]:
    """Return the signal's name and the outputs wanted."""
    if isinstance(item, TextNode):
        return item, []
    name = item.get("signal") if isinstance(item, MappingNode) else None
    if not isinstance(item, MappingNode) or not isinstance(name, TextNode):
        message = f"`{path}` must name a `signal`"
        translation.fault(
            "strategy.missing_key", message, item, path=path, hint="such as `signal: ma_crossover`"
        )
        return None, []
    translation.leftovers(item, ("signal", "outputs"), path)
    outputs = translation.block(item, "outputs", f"{path}.outputs")
    return name, list(outputs.entries.values()) if outputs else []


def _configured(translation: Translation, name: TextNode) -> _Crossing | None:
    """Return a signal with its configuration applied."""
    spec = _SIGNALS[name.text]
    configs = translation.block(translation.root, "signal_config", "signal_config")
    path = f"signal_config.{name.text}"
    config = translation.block(configs, name.text, path)
    used = ("required_indicators", "parameters", "fast_period", "slow_period")
    translation.leftovers(config, used, path)
    periods = _periods(translation, config, path, spec=spec)
    settings = translation.block(config, "parameters", f"{path}.parameters")
    translation.leftovers(settings, ("min_separation", "confirmation_bars"), f"{path}.parameters")
    confirmation = _confirmation(translation, settings, f"{path}.parameters.confirmation_bars")
    separation = _separation(translation, settings, spec, path=f"{path}.parameters.min_separation")
    if periods is None:
        return None
    fast, slow, series = periods
    names = {label: translation.named(label, expression) for label, expression in series.items()}
    prefix = name.text.removesuffix("_crossover")
    by_expression = {series[label]: named for label, named in names.items()}
    fast = by_expression.get(fast) or translation.named(f"{prefix}_fast", fast)
    slow = by_expression.get(slow) or translation.named(f"{prefix}_slow", slow)
    return _Crossing(fast=fast, slow=slow, series=names, separation=separation, confirmation=confirmation)


def _periods(
    translation: Translation, config: MappingNode | None, path: str, *, spec: _CrossSignal
) -> tuple[str, str, dict[str, str]] | None:
    """Return the fast and the slow average as expressions, and every named one."""
    series = _required(translation, config, path, spec=spec)
    averages = {"fast": spec.fast, "slow": spec.slow}
    for word in averages:
        node = None if config is None else config.get(f"{word}_period")
        if node is not None:
            averages[word] = _period(translation, node, f"{path}.{word}_period")
    stated = config is not None and any(f"{word}_period" in config.entries for word in averages)
    if series and not stated:
        fast, slow = _fast_and_slow(series)
    else:
        fast, slow = (_expression(spec.average, period) for period in averages.values())
    if not series and not stated:
        text = f"`{path}` states no periods: {spec.fast} and {spec.slow} are in force"
        translation.note("legacy.default", text, config)
    return None if translation.faults else (fast, slow, series)


def _fast_and_slow(series: dict[str, str]) -> tuple[str, str]:
    """Return the averages whose names say fast and slow, else the first and the last."""
    fast = next((row for name, row in series.items() if "fast" in name.lower()), None)
    slow = next((row for name, row in series.items() if "slow" in name.lower()), None)
    rows = list(series.values())
    return fast or next((row for row in rows if row != slow), rows[0]), slow or rows[-1]


def _required(
    translation: Translation, config: MappingNode | None, path: str, *, spec: _CrossSignal
) -> dict[str, str]:
    """Return `required_indicators` as expressions by name."""
    node = None if config is None else config.get("required_indicators")
    if node is not None and not isinstance(node, SequenceNode):
        message = f"`{path}.required_indicators` must be a list"
        translation.fault("strategy.wrong_shape", message, node, path=path)
        return {}
    found: dict[str, str] = {}
    for at, item in enumerate(items_of(node)):
        where = f"{path}.required_indicators[{at}]"
        if not isinstance(item, MappingNode):
            message = f"`{where}` must have `name`, `type` and `params`"
            translation.fault("strategy.wrong_shape", message, item, path=where)
            continue
        kind = item.get("type")
        word = component(kind.text).lower() if isinstance(kind, TextNode) else spec.average
        params = translation.block(item, "params", where) or translation.block(item, "parameters", where)
        name = item.get("name")
        label = name.text if isinstance(name, TextNode) else f"{word}_{at}"
        expression = _indicator(translation, word, params, item, path=where)
        if expression:
            found[label] = expression
    return found


def _indicator(
    translation: Translation, word: str, params: MappingNode | None, item: MappingNode, *, path: str
) -> str:
    period = 14 if word in ("rsi", "adx") else 20
    for key in ("period", "span", "length", "window"):
        if params is not None and key in params.entries:
            period = _period(translation, params.get(key), f"{path}.params.{key}")
    if word in ("sma", "ema"):
        return _expression(word, period)
    if word == "rsi":
        return f"rsi(close, {period})"
    if word == "adx":
        return f"adx({period}).adx"
    if word in ("bb", "bbands", "bollinger"):
        return f"bbands(close, {period}, 2).upper"
    message = f"an indicator's type must be sma, ema, bb, adx or rsi, was `{shortened(word)}`"
    translation.fault("strategy.legacy_indicator_unknown", message, item, path=path)
    return ""


def _expression(average: str, period: int) -> str:
    return f"{average}_legacy(close, {period})"


def _period(translation: Translation, node: DocumentNode | None, path: str) -> int:
    number = translation.number(node, path)
    if number is None or node is None:
        return 1
    if number != number.to_integral_value() or not 1 <= number <= MAX_PERIOD:
        message = f"`{path}` must be a whole number from 1 to {MAX_PERIOD}, was {number}"
        translation.fault("strategy.out_of_range", message, node, path=path)
        return 1
    return int(number)


def _separation(
    translation: Translation, settings: MappingNode | None, spec: _CrossSignal, *, path: str
) -> Decimal:
    node = None if settings is None else settings.get("min_separation")
    if node is None:
        return spec.separation
    number = translation.number(node, path)
    if number is None or number < 0:
        if number is not None:
            message = f"`{path}` must be at least 0, was {number}"
            translation.fault("strategy.out_of_range", message, node, path=path)
        return spec.separation
    if number != spec.separation:
        text = f"`{path}` {number} is applied; the first server ignored it and took {spec.separation}"
        translation.note("legacy.separation", text, node)
    return number


def _confirmation(translation: Translation, settings: MappingNode | None, path: str) -> int:
    node = None if settings is None else settings.get("confirmation_bars")
    if node is None:
        return 1
    number = translation.number(node, path)
    if number is None:
        return 1
    if number != number.to_integral_value() or not 0 <= number <= MAX_CONFIRMATION:
        message = f"`{path}` must be a whole number from 0 to {MAX_CONFIRMATION}, was {number}"
        translation.fault("strategy.out_of_range", message, node, path=path)
        return 1
    if number > 1:
        text = (
            f"`{path}` {number} is applied: the event comes on the {number}th bar on the new side, judged "
            "there; the first server ignored it"
        )
        translation.note("legacy.confirmation", text, node)
    return max(1, int(number))


def _output_condition(
    translation: Translation, crossing: _Crossing, key: TextNode, value: DocumentNode, *, path: str
) -> str | None:
    """Return the condition that an event's output has the wanted value."""
    where = f"{path}.outputs.{shortened(key.text)}"
    if key.text in _TYPE_KEYS:
        wanted = translation.resolved(value, where)
        if wanted is None:
            return None
        if wanted.text in _EVENTS:
            return _event(crossing, wanted.text)
        message = f"`{where}` must be golden_cross or death_cross, was `{shortened(wanted.text)}`"
        hint = did_you_mean(wanted.text, _EVENTS)
        translation.fault("strategy.legacy_output_unknown", message, value, path=where, hint=hint)
        return None
    sign, value = _compared(translation, value, where)
    number = translation.number(value, where)
    strength = f"min(1, abs({crossing.fast} - {crossing.slow}) / {crossing.slow} / 0.01)"
    known = {"strength": strength, "signal_strength": strength, **crossing.series}
    if number is None or key.text not in known:
        if number is not None:
            message = (
                f"an output must be one of {', '.join([_TYPE_KEYS[0], *known])}, was `{shortened(key.text)}`"
            )
            translation.fault("strategy.legacy_output_unknown", message, key, path=where)
        return None
    return f"{known[key.text]} {sign} {number:f}"


def _compared(translation: Translation, value: DocumentNode, path: str) -> tuple[str, DocumentNode]:
    """Return how an output is compared, and with what: ``> 0.1``, or a plain value."""
    match = _COMPARISON.fullmatch(value.text.strip()) if isinstance(value, TextNode) else None
    if match is None:
        return "==", value
    text = f"`{path}` is applied as a comparison; the first server compared it as text and it never held"
    translation.note("legacy.output_comparison", text, value)
    return match[1], new_text(match[2], value)


def _event(crossing: _Crossing, event: str) -> str:
    """Return the condition of a crossing, confirmed and wide enough."""
    sign, crosses = _EVENTS[event]
    fast, slow, bars = crossing.fast, crossing.slow, crossing.confirmation
    parts = [f"{crosses}({fast}, {slow})" + (f"[{bars - 1}]" if bars > 1 else "")]
    if bars > 1:
        parts.append(f"count_true({fast} {sign} {slow}, {bars}) == {bars}")
    if crossing.separation > 0:
        parts.append(f"abs({fast} - {slow}) / {slow} >= {crossing.separation:f}")
    return "(" + " and ".join(parts) + ")" if len(parts) > 1 else parts[0]
