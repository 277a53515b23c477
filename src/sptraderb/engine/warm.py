"""Compile the kernels and keep them on disk, so that no request ever waits for the compiler.

``python -m sptraderb.engine.warm`` runs at set-up and in the image build; a worker's template calls
`warm_kernels` at start, which loads what is on disk in a fraction of a second and compiles what is not.
"""

import shutil
import time
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType

import numpy as np
from numba.core.registry import CPUDispatcher

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import fx_instrument
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan
from sptraderb.domain.portfolio import Leg
from sptraderb.domain.profile import TRADINGVIEW
from sptraderb.domain.terms import Terms
from sptraderb.domain.timeframe import H1
from sptraderb.engine.evaluate import evaluate
from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.kernel_cache import built_cache_folder
from sptraderb.engine.kernels import (
    account_bars,
    bars,
    comparisons,
    curve_figures,
    forming_bars,
    mean_passes,
    return_figures,
    rolling_sums,
    series,
    smoothing,
    trade_figures,
    window_passes,
)
from sptraderb.engine.metrics import measure
from sptraderb.engine.metrics_figures import readable
from sptraderb.engine.simulate import simulate
from sptraderb.engine.simulate_portfolio import simulate_portfolio

_N_BARS = 64
_SERIES: tuple[ModuleType, ...] = (
    series,
    comparisons,
    smoothing,
    mean_passes,
    window_passes,
    rolling_sums,
    forming_bars,
)
_FIGURES: tuple[ModuleType, ...] = (curve_figures, return_figures, trade_figures)
_ENTRANCES: tuple[ModuleType, ...] = (bars, account_bars, *_SERIES, *_FIGURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmReport:
    """What was found when the kernels were loaded.

    Parameters
    ----------
    n_kernels : int
        Kernels that Python calls.
    compiled : tuple of str
        Those that had to be compiled now; empty where the cache on disk was complete.
    folder : str
        Where they are kept; empty if nowhere, so that every start compiles again.
    """

    n_kernels: int
    compiled: tuple[str, ...]
    folder: str


def warm_kernels() -> WarmReport:
    """Run every kernel that Python calls once, on a few bars, and say what had to be compiled.

    Returns
    -------
    WarmReport
        A process that is to serve requests should see ``compiled`` empty.
    """
    candles = _candles()
    plan = _plan()
    terms = Terms(money_decimals=6, capital_minor=10**10, margin_rate_ppb=33_333_333)
    signals = evaluate(plan, candles)
    outcome = simulate(plan, candles, signals, terms)
    measure(outcome, candles, terms)
    return_figures.straightness_nb(readable(outcome.equity_minor))  # asked of ten days and more
    evaluate(plan, candles, profile=TRADINGVIEW)
    simulate_portfolio([Leg(symbol="EURUSD", plan=plan, candles=candles, signals=signals, terms=terms)])
    return kernels_report()


def kernels_report() -> WarmReport:
    """Return which of the kernels in use were compiled by this process, and where they are kept."""
    found = {
        name: kernel
        for module in _ENTRANCES
        for name, kernel in vars(module).items()
        if isinstance(kernel, CPUDispatcher) and kernel.__module__ == module.__name__ and kernel.signatures
    }
    compiled = tuple(sorted(name for name, kernel in found.items() if kernel.stats.cache_misses))
    folders = {str(kernel.stats.cache_path or "") for kernel in found.values()}
    return WarmReport(n_kernels=len(found), compiled=compiled, folder=min(folders, default=""))


def _plan() -> Plan:
    """Return a plan that uses every indicator and every op with a loop of its own."""
    nodes = [Node(op="price", name=name) for name in ("open", "high", "low", "close", "volume", "hlc3")]
    places = {node.name: number for number, node in enumerate(nodes)}
    for name, spec in REGISTRY.items():
        params = tuple(float(row.low if row.default is None else row.default) for row in spec.parameters)
        args = tuple(places[row.price] for row in spec.inputs)
        nodes.append(Node(op="indicator", name=name, args=args, params=params))
    n_levels = len(nodes)
    close = places["close"]
    nodes += [
        Node(op="crosses_above", args=(close, 0), boolean=True),
        Node(op="crosses_below", args=(close, 0), boolean=True),
        Node(op="rising", args=(close,), params=(2.0,), boolean=True),
        Node(op="less", args=(close, 0), boolean=True),
        Node(op="constant", params=(1.1,)),
        Node(op="greater", args=(close, n_levels + 4), boolean=True),
        Node(op="highest", args=(close,), params=(3.0,)),
        Node(op="bars_since", args=(n_levels,)),
        Node(op="count_true", args=(n_levels,), params=(3.0,)),
        Node(op="previous_value", args=(n_levels, close)),
        Node(op="forming", name="ohlc4", params=(14_400.0,)),
    ]
    size = SizeRule(kind=SizeKind.UNITS, amount=10**12)
    level_nodes = [number for number, node in enumerate(nodes) if not node.boolean]
    entries = tuple(
        EntryRule(
            name="warm",
            side=1 if number % 2 else -1,
            when=n_levels + number % 2,
            size=size,
            exits=_exits(*pair, n_levels + 2 + number % 2),
        )
        for number, pair in enumerate(pairwise(level_nodes))
    )
    return Plan(name="warm", nodes=tuple(nodes), entries=entries)


def _exits(stop: int, target: int, when: int) -> ExitRules:
    return ExitRules(
        when=when,
        stop_loss=Distance(kind=DistanceKind.PRICE, node=stop),
        take_profit=Distance(kind=DistanceKind.PRICE, node=target),
    )


def _candles() -> Candles:
    close = 100_000 + np.cumsum(np.resize(np.array([7, -5, 3, -9, 11], dtype=np.int64), _N_BARS))
    columns = {
        "time_s": 3600 * np.arange(_N_BARS, dtype=np.int64),
        "open_ticks": close,
        "high_ticks": close + 2,
        "low_ticks": close - 2,
        "close_ticks": close,
        "volume": np.ones(_N_BARS),
    }
    return Candles.from_columns(columns, instrument=fx_instrument("EURUSD"), timeframe=H1)


def main() -> None:
    """Compile everything, drop what older sources left behind, and say how long it took."""
    started = time.perf_counter()
    report = warm_kernels()
    built = built_cache_folder()
    for folder in built.parent.glob("kernels-*"):
        if folder != built and report.folder.startswith(str(built)):
            shutil.rmtree(folder, ignore_errors=True)
    seconds = time.perf_counter() - started
    kept = f"kept in {report.folder}" if report.folder else "not kept: no folder can be written"
    print(f"{report.n_kernels} kernels ready after {seconds:.1f} s, {len(report.compiled)} compiled, {kept}")  # noqa: T201  # a command's output


if __name__ == "__main__":
    main()
