"""Margin of what is held: the call, and the price at which the position is stopped out (A3).

Place: asked by the desk whenever a stop could fill, and by the loop at each close.
"""

import math
from decimal import Decimal
from fractions import Fraction

from sptraderb.domain.outcome import EventCode
from sptraderb.domain.terms import Terms
from sptraderb.oracle.cash_book import CashBook
from sptraderb.oracle.exact_numbers import Scales, rate
from sptraderb.oracle.held_position import HeldPosition

_HIGHEST_TICK = 2**62


class MarginWatch:
    """Compares equity with the margin that a position uses.

    Parameters
    ----------
    terms : Terms
        Margin rate, stop-out level, and whether its profile has margin calls of its own (`margin_call`).
    book : CashBook
        The balance, and where a margin call is recorded.
    scales : Scales
        The run's units, and the rate in force.
    """

    def __init__(self, terms: Terms, *, book: CashBook, scales: Scales) -> None:
        self._margin = Fraction(rate(terms.margin_rate_ppb))
        self._calls = terms.profile.calls_margin
        self._stop_out = Fraction(0 if self._calls else rate(terms.stop_out_ppb))
        self._book = book
        self._scales = scales
        self._called = False

    def stop_out_level(self, position: HeldPosition) -> Decimal | None:
        """Return the first price, going against the position, at which it is stopped out.

        Notes
        -----
        Equity at a price x is balance + side (x K - cost) with K the account money that a move of 1
        is worth and cost what is held is worth at its reference prices; the margin used is x K m.
        Stopped out where equity <= level x margin used, all of it exact:

        long:  x <= (cost - balance) / (K (1 - level m))
        short: x >= (cost + balance) / (K (1 + level m))

        A long whose level x margin rate is 1 has no such price: both sides move alike.
        """
        side, scales = position.side, self._scales
        share = 1 - side * self._stop_out * self._margin
        if not self._stop_out or not share:
            return None
        a_unit = scales.in_account(scales.notional(Decimal(1), position.quantity))
        cost = scales.in_account(position.value * scales.point_value)
        price = (cost - side * Fraction(self._book.balance)) / (a_unit * share)
        ticks = price / Fraction(scales.tick)
        whole = math.floor(ticks) if side > 0 else max(math.ceil(ticks), 1)
        return scales.price(min(whole, _HIGHEST_TICK)) if whole > 0 else None

    def judge(self, bar: int, position: HeldPosition | None, *, equity: Decimal) -> None:
        """Record a margin call where a close falls below the margin used, once until it recovers."""
        short_of_margin = False
        if position is not None and position.marked_at is not None and not self._calls:
            worth = self._scales.notional(position.marked_at, position.quantity)
            notional = self._scales.in_account(worth)
            short_of_margin = equity < notional * self._margin
        if short_of_margin and not self._called:
            self._book.event(bar, EventCode.MARGIN_CALL, equity)
        self._called = short_of_margin
