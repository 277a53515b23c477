"""Rows collected during a walk: none lost or changed, whatever was expected."""

import numpy as np
import pytest

from sptraderb.engine.row_table import RowTable


@pytest.mark.parametrize("shares", [(0.25, 0.5, 1.0), (0.0, 0.9, 0.95), (1.0, 1.0, 1.0)])
def test_rows_when_added_in_parts_then_are_all_there_in_order(shares: tuple[float, ...]) -> None:
    """Guesses too small, too large or impossible cost room, never a row."""
    parts = [np.arange(start, start + 3 * n).reshape(n, 3) for start, n in ((0, 5), (100, 0), (200, 40))]
    table = RowTable(3)
    for part, share in zip(parts, shares, strict=True):
        table.add(part, share=share)
    np.testing.assert_array_equal(table.rows(), np.concatenate(parts))


def test_rows_when_what_was_added_changes_then_do_not() -> None:
    """The rows are copies: the walk writes over its own."""
    own = np.ones((2, 2), dtype=np.int64)
    table = RowTable(2)
    table.add(own, share=0.5)
    own[:] = 7
    np.testing.assert_array_equal(table.rows(), np.ones((2, 2)))
