"""What holding a position costs or earns: swap and funding (C4).

Place: asked by the desk before anything else at an open (X13). How many days of swap and how much
funding fall due before each bar is given with the terms; here they become money.
"""

from decimal import Decimal
from fractions import Fraction

from sptraderb.domain.costs import SwapKind
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.terms import Terms
from sptraderb.oracle.exact_numbers import ZERO, Scales, rate
from sptraderb.oracle.held_position import HeldPosition

_DAYS_A_YEAR = 360


class CarryingCost:
    """Swap and funding of a run's positions; what is received is positive.

    Parameters
    ----------
    instrument : Instrument
        For the units of a lot.
    terms : Terms
        Swap rates of each side, and what falls due before each bar.
    scales : Scales
        The run's units, and the rate in force.
    """

    def __init__(self, instrument: Instrument, terms: Terms, *, scales: Scales) -> None:
        self._lot = instrument.lot_units
        self._terms = terms
        self._scales = scales

    def swap(self, position: HeldPosition, bar: int, *, last_price: Decimal) -> Decimal:
        """Return the swap due before ``bar``, of all its days at once, rounded once.

        Parameters
        ----------
        last_price : Decimal
            Where the position was marked at the close before: bid for a long, ask for a short.
        """
        days = self._terms.facts.swap_days
        if self._terms.swap_kind is None or days is None or not days[bar]:
            return ZERO
        a_day = self._swap_a_day(position, last_price)
        return self._scales.rounded_fraction(a_day * int(days[bar]))

    def _swap_a_day(self, position: HeldPosition, last_price: Decimal) -> Fraction:
        """Return the swap of one day in account money, exactly."""
        terms, scales, quantity = self._terms, self._scales, position.quantity
        stated = terms.swap_long if position.side > 0 else terms.swap_short
        if terms.swap_kind is SwapKind.MONEY:
            return Fraction(scales.money(stated) * quantity) / self._lot
        if terms.swap_kind is SwapKind.POINTS:
            move = Decimal(stated).scaleb(-6) * scales.tick
            return scales.in_account(scales.notional(move, quantity))
        a_year = scales.in_account(scales.notional(last_price, quantity) * rate(stated))
        return a_year / _DAYS_A_YEAR

    def funding(self, position: HeldPosition, bar: int, *, last_price: Decimal) -> Decimal:
        """Return the funding due before ``bar``: at a positive rate a long pays and a short receives."""
        rates = self._terms.facts.funding_ppb
        if rates is None or not rates[bar]:
            return ZERO
        notional = self._scales.notional(last_price, position.quantity)
        paid = self._scales.in_account(notional * rate(int(rates[bar])))
        return self._scales.rounded_fraction(-position.side * paid)
