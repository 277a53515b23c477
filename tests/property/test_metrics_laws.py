"""What holds for the figures of every run, whatever happened in it."""

import math
from decimal import Decimal

from hypothesis import given, settings

from sptraderb.domain.metric import Metric
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.result_document import RunFacts, Simulated, build, document_bytes
from sptraderb.engine.metrics import measure
from sptraderb.errors import MoneyOverflow
from sptraderb.oracle.replay import replay
from sptraderb.testing.random_runs import RandomRun, random_runs


def _measured(run: RandomRun) -> tuple[Outcome, dict[str, Metric]] | None:
    try:
        outcome = replay(run.plan, run.candles, run.signals, run.terms)
    except MoneyOverflow:
        return None
    metrics = measure(outcome, run.candles, run.terms)
    return outcome, {metric.name: metric for metric in metrics}


@settings(max_examples=60, deadline=None)
@given(random_runs(max_bars=80))
def test_figures_when_measured_then_finite_or_null_with_a_reason(run: RandomRun) -> None:
    """No figure is ever infinite or not a number, and measuring warns of nothing."""
    found = _measured(run)
    if found is None:
        return
    for metric in found[1].values():
        if isinstance(metric.value, float):
            assert math.isfinite(metric.value), metric


@settings(max_examples=60, deadline=None)
@given(random_runs(max_bars=80))
def test_money_when_measured_then_price_pnl_less_costs_is_net_exactly(run: RandomRun) -> None:
    """price_pnl - total_costs = net_profit = gross profit + gross loss + net of what is open (METRICS)."""
    found = _measured(run)
    if found is None:
        return
    outcome, metrics = found
    money = {
        name: Decimal(str(item.value))
        for name, item in metrics.items()
        if item.unit == "money" and item.value
    }
    net = money["net_profit"]
    assert money["price_pnl"] - money["total_costs"] == net
    held = outcome.open_position
    minor = 0 if held is None else held.open_pnl_minor + held.booked_minor
    assert money["gross_profit"] + money["gross_loss"] + Decimal(minor).scaleb(-outcome.money_decimals) == net
    assert money["final_balance"] + money["open_pnl"] == money["final_equity"]


@settings(max_examples=60, deadline=None)
@given(random_runs(max_bars=80))
def test_drawdown_when_measured_inside_bars_then_never_smaller_than_at_closes(run: RandomRun) -> None:
    """A trough lies at or below its close, so the intrabar drawdown is the larger one."""
    found = _measured(run)
    if found is None or found[1]["max_drawdown"].value is None:
        return
    inside, closes = found[1]["max_drawdown"].value, found[1]["max_drawdown_close"].value
    assert isinstance(inside, float)
    assert isinstance(closes, float)
    assert inside >= closes >= 0


@settings(max_examples=40, deadline=None)
@given(random_runs(max_bars=80))
def test_document_when_built_then_is_json_and_agrees_with_its_metrics(run: RandomRun) -> None:
    """Any run has a document that JSON can carry; its headline is its metrics."""
    found = _measured(run)
    if found is None:
        return
    outcome, metrics = found
    simulated = Simulated(plan=run.plan, candles=run.candles, signals=run.signals, terms=run.terms)
    document = build(
        RunFacts(backtest_id="b", strategy_name="s"),
        outcome,
        simulated=simulated,
        metrics=list(metrics.values()),
    )
    assert document_bytes(document)
    assert document["total_pnl"] == metrics["net_profit"].value
    assert document["total_trades"] == metrics["trades"].value
