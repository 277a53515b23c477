"""Reads `partial`: parts of a position that are taken off at a profit (X9)."""

from sptraderb.domain.order import PartialExit
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.distance_reader import TARGET_UNITS, read_distance
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, shortened
from sptraderb.strategy.names import did_you_mean

MAX_PARTS = 10
_WHOLE_PPB = 1_000_000_000
_THEN = "break_even"


def read_partial(reader: BlockReader, node: DocumentNode | None, path: str) -> tuple[PartialExit, ...] | None:
    """Return the parts in the order of the text, None if the block states none."""
    if node is None:
        return None
    items = reader.items(node)
    if not items:
        message = f"`{path}` must have at least one part, the list was empty"
        reader.fault("strategy.empty_value", message, node, path=path)
    if len(items) > MAX_PARTS:
        message = f"`{path}` must have at most {MAX_PARTS} parts, had {len(items)}"
        reader.fault("strategy.too_many_nodes", message, node, path=path)
    parts = [_part(reader, item, f"{path}[{at}]") for at, item in enumerate(items[:MAX_PARTS])]
    found = tuple(part for part in parts if part is not None)
    total_ppb = sum(part.close_ppb for part in found)
    if total_ppb > _WHOLE_PPB:
        message = f"`{path}` must close at most 100% in all, was {total_ppb / 10**7:g}%"
        hint = "each part is of the largest size held"
        reader.fault("strategy.out_of_range", message, node, path=path, hint=hint)
    return found


def _part(reader: BlockReader, node: DocumentNode, path: str) -> PartialExit | None:
    if not isinstance(node, MappingNode):
        message = f"`{path}` must be a mapping"
        reader.fault("strategy.wrong_shape", message, node, path=path, hint="write `{at: 1 R, close: 50%}`")
        return None
    block = reader.block(node, path, block="partial")
    at = read_distance(reader, block.get("at"), f"{path}.at", units=TARGET_UNITS)
    close = reader.rate(block.get("close"), f"{path}.close")
    then = reader.text(block.get("then"), f"{path}.then")
    if then is not None and then.text != _THEN:
        message = f"`{path}.then` must be `{_THEN}`, was `{shortened(then.text)}`"
        hint = did_you_mean(then.text, [_THEN])
        reader.fault("strategy.value", message, then, path=f"{path}.then", hint=hint)
    if close is not None and close > _WHOLE_PPB:
        message = f"`{path}.close` must be at most 100%"
        reader.fault("strategy.out_of_range", message, block["close"], path=f"{path}.close")
        return None
    if at is None or close is None:
        return None
    return PartialExit(at=at, close_ppb=close, then_break_even=then is not None)
