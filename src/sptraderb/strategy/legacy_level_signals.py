"""Signals of the older dialect on a level: RSI, Bollinger bands, ADX, as expressions of the language.

The first server's own `rsi_oversold` marked the last bar below the threshold and needed the bar after it to
know; here the event comes on that next bar, so nothing is seen early. The others follow its shape.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, TextNode, shortened
from sptraderb.strategy.legacy_notes import Translation
from sptraderb.strategy.names import did_you_mean

MAX_BARS = 100
MAX_PERIOD = 5_000
_TYPE_KEYS = ("crossover_type", "signal_type", "type")
_PERIOD_KEYS = ("period", "rsi_period", "adx_period", "bb_period", "length", "window")
_INDICATOR_KEYS = ("params", "parameters")
_Events = Mapping[str, Callable[[Mapping[str, str]], str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _LevelSignal:
    """A signal: the series it names, its settings with their defaults, its events."""

    series: Mapping[str, str]
    period: int
    settings: Mapping[str, Decimal]
    events: _Events


def _left(side: str) -> Callable[[Mapping[str, str]], str]:
    """Return the event of leaving a side of the threshold after enough bars on it."""

    def event(words: Mapping[str, str]) -> str:
        beyond = f"{words['rsi']} {side} {words['threshold']}"
        if words["min_bars"] == "1":
            return f"{beyond} and not ({beyond})[1]"
        return f"(not ({beyond}) and (count_true({beyond}, {words['min_bars']}) == {words['min_bars']})[1])"

    return event


_RSI = MappingProxyType({"rsi": "rsi(close, {period})"})
LEVEL_SIGNALS: Mapping[str, _LevelSignal] = MappingProxyType(
    {
        "rsi_oversold": _LevelSignal(
            series=_RSI,
            period=14,
            settings={"oversold_threshold": Decimal(30), "min_bars": Decimal(2)},
            events={"oversold": _left("<")},
        ),
        "rsi_overbought": _LevelSignal(
            series=_RSI,
            period=14,
            settings={"overbought_threshold": Decimal(70), "min_bars": Decimal(2)},
            events={"overbought": _left(">")},
        ),
        "bollinger_breakout": _LevelSignal(
            series={
                "bb_upper": "bbands(close, {period}, {std_dev}).upper",
                "bb_lower": "bbands(close, {period}, {std_dev}).lower",
            },
            period=20,
            settings={"std_dev": Decimal(2)},
            events={
                "upper_break": lambda words: f"crosses_above(close, {words['bb_upper']})",
                "lower_break": lambda words: f"crosses_below(close, {words['bb_lower']})",
            },
        ),
        "adx_trend": _LevelSignal(
            series={"adx": "adx({period}).adx"},
            period=14,
            settings={"threshold": Decimal(25)},
            events={
                "trend_start": lambda words: f"crosses_above({words['adx']}, {words['threshold']})",
                "trend_end": lambda words: f"crosses_below({words['adx']}, {words['threshold']})",
            },
        ),
    }
)
"""By name; `settings` are keys of `signal_config.<signal>.parameters`."""


def level_condition(
    translation: Translation, name: TextNode, outputs: list[tuple[TextNode, DocumentNode]], path: str
) -> str | None:
    """Return the expression of the events a rule's item wants, None after a fault."""
    spec = LEVEL_SIGNALS[name.text]
    words = _configured(translation, name, spec)
    text = (
        f"`{name.text}` is read as {' or '.join(spec.events)} with {_settings_text(words, spec)}; the event "
        "comes on the bar that completes it"
    )
    translation.note("legacy.level_signal", text, name)
    wanted = list(spec.events)
    for key, value in outputs:
        where = f"{path}.outputs.{shortened(key.text)}"
        if key.text not in _TYPE_KEYS:
            message = f"an output must be {_TYPE_KEYS[0]}, was `{shortened(key.text)}`"
            translation.fault("strategy.legacy_output_unknown", message, key, path=where)
            return None
        event = translation.resolved(value, where)
        if event is None:
            return None
        if event.text not in spec.events and event.text != name.text:
            message = f"`{where}` must be {' or '.join(spec.events)}, was `{shortened(event.text)}`"
            hint = did_you_mean(event.text, spec.events)
            translation.fault("strategy.legacy_output_unknown", message, value, path=where, hint=hint)
            return None
        wanted = [event.text] if event.text in spec.events else wanted
    if translation.faults:
        return None
    return "(" + " or ".join(spec.events[event](words) for event in wanted) + ")"


def _configured(translation: Translation, name: TextNode, spec: _LevelSignal) -> dict[str, str]:
    """Return the words of a signal's expressions: series by name, settings as numbers."""
    configs = translation.block(translation.root, "signal_config", "signal_config")
    path = f"signal_config.{name.text}"
    config = translation.block(configs, name.text, path)
    translation.leftovers(config, ("required_indicators", "parameters", *_PERIOD_KEYS), path)
    settings = translation.block(config, "parameters", f"{path}.parameters")
    translation.leftovers(settings, (*spec.settings, *_PERIOD_KEYS), f"{path}.parameters")
    period = spec.period
    for block in (config, settings, _stated_indicator(translation, config, path)):
        for key in _PERIOD_KEYS:
            if block is not None and key in block.entries:
                period = _whole(translation, block.get(key), f"{path}.{key}", (1, MAX_PERIOD), period)
    words = {"period": str(period)}
    for key, default in spec.settings.items():
        node = None if settings is None else settings.get(key)
        number = default if node is None else translation.number(node, f"{path}.parameters.{key}")
        words[key] = f"{default if number is None else number:f}"
        if key.endswith("threshold"):
            words["threshold"] = words[key]
    if "min_bars" in words and settings is not None:
        stated = settings.get("min_bars")
        default_bars = int(spec.settings["min_bars"])
        where = f"{path}.parameters.min_bars"
        words["min_bars"] = str(_whole(translation, stated, where, (1, MAX_BARS), default_bars))
    series = {label: text.format(**words) for label, text in spec.series.items()}
    return words | {label: translation.named(label, text) for label, text in series.items()}


def _stated_indicator(translation: Translation, config: MappingNode | None, path: str) -> MappingNode | None:
    """Return the parameters of the first of `required_indicators`."""
    node = None if config is None else config.get("required_indicators")
    items = getattr(node, "items", ())
    if not items or not isinstance(items[0], MappingNode):
        return None
    for key in _INDICATOR_KEYS:
        found = translation.block(items[0], key, f"{path}.required_indicators[0].{key}")
        if found is not None:
            return found
    return None


def _whole(
    translation: Translation, node: DocumentNode | None, path: str, bounds: tuple[int, int], default: int
) -> int:
    if node is None:
        return default
    number = translation.number(node, path)
    low, high = bounds
    if number is None:
        return default
    if number != number.to_integral_value() or not low <= number <= high:
        message = f"`{path}` must be a whole number from {low} to {high}, was {number}"
        translation.fault("strategy.out_of_range", message, node, path=path)
        return default
    return int(number)


def _settings_text(words: Mapping[str, str], spec: _LevelSignal) -> str:
    return ", ".join(f"{key} {words[key]}" for key in ("period", *spec.settings))
