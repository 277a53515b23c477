"""The real child with a slowed engine: small chunks and a pause after each, so a test can get in between."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from sptraderb.domain.candle import Candles
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.portfolio import Leg, PortfolioOutcome
from sptraderb.domain.terms import Terms
from sptraderb.orchestrator import child
from sptraderb.orchestrator.child_pipe import ChildChannel

_CHUNK_BARS = 20
_PAUSE_S = 0.02


def preload(data_dir: Path) -> None:
    """Load what the real child loads."""
    child.preload(data_dir)


def run_child(channel: ChildChannel) -> None:
    """Compute one run, slowly."""
    from sptraderb.orchestrator.child_work import work

    slowed = partial(work, simulator=simulate_slowly, account_simulator=simulate_account_slowly)
    child.answer(channel, slowed)


def simulate_slowly(  # noqa: PLR0913  # as `simulate`
    plan: Plan,
    candles: Candles,
    signals: Signals,
    terms: Terms,
    *,
    should_stop: Callable[[], bool],
    on_progress: Callable[[int, int], None],
    finer: Candles | None = None,
) -> Outcome:
    """Simulate with a pause after each few bars."""
    from sptraderb.engine.simulate import simulate

    return simulate(
        plan,
        candles,
        signals,
        terms,
        should_stop=should_stop,
        on_progress=_slowed(on_progress),
        finer=finer,
        chunk_bars=_CHUNK_BARS,
    )


def simulate_account_slowly(
    legs: Sequence[Leg],
    *,
    hedging: bool,
    should_stop: Callable[[], bool],
    on_progress: Callable[[int, int], None],
) -> PortfolioOutcome:
    """Simulate an account with a pause after each few instants."""
    from sptraderb.engine.simulate_portfolio import simulate_portfolio

    return simulate_portfolio(
        legs,
        hedging=hedging,
        should_stop=should_stop,
        on_progress=_slowed(on_progress),
        chunk_instants=_CHUNK_BARS,
    )


def _slowed(on_progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    def _report(done: int, total: int) -> None:
        time.sleep(_PAUSE_S)
        on_progress(done, total)

    return _report
