"""Reads `entry`: named ways into a position, each with its condition, size and exits."""

from sptraderb.domain.order import LONG, MARKET_ORDER, SHORT, EntryRule, SizeKind, SizeRule
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, SequenceNode, TextNode, shortened
from sptraderb.strategy.exit_block import ExitPart, check_r, read_side_exit
from sptraderb.strategy.order_block import read_cancel_when, read_oco, read_order

MAX_ENTRIES = 50
_SIDES = {"long": LONG, "short": SHORT}
_SIZE_UNITS = {"%": SizeKind.EQUITY_FRACTION, "lots": SizeKind.LOTS, "units": SizeKind.UNITS}
_PPB = 9


def read_entries(
    reader: BlockReader, node: DocumentNode | None, exits: tuple[ExitPart, ExitPart]
) -> tuple[EntryRule, ...]:
    """Return the entries in the order in which they are tried.

    Parameters
    ----------
    reader : BlockReader
        Takes the faults.
    node : DocumentNode or None
        The `entry` block.
    exits : tuple of ExitPart
        Exits of long and of short positions.
    """
    block = reader.block(node, "entry", block="entry")
    if isinstance(node, MappingNode) and not block and not node.entries.keys() & _SIDES.keys():
        message = "`entry` must have `long` or `short`"
        reader.fault("strategy.missing_key", message, node, path="entry")
    found: list[EntryRule] = []
    names: set[str] = set()
    for side, value in block.items():
        rules = reader.items(value)
        if not rules:
            message = f"`entry.{side}` must have at least one entry, the list was empty"
            reader.fault("strategy.empty_value", message, value, path=f"entry.{side}")
        if len(rules) > MAX_ENTRIES:
            message = f"`entry.{side}` must have at most {MAX_ENTRIES} entries, had {len(rules)}"
            reader.fault("strategy.too_many_nodes", message, value, path=f"entry.{side}")
        several = isinstance(value, SequenceNode)
        for at, rule in enumerate(rules[:MAX_ENTRIES]):
            path = f"entry.{side}[{at}]" if several else f"entry.{side}"
            name = f"{side}_{at + 1}" if several and len(rules) > 1 else side
            part = exits[0] if side == "long" else exits[1]
            entry = _entry(reader, rule, path, default_name=name, part=part)
            _check_name(reader, entry.name, rule, names)
            found.append(entry)
    return tuple(found)


def _check_name(reader: BlockReader, name: str, rule: DocumentNode, names: set[str]) -> None:
    if name in names:
        message = f"names of entries must differ, `{shortened(name)}` stands twice"
        reader.fault("strategy.name", message, rule, path="entry")
    names.add(name)


def _entry(
    reader: BlockReader, node: DocumentNode, path: str, *, default_name: str, part: ExitPart
) -> EntryRule:
    block = reader.block(node, path, block="rule")
    side = _SIDES["long" if path.startswith("entry.long") else "short"]
    order = read_order(reader, block.get("order"), f"{path}.order", side=side)
    rests = order != MARKET_ORDER
    name = reader.text(block.get("name"), f"{path}.name")
    own = read_side_exit(reader, block.get("exit"), f"{path}.exit")
    merged = check_r(reader, own.over(part), path)
    size = _size(reader, block.get("size"), f"{path}.size", has_stop=merged.stop_is_written)
    return EntryRule(
        name=shortened(name.text) if name and name.text else default_name,
        side=side,
        when=reader.condition(block.get("when"), f"{path}.when"),
        size=size or SizeRule(kind=SizeKind.UNITS, amount=0),
        exits=merged.rules(),
        order=order or MARKET_ORDER,
        cancel_when=read_cancel_when(reader, block, path, rests=rests),
        oco=read_oco(reader, block, path, rests=rests),
    )


def _size(reader: BlockReader, node: DocumentNode | None, path: str, *, has_stop: bool) -> SizeRule | None:
    if isinstance(node, MappingNode):
        return _named_size(reader, node, path, has_stop=has_stop)
    quantity = reader.quantity(node, path, units=tuple(_SIZE_UNITS), lowest="above 0")
    if quantity is None or not isinstance(node, TextNode):
        return None
    decimals = _PPB - 2 if quantity.unit == "%" else _PPB
    amount = reader.scaled(quantity.value, decimals, node, path=path)
    return SizeRule(kind=_SIZE_UNITS[quantity.unit], amount=amount, text=shortened(node.text))


def _named_size(reader: BlockReader, node: MappingNode, path: str, *, has_stop: bool) -> SizeRule | None:
    block = reader.block(node, path, block="size")
    if len(node.entries) != 1:
        message = f"`{path}` must have one key, `risk` or `notional`, had {len(node.entries)}"
        reader.fault("strategy.wrong_shape", message, node, path=path)
        return None
    if "notional" in block:
        value = block["notional"]
        quantity = reader.quantity(value, f"{path}.notional", units=("",), lowest="above 0")
        amount = reader.scaled(quantity.value, _PPB, value, path=path) if quantity else 0
        return SizeRule(kind=SizeKind.NOTIONAL, amount=amount, text=_text(value))
    if "risk" not in block:
        return None
    rate = reader.rate(block["risk"], f"{path}.risk") or 0
    if not has_stop:
        message = f"a size by risk must have a stop_loss, `{path}` has none"
        hint = "risk is what the stop would lose"
        reader.fault("strategy.risk_without_stop", message, block["risk"], path=path, hint=hint)
    return SizeRule(kind=SizeKind.RISK, amount=rate, text=_text(block["risk"]))


def _text(node: DocumentNode) -> str:
    return shortened(node.text) if isinstance(node, TextNode) else ""
