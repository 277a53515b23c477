"""TradingView's margin call: what of a position is closed where the account does not carry it (A3).

Place: asked by the desk at a bar's open, at the turns of its way and at its close, for profiles with
`Profile.calls_margin`; `margin_watch` is what the others have.
"""

from decimal import Decimal
from fractions import Fraction

from sptraderb.domain.instrument import Instrument
from sptraderb.domain.terms import Terms
from sptraderb.oracle.exact_numbers import ZERO, Scales, rate

_TIMES = 4
_NEARLY = 2**26 + 1
_UNIT = Decimal(1)


class MarginCall:
    """Works out calls.

    Parameters
    ----------
    instrument : Instrument
        For the quantity step.
    terms : Terms
        For the margin rate.
    scales : Scales
        The run's units, and the rate in force.
    """

    def __init__(self, instrument: Instrument, terms: Terms, *, scales: Scales) -> None:
        self._lot = scales.quantity(instrument.quantity_step)
        self._margin = Fraction(rate(terms.margin_rate_ppb))
        self._scales = scales
        self.trades_whole_units = self._lot == _UNIT

    def cover(self, quantity: Decimal, price: Decimal, *, equity: Decimal) -> Decimal | None:
        """Return the least that must go for the margin to be enough, cut to the step; None for no call.

        Notes
        -----
        Less than 2^-26 below a whole step counts as that step.
        """
        scales = self._scales
        a_lot = scales.in_account(scales.notional(price, self._lot)) * self._margin
        held = int(quantity / self._lot)
        if a_lot * held <= equity:
            return None
        if equity <= 0:
            return quantity
        kept = int(Fraction(equity) // a_lot)
        missing = held - kept
        is_whole = a_lot * (kept * _NEARLY + missing) > Fraction(equity) * _NEARLY
        return self._lot * (missing if is_whole else missing - 1)

    def closed(self, quantity: Decimal, price: Decimal, *, equity: Decimal, whole_units: bool) -> Decimal:
        """Return what a call closes: four times the cover, at least a unit and a step; zero without a call.

        Parameters
        ----------
        whole_units : bool
            Whether the cover is cut to whole units first: so at a bar's close.
        """
        cover = self.cover(quantity, price, equity=equity)
        if cover is None:
            return ZERO
        if equity <= 0:
            return quantity
        if whole_units:
            cover = cover // _UNIT * _UNIT
        return min(quantity, _TIMES * cover or max(_UNIT, self._lot))
