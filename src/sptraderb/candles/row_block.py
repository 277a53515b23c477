"""A block of rows of a file, parsed: columns of integers, and what is wrong with each row."""

from dataclasses import dataclass, replace

import numpy as np

from sptraderb.candles.number_text import BoolArray
from sptraderb.candles.row_faults import FaultArray
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Float64Array


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBlock:
    """Rows of a file in their order there.

    Parameters
    ----------
    line : ndarray of shape (n,), dtype=int64
        Line or record number in the file, from 1.
    time_s : ndarray of shape (n,), dtype=int64
        Open times: seconds on the file's clock, UTC once `with_time` was applied.
    prices : ndarray of shape (4, n) or (8, n), dtype=int64
        Open, high, low, close in ticks; with both sides the bid ones, then the ask ones.
    volume : ndarray of shape (n,), dtype=float64
        As the file has it; 0 where it has none.
    faults : ndarray of shape (n,), dtype=uint8
        `RowFault` of each row; columns of a row with a fault may hold anything.
    noisy : ndarray of shape (n,), dtype=bool
        Rows with a price read by the noise rule.
    n_skipped : int
        Blank lines and comments passed over.
    n_bytes : int
        Bytes of the file this block took.
    """

    line: Int64Array
    time_s: Int64Array
    prices: Int64Array
    volume: Float64Array
    faults: FaultArray
    noisy: BoolArray
    n_skipped: int = 0
    n_bytes: int = 0

    def __len__(self) -> int:
        return len(self.line)

    def with_time(self, time_s: Int64Array) -> "RowBlock":
        """Return the block with other times."""
        return replace(self, time_s=time_s)

    def taken(self, rows: BoolArray) -> "RowBlock":
        """Return only the rows of a mask."""
        return replace(
            self,
            line=self.line[rows],
            time_s=self.time_s[rows],
            prices=np.ascontiguousarray(self.prices[:, rows]),
            volume=self.volume[rows],
            faults=self.faults[rows],
            noisy=self.noisy[rows],
        )
