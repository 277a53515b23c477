"""What is said of a strategy before it runs: warm-up, cost, look-ahead, the first bars."""

from pathlib import Path

import pytest

from sptraderb.cli import main
from sptraderb.strategy.assessment import Assessment, assess_strategy
from sptraderb.strategy.evaluation_cost import estimated_ms

_HEAD = "name: x\nbacktest: {symbol: USDJPY, timeframe: 15m}\n"


def _assessed(when: str, rest: str = "") -> Assessment:
    return assess_strategy(f"{_HEAD}entry:\n  long:\n    when: {when}\n    size: 1%\n{rest}")


def test_assessment_when_sound_then_warm_up_and_waits_are_those_of_the_plan() -> None:
    """The series that need most bars come first; what only passes on their need is left out."""
    found = _assessed("ema(close, 20) > sma(close, 50) and close > highest(high, 100)[1]")
    assert found.faults == ()
    assert (found.target.instrument.symbol, found.target.timeframe.name) == ("USDJPY", "15m")
    assert [(wait.text, wait.first_value, wait.settle) for wait in found.waits] == [
        ("highest(high, 100)[1]", 100, 0),
        ("highest(high, 100)", 99, 0),
        ("sma(close, 50)", 49, 0),
        ("ema(close, 20)", 19, 140),
    ]
    assert (found.first_value, found.settle) == (100, 59)
    assert found.first_bars == (
        "The first 100 bars of the data make no order: rules wait for `highest(high, 100)[1]`. Bars stored "
        "before the start are used for it. With fewer than 159 bars before the start, recursive series still "
        "feel where they began."
    )


def test_assessment_when_nothing_is_waited_for_then_it_says_so() -> None:
    """Prices are there from the first bar."""
    assert _assessed("close > open").first_bars == "Nothing: rules may decide on the first bar."


def test_assessment_when_it_has_faults_then_only_they_are_told() -> None:
    """A faulty strategy has no plan to speak of."""
    found = _assessed("close > opn")
    assert [fault.code for fault in found.faults] == ["strategy.unknown_name"]
    assert (found.plan, found.first_bars, found.waits) == (None, "", ())


def test_cost_when_expressions_are_added_then_it_grows_and_unused_series_cost_nothing() -> None:
    """Only what rules read is counted, each distinct subexpression once."""
    plain = _assessed("close > open")
    assert plain.n_nodes == 3
    unused = _assessed("close > open", "indicators: {a: ht_sine(close).sine}\n")
    assert (unused.n_nodes, unused.ms_per_100k_bars) == (3, plain.ms_per_100k_bars)
    twice = _assessed("close > open and (close > open or close > sma(close, 5))")
    assert twice.n_nodes == 7
    heavy = _assessed("ht_sine(close).sine > 0")
    assert plain.ms_per_100k_bars < twice.ms_per_100k_bars < heavy.ms_per_100k_bars
    assert heavy.plan is not None
    assert estimated_ms(heavy.plan) == heavy.ms_per_100k_bars


def test_look_ahead_when_the_language_is_used_then_there_is_none() -> None:
    """Open bars and rules about the position are named apart; Python is judged at each run."""
    found = _assessed("forming(high@4h) > close", "exit: {when: position.bars_held > 3}\n")
    assert found.look_ahead == "none"
    assert found.open_bars == ("forming(high@4h)",)
    assert found.path_dependent == ("position.bars_held > 3",)
    python = "python: {mine: {component: my_file.Mine, warm_up: 5}}\n"
    assert _assessed("mine > 3", python).look_ahead == "replayed"


def test_check_when_called_then_it_prints_the_report_or_the_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sptraderb check FILE`: exit 0 with what to know, exit 2 with every fault."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(
        "name: x\nentry: {long: {when: close > sma(close@4h, 20), size: 1%}}\n".replace(
            "close > sma(close@4h, 20)", '"close > sma(close@4h, 20)"'
        )
    )
    bad.write_text("name: x\nentry: {long: {when: clos > 1, size: 1%}}\n")
    assert main.run(["check", str(good)]) == 0
    said = capsys.readouterr().out
    assert "x is valid for EURUSD on 1h" in said
    assert "sma(close@4h, 20)" in said
    assert main.run(["check", str(good), "--symbol", "btcusdt", "--timeframe", "4h"]) == 0
    assert "x is valid for BTCUSDT on 4h" in capsys.readouterr().out
    assert main.run(["check", str(bad)]) == 2
    assert "did you mean `close`?" in capsys.readouterr().err
    assert main.run(["check", str(tmp_path / "none.yaml")]) == 2
    assert "is not" in capsys.readouterr().err
