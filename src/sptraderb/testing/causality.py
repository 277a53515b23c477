"""Does a value at a bar depend on later bars? Every bar is taken as the present, its future cut and changed.

Place: beside the builders of candles; the property tests of the language and of whole runs use it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sptraderb.domain.candle import Candles

_PRICES = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
SeriesOf = Callable[[Candles], Mapping[str, npt.NDArray[np.float64]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A series that changed with its future.

    Parameters
    ----------
    name : str
        The series.
    present : int
        The last bar that was left as it is.
    bar : int
        The first bar, not after the present, whose value is another one.
    future : {'cut', 'changed'}
        What was done to the bars after the present.
    """

    name: str
    present: int
    bar: int
    future: str


def futures(candles: Candles, present: int) -> Iterator[tuple[str, Candles]]:
    """Give the candles with the bars after the present cut, and with other bars in their place."""
    yield "cut", candles.sliced(0, present + 1)
    if present + 1 < len(candles):
        yield "changed", changed_after(candles, present)


def changed_after(candles: Candles, present: int) -> Candles:
    """Return candles whose bars after the present go the other way, twice as far, with another volume."""
    prices = {name: getattr(candles, name).copy() for name in _PRICES}
    pivot = int(candles.close_ticks[present])
    later = slice(present + 1, None)
    mirrored = {name: 2 * (pivot - values[later]) + pivot for name, values in prices.items()}
    mirrored["high_ticks"], mirrored["low_ticks"] = mirrored["low_ticks"], mirrored["high_ticks"]
    for name, values in mirrored.items():
        prices[name][later] = np.maximum(values, 1)
    volume = candles.volume.copy()
    volume[later] = 3 * volume[later] + 7
    columns = {"time_s": candles.time_s, "volume": volume, **prices}
    return Candles.from_columns(columns, instrument=candles.instrument, timeframe=candles.timeframe)


def find_leaks(series_of: SeriesOf, candles: Candles, *, first: int) -> tuple[Leak, ...]:
    """Return every series that changes with its future, once each, at the first present that shows it.

    Parameters
    ----------
    series_of : callable
        Gives named series of shape (n_bars,) on candles; NaN is a value like any other.
    candles : Candles
        Bars with one side.
    first : int
        The first bar taken as the present; every later one follows.

    Notes
    -----
    All bars up to the present are compared, bit for bit but for the sign of zero. Two evaluations a bar.
    """
    names, whole = _table(series_of(candles))
    found: dict[str, Leak] = {}
    for present in range(first, len(candles)):
        for future, other in futures(candles, present):
            others, part = _table(series_of(other))
            if others != names:
                raise AssertionError("the same series must be given whatever the candles are")
            before, after = whole[:, : present + 1], part[:, : present + 1]
            differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
            for row in np.flatnonzero(differs.any(axis=1)):
                leak = Leak(name=names[row], present=present, bar=int(differs[row].argmax()), future=future)
                found.setdefault(leak.name, leak)
    return tuple(found.values())


def _table(series: Mapping[str, npt.NDArray[np.float64]]) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    return tuple(series), np.stack([np.asarray(values, dtype=np.float64) for values in series.values()])
