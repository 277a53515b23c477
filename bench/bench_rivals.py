"""Answer: how one run with trades, exact equity and statistics compares with other engines in time.

SMA 10/30 cross, 2 % stop, 4 % target, 0.1 % commission (`sma_cross`) on 5,000, 100,000 and 1,000,000
bars, by this engine, raptorbt's array mode, vectorbt and backtesting.py: the same bars, entries at the
next open, in one process, one after the other in each round. What is timed starts with prices in memory
and ends with trades, the equity of every bar and figures (`rival_runs`). Before timing, every rival's
trades are compared with ours; a difference that `_explained` does not know ends the bench.

Needs the rivals: ``pip install '.[bench]'`` into an environment of its own, then ``python -m bench
rivals``. Writes ``bench/results/DATE-rivals.json``.
"""

import json
import os
import platform
import statistics
import subprocess
import time
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np
from bench.rival_runs import RUNS, Bars, Prepared, Run, bars_of
from bench.sma_cross import random_candles

OURS = "sptraderb"
SIZES = (5_000, 100_000, 1_000_000)
ROUNDS = {5_000: 60, 100_000: 20, 1_000_000: 7}
SLOW_ROUNDS = {5_000: 5, 100_000: 2, 1_000_000: 1}
SLOW = frozenset({"backtesting"})
MOST_OTHER = 1e-3
RIVALS = {"raptorbt": "raptorbt", "vectorbt": "vectorbt", "backtesting": "backtesting"}
RESULTS = Path(__file__).with_name("results")


def main() -> None:
    """Compare, measure, print, write."""
    missing = [name for name in RIVALS if util.find_spec(name) is None]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed; the extra is `bench`")
        return
    warnings.simplefilter("ignore")
    os.environ.setdefault("TQDM_DISABLE", "1")
    sizes = [_measured(n_bars) for n_bars in SIZES]
    _write({"sizes": sizes})


def _measured(n_bars: int) -> dict[str, Any]:
    bars = bars_of(random_candles(n_bars))
    prepared = {name: prepare(bars) for name, prepare in RUNS.items()}
    ours = prepared[OURS].seen(prepared[OURS].work())
    agreements = {
        name: _compared(name, ours, run.seen(run.work()), bars)
        for name, run in prepared.items()
        if name != OURS
    }
    times = _interleaved(prepared, n_bars)
    row: dict[str, Any] = {"n_bars": n_bars, "n_trades": len(ours.entry_bars), "engines": {}}
    for name, found in times.items():
        row["engines"][name] = {
            "best_ms": round(min(found) / 1e6, 3),
            "median_ms": round(statistics.median(found) / 1e6, 3),
            "best_ns_bar": round(min(found) / n_bars, 2),
            "rounds": len(found),
            "times_ours_best": round(min(found) / min(times[OURS]), 2),
            "times_ours_median": round(statistics.median(found) / statistics.median(times[OURS]), 2),
            **agreements.get(name, {}),
        }
        line = row["engines"][name]
        print(f"{n_bars:>9,} {name:<24}" + "  ".join(f"{key} {value}" for key, value in line.items()))
    return row


def _interleaved(prepared: Mapping[str, Prepared], n_bars: int) -> dict[str, list[int]]:
    """Return nanoseconds of every round; each round runs every engine once."""
    times: dict[str, list[int]] = {name: [] for name in prepared}
    for number in range(ROUNDS[n_bars]):
        for name, run in prepared.items():
            if name in SLOW and number >= SLOW_ROUNDS[n_bars]:
                continue
            started = time.perf_counter_ns()
            found = run.work()
            times[name].append(time.perf_counter_ns() - started)
            del found
    return times


def _compared(name: str, ours: Run, theirs: Run, bars: Bars) -> dict[str, Any]:
    """Return how a rival's trades agree with ours; end the bench where the difference is not known.

    Up to one trade in a thousand may lie on other bars: a level met to the last digit is above or below
    in doubles by chance, and raptorbt passes over an entry whose exit is decided on its first bar.
    """
    trades = {(int(first), int(last)): row for row, (first, last) in enumerate(_spans(theirs))}
    rows = [(row, trades[span]) for row, span in enumerate(_spans(ours)) if span in trades]
    n_other = max(len(ours.entry_bars), len(theirs.entry_bars)) - len(rows)
    if n_other > len(ours.entry_bars) * MOST_OTHER:
        raise SystemExit(f"{name} trades on other bars {n_other} times, so its time says nothing")
    picked = np.array(rows).T
    ours_same, theirs_same = _rows(ours, picked[0]), _rows(theirs, picked[1])
    entries = np.isclose(ours_same.entry_prices, theirs_same.entry_prices, rtol=1e-9, atol=0)
    exits = np.isclose(ours_same.exit_prices, theirs_same.exit_prices, rtol=1e-9, atol=0)
    known = _explained(name, ours_same, theirs_same, bars)
    if not (entries.all() and (exits | known).all()):
        raise SystemExit(f"{name} fills at prices that its rules do not explain")
    return {
        "same_trades": int(exits.sum()),
        "other_exit_price": int((~exits).sum()),
        "other_bars": n_other,
        "same_equity": bool(np.allclose(ours.equity, theirs.equity, rtol=1e-9, atol=0)),
    }


def _spans(run: Run) -> list[tuple[int, int]]:
    return list(zip(run.entry_bars.tolist(), run.exit_bars.tolist(), strict=True))


def _rows(run: Run, rows: np.ndarray) -> Run:
    names = ("entry_bars", "exit_bars", "entry_prices", "exit_prices")
    return Run(*(getattr(run, name)[rows] for name in names), equity=run.equity)


def _explained(name: str, ours: Run, theirs: Run, bars: Bars) -> np.ndarray:
    """Return which trades a rival's own rules may close at another price.

    vectorbt looks at stop and target of a bar before the order that is due at its open: where both
    happen it fills at the level, this engine at the open.
    """
    if not name.startswith("vectorbt"):
        return np.zeros(len(ours.exit_bars), dtype=bool)
    at_open = ours.exit_prices == bars.open[ours.exit_bars]
    low, high = bars.low[ours.exit_bars], bars.high[ours.exit_bars]
    levels = (ours.entry_prices * 0.98, ours.entry_prices * 1.04)
    at_level = np.isclose(theirs.exit_prices, levels[0]) | np.isclose(theirs.exit_prices, levels[1])
    return at_open & at_level & (low <= theirs.exit_prices) & (theirs.exit_prices <= high)


def _write(figures: dict[str, Any]) -> None:
    root = Path(__file__).parents[1]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, check=False, capture_output=True, text=True
    ).stdout.strip()
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0]},
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in (*RIVALS, "numba", "numpy", "pandas")},
        **figures,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-rivals.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {path.relative_to(root)}")


if __name__ == "__main__":
    main()
