"""Draws a candlestick pattern as candles: two dozen bars around a place where it occurs.

`tools/indicator_pictures.py` asks for it. The bars are those of the candles the product ships, or where a
pattern never occurs in them, made ones.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.indicator_spec import IndicatorSpec
from sptraderb.engine.indicators import compute_indicator
from sptraderb.testing.made_bars import patterned_bars

N_BARS, N_AFTER, N_SETTLE = 24, 8, 30
WIDTH, HEIGHT, MARGIN = 300, 90, 10
RISING, FALLING = "#2e7d32", "#e65100"
_STEP = (WIDTH - 2 * MARGIN) / N_BARS
_BODY = 0.6 * _STEP
Columns = Mapping[str, npt.NDArray[np.float64]]


def pattern_body(spec: IndicatorSpec, shipped: Columns) -> str:
    """Return the candles around a pattern's last appearance, and a mark at its last bar.

    Parameters
    ----------
    spec : IndicatorSpec
        The pattern.
    shipped : mapping of str to ndarray of shape (n_bars,)
        Prices of the candles the product ships.
    """
    for columns in (shipped, patterned_bars()):
        inputs = tuple(columns[row.price] for row in spec.inputs)
        defaults = tuple(float(row.default or 0) for row in spec.parameters)
        values = np.nan_to_num(compute_indicator(spec.name, inputs, defaults)[0])
        values[:N_SETTLE] = values[-N_AFTER:] = 0
        hits = np.flatnonzero(values)
        if len(hits):
            return _drawn(columns, int(hits[-1]), rises=bool(values[hits[-1]] > 0))
    raise ValueError(f"{spec.name} must occur in some bars, it does not")


def _drawn(columns: Columns, hit: int, *, rises: bool) -> str:
    first = hit + N_AFTER - N_BARS + 1
    rows = [
        tuple(float(columns[name][at]) for name in ("open", "high", "low", "close"))
        for at in range(first, first + N_BARS)
    ]
    low, high = min(row[2] for row in rows), max(row[1] for row in rows)
    unit = (HEIGHT - 2 * MARGIN) / (high - low)

    def y(price: float) -> float:
        return HEIGHT - MARGIN - (price - low) * unit

    parts = [_candle(at, row, y=[y(price) for price in row]) for at, row in enumerate(rows)]
    x, top = _middle(hit - first), y(rows[hit - first][1])
    bottom = y(rows[hit - first][2])
    parts.append(_arrow(x, bottom + 2, 1, RISING) if rises else _arrow(x, top - 2, -1, FALLING))
    return "".join(parts)


def _middle(at: int) -> float:
    return MARGIN + (at + 0.5) * _STEP


def _candle(at: int, row: tuple[float, ...], *, y: list[float]) -> str:
    """Return one candle: a wick, and a body that is hollow where the close is not below the open."""
    colour = RISING if row[3] >= row[0] else FALLING
    x, fill = _middle(at), "#fff" if row[3] >= row[0] else FALLING
    top, height = min(y[0], y[3]), max(abs(y[0] - y[3]), 0.8)
    return (
        f'<path d="M{x:.1f} {y[1]:.1f}V{y[2]:.1f}" stroke="{colour}"/>'
        f'<rect x="{x - _BODY / 2:.1f}" y="{top:.1f}" width="{_BODY:.1f}" height="{height:.1f}" '
        f'fill="{fill}" stroke="{colour}"/>'
    )


def _arrow(x: float, y: float, direction: int, colour: str) -> str:
    """Return a small triangle that points at the pattern's last bar."""
    base = y + 6 * direction
    return f'<path d="M{x:.1f} {y:.1f}L{x - 4:.1f} {base:.1f}H{x + 4:.1f}Z" fill="{colour}"/>'


PATTERNS = tuple(name for name in REGISTRY if name.startswith("cdl"))
