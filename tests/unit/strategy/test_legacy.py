"""Files of the older dialect run; every translation that matters leaves a note."""

from dataclasses import replace
from decimal import Decimal

import pytest

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.order import DistanceKind, SizeKind
from sptraderb.domain.plan import EntryFilters, Plan, RiskLimits
from sptraderb.domain.timeframe import D1, H1
from sptraderb.errors import Fault, StrategyInvalid
from sptraderb.strategy.compiler import compile_strategy
from sptraderb.strategy.header import read_header
from sptraderb.strategy.target import DEFAULT_TARGET, StrategyTarget

FULL = """
name: "ma_crossover_strategy"
version: 1.0
author: "SPtraderB"
description: "Moving average crossover"
type: strategy
dependencies:
  indicators: [core.indicators.trend.sma]
  signals: [core/signals/ma_crossover.py, core.signals.macd_divergence]
  orders: [core.orders.market]
parameters:
  position_size: 0.5
  stop_loss: 0.01
  take_profit: 0.02
signal_config:
  ma_crossover:
    required_indicators:
      - {name: MA-Fast, type: sma, params: {period: 10}}
      - {name: slow, type: sma, parameters: {period: 30}}
    parameters: {min_separation: 0.0001, confirmation_bars: 3}
entry:
  when:
    - signal: ma_crossover
      outputs: {crossover_type: golden_cross}
  action: buy
  size: parameters.position_size
exit:
  signal_exit:
    when:
      - signal: ma_crossover
        outputs: {crossover_type: death_cross}
    action: close_all
  stop_loss: {type: fixed, value: parameters.stop_loss}
  take_profit: {type: fixed, value: 0.02}
  max_holding_period: 10 bars
  trailing_stop: false
risk: {max_drawdown: 0.1, position_limit: 0.5, correlation_limit: 0.7}
filters:
  trading_hours: {start: "08:00", end: "23:59"}
  trading_days: [Monday, tuesday, fri]
  max_spread_bps: 2
execution: {slippage_tolerance: 0.001, order_type: market}
backtest: {commission: 0.0001, initial_capital: 10000, optimization: {method: grid}}
metrics: [sharpe]
live: {enabled: false}
"""
_SHELL = """
name: x
parameters: {{size: 0.1, rsi_oversold: 30, rsi_period: 9, stop_loss: 0.03, days: 20}}
{blocks}
"""
_ENTRY = (
    "entry: {when: [{signal: ma_crossover, outputs: {crossover_type: golden_cross}}], size: parameters.size}"
)


def _plan(blocks: str, target: StrategyTarget = DEFAULT_TARGET) -> Plan:
    return compile_strategy(_SHELL.format(blocks=blocks), target=target)


def _faults(blocks: str) -> tuple[Fault, ...]:
    with pytest.raises(StrategyInvalid) as raised:
        _plan(blocks)
    return raised.value.faults


def _codes(plan: Plan) -> list[str]:
    return sorted({note.code.removeprefix("legacy.") for note in plan.notes})


def test_full_file_when_compiled_then_each_key_has_its_meaning() -> None:
    """Size, stop, target, holding, commission, limits and session arrive as STRATEGY's table says."""
    plan = compile_strategy(FULL, target=DEFAULT_TARGET)
    entry = plan.entries[0]
    assert plan.legacy
    assert (plan.name, plan.version) == ("ma_crossover_strategy", "1.0")
    assert (entry.side, entry.size.kind, entry.size.amount) == (1, SizeKind.EQUITY_FRACTION, 500_000_000)
    stop, target = entry.exits.stop_loss, entry.exits.take_profit
    assert stop is not None
    assert target is not None
    assert (stop.kind, stop.amount, target.amount) == (DistanceKind.RATE, 10_000_000, 20_000_000)
    assert entry.exits.max_bars == 10
    assert plan.costs.commission_ppb == 100_000
    assert plan.risk == RiskLimits(
        max_drawdown_ppb=100_000_000,
        daily_loss_limit_ppb=30_000_000,
        max_position_size_ppb=500_000_000,
        max_positions=1,
    )
    assert plan.session is not None
    assert (plan.session.days, plan.session.start_minute, plan.session.end_minute) == ({0, 1, 4}, 480, 1440)
    assert plan.session.timezone == "UTC"
    assert plan.parameters == {"position_size": "0.5", "stop_loss": "0.01", "take_profit": "0.02"}
    assert plan.backtest == {"initial_capital": "10000"}
    assert plan.optimization == {"method": "grid"}
    assert set(plan.series) == {"ma_fast", "slow"}
    assert read_header(FULL).name == "ma_crossover_strategy"


def test_full_file_when_compiled_then_every_translation_leaves_its_note() -> None:
    """Nothing is ignored silently: each note names the key and its line."""
    plan = compile_strategy(FULL, target=DEFAULT_TARGET)
    assert _codes(plan) == [
        "commission",
        "confirmation",
        "default",
        "filter",
        "optimization",
        "separation",
        "signal_unknown",
        "slippage_tolerance",
        "translated",
        "unused",
    ]
    lines = FULL.splitlines()
    unused = [note for note in plan.notes if note.code == "legacy.unused"]
    words = ("trailing_stop", "correlation_limit", "order_type", "metrics", "live", "take_profit")
    assert sorted(word for note in unused for word in words if word in note.text) == sorted(words)
    for note in unused:
        assert note.line is not None
        assert any(word in lines[note.line - 1] for word in words)


def test_confirmation_when_three_bars_then_the_last_of_them_acts() -> None:
    """The crossing lies two bars back and all three bars are on the new side; no bar ahead is read."""
    plan = compile_strategy(FULL, target=DEFAULT_TARGET)
    texts = [plan.nodes[node].text for node in plan.nodes[plan.entries[0].when].args]
    assert texts[0] == "crosses_above(ma_fast, slow)[2]"
    assert texts[1] == "count_true(ma_fast > slow, 3) == 3"
    assert plan.first_value == 29 + 1 + 2


def test_defaults_when_a_file_is_silent_then_the_first_servers_hold() -> None:
    """Periods 20/50, size 0.01, drawdown 0.15, daily loss 0.03, one position; each is noted."""
    plan = _plan("entry: {when: [{signal: ma_crossover}]}")
    periods = [node.params[0] for node in plan.nodes if node.name == "sma_legacy"]
    assert periods == [20.0, 50.0]
    assert plan.entries[0].size.amount == 10_000_000
    assert plan.risk.max_drawdown_ppb == 150_000_000
    assert plan.risk.daily_loss_limit_ppb == 30_000_000
    assert plan.risk.max_positions == 1
    assert len([note for note in plan.notes if note.code == "legacy.default"]) == 5


def test_ema_crossover_when_periods_are_stated_then_they_are_applied() -> None:
    """`fast_period` and `slow_period` are applied; the EMA signal has no separation filter."""
    blocks = f"signal_config: {{ema_crossover: {{fast_period: 5, slow_period: 9}}}}\n{_ENTRY}"
    plan = _plan(blocks.replace("ma_crossover,", "ema_crossover,"))
    assert [node.params[0] for node in plan.nodes if node.name == "ema_legacy"] == [5.0, 9.0]
    assert plan.nodes[plan.entries[0].when].op == "crosses_above"
    assert plan.first_value == 9


def test_items_when_several_then_any_of_them_matches() -> None:
    """Items of `when` are joined by or; an item without outputs takes both crossings."""
    plan = _plan("entry: {when: [{signal: ema_crossover}, {signal: ma_crossover}], action: sell}")
    root = plan.nodes[plan.entries[0].when]
    assert root.op == "or"
    assert plan.entries[0].side == -1


def test_outputs_when_they_are_numbers_then_they_compare_by_value() -> None:
    """`strength: 1` equals 1.0."""
    plan = _plan(_ENTRY.replace("golden_cross", "golden_cross, strength: 1"))
    assert "equal" in [node.op for node in plan.nodes]


def test_stop_when_exit_has_none_then_parameters_give_it() -> None:
    """A stop is also taken from `parameters` when `exit` has none, with a note."""
    plan = _plan(_ENTRY)
    stop = plan.entries[0].exits.stop_loss
    assert stop is not None
    assert stop.amount == 30_000_000
    assert any("exit.stop_loss" in note.text for note in plan.notes)


@pytest.mark.parametrize(
    ("blocks", "text"),
    [
        ("{indicator: rsi, condition: '< parameters.rsi_oversold'}", "rsi(close, 9) < 30"),
        ("{indicator: price, condition: '> sma'}", "close > sma_legacy(close, 20)"),
        ("{indicator: volume, condition: '> volume.rolling(20).mean()'}", "volume > sma(volume, 20)"),
        ("{indicator: close, condition: '< bb_lower'}", "close < bbands(close, 20, 2).lower"),
        ("{indicator: adx, condition: '> 25', min_bars: 3}", "count_true(adx(14).adx > 25, 3) == 3"),
    ],
)
def test_condition_when_on_an_indicator_then_it_is_an_expression(blocks: str, text: str) -> None:
    """`entry.primary` and `filters` become expressions, all joined by and."""
    plan = _plan(f"entry: {{primary: {blocks}, size: 0.1}}")
    assert plan.nodes[plan.entries[0].when].text == text


def test_holding_period_when_candles_are_daily_then_days_are_bars() -> None:
    """A number and `20 days` are days on daily data; `20 days` is a time elsewhere."""
    blocks = f"{_ENTRY}\nexit: {{max_holding_period: 20 days}}"
    daily = StrategyTarget(timeframe=D1, instrument=DEFAULT_TARGET.instrument)
    assert _plan(blocks, daily).entries[0].exits.max_bars == 20
    hourly = _plan(blocks).entries[0].exits
    assert (hourly.max_bars, hourly.max_duration_s) == (0, 20 * 86_400)


@pytest.mark.parametrize(
    ("blocks", "code"),
    [
        ("entry: {when: [{signal: macd_cross}]}", "strategy.legacy_signal_unknown"),
        (
            "entry: {when: [{signal: ma_crossover, outputs: {crossover_type: up}}]}",
            "strategy.legacy_output_unknown",
        ),
        ("entry: {when: [{signal: ma_crossover, outputs: {power: 3}}]}", "strategy.legacy_output_unknown"),
        ("entry: {when: [{outputs: {a: b}}]}", "strategy.missing_key"),
        ("entry: {when: [ma_crossover], action: hold}", "strategy.value"),
        ("entry: {when: [ma_crossover], size: parameters.sise}", "strategy.legacy_reference"),
        ("entry: {when: [ma_crossover], size: big}", "strategy.legacy_number"),
        ("entry: {action: buy}", "strategy.missing_key"),
        ("entry: {primary: {indicator: rsi, condition: '< parameters.none'}}", "strategy.legacy_reference"),
        (f"{_ENTRY}\nexit: {{trailing_stop: true}}", "strategy.missing_key"),
        (f"{_ENTRY}\nexit: {{trailing_stop: {{type: chandelier, value: 3}}}}", "strategy.value"),
        (f"{_ENTRY}\nexit: {{stop_loss: {{type: swing, value: 2}}}}", "strategy.value"),
        (f"{_ENTRY}\nexit: {{take_profit: {{type: fixed}}}}", "strategy.missing_key"),
        (f"{_ENTRY}\nfilters: {{max_spread_bps: -1}}", "strategy.out_of_range"),
        (f"{_ENTRY}\nfilters: {{min_volume_usd: much}}", "strategy.legacy_number"),
        (f"{_ENTRY}\nexecution: {{slippage_tolerance: 0.00000000001}}", "strategy.too_fine"),
        (f"{_ENTRY}\nsignal_config: {{ma_crossover: {{fast_period: 0}}}}", "strategy.out_of_range"),
        (
            f"{_ENTRY}\nsignal_config: {{ma_crossover: {{required_indicators: [{{name: a, type: hull}}]}}}}",
            "strategy.legacy_indicator_unknown",
        ),
    ],
)
def test_file_when_it_cannot_run_then_it_says_exactly_why(blocks: str, code: str) -> None:
    """What the first server would have run without a trade is an error here, with its place."""
    faults = _faults(blocks)
    assert [fault.code for fault in faults] == [code]
    assert faults[0].line is not None


@pytest.mark.parametrize(
    ("exits", "text"),
    [
        ("stop_loss: {type: atr, value: 2, period: parameters.rsi_period}", "2 * atr(9)"),
        ("stop_loss: {type: atr, multiplier: 1.5}", "1.5 * atr(14)"),
    ],
)
def test_stop_when_it_counts_the_range_then_it_is_an_expression(exits: str, text: str) -> None:
    """`type: atr` is a multiple of the average true range at the bar that decides, with a note."""
    plan = _plan(f"{_ENTRY}\nexit: {{{exits}}}")
    stop = plan.entries[0].exits.stop_loss
    assert stop is not None
    assert plan.nodes[stop.node].text == text
    assert any("atr(" in note.text for note in plan.notes)


def test_trailing_stop_when_it_is_a_fraction_then_it_trails_and_says_so() -> None:
    """A fraction of the fill price, with an activation where the file has one."""
    for value in ("0.01", "{value: 0.01, activation: 0.02}"):
        plan = _plan(f"{_ENTRY}\nexit: {{trailing_stop: {value}}}")
        exits = plan.entries[0].exits
        assert exits.trailing_stop is not None
        assert (exits.trailing_stop.kind, exits.trailing_stop.amount) == (DistanceKind.RATE, 10_000_000)
        assert (exits.trailing_activate is not None) == ("activation" in value)
        assert "trailing_stop" in _codes(plan)


def test_filters_when_the_market_is_known_then_they_hold_or_say_why_not() -> None:
    """Spread and slippage are limits of the plan; volume in dollars only where candles count trades."""
    blocks = (
        f"{_ENTRY}\nfilters: {{max_spread_bps: 1.5, min_volume_usd: 1000000, avoid_major_news: true}}\n"
        "execution: {slippage_tolerance: 0.001}"
    )
    coins = StrategyTarget(timeframe=H1, instrument=SEEDED_INSTRUMENTS["BTCUSDT"])
    on_fx, on_coins = _plan(blocks), _plan(blocks, coins)
    limits = EntryFilters(max_spread_ppb=150_000, max_slippage_ppb=1_000_000)
    assert on_fx.filters == limits
    assert on_coins.filters == replace(limits, min_volume=Decimal(1_000_000))
    unused = [note.text for note in on_fx.notes if note.code == "legacy.filter_unused"]
    assert unused == [
        "`filters.avoid_major_news` is left out: there is no calendar of news here",
        "`filters.min_volume_usd` is left out: candles of EURUSD count price changes, not what was traded",
    ]


def test_parameter_when_nothing_reads_it_then_it_is_told() -> None:
    """A limit that stands in `parameters` alone has no effect, and the plan says so."""
    plan = _plan(_ENTRY)
    unread = [note.text.split("`")[1] for note in plan.notes if "read by no rule" in note.text]
    assert unread == ["parameters.rsi_oversold", "parameters.rsi_period", "parameters.days"]


def test_parameters_when_a_request_overrides_them_then_references_follow() -> None:
    """A request's parameters replace the file's wherever they are referred to."""
    text = _SHELL.format(blocks=_ENTRY)
    plan = compile_strategy(text, parameters={"size": 0.25}, target=DEFAULT_TARGET)
    assert plan.entries[0].size.amount == 250_000_000
    assert plan.parameters["size"] == "0.25"
    with pytest.raises(StrategyInvalid):
        compile_strategy(text, parameters={"sise": 1}, target=DEFAULT_TARGET)


def test_values_when_null_then_they_are_not_stated() -> None:
    """`null` says that there is none; `false` switches a stop off."""
    plan = _plan(f"{_ENTRY}\nexit: {{stop_loss: false, take_profit: {{value: null}}, max_holding_period: ~}}")
    exits = plan.entries[0].exits
    assert (exits.stop_loss, exits.take_profit, exits.max_bars) == (None, None, 0)


def test_dialect_when_only_long_is_forgotten_then_it_stays_the_native_one() -> None:
    """`entry: {when: <expression>}` is a native file with a misplaced key, not an old one."""
    faults = _faults("entry: {when: close > open, size: 2%}")
    hints = {fault.path: fault.hint for fault in faults if fault.code == "strategy.unknown_key"}
    assert hints["entry.when"] == "`when` belongs to `entry.long` or `entry.short`"
    assert not any("legacy" in fault.code for fault in faults)
