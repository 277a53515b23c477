"""The five strategy files of the first server, in their shape: four run, the fifth says exactly why not."""

import pytest

from sptraderb.domain.order import DistanceKind
from sptraderb.errors import StrategyInvalid
from sptraderb.strategy.compiler import check_strategy, compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET

CROSSOVER = """
name: crossover_of_two_means
type: strategy
version: 1.0.0
author: desk
description: Means crossing, with references everywhere
dependencies:
  indicators: [core.indicators.trend.sma]
  signals: [core.signals.ma_crossover]
  orders: [core.orders.market_order]
parameters:
  {position_size: 0.02, max_positions: 1, fast: 10, slow: 30, separation: 0.0001, stop: 0.02, target: 0.04}
signal_config:
  ma_crossover:
    required_indicators:
      - {name: ma_fast, type: sma, params: {period: parameters.fast, source: close}}
      - {name: ma_slow, type: sma, params: {period: parameters.slow, source: close}}
    parameters: {min_separation: parameters.separation, confirmation_bars: 1}
risk: {max_drawdown: 0.15, daily_loss_limit: 0.03, position_limit: 0.05}
execution: {order_type: market, slippage_tolerance: 0.001, rebalance_frequency: 1d}
filters: {min_volume_usd: 1000000, max_spread_bps: 10, trading_hours: "00:00-23:59", trading_days: Mon-Sun}
entry:
  when:
    - signal: ma_crossover
      outputs: {crossover_type: golden_cross, signal_strength: "> 0.1"}
  action: buy
  size: parameters.position_size
exit:
  signal_exit:
    when: [{signal: ma_crossover, outputs: {crossover_type: death_cross}}]
    action: close_all
  stop_loss: {type: percentage, value: parameters.stop}
  take_profit: {type: percentage, value: parameters.target}
  max_holding_period: 20
metrics: {track: [win_rate, total_crossovers], report_frequency: daily}
backtest:
  start_date: "2023-01-01"
  end_date: "2023-12-31"
  initial_capital: 10000
  commission: 0.001
  data_frequency: "1d"
  optimization: {fast: [5, 10], slow: [20, 30], separation: [0.0001, 0.0002]}
live: {enabled: false, paper_trade: true}
"""
EXPONENTIAL = """
name: "Exponential Crossover"
version: "1.0.0"
author: "desk"
description: "Exponential means crossing"
dependencies: {indicators: [core.indicators.trend.ema], signals: [core.signals.ema_crossover]}
parameters: {fast_period: 12, slow_period: 26}
signal_config: {ema_crossover: {fast_period: 12, slow_period: 26}}
entry:
  when: [{signal: ema_crossover, outputs: {crossover_type: golden_cross}}]
  action: buy
  size: 0.1
exit:
  signal_exit: {when: [{signal: ema_crossover, outputs: {crossover_type: death_cross}}], action: close_all}
risk: {max_positions: 1, position_size: 0.1, stop_loss: 0.02, take_profit: 0.05, max_drawdown: 0.15}
"""
SIMPLE = """
name: simple_means
type: strategy
version: 1.0.0
author: desk
description: Means crossing, defaults everywhere
dependencies: {indicators: [core.indicators.trend.sma], signals: [core.signals.ma_crossover]}
parameters: {position_size: 0.01, max_positions: 1, stop_loss: 0.01, take_profit: 0.02}
risk: {max_drawdown: 0.10, daily_loss_limit: 0.02}
entry:
  when: [{signal: ma_crossover, outputs: {crossover_type: golden_cross}}]
  action: buy
  size: 0.01
exit:
  signal_exit: {when: [{signal: ma_crossover, outputs: {crossover_type: death_cross}}], action: close_all}
  stop_loss: {type: percentage, value: 0.01}
  take_profit: {type: percentage, value: 0.02}
"""
MOMENTUM = """
name: momentum
type: strategy
version: 1.0.0
author: desk
description: Oversold in an uptrend
dependencies:
  indicators: [core.indicators.momentum.simple_rsi, core.indicators.trend.sma]
  signals: [core.signals.rsi_oversold]
  orders: [core.orders.market_order]
parameters:
  {position_size: 0.02, max_positions: 3, stop_loss: 0.015, take_profit: 0.03, trailing_stop: false,
   rsi_period: 14, rsi_oversold: 30, sma_period: 50}
risk: {max_drawdown: 0.10, daily_loss_limit: 0.03, position_limit: 0.06, correlation_limit: 0.7}
execution: {order_type: market, urgency: normal, slippage_tolerance: 0.001, rebalance_frequency: 1h}
filters:
  {min_volume_usd: 10000000, max_spread_bps: 5, trading_hours: "09:00-17:00", trading_days: Mon-Fri,
   avoid_major_news: true, news_blackout_minutes: 30}
entry:
  primary: {indicator: rsi, condition: "< parameters.rsi_oversold", min_bars: 2}
  filters:
    - {indicator: close, condition: "> sma", description: uptrend}
    - {indicator: volume, condition: "> volume.rolling(20).mean()"}
  size_method: fixed_percentage
  size_value: parameters.position_size
exit:
  take_profit: {type: percentage, value: parameters.take_profit}
  stop_loss: {type: percentage, value: parameters.stop_loss}
  max_holding_period: 10
  signal_exit: [{indicator: rsi, condition: "> 70", description: overbought}]
metrics: {track: [win_rate], report_frequency: daily}
backtest: {start_date: "2023-01-01", end_date: "2023-12-31", initial_capital: 10000, commission: 0.001}
"""
OWN_COMPONENTS = """
name: own_components
type: strategy
version: 0.1.0
author: desk
description: Components of its own
dependencies: {indicators: [core/indicators/test_sma.py], signals: [core/signals/test_crossover.py]}
parameters: {position_size: 0.02, max_positions: 2, stop_loss: 0.01, take_profit: 0.02}
risk: {max_drawdown: 0.10, daily_loss_limit: 0.02, position_limit: 0.05}
entry:
  when: [{signal: test_crossover, outputs: {signal_type: golden_cross}}]
  action: buy
  size: parameters.position_size
exit:
  when: [{signal: test_crossover, outputs: {signal_type: death_cross}}]
  action: close
"""


@pytest.mark.parametrize(
    ("text", "stop", "condition"),
    [
        (
            CROSSOVER,
            20_000_000,
            "crosses_above(ma_fast, ma_slow) and abs(ma_fast - ma_slow) / ma_slow >= 0.0001) and "
            "min(1, abs(ma_fast - ma_slow) / ma_slow / 0.01) > 0.1",
        ),
        (EXPONENTIAL, 20_000_000, "crosses_above(ema_fast, ema_slow)"),
        (
            SIMPLE,
            10_000_000,
            "crosses_above(ma_fast, ma_slow) and abs(ma_fast - ma_slow) / ma_slow >= 0.0002",
        ),
        (
            MOMENTUM,
            15_000_000,
            "count_true(rsi(close, 14) < 30, 2) == 2) and ((close > sma_legacy(close, 50)) and "
            "(volume > sma(volume, 20)",
        ),
    ],
    ids=["crossover", "exponential", "simple", "momentum"],
)
def test_file_of_the_first_server_when_compiled_then_its_rule_and_stop_hold(
    text: str, stop: int, condition: str
) -> None:
    """References are resolved, the rule is what the file says, and every key that is not applied is told."""
    plan = compile_strategy(text, target=DEFAULT_TARGET)
    (entry,) = plan.entries
    assert plan.nodes[entry.when].text == condition
    assert entry.exits.stop_loss is not None
    assert (entry.exits.stop_loss.kind, entry.exits.stop_loss.amount) == (DistanceKind.RATE, stop)
    assert entry.exits.when >= 0
    assert plan.legacy
    assert plan.notes[0].code == "legacy.translated"


def test_file_with_components_of_its_own_when_checked_then_it_says_why_not() -> None:
    """Where the first server completed without a trade, the unknown signal is named at both its places."""
    faults = check_strategy(OWN_COMPONENTS)
    assert [(fault.code, fault.line) for fault in faults] == [
        ("strategy.legacy_signal_unknown", 11),
        ("strategy.legacy_signal_unknown", 15),
    ]
    with pytest.raises(StrategyInvalid):
        compile_strategy(OWN_COMPONENTS, target=DEFAULT_TARGET)
