"""Rows collected while a walk goes on: one array with room for what is expected, nothing joined later."""

import numpy as np

from sptraderb.domain.calendar import Int64Array

_SPARE = 1.125


class RowTable:
    """Rows of one kind, in order.

    Parameters
    ----------
    width : int
        Numbers in a row.

    Notes
    -----
    Room that no row has reached yet takes address space, not memory. A guess that was too small costs one
    copy of the rows so far.
    """

    def __init__(self, width: int) -> None:
        self._room = np.empty((0, width), dtype=np.int64)
        self._count = 0

    def add(self, rows: Int64Array, *, share: float = 1.0) -> None:
        """Append copies of rows; ``share`` is the part of the work, from 0 to 1, that brought all so far."""
        count = self._count + len(rows)
        if count > len(self._room):
            expected = int(count / share * _SPARE) if 0.0 < share < 1.0 else count
            room = np.empty((max(expected, count), self._room.shape[1]), dtype=np.int64)
            room[: self._count] = self._room[: self._count]
            self._room = room
        self._room[self._count : count] = rows
        self._count = count

    def rows(self) -> Int64Array:
        """Return all rows so far, a view."""
        return self._room[: self._count]
