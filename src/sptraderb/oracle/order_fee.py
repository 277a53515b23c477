"""What one order costs in commission (C1).

Place: asked by the trading desk for what is booked, and by the sizes for what margin must leave.
A lot need not divide a quantity evenly, so that amounts are fractions until they are rounded.
"""

from decimal import Decimal
from fractions import Fraction

from sptraderb.domain.instrument import Instrument
from sptraderb.domain.terms import Terms
from sptraderb.oracle.exact_numbers import ZERO, Scales, rate


class OrderFee:
    """The commission of a run's orders: a rate, per lot and per order, within a minimum and a maximum.

    Parameters
    ----------
    instrument : Instrument
        For the units of a lot.
    terms : Terms
        The commission.
    scales : Scales
        The run's units.

    Attributes
    ----------
    least : Decimal
        Minimum of an order's commission.
    most : Decimal or None
        Maximum of an order's commission; None if it has none.
    per_order : Fraction
        Part that does not grow with the size.
    rate : Decimal
        Share of the notional.
    """

    def __init__(self, instrument: Instrument, terms: Terms, *, scales: Scales) -> None:
        self.rate = rate(terms.commission_ppb)
        self._per_lot = Fraction(scales.money(terms.commission_per_lot_minor))
        self.per_order = Fraction(scales.money(terms.commission_per_order_minor))
        self._lot = instrument.lot_units
        self._scales = scales
        self.least = scales.money(terms.commission_min_minor)
        self.most = scales.money(terms.commission_max_minor) if terms.commission_max_minor else None

    @property
    def is_rate_alone(self) -> bool:
        """Whether it is a share of the notional and nothing else."""
        return not (self._per_lot or self.per_order or self.least or self.most)

    def by_size(self, price: Decimal, quantity: Decimal) -> Fraction:
        """Return the parts that grow with the size, exactly: the rate on the notional, and the lots."""
        by_value = self._scales.in_account(self._scales.notional(price, quantity) * self.rate)
        return by_value + Fraction(quantity) / self._lot * self._per_lot

    def charged(self, price: Decimal, quantity: Decimal) -> Decimal:
        """Return what one order of ``quantity`` at ``price`` pays: summed, bounded, rounded once.

        Only what is paid must fit 64 bits (M3), not a sum that the maximum cuts.
        """
        if not quantity:
            return ZERO
        due = self.by_size(price, quantity) + self.per_order
        if self.most is not None and due >= Fraction(self.most):
            return self.most
        return max(self._scales.rounded_fraction(due), self.least)
