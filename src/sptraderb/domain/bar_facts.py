"""What is known of each bar beside its prices: spread, what falls due before it, rates of conversion.

Computed once from the calendar and other candles (`cost_schedules`, `conversion`), and read by both
engines, like the session days of candles.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarRates:
    """What one unit of the quote currency is worth in account money, a quotient for each bar (C5).

    Parameters
    ----------
    numerator, denominator : ndarray of shape (n_bars,), dtype=int64
        In lowest terms; 0 / 1 on bars before the first that may trade where no rate is known.
    """

    numerator: Int64Array
    denominator: Int64Array

    def sliced(self, start: int, stop: int) -> "BarRates":
        """Return those of bars ``start`` to ``stop`` (exclusive)."""
        return BarRates(numerator=self.numerator[start:stop], denominator=self.denominator[start:stop])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarFacts:
    """Facts of a run's bars: arrays of shape (n_bars,), dtype=int64, None where nothing needs them.

    Parameters
    ----------
    spread_ticks : ndarray or None
        Spread by the bar's opening hour, in place of `Terms.spread_ticks` (C2).
    swap_days : ndarray or None
        Days of swap due before the bar's open (C4).
    funding_ppb : ndarray or None
        Sum of the funding rates due before the bar's open, per 10^9 of notional; longs pay it.
    open_rates, close_rates : BarRates or None
        Rates known at the bar's open (all it does up to its path), and at its close (its mark, what
        follows it). Both or neither; neither where quote and account currency are one.
    """

    spread_ticks: Int64Array | None = None
    swap_days: Int64Array | None = None
    funding_ppb: Int64Array | None = None
    open_rates: BarRates | None = None
    close_rates: BarRates | None = None

    def worth(self, bars: Int64Array, *, at_close: bool = False) -> npt.NDArray[np.float64]:
        """Return what a unit of the quote currency was worth on bars, as doubles: for figures, not for money.

        Parameters
        ----------
        bars : ndarray of shape (n,), dtype=int64
            Which bars.
        at_close : bool
            Whether at their close, else at their open.
        """
        rates = self.close_rates if at_close else self.open_rates
        if rates is None:
            return np.ones(len(bars))
        return np.asarray(rates.numerator[bars] / rates.denominator[bars], dtype=np.float64)

    def sliced(self, start: int, stop: int) -> "BarFacts":
        """Return those of bars ``start`` to ``stop`` (exclusive)."""
        arrays = (self.spread_ticks, self.swap_days, self.funding_ppb)
        spread, days, funding = (None if array is None else array[start:stop] for array in arrays)
        rates = (self.open_rates, self.close_rates)
        at_open, at_close = (None if rate is None else rate.sliced(start, stop) for rate in rates)
        return BarFacts(
            spread_ticks=spread,
            swap_days=days,
            funding_ppb=funding,
            open_rates=at_open,
            close_rates=at_close,
        )


NO_FACTS = BarFacts()
