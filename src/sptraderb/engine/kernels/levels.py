"""Attached exits: where stop and target of an entry lie, and how far others follow (rules X8, X15, M4).

A level that does not exist, or is at or below zero and so never reached, is NO_LEVEL.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import NO_LEVEL, OrderReason
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.arithmetic import muldiv_ceil_nb, sum_nb
from sptraderb.engine.kernels.codes import kernel_jit

Float64Array = npt.NDArray[np.float64]

_RATE_ONE = 10**9
_MILLION = 10**6
_LARGEST_LEVEL = 2.0**52
_ON_GRID = 1e-4
_NO_LEVEL = NO_LEVEL
_UNDEFINED = int(OrderReason.LEVEL_UNDEFINED)
_FITS, _OVERFLOWS = 0, -1


@kernel_jit
def stop_level_nb(price: int, rule: int, bar: int, levels: Float64Array, book: Int64Array) -> tuple[int, int]:
    """Return the stop for a fill at ``price`` and 0, or a reason: undefined (> 0) or overflow (-1).

    The level lies on the losing side; off the grid it moves away from the position. It may come out
    on the wrong side, which the caller judges.

    Parameters
    ----------
    price : int
        Fill price in ticks.
    rule : int
        Where the rule begins in the book.
    bar : int
        The bar at whose close the entry was decided; series are read there (X15).
    levels : ndarray of shape (n_levels, n_bars), dtype=float64
        Distances and prices of series.
    book : ndarray of int64
        The book.
    """
    return _level_nb(price, _NO_LEVEL, -book[rule + c.RULE_SIDE], rule + c.STOP_KIND, bar, levels, book)


@kernel_jit
def target_level_nb(
    price: int, stop: int, rule: int, bar: int, levels: Float64Array, book: Int64Array
) -> tuple[int, int]:
    """Return the target for a fill at ``price`` with that stop, like `stop_level_nb`."""
    return _level_nb(price, stop, book[rule + c.RULE_SIDE], rule + c.TARGET_KIND, bar, levels, book)


@kernel_jit
def part_level_nb(
    price: int, stop: int, place: tuple[int, int], bar: int, levels: Float64Array, book: Int64Array
) -> tuple[int, int]:
    """Return the level of a partial exit like `target_level_nb`; ``place`` is its rule and number (X9)."""
    rule, part = place
    row = book[rule + c.RULE_PARTS_AT] + part * c.PART_WIDTH
    return _level_nb(price, stop, book[rule + c.RULE_SIDE], row + c.PART_KIND, bar, levels, book)


@kernel_jit
def anchored_level_nb(
    level: int, direction: int, distance: int, levels: Float64Array, book: Int64Array
) -> int:
    """Return where an exit lies once the position's average price is its anchor (X17).

    A percentage is of the anchor; other distances keep the ticks they had at the first fill, prices stay.
    """
    kind = book[distance]
    if kind in (c.KIND_NONE, c.KIND_PRICE):
        return level
    anchor = book[c.ENTRY_PRICE]
    price = anchor if kind == c.KIND_RATE else book[c.FIRST_FILL]
    stop, bar = book[c.INITIAL_STOP], book[c.ENTRY_DECIDED]
    ticks, fault = distance_nb(price, stop, 1, distance, bar, levels, book)
    if fault > _FITS:  # undefined, and so absent, since the first fill
        return level
    moved, fits = sum_nb(anchor, direction * ticks)
    if fault != _FITS or not fits:
        book[c.FAULT] = c.OVERFLOW
    return max(moved, _NO_LEVEL)


@kernel_jit
def _level_nb(
    price: int, stop: int, direction: int, distance: int, bar: int, levels: Float64Array, book: Int64Array
) -> tuple[int, int]:
    """Return the level some distance away in ``direction`` (1 up, -1 down), rounded away from the price.

    ``distance`` is where kind, amount and row of the distance stand in the book.
    """
    kind = book[distance]
    if kind == c.KIND_NONE:
        return _NO_LEVEL, _FITS
    away = direction if kind == c.KIND_PRICE else 1
    ticks, fault = distance_nb(price, stop, away, distance, bar, levels, book)
    if fault != _FITS:
        return _NO_LEVEL, fault
    if kind == c.KIND_PRICE:
        return max(ticks, _NO_LEVEL), _FITS
    level, fits = sum_nb(price, direction * ticks)
    if not fits:
        return _NO_LEVEL, _OVERFLOWS
    return max(level, _NO_LEVEL), _FITS


@kernel_jit
def distance_nb(
    price: int, stop: int, away: int, distance: int, bar: int, levels: Float64Array, book: Int64Array
) -> tuple[int, int]:
    """Return a stated distance from ``price`` in ticks (a stated price itself) and 0, or a fault.

    Off the grid it is rounded up, or down where ``away`` is -1. No distance is 0.
    """
    kind, amount, row = book[distance], book[distance + 1], book[distance + 2]
    fits = True
    ticks = 0
    if kind == c.KIND_RATE:
        ticks, fits = muldiv_ceil_nb(price, amount, _RATE_ONE)
    elif kind == c.KIND_TICKS:
        ticks = -(-amount // _MILLION)
    elif kind == c.KIND_R:
        if stop == _NO_LEVEL:
            return 0, _UNDEFINED
        ticks, fits = muldiv_ceil_nb(abs(price - stop), amount, _MILLION)
    elif kind != c.KIND_NONE:
        scaled = levels[row, bar] * float(book[c.PRICE_FACTOR])
        if not abs(scaled) < _LARGEST_LEVEL:
            return 0, _UNDEFINED
        ticks = on_grid_nb(scaled, away)
    return ticks, (_FITS if fits else _OVERFLOWS)


@kernel_jit
def on_grid_nb(value: float, away: int) -> int:
    """Return a float64 number of ticks as an integer: the nearest within 1e-4, else up or down (M4)."""
    nearest = np.rint(value)
    if abs(value - nearest) < _ON_GRID:
        return int(nearest)
    return int(np.ceil(value)) if away > 0 else int(np.floor(value))
