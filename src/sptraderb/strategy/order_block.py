"""Reads what kind of order an entry places, and what cancels it while it rests (X1 to X4, X16)."""

from sptraderb.domain.order import LONG, MARKET_ORDER, OrderForm, OrderKind
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.distance_reader import read_price
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, TextNode, kind_words, shortened
from sptraderb.strategy.names import did_you_mean

_MARKET = "market"
_FORMS = "`market`, `{limit: price}`, `{stop: price}` or `{stop: price, limit: price}`"
_KINDS = {
    (True, True): OrderKind.STOP_LIMIT,
    (True, False): OrderKind.STOP,
    (False, True): OrderKind.LIMIT,
}
_SWITCH = {"true": True, "false": False}


def read_order(reader: BlockReader, node: DocumentNode | None, path: str, *, side: int) -> OrderForm | None:
    """Return the order an entry places; None after a fault.

    Parameters
    ----------
    reader : BlockReader
        Takes the faults.
    node, path
        The value of `order` and its place in words.
    side : {1, -1}
        Of the entry, for hints.
    """
    if node is None or (isinstance(node, TextNode) and node.text == _MARKET):
        return MARKET_ORDER
    if not isinstance(node, MappingNode):
        message = f"`{path}` must be {_FORMS}, was {kind_words(node)}"
        reader.fault("strategy.value", message, node, path=path, hint=_word_hint(node))
        return None
    block = reader.block(node, path, block="order")
    if node.entries.keys() <= {"expires"}:
        message = f"`{path}` must have `limit` or `stop`"
        reader.fault("strategy.missing_key", message, node, path=path, hint=f"an order is {_FORMS}")
        return None
    prices = {key: _price(reader, block, key, path, side) for key in ("stop", "limit")}
    expires = block.get("expires")
    bars = 0
    if expires is not None:
        bars = reader.whole(expires, f"{path}.expires", units=("bars",), low=1)
    if any(key in node.entries and price is None for key, price in prices.items()) or not any(
        key in node.entries for key in prices
    ):
        return None
    texts = [f"{key} {shortened(row.text)}" for key, row in block.items() if isinstance(row, TextNode)]
    return OrderForm(
        kind=_KINDS[prices["stop"] is not None, prices["limit"] is not None],
        limit_node=-1 if prices["limit"] is None else prices["limit"],
        stop_node=-1 if prices["stop"] is None else prices["stop"],
        expires_bars=bars,
        text=", ".join(texts),
    )


def read_cancel_when(reader: BlockReader, block: dict[str, DocumentNode], path: str, *, rests: bool) -> int:
    """Return the node of the condition that cancels a resting order, -1 if there is none."""
    node = block.get("cancel_when")
    if node is None:
        return -1
    if not rests:
        _without_effect(reader, node, f"{path}.cancel_when")
    return reader.condition(node, f"{path}.cancel_when")


def read_oco(reader: BlockReader, block: dict[str, DocumentNode], path: str, *, rests: bool) -> bool:
    """Return whether an entry of the other side cancels this order; true unless the rule says false."""
    source = reader.text(block.get("oco"), f"{path}.oco")
    if source is None:
        return True
    if source.text not in _SWITCH:
        message = f"`{path}.oco` must be `true` or `false`, was `{shortened(source.text)}`"
        hint = did_you_mean(source.text, _SWITCH)
        reader.fault("strategy.value", message, source, path=f"{path}.oco", hint=hint)
        return True
    if not rests:
        _without_effect(reader, source, f"{path}.oco")
    return _SWITCH[source.text]


def _without_effect(reader: BlockReader, node: DocumentNode, path: str) -> None:
    message = f"`{path}` must go with an order that rests, a market order fills at the next open"
    hint = "give the entry an `order`, such as `{limit: low}`, or leave this out"
    reader.fault("strategy.without_effect", message, node, path=path, hint=hint)


def _price(reader: BlockReader, block: dict[str, DocumentNode], key: str, path: str, side: int) -> int | None:
    node = block.get(key)
    if not isinstance(node, TextNode):
        reader.text(node, f"{path}.{key}")
        return None
    away = (side == LONG) == (key == "stop")
    sign = "+" if away else "-"
    hint = f"a price is such as `close {sign} {shortened(node.text)}`"
    return read_price(reader, node, f"{path}.{key}", hint=hint)


def _word_hint(node: DocumentNode) -> str:
    if not isinstance(node, TextNode):
        return ""
    word = node.text.split(" ")[0].rstrip(":")
    if word in ("limit", "stop"):
        return f"write `{{{word}: price}}`, such as `{{{word}: low}}`"
    return did_you_mean(node.text, [_MARKET])
