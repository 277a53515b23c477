"""The ten worked strategies on real candles: both engines agree, and the outcome is the one pinned."""

import json
from pathlib import Path

import pytest

from sptraderb.domain.digest import outcome_digest
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.engine.simulate import simulate
from sptraderb.oracle.replay import replay
from sptraderb.testing.worked_strategies import DIGESTS, prepared, strategy_files

_TOLD = "look at what changed, then run `python tools/strategy_digests.py ../shared/data` and say why"


@pytest.mark.parametrize("strategy", strategy_files(), ids=lambda path: path.stem)
def test_worked_strategy_when_run_on_real_candles_then_both_engines_give_the_pinned_outcome(
    shared_data: Path, strategy: Path
) -> None:
    """M7, M8: compiled, evaluated, simulated and replayed; every integer and the digest are the same."""
    run = prepared(strategy, shared_data)
    simulated = simulate(run.plan, run.candles, run.signals, run.terms)
    replayed = replay(run.plan, run.candles, run.signals, run.terms)
    assert outcome_differences(simulated, replayed) == ()
    assert len(replayed.trades) >= 5
    pinned = json.loads(DIGESTS.read_text(encoding="utf-8"))[strategy.stem]
    found = {"trades": len(simulated.trades), "digest": outcome_digest(simulated)}
    assert found == pinned, _TOLD
