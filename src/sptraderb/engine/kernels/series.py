"""Loops over float64 series and three-valued conditions: comparisons by M9, windows, memories.

Numbers: NaN is undefined, and no value is infinite. Conditions are uint8: 0 false, 1 undefined, 2 true,
so that `and` is the minimum, `or` the maximum and `not` 2 minus the value. Each value depends on bars up
to its own only. Results are written into arrays that callers made: NumPy gives large arrays large pages,
memory that a kernel takes costs more than the loop.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.engine.kernels.codes import kernel_jit

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
Truth = npt.NDArray[np.uint8]
Order = npt.NDArray[np.uint8]

FALSE, UNDEFINED, TRUE = 0, 1, 2
BELOW, LEVEL, ABOVE, UNORDERED = 0, 1, 2, 3
"""How one series lies to another on a bar; without order where one is undefined."""
LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, NOT_EQUAL = range(6)
_TIE = 1e-12


@kernel_jit
def order_into_nb(a: Float64Array, b: Float64Array, out: Order) -> None:
    """Write BELOW, LEVEL, ABOVE or UNORDERED for each bar: equal within 1e-12 (M9).

    The tolerance is relative to the larger magnitude.
    """
    for bar in range(len(out)):
        difference = a[bar] - b[bar]
        reach = abs(difference)
        ties = (reach <= _TIE * abs(a[bar])) | (reach <= _TIE * abs(b[bar]))
        unordered = difference != difference  # NaN, in a form that is computed in lanes
        out[bar] = (
            np.uint8(1)
            + np.uint8((difference > 0.0) & ~ties)
            - np.uint8((difference < 0.0) & ~ties)
            + np.uint8(2) * np.uint8(unordered)
        )


@kernel_jit
def order_to_level_into_nb(a: Float64Array, level: float, out: Order) -> None:
    """Write how ``a`` lies to one value, as `order_into_nb` does for two series."""
    near = _TIE * abs(level)
    for bar in range(len(out)):
        difference = a[bar] - level
        reach = abs(difference)
        ties = (reach <= _TIE * abs(a[bar])) | (reach <= near)
        unordered = difference != difference  # NaN, in a form that is computed in lanes
        out[bar] = (
            np.uint8(1)
            + np.uint8((difference > 0.0) & ~ties)
            - np.uint8((difference < 0.0) & ~ties)
            + np.uint8(2) * np.uint8(unordered)
        )


@kernel_jit
def look_up_into_nb(order: Order, answers: Truth, out: Truth) -> None:
    """Write the answer of each order: four values, for BELOW to UNORDERED."""
    for bar in range(len(out)):
        out[bar] = answers[order[bar]]


@kernel_jit
def look_up_two_into_nb(order: Order, answers: Truth, out: Truth) -> None:
    """Write the answer of the order on the bar before and now: ``answers[4 * before + now]``.

    Before the first bar there is no order.
    """
    before = np.uint8(UNORDERED)
    for bar in range(len(out)):
        out[bar] = answers[4 * before + order[bar]]
        before = order[bar]


@kernel_jit
def count_not_finite_nb(x: Float64Array) -> int:
    """Return how many values are NaN or infinite."""
    count = 0
    for bar in range(len(x)):
        count += x[bar] - x[bar] != 0.0
    return count


@kernel_jit
def count_infinite_nb(x: Float64Array) -> int:
    """Return how many values are infinite."""
    count = 0
    for bar in range(len(x)):
        count += abs(x[bar]) == np.inf
    return count


@kernel_jit
def first_defined_nb(x: Float64Array) -> int:
    """Return the first bar with a value, the number of bars where there is none."""
    bar = 0
    while bar < len(x) and np.isnan(x[bar]):
        bar += 1
    return bar


@kernel_jit
def mean_into_nb(x: Float64Array, n: int, out: Float64Array) -> None:
    """Write the mean of each window of ``n`` values by a running sum, in TA-Lib's order of operations.

    ``x`` may begin with undefined values. One that is not finite later stays in the sum to the end.
    """
    first = first_defined_nb(x)
    begin = min(first + n - 1, len(x))
    total = 0.0
    for bar in range(begin):
        out[bar] = np.nan
        if bar >= first:
            total += x[bar]
    for bar in range(begin, len(x)):
        total += x[bar]
        out[bar] = total / n
        total -= x[bar - n + 1]


@kernel_jit
def extreme_into_nb(x: Float64Array, n: int, direction: int, tails: Float64Array, out: Float64Array) -> None:
    """Write the largest (direction 1) or smallest (-1) of each window of ``n`` values.

    Parameters
    ----------
    x : ndarray of shape (n_bars,), dtype=float64
        May begin with undefined values; has none later.
    n, direction : int
        Window in bars; 1 for the largest, -1 for the smallest.
    tails : ndarray of shape (n,), dtype=float64
        Room to work in.
    out : ndarray of shape (n_bars,), dtype=float64
        NaN before the first whole window.

    Notes
    -----
    Blocks of ``n`` values (van Herk, 1992): a window is the tail of one block and the head of the next,
    so each bar costs three comparisons whatever the window.
    """
    n_bars = len(x)
    sign = float(direction)
    first = first_defined_nb(x)
    for bar in range(min(first + n - 1, n_bars)):
        out[bar] = np.nan
    for start in range(first, n_bars, n):
        stop = min(start + n, n_bars)
        head = -np.inf
        for bar in range(start, stop):
            value = x[bar] * sign
            head = value if value > head else head
            place = bar - start + 1
            if place == n:
                out[bar] = head * sign
            elif start > first:
                out[bar] = (tails[place] if tails[place] > head else head) * sign
        if stop - start == n:
            tail = -np.inf
            for place in range(n - 1, -1, -1):
                value = x[start + place] * sign
                tail = value if value > tail else tail
                tails[place] = tail


@kernel_jit
def window_extreme_into_nb(
    x: Float64Array, n: int, direction: int, queue: Int64Array, extreme: Float64Array, defined: Int64Array
) -> None:
    """Write the largest (direction 1) or smallest (-1) defined value of the last ``n`` bars.

    Also how many of the ``n`` values are defined; where none is the extreme is NaN.

    Notes
    -----
    A monotonic queue in a ring of ``queue``, whose length is a power of two above ``n``: O(n_bars)
    whatever the window.
    """
    last = len(queue) - 1
    head, size, known = 0, 0, 0
    for bar in range(len(x)):
        if bar >= n:
            if not np.isnan(x[bar - n]):
                known -= 1
            if size > 0 and queue[head] <= bar - n:
                head = (head + 1) & last
                size -= 1
        if not np.isnan(x[bar]):
            known += 1
            while size > 0 and (x[queue[(head + size - 1) & last]] - x[bar]) * direction <= 0.0:
                size -= 1
            queue[(head + size) & last] = bar
            size += 1
        extreme[bar] = x[queue[head]] if size > 0 else np.nan
        defined[bar] = known


@kernel_jit
def rising_into_nb(
    x: Float64Array, n: int, direction: int, extreme: Float64Array, defined: Int64Array, out: Truth
) -> None:
    """Write where a value is above (direction 1) or below (-1) each of the ``n`` before it.

    ``extreme`` and ``defined`` are what `window_extreme_into_nb` wrote for the same values.
    """
    for bar in range(len(x)):
        out[bar] = UNDEFINED
        if bar == 0 or np.isnan(x[bar]):
            continue
        if not np.isnan(extreme[bar - 1]) and order_nb(x[bar], extreme[bar - 1]) != direction:
            out[bar] = FALSE
        elif defined[bar - 1] == n:
            out[bar] = TRUE


@kernel_jit
def order_nb(a: float, b: float) -> int:
    """Return -1, 0 or 1 as ``a`` is below, equal to or above ``b``: equal within 1e-12 (M9).

    The tolerance is relative to the larger magnitude. Neither may be NaN.
    """
    difference = a - b
    if abs(difference) <= _TIE * max(abs(a), abs(b)):
        return 0
    return 1 if difference > 0.0 else -1


@kernel_jit
def bars_since_into_nb(condition: Truth, out: Float64Array) -> None:
    """Write the bars since a condition was last true, 0 when it is now; NaN until it was."""
    last = -1
    for bar in range(len(condition)):
        if condition[bar] == TRUE:
            last = bar
        out[bar] = bar - last if last >= 0 else np.nan


@kernel_jit
def count_true_into_nb(condition: Truth, n: int, out: Float64Array) -> None:
    """Write on how many of the last ``n`` bars a condition was true; NaN while one is undefined."""
    count, unknown = 0, 0
    for bar in range(len(condition)):
        count += condition[bar] == TRUE
        unknown += condition[bar] == UNDEFINED
        if bar >= n:
            count -= condition[bar - n] == TRUE
            unknown -= condition[bar - n] == UNDEFINED
        out[bar] = count if bar >= n - 1 and unknown == 0 else np.nan


@kernel_jit
def previous_value_into_nb(condition: Truth, x: Float64Array, out: Float64Array) -> None:
    """Write ``x`` on the latest bar where the condition was true, this one included."""
    held = np.nan
    for bar in range(len(x)):
        if condition[bar] == TRUE:
            held = x[bar]
        out[bar] = held


@kernel_jit
def rank_into_nb(x: Float64Array, n: int, out: Float64Array) -> None:
    """Write how many percent of the ``n`` values before each are not larger; NaN while one is undefined.

    ``x`` may begin with undefined values.
    """
    first = first_defined_nb(x)
    for bar in range(len(x)):
        out[bar] = np.nan
        if bar >= first + n:
            value = x[bar]
            count, unknown = 0, 0
            for before in range(bar - n, bar):
                count += x[before] <= value
                unknown += np.isnan(x[before])
            if unknown == 0:
                out[bar] = 100.0 * count / n
