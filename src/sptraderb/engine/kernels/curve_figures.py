"""One pass over the curves of a run: drawdowns, their episodes, exposure and leverage.

What `engine/metrics_drawdown` and `engine/metrics_exposure` report; a bar is read once. Integers are
exact; sums of doubles carry their rounding errors along (Neumaier, 1974), block by block.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit

Float64Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.uint8]

# Places in the integers that come out ...
(
    TROUGH_MONEY,
    CLOSE_MONEY,
    EPISODES,
    IS_OPEN,
    LONGEST_S,
    TOTAL_S,
    LONGEST_RECOVERY_S,
    EXPOSED_BARS,
    N_INTEGERS,
) = range(9)
# ... and in the doubles.
TROUGH_FRACTION, CLOSE_FRACTION, DEPTHS, LEVERAGE, MOST_LEVERAGE, N_DOUBLES = range(6)
_BLOCK = 256


@kernel_jit
def drawdown_pass_nb(
    first: int,
    deposit: int,
    equity: Int64Array,
    troughs: Int64Array,
    opens_s: Int64Array,
    closes_s: Int64Array,
    integers: Int64Array,
    doubles: Float64Array,
) -> None:
    """Write depth and duration of drawdowns from bar ``first`` on.

    Parameters
    ----------
    first : int
        First tradable bar; smaller than the number of bars.
    deposit : int
        Where the peak starts.
    equity, troughs : ndarray of shape (n_bars,), dtype=int64
        Marks at closes and lowest marks inside bars, in minor units. A bar is measured against the peak
        of the marks before it.
    opens_s, closes_s : ndarray of shape (at least n_bars,), dtype=int64
        When bars open and close, Unix seconds.
    integers, doubles : ndarray
        Written at their places.
    """
    peak = lowest = lowest_trough = low = deposit
    start, low_bar = -1, first
    depths = lost = 0.0
    bar, n_bars = first, len(equity)
    while bar < n_bars:
        until = min(bar + _BLOCK, n_bars)
        if start >= 0 and _highest_nb(equity[bar:until]) < peak:
            bottom = _lowest_nb(equity[bar:until])
            lowest_trough = min(lowest_trough, _lowest_nb(troughs[bar:until]))
            if bottom < low:
                low_bar, low = bar + _place_nb(equity[bar:until], bottom), bottom
            lowest, bar = min(lowest, bottom), until
            continue
        while bar < until:
            mark, trough = equity[bar], troughs[bar]
            lowest = min(lowest, mark)
            lowest_trough = min(lowest_trough, trough)
            if mark < peak:
                if start < 0:
                    start, low_bar, low = bar, bar, mark
                elif mark < low:
                    low_bar, low = bar, mark
            else:
                if start >= 0:
                    depths, lost = added_nb((peak - low) / peak, depths, lost)
                    _end_episode_nb(start, bar, low_bar, first, opens_s, closes_s, integers)
                    start = -1
                if mark > peak:
                    _end_stretch_nb(peak, lowest, lowest_trough, integers, doubles)
                    peak = lowest = lowest_trough = mark
            bar += 1
    _end_stretch_nb(peak, lowest, lowest_trough, integers, doubles)
    if start >= 0:
        depths, lost = added_nb((peak - low) / peak, depths, lost)
        _end_episode_nb(start, n_bars - 1, low_bar, first, opens_s, closes_s, integers)
        integers[IS_OPEN] = 1
    doubles[DEPTHS] = depths + lost


@inlined_jit
def _highest_nb(values: Int64Array) -> int:
    """Return the largest of some values, of which there is at least one."""
    found = values[0]
    for place in range(len(values)):
        found = max(found, values[place])
    return int(found)


@inlined_jit
def _lowest_nb(values: Int64Array) -> int:
    """Return the smallest of some values, of which there is at least one."""
    found = values[0]
    for place in range(len(values)):
        found = min(found, values[place])
    return int(found)


@inlined_jit
def _place_nb(values: Int64Array, wanted: int) -> int:
    """Return where a value that is there stands first."""
    place = 0
    while values[place] != wanted:
        place += 1
    return place


@inlined_jit
def _end_stretch_nb(
    peak: int, lowest: int, lowest_trough: int, integers: Int64Array, doubles: Float64Array
) -> None:
    """Take the depths below one peak."""
    integers[CLOSE_MONEY] = max(integers[CLOSE_MONEY], peak - lowest)
    integers[TROUGH_MONEY] = max(integers[TROUGH_MONEY], peak - lowest_trough)
    doubles[CLOSE_FRACTION] = max(doubles[CLOSE_FRACTION], (peak - lowest) / peak)
    doubles[TROUGH_FRACTION] = max(doubles[TROUGH_FRACTION], (peak - lowest_trough) / peak)


@inlined_jit
def _end_episode_nb(
    start: int,
    end: int,
    low_bar: int,
    first: int,
    opens_s: Int64Array,
    closes_s: Int64Array,
    integers: Int64Array,
) -> None:
    """Take one stretch below the peak: from the mark that set it to the mark that reached it again."""
    from_s = closes_s[start - 1] if start > first else opens_s[first]
    length = closes_s[end] - from_s
    integers[EPISODES] += 1
    integers[TOTAL_S] += length
    integers[LONGEST_S] = max(integers[LONGEST_S], length)
    integers[LONGEST_RECOVERY_S] = max(integers[LONGEST_RECOVERY_S], closes_s[end] - closes_s[low_bar])


@inlined_jit
def added_nb(value: float, total: float, lost: float) -> tuple[float, float]:
    """Return a sum with one more value, and what its roundings have lost."""
    summed = total + value
    if abs(total) >= abs(value):
        return summed, lost + ((total - summed) + value)
    return summed, lost + ((value - summed) + total)


@kernel_jit
def exposure_pass_nb(
    first: int,
    minor_a_tick: Float64Array,
    equity: Int64Array,
    held: Int64Array,
    exposed: Flags,
    closes: Int64Array,
    ask_closes: Int64Array,
    integers: Int64Array,
    doubles: Float64Array,
) -> None:
    """Write on how many bars from ``first`` on a position was held, and leverage at closes.

    Parameters
    ----------
    first : int
        First tradable bar.
    minor_a_tick : ndarray of shape (1,) or (n_bars,), dtype=float64
        Minor units that one step gains with one tick, on all bars or on each.
    equity, held : ndarray of shape (n_bars,), dtype=int64
        Marks and signed sizes at closes. Leverage counts where a size is held and equity is positive.
    exposed : ndarray of shape (n_bars,), dtype=uint8
        Whether a position was held at any instant.
    closes, ask_closes : ndarray of shape (at least n_bars,), dtype=int64
        Prices at which longs and shorts are marked.
    integers, doubles : ndarray
        Written at their places.
    """
    total = lost = most = 0.0
    count, n_bars = 0, len(equity)
    for place in range(len(exposed[first:])):
        count += exposed[first:][place]
    for bar in range(0, n_bars, _BLOCK):
        until = min(bar + _BLOCK, n_bars)
        worth = minor_a_tick[bar:until] if len(minor_a_tick) > 1 else minor_a_tick
        asks, prices = ask_closes[bar:until], closes[bar:until]
        part, highest = _leverage_nb(worth, equity[bar:until], held[bar:until], prices, asks)
        total, lost = added_nb(part, total, lost)
        most = max(most, highest)
    integers[EXPOSED_BARS] = count
    doubles[LEVERAGE], doubles[MOST_LEVERAGE] = total + lost, most


@inlined_jit
def _leverage_nb(
    minor_a_tick: Float64Array,
    equity: Int64Array,
    held: Int64Array,
    closes: Int64Array,
    ask_closes: Int64Array,
) -> tuple[float, float]:
    """Return the sum and the largest of the leverages of some bars; 0 where nothing or less is owned."""
    step = 1 if len(minor_a_tick) > 1 else 0
    even = odd = most = 0.0
    for place in range(len(equity)):
        steps, owned = held[place], equity[place]
        price = closes[place] if steps > 0 else ask_closes[place]
        value = float(price) * abs(float(steps)) * minor_a_tick[place * step]
        leverage = (value if owned > 0 else 0.0) / (float(owned) if owned > 0 else 1.0)
        even, odd = odd, even + leverage
        most = max(most, leverage)
    return even + odd, most
