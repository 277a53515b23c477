"""Plain means, windows and lags, written from their definitions to test the indicators against."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def windows(function: Callable[..., float], n: int, *series: Array) -> Array:
    """Apply a function to each window of n values that are all defined."""
    out = np.full(len(series[0]), np.nan)
    for t in range(n - 1, len(out)):
        parts = [x[t - n + 1 : t + 1] for x in series]
        if not any(np.isnan(part).any() for part in parts):
            out[t] = function(*parts)
    return out


def mean(n: int, x: Array) -> Array:
    """Return the mean of each window."""
    return windows(lambda w: math.fsum(w) / n, n, x)


def smoothed(x: Array, n: int, weight: float) -> Array:
    """Smooth recursively from the mean of the first n defined values."""
    first = int(np.argmax(~np.isnan(x)))
    out = np.full(len(x), np.nan)
    out[first + n - 1] = math.fsum(x[first : first + n]) / n
    for t in range(first + n, len(x)):
        out[t] = out[t - 1] + weight * (x[t] - out[t - 1])
    return out


def ema(x: Array, n: int) -> Array:
    """Return the exponential mean."""
    return smoothed(x, n, 2 / (n + 1))


def wilder(x: Array, n: int) -> Array:
    """Return Wilder's mean."""
    return smoothed(x, n, 1 / n)


def lag(x: Array, n: int = 1) -> Array:
    """Return the values n bars ago."""
    return np.concatenate([np.full(n, np.nan), x[:-n]])
