"""What the quote currency is worth in the account's, bar by bar (C5).

Place: asked by the desk as the loop goes on. The rates of a run are given with its terms, each as an
exact quotient; here is only which of them counts when.
"""

from fractions import Fraction

from sptraderb.domain.bar_facts import BarRates
from sptraderb.domain.fixed import INT64_MAX
from sptraderb.domain.terms import Terms
from sptraderb.errors import MoneyOverflow
from sptraderb.oracle.exact_numbers import Scales


class CurrencyRoute:
    """The account's price of one unit of the quote currency.

    Parameters
    ----------
    terms : Terms
        The rates of a run; without any the symbol is quoted in the account currency.

    Attributes
    ----------
    converts : bool
        Whether the quote currency is another than the account's.
    """

    def __init__(self, terms: Terms) -> None:
        self._open, self._close = terms.facts.open_rates, terms.facts.close_rates
        self.converts = self._open is not None

    def require_fitting(self, scales: Scales, *, n_bars: int) -> None:
        """Refuse rates by which the worth of a tick and step is no quotient of two 64-bit numbers.

        Raises
        ------
        MoneyOverflow
            ``money.overflow`` if, in lowest terms, one of the two does not fit (M3).
        """
        unit = Fraction(scales.tick * scales.step * scales.point_value) / Fraction(scales.money_unit)
        for bar in range(n_bars if self.converts else 0):
            for rate in (self.at_open(bar), self.at_close(bar)):
                worth = unit * rate
                if max(worth.numerator, worth.denominator) > INT64_MAX:
                    raise MoneyOverflow(
                        "money.overflow",
                        f"what a tick of a step is worth must be a quotient of 64-bit numbers, was {worth}",
                    )

    def at_open(self, bar: int) -> Fraction:
        """Return the rate of everything that happens at the open of a bar or inside it."""
        return _quotient(self._open, bar)

    def at_close(self, bar: int) -> Fraction:
        """Return the rate of the mark at the close of a bar, and of what is judged or closed there."""
        return _quotient(self._close, bar)


def _quotient(rates: BarRates | None, bar: int) -> Fraction:
    if rates is None:
        return Fraction(1)
    return Fraction(int(rates.numerator[bar]), int(rates.denominator[bar]))
