"""No run sees the future: what a worked strategy did up to a bar stays when later bars change or are cut.

The whole way of a run is taken, evaluation and simulation, so facts about the position, orders that rest,
partial exits, scaling in, costs and account limits are in it. Every bar of a stretch is the present once.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.candle import Candles
from sptraderb.domain.outcome import EVENT_COLUMNS, ORDER_COLUMNS, TRADE_COLUMNS, Outcome
from sptraderb.engine.simulate import simulate
from sptraderb.orchestrator.prepare_run import LoadedRun, prepare_run
from sptraderb.testing.causality import futures
from sptraderb.testing.worked_strategies import loaded, strategy_files

_CURVES = ("equity_minor", "trough_minor", "held_steps", "exposed")
_TABLES = {
    "trades": TRADE_COLUMNS.index("exit_bar"),
    "orders": ORDER_COLUMNS.index("done_bar"),
    "events": EVENT_COLUMNS.index("bar"),
}
_N_BARS = 80
_NTH_TRADE = 3


def _outcome(request: BacktestRequest, run: LoadedRun, candles: Candles) -> Outcome:
    """Return what a run comes to on other candles; what is still held at the end stays held."""
    prepared = prepare_run(request, replace(run, candles=candles))
    terms = replace(prepared.terms, close_at_end=False)
    return simulate(prepared.plan, candles, prepared.signals, terms)


@pytest.mark.parametrize("strategy", strategy_files(), ids=lambda path: path.stem)
def test_past_of_a_run_when_the_future_is_cut_or_changed_at_any_real_bar_then_stays(
    shared_data: Path, strategy: Path
) -> None:
    """T1: curves, trades, orders and events up to every bar of a stretch with trades in it."""
    request, run = loaded(strategy, shared_data)
    entries = _outcome(request, run, run.candles).trade_column("entry_bar")
    middle = int(entries[min(_NTH_TRADE, len(entries) - 1)])
    first = max(middle - _N_BARS // 2, run.first_bar + 1)
    candles = run.candles.sliced(0, min(first + _N_BARS, len(run.candles)))
    whole = _outcome(request, run, candles)
    assert len(whole.trades)
    for present in range(first, len(candles)):
        for future, other in futures(candles, present):
            part = _outcome(request, run, other)
            told = f"{strategy.stem}: future {future} after bar {present}"
            for name in _CURVES:
                before, after = getattr(whole, name)[: present + 1], getattr(part, name)[: present + 1]
                np.testing.assert_array_equal(before, after, err_msg=f"{told}: {name}")
            for name, column in _TABLES.items():
                before, after = getattr(whole, name), getattr(part, name)
                past = before[before[:, column] <= present], after[after[:, column] <= present]
                np.testing.assert_array_equal(*past, err_msg=f"{told}: {name}")
