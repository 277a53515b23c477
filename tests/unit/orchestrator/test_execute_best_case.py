"""The second pass of a run, with every unknown decided for the position (X6), listens to a cancel."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sptraderb.domain.terms import Terms
from sptraderb.orchestrator import execute

N_BARS = 10
TERMS = Terms(money_decimals=6, capital_minor=10**10, margin_rate_ppb=33_333_333, start_bar=1)


def _simulator(
    *_args: Any, should_stop: Callable[[], bool], on_progress: Callable[[int, int], None], finer: Any = None
) -> Any:
    on_progress(1, N_BARS)
    return SimpleNamespace(n_bars_done=3 if should_stop() else N_BARS)


@pytest.mark.parametrize(("is_stopped", "has_best"), [(False, True), (True, False)])
def test_best_case_when_a_cancel_comes_then_the_result_is_kept_without_it(
    is_stopped: bool, has_best: bool
) -> None:
    """A stopped second pass gives nothing, so that the first pass can be stored in time."""
    prepared: Any = SimpleNamespace(plan=None, candles=None, signals=None, terms=TERMS, finer=None)
    outcome: Any = SimpleNamespace(n_bars_done=N_BARS, trade_column=lambda _name: np.array([0, 1]))
    best = execute._best_case(prepared, outcome, _simulator, should_stop=lambda: is_stopped)
    assert (best is not None) is has_best
