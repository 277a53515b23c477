"""One bar as both sides of the market see it, and fills at its prices (X5, M6).

Place: turns candles of one side and a spread, or candles of both sides, into bid, ask and reference
prices.
"""

from dataclasses import dataclass
from decimal import Decimal

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import CandleSide
from sptraderb.domain.terms import Terms
from sptraderb.oracle.exact_numbers import ZERO, Scales, rate

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
class Quote:
    """Both sides of the market at one instant, and the reference price between or on them (M6).

    Parameters
    ----------
    reference, bid, ask : Decimal
        Prices.
    range_slippage : Decimal
        What the range of the bar before adds to the slippage of a fill (C3).
    """

    reference: Decimal
    bid: Decimal
    ask: Decimal
    range_slippage: Decimal = ZERO

    def exit_price(self, side: int) -> Decimal:
        """Return the price at which a position of ``side`` is closed: a long at bid, a short at ask."""
        return self.bid if side > 0 else self.ask

    def entry_price(self, side: int) -> Decimal:
        """Return the price at which a position of ``side`` is opened."""
        return self.ask if side > 0 else self.bid

    def traded_price(self, direction: int) -> Decimal:
        """Return the price at which one buys or sells."""
        return self.ask if direction == BUY else self.bid

    def across_from(self, side: int, entry_price: Decimal) -> Decimal:
        """Return the exit side price of the moment at which ``side`` enters at a price (M6)."""
        return entry_price - side * (self.ask - self.bid)

    def reference_of(self, direction: int, side_price: Decimal) -> Decimal:
        """Return the reference of a price of the buying or selling side, by the spread of this instant."""
        traded = self.ask if direction == BUY else self.bid
        return side_price - (traded - self.reference)


@dataclass(frozen=True, slots=True)
class QuotedBar:
    """Bid and ask of one bar.

    Parameters
    ----------
    open, close : Quote
        The two instants whose prices are known together.
    bid_high, bid_low, ask_high, ask_low : Decimal
        Extremes of each side; each side's orders walk their own (X5).
    """

    open: Quote
    close: Quote
    bid_high: Decimal
    bid_low: Decimal
    ask_high: Decimal
    ask_low: Decimal

    def adverse(self, side: int) -> Decimal:
        """Return the worst price of the bar for a position of ``side``."""
        return self.bid_low if side > 0 else self.ask_high

    def favourable(self, side: int) -> Decimal:
        """Return the best price of the bar for a position of ``side``."""
        return self.bid_high if side > 0 else self.ask_low

    def range_of(self, direction: int) -> tuple[Decimal, Decimal]:
        """Return high and low of the side that buys or sells look at."""
        return (self.ask_high, self.ask_low) if direction == BUY else (self.bid_high, self.bid_low)


class Quotes:
    """Quotes bars and fills orders at the run's spread and slippage.

    Parameters
    ----------
    candles : Candles
        Bid, ask or mid candles, or both sides; with both, a spread of the terms is not used.
    terms : Terms
        Spread and slippage.
    scales : Scales
        The run's units.
    """

    def __init__(self, candles: Candles, terms: Terms, *, scales: Scales) -> None:
        self._candles = candles
        self._terms = terms
        self._scales = scales
        self._slippage = scales.price(terms.slippage_ticks)
        self._slippage_share = rate(terms.slippage_ppb)
        self._range_share = rate(terms.slippage_range_ppb)

    def bar(self, index: int, *, part_of: "tuple[Quotes, int] | None" = None) -> QuotedBar:
        """Return both sides of bar ``index``.

        Parameters
        ----------
        part_of : tuple of Quotes and int, or None
            The run's quotes and the bar that this finer one is a part of: its spread and its slippage
            by range are those of that bar (C2, C3).
        """
        main = self._main_prices(index)
        whole, bar = (self, index) if part_of is None else part_of
        spread, bid_below = whole._spread_of(bar)
        bids = [price - bid_below for price in main]
        asks = [price + (spread - bid_below) for price in main]
        if self._candles.instrument.side is CandleSide.BOTH:
            bids, asks = main, self._ask_prices(index)
        slippage = whole._slippage_by_range(bar)
        return QuotedBar(
            open=Quote(main[0], bids[0], asks[0], slippage),
            close=Quote(main[3], bids[3], asks[3], slippage),
            bid_high=bids[1],
            bid_low=bids[2],
            ask_high=asks[1],
            ask_low=asks[2],
        )

    def _spread_of(self, index: int) -> tuple[Decimal, Decimal]:
        """Return the spread of a bar, that of its opening hour (C2), and how much of it lies below (X5)."""
        by_hour = self._terms.facts.spread_ticks
        ticks = self._terms.spread_ticks if by_hour is None else int(by_hour[index])
        side = self._candles.instrument.side
        below = {CandleSide.ASK: ticks, CandleSide.MID: ticks // 2}.get(side, 0)
        return self._scales.price(ticks), self._scales.price(below)

    def _slippage_by_range(self, index: int) -> Decimal:
        """Return the share of the range of the bar before that a fill slips, rounded up to a tick (C3)."""
        if index == 0:
            return ZERO
        _, high, low, _ = self._main_prices(index - 1)
        return self._scales.price_up((high - low) * self._range_share)

    def _main_prices(self, index: int) -> list[Decimal]:
        candles = self._candles
        columns = (candles.open_ticks, candles.high_ticks, candles.low_ticks, candles.close_ticks)
        return [self._scales.price(int(column[index])) for column in columns]

    def _ask_prices(self, index: int) -> list[Decimal]:
        candles = self._candles
        columns = (
            candles.ask_open_ticks,
            candles.ask_high_ticks,
            candles.ask_low_ticks,
            candles.ask_close_ticks,
        )
        return [self._scales.price(int(column[index])) for column in columns if column is not None]

    def fill(self, direction: int, side_price: Decimal, *, at: Quote, slipped: bool) -> Fill:
        """Return the fill of a buy or sell at a price of its own side (X1-X3).

        Parameters
        ----------
        at : Quote
            The instant whose spread counts: the open, also inside the bar (M6), or the close.
        """
        price = side_price
        if slipped:
            price = self.slipped(side_price, direction) + direction * at.range_slippage
        return Fill(at.reference_of(direction, side_price), side_price, price)

    def slipped(self, price: Decimal, direction: int) -> Decimal:
        """Return a price after the slippage that needs no bar before it, against the trader (C3)."""
        return price + direction * self._slippage_at(price)

    def _slippage_at(self, price: Decimal) -> Decimal:
        """Return the slippage of a fill at ``price``; a share of it rounds up to a tick (C3, M2)."""
        return self._slippage + self._scales.price_up(price * self._slippage_share)
