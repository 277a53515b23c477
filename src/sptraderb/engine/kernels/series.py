"""Loops over float64 series and three-valued conditions: comparisons by M9, windows, memories.

Numbers: NaN is undefined. Conditions are uint8: 0 false, 1 undefined, 2 true, so that `and` is the
minimum, `or` the maximum and `not` 2 minus the value. Each value depends on bars up to its own only.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.engine.kernels.codes import series_jit

Float64Array = npt.NDArray[np.float64]
Truth = npt.NDArray[np.uint8]

FALSE, UNDEFINED, TRUE = 0, 1, 2
LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, NOT_EQUAL = range(6)
_TIE = 1e-12


@series_jit
def order_nb(a: float, b: float) -> int:
    """Return -1, 0 or 1 as ``a`` is below, equal to or above ``b``: equal within 1e-12 (M9).

    The tolerance is relative to the larger magnitude. Neither may be NaN.
    """
    difference = a - b
    if abs(difference) <= _TIE * max(abs(a), abs(b)):
        return 0
    return 1 if difference > 0.0 else -1


@series_jit
def compare_nb(a: Float64Array, b: Float64Array, kind: int) -> Truth:
    """Compare two series bar by bar; undefined where either is."""
    out = np.empty(len(a), dtype=np.uint8)
    for bar in range(len(a)):
        if np.isnan(a[bar]) or np.isnan(b[bar]):
            out[bar] = UNDEFINED
            continue
        order = order_nb(a[bar], b[bar])
        if kind == LESS:
            holds = order < 0
        elif kind == LESS_EQUAL:
            holds = order <= 0
        elif kind == GREATER:
            holds = order > 0
        elif kind == GREATER_EQUAL:
            holds = order >= 0
        elif kind == EQUAL:
            holds = order == 0
        else:
            holds = order != 0
        out[bar] = TRUE if holds else FALSE
    return out


@series_jit
def crosses_nb(a: Float64Array, b: Float64Array, direction: int) -> Truth:
    """Return where ``a`` is above ``b`` now and was not on the bar before (below for direction -1)."""
    out = np.empty(len(a), dtype=np.uint8)
    before = UNDEFINED
    for bar in range(len(a)):
        now = UNDEFINED
        if not (np.isnan(a[bar]) or np.isnan(b[bar])):
            now = TRUE if order_nb(a[bar], b[bar]) == direction else FALSE
        out[bar] = min(now, TRUE - before)
        before = now
    return out


@series_jit
def window_extreme_nb(x: Float64Array, n: int, direction: int) -> tuple[Float64Array, npt.NDArray[np.int64]]:
    """Return the largest (direction 1) or smallest (-1) defined value of the last ``n`` bars.

    Also how many of the ``n`` values are defined; where none is the extreme is NaN.

    Notes
    -----
    A monotonic queue: O(n_bars) whatever the window.
    """
    extreme = np.empty(len(x), dtype=np.float64)
    defined = np.empty(len(x), dtype=np.int64)
    queue = np.empty(n + 1, dtype=np.int64)
    head, size, known = 0, 0, 0
    for bar in range(len(x)):
        if bar >= n:
            if not np.isnan(x[bar - n]):
                known -= 1
            if size > 0 and queue[head] <= bar - n:
                head = (head + 1) % (n + 1)
                size -= 1
        if not np.isnan(x[bar]):
            known += 1
            while size > 0 and (x[queue[(head + size - 1) % (n + 1)]] - x[bar]) * direction <= 0.0:
                size -= 1
            queue[(head + size) % (n + 1)] = bar
            size += 1
        extreme[bar] = x[queue[head]] if size > 0 else np.nan
        defined[bar] = known
    return extreme, defined


@series_jit
def highest_nb(x: Float64Array, n: int, direction: int) -> Float64Array:
    """Return the highest (1) or lowest (-1) of the last ``n`` values; NaN while one is undefined."""
    extreme, defined = window_extreme_nb(x, n, direction)
    for bar in range(len(x)):
        if defined[bar] < n:
            extreme[bar] = np.nan
    return extreme


@series_jit
def rising_nb(x: Float64Array, n: int, direction: int) -> Truth:
    """Return where a value is above (direction 1) or below (-1) each of the ``n`` before it."""
    out = np.full(len(x), UNDEFINED, dtype=np.uint8)
    extreme, defined = window_extreme_nb(x, n, direction)
    for bar in range(1, len(x)):
        if np.isnan(x[bar]):
            continue
        if not np.isnan(extreme[bar - 1]) and order_nb(x[bar], extreme[bar - 1]) != direction:
            out[bar] = FALSE
        elif defined[bar - 1] == n:
            out[bar] = TRUE
    return out


@series_jit
def bars_since_nb(condition: Truth) -> Float64Array:
    """Return the bars since a condition was last true, 0 when it is now; NaN until it was."""
    out = np.empty(len(condition), dtype=np.float64)
    last = -1
    for bar in range(len(condition)):
        if condition[bar] == TRUE:
            last = bar
        out[bar] = bar - last if last >= 0 else np.nan
    return out


@series_jit
def count_true_nb(condition: Truth, n: int) -> Float64Array:
    """Return on how many of the last ``n`` bars a condition was true; NaN while one is undefined."""
    out = np.empty(len(condition), dtype=np.float64)
    count, unknown = 0, 0
    for bar in range(len(condition)):
        count += condition[bar] == TRUE
        unknown += condition[bar] == UNDEFINED
        if bar >= n:
            count -= condition[bar - n] == TRUE
            unknown -= condition[bar - n] == UNDEFINED
        out[bar] = count if bar >= n - 1 and unknown == 0 else np.nan
    return out


@series_jit
def previous_value_nb(condition: Truth, x: Float64Array) -> Float64Array:
    """Return ``x`` on the latest bar where the condition was true, this one included."""
    out = np.empty(len(x), dtype=np.float64)
    held = np.nan
    for bar in range(len(x)):
        if condition[bar] == TRUE:
            held = x[bar]
        out[bar] = held
    return out
