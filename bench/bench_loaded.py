"""Answer: what does a bar cost the engine when a run has everything a broker charges for.

Two FX symbols on 1,000,000 one-minute bars each, with bid and ask of every price, swap at every session
close (triple on Wednesdays), an account in a third currency (a rate of its own at every open and close),
a trailing stop of 0.5 % and leverage 30. Two plans: the SMA 10/30 cross of the other benches, and one
that is always in the market, turning with SMA 50/200. Symbols run one after the other, then both in one
account on one timeline: what is told is nanoseconds per symbol and bar, best of several, in process time.
Writes ``bench/results/DATE-loaded.json``.
"""

import os
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from bench.dated_results import write_results

from sptraderb.domain.bar_facts import BarFacts, BarRates
from sptraderb.domain.candle import Candles
from sptraderb.domain.cost_schedules import swap_days
from sptraderb.domain.costs import SwapKind
from sptraderb.domain.instrument import CandleSide, fx_instrument
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan
from sptraderb.domain.portfolio import Leg
from sptraderb.domain.terms import Terms
from sptraderb.domain.timeframe import M1
from sptraderb.engine.evaluate import evaluate
from sptraderb.engine.metrics import measure
from sptraderb.engine.metrics_portfolio import measure_account
from sptraderb.engine.simulate import simulate
from sptraderb.engine.simulate_portfolio import simulate_portfolio

N_BARS = 1_000_000
ROUNDS = 5
SYMBOLS = ("EURGBP", "EURCHF")


def main() -> None:
    """Measure, print, write."""
    load = os.getloadavg()[0]
    plans = {"cross 10/30": _plan(10, 30, turns=False), "always held 50/200": _plan(50, 200, turns=True)}
    rows = [_measured(name, plan) for name, plan in plans.items()]
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    write_results(
        "loaded", __doc__.splitlines()[0], {"numba": numba.__version__, "rows": rows}, load_before=load
    )


def _measured(name: str, plan: Plan) -> dict[str, Any]:
    rows = [_symbol_ns(symbol, seed, plan) for seed, symbol in enumerate(SYMBOLS)]
    row: dict[str, Any] = {"plan": name, "n_symbol_bars": N_BARS * len(SYMBOLS)}
    for key in rows[0]:
        total = sum(found[key] for found in rows)
        row[key] = total if key == "n_trades" else round(total / row["n_symbol_bars"], 2)
    for key, total in _account_ns(plan).items():
        row[key] = total if key == "account_n_trades" else round(total / row["n_symbol_bars"], 2)
    return row


def _account_ns(plan: Plan) -> dict[str, float]:
    legs = []
    for seed, symbol in enumerate(SYMBOLS):
        candles = _candles(symbol, seed)
        terms, signals = _terms(candles, seed), evaluate(plan, candles)
        legs.append(Leg(symbol=symbol, plan=plan, candles=candles, signals=signals, terms=terms))
    outcome = simulate_portfolio(legs)
    return {
        "account_n_trades": len(outcome.trades),
        "account_simulate_ns": _best_ns(lambda: simulate_portfolio(legs)),
        "account_measure_ns": _best_ns(lambda: measure_account(outcome, legs)),
    }


def _symbol_ns(symbol: str, seed: int, plan: Plan) -> dict[str, float]:
    candles = _candles(symbol, seed)
    terms = _terms(candles, seed)
    signals = evaluate(plan, candles)
    outcome = simulate(plan, candles, signals, terms)
    return {
        "n_trades": len(outcome.trades),
        "evaluate_ns": _best_ns(lambda: evaluate(plan, candles)),
        "simulate_ns": _best_ns(lambda: simulate(plan, candles, signals, terms)),
        "measure_ns": _best_ns(lambda: measure(outcome, candles, terms)),
    }


def _best_ns(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time_ns()
        work()
        best = min(best, time.process_time_ns() - started)
    return best


def _plan(fast: int, slow: int, *, turns: bool) -> Plan:
    nodes = (
        Node(op="price", name="close"),
        Node(op="indicator", name="sma", args=(0,), params=(float(fast),), first_value=fast - 1),
        Node(op="indicator", name="sma", args=(0,), params=(float(slow),), first_value=slow - 1),
        Node(op="crosses_above", args=(1, 2), boolean=True, first_value=slow),
        Node(op="crosses_below", args=(1, 2), boolean=True, first_value=slow),
    )
    trail = Distance(kind=DistanceKind.RATE, amount=5_000_000)
    size = SizeRule(kind=SizeKind.UNITS, amount=10_000 * 10**9)
    long = EntryRule(
        name="long", side=1, when=3, size=size, exits=ExitRules(when=-1 if turns else 4, trailing_stop=trail)
    )
    short = EntryRule(name="short", side=-1, when=4, size=size, exits=ExitRules(trailing_stop=trail))
    entries = (long, short) if turns else (long,)
    return Plan(name="loaded", nodes=nodes, entries=entries, first_value=slow)


def _candles(symbol: str, seed: int) -> Candles:
    """Return bars of a week's trading hours after another, both sides; the spread changes on every bar."""
    generator = np.random.default_rng(seed)
    path, distance = [], 0.0
    for step in generator.normal(0.0, 2e-4, N_BARS).tolist():
        distance += step - 1e-5 * distance
        path.append(distance)
    close = (90_000 * np.exp(np.array(path))).astype(np.int64)
    open_ = np.r_[close[:1], close[:-1]]
    columns = {
        "time_s": 1_600_000_020 + 60 * np.arange(N_BARS),
        "open_ticks": open_,
        "high_ticks": np.maximum(open_, close) + generator.integers(0, 9, N_BARS),
        "low_ticks": np.minimum(open_, close) - generator.integers(0, 9, N_BARS),
        "close_ticks": close,
    }
    spread = generator.integers(3, 9, N_BARS)
    asks = {f"ask_{name}": columns[name] + spread for name in columns if name != "time_s"}
    instrument = fx_instrument(symbol, side=CandleSide.BOTH)
    return Candles.from_columns(columns | asks, instrument=instrument, timeframe=M1)


def _terms(candles: Candles, seed: int) -> Terms:
    generator = np.random.default_rng(seed + 100)
    mids = 250_000 + np.cumsum(generator.integers(-3, 4, N_BARS + 1))
    halves = np.full(N_BARS, 200_000, dtype=np.int64)
    common = [np.gcd(mids[at : at + N_BARS], 200_000) for at in (0, 1)]
    rates = [
        BarRates(numerator=mids[at : at + N_BARS] // common[at], denominator=halves // common[at])
        for at in (0, 1)
    ]
    facts = BarFacts(
        swap_days=swap_days(candles.time_s, candles.instrument.calendar, triple=2),
        open_rates=rates[0],
        close_rates=rates[1],
    )
    return Terms(
        money_decimals=6,
        capital_minor=10**12,
        margin_rate_ppb=33_333_333,
        commission_ppb=20_000,
        start_bar=200,
        swap_kind=SwapKind.PERCENT,
        swap_long=-20_000_000,
        swap_short=5_000_000,
        stop_out_ppb=500_000_000,
        currency="USD",
        facts=facts,
    )


if __name__ == "__main__":
    main()
