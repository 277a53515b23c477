"""Our figures equal empyrical-reloaded's and SciPy's where the definitions agree; where not, the
difference is written out and checked.
"""

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from sptraderb.domain.equity_curve import daily_marks
from sptraderb.domain.metric import Metric
from sptraderb.domain.outcome import Outcome
from sptraderb.engine.metrics import measure
from sptraderb.testing.outcomes import flat_candles, outcome_of, plain_terms

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

_HOURS = 24 * 500
_DEPOSIT = 1_000_000
_CANDLES = flat_candles(_HOURS)


def _outcome() -> Outcome:
    """Return 500 days of hourly equity, a random walk that never comes near zero."""
    steps = np.random.default_rng(11).normal(8, 900, _HOURS).astype(np.int64)
    return outcome_of((_DEPOSIT + np.cumsum(steps)).tolist(), deposit_minor=_DEPOSIT)


def _measured(**options: float) -> dict[str, Metric]:
    return {metric.name: metric for metric in measure(_outcome(), _CANDLES, plain_terms(), **options)}


def _number(metrics: dict[str, Metric], name: str) -> float:
    value = metrics[name].value
    assert isinstance(value, float)
    return value


_RETURNS: npt.NDArray[np.float64] = daily_marks(_outcome(), _CANDLES).returns
_YEARS = daily_marks(_outcome(), _CANDLES).years
_A = len(_RETURNS) / _YEARS


def test_sharpe_when_given_a_risk_free_rate_then_equals_empyrical() -> None:
    """Ours takes rf a year; empyrical takes it per period: rf / A."""
    ours = _number(_measured(rf=0.03), "sharpe")
    assert ours == pytest.approx(
        empyrical.sharpe_ratio(_RETURNS, risk_free=0.03 / _A, annualization=_A), rel=1e-12
    )


def test_sortino_and_omega_when_given_a_threshold_then_equal_empyrical() -> None:
    """Downside deviation is taken over all n in both; empyrical's omega threshold is per period at 1."""
    metrics = _measured(mar=0.0005)
    sortino = empyrical.sortino_ratio(_RETURNS, required_return=0.0005, annualization=_A)
    omega = empyrical.omega_ratio(_RETURNS, required_return=0.0005, annualization=1)
    assert _number(metrics, "sortino") == pytest.approx(sortino, rel=1e-12)
    assert _number(metrics, "omega") == pytest.approx(omega, rel=1e-12)


def test_volatility_and_tail_ratio_when_measured_then_equal_empyrical() -> None:
    """The same ddof and the same linear quantiles."""
    metrics = _measured()
    assert _number(metrics, "volatility") == pytest.approx(
        empyrical.annual_volatility(_RETURNS, annualization=_A), rel=1e-12
    )
    assert _number(metrics, "tail_ratio") == pytest.approx(empyrical.tail_ratio(_RETURNS), rel=1e-12)


def test_cagr_when_a_year_is_reached_then_equals_empyrical_with_our_periods() -> None:
    """Empyrical counts years as n / A: with A = n / y these are ours, at its default of 252 not."""
    ours = _number(_measured(), "cagr")
    assert ours == pytest.approx(empyrical.cagr(_RETURNS, annualization=_A), rel=1e-9)
    assert ours != pytest.approx(empyrical.cagr(_RETURNS), rel=1e-3)


def test_drawdown_when_taken_at_every_close_then_equals_empyrical_on_bar_returns() -> None:
    """Ours is per bar; empyrical's on daily returns can only be smaller."""
    equity = np.concatenate([[_DEPOSIT], _outcome().equity_minor])
    bar_returns = equity[1:] / equity[:-1] - 1
    ours = _number(_measured(), "max_drawdown_close")
    assert ours == pytest.approx(-empyrical.max_drawdown(bar_returns), rel=1e-9)
    assert ours >= -empyrical.max_drawdown(_RETURNS)


def test_calmar_when_measured_then_uses_the_drawdown_of_every_close() -> None:
    """Empyrical divides by the drawdown of daily returns; ours by that of every bar."""
    metrics = _measured()
    expected = empyrical.cagr(_RETURNS, annualization=_A) / _number(metrics, "max_drawdown_close")
    assert _number(metrics, "calmar") == pytest.approx(expected, rel=1e-9)


def test_stability_when_measured_then_equals_empyrical() -> None:
    """R2 of log equity on time: empyrical cumulates log returns, which differs by a constant only."""
    ours = _number(_measured(), "stability")
    assert ours == pytest.approx(empyrical.stability_of_timeseries(_RETURNS), rel=1e-9)


def test_value_at_risk_when_measured_then_equals_empyrical() -> None:
    """The same linear quantile; the shortfall differs: empyrical averages a fixed count of the worst."""
    metrics = _measured()
    for name, cutoff in (("95", 0.05), ("99", 0.01)):
        value = empyrical.value_at_risk(_RETURNS, cutoff=cutoff)
        assert _number(metrics, f"var_{name}") == pytest.approx(value, rel=1e-12)
        worst = np.sort(_RETURNS)[: int((len(_RETURNS) - 1) * cutoff) + 1]
        assert empyrical.conditional_value_at_risk(_RETURNS, cutoff=cutoff) == pytest.approx(worst.mean())
        assert _number(metrics, f"cvar_{name}") == pytest.approx(
            _RETURNS[value >= _RETURNS].mean(), rel=1e-12
        )


def test_moments_when_measured_then_equal_scipy_bias_corrected() -> None:
    """Skewness and excess kurtosis with bias=False."""
    metrics = _measured()
    assert _number(metrics, "skew") == pytest.approx(stats.skew(_RETURNS, bias=False), rel=1e-9)
    assert _number(metrics, "excess_kurtosis") == pytest.approx(
        stats.kurtosis(_RETURNS, bias=False), rel=1e-9
    )


def test_normal_tails_when_measured_then_equal_scipy() -> None:
    """Mean + z std, and mean - std phi(z) / level, with ddof 1."""
    metrics = _measured()
    mean, std = _RETURNS.mean(), _RETURNS.std(ddof=1)
    z = stats.norm.ppf(0.05)
    assert _number(metrics, "normal_var_95") == pytest.approx(mean + z * std, rel=1e-9)
    assert _number(metrics, "normal_cvar_95") == pytest.approx(
        mean - std * stats.norm.pdf(z) / 0.05, rel=1e-9
    )


def test_sharpe_when_returns_are_constant_then_null_where_empyrical_says_infinite() -> None:
    """Empyrical divides by zero (inf or nan); ours is null with the reason."""
    flat = outcome_of([_DEPOSIT] * _HOURS, deposit_minor=_DEPOSIT)
    metrics = {metric.name: metric for metric in measure(flat, _CANDLES, plain_terms())}
    assert metrics["sharpe"].value is None
    assert metrics["sharpe"].reason == "zero_denominator"
    assert not np.isfinite(empyrical.sharpe_ratio(np.full(20, 0.001), annualization=252))
