"""Reads `costs`: commission, spread, slippage, swap, funding and the fee of a conversion (C1 to C5)."""

from dataclasses import replace

from sptraderb.domain.costs import Costs, SpreadTable
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, TextNode, shortened
from sptraderb.strategy.holding_cost_block import read_funding, read_swap
from sptraderb.strategy.session_block import is_timezone

_MILLIONTHS, _BILLIONTHS = 6, 9
_FEES = {
    "per_lot": "commission_per_lot",
    "per_order": "commission_per_order",
    "minimum": "commission_min",
    "maximum": "commission_max",
}
_ONE_PPB = 1_000_000_000
_OF_RANGE = " of range"
_HOURS = 24


def read_costs(reader: BlockReader, node: DocumentNode | None) -> Costs:
    """Return the costs the document states (C1 to C5)."""
    block = reader.block(node, "costs", block="costs")
    spread = block.get("spread")
    table = _spread_table(reader, spread) if isinstance(spread, MappingNode) else None
    fixed = {} if isinstance(spread, MappingNode) else _price_cost(reader, spread, "costs.spread")
    slippage = _slippage(reader, block.get("slippage"))
    commission = _commission(reader, block.get("commission"))
    return Costs(
        commission_ppb=commission.get("commission_ppb"),
        commission_per_lot=commission.get("commission_per_lot"),
        commission_per_order=commission.get("commission_per_order"),
        commission_min=commission.get("commission_min"),
        commission_max=commission.get("commission_max"),
        spread_ppm_pips=fixed.get("pips"),
        spread_ppm_ticks=fixed.get("ticks"),
        spread_table=table,
        slippage_ppb=slippage.get("%"),
        slippage_ppm_pips=slippage.get("pips"),
        slippage_ppm_ticks=slippage.get("ticks"),
        slippage_range_ppb=slippage.get("range"),
        swap=read_swap(reader, block.get("swap")),
        funding=read_funding(reader, block.get("funding")),
        conversion_fee_ppb=_percent(reader, block.get("conversion_fee"), "costs.conversion_fee"),
    )


def _slippage(reader: BlockReader, node: DocumentNode | None) -> dict[str, int]:
    """Return {unit: amount} of a slippage; the unit of a share of a bar's range is ``range``."""
    path = "costs.slippage"
    if isinstance(node, TextNode) and node.text.rstrip().endswith(_OF_RANGE):
        share = replace(node, text=node.text.rstrip().removesuffix(_OF_RANGE))
        rate = _percent(reader, share, path)
        return {} if rate is None else {"range": rate}
    return _price_cost(reader, node, path, units=("pips", "ticks", "%"))


def _spread_table(reader: BlockReader, node: MappingNode) -> SpreadTable:
    """Return a spread by hour; hours not stated take ``default``, or 0 (C2)."""
    path, zone = "costs.spread", "UTC"
    hours: dict[int, int] = {}
    default, units = 0, set[str]()
    for key, value in reader.entries(node, path):
        where = f"{path}.{shortened(key.text)}"
        if key.text == "timezone":
            source = reader.text(value, where)
            if source is not None and not is_timezone(source.text):
                message = f"`{where}` must be an IANA name, was `{shortened(source.text)}`"
                reader.fault("strategy.value", message, source, path=where)
            elif source is not None:
                zone = source.text
            continue
        stated = hour_range(key.text)
        if stated is None and key.text != "default":
            message = f"`{where}` is not a key here"
            hint = "keys are hours such as `7` or `22-6`, `default` and `timezone`"
            reader.fault("strategy.unknown_key", message, key, path=where, hint=hint)
            continue
        cost = _price_cost(reader, value, where)
        if not cost:
            continue
        ((unit, amount),) = cost.items()
        units.add(unit)
        if stated is None:
            default = amount
        hours |= dict.fromkeys(stated or (), amount)
    if len(units) > 1:
        message = f"the spreads of `{path}` must have one unit, had pips and ticks"
        reader.fault("strategy.wrong_unit", message, node, path=path)
    return SpreadTable(
        hours_ppm=tuple(hours.get(hour, default) for hour in range(_HOURS)),
        in_pips="pips" in units,
        timezone=zone,
    )


def hour_range(word: str) -> list[int] | None:
    """Return the hours that ``7`` or ``22-6`` names, both ends included, or None."""
    ends = [part.strip() for part in word.split("-")]
    if len(ends) > 2 or not all(part.isascii() and part.isdigit() and len(part) <= 2 for part in ends):
        return None
    first, last = int(ends[0]), int(ends[-1])
    if max(first, last) >= _HOURS:
        return None
    return [(first + at) % _HOURS for at in range((last - first) % _HOURS + 1)]


def _commission(reader: BlockReader, node: DocumentNode | None) -> dict[str, int | None]:
    """Return the commission's fields of `Costs`."""
    path = "costs.commission"
    if not isinstance(node, MappingNode):
        return {"commission_ppb": _percent(reader, node, path)}
    block = reader.block(node, path, block="commission")
    found = {"commission_ppb": _percent(reader, block.get("percent"), f"{path}.percent")}
    for key, field in _FEES.items():
        found[field] = _money(reader, block.get(key), f"{path}.{key}", key=key)
    least, most = found["commission_min"], found["commission_max"]
    if least is not None and most is not None and least > most:
        message = f"`{path}.minimum` must be at most the maximum"
        reader.fault("strategy.out_of_range", message, block["minimum"], path=f"{path}.minimum")
    return found


def _money(reader: BlockReader, node: DocumentNode | None, path: str, *, key: str) -> int | None:
    """Return billionths of a unit of account money."""
    lowest = "above 0" if key == "maximum" else "at least 0"
    quantity = reader.quantity(node, path, units=("",), lowest=lowest)
    if quantity is None or node is None:
        return None
    return reader.scaled(quantity.value, _BILLIONTHS, node, path=path)


def _percent(reader: BlockReader, node: DocumentNode | None, path: str) -> int | None:
    rate = reader.rate(node, path, lowest="at least 0")
    if rate is not None and rate > _ONE_PPB and node is not None:
        reader.fault("strategy.out_of_range", f"`{path}` must be at most 100%", node, path=path)
    return rate


def _price_cost(
    reader: BlockReader, node: DocumentNode | None, path: str, *, units: tuple[str, ...] = ("pips", "ticks")
) -> dict[str, int]:
    """Return {unit: millionths} of a spread or slippage; for a percentage parts per 10^9."""
    quantity = reader.quantity(node, path, units=units, lowest="at least 0")
    if quantity is None or node is None:
        return {}
    if quantity.unit == "%":
        rate = _percent(reader, node, path)
        return {} if rate is None else {"%": rate}
    return {quantity.unit: reader.scaled(quantity.value, _MILLIONTHS, node, path=path)}
