"""One run, from the accepted request to the result ready to be stored. Sequence only; rules live elsewhere.

1. text, market, plan, candles, report     prepare_run.load_run          phase loading
2. components: the strategy's own Python  user_python                   phase compiling
3. signals, terms, stoppable between nodes prepare_run.prepare_until     phase compiling
4. simulate, stoppable between chunks      engine/simulate               phase simulating
5. bounds: once more with every unknown decided for the position, if any was (X6); further profiles
6. metrics                                 engine/metrics                phase storing
7. manifest, document, columns             manifest, domain/result_document, result_columns
8. pack                                    store/result_rows

`child` reads the candles before and writes the result after.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from sptraderb.domain.backtest import Phase, Run
from sptraderb.domain.candle import Candles
from sptraderb.domain.fixed import text_from_ticks
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.plan import Note, Plan, Signals
from sptraderb.domain.result_columns import column_chunks
from sptraderb.domain.result_document import RunFacts, Simulated, build, document_bytes, summary
from sptraderb.domain.terms import Terms
from sptraderb.engine.metrics import measure
from sptraderb.engine.simulate import simulate
from sptraderb.orchestrator.component_policy import OFF, ComponentPolicy
from sptraderb.orchestrator.manifest import build_manifest
from sptraderb.orchestrator.prepare_run import LoadedRun, PreparedRun, prepare_until
from sptraderb.orchestrator.profile_notes import optimistic_notes
from sptraderb.orchestrator.profile_results import ProfileOutcome, compute_profiles, profile_blocks
from sptraderb.orchestrator.progress import ProgressMeter
from sptraderb.orchestrator.result_storing import Executed
from sptraderb.orchestrator.run_costs import cost_notes
from sptraderb.orchestrator.user_python import ComputedComponents, compute_components
from sptraderb.store.result_rows import StoredResult, pack_chunks, pack_document


class Simulator(Protocol):
    """What computes an outcome: `engine.simulate.simulate`, or a slowed one in tests."""

    def __call__(  # noqa: PLR0913  # as `simulate`
        self,
        plan: Plan,
        candles: Candles,
        signals: Signals,
        terms: Terms,
        *,
        should_stop: Callable[[], bool],
        on_progress: Callable[[int, int], None],
        finer: Candles | None = None,
    ) -> Outcome:
        """Simulate until the data end or ``should_stop`` says so."""


def execute(
    run: Run,
    loaded: LoadedRun,
    *,
    should_stop: Callable[[], bool],
    meter: ProgressMeter,
    simulator: Simulator = simulate,
    policy: ComponentPolicy = OFF,
) -> Executed | None:
    """Compute a run whose candles are read.

    Parameters
    ----------
    run : Run
        The run.
    loaded : LoadedRun
        Its plan and candles.
    should_stop : callable
        Read between series and between chunks of bars.
    meter : ProgressMeter
        Told of phases and bars.
    simulator : callable
        The engine.
    policy : ComponentPolicy
        What the strategy's own Python may do.

    Returns
    -------
    Executed or None
        None if stopped before the first bar was done.

    Raises
    ------
    CandlesUnusable
        ``candles.too_few``.
    MoneyOverflow
        ``money.overflow``.
    """
    meter.enter(Phase.COMPILING)
    components = compute_components(loaded.plan, loaded.candles, policy, should_stop=should_stop)
    if components is None:
        return None
    prepared = prepare_until(run.request, loaded, external=components.series, should_stop=should_stop)
    if prepared is None:
        return None
    meter.enter(Phase.SIMULATING)
    outcome = simulator(
        prepared.plan,
        prepared.candles,
        prepared.signals,
        prepared.terms,
        should_stop=should_stop,
        finer=prepared.finer,
        on_progress=meter.advance,
    )
    is_partial = outcome.n_bars_done < len(prepared.candles)
    if outcome.n_bars_done <= outcome.first_tradable_bar:
        return None
    best = None if is_partial else _best_case(prepared, outcome, simulator, should_stop=should_stop)
    others = None if is_partial else _other_profiles(run, loaded, components, simulator, should_stop)
    equity = _last_equity(prepared, outcome)
    meter.enter(Phase.STORING, n_trades=len(outcome.trades), equity=equity)
    return Executed(
        result=_result(run, prepared, outcome, best=best, components=components, others=others or {}),
        is_partial=is_partial,
        n_bars=outcome.n_bars_done,
        n_trades=len(outcome.trades),
        equity=equity,
        data_revision=prepared.candles.revision,
        conversion_revisions=prepared.conversion.revisions() if prepared.conversion else {},
    )


def _last_equity(prepared: PreparedRun, outcome: Outcome) -> tuple[int, str]:
    time_s = int(prepared.candles.time_s[outcome.n_bars_done - 1])
    return time_s, text_from_ticks(int(outcome.equity_minor[-1]), outcome.money_decimals)


def _best_case(
    prepared: PreparedRun, outcome: Outcome, simulator: Simulator, *, should_stop: Callable[[], bool]
) -> Outcome | None:
    """Return the run decided for the position, None if a cancel stopped that: the result is kept without."""
    if not outcome.trade_column("ambiguous").any():
        return outcome
    best = simulator(
        prepared.plan,
        prepared.candles,
        prepared.signals,
        dataclasses.replace(prepared.terms, for_position=True),
        should_stop=should_stop,
        finer=prepared.finer,
        on_progress=lambda _done, _total: None,
    )
    return best if best.n_bars_done == outcome.n_bars_done else None


def _other_profiles(
    run: Run,
    loaded: LoadedRun,
    components: ComputedComponents,
    simulator: Simulator,
    should_stop: Callable[[], bool],
) -> dict[str, ProfileOutcome] | None:
    """Return the run under its further profiles, None if a cancel stopped that."""

    def compute(prepared: PreparedRun) -> tuple[Outcome, Outcome | None]:
        outcome = simulator(
            prepared.plan,
            prepared.candles,
            prepared.signals,
            prepared.terms,
            should_stop=should_stop,
            finer=prepared.finer,
            on_progress=lambda _done, _total: None,
        )
        return outcome, _best_case(prepared, outcome, simulator, should_stop=should_stop)

    return compute_profiles(
        run.request, loaded, external=components.series, compute=compute, should_stop=should_stop
    )


def webhook_notes(run: Run) -> tuple[Note, ...]:
    """Return what to say about the request's webhook."""
    if not run.request.webhook_url:
        return ()
    return (
        Note(code="run.webhook_unsent", text="`webhook_url` is kept with the run; nothing calls it yet."),
    )


def _first_leak_s(prepared: PreparedRun, components: ComputedComponents) -> int | None:
    bar = components.first_leak_bar
    return None if bar is None else int(prepared.candles.time_s[bar])


def _result(
    run: Run,
    prepared: PreparedRun,
    outcome: Outcome,
    *,
    best: Outcome | None,
    components: ComputedComponents,
    others: Mapping[str, ProfileOutcome],
) -> StoredResult:
    terms, candles = prepared.terms, prepared.candles
    is_partial = outcome.n_bars_done < len(candles)
    if is_partial:
        candles = candles.sliced(0, outcome.n_bars_done)
    quote = candles.instrument.quote
    conversions = (prepared.conversion.block(quote),) if prepared.conversion else ()
    facts = RunFacts(
        backtest_id=str(run.id),
        strategy_name=run.request.strategy_name,
        partial=is_partial,
        manifest=build_manifest(
            run.request, prepared.plan, prepared.candles, terms=terms, n_warm_up=prepared.first_bar
        )
        | {"python": dict(components.sources)}
        | ({"conversions": conversions} if conversions else {}),
        notes=(
            *components.notes,
            *cost_notes(run.request, prepared.plan, candles.instrument),
            *optimistic_notes(run.request),
            *webhook_notes(run),
        ),
        quality=prepared.report,
        first_leak_s=_first_leak_s(prepared, components),
        conversions=conversions,
    )
    document = build(
        facts,
        outcome,
        simulated=Simulated(plan=prepared.plan, candles=candles, signals=prepared.signals, terms=terms),
        metrics=measure(outcome, candles, terms),
        best=best,
    )
    document |= profile_blocks(facts, document, own=run.request.profile, others=others)
    head, packed = msgspec.json.encode(summary(document)), pack_document(document_bytes(document))
    digest = str(document.pop("digest"))
    del document  # thousands of trades as text, before the columns are packed
    return StoredResult(
        summary=head, document=packed, digest=digest, chunks=pack_chunks(column_chunks(outcome, candles))
    )
