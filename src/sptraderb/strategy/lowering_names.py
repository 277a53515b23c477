"""Lowering of names, outputs and higher timeframes."""

from sptraderb.domain.plan import Node
from sptraderb.engine.function_registry import FUNCTIONS
from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.indicator_spec import PRICES
from sptraderb.strategy import lowering_calls
from sptraderb.strategy.graph import Growth
from sptraderb.strategy.lowering import Lowering
from sptraderb.strategy.lowering_forming import timeframe_of
from sptraderb.strategy.lowering_position import FACTS, lower_fact
from sptraderb.strategy.lowering_words import lower_word, truth
from sptraderb.strategy.names import CALENDAR_FACTS, INDICATORS, did_you_mean
from sptraderb.strategy.syntax_tree import AtTimeframe, Call, Expression, Name, Output, children, names_in
from sptraderb.strategy.values import Kind, Quantity, Value


def lower_name(low: Lowering, tree: Name, timeframe_s: int) -> Value | None:
    """Return a parameter, series, price, calendar fact or an indicator without parameters."""
    name = tree.name
    if name in low.scope.parameters:
        return _parameter(low, tree)
    if name in low.scope.words:
        return lower_word(low, tree)
    if tree.unit:
        low.fault("strategy.unit_not_allowed", "a unit must follow a literal or a parameter", tree.span)
        return None
    if name in low.scope.series:
        return _series(low, tree, timeframe_s)
    if name in low.scope.components:
        return _component(low, tree, timeframe_s, output="")
    if name in PRICES:
        return low.price(name, timeframe_s)
    if name == "bar_index":
        return low.number_node(Node(op="bar_index", text=name), Kind.NUMBER)
    if name in ("true", "false"):
        return truth(name == "true")
    if name in CALENDAR_FACTS:
        return low.number_node(Node(op="calendar", name=name, text=name), Kind.NUMBER)
    if _has_no_parameters(name):
        return lowering_calls.lower_indicator(low, name, (), span=tree.span, timeframe_s=timeframe_s)
    _unknown_name(low, tree)
    return None


def _has_no_parameters(name: str) -> bool:
    return name in INDICATORS and not REGISTRY[INDICATORS[name]].parameters


def _parameter(low: Lowering, tree: Name) -> Value | None:
    quantity = low.scope.parameters[tree.name]
    if tree.unit and quantity.unit:
        message = f"a unit must stand once, `{tree.name}` is {quantity.text} already"
        low.fault("strategy.unit_twice", message, tree.span)
        return None
    return low.constant(Quantity(quantity.value, tree.unit or quantity.unit), tree.span)


def _series(low: Lowering, tree: Name, timeframe_s: int) -> Value | None:
    """Return a named series; of a higher timeframe: what it stands for, with every price of that one."""
    if not timeframe_s or low.scope.series[tree.name] is None:
        return low.scope.series[tree.name]
    for name in _used_by(low, tree.name, timeframe_s):
        source, inner = low.scope.sources[name]
        found = _timeframe_in(inner)
        if found is not None:
            message = f"`{tree.name}` must have no timeframe of its own to be read in another, "
            hint = "write the timeframe in one place"
            low.fault("strategy.timeframe", f"{message}`{name}` holds `@{found.timeframe}`", tree.span, hint)
            low.lifted[name, timeframe_s] = None
            return None
        path = f"indicators.{name}"
        low.lifted[name, timeframe_s] = low.elsewhere(inner, source, path, timeframe_s=timeframe_s)
    return low.lifted[tree.name, timeframe_s]


def _used_by(low: Lowering, name: str, timeframe_s: int) -> list[str]:
    """Return the series that are not yet known in a timeframe and that one needs, itself last."""
    sources = low.scope.sources
    waiting, found = [name], set()
    while waiting:
        current = waiting.pop()
        if current not in found and (current, timeframe_s) not in low.lifted:
            found.add(current)
            waiting += [word.name for word in names_in(sources[current][1]) if word.name in sources]
    return [known for known in sources if known in found] if found else []


def _timeframe_in(tree: Expression) -> AtTimeframe | None:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, AtTimeframe):
            return node
        waiting += children(node)
    return None


def _component(low: Lowering, tree: Name, timeframe_s: int, *, output: str) -> Value | None:
    """Return a series of a Python component; always of the run's bars."""
    component, kind = low.scope.components[tree.name]
    if timeframe_s:
        message = f"a timeframe must stand at a price or an indicator, `{tree.name}` is a Python component"
        low.fault("strategy.timeframe", message, tree.span)
        return None
    if output not in component.columns():
        outputs = ", ".join(f"`{tree.name}.{name}`" for name in component.outputs) or f"`{tree.name}`"
        message = f"a component's series must be named as it is declared: {outputs}"
        low.fault("strategy.output", message, tree.span, did_you_mean(output, component.outputs))
        return None
    node = Node(op="external", name=tree.name, output=output, text=low.text(tree.span))
    return low.number_node(node, kind, Growth(first_value=component.warm_up))


def _unknown_name(low: Lowering, tree: Name) -> None:
    name = tree.name
    if name in low.scope.refused:
        return
    if name in INDICATORS:
        message = f"`{name}` is an indicator and must have its arguments"
        low.fault("strategy.arguments", message, tree.span, f"write `{REGISTRY[INDICATORS[name]].call}`")
        return
    if name in FUNCTIONS:
        message = f"`{name}` is a function and must have its arguments"
        low.fault("strategy.arguments", message, tree.span, f"write `{FUNCTIONS[name].call}`")
        return
    if name == "forming":
        message = "`forming` must be given one price of a higher timeframe"
        low.fault("strategy.arguments", message, tree.span, "write `forming(close@4h)`")
        return
    if name == "position":
        message = "a fact about the position must be chosen"
        facts = ", ".join(f"`position.{fact}`" for fact in FACTS)
        low.fault("strategy.output", message, tree.span, f"facts are {facts}")
        return
    series = [*low.scope.series, *low.scope.components]
    parameters = [*low.scope.parameters, *low.scope.words]
    known = [*PRICES, *parameters, *series, *CALENDAR_FACTS, "bar_index", *INDICATORS]
    hint = did_you_mean(name, known) or "names are prices, parameters, series and calendar facts"
    low.fault("strategy.unknown_name", f"a name must be known, was `{name[:60]}`", tree.span, hint)


def lower_output(low: Lowering, tree: Output, timeframe_s: int) -> Value | None:
    """Return one output of an indicator."""
    operand = tree.operand
    if isinstance(operand, Name) and operand.name == "position":
        return lower_fact(low, tree, timeframe_s)
    if isinstance(operand, Name) and operand.name in low.scope.components:
        return _component(low, operand, timeframe_s, output=tree.output)
    inner_timeframe = timeframe_s
    if isinstance(operand, AtTimeframe):
        found = timeframe_of(low, operand)
        if found is None:
            return None
        operand, inner_timeframe = operand.operand, found
    if isinstance(operand, Call) and operand.name in INDICATORS:
        return lowering_calls.lower_call(low, operand, inner_timeframe, output=tree)
    if isinstance(operand, Name) and _has_no_parameters(operand.name) and operand.name not in PRICES:
        return lowering_calls.lower_indicator(
            low, operand.name, (), span=operand.span, timeframe_s=inner_timeframe, output=tree
        )
    message = f"an output must follow an indicator, `{low.text(operand.span)}` is none"
    hint = "name the output in `indicators`: `signal: macd(12, 26, 9).signal`"
    low.fault("strategy.output", message, tree.output_span, hint)
    return None


def lower_at(low: Lowering, tree: AtTimeframe, _timeframe_s: int) -> Value | None:
    """Return a price, an indicator or a named series of a higher timeframe."""
    timeframe_s = timeframe_of(low, tree)
    if timeframe_s is None:
        return None
    operand = tree.operand
    if isinstance(operand, Name | Call) and (operand.name in PRICES or operand.name in INDICATORS):
        return low.lower(operand, timeframe_s)
    if isinstance(operand, Name) and operand.name in low.scope.series:
        return _series(low, operand, timeframe_s)
    message = f"a timeframe must stand at a price, an indicator or a series, was `{low.text(operand.span)}`"
    low.fault("strategy.timeframe", message, tree.span, "such as `sma(close@4h, 50)`")
    return None
