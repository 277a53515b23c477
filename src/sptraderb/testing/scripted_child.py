"""A child without an engine: does what the run's name says and stores a small result.

The name is a list of words, one per attempt, the last for all that follow: ``killed store`` dies of a
signal in the first attempt and completes in the second.
"""

import asyncio
import os
import signal
import time
from pathlib import Path

from sptraderb.domain.backtest import Phase
from sptraderb.orchestrator.child_pipe import Assignment, ChildChannel, Ended, Failed, Stopped
from sptraderb.orchestrator.progress import ProgressMeter
from sptraderb.orchestrator.result_storing import Executed, store_surely
from sptraderb.testing.run_requests import build_result

_TICK_S = 0.005
_STEPS = 100_000
_SLOW_S = 1.5


def preload(_data_dir: Path) -> None:
    """Load nothing."""


def run_child(channel: ChildChannel) -> None:
    """Obey one word: store slow wait pack idle deaf crash killed refuse away."""
    assignment = channel.read_assignment()
    if not isinstance(assignment, Assignment):
        return
    channel.watch()
    meter = ProgressMeter(channel.send)
    meter.enter(Phase.SIMULATING)
    words = assignment.run.request.name.split()
    word = words[min(assignment.run.attempt, len(words)) - 1]
    if word == "slow":
        time.sleep(_SLOW_S)
    if word == "crash":
        raise RuntimeError("told to crash")
    if word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "refuse":
        channel.send(Failed(code="candles.empty_range", message="there must be candles, were none"))
    elif word == "away":
        channel.send(Failed(code="database.unreachable", message="told to be away", retry=True))
    elif word == "idle":
        _walk(channel, meter)
        channel.send(Stopped())
    else:
        if word in ("wait", "pack"):
            _walk(channel, meter)
        if word == "pack":
            meter.enter(Phase.STORING)
            time.sleep(_SLOW_S)
        while word == "deaf":
            time.sleep(_TICK_S)
        channel.send(_stored(assignment, is_partial=word in ("wait", "pack")))


def _walk(channel: ChildChannel, meter: ProgressMeter) -> None:
    for step in range(_STEPS):
        if channel.is_stopped:
            return
        time.sleep(_TICK_S)
        meter.advance(step, _STEPS, n_trades=step // 10)


def _stored(assignment: Assignment, *, is_partial: bool) -> Ended:
    executed = Executed(result=build_result(), is_partial=is_partial, n_bars=10, n_trades=4)
    run = asyncio.run(store_surely(assignment, executed))
    return Ended(status="fenced" if run is None else run.state.value, n_bars=10, n_trades=4)
