"""The older dialect gives the first server's own signal events on real candles (STRATEGY, older dialect)."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from arro3.core import DataType
from arro3.io import read_parquet

from sptraderb.domain.candle import Candles
from sptraderb.domain.plan import Plan
from sptraderb.domain.timeframe import Timeframe, parse_timeframe
from sptraderb.engine.evaluate import evaluate
from sptraderb.strategy.compiler import compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET, StrategyTarget

_TEXT = """
name: {name}
dependencies:
  signals: [core.signals.{signal}]
signal_config:
  {signal}:
    required_indicators:
      - {{name: fast, type: {average}, params: {{period: {fast}}}}}
      - {{name: slow, type: {average}, params: {{period: {slow}}}}}
entry:
  when: [{{signal: {signal}, outputs: {{crossover_type: golden_cross}}}}]
exit:
  signal_exit:
    when: [{{signal: {signal}, outputs: {{crossover_type: death_cross}}}}]
"""
_STRATEGIES = {
    "ma_crossover_strategy": ("ma_crossover", "sma", 10, 30),
    "simple_ma_test": ("ma_crossover", "sma", 20, 50),
    "ema_crossover_strategy": ("ema_crossover", "ema", 12, 26),
}


@pytest.mark.parametrize("window", ["1h_2023", "15m_2024"])
@pytest.mark.parametrize("strategy", _STRATEGIES)
def test_translated_signals_when_run_on_real_candles_then_every_golden_event_appears(
    shared_data: Path, strategy: str, window: str
) -> None:
    """Each golden and death cross of the first server is there from the first ready bar on, and no other."""
    golden = json.loads((shared_data / f"golden_signals/EURUSD_{window}__{strategy}.json").read_text())
    timeframe = parse_timeframe(window.split("_", maxsplit=1)[0])
    candles = _candles(shared_data / golden["candles_file"], golden["from"], golden["to"], timeframe)
    assert len(candles) == golden["candles"]
    plan = _plan(strategy, timeframe)

    found = _events(plan, candles)

    first_s = int(candles.time_s[plan.first_value])
    wanted = [(_seconds(row["timestamp"]), row["signal_type"]) for row in golden["signals"]]
    assert found == [event for event in wanted if event[0] >= first_s]
    assert len(wanted) - len(found) == {"1h_2023": 3, "15m_2024": 5}[window] * (strategy[:3] == "ema")


def _plan(strategy: str, timeframe: Timeframe) -> Plan:
    signal, average, fast, slow = _STRATEGIES[strategy]
    text = _TEXT.format(name=strategy, signal=signal, average=average, fast=fast, slow=slow)
    target = StrategyTarget(timeframe=timeframe, instrument=DEFAULT_TARGET.instrument)
    return compile_strategy(text, target=target)


def _events(plan: Plan, candles: Candles) -> list[tuple[int, str]]:
    signals = evaluate(plan, candles)
    ready = np.arange(len(candles)) >= signals.ready_bar
    events = [
        (int(time_s), name)
        for node, name in ((plan.entries[0].when, "golden_cross"), (plan.exits_long.when, "death_cross"))
        for time_s in candles.time_s[signals.conditions[node] & ready]
    ]
    return sorted(events)


def _candles(path: Path, first: str, last: str, timeframe: Timeframe) -> Candles:
    """Return the window's candles; `last` is a whole day, nothing before `first` is loaded."""
    table = read_parquet(str(path)).read_all()
    times = np.asarray(table["time"].cast(DataType.int64()).to_numpy(), dtype=np.int64) // 1000
    inside = (times >= _seconds(first)) & (times < _seconds(last) + 86_400)
    columns = {"time_s": times[inside], "volume": np.zeros(int(inside.sum()))}
    for name in ("open", "high", "low", "close"):
        columns[f"{name}_ticks"] = np.rint(np.asarray(table[name].to_numpy())[inside] * 1e5).astype(np.int64)
    return Candles.from_columns(columns, instrument=DEFAULT_TARGET.instrument, timeframe=timeframe)


def _seconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
