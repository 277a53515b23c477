"""Reads `parameters`: defaults, ranges, steps, and a request's overrides checked against them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, SequenceNode, TextNode, shortened
from sptraderb.strategy.names import MAX_NAME_LENGTH, NAME, RESERVED, did_you_mean
from sptraderb.strategy.parser import UNIT_WORDS, parse_expression
from sptraderb.strategy.quantities import is_constant, quantity_of
from sptraderb.strategy.scope import Scope
from sptraderb.strategy.tokenizer import ExpressionFault
from sptraderb.strategy.values import EXACT, Quantity
from sptraderb.strategy.word_parameter import (
    BROKEN,
    SWITCH,
    WordParameter,
    is_word_block,
    read_word,
    word_without_choices,
)

ParameterText = str | int | float | Decimal
_ANY_UNIT = ("", *UNIT_WORDS)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared parameter that is a number.

    Parameters
    ----------
    default : Quantity
        Value unless overridden.
    lowest, highest, step : Decimal or None
        Its range and step, in the default's unit.
    """

    default: Quantity
    lowest: Decimal | None = None
    highest: Decimal | None = None
    step: Decimal | None = None

    def accepts(self, value: Decimal) -> bool:
        """Whether a value lies in the range."""
        above = self.lowest is None or value >= self.lowest
        return above and (self.highest is None or value <= self.highest)

    @property
    def range_text(self) -> str:
        """The range in words."""
        ends = (Quantity(end or Decimal(0), self.default.unit).text for end in (self.lowest, self.highest))
        return " to ".join(ends)


Declared = Parameter | WordParameter


def read_parameters(reader: BlockReader, node: DocumentNode | None) -> dict[str, Declared]:
    """Return the declared parameters; those with faults are left out but for their names."""
    found: dict[str, Declared] = {}
    for key, value in reader.entries(node, "parameters"):
        path = f"parameters.{key.text}"
        if check_name(reader, key, path):
            parameter = _parameter(reader, value, path)
            found[key.text] = parameter or Parameter(Quantity(Decimal(1)))
    return found


def check_name(reader: BlockReader, key: TextNode, path: str) -> bool:
    """Whether a parameter or series may have this name; adds a fault if not."""
    name = key.text
    if not NAME.fullmatch(name) or len(name) > MAX_NAME_LENGTH:
        message = (
            f"a name must be [a-z_][a-z0-9_]* of at most {MAX_NAME_LENGTH} letters, was `{shortened(name)}`"
        )
        lowered = name.lower()
        fits = NAME.fullmatch(lowered) and len(lowered) <= MAX_NAME_LENGTH and lowered not in RESERVED
        reader.fault("strategy.name", message, key, path=path, hint=f"write `{lowered}`" if fits else "")
        reader.scope.refused.add(name)
        return False
    if name in RESERVED:
        message = f"a name must not be a word of the language, was `{name}`"
        reader.fault("strategy.name", message, key, path=path, hint=f"such as `my_{name}`")
        return False
    return True


def _parameter(reader: BlockReader, node: DocumentNode, path: str) -> Declared | None:
    if not isinstance(node, MappingNode):
        if isinstance(node, TextNode) and node.text in SWITCH:
            return WordParameter(node.text)
        if word_without_choices(reader, node, path):
            return BROKEN
        default = reader.quantity(node, path, units=_ANY_UNIT)
        return None if default is None else Parameter(default)
    block = reader.block(node, path, block="parameter")
    reader.text(block.get("description"), f"{path}.description")
    if is_word_block(block):
        return read_word(reader, block, path)
    if word_without_choices(reader, block.get("default"), f"{path}.default"):
        return BROKEN
    return _number(reader, block, path)


def _number(reader: BlockReader, block: dict[str, DocumentNode], path: str) -> Parameter | None:
    default = reader.quantity(block.get("default"), f"{path}.default", units=_ANY_UNIT)
    if default is None:
        return None
    step = reader.quantity(block.get("step"), f"{path}.step", units=(default.unit,), lowest="above 0")
    bounds = _range(reader, block.get("range"), f"{path}.range", unit=default.unit)
    parameter = Parameter(default, *bounds, step.value if step else None)
    if not parameter.accepts(default.value):
        message = f"`{path}.default` must lie in its range {parameter.range_text}, was {default.text}"
        reader.fault("strategy.out_of_range", message, block["default"], path=path)
    return parameter


def _range(
    reader: BlockReader, node: DocumentNode | None, path: str, *, unit: str
) -> tuple[Decimal | None, Decimal | None]:
    if node is None:
        return None, None
    if not isinstance(node, SequenceNode) or len(node.items) != 2:
        message = f"`{path}` must be a list of two values"
        reader.fault("strategy.wrong_shape", message, node, path=path, hint="such as `[5, 30]`")
        return None, None
    ends = [reader.quantity(item, path, units=(unit,)) for item in node.items]
    low, high = ends
    if low is None or high is None:
        return None, None
    if low.value > high.value:
        message = f"`{path}` must begin with its smallest value, was {low.text} to {high.text}"
        reader.fault("strategy.out_of_range", message, node, path=path)
        return None, None
    return low.value, high.value


def values_in_force(
    reader: BlockReader, declared: Mapping[str, Declared], overrides: Mapping[str, ParameterText]
) -> dict[str, Quantity | str]:
    """Return every parameter's value after a request's overrides, which must lie in the ranges."""
    values: dict[str, Quantity | str] = {name: parameter.default for name, parameter in declared.items()}
    for name, given in overrides.items():
        path = f"parameters.{shortened(str(name))}"
        parameter = declared.get(name)
        if parameter is None:
            message = f"a request's parameter must be one of the strategy's, was `{shortened(str(name))}`"
            hint = did_you_mean(str(name), declared) or (
                "the strategy has " + (", ".join(declared) or "none")
            )
            reader.faults.add("strategy.parameter_unknown", message, at=None, path=path, hint=hint)
            continue
        if isinstance(parameter, WordParameter):
            values[name] = _word_override(reader, parameter, given, path=path)
            continue
        quantity = _override(reader, parameter, given, path=path)
        if quantity is not None:
            values[name] = quantity
    return values


def _word_override(reader: BlockReader, parameter: WordParameter, given: ParameterText, *, path: str) -> str:
    word = str(given).lower() if isinstance(given, bool) else str(given)
    if word in parameter.choices or parameter is BROKEN:
        return word
    message = f"`{path}` must be {parameter.choices_text}, was `{shortened(word)}`"
    hint = did_you_mean(word, parameter.choices)
    reader.faults.add("strategy.parameter_out_of_range", message, at=None, path=path, hint=hint)
    return parameter.default


def _override(
    reader: BlockReader, parameter: Parameter, given: ParameterText, *, path: str
) -> Quantity | None:
    shown = shortened(str(given))
    quantity = _quantity_from(given)
    if quantity is None or quantity.unit != parameter.default.unit:
        message = f"`{path}` must be a number like its default {parameter.default.text}, was `{shown}`"
        reader.faults.add("strategy.parameter_malformed", message, at=None, path=path)
        return None
    if not parameter.accepts(quantity.value):
        message = f"`{path}` must lie in its range {parameter.range_text}, was {shown}"
        reader.faults.add("strategy.parameter_out_of_range", message, at=None, path=path)
        return None
    return quantity


def _quantity_from(given: ParameterText) -> Quantity | None:
    if isinstance(given, bool):
        return None
    text = given if isinstance(given, str) else f"{Decimal(str(given)):f}"
    empty = Scope.empty()
    try:
        tree = parse_expression(text)
        quantity = quantity_of(tree, empty) if is_constant(tree, empty) else None
    except ExpressionFault:
        return None
    return None if quantity is None else Quantity(EXACT.plus(quantity.value), quantity.unit)


def put_in_force(
    reader: BlockReader, declared: Mapping[str, Declared], values: Mapping[str, Quantity | str]
) -> None:
    """Let expressions know the values."""
    for name, value in values.items():
        parameter = declared[name]
        if isinstance(value, Quantity):
            reader.scope.parameters[name] = value
        elif isinstance(parameter, WordParameter):
            reader.scope.words[name] = value, parameter.choices
