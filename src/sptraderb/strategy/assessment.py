"""What can be said of a strategy before it runs: faults, warm-up, cost, look-ahead, the first bars.

Place: beside `compiler`, for ``sptraderb check`` and ``POST /api/strategies/validate``. Nothing is
evaluated: everything follows from the plan.
"""

from dataclasses import dataclass

from sptraderb.domain.plan import Node, Note, Plan
from sptraderb.domain.timeframe import D1, STORED, W1
from sptraderb.errors import Fault, StrategyInvalid
from sptraderb.strategy.compiler import compile_strategy, stated_target
from sptraderb.strategy.evaluation_cost import estimated_ms, evaluated_nodes
from sptraderb.strategy.target import StrategyTarget

MAX_WAITS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A series that rules wait for.

    Parameters
    ----------
    text : str
        How the strategy spells it.
    first_value : int
        Bars before its first value: until then no order is made.
    settle : int
        Further bars until what it began with no longer shows; loaded where they exist.
    """

    text: str
    first_value: int
    settle: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What can be said of a strategy before it runs.

    Parameters
    ----------
    faults : tuple of Fault
        Everything wrong; where there is any, the rest is empty.
    target : StrategyTarget
        What it was read for: the document's `backtest` block, else EURUSD on 1h.
    plan : Plan or None
        The compiled strategy.
    waits : tuple of Wait
        The series that need most bars, at most `MAX_WAITS`.
    n_nodes : int
        Distinct subexpressions that a run evaluates.
    ms_per_100k_bars : float
        About what evaluating them takes.
    """

    faults: tuple[Fault, ...]
    target: StrategyTarget
    plan: Plan | None = None
    waits: tuple[Wait, ...] = ()
    n_nodes: int = 0
    ms_per_100k_bars: float = 0.0

    @property
    def first_value(self) -> int:
        """Bars before the first on which a rule may decide."""
        return 0 if self.plan is None else self.plan.first_value

    @property
    def settle(self) -> int:
        """Further bars loaded before the start where they exist."""
        return 0 if self.plan is None else self.plan.warm_up - self.plan.first_value

    @property
    def path_dependent(self) -> tuple[str, ...]:
        """Conditions that depend on the position, as the strategy spells them."""
        return () if self.plan is None else tuple(program.text for program in self.plan.programs.values())

    @property
    def open_bars(self) -> tuple[str, ...]:
        """Parts that read a higher bar while it is still open."""
        if self.plan is None:
            return ()
        nodes = (self.plan.nodes[number] for number in sorted(evaluated_nodes(self.plan)))
        return tuple(node.text for node in nodes if node.op == "forming")

    @property
    def look_ahead(self) -> str:
        """``none``: every word of the language is causal; ``replayed``: Python is judged at each run."""
        return "replayed" if self.plan is not None and self.plan.components else "none"

    @property
    def notes(self) -> tuple[Note, ...]:
        """How the text was read."""
        return () if self.plan is None else self.plan.notes

    @property
    def first_bars(self) -> str:
        """What the first bars of the data will miss, in a sentence or two."""
        if self.plan is None:
            return ""
        if not self.plan.warm_up:
            return "Nothing: rules may decide on the first bar."
        found = ""
        if self.first_value:
            last = self.waits[0].text if self.waits else "a series"
            found = (
                f"The first {self.first_value} bars of the data make no order: rules wait for `{last}`. "
                "Bars stored before the start are used for it. "
            )
        if self.settle:
            found += (
                f"With fewer than {self.plan.warm_up} bars before the start, recursive series still feel "
                "where they began."
            )
        return found.strip()


def assess_strategy(text: str, *, target: StrategyTarget | None = None) -> Assessment:
    """Return what can be said of a strategy text before it runs.

    Parameters
    ----------
    text : str
        The whole file, of either dialect.
    target : StrategyTarget or None
        What it is read for; None: what its `backtest` block says, else EURUSD on 1h.
    """
    target = target or stated_target(text)
    try:
        plan = compile_strategy(text, target=target)
    except StrategyInvalid as error:
        return Assessment(faults=error.faults, target=target)
    nodes = evaluated_nodes(plan)
    return Assessment(
        faults=(),
        target=target,
        plan=plan,
        waits=_waits(plan, nodes),
        n_nodes=len(nodes),
        ms_per_100k_bars=estimated_ms(plan),
    )


def _spelt(node: Node) -> str:
    """Return a node's text; of one that a series brought to a higher timeframe, with that one."""
    if not node.timeframe_s or "@" in node.text:
        return node.text
    known = {frame.seconds: frame.name for frame in (*STORED, D1, W1)}
    return f"{node.text} on {known.get(node.timeframe_s, f'{node.timeframe_s // 60}m')}"


def _waits(plan: Plan, nodes: frozenset[int]) -> tuple[Wait, ...]:
    """Return the series that need most bars, those that only pass on what others need left out."""
    rows = []
    for number in nodes:
        node = plan.nodes[number]
        needs = max((plan.nodes[argument].first_value for argument in node.args), default=0)
        adds = node.first_value > needs or node.settle > max(
            (plan.nodes[argument].settle for argument in node.args), default=0
        )
        if adds and not node.boolean:
            rows.append(Wait(text=_spelt(node), first_value=node.first_value, settle=node.settle))
    rows.sort(key=lambda row: (-row.first_value, -row.settle, row.text))
    return tuple(rows[:MAX_WAITS])
