"""`risk`, `backtest` and the session of `filters` of the older dialect as the blocks of the language."""

from decimal import Decimal

from sptraderb.strategy.document_nodes import (
    DocumentNode,
    MappingNode,
    SequenceNode,
    TextNode,
    plain_data,
    shortened,
)
from sptraderb.strategy.legacy_filters import ENTRY_FILTERS
from sptraderb.strategy.legacy_notes import (
    Translation,
    is_false,
    items_of,
    new_mapping,
    new_text,
    percent_text,
)
from sptraderb.strategy.schema import BLOCKS
from sptraderb.strategy.session_block import day_number

_RISK_DEFAULTS = {"max_drawdown": Decimal("0.15"), "daily_loss_limit": Decimal("0.03")}
_RISK_USED = (
    *_RISK_DEFAULTS,
    "position_limit",
    "max_position_size",
    "max_positions",
    "stop_loss",
    "take_profit",
)
_ALWAYS = ("00:00", "24:00")


def translated_risk(translation: Translation, at: DocumentNode) -> MappingNode:
    """Return `risk` with the older dialect's defaults where the file is silent."""
    block = translation.block(translation.root, "risk", "risk")
    translation.leftovers(block, _RISK_USED, "risk")
    values: dict[str, DocumentNode | None] = {}
    for key, default in _RISK_DEFAULTS.items():
        node = None if block is None else block.get(key)
        if node is None:
            text = f"`risk.{key}` is not stated: {default}, the older dialect's default, is in force"
            translation.note("legacy.default", text, block)
            values[key] = new_text(percent_text(default), block or at)
        elif not is_false(node):
            values[key] = translation.percent(node, f"risk.{key}")
    for key in ("position_limit", "max_position_size"):
        node = None if block is None else block.get(key)
        if node is not None:
            values["max_position_size"] = translation.percent(node, f"risk.{key}")
    positions = None if block is None else block.get("max_positions")
    values["max_positions"] = translation.resolved(positions, "risk.max_positions") or new_text("1", at)
    return new_mapping(values, block or at)


def translated_costs(translation: Translation) -> MappingNode | None:
    """Return `costs` with the commission of `backtest`, per side."""
    block = translation.block(translation.root, "backtest", "backtest")
    node = None if block is None else block.get("commission")
    commission = translation.percent(node, "backtest.commission")
    if commission is None:
        return None
    text = "`backtest.commission` is applied as a share of notional on each side"
    translation.note("legacy.commission", text, node)
    return new_mapping({"commission": commission}, commission)


def translated_backtest(translation: Translation) -> MappingNode | None:
    """Return `backtest` with what a request can take from it."""
    block = translation.block(translation.root, "backtest", "backtest")
    if block is None:
        return None
    known = BLOCKS["backtest"]
    translation.leftovers(block, (*known, "commission", "optimization"), "backtest")
    values = {key: block.get(key) for key in known}
    if block.get("optimization") is not None:
        text = "`backtest.optimization` is kept for a sweep; a single run does not read it"
        translation.note("legacy.optimization", text, block.get("optimization"))
    kept = {key: node for key, node in values.items() if isinstance(node, TextNode) or key == "symbols"}
    return new_mapping({key: node for key, node in kept.items() if node is not None}, block)


def stated_optimization(root: MappingNode) -> dict[str, object]:
    """Return `backtest.optimization` as written, for a sweep to read."""
    block = root.get("backtest")
    node = block.get("optimization") if isinstance(block, MappingNode) else None
    data = plain_data(node) if isinstance(node, MappingNode) else {}
    return data if isinstance(data, dict) else {}


def translated_session(translation: Translation) -> MappingNode | None:
    """Return `session` from `filters.trading_hours` and `filters.trading_days`, in UTC."""
    block = translation.block(translation.root, "filters", "filters")
    if block is None:
        return None
    translation.leftovers(block, ("trading_hours", "trading_days", *ENTRY_FILTERS), "filters")
    values = {
        "days": _days(translation, block.get("trading_days")),
        "hours": _hours(translation, block.get("trading_hours")),
    }
    found = new_mapping(values, block)
    return found if found.entries else None


def _hours(translation: Translation, node: DocumentNode | None) -> TextNode | None:
    if node is None or is_false(node):
        return None
    if isinstance(node, TextNode):
        start, _, end = node.text.partition("-")
    else:
        ends = [node.get(key) if isinstance(node, MappingNode) else None for key in ("start", "end")]
        if isinstance(node, SequenceNode) and len(node.items) == 2:
            ends = list(node.items)
        texts = [end.text if isinstance(end, TextNode) else "" for end in ends]
        start, end = texts[0] or _ALWAYS[0], texts[1] or _ALWAYS[1]
    if isinstance(node, MappingNode):
        zone = node.get("timezone")
        if isinstance(zone, TextNode) and zone.text.strip().upper() not in ("UTC", "GMT"):
            message = f"`filters.trading_hours.timezone` must be UTC, was `{shortened(zone.text)}`"
            hint = "write a `session` of the new dialect"
            translation.fault("strategy.value", message, zone, path="filters.trading_hours", hint=hint)
    end = "24:00" if end.strip() == "23:59" else end.strip()
    return new_text(f"{start.strip()}-{end}", node)


def _days(translation: Translation, node: DocumentNode | None) -> SequenceNode | None:
    if node is None or is_false(node):
        return None
    found: list[DocumentNode] = []
    for item in items_of(node):
        numeric = isinstance(item, TextNode) and item.text.strip() in tuple("0123456")
        if isinstance(item, TextNode) and numeric:
            text = "`filters.trading_days` as numbers is read as 0 = Monday"
            translation.note("legacy.days", text, item)
            words = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
            found.append(new_text(words[int(item.text)], item))
        elif isinstance(item, TextNode) and day_number(item.text) is None:
            found.append(new_text(item.text, item))
        else:
            found.append(item)
    return SequenceNode(tuple(found), node.place)
