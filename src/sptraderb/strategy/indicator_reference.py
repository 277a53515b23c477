"""The reference page of indicators and functions, made of the registries so that it cannot drift."""

from sptraderb.engine.function_registry import FUNCTIONS
from sptraderb.engine.indicator_registry import ALIASES, FAMILIES
from sptraderb.engine.indicator_spec import IndicatorSpec, ParameterSpec

_HEAD = """# Indicators and functions

Generated from `engine/indicator_families` and `engine/function_registry.py` by
`strategy/indicator_reference.py`; a test compares the two, so change the registry, not this page.

A source that is left out is the one shown: `rsi(14)` is `rsi(close, 14)`. A parameter with `=` may be left
out. One output of several is chosen by its word: `macd(12, 26, 9).signal`. The first value is the number of
bars before it (rules wait for it); settling is the number of further bars until a recursive seed weighs
less than 1e-6 (loaded before the start where they exist, never waited for).

The pictures show 150 hourly bars of EURUSD, price in grey; `python tools/indicator_pictures.py` draws them.
"""


def indicator_reference() -> str:
    """Return `docs/reference/indicators.md` as text."""
    parts = [_HEAD]
    for family, specs in FAMILIES.items():
        parts.append(f"\n## {family}\n")
        parts += [_section(spec) for spec in specs]
    parts.append("\n## Functions\n\n| call | gives | meaning |\n| --- | --- | --- |\n")
    for spec in FUNCTIONS.values():
        result = "a condition" if spec.result == "boolean" else "a number"
        parts.append(f"| `{spec.call}` | {result} | {spec.meaning} |\n")
    return "".join(parts)


def _section(spec: IndicatorSpec) -> str:
    rows = [f"\n### {spec.name}\n\n{spec.title}: `{spec.call}`\n\n", _picture(spec)]
    rows.append(f"- Formula: {spec.formula}\n")
    rows.append(f"- Reads: {', '.join(row.price for row in spec.inputs)}\n")
    if spec.parameters:
        rows.append(f"- Parameters: {'; '.join(_bounds(row) for row in spec.parameters)}\n")
    if len(spec.outputs) > 1:
        rows.append(f"- Outputs: {', '.join(f'`.{name}`' for name in spec.output_names)}\n")
    rows.append(_warm_up(spec))
    aliases = sorted(alias for alias, name in ALIASES.items() if name == spec.name)
    if aliases:
        rows.append(f"- Also written: {', '.join(f'`{alias}`' for alias in aliases)}\n")
    rows.append(f"- Source: {spec.source}" + (f"; TA-Lib: {spec.talib}\n" if spec.talib else "\n"))
    if spec.differs:
        rows.append(f"- Beware: {spec.differs}\n")
    return "".join(rows)


def _picture(spec: IndicatorSpec) -> str:
    return f"![{spec.title} on hourly EURUSD](pictures/{spec.name}.svg)\n\n"


def _bounds(spec: ParameterSpec) -> str:
    kind = "whole, " if spec.integer else ""
    return f"{spec.name} ({kind}{spec.low:g} to {spec.high:g})"


def _warm_up(spec: IndicatorSpec) -> str:
    params = tuple(20.0 if row.default is None else row.default for row in spec.parameters)
    firsts = {name: spec.first_value(params, name) for name in spec.output_names}
    counts = set(firsts.values())
    words = (
        ", ".join(f"{name} {bars}" for name, bars in firsts.items()) if len(counts) > 1 else str(counts.pop())
    )
    shown = f" for {', '.join(f'{value:g}' for value in params)}" if params else ""
    settle = f"; settling {spec.settle(params)} bars" if spec.settle(params) else ""
    sessions = f"; settling {_days(spec.settle_sessions)}" if spec.settle_sessions else ""
    first = _days(spec.first_sessions) + " after the first bar" if spec.first_sessions else f"bar {words}"
    return f"- First value{shown}: {first}{settle}{sessions}\n"


def _days(count: int) -> str:
    return f"{count} session day{'s' if count > 1 else ''}"
