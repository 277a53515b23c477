"""Conditions about the position to stack programs (`domain.position_program`), from the finished graph."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from sptraderb.domain.plan import Node
from sptraderb.domain.position_program import MAX_STACK, MAX_STEPS, Fact, PositionProgram, Step
from sptraderb.strategy.graph import NodeGraph

OPS: Mapping[str, Step] = MappingProxyType(
    {
        "add": Step.ADD,
        "sub": Step.SUB,
        "mul": Step.MUL,
        "div": Step.DIV,
        "min": Step.MIN,
        "max": Step.MAX,
        "neg": Step.NEG,
        "abs": Step.ABS,
        "floor": Step.FLOOR,
        "sign": Step.SIGN,
        "less": Step.LESS,
        "less_equal": Step.LESS_EQUAL,
        "greater": Step.GREATER,
        "greater_equal": Step.GREATER_EQUAL,
        "equal": Step.EQUAL,
        "not_equal": Step.NOT_EQUAL,
        "and": Step.AND,
        "or": Step.OR,
        "not": Step.NOT,
        "if_else": Step.IF_ELSE,
    }
)
"""What may be done with a fact about the position, by the graph's word."""
_Item = TypeVar("_Item", int, float)
_CHAINED = frozenset({"add", "min", "max", "and", "or"})


def program_of(graph: NodeGraph, root: int) -> PositionProgram | None:
    """Return the program of a condition that reads the position, None if it would be too large.

    Notes
    -----
    A subexpression that is used twice is written twice; the count is known before anything is written,
    so that a chain that doubles itself costs nothing.
    """
    if _size(graph, root) > MAX_STEPS or _depth(graph, root) > MAX_STACK:
        return None
    writer = _Writer(graph)
    writer.write(root)
    return PositionProgram(
        code=tuple(writer.code),
        constants=tuple(writer.constants),
        nodes=tuple(writer.nodes),
        text=graph[root].text,
    )


def _is_leaf(graph: NodeGraph, number: int) -> bool:
    return not graph.reads_position(number) or graph[number].op == "position"


def _read_by(graph: NodeGraph, root: int) -> list[int]:
    """Return the nodes a program walks through, arguments before users."""
    found, waiting = {root}, [root]
    while waiting:
        number = waiting.pop()
        if not _is_leaf(graph, number):
            fresh = [argument for argument in graph[number].args if argument not in found]
            found.update(fresh)
            waiting += fresh
    return sorted(found)


def _size(graph: NodeGraph, root: int) -> int:
    sizes: dict[int, int] = {}
    for number in _read_by(graph, root):
        args = () if _is_leaf(graph, number) else graph[number].args
        sizes[number] = sum(sizes[argument] for argument in args) + _own_steps(graph[number], len(args))
    return sizes[root]


def _own_steps(node: Node, n_args: int) -> int:
    return max(1, n_args - 1) if node.op in _CHAINED else 1


def _depth(graph: NodeGraph, root: int) -> int:
    depths: dict[int, int] = {}
    for number in _read_by(graph, root):
        if _is_leaf(graph, number):
            depths[number] = 1
            continue
        node = graph[number]
        below = [min(at, 1) if node.op in _CHAINED else at for at in range(len(node.args))]
        depths[number] = max(depths[argument] + at for argument, at in zip(node.args, below, strict=True))
    return depths[root]


class _Writer:
    """Writes one program, arguments first."""

    def __init__(self, graph: NodeGraph) -> None:
        self._graph = graph
        self.code: list[int] = []
        self.constants: list[float] = []
        self.nodes: list[int] = []

    def write(self, number: int) -> None:
        node = self._graph[number]
        if node.op == "position":
            self._step(Step.FACT, Fact[node.name.upper()])
        elif node.op == "constant":
            self._step(Step.CONSTANT, _place(self.constants, node.params[0]))
        elif not self._graph.reads_position(number):
            self._step(Step.ROW, _place(self.nodes, number))
        else:
            for at, argument in enumerate(node.args):
                self.write(argument)
                if node.op in _CHAINED and at:
                    self._step(OPS[node.op])
            if node.op not in _CHAINED:
                self._step(OPS[node.op])

    def _step(self, step: Step, operand: int = 0) -> None:
        self.code += [int(step), int(operand)]


def _place(items: list[_Item], item: _Item) -> int:
    """Return where an item stands in a list, adding it if it is not there."""
    if item not in items:
        items.append(item)
    return items.index(item)
