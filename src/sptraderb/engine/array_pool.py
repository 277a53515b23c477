"""Arrays used again: memory that nobody reads any more becomes the next result.

A fresh array of a million values costs more time in page faults than most indicators take to fill it, and
an evaluation makes a hundred of them, few of which live at once.
"""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
Truth = npt.NDArray[np.uint8]
Values = npt.NDArray[Any]


def _n_references(box: list[Values]) -> int:
    return sys.getrefcount(box[0])


_ALONE = _n_references([np.empty(1)])
"""What the interpreter counts for an array that only one list holds."""


class ArrayPool:
    """Arrays of one evaluation that are free again, by length and type; several threads may use it."""

    def __init__(self) -> None:
        self._free: dict[tuple[int, str], list[Values]] = {}

    def numbers(self, n_values: int) -> Float64Array:
        """Return an array of float64, its values undefined until written."""
        return self._taken(n_values, np.float64)

    def truths(self, n_values: int) -> Truth:
        """Return an array of uint8, its values undefined until written."""
        return self._taken(n_values, np.uint8)

    def _taken(self, n_values: int, dtype: type[np.float64] | type[np.uint8]) -> Values:
        free = self._free.get((n_values, np.dtype(dtype).char))
        if free:
            try:
                return free.pop()
            except IndexError:  # another thread was faster
                pass
        return np.empty(n_values, dtype=dtype)

    def give_back(self, box: list[Values]) -> None:
        """Take the array of a list of one, unless something else still holds it or a view of it."""
        values = box[0]
        flags = values.flags
        whole = values.ndim == 1 and flags.owndata and flags.c_contiguous and flags.writeable
        key = values.size, values.dtype.char
        del values, flags
        if whole and _n_references(box) == _ALONE:
            self._free.setdefault(key, []).append(box.pop())
