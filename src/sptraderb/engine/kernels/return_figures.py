"""One pass over the daily returns of a run, and one over its weeks, months and years.

What `engine/metrics_returns` reports: sums, moments and extremes. A value is read once, or twice where
its distance from the mean counts.
"""

import math

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit

Float64Array = npt.NDArray[np.float64]

# Places in what `return_pass_nb` writes: of the returns ...
(
    MEAN,
    DEVIATION,
    TOTAL,
    LOST,
    POSITIVE,
    BEST,
    WORST,
    SECOND_MOMENT,
    THIRD_MOMENT,
    FOURTH_MOMENT,
    # ... of the returns above the risk-free rate, and around the least acceptable one.
    EXCESS_MEAN,
    EXCESS_DEVIATION,
    ABOVE,
    BELOW,
    BELOW_SQUARED,
    N_RETURN_FIGURES,
) = range(16)
# Places in what `period_pass_nb` writes for each span.
PERIOD_BEST, PERIOD_WORST, PERIOD_POSITIVE, PERIODS, N_PERIOD_FIGURES = range(5)
WEEKS, MONTHS, YEARS, N_SPANS = range(4)
_FROM_MARCH_0000 = 719_468
_DAYS_OF_400_YEARS = 146_097


@kernel_jit
def return_pass_nb(returns: Float64Array, rf: float, mar: float, out: Float64Array) -> None:
    """Write what some returns come to.

    Parameters
    ----------
    returns : ndarray of shape (n,), dtype=float64
        Returns of session days, at least one.
    rf, mar : float
        Risk-free and least acceptable return of a day.
    out : ndarray of shape (N_RETURN_FIGURES,), dtype=float64
        Written; deviations (ddof 1) of a single return are NaN.
    """
    n = len(returns)
    out[:] = 0.0
    out[BEST], out[WORST] = returns[0], returns[0]
    for value in returns:
        out[TOTAL] += value
        out[LOST] += min(value, 0.0)
        out[POSITIVE] += value > 0.0
        out[BEST], out[WORST] = max(out[BEST], value), min(out[WORST], value)
        out[EXCESS_MEAN] += value - rf
        out[ABOVE] += max(value - mar, 0.0)
        out[BELOW] += max(mar - value, 0.0)
        out[BELOW_SQUARED] += min(value - mar, 0.0) ** 2
    out[MEAN], out[EXCESS_MEAN] = out[TOTAL] / n, out[EXCESS_MEAN] / n
    for value in returns:
        away, excess = value - out[MEAN], (value - rf) - out[EXCESS_MEAN]
        out[SECOND_MOMENT] += away * away
        out[THIRD_MOMENT] += away * away * away
        out[FOURTH_MOMENT] += away * away * away * away
        out[EXCESS_DEVIATION] += excess * excess
    out[DEVIATION] = math.sqrt(out[SECOND_MOMENT] / (n - 1)) if n > 1 else np.nan
    out[EXCESS_DEVIATION] = math.sqrt(out[EXCESS_DEVIATION] / (n - 1)) if n > 1 else np.nan
    for place in (SECOND_MOMENT, THIRD_MOMENT, FOURTH_MOMENT):
        out[place] /= n


@kernel_jit
def period_pass_nb(days: Int64Array, equity: Int64Array, deposit: int, out: Float64Array) -> None:
    """Write best and worst return and how many were positive, of weeks, months and years.

    Parameters
    ----------
    days : ndarray of shape (n,), dtype=int64
        Session days, days since 1970, ascending.
    equity : ndarray of shape (n,), dtype=int64
        Equity at their closes, positive.
    deposit : int
        Equity before the first.
    out : ndarray of shape (N_SPANS, N_PERIOD_FIGURES), dtype=float64
        Written.
    """
    for span in range(N_SPANS):
        before, count, positive = deposit, 0, 0
        best, worst = -np.inf, np.inf
        for place in range(len(days)):
            is_last = place + 1 == len(days)
            if is_last or _period_nb(days[place], span) != _period_nb(days[place + 1], span):
                change = float(equity[place] - before) / float(max(before, 1))
                best, worst = max(best, change), min(worst, change)
                count += 1
                positive += change > 0.0
                before = equity[place]
        out[span, PERIOD_BEST], out[span, PERIOD_WORST] = best, worst
        out[span, PERIOD_POSITIVE], out[span, PERIODS] = positive, count


@inlined_jit
def _period_nb(day: int, span: int) -> int:
    """Return which week, month or year a day lies in, as an ascending number.

    References
    ----------
    H. Hinnant, "chrono-compatible low-level date algorithms", ``civil_from_days``.
    """
    if span == WEEKS:
        return (day + 3) // 7
    shifted = day + _FROM_MARCH_0000
    era = shifted // _DAYS_OF_400_YEARS
    of_era = shifted - era * _DAYS_OF_400_YEARS
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = 12 * (400 * era + year) + 2 + (5 * of_year + 2) // 153
    return month if span == MONTHS else month // 12


@kernel_jit
def straightness_nb(equity: Int64Array) -> float:
    """Return R2 of log equity on time; NaN where it does not move. Equity is positive."""
    n = len(equity)
    mean = 0.0
    for place in range(n):
        mean += math.log(equity[place])
    mean /= n
    middle, moved, spread, slope = (n - 1) / 2.0, 0.0, 0.0, 0.0
    for place in range(n):
        away, late = math.log(equity[place]) - mean, place - middle
        spread += away * away
        moved += late * late
        slope += late * away
    return slope * slope / (spread * moved) if spread >= 1e-18 else np.nan
