"""Reads `risk`, `costs` and `backtest`: what the account bears, what trading costs, a request's defaults."""

from datetime import date

from sptraderb.domain.costs import Costs
from sptraderb.domain.fixed import decimal_from_text
from sptraderb.domain.plan import RiskLimits
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import InvalidInput
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, TextNode, shortened
from sptraderb.strategy.position_limit import read_position_limit

_MILLIONTHS, _BILLIONTHS = 6, 9
_FEES = {
    "per_lot": "commission_per_lot",
    "per_order": "commission_per_order",
    "minimum": "commission_min",
    "maximum": "commission_max",
}
_ONE_PPB = 1_000_000_000


def read_risk(reader: BlockReader, node: DocumentNode | None) -> RiskLimits:
    """Return the limits on the account (A4)."""
    block = reader.block(node, "risk", block="risk")
    positions = block.get("max_positions")
    return RiskLimits(
        max_drawdown_ppb=_limit(reader, block.get("max_drawdown"), "risk.max_drawdown"),
        daily_loss_limit_ppb=_limit(reader, block.get("daily_loss_limit"), "risk.daily_loss_limit"),
        **read_position_limit(reader, block.get("max_position_size")),
        max_positions=reader.whole(positions, "risk.max_positions", units=("",), low=1) if positions else 0,
    )


def _limit(reader: BlockReader, node: DocumentNode | None, path: str) -> int:
    rate = reader.rate(node, path) or 0
    if rate > _ONE_PPB and node is not None:
        reader.fault("strategy.out_of_range", f"`{path}` must be at most 100%", node, path=path)
        return 0
    return rate


def read_costs(reader: BlockReader, node: DocumentNode | None) -> Costs:
    """Return the costs the document states (C1 to C3)."""
    block = reader.block(node, "costs", block="costs")
    for key in ("spread", "slippage"):
        if isinstance(block.get(key), MappingNode):
            reader.not_supported(f"`costs.{key}` as a mapping", block.pop(key), path=f"costs.{key}")
    spread = _price_cost(reader, block.get("spread"), "costs.spread")
    slippage = _price_cost(reader, block.get("slippage"), "costs.slippage", units=("pips", "ticks", "%"))
    return Costs(
        **_commission(reader, block.get("commission")),
        slippage_ppb=slippage.get("%"),
        spread_ppm_pips=spread.get("pips"),
        spread_ppm_ticks=spread.get("ticks"),
        slippage_ppm_pips=slippage.get("pips"),
        slippage_ppm_ticks=slippage.get("ticks"),
    )


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


def read_backtest(reader: BlockReader, node: DocumentNode | None) -> dict[str, str]:
    """Return a request's defaults as text, after checking what can be checked here."""
    found: dict[str, str] = {}
    for key, value in reader.block(node, "backtest", block="backtest").items():
        path = f"backtest.{key}"
        source = reader.text(value, path)
        if source is not None and _is_sound(reader, key, source, path):
            found[key] = source.text
    return found


def _is_sound(reader: BlockReader, key: str, source: TextNode, path: str) -> bool:
    shown = shortened(source.text)
    try:
        if key == "timeframe":
            parse_timeframe(source.text)
        elif key in ("initial_capital", "leverage") and decimal_from_text(source.text) <= 0:
            raise InvalidInput("strategy.value", f"`{path}` must be above 0, was `{shown}`")
        elif key in ("start_date", "end_date"):
            date.fromisoformat(source.text[:10])
    except InvalidInput as error:
        reader.fault("strategy.value", error.message, source, path=path)
        return False
    except ValueError:
        message = f"`{path}` must be a date such as 2024-01-31, was `{shown}`"
        reader.fault("strategy.value", message, source, path=path)
        return False
    return True
