"""Answer: how much memory of its own does a worker's child take for one run.

As in a worker: a process loads everything and rehearses, reads the candles (which children map, so they
are not a child's own), and forks a child for each case. The child computes a whole run, document and
packed tables included, while a thread reads its private pages from ``/proc/self/smaps_rollup``. Told are
the private pages at the highest moment of each phase, less those at the start. Linux only. Writes
``bench/results/DATE-memory.json``.
"""

import dataclasses
import os
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import msgspec
from bench.dated_results import write_results
from bench.whole_run import whole_run

from sptraderb.domain.backtest import Phase, Run
from sptraderb.orchestrator.execute import execute
from sptraderb.orchestrator.prepare_run import LoadedRun
from sptraderb.orchestrator.progress import ProgressMeter
from sptraderb.orchestrator.rehearsal import rehearse

CASES = {"1M bars, few trades": (1_000_000, 10, 30), "445k bars, many trades": (445_000, 2, 3)}
TEXT = """\
name: memory
entry:
  long: {{when: "crosses_above(sma(close, {fast}), sma(close, {slow}))", size: {size}}}
exit: {{when: "crosses_below(sma(close, {fast}), sma(close, {slow}))", stop_loss: 2%, take_profit: 4%}}
costs: {{commission: 0.001%}}
"""


def main() -> None:
    """Measure, print, write."""
    load = os.getloadavg()[0]
    rehearse()
    rows = {}
    for name, (n_bars, fast, slow) in CASES.items():
        rows[name] = _measured(n_bars, TEXT.format(fast=fast, slow=slow, size="0.01 units"))
        print(name, rows[name])
    write_results("memory", (__doc__ or "").partition("\n")[0], {"private_mb": rows}, load_before=load)


def _measured(n_bars: int, text: str) -> dict[str, Any]:
    run, loaded = whole_run(text, n_bars)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write_end, msgspec.json.encode(_in_child(run, loaded)))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        found = pipe.read()
    os.waitpid(child, 0)
    return dict(msgspec.json.decode(found))


def _in_child(run: Run, loaded: LoadedRun) -> dict[str, Any]:
    """Compute the run under watch; runs in the forked child."""
    highest: dict[str, float] = {}
    phase = ["start"]
    ended = threading.Event()
    before = _private_mb()

    def watch() -> None:
        while not ended.is_set():
            highest[phase[0]] = max(highest.get(phase[0], 0.0), _private_mb() - before)
            time.sleep(0.005)

    class Meter(ProgressMeter):
        def enter(self, entered: Phase, **facts: Any) -> None:
            phase[0] = entered.value
            super().enter(entered, **facts)

    watcher = threading.Thread(target=watch)
    watcher.start()
    executed = execute(run, loaded, should_stop=lambda: False, meter=Meter(lambda _report: None))
    ended.set()
    watcher.join()
    result = dataclasses.asdict(executed)["result"]
    stored = len(result["document"]) + sum(len(chunk["data"]) for chunk in result["chunks"])
    return {
        "n_trades": executed.n_trades,
        "highest": round(max(highest.values()), 1),
        "by_phase": {name: round(value, 1) for name, value in highest.items()},
        "stored_mb": round(stored / 1e6, 1),
    }


def _private_mb() -> float:
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


if __name__ == "__main__":
    main()
