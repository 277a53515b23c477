"""Reads `risk` and `backtest`: what the account bears, and a request's defaults."""

from datetime import date

from sptraderb.domain.backtest import PositionMode
from sptraderb.domain.fixed import decimal_from_text
from sptraderb.domain.plan import RiskLimits
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import InvalidInput
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, TextNode, shortened
from sptraderb.strategy.position_limit import read_position_limit

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


def read_backtest(reader: BlockReader, node: DocumentNode | None) -> dict[str, str]:
    """Return a request's defaults as text, after checking what can be checked here.

    A list of symbols comes as one text with commas.
    """
    found: dict[str, str] = {}
    for key, value in reader.block(node, "backtest", block="backtest").items():
        path = f"backtest.{key}"
        if key == "symbols":
            texts = [reader.text(item, path) for item in reader.items(value)]
            if all(texts):
                found[key] = ", ".join(source.text.strip() for source in texts if source)
            continue
        source = reader.text(value, path)
        if source is not None and _is_sound(reader, key, source, path):
            found[key] = source.text
    if "symbol" in found and "symbols" in found and node is not None:
        message = "`backtest` must name `symbol` or `symbols`, has both"
        reader.fault("strategy.value", message, node, path="backtest")
    return found


def _is_sound(reader: BlockReader, key: str, source: TextNode, path: str) -> bool:
    shown = shortened(source.text)
    try:
        if key == "timeframe":
            parse_timeframe(source.text)
        elif key == "position_mode" and source.text.strip().lower() not in set(PositionMode):
            known = ", ".join(PositionMode)
            raise InvalidInput("strategy.value", f"`{path}` must be one of {known}, was `{shown}`")
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
