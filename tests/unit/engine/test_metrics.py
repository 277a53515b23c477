"""Figures of hand-made outcomes are what METRICS says, and undefined ones say why."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import CandleSide
from sptraderb.domain.metric import Metric
from sptraderb.domain.outcome import ExitReason, OrderState, Outcome
from sptraderb.domain.timeframe import D1
from sptraderb.engine.metric_definitions import DEFINITIONS, REASONS
from sptraderb.engine.metrics import measure
from sptraderb.testing.outcomes import flat_candles, outcome_of, plain_terms


def _metrics(outcome: Outcome, **options: float) -> dict[str, Metric]:
    candles = flat_candles(outcome.n_bars_done)
    return {metric.name: metric for metric in measure(outcome, candles, plain_terms(), **options)}


def _trade(net: int, **columns: int) -> dict[str, int]:
    usual = {"side": 1, "quantity_steps": 1000, "entry_price_ticks": 100_000, "exit_price_ticks": 100_000}
    return {**usual, "net_pnl_minor": net, "price_pnl_minor": net, **columns}


def test_definitions_when_measured_then_each_has_one_figure_in_order() -> None:
    """Every definition is filled, in order; every null has a known reason."""
    for equity in ([], [100_000], [100_000 + 10 * bar for bar in range(500)]):
        outcome = outcome_of(equity, deposit_minor=100_000)
        metrics = measure(outcome, flat_candles(len(equity)), plain_terms())
        assert [metric.name for metric in metrics] == [item.name for item in DEFINITIONS]
        assert {metric.reason for metric in metrics if metric.value is None} <= set(REASONS)


def test_drawdown_when_intrabar_then_troughs_count_against_earlier_marks() -> None:
    """Peak 1100 at bar 1; the trough 880 of bar 2 is 20 % below it, its close 990 is 10 % below."""
    outcome = outcome_of(
        [100_000, 110_000, 99_000, 110_000, 121_000],
        deposit_minor=100_000,
        trough_minor=[99_000, 100_000, 88_000, 99_000, 110_000],
    )
    metrics = _metrics(outcome)
    assert metrics["max_drawdown"].value == pytest.approx(0.2)
    assert metrics["max_drawdown_money"].value == "220.00"
    assert metrics["max_drawdown_close"].value == pytest.approx(0.1)
    assert metrics["max_drawdown_close_money"].value == "110.00"
    assert metrics["recovery_factor"].value == pytest.approx(210 / 220)


def test_drawdown_when_a_bar_makes_a_new_peak_then_its_trough_is_measured_from_the_old_one() -> None:
    """The peak rises on marks only: a trough of 995 in the bar that closes at 1500 is 0.5 %, not 33 %."""
    outcome = outcome_of([150_000], deposit_minor=100_000, trough_minor=[99_500])
    assert _metrics(outcome)["max_drawdown"].value == pytest.approx(0.005)


def test_drawdown_duration_when_recovered_then_runs_from_peak_mark_to_equal_mark() -> None:
    """Below from bar 2 to 4, peak at bar 1's close, equalled at bar 5's: four hours; then one open hour."""
    outcome = outcome_of(
        [100_000, 110_000, 105_000, 99_000, 104_000, 110_000, 109_000], deposit_minor=100_000
    )
    metrics = _metrics(outcome)
    assert metrics["max_drawdown_duration"].value == 4 * 3600
    assert metrics["average_drawdown_duration"].value == pytest.approx((4 + 1) / 2 * 3600)
    assert metrics["max_recovery_time"].value == 2 * 3600
    assert metrics["drawdown_episodes"].value == 2
    assert metrics["drawdown_is_open"].value == 1
    assert metrics["average_drawdown"].value == pytest.approx((11 / 110 + 1 / 110) / 2)


def test_drawdown_when_it_starts_at_once_then_the_deposit_is_the_peak() -> None:
    """The first close below the deposit is a drawdown from the open of the first tradable bar."""
    metrics = _metrics(outcome_of([99_000, 100_000], deposit_minor=100_000))
    assert metrics["max_drawdown_close"].value == pytest.approx(0.01)
    assert metrics["max_drawdown_duration"].value == 2 * 3600


def test_money_when_summed_then_price_pnl_less_costs_is_net() -> None:
    """The books are exact decimals: price_pnl - total_costs = net_profit = E_end - E_0."""
    metrics = _metrics(outcome_of([100_000, 100_123], deposit_minor=100_000))
    assert metrics["net_profit"].value == "1.23"
    assert metrics["price_pnl"].value == "1.23"
    assert metrics["total_costs"].value == "0.00"
    assert metrics["net_profit_percent"].value == pytest.approx(0.00123)


def test_trades_when_break_even_then_counted_apart_and_in_the_denominator() -> None:
    """Two wins, one loss, one break-even: win rate 2/4; profit factor 30/10; expectancy 5."""
    trades = [_trade(1000), _trade(0), _trade(2000), _trade(-1000, side=-1)]
    metrics = _metrics(outcome_of([102_000], deposit_minor=100_000, trades=trades))
    values = {name: metric.value for name, metric in metrics.items()}
    assert (values["winning_trades"], values["losing_trades"], values["break_even_trades"]) == (2, 1, 1)
    assert (values["long_trades"], values["short_trades"]) == (3, 1)
    assert values["win_rate"] == 0.5
    assert values["profit_factor"] == pytest.approx(3.0)
    assert (values["gross_profit"], values["gross_loss"]) == ("30.00", "-10.00")
    assert values["expectancy"] == "5.00"
    assert (values["average_win"], values["average_loss"]) == ("15.00", "-10.00")
    assert values["payoff"] == pytest.approx(1.5)
    assert values["kelly"] == pytest.approx(0.5 - 0.5 / 1.5)
    assert (values["longest_winning_streak"], values["longest_losing_streak"]) == (1, 1)
    assert values["sqn"] == pytest.approx(2 * 500 / np.std([1000, 0, 2000, -1000], ddof=1))


def test_expectancy_when_money_does_not_divide_then_rounds_half_even() -> None:
    """A mean of 0.005 is 0.00, of 0.015 is 0.02 (M4)."""
    for nets, mean in (([1, 0], "0.00"), ([3, 0], "0.02")):
        outcome = outcome_of([100_000], deposit_minor=100_000, trades=[_trade(net) for net in nets])
        assert _metrics(outcome)["expectancy"].value == mean


def test_expectancy_r_when_some_trades_have_stops_then_only_they_count() -> None:
    """Risk 0.01000 x 1000 = 10.00: a win of 20.00 is 2 R, a loss of 10.00 is -1 R: mean 0.5 R."""
    stops = {"initial_stop_ticks": 99_000}
    trades = [_trade(2000, **stops), _trade(-1000, **stops), _trade(5000)]
    metrics = _metrics(outcome_of([106_000], deposit_minor=100_000, trades=trades))
    assert metrics["expectancy_r"].value == pytest.approx(0.5)
    assert metrics["expectancy_percent"].value == pytest.approx((0.02 - 0.01 + 0.05) / 3)


def test_streaks_when_break_even_comes_between_then_both_end() -> None:
    """Wins 2, break-even, 1; losses 3: the longest are 2 and 3."""
    nets = [1, 1, 0, 1, -1, -1, -1, 0, -1]
    metrics = _metrics(outcome_of([100_000], deposit_minor=100_000, trades=[_trade(net) for net in nets]))
    assert metrics["longest_winning_streak"].value == 2
    assert metrics["longest_losing_streak"].value == 3
    assert metrics["winning_streak_money"].value == "0.02"
    assert metrics["losing_streak_money"].value == "-0.03"


def test_runs_z_when_wins_and_losses_alternate_then_positive() -> None:
    """N=10, R=10, X=50: (10 x 9.5 - 50) / sqrt(50 x 40 / 9) = 3.0187."""
    trades = [_trade(1 if number % 2 else -1) for number in range(10)]
    metrics = _metrics(outcome_of([100_000], deposit_minor=100_000, trades=trades))
    assert metrics["runs_z"].value == pytest.approx(45 / np.sqrt(2000 / 9))


def test_holding_when_measured_then_the_entry_bar_counts() -> None:
    """Entered at bar 1, left at bar 3: two hours, three bars."""
    trades = [_trade(1, entry_bar=1, exit_bar=3)]
    metrics = _metrics(outcome_of([100_000] * 4, deposit_minor=100_000, trades=trades))
    assert metrics["mean_holding_time"].value == 7200
    assert metrics["mean_holding_bars"].value == 3


def test_integrity_when_counted_then_orders_and_closes_are_told_apart() -> None:
    """Rejected, cut and unfilled orders, risk closes and ambiguous trades are counts."""
    trades = [_trade(1, ambiguous=1), _trade(-1, exit_reason=ExitReason.RISK_LIMIT)]
    orders = [{"state": state} for state in (OrderState.REJECTED, OrderState.FILLED_CUT, OrderState.UNFILLED)]
    metrics = _metrics(outcome_of([100_000], deposit_minor=100_000, trades=trades, orders=orders))
    names = ("ambiguous_trades", "risk_closes", "rejected_orders", "cut_orders", "unfilled_orders")
    assert [metrics[name].value for name in names] == [1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("equity", "name", "reason"),
    [
        ([100_000] * 24 * 20, "sharpe", "zero_denominator"),
        ([100_000 + bar % 7 for bar in range(24 * 5)], "sharpe", "too_few"),
        ([100_000 + bar % 7 for bar in range(24 * 20)], "cagr", "too_short"),
        ([100_000 - 1000 * bar for bar in range(24 * 40)], "sharpe", "ruined"),
        ([100_000 - 1000 * bar for bar in range(24 * 40)], "cagr", "not_positive"),
        ([100_000 + bar for bar in range(24 * 40)], "calmar", "zero_denominator"),
        ([100_000], "win_rate", "no_trades"),
        ([100_000], "profit_factor", "no_trades"),
        ([], "exposure", "no_bars"),
    ],
)
def test_figure_when_undefined_then_null_with_a_reason(equity: list[int], name: str, reason: str) -> None:
    """Undefined is null with a reason code, never 0, inf or a sentinel (METRICS)."""
    metric = _metrics(outcome_of(equity, deposit_minor=100_000))[name]
    assert (metric.value, metric.reason) == (None, reason)


def test_volatility_when_flat_then_zero_not_null() -> None:
    """A standard deviation of zero is a value; only a division by it is undefined."""
    assert _metrics(outcome_of([100_000] * 240, deposit_minor=100_000))["volatility"].value == 0.0


def test_convention_when_a_year_is_reached_then_periods_are_counted() -> None:
    """Below a year A comes from the calendar, from a year on it is n / y; a stated A wins."""
    short = _metrics(outcome_of([100_000] * 240, deposit_minor=100_000))["sharpe"].convention
    assert "A=260.893 (365.25 x 5 / 7)" in short
    assert "ddof=1" in short
    long = outcome_of([100_000] * 400, deposit_minor=100_000)
    daily = {metric.name: metric for metric in measure(long, flat_candles(400, timeframe=D1), plain_terms())}
    assert "(n / y)" in daily["sharpe"].convention
    stated = _metrics(outcome_of([100_000] * 240, deposit_minor=100_000), periods_per_year=252, rf=0.02)
    assert "A=252 (set by the request)" in stated["sharpe"].convention
    assert "rf=0.02 a year" in stated["sharpe"].convention


def test_exposure_when_some_bars_hold_then_share_and_leverage_follow() -> None:
    """Two of four bars exposed; 1000 units at 1.00000 on 1000.00 is a leverage of 1 on one close."""
    outcome = replace(
        outcome_of([100_000] * 4, deposit_minor=100_000),
        exposed=np.array([False, True, True, False]),
        held_steps=np.array([0, 1000, 0, 0]),
    )
    metrics = _metrics(outcome)
    assert metrics["exposure"].value == 0.5
    assert metrics["max_leverage"].value == pytest.approx(1.0)
    assert metrics["mean_leverage"].value == pytest.approx(0.25)
    assert metrics["max_margin_use"].value == pytest.approx(1.0)


def test_leverage_when_candles_have_both_sides_then_a_short_counts_at_the_ask() -> None:
    """1000 units on 1000.00: a long at bid 1.00000 is a leverage of 1, a short at ask 1.10000 one of 1.1."""
    bid = flat_candles(2)
    names = [*PRICE_COLUMNS, *ASK_COLUMNS]
    values = [bid.close_ticks] * 4 + [bid.close_ticks + 10_000] * 4
    candles = Candles.from_columns(
        {"time_s": bid.time_s, **dict(zip(names, values, strict=True))},
        instrument=replace(bid.instrument, side=CandleSide.BOTH),
        timeframe=bid.timeframe,
    )
    outcome = outcome_of([100_000] * 2, deposit_minor=100_000)
    for held, leverage in ((1000, 1.0), (-1000, 1.1)):
        holding = replace(outcome, held_steps=np.array([0, held]))
        metrics = {metric.name: metric for metric in measure(holding, candles, plain_terms())}
        assert metrics["max_leverage"].value == pytest.approx(leverage)


def test_psr_when_given_a_published_case_then_matches() -> None:
    """PSR against the closed form on the same sample (Bailey and Lopez de Prado 2012)."""
    steps = np.random.default_rng(5).normal(30, 100, 24 * 60).astype(int)
    outcome = outcome_of((1_000_000 + np.cumsum(steps)).tolist(), deposit_minor=1_000_000)
    metrics = _metrics(outcome)
    error, sharpe = metrics["sharpe_standard_error"].value, metrics["sharpe"].value
    assert isinstance(error, float)
    assert isinstance(sharpe, float)
    assert metrics["psr"].value == pytest.approx(0.5 * (1 + math.erf(sharpe / error / np.sqrt(2))), abs=1e-12)
