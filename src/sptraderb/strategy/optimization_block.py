"""Reads `optimization`: which parameters a sweep varies, over which values, judged by what."""

from collections.abc import Mapping

from sptraderb.engine.metric_definitions import DEFINITIONS
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, SequenceNode, TextNode, shortened
from sptraderb.strategy.names import did_you_mean
from sptraderb.strategy.parameter_block import Declared, Parameter
from sptraderb.strategy.values import Quantity
from sptraderb.strategy.word_parameter import WordParameter

MAX_VALUES = 10_000
_MAX_LISTED = 10
_METRICS = tuple(row.name for row in DEFINITIONS)


def read_optimization(
    reader: BlockReader, node: DocumentNode | None, declared: Mapping[str, Declared]
) -> dict[str, object]:
    """Return the block as plain data after checking it against the parameters."""
    block = reader.block(node, "optimization", block="optimization")
    found: dict[str, object] = {}
    objective = reader.text(block.get("objective"), "optimization.objective")
    if objective is not None:
        if objective.text not in _METRICS:
            message = f"`optimization.objective` must be a metric's name, was `{shortened(objective.text)}`"
            hint = did_you_mean(objective.text, _METRICS) or "such as `sharpe` or `net_profit`"
            reader.fault("strategy.value", message, objective, path="optimization.objective", hint=hint)
        found["objective"] = objective.text
    varied: dict[str, object] = {}
    for key, value in reader.entries(block.get("parameters"), "optimization.parameters"):
        path = f"optimization.parameters.{key.text}"
        parameter = declared.get(key.text)
        if parameter is None:
            message = f"`{shortened(path)}` must be one of the strategy's parameters"
            hint = did_you_mean(key.text, declared) or _declared(declared)
            reader.fault("strategy.parameter_unknown", message, key, path=path, hint=hint)
            continue
        if isinstance(parameter, WordParameter):
            varied[key.text] = _words(reader, value, path, parameter=parameter)
        else:
            varied[key.text] = _values(reader, value, path, parameter=parameter)
    if varied:
        found["parameters"] = varied
    return found


def _declared(declared: Mapping[str, Declared]) -> str:
    names = ", ".join(f"`{name}`" for name in list(declared)[:_MAX_LISTED])
    return f"parameters are {names}" if names else "the strategy has none"


def _values(reader: BlockReader, node: DocumentNode, path: str, *, parameter: Parameter) -> object:
    if isinstance(node, MappingNode):
        return _range(reader, node, path, parameter=parameter)
    if not isinstance(node, SequenceNode) or not node.items:
        message = f"`{path}` must be a list of values or {{from, to, step}}"
        reader.fault("strategy.wrong_shape", message, node, path=path)
        return []
    found = [_value(reader, item, path, parameter=parameter) for item in node.items]
    return [quantity.text for quantity in found if quantity is not None]


def _words(reader: BlockReader, node: DocumentNode, path: str, *, parameter: WordParameter) -> list[str]:
    if not isinstance(node, SequenceNode) or not node.items:
        message = f"`{path}` must be a list of {parameter.choices_text}"
        reader.fault("strategy.wrong_shape", message, node, path=path)
        return []
    found = [source for item in node.items if (source := reader.text(item, path)) is not None]
    for source in found:
        if parameter.choices and source.text not in parameter.choices:
            message = f"`{path}` must be {parameter.choices_text}, was `{shortened(source.text)}`"
            hint = did_you_mean(source.text, parameter.choices)
            reader.fault("strategy.value", message, source, path=path, hint=hint)
    return [source.text for source in found]


def _range(reader: BlockReader, node: MappingNode, path: str, *, parameter: Parameter) -> dict[str, str]:
    block = reader.block(node, path, block="range")
    low = _value(reader, block.get("from"), f"{path}.from", parameter=parameter)
    high = _value(reader, block.get("to"), f"{path}.to", parameter=parameter)
    units = (parameter.default.unit,)
    step = reader.quantity(block.get("step"), f"{path}.step", units=units, lowest="above 0")
    if low is None or high is None or step is None:
        return {}
    if low.value > high.value or (high.value - low.value) / step.value > MAX_VALUES:
        message = f"`{path}` must have 1 to {MAX_VALUES} values from smallest to largest"
        reader.fault("strategy.out_of_range", message, node, path=path)
    return {"from": low.text, "to": high.text, "step": step.text}


def _value(
    reader: BlockReader, node: DocumentNode | None, path: str, *, parameter: Parameter
) -> Quantity | None:
    quantity = reader.quantity(node, path, units=(parameter.default.unit,))
    if quantity is not None and not parameter.accepts(quantity.value) and isinstance(node, TextNode):
        message = f"`{path}` must lie in the range {parameter.range_text}, was {quantity.text}"
        reader.fault("strategy.out_of_range", message, node, path=path)
    return quantity
