"""Figures of daily returns: growth, ratios, significance and tails.

Place: part of ``engine/metrics``. All of them are built on `Sample.returns`.
"""

import math
from statistics import NormalDist

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Float64Array
from sptraderb.domain.period_returns import SPANS, span_returns
from sptraderb.engine.metrics_figures import Figure, Figures, Sample, Undefined, deviation, ratio

_SHORTEST_YEARS = 1 / 12
_NORMAL = NormalDist()


def growth_figures(sample: Sample) -> Figures:
    """Return how the account grew."""
    returns = sample.returns
    figures: Figures = {
        "cagr": compound_growth(sample),
        "annual_return": sample.when_sound(lambda: float(returns.mean()) * sample.periods_per_year, fewest=1),
        "volatility": sample.when_sound(
            lambda: deviation(returns) * math.sqrt(sample.periods_per_year), fewest=2
        ),
        "stability": sample.when_sound(lambda: _stability(sample.marks.equity_minor)),
    }
    for span in SPANS:
        figures |= _period_figures(sample, span)
    return figures


def _period_figures(sample: Sample, name: str) -> Figures:
    names = [f"best_{name}", f"worst_{name}", *([f"positive_{name}s"] if name != "year" else [])]
    sound = sample.when_sound(lambda: 0, fewest=1)
    if isinstance(sound, Undefined):
        return dict.fromkeys(names, sound)
    values = span_returns(sample.marks, name)
    found = (float(values.max()), float(values.min()), int(np.count_nonzero(values > 0)) / len(values))
    return dict(zip(names, found, strict=False))


def compound_growth(sample: Sample) -> Figure:
    """Return the compound annual growth rate."""
    marks = sample.marks
    if sample.years < _SHORTEST_YEARS:
        return Undefined("too_short")
    end = int(marks.equity_minor[-1])
    if end <= 0:
        return Undefined("not_positive")
    return float((end / marks.deposit_minor) ** (1 / sample.years) - 1)


def _stability(equity: Int64Array) -> Figure:
    """Return R2 of log equity on time."""
    logs = np.log(equity)
    spread = float(((logs - logs.mean()) ** 2).sum())
    if spread < 1e-18:
        return Undefined("zero_denominator")
    return float(np.corrcoef(np.arange(len(logs)), logs)[0, 1] ** 2)


def ratio_figures(sample: Sample, *, max_drawdown_close: Figure) -> Figures:
    """Return reward against risk."""
    returns, mar = sample.returns, sample.mar
    return {
        "sharpe": sample.when_sound(lambda: _sharpe(sample)),
        "sortino": sample.when_sound(lambda: _sortino(sample)),
        "calmar": _calmar(sample, max_drawdown_close),
        "omega": sample.when_sound(
            lambda: ratio(
                float(np.maximum(returns - mar, 0).sum()), float(np.maximum(mar - returns, 0).sum())
            )
        ),
        "tail_ratio": sample.when_sound(lambda: _tail_ratio(returns)),
        "gain_to_pain": sample.when_sound(
            lambda: ratio(float(returns.sum()), -float(returns[returns < 0].sum()))
        ),
    }


def _sharpe(sample: Sample) -> Figure:
    excess = sample.returns - sample.rf / sample.periods_per_year
    return ratio(float(excess.mean()) * math.sqrt(sample.periods_per_year), deviation(excess))


def _sortino(sample: Sample) -> Figure:
    excess = sample.returns - sample.mar
    downside = math.sqrt(float((np.minimum(excess, 0) ** 2).mean()))
    return ratio(float(excess.mean()) * math.sqrt(sample.periods_per_year), downside)


def _calmar(sample: Sample, drawdown: Figure) -> Figure:
    growth = compound_growth(sample)
    if isinstance(growth, Undefined):
        return growth
    if sample.marks.is_ruined:
        return Undefined("ruined")
    return drawdown if isinstance(drawdown, Undefined) else ratio(growth, drawdown)


def _tail_ratio(returns: Float64Array) -> Figure:
    low, high = np.quantile(returns, [0.05, 0.95])
    found = ratio(float(high), float(low))
    return found if isinstance(found, Undefined) else abs(found)


def significance_figures(sample: Sample) -> Figures:
    """Return how sure the Sharpe ratio is (Bailey and Lopez de Prado 2012)."""
    error = sample.when_sound(lambda: _sharpe_error(sample))
    if isinstance(error, Undefined):
        return {"sharpe_standard_error": error, "psr": error}
    return {
        "sharpe_standard_error": error * math.sqrt(sample.periods_per_year),
        "psr": _NORMAL.cdf(_period_sharpe(sample) / error),
    }


def _period_sharpe(sample: Sample) -> float:
    excess = sample.returns - sample.rf / sample.periods_per_year
    return float(excess.mean()) / deviation(excess)


def _sharpe_error(sample: Sample) -> Figure:
    """Return the standard error of the Sharpe ratio per period."""
    returns = sample.returns
    if deviation(returns) < 1e-12:
        return Undefined("zero_denominator")
    sharpe = _period_sharpe(sample)
    skew, kurtosis = _moments(returns)
    inside = (1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2) / (len(returns) - 1)
    return math.sqrt(inside) if inside > 0 else Undefined("zero_denominator")


def _moments(values: Float64Array) -> tuple[float, float]:
    """Return population skewness and kurtosis (normal = 3)."""
    centred = values - values.mean()
    variance = float((centred**2).mean())
    return float((centred**3).mean()) / variance**1.5, float((centred**4).mean()) / variance**2


def tail_figures(sample: Sample) -> Figures:
    """Return the shape of the daily returns and their worst part."""
    returns = sample.returns
    figures: Figures = {
        "skew": sample.when_sound(lambda: _corrected_moments(returns)[0]),
        "excess_kurtosis": sample.when_sound(lambda: _corrected_moments(returns)[1]),
        "normal_var_95": sample.when_sound(
            lambda: float(returns.mean()) + _NORMAL.inv_cdf(0.05) * deviation(returns)
        ),
        "normal_cvar_95": sample.when_sound(
            lambda: float(returns.mean()) - deviation(returns) * _NORMAL.pdf(_NORMAL.inv_cdf(0.05)) / 0.05
        ),
    }
    return figures | _quantile_figures(sample, "95", 0.05) | _quantile_figures(sample, "99", 0.01)


def _quantile_figures(sample: Sample, level: str, share: float) -> Figures:
    returns = sample.returns

    def shortfall() -> float:
        return float(returns[returns <= np.quantile(returns, share)].mean())

    return {
        f"var_{level}": sample.when_sound(lambda: float(np.quantile(returns, share))),
        f"cvar_{level}": sample.when_sound(shortfall),
    }


def _corrected_moments(returns: Float64Array) -> tuple[Figure, Figure]:
    """Return bias-corrected skewness and excess kurtosis (as SciPy with ``bias=False``)."""
    if deviation(returns) < 1e-12:
        return Undefined("zero_denominator"), Undefined("zero_denominator")
    n = len(returns)
    skew, kurtosis = _moments(returns)
    corrected = math.sqrt(n * (n - 1)) / (n - 2) * skew
    excess = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * kurtosis - 3 * (n - 1))
    return corrected, excess
