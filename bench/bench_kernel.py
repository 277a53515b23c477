"""Answer: what does a bar cost the engine, and what a hand-written loop for the same single case.

SMA 10/30 cross, long only, 2 % stop, 4 % target, 0.1 % commission, all equity, on 5,000, 100,000 and
1,000,000 random bars: indicators and conditions (`evaluate`), the walk with trades, ledger and exact
equity of every bar (`simulate`), figures (`measure`). The baseline knows that one case only, keeps no
ledger and checks nothing. Best of several, in process time, which other programs disturb least; the
load average stands beside the figures. Cold = loading all kernels from disk in a new process. Writes
``bench/results/DATE-kernel.json``.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from bench.dated_results import write_results

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import crypto_instrument
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.domain.timeframe import M1
from sptraderb.engine.evaluate import evaluate
from sptraderb.engine.metrics import measure
from sptraderb.engine.simulate import simulate

SIZES = (5_000, 100_000, 1_000_000)
ROUNDS = {5_000: 200, 100_000: 40, 1_000_000: 12}
CAPITAL = "10000"


def main() -> None:
    """Measure, print, write."""
    load = os.getloadavg()[0]
    rows = [_measured(n_bars) for n_bars in SIZES]
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    found = {"numba": numba.__version__, "cold_start_s": _cold_start_s(), "rows": rows}
    write_results("kernel", (__doc__ or "").partition("\n")[0], found, load_before=load)


def _measured(n_bars: int) -> dict[str, Any]:
    plan, candles = _plan(), _candles(n_bars)
    decimals = money_decimals(candles.instrument, capital_text=CAPITAL, leverage=1)
    terms = Terms(
        money_decimals=decimals,
        capital_minor=int(CAPITAL) * 10**decimals,
        commission_ppb=1_000_000,
        margin_rate_ppb=10**9,
        start_bar=30,
    )
    signals = evaluate(plan, candles)
    outcome = simulate(plan, candles, signals, terms)
    conditions = signals.conditions
    prices = (candles.open_ticks, candles.high_ticks, candles.low_ticks, candles.close_ticks)
    rounds = ROUNDS[n_bars]
    evaluating = _best_ns(lambda: evaluate(plan, candles), rounds)
    walking = _best_ns(lambda: simulate(plan, candles, signals, terms), rounds)
    figuring = _best_ns(lambda: measure(outcome, candles, terms), max(rounds // 4, 3))
    baseline = _best_ns(
        lambda: baseline_nb(
            *prices, conditions[plan.entries[0].when], conditions[plan.entries[0].exits.when]
        ),
        rounds,
    )
    return {
        "n_bars": n_bars,
        "n_trades": len(outcome.trades),
        "evaluate_ns_bar": round(evaluating / n_bars, 2),
        "simulate_ns_bar": round(walking / n_bars, 2),
        "measure_ns_bar": round(figuring / n_bars, 2),
        "all_in_ns_bar": round((evaluating + walking + figuring) / n_bars, 2),
        "baseline_ns_bar": round(baseline / n_bars, 2),
        "simulate_over_baseline": round(walking / baseline, 2),
    }


def _best_ns(work: Callable[[], object], rounds: int) -> float:
    work()
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time_ns()
        work()
        best = min(best, time.process_time_ns() - started)
    return best


def _plan() -> Plan:
    nodes = (
        Node(op="price", name="close"),
        Node(op="indicator", name="sma", args=(0,), params=(10.0,), first_value=9),
        Node(op="indicator", name="sma", args=(0,), params=(30.0,), first_value=29),
        Node(op="crosses_above", args=(1, 2), boolean=True, first_value=30),
        Node(op="crosses_below", args=(1, 2), boolean=True, first_value=30),
    )
    exits = ExitRules(
        when=4,
        stop_loss=Distance(kind=DistanceKind.RATE, amount=20_000_000),
        take_profit=Distance(kind=DistanceKind.RATE, amount=40_000_000),
    )
    size = SizeRule(kind=SizeKind.EQUITY_FRACTION, amount=10**9)
    return Plan(
        name="sma_cross",
        nodes=nodes,
        entries=(EntryRule(name="long", side=1, when=3, size=size, exits=exits),),
        first_value=30,
    )


def _candles(n_bars: int) -> Candles:
    generator = np.random.default_rng(7)
    close = (2_000_000 * np.exp(np.cumsum(generator.normal(0, 1e-3, n_bars)))).astype(np.int64) + 1000
    open_ = np.r_[close[:1], close[:-1]]
    columns = {
        "time_s": 1_600_000_000 + 60 * np.arange(n_bars),
        "open_ticks": open_,
        "high_ticks": np.maximum(open_, close) + generator.integers(0, 900, n_bars),
        "low_ticks": np.minimum(open_, close) - generator.integers(0, 900, n_bars),
        "close_ticks": close,
    }
    return Candles.from_columns(columns, instrument=crypto_instrument("BTC", "USDT"), timeframe=M1)


@numba.njit(nogil=True)
def baseline_nb(
    open_: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    entry: np.ndarray,
    exit_: np.ndarray,
) -> np.ndarray:
    """Walk the same case in floats by hand: no ledger, no limits, no checks, one position."""
    cash, held, bought, stop, target = 10_000.0, 0.0, 0.0, 0.0, 0.0
    equity = np.empty(len(close))
    enters = leaves = False
    for bar in range(len(close)):
        if held > 0.0 and leaves:
            cash += held * open_[bar] * 0.999
            held = 0.0
        elif held == 0.0 and enters:
            bought = open_[bar]
            held = cash / (bought * 1.001)
            cash -= held * bought * 1.001
            stop, target = bought * 0.98, bought * 1.04
        if held > 0.0 and low[bar] <= stop:
            cash += held * min(stop, open_[bar]) * 0.999
            held = 0.0
        elif held > 0.0 and high[bar] >= target:
            cash += held * max(target, open_[bar]) * 0.999
            held = 0.0
        equity[bar] = cash + held * close[bar]
        enters, leaves = entry[bar], exit_[bar]
    return equity


def _cold_start_s() -> float:
    script = "from sptraderb.engine.warm import warm_kernels; warm_kernels()"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], check=True)
    return round(time.perf_counter() - started, 2)


if __name__ == "__main__":
    main()
