"""The vocabulary of expression nodes: what each op takes, gives and computes.

Numbers are float64 arrays with NaN for undefined; conditions are uint8 arrays of
`kernels.series.FALSE`, `UNDEFINED`, `TRUE`. The compiler emits these words; a test compares.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from sptraderb.domain.plan import Node
from sptraderb.engine.array_pool import ArrayPool
from sptraderb.engine.forming import forming_price
from sptraderb.engine.frames import Frame
from sptraderb.engine.indicator_parts import highest, lowest, window_extremes
from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.indicators import compute_indicator, wanted_outputs
from sptraderb.engine.kernels import series
from sptraderb.engine.local_time import hours, weekdays
from sptraderb.engine.series_order import BEYOND, Float64Array, OrderMemory, Truth, Values, beyond
from sptraderb.errors import InvalidInput

NUMBER, CONDITION, EITHER = "number", "condition", "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node is computed.

    Parameters
    ----------
    frame : Frame
        Bars of the node's timeframe.
    timezone : str
        Zone of calendar facts.
    orders : OrderMemory
        Orders of series on these bars that other nodes have asked for.
    raw : bool
        Whether numbers compare as the doubles they are and last bits are TradingView's.
    pool : ArrayPool
        Arrays for results.
    """

    frame: Frame
    timezone: str
    orders: OrderMemory
    raw: bool = False
    pool: ArrayPool = field(default_factory=ArrayPool)

    def order_of(self, left: Float64Array, right: Float64Array) -> Truth:
        """Return on each bar how ``left`` lies to ``right``: a code of `kernels.series`."""
        return self.orders.order_of(left, right, len(self.frame), raw=self.raw)


Compute = Callable[[Node, tuple[Values, ...], Place], Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One word of the vocabulary.

    Parameters
    ----------
    compute : callable
        Values of a node from those of its arguments.
    args : tuple of {'number', 'condition', 'either'}
        What each argument must be; the last may repeat if ``repeats``.
    gives : {'number', 'condition', 'either'}
        What comes out; ``either`` = as the node says.
    n_params : int
        Constants the node carries; -1 = as many as its indicator has.
    repeats : bool
        Whether more arguments like the last may follow.
    takes_constants : bool
        Whether arguments may be constants without bars; other ops get them repeated for every bar.
    """

    compute: Compute
    args: tuple[str, ...] = ()
    gives: str = NUMBER
    n_params: int = 0
    repeats: bool = False
    takes_constants: bool = False


def _numeric(function: Callable[..., Values]) -> Compute:
    """Return a computation of numbers bar by bar; what is not finite is undefined."""

    def compute(node: Node, args: tuple[Values, ...], place: Place) -> Values:
        del node
        room = place.pool.numbers(len(place.frame)) if any(values.ndim for values in args) else None
        with np.errstate(all="ignore"):
            found = function(*args, out=room)
        if room is not None and not series.count_infinite_nb(room):
            return room
        return np.where(np.isfinite(found), found, np.nan)

    return compute


def _compared(kind: int) -> Compute:
    answers = np.array([*_ANSWERS[kind], series.UNDEFINED], dtype=np.uint8)

    def compute(node: Node, args: tuple[Values, ...], place: Place) -> Values:
        del node
        left, right = args
        if left.dtype == np.uint8:  # equality of conditions
            same = np.where((left == series.UNDEFINED) | (right == series.UNDEFINED), 1, 2 * (left == right))
            return (same if kind == series.EQUAL else 2 - same).astype(np.uint8)
        out = place.pool.truths(len(place.frame))
        is_direct = kind in BEYOND and not place.raw and (left.ndim > 0 or right.ndim > 0)
        if not is_direct or place.orders.knows(left, right):
            series.look_up_into_nb(place.order_of(left, right), answers, out)
        else:
            beyond(left, right, *BEYOND[kind], out)
        return out

    return compute


_ANSWERS: Mapping[int, tuple[int, int, int]] = {
    series.LESS: (series.TRUE, series.FALSE, series.FALSE),
    series.LESS_EQUAL: (series.TRUE, series.TRUE, series.FALSE),
    series.GREATER: (series.FALSE, series.FALSE, series.TRUE),
    series.GREATER_EQUAL: (series.FALSE, series.TRUE, series.TRUE),
    series.EQUAL: (series.FALSE, series.TRUE, series.FALSE),
    series.NOT_EQUAL: (series.TRUE, series.FALSE, series.TRUE),
}
"""What each comparison answers where the left side is below, level with or above the right one."""


def _crossed(wanted: int) -> Compute:
    """Return a computation of where one side comes to lie as wanted and did not before."""
    now = np.full(4, series.FALSE, dtype=np.uint8)
    now[wanted], now[series.UNORDERED] = series.TRUE, series.UNDEFINED
    answers = np.minimum.outer(series.TRUE - now, now).astype(np.uint8).ravel()

    def compute(node: Node, args: tuple[Values, ...], place: Place) -> Values:
        del node
        out = place.pool.truths(len(place.frame))
        series.look_up_two_into_nb(place.order_of(*args), answers, out)
        return out

    return compute


def _constant(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    """Return one value without bars; what reads it spreads it, or has it `spread` before."""
    del args, place
    if node.boolean:
        return np.array(series.TRUE if node.params[0] else series.FALSE, dtype=np.uint8)
    return np.array(node.params[0], dtype=np.float64)


def _price(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del args
    return place.frame.price(node.name, out=place.pool.numbers(len(place.frame)))


def _forming(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del args
    return forming_price(place.frame, node.name, int(node.params[0]))


def _calendar(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del args
    facts = {"hour": hours, "day_of_week": weekdays}
    if node.name not in facts:
        raise InvalidInput(
            "plan.unknown_op", f"a calendar fact must be one of {sorted(facts)}, was `{node.name}`"
        )
    return facts[node.name](place.frame.candles.time_s, place.timezone).astype(np.float64)


def _bar_index(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del node, args
    return np.arange(len(place.frame), dtype=np.float64)


def _indicator(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    spec = REGISTRY.get(node.name)
    inputs = (*args, place.frame.session_day) if spec is not None and spec.reads_sessions else args
    return compute_indicator(node.name, inputs, node.params, raw=place.raw)[output_number(node)]


def indicator_of_prices(
    nodes: Sequence[Node], args: tuple[Float64Array, ...], place: Place
) -> tuple[Float64Array, ...]:
    """Return the values of nodes that are outputs of one indicator of prices, computed once.

    Raises
    ------
    InvalidInput
        ``plan.unknown_indicator``, ``plan.unknown_output``.
    """
    spec = REGISTRY.get(nodes[0].name)
    inputs = (*args, place.frame.session_day) if spec is not None and spec.reads_sessions else args
    wanted = [output_number(node) for node in nodes]
    if place.raw:
        outputs = compute_indicator(nodes[0].name, inputs, nodes[0].params, raw=True)
        return tuple(outputs[number] for number in wanted)
    found = wanted_outputs(nodes[0].name, inputs, nodes[0].params, wanted, place.pool)
    return tuple(found[number] for number in wanted)


def output_number(node: Node) -> int:
    """Return which output of its indicator a node reads.

    Raises
    ------
    InvalidInput
        ``plan.unknown_output``.
    """
    spec = REGISTRY.get(node.name)
    if not node.output or spec is None:
        return 0
    if node.output not in spec.output_names:
        raise InvalidInput(
            "plan.unknown_output",
            f"an output of {node.name} must be one of {list(spec.output_names)}, was `{node.output}`",
        )
    return spec.output_names.index(node.output)


def _period(node: Node) -> int:
    return int(node.params[0])


def _lag(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del place
    return lagged(args[0], _period(node))


def lagged(values: Values, bars: int) -> Values:
    """Return values ``bars`` bars ago; undefined on the first ``bars`` bars."""
    undefined = series.UNDEFINED if values.dtype == np.uint8 else np.nan
    out = np.full(len(values), undefined, dtype=values.dtype)
    out[bars:] = values[: max(len(values) - bars, 0)]
    return out


def _change(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del place
    found: Values = args[0] - lagged(args[0], _period(node))
    return found


def _if_else(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del place
    undefined = series.UNDEFINED if node.boolean else np.nan
    chosen = np.where(args[0] == series.TRUE, args[1], args[2])
    return np.where(args[0] == series.UNDEFINED, undefined, chosen).astype(args[1].dtype)


def _round_to_tick(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del node
    factor = 10.0**place.frame.candles.instrument.price_scale
    rounded: Values = np.rint(args[0] * factor) / factor
    return rounded


def _windowed(function: Callable[..., Float64Array]) -> Compute:
    def compute(node: Node, args: tuple[Values, ...], place: Place) -> Values:
        return function(args[0], _period(node), out=place.pool.numbers(len(place.frame)))

    return compute


def _rising(direction: int) -> Compute:
    def compute(node: Node, args: tuple[Values, ...], place: Place) -> Values:
        del place
        x, period = args[0], _period(node)
        out = np.empty(len(x), dtype=np.uint8)
        series.rising_into_nb(x, period, direction, *window_extremes(x, period, direction), out)
        return out

    return compute


def _bars_since(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del node, place
    out = np.empty(len(args[0]))
    series.bars_since_into_nb(args[0], out)
    return out


def _count_true(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del place
    out = np.empty(len(args[0]))
    series.count_true_into_nb(args[0], _period(node), out)
    return out


def _previous_value(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del node, place
    out = np.empty(len(args[0]))
    series.previous_value_into_nb(args[0], args[1], out)
    return out


_TWO = (NUMBER, NUMBER)
_ONE = (NUMBER,)
_CONDITIONS = (CONDITION, CONDITION)


def _arithmetic(
    function: Callable[..., Values], args: tuple[str, ...] = _TWO, *, repeats: bool = False
) -> Op:
    return Op(compute=_numeric(function), args=args, repeats=repeats, takes_constants=True)


def _of_several(function: np.ufunc) -> Callable[..., Values]:
    def compute(*args: Values, out: Values | None) -> Values:
        found: Values = np.add(args[0], 0.0, out=out)
        for values in args[1:]:
            found = function(found, values, out=out)
        return found

    return compute


def _comparison(kind: int, args: tuple[str, ...] = _TWO) -> Op:
    return Op(compute=_compared(kind), args=args, gives=CONDITION, takes_constants=True)


def _logic(function: np.ufunc) -> Op:
    def compute(node: Node, args: tuple[Values, ...], place: Place) -> Values:
        del node
        if not any(values.ndim for values in args):
            return np.asarray(reduce(function, args))
        out = place.pool.truths(len(place.frame))
        function(args[0], args[1], out=out)
        for values in args[2:]:
            function(out, values, out=out)
        return out

    return Op(compute=compute, args=_CONDITIONS, gives=CONDITION, repeats=True, takes_constants=True)


def _negated(node: Node, args: tuple[Values, ...], place: Place) -> Values:
    del node, place
    found: Values = series.TRUE - args[0]
    return found


OPS: Mapping[str, Op] = {
    "constant": Op(compute=_constant, gives=EITHER, n_params=1),
    "price": Op(compute=_price),
    "forming": Op(compute=_forming, n_params=1),
    "calendar": Op(compute=_calendar),
    "bar_index": Op(compute=_bar_index),
    "indicator": Op(compute=_indicator, args=_ONE, n_params=-1, repeats=True),
    "add": _arithmetic(np.add),
    "sub": _arithmetic(np.subtract),
    "mul": _arithmetic(np.multiply),
    "div": _arithmetic(np.divide),
    "pow": _arithmetic(np.power),
    "mod": _arithmetic(np.mod),
    "min": _arithmetic(_of_several(np.minimum), repeats=True),
    "max": _arithmetic(_of_several(np.maximum), repeats=True),
    "neg": _arithmetic(np.negative, _ONE),
    "abs": _arithmetic(np.abs, _ONE),
    "floor": _arithmetic(np.floor, _ONE),
    "sign": _arithmetic(np.sign, _ONE),
    "round_to_tick": Op(compute=_round_to_tick, args=_ONE),
    "less": _comparison(series.LESS),
    "less_equal": _comparison(series.LESS_EQUAL),
    "greater": _comparison(series.GREATER),
    "greater_equal": _comparison(series.GREATER_EQUAL),
    "equal": _comparison(series.EQUAL, (EITHER, EITHER)),
    "not_equal": _comparison(series.NOT_EQUAL, (EITHER, EITHER)),
    "and": _logic(np.minimum),
    "or": _logic(np.maximum),
    "not": Op(compute=_negated, args=(CONDITION,), gives=CONDITION),
    "if_else": Op(compute=_if_else, args=(CONDITION, EITHER, EITHER), gives=EITHER, takes_constants=True),
    "lag": Op(compute=_lag, args=(EITHER,), gives=EITHER, n_params=1),
    "change": Op(compute=_change, args=_ONE, n_params=1),
    "highest": Op(compute=_windowed(highest), args=_ONE, n_params=1),
    "lowest": Op(compute=_windowed(lowest), args=_ONE, n_params=1),
    "rising": Op(compute=_rising(1), args=_ONE, gives=CONDITION, n_params=1),
    "falling": Op(compute=_rising(-1), args=_ONE, gives=CONDITION, n_params=1),
    "crosses_above": Op(compute=_crossed(series.ABOVE), args=_TWO, gives=CONDITION, takes_constants=True),
    "crosses_below": Op(compute=_crossed(series.BELOW), args=_TWO, gives=CONDITION, takes_constants=True),
    "bars_since": Op(compute=_bars_since, args=(CONDITION,)),
    "count_true": Op(compute=_count_true, args=(CONDITION,), n_params=1),
    "previous_value": Op(compute=_previous_value, args=(CONDITION, NUMBER)),
}
"""Every word a node's op can be."""
