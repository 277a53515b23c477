"""The loops below indicators and conditions, against plain ones and against TA-Lib."""

import numpy as np
import numpy.typing as npt
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.plan import Node
from sptraderb.engine.frames import Frame
from sptraderb.engine.indicator_parts import highest, lowest, mean, rank, window_extremes
from sptraderb.engine.kernels import series
from sptraderb.engine.operations import OPS, Place
from sptraderb.engine.series_order import OrderMemory
from sptraderb.testing.random_runs import random_candles

NAN = float("nan")
Float64Array = npt.NDArray[np.float64]

values = st.one_of(st.just(NAN), st.floats(-50, 50, width=32))
columns = st.lists(values, min_size=1, max_size=60).map(lambda found: np.array(found, dtype=np.float64))


def plain_extreme(x: Float64Array, n: int, pick: type[max] | type[min]) -> Float64Array:
    """Return the extreme of each whole window without an undefined value."""
    windows = [x[max(bar - n + 1, 0) : bar + 1] for bar in range(len(x))]
    found = [NAN if len(window) < n or np.isnan(window).any() else pick(window) for window in windows]
    return np.array(found)


@settings(deadline=None)
@given(columns, st.integers(1, 12))
def test_extreme_when_windows_hold_undefined_values_then_only_whole_windows_count(
    x: Float64Array, n: int
) -> None:
    """Highest and lowest are those of the window, undefined while one of its values is."""
    np.testing.assert_array_equal(highest(x, n), plain_extreme(x, n, max))
    np.testing.assert_array_equal(lowest(x, n), plain_extreme(x, n, min))


@settings(deadline=None)
@given(columns, st.integers(1, 12))
def test_window_extremes_when_values_are_undefined_then_are_left_out_and_counted(
    x: Float64Array, n: int
) -> None:
    """The extreme of the defined values of a window comes with their number."""
    found, n_defined = window_extremes(x, n, 1)
    for bar in range(len(x)):
        window = x[max(bar - n + 1, 0) : bar + 1]
        known = window[~np.isnan(window)]
        assert n_defined[bar] == len(known)
        assert found[bar] == known.max() if len(known) else np.isnan(found[bar])


@pytest.mark.parametrize("period", [2, 10, 30, 500])
def test_mean_when_compared_with_talib_then_is_the_same_to_the_last_bit(period: int) -> None:
    """Running sums add and take off in TA-Lib's order, also after a stretch of undefined values."""
    x = np.cumsum(np.random.default_rng(3).normal(0, 1e-3, 5000)) + 1.1
    x[:7] = NAN
    np.testing.assert_array_equal(mean(x, period), talib.SMA(x, timeperiod=period))


@settings(deadline=None)
@given(columns, st.integers(1, 9))
def test_rank_when_counted_then_is_the_share_not_larger(x: Float64Array, n: int) -> None:
    """A rank is the share of the values before that are not larger, undefined while one of them is."""
    found = rank(x, n)
    for bar in range(len(x)):
        before = x[bar - n : bar] if bar >= n else np.array([NAN])
        expected = NAN if np.isnan(before).any() else 100.0 * np.count_nonzero(before <= x[bar]) / n
        np.testing.assert_equal(found[bar], expected)


@settings(deadline=None)
@given(st.lists(st.tuples(values, values), min_size=1, max_size=40))
def test_order_when_compared_then_ties_within_the_tolerance(pairs: list[tuple[float, float]]) -> None:
    """M9: two values within 1e-12 of the larger magnitude are level, NaN is without order."""
    left, right = (np.array(column) for column in zip(*pairs, strict=True))
    right = np.where(left * 3 > right, left * (1 + 4e-13), right)
    found = OrderMemory().order_of(left, right, len(left))
    for a, b, order in zip(left.tolist(), right.tolist(), found.tolist(), strict=True):
        if np.isnan(a) or np.isnan(b):
            assert order == series.UNORDERED
        else:
            assert order == 1 + series.order_nb(a, b)


@settings(deadline=None)
@given(columns, st.floats(-50, 50, width=32))
def test_order_when_one_side_is_a_constant_then_is_that_of_a_repeated_constant(
    x: Float64Array, level: float
) -> None:
    """A constant is never repeated for every bar, and means the same on either side."""
    constant, repeated = np.array(level), np.full(len(x), level)
    memory = OrderMemory()
    np.testing.assert_array_equal(
        memory.order_of(x, constant, len(x)), OrderMemory().order_of(x, repeated, len(x))
    )
    np.testing.assert_array_equal(
        memory.order_of(constant, x, len(x)), OrderMemory().order_of(repeated, x, len(x))
    )


def test_order_when_asked_again_then_is_not_computed_again() -> None:
    """Two rules that compare the same two series share one pass over them."""
    left, right = np.arange(5.0), np.arange(5.0)[::-1].copy()
    memory = OrderMemory()
    assert memory.order_of(left, right, 5) is memory.order_of(left, right, 5)


@settings(deadline=None)
@given(
    st.lists(st.tuples(values, values), min_size=1, max_size=40),
    st.sampled_from(["less", "less_equal", "greater", "greater_equal"]),
    st.booleans(),
    st.booleans(),
)
def test_comparison_when_no_order_is_known_then_is_the_same_as_by_order(
    pairs: list[tuple[float, float]], op: str, left_is_constant: bool, right_is_constant: bool
) -> None:
    """M9 holds in one pass over two series as it does where their order is written down first."""
    left, right = (np.array(column) for column in zip(*pairs, strict=True))
    right = np.where(left * 3 > right, left * (1 + 4e-13), right)
    sides = [
        np.array(side[0]) if constant else side
        for side, constant in ((left, left_is_constant), (right, right_is_constant))
    ]
    if any(np.isnan(side) for side in sides if not side.ndim):
        return
    frame = Frame(random_candles(SEEDED_INSTRUMENTS["EURUSD"], seed=5, n_bars=len(left)))
    fresh, asked = (Place(frame=frame, timezone="UTC", orders=OrderMemory()) for _ in range(2))
    asked.orders.order_of(sides[0], sides[1], len(left))
    node = Node(op=op, boolean=True)
    one, other = (OPS[op].compute(node, (sides[0], sides[1]), place) for place in (fresh, asked))
    np.testing.assert_array_equal(one, other)
