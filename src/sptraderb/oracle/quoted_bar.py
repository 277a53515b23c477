"""One bar as both sides of the market see it, and fills at its prices (X5, M6).

Place: turns one-sided candles and a spread into bid, ask and reference prices.
"""

from dataclasses import dataclass
from decimal import Decimal

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import CandleSide
from sptraderb.domain.terms import Terms
from sptraderb.oracle.exact_numbers import ZERO, Scales

BUY = 1
SELL = -1


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade with the market: the reference price, moved by the spread, then by slippage (M6).

    Parameters
    ----------
    reference, side_price, price : Decimal
        Price of the candles, of the side traded at, and paid or received.
    """

    reference: Decimal
    side_price: Decimal
    price: Decimal

    @property
    def spread(self) -> Decimal:
        """How far the side price lies from the reference; never negative."""
        return abs(self.side_price - self.reference)

    @property
    def slippage(self) -> Decimal:
        """How far the fill lies from the side price; never negative."""
        return abs(self.price - self.side_price)


@dataclass(frozen=True, slots=True)
class QuotedBar:
    """Bid and ask of one bar."""

    bid_open: Decimal
    bid_high: Decimal
    bid_low: Decimal
    bid_close: Decimal
    ask_open: Decimal
    ask_high: Decimal
    ask_low: Decimal
    ask_close: Decimal

    def exit_open(self, side: int) -> Decimal:
        """Return the opening price a position of ``side`` could be closed at."""
        return self.bid_open if side > 0 else self.ask_open

    def exit_close(self, side: int) -> Decimal:
        """Return the closing price a position of ``side`` could be closed at."""
        return self.bid_close if side > 0 else self.ask_close

    def adverse(self, side: int) -> Decimal:
        """Return the worst price of the bar for a position of ``side``."""
        return self.bid_low if side > 0 else self.ask_high

    def favourable(self, side: int) -> Decimal:
        """Return the best price of the bar for a position of ``side``."""
        return self.bid_high if side > 0 else self.ask_low


class Quotes:
    """Quotes bars and fills orders at the run's spread and slippage.

    Parameters
    ----------
    candles : Candles
        Bid, ask or mid candles.
    terms : Terms
        Spread and slippage.
    scales : Scales
        The run's units.
    """

    def __init__(self, candles: Candles, terms: Terms, *, scales: Scales) -> None:
        self._candles = candles
        self._scales = scales
        spread = terms.spread_ticks
        side = candles.instrument.side
        below = {CandleSide.BID: 0, CandleSide.ASK: spread, CandleSide.MID: spread // 2}[side]
        self.bid_below = scales.price(below)
        self.ask_above = scales.price(spread - below)
        self._slippage = scales.price(terms.slippage_ticks)

    def bar(self, index: int) -> QuotedBar:
        """Return both sides of bar ``index``."""
        candles = self._candles
        columns = (candles.open_ticks, candles.high_ticks, candles.low_ticks, candles.close_ticks)
        prices = [self._scales.price(column[index]) for column in columns]
        bids = [price - self.bid_below for price in prices]
        asks = [price + self.ask_above for price in prices]
        return QuotedBar(*bids, *asks)

    def fill(self, direction: int, side_price: Decimal, *, slipped: bool) -> Fill:
        """Return the fill of a buy or sell at a price of its own side (X1-X3)."""
        slippage = self._slippage if slipped else ZERO
        if direction == BUY:
            return Fill(side_price - self.ask_above, side_price, side_price + slippage)
        return Fill(side_price + self.bid_below, side_price, side_price - slippage)

    def mark(self, side: int, exit_price: Decimal, entry_reference: Decimal) -> Decimal:
        """Return the open price move of a position: its side's price against its reference (M6)."""
        return side * (exit_price - entry_reference)
