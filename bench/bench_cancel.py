"""Answer: how long does a run take to hear a cancel, and what do looking for it and progress cost.

A whole run as a worker's child computes it: SMA cross with a trailing stop, which needs care on most held
bars, on 5,000, 1,000,000 and 5,000,000 random bars. Told are the longest time between two looks at cancel,
by phase (a cancel that comes right after a look waits that long), and the walk with looks and progress
against one uninterrupted walk, the evaluation with looks against one without, in process time, the least of
several taken in turn (on a busy machine these differ by chance), and the looks of a whole run times what one
takes. Storing is not stopped: the result is there by then. Writes
``bench/results/DATE-cancel.json``.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from bench.dated_results import write_results
from bench.whole_run import whole_run

from sptraderb.domain.backtest import Phase
from sptraderb.engine.evaluate import evaluate_until
from sptraderb.engine.simulate import simulate
from sptraderb.orchestrator.execute import execute
from sptraderb.orchestrator.prepare_run import LoadedRun, PreparedRun, prepare_run
from sptraderb.orchestrator.progress import ProgressMeter
from sptraderb.orchestrator.rehearsal import rehearse

SIZES = {5_000: 400, 1_000_000: 30, 5_000_000: 8}
TEXT = """\
name: cancel
entry:
  long: {when: "crosses_above(sma(close, 10), sma(close, 30))", size: 0.01 units}
  short: {when: "crosses_below(sma(close, 10), sma(close, 30))", size: 0.01 units}
exit: {trailing_stop: {distance: 1%}}
costs: {commission: 0.001%, spread: 1 ticks}
"""


def main() -> None:
    """Measure, print, write."""
    load_before = os.getloadavg()[0]
    rehearse()
    found: dict[str, Any] = {}
    for n_bars, rounds in SIZES.items():
        run, loaded = whole_run(TEXT, n_bars)
        found[f"{n_bars}_longest_wait_ms"] = _longest_waits(run, loaded)
        prepared = prepare_run(run.request, loaded, external={})
        found[f"{n_bars}_with_looks_over_without"] = _cost_of_looking(prepared, n_bars, rounds)
    write_results("cancel", (__doc__ or "").partition("\n")[0], found, load_before=load_before)


def _longest_waits(run: Any, loaded: LoadedRun) -> dict[str, float]:
    """Return the longest time without a look at cancel in each phase that can be stopped, in ms."""
    longest: dict[str, float] = {}
    phase, last = Phase.LOADING.value, time.perf_counter()
    begin, n_looks = last, 0

    def look() -> bool:
        nonlocal last, n_looks
        n_looks += 1
        now = time.perf_counter()
        longest[phase] = round(max(longest.get(phase, 0.0), (now - last) * 1000), 1)
        last = now
        return False

    class Meter(ProgressMeter):
        def enter(self, entered: Phase, **facts: Any) -> None:
            nonlocal phase
            look()
            phase = entered.value
            super().enter(entered, **facts)

    execute(run, loaded, should_stop=look, meter=Meter(lambda _report: None))
    share = n_looks * _look_s() / (time.perf_counter() - begin)
    waits = {name: wait for name, wait in longest.items() if name != Phase.LOADING.value}
    return waits | {"looks": n_looks, "looks_take_percent": round(share * 100, 4)}


def _look_s() -> float:
    """Return how long one look with its progress takes, the least of several, in seconds."""
    meter = ProgressMeter(lambda _report: None)
    meter.enter(Phase.SIMULATING)
    is_stopped, least = [False], float("inf")
    for _ in range(200):
        begin = time.perf_counter()
        bool(is_stopped[0])
        meter.advance(1, 2)
        least = min(least, time.perf_counter() - begin)
    return least


def _cost_of_looking(prepared: PreparedRun, n_bars: int, rounds: int) -> dict[str, str]:
    """Return what looks and progress add to the walk, and looks to the evaluation, in percent of each."""

    def walk(**between: Any) -> Callable[[], object]:
        return lambda: simulate(prepared.plan, prepared.candles, prepared.signals, prepared.terms, **between)

    def evaluation(should_stop: Callable[[], bool] | None) -> Callable[[], object]:
        return lambda: evaluate_until(prepared.plan, prepared.candles, should_stop=should_stop)

    meter = ProgressMeter(lambda _report: None)
    meter.enter(Phase.SIMULATING)
    watched = walk(should_stop=lambda: False, on_progress=meter.advance)
    return {
        "walk": _more(watched, walk(chunk_bars=n_bars), rounds),
        "evaluation": _more(evaluation(lambda: False), evaluation(None), rounds),
    }


def _more(watched: Callable[[], object], alone: Callable[[], object], rounds: int) -> str:
    """Return how much more processor time the first takes than the second."""
    least = [float("inf"), float("inf")]
    for _ in range(rounds):
        for place, work in enumerate((watched, alone)):
            begin = time.process_time()
            work()
            least[place] = min(least[place], time.process_time() - begin)
    return f"{(least[0] / least[1] - 1) * 100:+.2f} %"


if __name__ == "__main__":
    main()
