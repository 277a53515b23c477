"""Reads `indicators`: named series, in any order, using each other without cycles."""

from graphlib import CycleError, TopologicalSorter

from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, TextNode
from sptraderb.strategy.parameter_block import check_name
from sptraderb.strategy.syntax_tree import Expression, names_in

_Parsed = dict[str, tuple[TextNode, TextNode, Expression]]


def read_series(reader: BlockReader, node: DocumentNode | None) -> None:
    """Compile the named series into the reader's scope, those they use first."""
    parsed: _Parsed = {}
    scope = reader.scope
    for key, value in reader.entries(node, "indicators"):
        path = f"indicators.{key.text}"
        if not check_name(reader, key, path):
            continue
        if key.text in {**scope.parameters, **scope.words, **scope.components}:
            message = f"a name must be given once, `{key.text}` is taken already"
            reader.fault("strategy.name", message, key, path=path)
            continue
        scope.series[key.text] = None
        found = reader.tree(value, path)
        if found is not None:
            parsed[key.text] = (key, *found)
    for name in _ordered(reader, parsed):
        _, source, tree = parsed[name]
        scope.series[name] = reader.lowering.value(tree, source, f"indicators.{name}")
        scope.sources[name] = source, tree


def _ordered(reader: BlockReader, parsed: _Parsed) -> list[str]:
    """Return the names so that each comes after those it uses; cycles are faults and left out."""
    uses = {name: {word.name for word in names_in(row[2])} & set(parsed) for name, row in parsed.items()}
    while True:
        try:
            return list(TopologicalSorter(uses).static_order())
        except CycleError as error:
            cycle = [str(name) for name in error.args[1]]
        key = parsed[cycle[0]][0]
        message = "series must not use each other in a circle, was " + " -> ".join(cycle[:10])
        reader.fault("strategy.cycle", message, key, path=f"indicators.{cycle[0]}")
        uses = {name: used - set(cycle) for name, used in uses.items() if name not in cycle}
