"""Lowering of calls: functions by their argument kinds, indicators by the registry."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from sptraderb.domain.plan import Node
from sptraderb.engine.function_registry import FUNCTIONS, FunctionSpec
from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.indicator_spec import IndicatorSpec, ParameterSpec
from sptraderb.strategy import lowering_forming
from sptraderb.strategy.expression_hints import foreign_call
from sptraderb.strategy.graph import Growth
from sptraderb.strategy.lowering import Lowering, common_timeframe, constant_lag
from sptraderb.strategy.lowering_position import without_position
from sptraderb.strategy.names import INDICATORS, did_you_mean
from sptraderb.strategy.position_programs import OPS
from sptraderb.strategy.syntax_tree import Call, Expression, Output, Span
from sptraderb.strategy.values import Kind, Value, common_kind

_WINDOW_OPS = ("highest", "lowest")
_JOINED_KINDS = ("boolean", "any")


def lower_call(low: Lowering, tree: Call, timeframe_s: int, *, output: Output | None = None) -> Value | None:
    """Return the value of a function or indicator."""
    if tree.name in FUNCTIONS:
        return _function(low, tree, timeframe_s)
    if tree.name in INDICATORS:
        return lower_indicator(
            low, tree.name, tree.arguments, span=tree.span, timeframe_s=timeframe_s, output=output
        )
    if tree.name == "forming":
        return lowering_forming.lower_forming(low, tree, timeframe_s)
    if tree.name in {**low.scope.series, **low.scope.parameters, **low.scope.words}:
        message = f"`{tree.name}` is no function"
        low.fault("strategy.arguments", message, tree.name_span, f"write `{tree.name}` without parentheses")
    else:
        message = f"a function or indicator must be known, was `{tree.name[:60]}`"
        hint = foreign_call(tree.name) or did_you_mean(tree.name, [*FUNCTIONS, *INDICATORS])
        low.fault("strategy.unknown_function", message, tree.name_span, hint)
    return None


def lower_indicator(
    low: Lowering,
    name: str,
    arguments: Sequence[Expression],
    *,
    span: Span,
    timeframe_s: int,
    output: Output | None = None,
) -> Value | None:
    """Return an output of an indicator; series arguments come before constants and may be left out."""
    spec = REGISTRY[INDICATORS[name]]
    values = [low.number(argument, timeframe_s) for argument in arguments]
    chosen = _output_name(low, spec, span, output)
    known = [value for value in values if value is not None]
    if len(known) < len(values) or chosen is None:
        return None
    if not without_position(low, known, span, f"`{name}`"):
        return None
    n_sources = _leading_series(known)
    inputs = _inputs(low, spec, known[:n_sources], timeframe_s)
    if inputs is None or len(known) - n_sources > len(spec.parameters):
        message = f"`{name}` must be called as `{spec.call}`, had {len(known)} arguments"
        low.fault("strategy.arguments", message, span)
        return None
    params = _params(low, spec, arguments[n_sources:], values=known[n_sources:], span=span)
    return None if params is None else _indicator_value(low, spec, (inputs, params), chosen=chosen, span=span)


def _leading_series(values: Sequence[Value]) -> int:
    for at, value in enumerate(values):
        if value.constant is not None:
            return at
    return len(values)


def _inputs(
    low: Lowering, spec: IndicatorSpec, given: Sequence[Value], timeframe_s: int
) -> list[Value] | None:
    """Return the series it reads, or None if more were given than it takes."""
    replaceable = [row for row in spec.inputs if row.replaceable]
    if len(given) > len(replaceable):
        return None
    shared = common_timeframe(given) if given else timeframe_s
    waiting = list(given)
    return [
        waiting.pop(0) if row.replaceable and waiting else low.price(row.price, shared) for row in spec.inputs
    ]


def _output_name(low: Lowering, spec: IndicatorSpec, span: Span, output: Output | None) -> str | None:
    names = spec.output_names
    choices = ", ".join(f"`.{name}`" for name in names)
    if output is None:
        if len(names) == 1:
            return names[0]
        low.fault("strategy.output", f"an output of `{spec.name}` must be chosen: {choices}", span)
        return None
    if output.output in names and len(names) > 1:
        return output.output
    if len(names) == 1:
        message = f"`{spec.name}` has one output, `.{output.output[:40]}` must be left out"
        low.fault("strategy.output", message, output.output_span)
        return None
    message = f"an output of `{spec.name}` must be one of {choices}, was `.{output.output[:40]}`"
    low.fault("strategy.output", message, output.output_span, did_you_mean(output.output, names))
    return None


def _params(
    low: Lowering, spec: IndicatorSpec, trees: Sequence[Expression], *, values: Sequence[Value], span: Span
) -> tuple[float, ...] | None:
    found: list[float] = []
    sound = True
    for at, parameter in enumerate(spec.parameters):
        if at < len(values):
            sound = _check_param(low, spec, parameter, value=values[at], span=trees[at].span) and sound
            found.append(float(values[at].constant or 0))
        elif parameter.default is not None:
            found.append(float(parameter.default))
        else:
            message = f"`{spec.name}` must have its {parameter.name}"
            low.fault("strategy.arguments", message, span, f"write `{spec.call}`")
            return None
    return tuple(found) if sound else None


def _check_param(
    low: Lowering, spec: IndicatorSpec, parameter: ParameterSpec, *, value: Value, span: Span
) -> bool:
    name = f"the {parameter.name} of `{spec.name}`"
    number = value.constant
    if number is None or value.kind is not Kind.NUMBER:
        found = "a series" if number is None else "a price distance"
        message = f"{name} must be a constant number, was {found}"
        low.fault("strategy.not_constant", message, span, f"write `{spec.call}`")
        return False
    whole = number == number.to_integral_value() or not parameter.integer
    if whole and Decimal(str(parameter.low)) <= number <= Decimal(str(parameter.high)):
        return True
    kind = "a whole number" if parameter.integer else "a number"
    message = f"{name} must be {kind} from {parameter.low:g} to {parameter.high:g}, was {low.text(span)}"
    low.fault("strategy.out_of_range", message, span)
    return False


def _indicator_value(
    low: Lowering,
    spec: IndicatorSpec,
    parts: tuple[list[Value], tuple[float, ...]],
    *,
    chosen: str,
    span: Span,
) -> Value:
    inputs, params = parts
    window = spec.name in _WINDOW_OPS
    timeframe_s = common_timeframe(inputs)
    node = Node(
        op=spec.name if window else "indicator",
        args=tuple(low.node(value) for value in inputs),
        name="" if window else spec.name,
        output=chosen if len(spec.outputs) > 1 else "",
        params=params,
        timeframe_s=timeframe_s,
        text=low.text(span) + (f".{chosen}" if len(spec.outputs) > 1 else ""),
    )
    session_bars = -(-86_400 // (timeframe_s or low.scope.timeframe.seconds))
    grows = Growth(
        first_value=spec.first_value(params, chosen) + spec.first_sessions * session_bars,
        settle=max(spec.settle(params), spec.settle_sessions * session_bars),
    )
    kind = spec.outputs[spec.output_names.index(chosen)].kind
    return low.number_node(node, _output_kind(kind, inputs[0].kind), grows)


def _output_kind(kind: str, source: Kind) -> Kind:
    if kind == "source":
        return source
    if kind == "source_distance":
        return Kind.NUMBER if source is Kind.NUMBER else Kind.DISTANCE
    return Kind(kind)


def _function(low: Lowering, tree: Call, timeframe_s: int) -> Value | None:
    spec = FUNCTIONS[tree.name]
    kinds = _argument_kinds(spec, len(tree.arguments))
    if kinds is None:
        message = f"`{spec.name}` must be called as `{spec.call}`, had {len(tree.arguments)} arguments"
        low.fault("strategy.arguments", message, tree.span)
        return None
    bars: int | None = spec.default_bars
    values: list[Value | None] = []
    sound = True
    for kind, argument in zip(kinds, tree.arguments, strict=False):
        if kind == "bars":
            bars = constant_lag(low, argument, lowest=spec.low)
            sound = sound and bars is not None
        else:
            values.append(_argument(low, kind, argument, timeframe_s))
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not sound:
        return None
    if tree.name not in OPS and not without_position(low, known, tree.span, f"`{tree.name}`"):
        return None
    return _function_value(low, spec, known, bars=bars, span=tree.span)


def _argument_kinds(spec: FunctionSpec, count: int) -> tuple[str, ...] | None:
    """Return the kinds of ``count`` arguments, or None if the function does not take so many."""
    kinds = spec.arguments
    if spec.repeats and count > len(kinds):
        return kinds + (kinds[-1],) * (count - len(kinds))
    if count == len(kinds) or (spec.default_bars is not None and count == len(kinds) - 1):
        return kinds
    return None


def _argument(low: Lowering, kind: str, tree: Expression, timeframe_s: int) -> Value | None:
    if kind == "boolean":
        return low.condition(tree, timeframe_s)
    return low.number(tree, timeframe_s)


def _function_value(
    low: Lowering, spec: FunctionSpec, values: list[Value], *, bars: int | None, span: Span
) -> Value:
    if spec.name == "if_else" and values[0].constant is not None:
        return replace(values[1 if values[0].constant else 2], kind=_result_kind(spec, values))
    args = tuple(low.node(value) for value in values)
    params = () if bars is None else (float(bars),)
    boolean = spec.result == "boolean"
    on_run_bars = boolean or any(kind in _JOINED_KINDS for kind in spec.arguments)
    node = Node(
        op=spec.name,
        args=args,
        params=params,
        timeframe_s=0 if on_run_bars else common_timeframe(values),
        boolean=boolean,
        text=low.text(span),
    )
    grows = Growth(first_value=_bars_before(spec, bars))
    return low.number_node(node, _result_kind(spec, values), grows)


def _bars_before(spec: FunctionSpec, bars: int | None) -> int:
    if spec.name in ("crosses_above", "crosses_below"):
        return 1
    if bars is None:
        return 0
    return bars - 1 if spec.name == "count_true" else bars


def _result_kind(spec: FunctionSpec, values: list[Value]) -> Kind:
    if spec.result == "first":
        return common_kind(values)
    if spec.result == "last":
        return common_kind(values[1:])
    if spec.result == "distance":
        return Kind.NUMBER if values[0].kind is Kind.NUMBER else Kind.DISTANCE
    return Kind(spec.result)
