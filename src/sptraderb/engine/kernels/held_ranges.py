"""Prices between which a bar of a position held is plain, for the stretches that only mark."""

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import allowed_loss_nb
from sptraderb.engine.kernels.bar_path import nearest_profit_nb
from sptraderb.engine.kernels.codes import inlined_jit

Flags = npt.NDArray[np.uint8]

SAFE_BALANCE = 1 << 61
HOLD_CARE = c.ENTRY_TRUE | c.EXIT_TRUE | c.DAY_BEGINS | c.DUE
_NO_LEVEL = NO_LEVEL


@inlined_jit
def level_range_nb(offset: int, book: Int64Array) -> tuple[int, int]:
    """Return the raw prices at or beyond which the stop, or the nearest target or part, is reached."""
    _, profit = nearest_profit_nb(book)
    below = book[c.STOP] if book[c.SIDE] > 0 else profit
    above = profit if book[c.SIDE] > 0 else book[c.STOP]
    low_raw = -c.FAR if below == _NO_LEVEL else below - offset
    high_raw = c.FAR if above == _NO_LEVEL else above - offset
    return low_raw, high_raw


@inlined_jit
def below_water_nb(low_raw: int, high_raw: int, offset: int, book: Int64Array) -> tuple[int, int]:
    """Return the range short of a new water mark."""
    if book[c.SIDE] > 0:
        return low_raw, min(high_raw, book[c.WATER] + 1 - offset)
    return max(low_raw, book[c.WATER] - 1 - offset), high_raw


@inlined_jit
def closer_nb(side: int, stop: int, low_raw: int, high_raw: int) -> tuple[int, int]:
    """Return the range with a stop that may be nearer."""
    if side > 0:
        return max(low_raw, stop), high_raw
    return low_raw, min(high_raw, stop)


@inlined_jit
def least_equity_nb(book: Int64Array) -> int:
    """Return the equity at or below which a bar needs care: ruin, or the daily limit while it counts."""
    if book[c.DAILY_LOSS_PPB] == 0 or book[c.DAY_PAUSED] != 0:
        return 0
    return max(0, int(book[c.DAY_START]) - allowed_loss_nb(book[c.DAY_START], book[c.DAILY_LOSS_PPB]))
