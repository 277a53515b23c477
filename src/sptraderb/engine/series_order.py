"""How two series, or a series and a constant, lie to each other on each bar (M9)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sptraderb.engine.kernels import comparisons, series

Float64Array = npt.NDArray[np.float64]
Truth = npt.NDArray[np.uint8]
Values = npt.NDArray[Any]


def spread(values: Values, n_bars: int) -> Values:
    """Return values with one per bar: a constant is repeated."""
    return values if values.ndim else np.full(n_bars, values[()], dtype=values.dtype)


class OrderMemory:
    """The last order of two series: comparisons and crosses of the same two follow each other."""

    def __init__(self) -> None:
        self._last: tuple[Float64Array, Float64Array, Truth] | None = None

    def order_of(self, left: Float64Array, right: Float64Array, n_bars: int, *, raw: bool = False) -> Truth:
        """Return on each bar how ``left`` lies to ``right``, remembered if these were the last two.

        ``raw`` ones differ wherever they are not the same double. The next two are written over it.
        """
        if self._last is None or self._last[0] is not left or self._last[1] is not right:
            room = np.empty(n_bars, dtype=np.uint8) if self._last is None else self._last[2]
            self._last = left, right, (_raw_order if raw else _order)(left, right, room)
        return self._last[2]

    def knows(self, left: Float64Array, right: Float64Array) -> bool:
        """Whether these two were the last."""
        return self._last is not None and self._last[0] is left and self._last[1] is right

    def forget(self, values: Values) -> None:
        """Let go of a series that nothing reads any more: its array may become another's."""
        if self._last is not None and (self._last[0] is values or self._last[1] is values):
            self._last = _NOBODY, _NOBODY, self._last[2]


_NOBODY = np.empty(0)
_TURNED = np.array([series.ABOVE, series.LEVEL, series.BELOW, series.UNORDERED], dtype=np.uint8)


def _order(left: Float64Array, right: Float64Array, out: Truth) -> Truth:
    if left.ndim and right.ndim:
        series.order_into_nb(left, right, out)
    elif left.ndim:
        series.order_to_level_into_nb(left, float(right), out)
    elif right.ndim:
        series.order_to_level_into_nb(right, float(left), out)
        np.take(_TURNED, out, out=out)
    else:
        series.order_into_nb(spread(left, len(out)), spread(right, len(out)), out)
    return out


def _raw_order(left: Float64Array, right: Float64Array, out: Truth) -> Truth:
    """Write how ``left`` lies to ``right`` as the doubles they are."""
    out[:] = series.LEVEL
    out[np.broadcast_to(left > right, out.shape)] = series.ABOVE
    out[np.broadcast_to(left < right, out.shape)] = series.BELOW
    out[np.broadcast_to(np.isnan(left) | np.isnan(right), out.shape)] = series.UNORDERED
    return out


BEYOND: Mapping[int, tuple[float, int]] = {
    series.LESS: (-1.0, 0),
    series.LESS_EQUAL: (-1.0, 1),
    series.GREATER: (1.0, 0),
    series.GREATER_EQUAL: (1.0, 1),
}
"""On which side of the right one the left one must lie, and whether level will do."""


def beyond(left: Float64Array, right: Float64Array, direction: float, ties: int, out: Truth) -> None:
    """Write where the left one lies above (``direction`` 1.0) or below the right one; ``ties`` as 0 or 1."""
    if not right.ndim:
        comparisons.beyond_level_into_nb(left, float(right), direction, ties, out)
    elif not left.ndim:
        comparisons.beyond_level_into_nb(right, float(left), -direction, ties, out)
    elif direction > 0.0:
        comparisons.above_into_nb(left, right, ties, out)
    else:
        comparisons.above_into_nb(right, left, ties, out)
