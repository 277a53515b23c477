"""Facts about the position: which program a condition becomes, and where they may not stand."""

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.plan import Plan
from sptraderb.domain.position_program import MAX_STEPS, Fact, PositionProgram, Step
from sptraderb.domain.timeframe import H1
from sptraderb.engine.evaluate import evaluate, evaluate_series
from sptraderb.errors import Fault
from sptraderb.oracle.rule_programs import facts_when_flat, result_of
from sptraderb.strategy.compiler import check_strategy, compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET


def _text(close_when: str, *, when: str = "close > open", rest: str = "") -> str:
    return (
        "name: x\nparameters: {n: 3, far: 20 pips}\n"
        "indicators:\n  mean: sma(close, 5)\n  up: close > open\n"
        "  in_profit: close > position.entry_price + far\n"
        f"entry:\n  long:\n    when: {when}\n    size: 2%\nexit:\n  when: {close_when}\n{rest}"
    )


def _plan(close_when: str, *, when: str = "close > open", rest: str = "") -> Plan:
    return compile_strategy(_text(close_when, when=when, rest=rest), target=DEFAULT_TARGET)


def _program(close_when: str) -> PositionProgram:
    plan = _plan(close_when)
    return plan.programs[plan.entries[0].exits.when]


def _steps(program: PositionProgram) -> list[str]:
    return [Step(step).name for step in program.code[::2]]


def _candles(n_bars: int = 60) -> Candles:
    random = np.random.default_rng(3)
    close = 110_000 + np.cumsum(random.integers(-40, 41, n_bars))
    columns = {
        "time_s": 1_704_060_000 + 3_600 * np.arange(n_bars),
        "open_ticks": close - 3,
        "high_ticks": close + 9,
        "low_ticks": close - 9,
        "close_ticks": close,
        "volume": np.ones(n_bars),
    }
    return Candles.from_columns(columns, instrument=DEFAULT_TARGET.instrument, timeframe=H1)


def test_condition_when_it_reads_the_position_then_the_market_part_is_evaluated_before() -> None:
    """Only what depends on the position is a step; the rest is one row, evaluated like any other."""
    program = _program("position.bars_held >= n and close < mean - 2 * atr(3)")
    assert _steps(program) == ["FACT", "CONSTANT", "GREATER_EQUAL", "ROW", "AND"]
    assert program.code[1] == Fact.BARS_HELD
    assert program.constants == (3.0,)
    assert len(program.nodes) == 1


@pytest.mark.parametrize(
    ("close_when", "steps"),
    [
        ("position.side == 1", "FACT CONSTANT EQUAL"),
        ("close > position.entry_price + 20 pips", "ROW FACT CONSTANT ADD GREATER"),
        ("in_profit", "ROW FACT CONSTANT ADD GREATER"),
        ("not (up or position.size > 0)", "ROW FACT CONSTANT GREATER OR NOT"),
        (
            "0 < position.open_pnl <= 100",
            "CONSTANT FACT LESS FACT CONSTANT LESS_EQUAL AND",
        ),
        ("max(position.bars_held, 3, hour) > 2", "FACT CONSTANT MAX ROW MAX CONSTANT GREATER"),
        (
            "if_else(up, position.open_pnl, abs(-position.open_pnl)) / 2 > 1",
            "ROW FACT FACT NEG ABS IF_ELSE CONSTANT DIV CONSTANT GREATER",
        ),
        ("(position.side > 0) == up", "FACT CONSTANT GREATER ROW EQUAL"),
        ("floor(position.size / 2) - sign(position.side) >= 0", None),
        ("close@4h > position.entry_price", "ROW FACT GREATER"),
    ],
)
def test_condition_when_written_then_its_steps_follow(close_when: str, steps: str | None) -> None:
    """Operands come before their operation, in the order of the text."""
    program = _program(close_when)
    if steps is not None:
        assert _steps(program) == steps.split()
    assert program.text


def test_plan_when_it_has_programs_then_conditions_and_inputs_are_apart() -> None:
    """A condition about the position is no condition of the market; what it reads is an input (T2)."""
    plan = _plan("position.bars_held > 2 and close < sma(close, 30)", when="up and position.side == 0")
    assert set(plan.programs) == {plan.entries[0].when, plan.entries[0].exits.when}
    assert plan.condition_nodes() == frozenset()
    assert plan.first_value == 29
    signals = evaluate(plan, _candles())
    assert set(signals.inputs) == plan.program_nodes()
    assert all(values.dtype == np.float64 for values in signals.inputs.values())
    assert signals.ready_bar == 29
    up = signals.inputs[plan.programs[plan.entries[0].when].nodes[0]]
    assert set(np.unique(up)) <= {0.0, 1.0}


def test_series_when_it_reads_the_position_then_rules_may_use_it_and_charts_do_not() -> None:
    """A named series about the position stands for its text; it has no values before the walk."""
    plan = _plan("in_profit")
    assert set(plan.series) == {"mean", "up"}
    assert set(evaluate_series(plan, _candles())) == {"mean", "up"}


def test_fact_when_flat_then_price_and_bars_are_undefined() -> None:
    """While nothing is held side, size and profit are 0; entry price and bars held are undefined."""
    facts = facts_when_flat()
    for text, expected in (
        ("position.side == 0", 1.0),
        ("position.open_pnl == 0", 1.0),
        ("position.bars_held >= 0", None),
        ("not position.bars_held >= 0", None),
        ("position.entry_price > 0 or position.size == 0", 1.0),
    ):
        found = result_of(_program(text), [], facts)
        assert found == expected if expected is not None else np.isnan(found)


def _one(text: str) -> Fault:
    faults = check_strategy(text, target=DEFAULT_TARGET)
    assert len(faults) == 1, [fault.rendered() for fault in faults]
    return faults[0]


@pytest.mark.parametrize(
    ("close_when", "code"),
    [
        ("position.sid == 1", "output"),
        ("position > 1", "output"),
        ("position.bars_held[1] > 3", "position_fact"),
        ("(position.side == 1)[1]", "position_fact"),
        ("in_profit[1]", "position_fact"),
        ("crosses_above(close, position.entry_price)", "position_fact"),
        ("count_true(position.side == 1, 5) > 3", "position_fact"),
        ("sma(position.open_pnl, 5) > 3", "position_fact"),
        ("highest(position.open_pnl, 5) > 3", "position_fact"),
        ("position.open_pnl ** 2 > 3", "position_fact"),
        ("mod(position.bars_held, 5) == 0", "position_fact"),
        ("position.side@4h > 3", "timeframe"),
        ("in_profit@4h", "timeframe"),
        ("position.side", "wrong_type"),
        ("position.side > 2%", "unit_not_allowed"),
    ],
)
def test_fact_when_it_may_not_stand_there_then_one_fault_says_why(close_when: str, code: str) -> None:
    """Lags, windows and higher timeframes need the past of a fact, which nobody keeps."""
    fault = _one(_text(close_when))
    assert fault.code == f"strategy.{code}", fault.rendered()


@pytest.mark.parametrize(
    "rest",
    [
        "  stop_loss: abs(close - position.entry_price)\n",
        "  take_profit: {price: position.entry_price}\n",
        "  trailing_stop: abs(close - position.entry_price)\n",
        "scale_in: {max_entries: 2, min_distance: abs(close - position.entry_price)}\n",
    ],
)
def test_level_when_it_reads_the_position_then_it_is_refused(rest: str) -> None:
    """Levels are evaluated before the walk, so no position may stand in them."""
    fault = _one(_text("close > open", rest=rest))
    assert (fault.code, fault.hint) == (
        "strategy.position_fact",
        "facts about the position may stand in `when` and `cancel_when`",
    )


def test_condition_when_its_program_is_too_large_then_it_is_refused() -> None:
    """A chain that doubles itself is told at the condition, at once."""
    rows = "".join(f"  s{at}: s{at - 1} + s{at - 1}\n" for at in range(1, 60))
    text = _text("s59 > 0").replace("  mean:", f"  s0: position.open_pnl\n{rows}  mean:")
    fault = _one(text)
    assert fault.code == "strategy.position_fact"
    assert str(MAX_STEPS) in fault.message
