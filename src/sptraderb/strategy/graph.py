"""The expression graph under construction: equal subexpressions share one node."""

from dataclasses import dataclass

from sptraderb.domain.plan import Node

MAX_NODES = 2_000


class GraphFull(Exception):
    """The strategy has more distinct subexpressions than a plan may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Bars a node adds to what its arguments need, in bars of its own timeframe."""

    first_value: int = 0
    settle: int = 0


_NONE = Growth()


class NodeGraph:
    """Nodes in order, arguments before users.

    Parameters
    ----------
    timeframe_s : int
        The run's timeframe.
    """

    def __init__(self, timeframe_s: int) -> None:
        self._timeframe_s = timeframe_s
        self._nodes: list[Node] = []
        self._known: dict[tuple[object, ...], int] = {}
        self._own_bars: list[tuple[int, int]] = []
        self._reads_position: list[bool] = []

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes so far."""
        return tuple(self._nodes)

    def __getitem__(self, node: int) -> Node:
        return self._nodes[node]

    def reads_position(self, node: int) -> bool:
        """Whether a node depends on a fact about the position."""
        return self._reads_position[node]

    def add(self, node: Node, grows: Growth = _NONE) -> int:
        """Return the index of ``node``, adding it if no equal one is there.

        Parameters
        ----------
        node : Node
            Without its `first_value` and `settle`, which follow from its arguments.
        grows : Growth
            Bars it needs beyond its arguments'.

        Raises
        ------
        GraphFull
            At `MAX_NODES` nodes.

        Notes
        -----
        A bar of a higher timeframe holds at most `ratio` bars of the run, and the first one may be
        cut, so n of its bars are there after (n + 1) * ratio bars of the run.
        """
        key = (node.op, node.args, node.name, node.output, node.params, node.timeframe_s, node.boolean)
        found = self._known.get(key)
        if found is not None:
            return found
        if len(self._nodes) >= MAX_NODES:
            raise GraphFull
        needs = [self._bars_needed(argument, node.timeframe_s) for argument in node.args]
        first = max((need[0] for need in needs), default=0) + grows.first_value
        total = max((need[1] for need in needs), default=0) + grows.first_value + grows.settle
        run_first, run_total = (self._in_run_bars(bars, node.timeframe_s) for bars in (first, total))
        self._own_bars.append((first, total))
        self._nodes.append(_with_bars(node, run_first, run_total - run_first))
        reads = node.op == "position" or any(self._reads_position[argument] for argument in node.args)
        self._reads_position.append(reads)
        self._known[key] = len(self._nodes) - 1
        return len(self._nodes) - 1

    def _bars_needed(self, node: int, timeframe_s: int) -> tuple[int, int]:
        """Return the bars until a node's first value and until it has settled, in bars of a reader."""
        if self._nodes[node].timeframe_s == timeframe_s:
            return self._own_bars[node]
        row = self._nodes[node]
        return row.first_value, row.first_value + row.settle

    def _in_run_bars(self, bars: int, timeframe_s: int) -> int:
        ratio = -(-timeframe_s // self._timeframe_s) if timeframe_s else 1
        return bars if ratio <= 1 else (bars + 2) * ratio - 1


def _with_bars(node: Node, first_value: int, settle: int) -> Node:
    """Return a node with its bars; `dataclasses.replace` takes ten times as long."""
    return Node(
        op=node.op,
        args=node.args,
        name=node.name,
        output=node.output,
        params=node.params,
        timeframe_s=node.timeframe_s,
        boolean=node.boolean,
        first_value=first_value,
        settle=settle,
        text=node.text,
    )
