"""Answer: how long does it take to compile a strategy, and to evaluate twenty indicators with rules.

The strategy below names twenty indicators (thirty calls, several of them twice) and compares all of them
in two entries and one exit. Compiling is text to plan; evaluating is plan and 1,000,000 bars to the
conditions of every bar, by as many threads as there are processors (up to four). Best and median of several
rounds, by the clock on the wall and in processor time of all threads; then what each node takes of it in one
thread. The limits of the project are 5 ms and 80 ms. Writes ``bench/results/DATE-evaluate.json``.
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from bench.dated_results import write_results
from bench.sma_cross import random_candles

from sptraderb.domain.candle import Candles
from sptraderb.domain.plan import Plan
from sptraderb.engine import graph_walk
from sptraderb.engine.evaluate import evaluate
from sptraderb.engine.graph_walk import NO_SERIES, GraphWalk
from sptraderb.strategy.compiler import StrategyTarget, compile_strategy

N_BARS = 1_000_000
ROUNDS = 15
COMPILE_ROUNDS = 50
TEXT = """\
name: twenty
indicators:
  trend: sma(close, 50) - sma(close, 200)
entry:
  long:
    when: >-
      crosses_above(sma(close, 50), sma(close, 200)) and ema(close, 20) > ema(close, 100)
      and wma(close, 30) > close and rsi(14) < 70 and macd().histogram > 0
      and close < bbands(close, 20, 2).upper and dema(close, 20) > wma(close, 30)
      and atr(14) > 0.5 and adx(14).adx > 20 and stoch(14, 3, 3).k < 80 and cci(20) > -100
      and mom(close, 10) > 0 and roc(close, 10) > 0 and stdev(close, 20) > 1
    size: 10%
  short:
    when: >-
      crosses_below(sma(close, 50), sma(close, 200)) and ema(close, 20) < ema(close, 100)
      and rsi(14) > 30 and close > bbands(close, 20, 2).lower and close < donchian(20).upper
      and close > keltner(20, 2).lower and supertrend(3, 10).direction < 0 and willr(14) > -80
      and close > lowest(low, 50) and close < highest(high, 50) and tema(close, 20) < close
    size: 10%
exit:
  when: trend < 0 and kama(close, 20) < close
  stop_loss: 2 * atr(14)
"""


def main() -> None:
    """Measure, print, write."""
    load = os.getloadavg()[0]
    candles = random_candles(N_BARS)
    target = StrategyTarget(timeframe=candles.timeframe, instrument=candles.instrument)
    compiling, _ = _rounds_ms(lambda: compile_strategy(TEXT, target=target), COMPILE_ROUNDS)
    plan = compile_strategy(TEXT, target=target)
    evaluating, spending = _rounds_ms(lambda: evaluate(plan, candles), ROUNDS)
    n_indicators = len({node.name for node in plan.nodes if node.op == "indicator"})
    figures: dict[str, Any] = {
        "n_bars": N_BARS,
        "n_indicators": n_indicators,
        "n_nodes": len(plan.nodes),
        "compile_best_ms": round(min(compiling), 2),
        "compile_median_ms": round(statistics.median(compiling), 2),
        "evaluate_best_ms": round(min(evaluating), 1),
        "evaluate_median_ms": round(statistics.median(evaluating), 1),
        "evaluate_best_cpu_ms": round(min(spending), 1),
        "nodes_ms": _by_node(plan, candles),
    }
    for name, value in figures.items():
        if name != "nodes_ms":
            print(f"{name} {value}")
    for text, value in figures["nodes_ms"].items():
        print(f"{value:8.2f} ms  {text}")
    write_results("evaluate", (__doc__ or "").partition("\n")[0], figures, load_before=load)


def _rounds_ms(work: Callable[[], object], rounds: int) -> tuple[list[float], list[float]]:
    """Return what each round took: by the clock, and of all processors together."""
    work()
    waited, spent = [], []
    for _ in range(rounds):
        began, started = time.perf_counter_ns(), time.process_time_ns()
        work()
        waited.append((time.perf_counter_ns() - began) / 1e6)
        spent.append((time.process_time_ns() - started) / 1e6)
    return waited, spent


class _ClockedWalk(GraphWalk):
    """A walk in one thread with a clock around each node."""

    best_ms: dict[str, float]

    def _computed(self, number: int, places: Any) -> Any:
        began = time.perf_counter_ns()
        found = super()._computed(number, places)
        spent = (time.perf_counter_ns() - began) / 1e6
        node = self.nodes[number]
        text = f"{node.op} {node.name} {node.params} {node.output} of {node.args}"
        self.best_ms[text] = min(spent, self.best_ms.get(text, spent))
        return found


def _by_node(plan: Plan, candles: Candles) -> dict[str, float]:
    """Return the least milliseconds of each of the dearest nodes."""
    best_ms: dict[str, float] = {}
    wanted = plan.condition_nodes() | plan.level_nodes()
    threads = graph_walk.MOST_THREADS
    graph_walk.MOST_THREADS = 1
    try:
        for _ in range(ROUNDS):
            walk = _ClockedWalk(plan, candles, NO_SERIES)
            walk.best_ms = best_ms
            walk.run(wanted)
    finally:
        graph_walk.MOST_THREADS = threads
    dearest = sorted(best_ms.items(), key=lambda item: -item[1])
    return {text: round(value, 2) for text, value in dearest[:25]}


if __name__ == "__main__":
    main()
