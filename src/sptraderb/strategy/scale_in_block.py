"""Reads `scale_in`: how often and how far apart a position may be added to (X17)."""

from sptraderb.domain.order import ScaleIn
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.distance_reader import STOP_UNITS, read_move
from sptraderb.strategy.document_nodes import DocumentNode


def read_scale_in(reader: BlockReader, node: DocumentNode | None) -> ScaleIn | None:
    """Return how a position may be added to, None if the document says nothing of it."""
    block = reader.block(node, "scale_in", block="scale_in")
    if node is None or not block:
        return None
    most = reader.whole(block.get("max_entries"), "scale_in.max_entries", units=("",), low=2)
    distance = read_move(reader, block.get("min_distance"), "scale_in.min_distance", units=STOP_UNITS)
    return ScaleIn(max_entries=most, min_distance=distance) if most else None
