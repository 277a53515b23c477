"""Reads where an order lies: a distance from the fill, or an absolute price; each refuses the other (X15)."""

from sptraderb.domain.order import Distance, DistanceKind
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, TextNode, shortened
from sptraderb.strategy.quantities import is_constant
from sptraderb.strategy.syntax_tree import Expression
from sptraderb.strategy.values import EXACT, KIND_WORDS, Kind, Quantity, Value

_MILLIONTHS = 6
_PPB = 9
_MANY = 10
_PRICE_KINDS = (Kind.PRICE, Kind.SCALED)
STOP_UNITS = ("%", "pips", "ticks")
"""Units of a distance that R itself is measured by."""
TARGET_UNITS = (*STOP_UNITS, "R")
"""Units of a distance beside a stop."""


def read_distance(
    reader: BlockReader, node: DocumentNode | None, path: str, *, units: tuple[str, ...]
) -> Distance | None:
    """Return a distance or, from a mapping, an absolute price; None if there is none or it has a fault.

    Parameters
    ----------
    reader : BlockReader
        Takes the faults.
    node, path
        The value and its place in words.
    units : tuple of str
        `STOP_UNITS` or `TARGET_UNITS`.
    """
    if isinstance(node, MappingNode):
        return _absolute(reader, node, path)
    parsed = reader.tree(node, path)
    if parsed is None:
        return None
    source, tree = parsed
    if is_constant(tree, reader.scope):
        quantity = reader.constant(source, tree, path)
        return None if quantity is None else _constant_distance(reader, quantity, source, path, units=units)
    return _series_distance(reader, tree, source, path)


def read_move(
    reader: BlockReader, node: DocumentNode | None, path: str, *, units: tuple[str, ...] = TARGET_UNITS
) -> Distance | None:
    """Return a distance that may not be a price."""
    source = reader.text(node, path)
    return None if source is None else read_distance(reader, source, path, units=units)


def read_price(reader: BlockReader, node: DocumentNode | None, path: str, *, hint: str) -> int | None:
    """Return the graph's node of an absolute price, or None.

    Parameters
    ----------
    reader : BlockReader
        Takes the faults.
    node, path
        The value and its place in words.
    hint : str
        What to write instead of a distance.
    """
    value = reader.value(node, path)
    if value is None or not isinstance(node, TextNode) or not reader.require_market(value, node, path):
        return None
    if value.kind in _PRICE_KINDS or (value.constant is not None and value.kind is Kind.NUMBER):
        return reader.lowering.node(value)
    text = shortened(node.text)
    message = f"`{path}` must be a price, `{text}` is {KIND_WORDS[value.kind]}"
    hint = hint if value.kind is Kind.DISTANCE else "a price is such as `low` or `close - 20 pips`"
    reader.fault("strategy.price_needed", message, node, path=path, hint=hint)
    return None


def _absolute(reader: BlockReader, node: MappingNode, path: str) -> Distance | None:
    level = reader.block(node, path, block="level").get("price")
    text = shortened(level.text) if isinstance(level, TextNode) else ""
    hint = f"write `{path.rsplit('.', 1)[-1]}: {text}` for a distance"
    price = read_price(reader, level, f"{path}.price", hint=hint)
    return None if price is None else Distance(kind=DistanceKind.PRICE, node=price, text=text)


def _constant_distance(
    reader: BlockReader, quantity: Quantity, source: TextNode, path: str, *, units: tuple[str, ...]
) -> Distance | None:
    text = shortened(source.text)
    if quantity.unit not in units:
        _wrong_distance_unit(reader, quantity, source, path, units=units)
        return None
    if quantity.value <= 0:
        message = f"`{path}` must be above 0, was {quantity.text}"
        reader.fault("strategy.out_of_range", message, source, path=path)
        return None
    if quantity.unit == "%":
        amount = reader.scaled(EXACT.scaleb(quantity.value, -2), _PPB, source, path=path)
        return Distance(kind=DistanceKind.RATE, amount=amount, text=text)
    if quantity.unit == "R":
        amount = reader.scaled(quantity.value, _MILLIONTHS, source, path=path)
        return Distance(kind=DistanceKind.R, amount=amount, text=text)
    amount = reader.scaled(reader.scope.ticks(quantity), _MILLIONTHS, source, path=path)
    return Distance(kind=DistanceKind.TICKS, amount=amount, text=text)


def _wrong_distance_unit(
    reader: BlockReader, quantity: Quantity, source: TextNode, path: str, *, units: tuple[str, ...]
) -> None:
    if quantity.unit == "R" and path.endswith("stop_loss"):
        message = f"`{path}` must not be in R, which is its own distance"
        reader.fault("strategy.wrong_unit", message, source, path=path, hint="such as `20 pips` or `2%`")
        return
    code = "strategy.wrong_unit" if quantity.unit else "strategy.unit_needed"
    message = f"`{path}` must be in {' or '.join(units)}, was {quantity.text}"
    hint = f"such as {_likely(quantity)}"
    reader.fault(code, message, source, path=path, hint=hint)


def _likely(quantity: Quantity) -> str:
    """Return what a number without a unit is likely to mean: a fraction, a percentage, or so many pips."""
    if quantity.value < 1:
        return f"`{Quantity(EXACT.scaleb(quantity.value, 2), '%').text}` or `20 pips`"
    if quantity.value < _MANY:
        return f"`{Quantity(quantity.value, '%').text}` or `20 pips`"
    return f"`{Quantity(quantity.value, 'pips').text}` or `2%`"


def _series_distance(reader: BlockReader, tree: Expression, source: TextNode, path: str) -> Distance | None:
    value = reader.lowering.value(tree, source, path)
    if value is None or not reader.require_market(value, source, path):
        return None
    if not _is_distance(reader, value, source, path):
        return None
    return Distance(kind=DistanceKind.SERIES, node=reader.lowering.node(value), text=shortened(source.text))


def _is_distance(reader: BlockReader, value: Value, source: TextNode, path: str) -> bool:
    if value.kind in (Kind.DISTANCE, Kind.SCALED):
        return True
    text = shortened(source.text)
    message = f"`{path}` must be a price distance, `{text}` is {KIND_WORDS[value.kind]}"
    hint = "such as `1.5 * atr(14)` or `20 pips`"
    if value.kind is Kind.PRICE:
        quoted = f'"{text}"' if any(letter in text for letter in ",[]") else text
        hint = f"write `{{price: {quoted}}}` for a price"
    reader.fault("strategy.distance_needed", message, source, path=path, hint=hint)
    return False
