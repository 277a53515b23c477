"""Lowering of higher timeframes: which one is meant, and `forming`, the only word that sees an open bar."""

from sptraderb.domain.plan import Node
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.engine.indicator_spec import PRICES
from sptraderb.errors import InvalidInput
from sptraderb.strategy.graph import Growth
from sptraderb.strategy.lowering import Lowering
from sptraderb.strategy.syntax_tree import AtTimeframe, Call, Name
from sptraderb.strategy.values import Kind, Value

_HINT = "write `forming(close@4h)`"


def lower_forming(low: Lowering, tree: Call, timeframe_s: int) -> Value | None:
    """Return a price of the higher bar that is still open, as it is at each close of the run's bars (T3)."""
    operand = tree.arguments[0] if len(tree.arguments) == 1 else None
    if not isinstance(operand, AtTimeframe) or not isinstance(operand.operand, Name):
        message = "`forming` must be given one price of a higher timeframe"
        low.fault("strategy.arguments", message, tree.span, _HINT)
        return None
    name = operand.operand.name
    if name not in PRICES or operand.operand.unit:
        message = f"`forming` must be given a price, was `{low.text(operand.operand.span)}`"
        hint = f"an indicator may read it: `sma(forming(close@{operand.timeframe}), 5)`"
        low.fault("strategy.arguments", message, operand.operand.span, hint)
        return None
    seconds = timeframe_of(low, operand)
    if seconds is None:
        return None
    if timeframe_s:
        message = "`forming` must stand on the run's bars, not inside a higher timeframe"
        low.fault("strategy.timeframe", message, tree.span)
        return None
    if not seconds:
        return low.price(name, 0)
    node = Node(op="forming", name=name, params=(float(seconds),), text=low.text(tree.span))
    ratio = -(-seconds // low.scope.timeframe.seconds)
    kind = Kind.NUMBER if name == "volume" else Kind.PRICE
    return low.number_node(node, kind, Growth(first_value=ratio - 1))


def timeframe_of(low: Lowering, tree: AtTimeframe) -> int | None:
    """Return the seconds of a higher timeframe, 0 for the run's own, None after a fault."""
    try:
        found = parse_timeframe(tree.timeframe)
    except InvalidInput as error:
        low.fault("strategy.timeframe", error.message, tree.timeframe_span)
        return None
    run = low.scope.timeframe
    if not found.is_multiple_of(run):
        message = f"a timeframe must be a multiple of the run's {run}, was {found}"
        low.fault("strategy.timeframe", message, tree.timeframe_span)
        return None
    return 0 if found.seconds == run.seconds else found.seconds
