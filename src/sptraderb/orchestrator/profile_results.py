"""One run under several fill profiles: each computed on the same candles, then laid side by side.

Place: in `execute`, after the run's own simulation and after its own document. A profile may change what
counts as equal in a comparison, so each evaluates the plan anew.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.profile_differences import profile_differences
from sptraderb.domain.result_document import RunFacts, Simulated, build
from sptraderb.engine.metrics import measure
from sptraderb.orchestrator.prepare_run import LoadedRun, PreparedRun, prepare_until
from sptraderb.orchestrator.user_python import ExternalSeries

Block = dict[str, object]
Compute = Callable[[PreparedRun], tuple[Outcome, Outcome | None]]
_SHARED = (
    *("backtest_id", "strategy_name", "symbol", "timeframe", "units", "quality", "notes", "manifest"),
    *("position_mode", "quality_by_symbol"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOutcome:
    """What one further profile gave.

    Parameters
    ----------
    prepared : PreparedRun
        Signals and terms under the profile.
    outcome : Outcome
        As run.
    best : Outcome or None
        Every unknown decided for the position (X6).
    """

    prepared: PreparedRun
    outcome: Outcome
    best: Outcome | None


def compute_profiles(
    request: BacktestRequest,
    loaded: LoadedRun,
    *,
    external: ExternalSeries,
    compute: Compute,
    should_stop: Callable[[], bool],
) -> dict[str, ProfileOutcome] | None:
    """Compute a run under its further profiles.

    Parameters
    ----------
    request : BacktestRequest
        Names them in ``more_profiles``.
    loaded : LoadedRun
        Plan and candles, the same for all.
    external : mapping
        Series of the plan's components.
    compute : callable
        Gives the outcome and the best case of a prepared run.
    should_stop : callable
        Read while series are computed.

    Returns
    -------
    dict or None
        By profile; None if one was stopped before its end.
    """
    found: dict[str, ProfileOutcome] = {}
    for name in request.more_profiles:
        named = dataclasses.replace(request, profile=name)
        prepared = prepare_until(named, loaded, external=external, should_stop=should_stop)
        if prepared is None:
            return None
        outcome, best = compute(prepared)
        if outcome.n_bars_done < len(prepared.candles):
            return None
        found[name] = ProfileOutcome(prepared=prepared, outcome=outcome, best=best)
    return found


def profile_blocks(
    facts: RunFacts, document: Mapping[str, object], *, own: str, others: Mapping[str, ProfileOutcome]
) -> Block:
    """Return the blocks ``profiles`` and ``profile_differences`` of a result.

    Parameters
    ----------
    facts : RunFacts
        Of the run.
    document : mapping
        The run's own result.
    own : str
        Its profile.
    others : mapping of str to ProfileOutcome
        Further profiles.

    Returns
    -------
    dict
        Empty without further profiles. ``profiles`` holds one result each but for what all share.
    """
    return difference_blocks(
        document, own=own, others={name: _document(facts, found) for name, found in others.items()}
    )


def difference_blocks(
    document: Mapping[str, object], *, own: str, others: Mapping[str, Mapping[str, object]]
) -> Block:
    """Return the same blocks, from the documents of further profiles."""
    if not others:
        return {}
    documents = {own: document, **others}
    return {
        "profiles": {name: _own_part(documents[name]) for name in others},
        "profile_differences": profile_differences(documents),
    }


def _document(facts: RunFacts, found: ProfileOutcome) -> Block:
    prepared = found.prepared
    return build(
        facts,
        found.outcome,
        simulated=Simulated(
            plan=prepared.plan, candles=prepared.candles, signals=prepared.signals, terms=prepared.terms
        ),
        metrics=measure(found.outcome, prepared.candles, prepared.terms),
        best=found.best,
    )


def _own_part(document: Mapping[str, object], shared: Sequence[str] = _SHARED) -> Block:
    return {name: value for name, value in document.items() if name not in shared}
