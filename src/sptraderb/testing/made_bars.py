"""Bars made of whole-number arithmetic alone, so that every library and machine sees the same ones.

Place: beside the builders of candles; the values that public libraries gave on these bars are pinned in
``tests/unit/engine/indicator_references.json``.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Columns = Mapping[str, npt.NDArray[np.float64]]
Row = tuple[int, int, int, int, int]

_NAMES = ("open", "high", "low", "close", "volume")
_MULTIPLIER, _INCREMENT, _MODULUS = 6364136223846793005, 1442695040888963407, 2**64
_POINT = 100_000
_CONTEXT: tuple[Row, ...] = tuple(
    (100, 105, 98, 103, 9) if at % 2 else (103, 105, 98, 100, 9) for at in range(14)
)
_BABY_SWALLOW: tuple[Row, ...] = (
    (120, 120, 110, 110, 9),
    (112, 112, 100, 100, 9),
    (96, 103, 92, 92, 9),
    (108, 108, 88, 88, 9),
)
_STARS_IN_THE_SOUTH: tuple[Row, ...] = (
    (120, 120, 98, 110, 9),
    (115, 116, 102, 110, 9),
    (108, 108, 107, 107, 9),
)
_WRITTEN = (*_CONTEXT, *_BABY_SWALLOW, *_CONTEXT, *_STARS_IN_THE_SOUTH, *_CONTEXT)


@cache
def fine_bars() -> Columns:
    """Return 1,500 hourly bars of many ticks each: for numbers."""
    return _columns(_walk(1_500, step=30, body=120, shadow=60, seed=7))


@cache
def patterned_bars() -> Columns:
    """Return 80,045 bars of few ticks, with gaps and without shadows: every candlestick pattern occurs."""
    coarse = _walk(40_000, step=6, body=7, shadow=4, seed=11)
    gapped = _walk(40_000, step=20, body=30, shadow=2, seed=5)
    return _columns([*coarse, *gapped, *_WRITTEN])


def _walk(n_bars: int, *, step: int, body: int, shadow: int, seed: int) -> list[Row]:
    state, close = seed, 110_000
    rows: list[Row] = []

    def draw(below: int) -> int:
        nonlocal state
        state = (state * _MULTIPLIER + _INCREMENT) % _MODULUS
        return (state >> 33) % below

    for _ in range(n_bars):
        opened = close + (draw(2 * step + 1) - step if draw(3) == 0 else 0)
        close = opened + draw(2 * body + 1) - body
        high = max(opened, close) + draw(shadow + 1)
        low = min(opened, close) - draw(shadow + 1)
        rows.append((opened, high, low, close, 50 + draw(900)))
    return rows


def _columns(rows: list[Row]) -> Columns:
    table = np.array(rows, dtype=np.float64)
    found = {name: np.ascontiguousarray(table[:, at]) for at, name in enumerate(_NAMES)}
    for name in _NAMES[:4]:
        found[name] /= _POINT
    found["hlc3"] = (found["high"] + found["low"] + found["close"]) / 3
    for values in found.values():
        values.flags.writeable = False
    return MappingProxyType(found)
