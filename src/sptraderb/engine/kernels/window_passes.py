"""Windows of the language in one pass each: places in a range, the channel index.

All take whole series without undefined values, write into arrays that callers made and give NaN before the
first whole window.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit

Float64Array = npt.NDArray[np.float64]
_BLOCK = 256


def window_room(n: int) -> Float64Array:
    """Return the room in which kernels work on a block of bars with windows of ``n``."""
    return np.empty((3, n + max(_BLOCK, 4 * n if n > _BLOCK // 4 else 0)))


@kernel_jit
def place_in_window_into_nb(
    high: Float64Array,
    low: Float64Array,
    close: Float64Array,
    shift: float,
    tails: Float64Array,
    out: Float64Array,
) -> None:
    """Write where the close lies from the lowest low (``shift``) to the highest high (100 + shift).

    Undefined where the two are equal. ``tails`` is room of two rows as long as the window; blocks of such
    length as in `series.extreme_into_nb`.
    """
    n_bars, n = len(close), tails.shape[1]
    for bar in range(min(n - 1, n_bars)):
        out[bar] = np.nan
    for start in range(0, n_bars, n):
        stop = min(start + n, n_bars)
        top, bottom = -np.inf, np.inf
        for bar in range(start, stop):
            this_high, this_low = high[bar], low[bar]
            top = this_high if this_high > top else top
            bottom = this_low if this_low < bottom else bottom
            place = bar - start + 1
            # a block's own first bars read no tails; the last bar is the whole block
            before_top = tails[0, place] if start > 0 and place < n else -np.inf
            before_bottom = tails[1, place] if start > 0 and place < n else np.inf
            whole_top = before_top if before_top > top else top
            whole_bottom = before_bottom if before_bottom < bottom else bottom
            if start > 0 or place == n:
                out[bar] = 100.0 * (close[bar] - whole_bottom) / (whole_top - whole_bottom) + shift
        if stop - start == n:
            top, bottom = -np.inf, np.inf
            for place in range(n - 1, -1, -1):
                this_high, this_low = high[start + place], low[start + place]
                top = this_high if this_high > top else top
                bottom = this_low if this_low < bottom else bottom
                tails[0, place] = top
                tails[1, place] = bottom


@kernel_jit
def channel_index_into_nb(
    high: Float64Array, low: Float64Array, close: Float64Array, n: int, room: Float64Array, out: Float64Array
) -> None:
    """Write the commodity channel index; 0 where a window does not move.

    Every window is added up by itself, value after value: running sums would leave a remainder where
    prices stand still. Blocks of bars at a time (`window_room`), so that neighbours are added side by side.
    """
    for bar in range(min(n - 1, len(close))):
        out[bar] = np.nan
    block = room.shape[1] - n
    for start in range(n - 1, len(close), block):
        size = min(block, len(close) - start)
        begin = start - n + 1
        prices, means, sums = room[0, : size + n - 1], room[1, :size], room[2, :size]
        for at in range(len(prices)):
            prices[at] = (high[begin + at] + low[begin + at] + close[begin + at]) / 3.0
        sums[:] = 0.0
        _add_windows_nb(prices, n, sums)
        for at in range(size):
            means[at] = sums[at] / n
        sums[:] = 0.0
        _add_deviations_nb(prices, n, means, sums)
        for at in range(size):
            away = prices[at + n - 1] - means[at]
            moved = away != 0.0 and sums[at] != 0.0
            out[start + at] = away / (0.015 * (sums[at] / n)) if moved else 0.0


@inlined_jit
def _add_windows_nb(prices: Float64Array, n: int, sums: Float64Array) -> None:
    """Add up the ``n`` values from each place on, four at a time for every place."""
    size = len(sums)
    for back in range(0, n - n % 4, 4):
        a, b = prices[back : back + size], prices[back + 1 : back + 1 + size]
        c, d = prices[back + 2 : back + 2 + size], prices[back + 3 : back + 3 + size]
        for at in range(size):
            sums[at] = (((sums[at] + a[at]) + b[at]) + c[at]) + d[at]
    for back in range(n - n % 4, n):
        a = prices[back : back + size]
        for at in range(size):
            sums[at] += a[at]


@inlined_jit
def _add_deviations_nb(prices: Float64Array, n: int, means: Float64Array, sums: Float64Array) -> None:
    """Add up how far the ``n`` values from each place on lie from its mean."""
    size = len(sums)
    for back in range(0, n - n % 4, 4):
        a, b = prices[back : back + size], prices[back + 1 : back + 1 + size]
        c, d = prices[back + 2 : back + 2 + size], prices[back + 3 : back + 3 + size]
        for at in range(size):
            mean = means[at]
            first = (sums[at] + abs(a[at] - mean)) + abs(b[at] - mean)
            sums[at] = (first + abs(c[at] - mean)) + abs(d[at] - mean)
    for back in range(n - n % 4, n):
        a = prices[back : back + size]
        for at in range(size):
            sums[at] += abs(a[at] - means[at])
