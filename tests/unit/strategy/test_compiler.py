"""A native document becomes the plan it describes."""

import time
from decimal import Decimal

import pytest

from sptraderb.domain.costs import Costs
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.order import DistanceKind, SizeKind
from sptraderb.domain.plan import Plan, RiskLimits, SessionFilter
from sptraderb.domain.timeframe import H1, M15
from sptraderb.strategy.compiler import check_strategy, compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET, StrategyTarget

FULL = """
name: pullback
version: "1.0.0"
description: "EMA pullback"
parameters:
  fast: {default: 10, range: [5, 30], step: 1}
  slow: {default: 30, range: [20, 200], step: 5}
  risk: 1%
indicators:
  gap: fast_ma - slow_ma
  fast_ma: ema(close, fast)
  slow_ma: ema(close, slow)
entry:
  long:
    when: crosses_above(fast_ma, slow_ma) and rsi(14)[1] < 60
    size: {risk: risk}
  short:
    when: crosses_below(fast_ma, slow_ma)
    size: 0.10 lots
exit:
  long: {when: "crosses_below(fast_ma, slow_ma)"}
  short: {when: "crosses_above(fast_ma, slow_ma)", stop_loss: 20 pips}
  stop_loss: 1.5 * atr(14)
  take_profit: 2 R
  max_bars: 200
  live_from: next_bar
risk: {max_drawdown: 15%, daily_loss_limit: 3%, max_positions: 1, max_position_size: 1000%}
costs: {commission: 0.002%, spread: 0.8 pips, slippage: 0.1 pips}
session: {days: mon-fri, hours: "07:00-17:00", timezone: Europe/London}
optimization: {objective: sharpe, parameters: {fast: [5, 10, 15], slow: {from: 20, to: 60, step: 10}}}
backtest: {symbol: EURUSD, timeframe: 1h, initial_capital: 10000}
"""
_SHELL = """
name: x
parameters: {{n: 20, stop: 20 pips, share: 2%}}
indicators:
  series: {indicator}
entry:
  long:
    when: {when}
    size: {size}
exit:
  {exits}
"""


def _plan(
    when: str = "close > open", size: str = "2%", exits: str = "max_bars: 5", indicator: str = "close"
) -> Plan:
    text = _SHELL.format(when=when, size=size, exits=exits, indicator=indicator)
    return compile_strategy(text, target=DEFAULT_TARGET)


def test_full_document_when_compiled_then_every_block_is_in_the_plan() -> None:
    """Each block of the document arrives in the plan in the engine's integers."""
    plan = compile_strategy(FULL, target=DEFAULT_TARGET)
    assert (plan.name, plan.version, plan.description) == ("pullback", "1.0.0", "EMA pullback")
    assert plan.costs == Costs(commission_ppb=20_000, spread_ppm_pips=800_000, slippage_ppm_pips=100_000)
    assert plan.risk == RiskLimits(
        max_drawdown_ppb=150_000_000,
        daily_loss_limit_ppb=30_000_000,
        max_position_size_ppb=10_000_000_000,
        max_positions=1,
    )
    days = frozenset(range(5))
    assert plan.session == SessionFilter(
        days=days, start_minute=420, end_minute=1020, timezone="Europe/London"
    )
    assert plan.parameters == {"fast": "10", "slow": "30", "risk": "1%"}
    assert plan.backtest == {"symbol": "EURUSD", "timeframe": "1h", "initial_capital": "10000"}
    assert plan.optimization == {
        "objective": "sharpe",
        "parameters": {"fast": ["5", "10", "15"], "slow": {"from": "20", "to": "60", "step": "10"}},
    }
    assert set(plan.series) == {"gap", "fast_ma", "slow_ma"}
    assert not plan.legacy


def test_exits_when_a_side_states_its_own_then_they_win_over_both_sides() -> None:
    """`exit.short` carries the same keys for one side and wins over `exit`."""
    plan = compile_strategy(FULL, target=DEFAULT_TARGET)
    long, short = plan.entries
    assert long.exits == plan.exits_long
    assert long.exits.stop_loss is not None
    assert long.exits.stop_loss.kind is DistanceKind.SERIES
    assert short.exits.stop_loss is not None
    assert (short.exits.stop_loss.kind, short.exits.stop_loss.amount) == (DistanceKind.TICKS, 200_000_000)
    assert plan.nodes[long.exits.when].op == "crosses_below"
    assert plan.nodes[short.exits.when].op == "crosses_above"
    assert long.exits.max_bars == short.exits.max_bars == 200
    assert long.exits.live_from_next_bar


def test_entries_when_named_in_a_list_then_each_keeps_its_own_exits() -> None:
    """Named entries carry their own `exit`, which wins; the order of the text is kept."""
    text = """
name: x
entry:
  long:
    - {name: dip, when: close < open, size: 2%, exit: {stop_loss: 1%}}
    - {when: close > open, size: 1000 units}
exit: {stop_loss: 2%, take_profit: 3 R}
"""
    plan = compile_strategy(text, target=DEFAULT_TARGET)
    assert [entry.name for entry in plan.entries] == ["dip", "long_2"]
    stops = [entry.exits.stop_loss for entry in plan.entries]
    assert [stop.amount for stop in stops if stop] == [10_000_000, 20_000_000]
    assert all(entry.exits.take_profit for entry in plan.entries)


@pytest.mark.parametrize(
    ("size", "kind", "amount"),
    [
        ("2%", SizeKind.EQUITY_FRACTION, 20_000_000),
        ("share * 2", SizeKind.EQUITY_FRACTION, 40_000_000),
        ("0.10 lots", SizeKind.LOTS, 100_000_000),
        ("1 lot", SizeKind.LOTS, 1_000_000_000),
        ("1000 units", SizeKind.UNITS, 1_000_000_000_000),
        ("n units", SizeKind.UNITS, 20_000_000_000),
        ("{notional: 5000}", SizeKind.NOTIONAL, 5_000_000_000_000),
    ],
)
def test_size_when_written_in_a_unit_then_kind_and_amount_follow(
    size: str, kind: SizeKind, amount: int
) -> None:
    """Every form of a size becomes its kind and parts per 10^9 (A2)."""
    rule = _plan(size=size).entries[0].size
    assert (rule.kind, rule.amount) == (kind, amount)


@pytest.mark.parametrize(
    ("exits", "kind", "amount"),
    [
        ("stop_loss: 2%", DistanceKind.RATE, 20_000_000),
        ("stop_loss: 20pips", DistanceKind.TICKS, 200_000_000),
        ("stop_loss: stop / 2", DistanceKind.TICKS, 100_000_000),
        ("stop_loss: n ticks", DistanceKind.TICKS, 20_000_000),
        ("stop_loss: 1.5 * atr(14)", DistanceKind.SERIES, 0),
        ("stop_loss: max(20 pips, 1.5 * atr(14))", DistanceKind.SERIES, 0),
        ("stop_loss: close - lowest(low, 10)", DistanceKind.SERIES, 0),
        ("stop_loss: 0.01 * close", DistanceKind.SERIES, 0),
        ('stop_loss: {price: "lowest(low, 10)"}', DistanceKind.PRICE, 0),
        ("stop_loss: {price: close * 0.99}", DistanceKind.PRICE, 0),
    ],
)
def test_stop_when_written_in_a_unit_then_kind_and_amount_follow(
    exits: str, kind: DistanceKind, amount: int
) -> None:
    """Every form of a stop becomes its kind and exact amount (X15)."""
    stop = _plan(exits=exits).entries[0].exits.stop_loss
    assert stop is not None
    assert (stop.kind, stop.amount) == (kind, amount)


def test_target_in_r_when_a_stop_exists_then_it_counts_in_millionths() -> None:
    """`2 R` is twice the stop's distance."""
    target = _plan(exits="{stop_loss: 1%, take_profit: 1.5 R}").entries[0].exits.take_profit
    assert target is not None
    assert (target.kind, target.amount) == (DistanceKind.R, 1_500_000)


def test_equal_subexpressions_when_written_twice_then_they_share_a_node() -> None:
    """Equal subexpressions are computed once per run."""
    plan = _plan(when="ema(close, 20) > ema(close, 50) and ema(close, n) > 1", indicator="ema(close, 20)")
    emas = [node for node in plan.nodes if node.name == "ema"]
    assert [node.params for node in emas] == [(20.0,), (50.0,)]
    assert plan.nodes[plan.series["series"]] is emas[0]


@pytest.mark.parametrize(
    ("when", "first_value", "settle"),
    [
        ("close > open", 0, 0),
        ("close[3] > open", 3, 0),
        ("sma(close, 20) > close", 19, 0),
        ("sma(close, 20)[5] > close", 24, 0),
        ("ema(sma(close, 10), 20) > close", 28, 140),
        ("rsi(14) > 30", 14, 196),
        ("crosses_above(close, sma(close, 20))", 20, 0),
        ("count_true(close > sma(close, 10), 5) == 5", 13, 0),
        ("rising(sma(close, 10), 3)", 12, 0),
        ("highest(high, 20)[1] < close", 20, 0),
        ("change(close) > 0 or sma(close, 30) > close", 29, 0),
        ("ema(close, 20) > sma(close, 100)", 99, 60),
        ("ema(close, 20) > sma(close, 500)", 499, 0),
        ("macd(12, 26, 9).line > 0", 25, 245),
        ("macd(12, 26, 9).signal > 0", 33, 245),
    ],
)
def test_warm_up_when_nodes_are_combined_then_bars_add_up(when: str, first_value: int, settle: int) -> None:
    """A lag adds n, an indicator adds its own to its input's, a comparison takes the larger (T2)."""
    plan = _plan(when=when)
    assert plan.first_value == first_value
    assert plan.warm_up == first_value + settle


def test_warm_up_when_a_series_is_not_used_then_it_blocks_nothing() -> None:
    """Only series that a rule uses block orders (T2)."""
    plan = _plan(indicator="sma(close, 500)")
    assert plan.nodes[plan.series["series"]].first_value == 499
    assert plan.first_value == 0


def test_higher_timeframe_when_used_then_indicators_count_its_bars() -> None:
    """`sma(close@4h, 50)` averages 4h bars; a comparison runs on the run's bars."""
    plan = _plan(when="close > sma(close@4h, 50) and rsi(14)@4h > 50")
    by_name = {node.name: node for node in plan.nodes if node.op == "indicator"}
    assert by_name["sma"].timeframe_s == by_name["rsi"].timeframe_s == 14_400
    assert by_name["sma"].first_value == (49 + 2) * 4 - 1
    assert all(node.timeframe_s == 0 for node in plan.nodes if node.boolean)


def test_higher_timeframe_when_it_is_the_runs_own_then_nothing_changes() -> None:
    """`close@1h` on 1h candles is `close`."""
    plan = _plan(when="close@1h > open")
    assert all(node.timeframe_s == 0 for node in plan.nodes)


def test_pips_when_the_instrument_differs_then_their_size_follows() -> None:
    """A pip is ten ticks of the pair's own scale inside expressions too."""
    text = _SHELL.format(when="close - open > 20 pips", size="1%", exits="max_bars: 5", indicator="close")
    for symbol, size in (("EURUSD", 0.002), ("USDJPY", 0.2)):
        target = StrategyTarget(timeframe=M15, instrument=SEEDED_INSTRUMENTS[symbol])
        plan = compile_strategy(text, target=target)
        assert (size,) in [node.params for node in plan.nodes]


def test_parameters_when_a_request_overrides_them_then_they_are_in_force() -> None:
    """Overrides of every spelling replace the defaults and change the plan."""
    given = {"fast": "12", "slow": 40, "risk": "0.5%"}
    plan = compile_strategy(FULL, parameters=given, target=DEFAULT_TARGET)
    assert plan.parameters == {"fast": "12", "slow": "40", "risk": "0.5%"}
    assert {node.params for node in plan.nodes if node.name == "ema"} == {(12.0,), (40.0,)}
    assert (
        compile_strategy(FULL, parameters={"fast": Decimal(12)}, target=DEFAULT_TARGET).parameters["fast"]
        == "12"
    )
    assert compile_strategy(FULL, parameters={"fast": 12.0}, target=DEFAULT_TARGET).parameters["fast"] == "12"


def test_precedence_when_mixed_then_it_is_pythons() -> None:
    """`-2 ** 2` is -4, `not a and b` is `(not a) and b`, chains compare neighbours."""
    plan = _plan(when="close > -2 ** 2 and not close < open and 1 < close <= 2")
    constants = {node.params[0] for node in plan.nodes if node.op == "constant"}
    assert constants == {-4.0, 1.0, 2.0}
    root = plan.nodes[plan.entries[0].when]
    assert [plan.nodes[node].op for node in root.args] == ["greater", "not", "and"]


def test_check_when_a_text_is_valid_then_there_are_no_faults() -> None:
    """`check_strategy` is empty for a valid text and takes its target from the text."""
    assert check_strategy(FULL) == ()
    only_15m = FULL.replace("timeframe: 1h", "timeframe: 15m").replace("rsi(14)[1]", "rsi(close@30m, 14)")
    assert check_strategy(only_15m) == ()
    assert check_strategy(only_15m, target=StrategyTarget(timeframe=H1, instrument=DEFAULT_TARGET.instrument))


def test_compile_when_typical_then_it_takes_milliseconds() -> None:
    """A typical file compiles within a few milliseconds of processor time."""
    compile_strategy(FULL, target=DEFAULT_TARGET)
    start = time.process_time()
    for _ in range(10):
        compile_strategy(FULL, target=DEFAULT_TARGET)
    assert (time.process_time() - start) / 10 < 0.05


def test_stops_that_move_when_stated_then_they_are_distances_of_the_plan() -> None:
    """X8, X10: trailing stop with its activation, break-even and duration arrive as stated."""
    exits = "{stop_loss: 20 pips, trailing_stop: {distance: 25 pips, activate: 1 R}, break_even: 0.5%, "
    exits = _SHELL.replace("exit:\n  {exits}", "exit: {exits}").format(
        indicator="close", when="close > open", size="2%", exits=exits + "max_duration: 36 hours}"
    )
    found = compile_strategy(exits, target=DEFAULT_TARGET).entries[0].exits
    assert found.trailing_stop is not None
    assert found.trailing_activate is not None
    assert found.break_even_at is not None
    assert (found.trailing_stop.kind, found.trailing_stop.amount) == (DistanceKind.TICKS, 250_000_000)
    assert (found.trailing_activate.kind, found.trailing_activate.amount) == (DistanceKind.R, 1_000_000)
    assert (found.break_even_at.kind, found.break_even_at.amount) == (DistanceKind.RATE, 5_000_000)
    assert found.max_duration_s == 129_600


def test_trailing_stop_when_it_is_an_expression_then_its_warm_up_blocks_entries() -> None:
    """T2: a series that only a trailing stop reads counts for the first bar that may decide."""
    plan = _plan(exits="trailing_stop: 2 * atr(14)")
    distance = plan.entries[0].exits.trailing_stop
    assert distance is not None
    assert distance.node in plan.level_nodes()
    assert plan.first_value >= 13


def test_commission_when_in_parts_then_each_is_billionths_of_account_money() -> None:
    """C1: percent, per lot, per order, minimum and maximum; slippage in percent (C3)."""
    parts = "{percent: 0.002%, per_lot: 3.5, per_order: 1, minimum: 2, maximum: 50}"
    text = _SHELL.format(indicator="close", when="close > open", size="2%", exits="max_bars: 5")
    plan = compile_strategy(f"{text}costs: {{commission: {parts}, slippage: 0.01%}}", target=DEFAULT_TARGET)
    assert plan.costs == Costs(
        commission_ppb=20_000,
        commission_per_lot=3_500_000_000,
        commission_per_order=1_000_000_000,
        commission_min=2_000_000_000,
        commission_max=50_000_000_000,
        slippage_ppb=100_000,
    )
