"""The port through which the rest of the program reads candles, wherever they are kept."""

from typing import Protocol

from sptraderb.domain.candle import Candles
from sptraderb.domain.timeframe import Timeframe


class CandleSource(Protocol):
    """Reads candles of one database, one adopted platform or one fake."""

    async def read_candles(
        self, symbol: str, timeframe: Timeframe, start_s: int | None, end_s: int | None, *, warm_up: int = 0
    ) -> Candles:
        """Return the bars that open from ``start_s`` to ``end_s``, both inclusive.

        Parameters
        ----------
        symbol : str
            Series.
        timeframe : Timeframe
            Stored, a multiple, 1d or 1w.
        start_s, end_s : int or None
            Unix seconds UTC; None = no bound.
        warm_up : int
            Bars before ``start_s`` put in front, where there are any.

        Raises
        ------
        NotFound
            ``candles.unknown_symbol``, ``candles.too_coarse``.
        """
        ...
