"""Figures of daily returns: growth, ratios, significance and tails.

Place: part of ``engine/metrics``. All of them are built on one `Sample`; its sums come from
``kernels/return_figures``.
"""

import math
from functools import cache
from statistics import NormalDist

import numpy as np

from sptraderb.domain.calendar import CalendarName
from sptraderb.domain.candle import Float64Array
from sptraderb.domain.equity_curve import DailyMarks
from sptraderb.engine.kernels import return_figures as f
from sptraderb.engine.metrics_figures import FEWEST_RETURNS, Figure, Figures, Undefined, ratio, readable

_SHORTEST_YEARS = 1 / 12
_NORMAL = NormalDist()
_FLAT = 1e-12


class Sample:
    """The daily sample all return figures are built on, and what one pass over it found.

    Parameters
    ----------
    marks : DailyMarks
        Equity at session-day closes.
    periods : tuple of float and str
        A, and how it came about.
    rf : float
        Risk-free rate a year.
    mar : float
        Least acceptable return per period.
    calendar : CalendarName
        Whose session days these are.
    """

    def __init__(
        self,
        marks: DailyMarks,
        periods: tuple[float, str],
        *,
        rf: float,
        mar: float,
        calendar: CalendarName,
    ) -> None:
        self.marks = marks
        self.periods_per_year, self.periods_source = periods
        self.rf, self.mar, self.calendar = rf, mar, calendar
        self.years = marks.years
        self.count = len(marks.returns)
        self.is_ruined = marks.is_ruined
        self.sums: list[float] = []
        if self.count and not self.is_ruined:
            found = np.empty(f.N_RETURN_FIGURES)
            f.return_pass_nb(readable(marks.returns), rf / self.periods_per_year, mar, found)
            self.sums = found.tolist()

    def undefined(self, *, fewest: int = FEWEST_RETURNS) -> Undefined | None:
        """Return why there can be no figure of the returns, None where there can."""
        if self.is_ruined:
            return Undefined("ruined")
        return Undefined("too_few") if self.count < fewest else None


def growth_figures(sample: Sample) -> Figures:
    """Return how the account grew."""
    sums, yearly = sample.sums, sample.periods_per_year
    return {
        "cagr": compound_growth(sample),
        "annual_return": sample.undefined(fewest=1) or sums[f.MEAN] * yearly,
        "volatility": sample.undefined(fewest=2) or sums[f.DEVIATION] * math.sqrt(yearly),
        "stability": sample.undefined() or _stability(sample),
        **_period_figures(sample),
    }


def _stability(sample: Sample) -> Figure:
    """Return R2 of log equity on time."""
    found = float(f.straightness_nb(readable(sample.marks.equity_minor)))
    return Undefined("zero_denominator") if math.isnan(found) else found


def _period_figures(sample: Sample) -> Figures:
    missing = sample.undefined(fewest=1)
    if missing is not None:
        return dict.fromkeys(_PERIOD_NAMES, missing)
    marks, sums = sample.marks, sample.sums
    found = np.empty((f.N_SPANS, f.N_PERIOD_FIGURES))
    f.period_pass_nb(readable(marks.days), readable(marks.equity_minor), marks.deposit_minor, found)
    figures: Figures = {
        "best_day": sums[f.BEST],
        "worst_day": sums[f.WORST],
        "positive_days": sums[f.POSITIVE] / sample.count,
    }
    for span, (best, worst, positive, periods) in zip(("week", "month", "year"), found.tolist(), strict=True):
        figures[f"best_{span}"], figures[f"worst_{span}"] = best, worst
        if span != "year":
            figures[f"positive_{span}s"] = positive / periods
    return figures


_PERIOD_NAMES = (
    *("best_day", "worst_day", "positive_days", "best_week", "worst_week", "positive_weeks"),
    *("best_month", "worst_month", "positive_months", "best_year", "worst_year"),
)


def compound_growth(sample: Sample) -> Figure:
    """Return the compound annual growth rate."""
    marks = sample.marks
    if sample.years < _SHORTEST_YEARS:
        return Undefined("too_short")
    end = int(marks.equity_minor[-1])
    if end <= 0:
        return Undefined("not_positive")
    return float((end / marks.deposit_minor) ** (1 / sample.years) - 1)


def ratio_figures(sample: Sample, *, max_drawdown_close: Figure) -> Figures:
    """Return reward against risk."""
    missing = sample.undefined()
    calmar = _calmar(sample, max_drawdown_close)
    if missing is not None:
        return {**dict.fromkeys(_RATIO_NAMES, missing), "calmar": calmar}
    sums, root = sample.sums, math.sqrt(sample.periods_per_year)
    mean, downside = sums[f.MEAN] - sample.mar, math.sqrt(sums[f.BELOW_SQUARED] / sample.count)
    return {
        "sharpe": ratio(sums[f.EXCESS_MEAN] * root, sums[f.EXCESS_DEVIATION]),
        "sortino": ratio(mean * root, downside),
        "calmar": calmar,
        "omega": ratio(sums[f.ABOVE], sums[f.BELOW]),
        "tail_ratio": _tail_ratio(np.sort(sample.marks.returns)),
        "gain_to_pain": ratio(sums[f.TOTAL], -sums[f.LOST]),
    }


_RATIO_NAMES = ("sharpe", "sortino", "omega", "tail_ratio", "gain_to_pain")


def _calmar(sample: Sample, drawdown: Figure) -> Figure:
    growth = compound_growth(sample)
    if isinstance(growth, Undefined):
        return growth
    if sample.is_ruined:
        return Undefined("ruined")
    return drawdown if isinstance(drawdown, Undefined) else ratio(growth, drawdown)


def _tail_ratio(ordered: Float64Array) -> Figure:
    found = ratio(_quantile(ordered, 0.95), _quantile(ordered, 0.05))
    return found if isinstance(found, Undefined) else abs(found)


def _quantile(ordered: Float64Array, share: float) -> float:
    """Return a quantile between the two values around it, as NumPy's ``linear``."""
    place = (len(ordered) - 1) * share
    below = int(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    part = place - below
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


def significance_figures(sample: Sample) -> Figures:
    """Return how sure the Sharpe ratio is (Bailey and Lopez de Prado 2012)."""
    error = sample.undefined() or _sharpe_error(sample)
    if isinstance(error, Undefined):
        return {"sharpe_standard_error": error, "psr": error}
    return {
        "sharpe_standard_error": error * math.sqrt(sample.periods_per_year),
        "psr": _NORMAL.cdf(_period_sharpe(sample) / error),
    }


def _period_sharpe(sample: Sample) -> float:
    return sample.sums[f.EXCESS_MEAN] / sample.sums[f.EXCESS_DEVIATION]


def _sharpe_error(sample: Sample) -> Figure:
    """Return the standard error of the Sharpe ratio per period."""
    if sample.sums[f.DEVIATION] < _FLAT:
        return Undefined("zero_denominator")
    sharpe = _period_sharpe(sample)
    skew, kurtosis = _moments(sample)
    inside = (1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2) / (sample.count - 1)
    return math.sqrt(inside) if inside > 0 else Undefined("zero_denominator")


def _moments(sample: Sample) -> tuple[float, float]:
    """Return population skewness and kurtosis (normal = 3)."""
    variance = sample.sums[f.SECOND_MOMENT]
    return sample.sums[f.THIRD_MOMENT] / variance**1.5, sample.sums[f.FOURTH_MOMENT] / variance**2


def tail_figures(sample: Sample) -> Figures:
    """Return the shape of the daily returns and their worst part."""
    missing = sample.undefined()
    if missing is not None:
        return dict.fromkeys(_TAIL_NAMES, missing)
    mean, deviation = sample.sums[f.MEAN], sample.sums[f.DEVIATION]
    ordered = np.sort(sample.marks.returns)
    skew, kurtosis = _corrected_moments(sample)
    figures: Figures = {"skew": skew, "excess_kurtosis": kurtosis}
    figures["normal_var_95"] = mean + _normal_quantile() * deviation
    figures["normal_cvar_95"] = mean - deviation * _NORMAL.pdf(_normal_quantile()) / 0.05
    for level, share in (("95", 0.05), ("99", 0.01)):
        at_risk = _quantile(ordered, share)
        count = int(np.searchsorted(ordered, at_risk, side="right"))
        figures[f"var_{level}"] = at_risk
        figures[f"cvar_{level}"] = float(np.add.reduce(ordered[:count])) / count
    return figures


_TAIL_NAMES = (
    *("skew", "excess_kurtosis", "normal_var_95", "normal_cvar_95"),
    *("var_95", "cvar_95", "var_99", "cvar_99"),
)


@cache
def _normal_quantile() -> float:
    return _NORMAL.inv_cdf(0.05)


def _corrected_moments(sample: Sample) -> tuple[Figure, Figure]:
    """Return bias-corrected skewness and excess kurtosis (as SciPy with ``bias=False``)."""
    if sample.sums[f.DEVIATION] < _FLAT:
        return Undefined("zero_denominator"), Undefined("zero_denominator")
    n = sample.count
    skew, kurtosis = _moments(sample)
    corrected = math.sqrt(n * (n - 1)) / (n - 2) * skew
    excess = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * kurtosis - 3 * (n - 1))
    return corrected, excess
