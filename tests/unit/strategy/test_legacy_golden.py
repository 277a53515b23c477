"""The older dialect gives the first server's own signal events on real candles (STRATEGY, older dialect)."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from arro3.core import DataType
from arro3.io import read_parquet

from sptraderb.domain.plan import Node, Plan
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.strategy.compiler import compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET, StrategyTarget

Array = npt.NDArray[np.float64]
_TIE = 1e-12

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
    times, close = _closes(shared_data / golden["candles_file"], golden["from"], golden["to"])
    assert len(close) == golden["candles"]
    plan = _plan(strategy, window.split("_", maxsplit=1)[0])

    found = _events(plan, times, close)

    first_s = int(times[plan.first_value])
    wanted = [(_seconds(row["timestamp"]), row["signal_type"]) for row in golden["signals"]]
    assert found == [event for event in wanted if event[0] >= first_s]
    assert len(wanted) - len(found) == {"1h_2023": 3, "15m_2024": 5}[window] * (strategy[:3] == "ema")


def _plan(strategy: str, timeframe: str) -> Plan:
    signal, average, fast, slow = _STRATEGIES[strategy]
    text = _TEXT.format(name=strategy, signal=signal, average=average, fast=fast, slow=slow)
    target = StrategyTarget(timeframe=parse_timeframe(timeframe), instrument=DEFAULT_TARGET.instrument)
    return compile_strategy(text, target=target)


def _events(plan: Plan, times: npt.NDArray[np.int64], close: Array) -> list[tuple[int, str]]:
    values = _evaluated(plan.nodes, close)
    ready = np.arange(len(close)) >= plan.first_value
    events = [
        (int(time_s), name)
        for node, name in ((plan.entries[0].when, "golden_cross"), (plan.exits_long.when, "death_cross"))
        for time_s in times[(values[node] == 1) & ready]
    ]
    return sorted(events)


def _evaluated(nodes: tuple[Node, ...], close: Array) -> list[Array]:
    """Evaluate the few ops a crossover needs, as plainly as can be."""
    found: list[Array] = []
    for node in nodes:
        args = [found[at] for at in node.args]
        found.append(_value(node, args, close))
    return found


def _value(node: Node, args: list[Array], close: Array) -> Array:
    if node.op == "price":
        return close
    if node.op == "constant":
        return np.full(len(close), node.params[0])
    if node.op == "indicator":
        return _average(node.name, int(node.params[0]), args[0])
    if node.op in ("crosses_above", "crosses_below"):
        now = _greater(*(args if node.op == "crosses_above" else args[::-1]))
        return np.where(np.arange(len(now)) > 0, now * (1 - np.roll(now, 1)), 0)
    simple = {
        "sub": lambda: args[0] - args[1],
        "div": lambda: args[0] / args[1],
        "abs": lambda: np.abs(args[0]),
        "and": lambda: np.minimum(args[0], args[1]),
        "greater_equal": lambda: 1 - _greater(args[1], args[0]),
    }
    return simple[node.op]()


def _average(name: str, n: int, x: Array) -> Array:
    out = np.full(len(x), np.nan)
    if name == "sma_legacy":
        sums = np.convolve(x, np.ones(n), "valid")
        out[n - 1 :] = sums / n
        return out
    weight = 2 / (n + 1)
    out[0] = x[0]
    for at in range(1, len(x)):
        out[at] = weight * x[at] + (1 - weight) * out[at - 1]
    return out


def _greater(left: Array, right: Array) -> Array:
    gap = _TIE * np.maximum(np.abs(left), np.abs(right))
    return (left - right > gap).astype(np.float64)


def _closes(path: Path, first: str, last: str) -> tuple[npt.NDArray[np.int64], Array]:
    """Return the window's open times and closes; `last` is a whole day, nothing before `first` is loaded."""
    table = read_parquet(str(path)).read_all()
    times = np.asarray(table["time"].cast(DataType.int64()).to_numpy(), dtype=np.int64) // 1000
    close = np.asarray(table["close"].to_numpy(), dtype=np.float64)
    inside = (times >= _seconds(first)) & (times < _seconds(last) + 86_400)
    return times[inside], close[inside]


def _seconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
