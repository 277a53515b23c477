"""What can be wrong with one row of a file; the words are those of the report."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from sptraderb.candles.number_text import BoolArray
from sptraderb.domain.calendar import Int64Array

FaultArray = npt.NDArray[np.uint8]


class RowFault(IntEnum):
    """Why a row is not a candle; 0 = it is one."""

    NONE = 0
    FIELDS = 1
    TIME = 2
    PRICE = 3
    VOLUME = 4
    OFF_GRID = 5
    NOT_POSITIVE = 6
    OHLC = 7
    MISALIGNED = 8
    NO_SUCH_TIME = 9
    BID_OVER_ASK = 10
    CONFLICT = 11

    @property
    def word(self) -> str:
        """The name used in reports, such as ``off_grid``."""
        return self.name.lower()

    @property
    def sentence(self) -> str:
        """What must hold, for people."""
        return _SENTENCES[self]


_SENTENCES = {
    RowFault.NONE: "sound",
    RowFault.FIELDS: "a row must have as many fields as the layout",
    RowFault.TIME: "the time must be readable and exist",
    RowFault.PRICE: "prices must be finite numbers",
    RowFault.VOLUME: "the volume must be a finite number, not negative",
    RowFault.OFF_GRID: "prices must have no more decimals than the instrument",
    RowFault.NOT_POSITIVE: "prices must be positive",
    RowFault.OHLC: "low <= open, close <= high must hold",
    RowFault.MISALIGNED: "candles must open on the timeframe's grid (00:00 UTC)",
    RowFault.NO_SUCH_TIME: "the time must exist in the time zone (clocks go forward)",
    RowFault.BID_OVER_ASK: "bid must not be above ask",
    RowFault.CONFLICT: "a time must occur once, or with equal values; the first row is kept",
}


def mark(faults: FaultArray, where: BoolArray, fault: RowFault) -> None:
    """Note ``fault`` for the rows of a mask that have none yet."""
    faults[where & (faults == 0)] = fault


def check_prices(
    faults: FaultArray, open_: Int64Array, high: Int64Array, low: Int64Array, close: Int64Array
) -> None:
    """Note rows whose prices are not positive or contradict each other.

    Parameters
    ----------
    faults : ndarray of shape (n,), dtype=uint8
        Changed in place.
    open_, high, low, close : ndarray of shape (n,), dtype=int64
        Prices in ticks.
    """
    mark(faults, np.minimum(low, np.minimum(open_, close)) <= 0, RowFault.NOT_POSITIVE)
    sound = (low <= np.minimum(open_, close)) & (np.maximum(open_, close) <= high)
    mark(faults, ~sound, RowFault.OHLC)
