"""Compiles a strategy text into a plan: the one entrance of the language.

Steps, each of which adds its faults to one list that is raised at the end:

1. text to nodes with places (`document`)
2. which dialect (`legacy`); the older one is translated into the same reader's calls
3. parameters, then the request's overrides (`parameter_block`)
4. named series (`series_block`), then exits, entries and the other blocks (`*_block`)
5. the graph's warm-up and the plan
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS, infer_instrument
from sptraderb.domain.plan import Plan
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import Fault, InvalidInput, InvariantBroken, StrategyInvalid
from sptraderb.strategy.account_blocks import read_backtest, read_risk
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.component_block import check_components, read_components
from sptraderb.strategy.cost_block import read_costs
from sptraderb.strategy.document import read_document
from sptraderb.strategy.document_nodes import MappingNode, Place
from sptraderb.strategy.entry_block import read_entries
from sptraderb.strategy.exit_block import read_exits
from sptraderb.strategy.fault_list import FaultList
from sptraderb.strategy.graph import GraphFull, NodeGraph
from sptraderb.strategy.header import listed_symbols, read_backtest_defaults
from sptraderb.strategy.legacy import is_legacy, translate
from sptraderb.strategy.lowering import Lowering
from sptraderb.strategy.lowering_table import RULES
from sptraderb.strategy.optimization_block import read_optimization
from sptraderb.strategy.parameter_block import ParameterText, put_in_force, read_parameters, values_in_force
from sptraderb.strategy.scale_in_block import read_scale_in
from sptraderb.strategy.scope import Scope
from sptraderb.strategy.series_block import read_series
from sptraderb.strategy.session_block import read_session
from sptraderb.strategy.target import DEFAULT_TARGET, StrategyTarget

__all__ = ["StrategyTarget", "check_strategy", "compile_strategy"]

_NO_PARAMETERS: Mapping[str, ParameterText] = MappingProxyType({})


def compile_strategy(
    text: str, *, parameters: Mapping[str, ParameterText] = _NO_PARAMETERS, target: StrategyTarget
) -> Plan:
    """Return the plan a strategy text describes.

    Parameters
    ----------
    text : str
        The whole file, of either dialect.
    parameters : mapping of str to str, int, float or Decimal
        A request's values for the strategy's parameters, checked against their ranges.
    target : StrategyTarget
        Timeframe and instrument of the run.

    Raises
    ------
    StrategyInvalid
        ``strategy.invalid`` with every fault of the text, each with its code and place.

    Notes
    -----
    Pure; bounded in time and memory by the limits of `document`, `tokenizer`, `parser` and `graph`.
    """
    faults = FaultList(text)
    root = read_document(text, faults)
    plan = None if root is None else _compiled(root, faults, parameters=parameters, target=target)
    faults.require_none()
    if plan is None:
        raise InvariantBroken("strategy.no_fault", "a text without a plan must have a fault, had none")
    return plan


def check_strategy(text: str, *, target: StrategyTarget | None = None) -> tuple[Fault, ...]:
    """Return the faults of a strategy text, none if it is valid.

    Parameters
    ----------
    text : str
        The whole file.
    target : StrategyTarget or None
        What it is checked for; None: what its `backtest` block says, else EURUSD on 1h.
    """
    try:
        compile_strategy(text, target=target or stated_target(text))
    except StrategyInvalid as error:
        return error.faults
    return ()


def stated_target(text: str) -> StrategyTarget:
    """Return the target of the `backtest` block where it is sound, else the default."""
    try:
        stated = read_backtest_defaults(text)
    except StrategyInvalid:
        return DEFAULT_TARGET
    try:
        listed = listed_symbols(stated.get("symbols", DEFAULT_TARGET.instrument.symbol))
        symbol = stated.get("symbol", listed[0]).upper()
        return StrategyTarget(
            timeframe=parse_timeframe(stated.get("timeframe", DEFAULT_TARGET.timeframe.name)),
            instrument=SEEDED_INSTRUMENTS.get(symbol) or infer_instrument(symbol),
        )
    except InvalidInput:
        return DEFAULT_TARGET


def _compiled(
    root: MappingNode, faults: FaultList, *, parameters: Mapping[str, ParameterText], target: StrategyTarget
) -> Plan | None:
    graph = NodeGraph(target.timeframe.seconds)
    lowering = Lowering(graph, Scope(target=target), faults=faults, rules=RULES)
    reader = BlockReader(faults, lowering)
    try:
        if is_legacy(root):
            return _legacy_plan(reader, root, parameters)
        return _native_plan(reader, root, parameters)
    except GraphFull:
        message = "a strategy must have fewer distinct subexpressions"
        faults.add("strategy.too_many_nodes", message, at=Place(1, 1))
        return None


def _legacy_plan(
    reader: BlockReader, root: MappingNode, parameters: Mapping[str, ParameterText]
) -> Plan | None:
    found = translate(root, reader.faults, target=reader.scope.target, overrides=parameters)
    if found is None:
        return None
    plan = _native_plan(reader, found.root, _NO_PARAMETERS)
    return replace(
        plan,
        parameters=found.parameters,
        optimization=found.optimization,
        notes=(*found.notes, *plan.notes),
        filters=found.filters,
        legacy=True,
    )


def _native_plan(reader: BlockReader, root: MappingNode, parameters: Mapping[str, ParameterText]) -> Plan:
    block = reader.block(root, "", block="strategy")
    declared = read_parameters(reader, block.get("parameters"))
    values = values_in_force(reader, declared, parameters)
    put_in_force(reader, declared, values)
    components = read_components(reader, block.get("python"))
    read_series(reader, block.get("indicators"))
    check_components(reader, components)
    exits = read_exits(reader, block.get("exit"))
    entries = read_entries(reader, block.get("entry"), exits)
    heads = {key: reader.text(block.get(key), key) for key in ("name", "version", "description")}
    texts = {key: "" if head is None else head.text for key, head in heads.items()}
    return _with_graph(
        reader,
        Plan(
            name=texts["name"],
            version=texts["version"],
            description=texts["description"],
            nodes=(),
            entries=entries,
            exits_long=exits[0].rules(),
            exits_short=exits[1].rules(),
            costs=read_costs(reader, block.get("costs")),
            risk=read_risk(reader, block.get("risk")),
            session=read_session(reader, block.get("session")),
            parameters={
                name: value if isinstance(value, str) else value.text for name, value in values.items()
            },
            backtest=read_backtest(reader, block.get("backtest")),
            optimization=read_optimization(reader, block.get("optimization"), declared),
            scale_in=read_scale_in(reader, block.get("scale_in")),
            components=tuple(component for _, component in components.values()),
        ),
    )


def _with_graph(reader: BlockReader, plan: Plan) -> Plan:
    """Return the plan with the graph's nodes and the bars its rules need before they can act (T2)."""
    graph = reader.lowering.graph
    plan = replace(plan, programs=dict(reader.scope.programs))
    roots = sorted(plan.condition_nodes() | plan.level_nodes() | plan.program_nodes())
    needs = [graph[node] for node in roots if node >= 0]
    known = {name: value for name, value in reader.scope.series.items() if value is not None}
    series = {name: reader.lowering.node(value) for name, value in known.items()}
    return replace(
        plan,
        series={name: node for name, node in series.items() if not graph.reads_position(node)},
        nodes=graph.nodes,
        first_value=max((node.first_value for node in needs), default=0),
        warm_up=max((node.first_value + node.settle for node in needs), default=0),
    )
