"""Reads `python`: components of the user's own, as names an expression may use.

Only what the text says is checked here; whether the server allows Python and has the component is found
when a run is accepted and when it begins (`orchestrator/component_policy`, `user_python`).
"""

import re
from collections.abc import Iterable

from sptraderb.domain.component import Component
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, TextNode, shortened
from sptraderb.strategy.names import NAME, did_you_mean
from sptraderb.strategy.parameter_block import check_name
from sptraderb.strategy.values import Kind

MAX_COMPONENTS = 20
MAX_OUTPUTS = 20
_PLACE = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,99})(?:\.([A-Za-z_][A-Za-z0-9_]{0,99}))?")
_KINDS = {"number": Kind.NUMBER, "price": Kind.PRICE, "distance": Kind.DISTANCE}


def read_components(reader: BlockReader, node: DocumentNode | None) -> dict[str, tuple[TextNode, Component]]:
    """Read the components into the reader's scope; return each with the key that names it."""
    found: dict[str, tuple[TextNode, Component]] = {}
    for key, value in reader.entries(node, "python"):
        path = f"python.{key.text}"
        if len(found) >= MAX_COMPONENTS:
            message = f"a strategy must have at most {MAX_COMPONENTS} components"
            reader.fault("strategy.too_many_components", message, key, path="python")
            break
        if not check_name(reader, key, path):
            continue
        if key.text in {**reader.scope.parameters, **reader.scope.words}:
            message = f"a name must be given once, `{key.text}` is a parameter already"
            reader.fault("strategy.name", message, key, path=path)
            continue
        component, kind = _component(reader, key, value, path)
        reader.scope.components[key.text] = component, kind
        found[key.text] = key, component
    return found


def check_components(reader: BlockReader, found: dict[str, tuple[TextNode, Component]]) -> None:
    """Find faults in the series components are given, once all series are compiled."""
    series = reader.scope.series
    for name, (key, component) in found.items():
        path = f"python.{name}.indicators"
        for given in component.indicators:
            if given not in series:
                message = f"a component must be given named series, `{shortened(given)}` is none"
                hint = did_you_mean(given, series) or "name it in `indicators`"
                reader.fault("strategy.unknown_name", message, key, path=path, hint=hint)
            elif _reads_component(reader, given):
                message = f"a component must be given series of the market alone, `{given}` is not"
                reader.fault("strategy.cycle", message, key, path=path)


def _reads_component(reader: BlockReader, name: str) -> bool:
    value = reader.scope.series[name]
    waiting = [] if value is None or value.node < 0 else [value.node]
    while waiting:
        node = reader.lowering.graph[waiting.pop()]
        if node.op in ("external", "position"):
            return True
        waiting.extend(node.args)
    return False


def _component(reader: BlockReader, key: TextNode, node: DocumentNode, path: str) -> tuple[Component, Kind]:
    block = reader.block(node, path, block="component")
    place = reader.text(block.get("component"), f"{path}.component")
    match = None if place is None else _PLACE.fullmatch(place.text)
    if place is not None and match is None:
        message = f"`{path}.component` must be a file and a class, was `{shortened(place.text)}`"
        hint = "such as `my_indicators.Fancy`, or `my_signals` for its `generate_signals`"
        reader.fault("strategy.component", message, place, path=path, hint=hint)
    module, attribute = ("", "") if match is None else (match[1], match[2] or "")
    component = Component(
        name=key.text,
        module=module,
        attribute=attribute,
        parameters=_parameters(reader, block.get("parameters"), f"{path}.parameters"),
        outputs=_names(reader, block.get("outputs"), f"{path}.outputs"),
        indicators=_names(reader, block.get("indicators"), f"{path}.indicators"),
        warm_up=_bars(reader, block.get("warm_up"), f"{path}.warm_up"),
        line=key.place.line,
    )
    return component, _kind(reader, block.get("values"), f"{path}.values")


def _parameters(reader: BlockReader, node: DocumentNode | None, path: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in reader.entries(node, path):
        where = f"{path}.{shortened(key.text)}"
        if not NAME.fullmatch(key.text):
            message = f"a parameter's name must be [a-z_][a-z0-9_]*, was `{shortened(key.text)}`"
            reader.fault("strategy.name", message, key, path=where)
            continue
        quantity = reader.quantity(value, where, units=("",))
        if quantity is not None:
            found[key.text] = float(quantity.value)
    return found


def _names(reader: BlockReader, node: DocumentNode | None, path: str) -> tuple[str, ...]:
    names: list[str] = []
    for item in () if node is None else reader.items(node):
        text = reader.text(item, path)
        if text is None:
            continue
        if not NAME.fullmatch(text.text) or text.text in names or len(names) >= MAX_OUTPUTS:
            message = f"`{path}` must be at most {MAX_OUTPUTS} different names, was `{shortened(text.text)}`"
            reader.fault("strategy.name", message, item, path=path)
            continue
        names.append(text.text)
    return tuple(names)


def _bars(reader: BlockReader, node: DocumentNode | None, path: str) -> int:
    quantity = reader.quantity(node, path, units=("", "bars"), lowest="at least 0")
    if quantity is None or node is None:
        return 0
    if quantity.value != quantity.value.to_integral_value():
        reader.fault("strategy.not_whole", f"`{path}` must be whole, was {quantity.text}", node, path=path)
        return 0
    return int(quantity.value)


def _kind(reader: BlockReader, node: DocumentNode | None, path: str) -> Kind:
    text = reader.text(node, path)
    if text is None:
        return Kind.NUMBER
    found = _KINDS.get(text.text)
    if found is None:
        message = f"`{path}` must be {_listed(_KINDS)}, was `{shortened(text.text)}`"
        reader.fault("strategy.component", message, text, path=path, hint=did_you_mean(text.text, _KINDS))
    return found or Kind.NUMBER


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
