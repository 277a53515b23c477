"""Finer candles that show what happened inside a bar (X6).

Place: asked by ``price_path`` for a bar whose course matters. Only finer bars that aggregate exactly to
the bar are believed.
"""

import numpy as np

from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.terms import Terms
from sptraderb.oracle.exact_numbers import Scales
from sptraderb.oracle.quoted_bar import QuotedBar, Quotes


class WalkedBars:
    """The finer bars of each bar of a run.

    Parameters
    ----------
    candles, finer : Candles
        The run's bars, and those of a finer timeframe, of the same symbol and side.
    terms : Terms
        Spread and slippage.
    scales : Scales
        The run's units.
    """

    def __init__(self, candles: Candles, finer: Candles, terms: Terms, *, scales: Scales) -> None:
        self._candles, self._finer = candles, finer
        self._quotes = Quotes(finer, terms, scales=scales)
        self._whole = Quotes(candles, terms, scales=scales)
        self._first = np.searchsorted(finer.time_s, candles.time_s)
        self._end = np.searchsorted(finer.time_s, candles.close_times_s)

    def of(self, bar: int) -> list[QuotedBar]:
        """Return the finer bars of a bar in their order; none where they do not make it up exactly."""
        rows = range(int(self._first[bar]), int(self._end[bar]))
        if not rows or not self._aggregate_to(bar, rows):
            return []
        return [self._quotes.bar(row, part_of=(self._whole, bar)) for row in rows]

    def _aggregate_to(self, bar: int, rows: range) -> bool:
        """Return whether first open, highest high, lowest low and last close are the bar's, on each side."""
        sides = [PRICE_COLUMNS] if self._candles.ask_open_ticks is None else [PRICE_COLUMNS, ASK_COLUMNS]
        for open_, high, low, close in sides:
            part = slice(rows.start, rows.stop)
            found = (
                getattr(self._finer, open_)[part][0],
                getattr(self._finer, high)[part].max(),
                getattr(self._finer, low)[part].min(),
                getattr(self._finer, close)[part][-1],
            )
            names = (open_, high, low, close)
            if any(
                getattr(self._candles, name)[bar] != value for name, value in zip(names, found, strict=True)
            ):
                return False
        return True
