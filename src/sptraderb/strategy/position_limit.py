"""Reads `risk.max_position_size`: a share of equity, lots or units (A4)."""

from decimal import Decimal

from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode
from sptraderb.strategy.values import EXACT

_PATH = "risk.max_position_size"
_PPB = 9


def read_position_limit(reader: BlockReader, node: DocumentNode | None) -> dict[str, int]:
    """Return the field of `RiskLimits` that the limit sets; empty if there is none or it has a fault."""
    quantity = reader.quantity(node, _PATH, units=("%", "lots", "units"), lowest="above 0")
    if quantity is None or node is None:
        return {}
    if quantity.unit == "%":
        share = reader.scaled(EXACT.scaleb(quantity.value, -2), _PPB, node, path=_PATH)
        return {"max_position_size_ppb": share}
    lot_units = reader.scope.target.instrument.lot_units if quantity.unit == "lots" else 1
    units = EXACT.multiply(quantity.value, Decimal(lot_units))
    return {"max_position_units_ppb": reader.scaled(units, _PPB, node, path=_PATH)}
