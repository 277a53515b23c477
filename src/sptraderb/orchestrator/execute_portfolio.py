"""One run of an account with several symbols, or with hedging, from loaded candles to the stored result.

Place: what `execute` is to a run of one symbol, step for step; `prepare_portfolio` prepares each symbol, the
engine walks them on one timeline. Sequence only; rules live elsewhere.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from sptraderb.domain.backtest import BacktestRequest, Phase, Run
from sptraderb.domain.fixed import text_from_ticks
from sptraderb.domain.plan import Note
from sptraderb.domain.portfolio import Leg, PortfolioOutcome
from sptraderb.domain.portfolio_columns import account_chunks
from sptraderb.domain.portfolio_digest import portfolio_digest
from sptraderb.domain.portfolio_document import SimulatedAccount, build_account, shared_notes
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.result_document import RunFacts, document_bytes, summary
from sptraderb.engine.metrics_portfolio import measure_account
from sptraderb.engine.simulate_portfolio import simulate_portfolio
from sptraderb.orchestrator.component_policy import OFF, ComponentPolicy
from sptraderb.orchestrator.conversion_data import LoadedConversion
from sptraderb.orchestrator.execute import webhook_notes
from sptraderb.orchestrator.manifest import ManifestLeg, build_account_manifest
from sptraderb.orchestrator.prepare_portfolio import (
    LoadedPortfolio,
    PreparedPortfolio,
    prepare_portfolio_until,
)
from sptraderb.orchestrator.profile_notes import optimistic_notes
from sptraderb.orchestrator.profile_results import difference_blocks
from sptraderb.orchestrator.progress import ProgressMeter
from sptraderb.orchestrator.result_storing import Executed
from sptraderb.orchestrator.run_costs import cost_notes
from sptraderb.orchestrator.user_python import ComputedComponents, compute_components
from sptraderb.store.result_rows import StoredResult, pack_chunks, pack_document

Block = dict[str, object]


class AccountSimulator(Protocol):
    """What computes an account's outcome: `engine.simulate_portfolio`, or a slowed one in tests."""

    def __call__(
        self,
        legs: Sequence[Leg],
        *,
        hedging: bool,
        should_stop: Callable[[], bool],
        on_progress: Callable[[int, int], None],
    ) -> PortfolioOutcome:
        """Simulate until the data end or ``should_stop`` says so."""


def execute_portfolio(  # as `execute`
    run: Run,
    loaded: LoadedPortfolio,
    *,
    should_stop: Callable[[], bool],
    meter: ProgressMeter,
    simulator: AccountSimulator = simulate_portfolio,
    policy: ComponentPolicy = OFF,
) -> Executed | None:
    """Compute a run of an account whose candles are read.

    Parameters
    ----------
    run : Run
        The run.
    loaded : LoadedPortfolio
        Its plans and candles.
    should_stop : callable
        Read between series and between chunks of instants.
    meter : ProgressMeter
        Told of phases and instants.
    simulator : callable
        The engine.
    policy : ComponentPolicy
        What the strategy's own Python may do.

    Returns
    -------
    Executed or None
        None if stopped before the first tradable instant was done.

    Raises
    ------
    CandlesUnusable
        ``candles.too_few``, ``conversion.no_rate``.
    InvalidInput
        ``portfolio.bars_overlap``.
    MoneyOverflow
        ``money.overflow``.
    """
    meter.enter(Phase.COMPILING)
    components = compute_all_components(loaded, policy, should_stop=should_stop)
    if components is None:
        return None
    series = [part.series for part in components]
    prepared = prepare_portfolio_until(run.request, loaded, external=series, should_stop=should_stop)
    if prepared is None:
        return None
    meter.enter(Phase.SIMULATING)
    outcome = simulator(
        prepared.legs(), hedging=prepared.hedging, should_stop=should_stop, on_progress=meter.advance
    )
    if outcome.n_instants_done <= outcome.first_tradable_instant:
        return None
    whole = _is_whole(outcome, prepared)
    best = _best_case(prepared, outcome, simulator, should_stop=should_stop) if whole else None
    facts = _facts(run, prepared, components, is_partial=not whole)
    others = _other_profiles(run, loaded, components, facts, (simulator, should_stop)) if whole else None
    last_equity = text_from_ticks(int(outcome.equity_minor[-1]), outcome.money_decimals)
    equity = int(outcome.time_s[-1]), last_equity
    meter.enter(Phase.STORING, n_trades=len(outcome.trades), equity=equity)
    document = _document(run, prepared, outcome, best=best, facts=facts)
    document |= difference_blocks(document, own=run.request.profile, others=others or {})
    return Executed(
        result=StoredResult(
            summary=msgspec.json.encode(summary(document)),
            document=pack_document(document_bytes(document)),
            digest=portfolio_digest(outcome, run.request.symbols),
            chunks=pack_chunks(account_chunks(outcome, [leg.candles for leg in _done(prepared, outcome)])),
        ),
        is_partial=not whole,
        n_bars=sum(leg.n_bars_done for leg in outcome.legs),
        n_trades=len(outcome.trades),
        equity=equity,
        symbol_revisions={
            candles.instrument.symbol: candles.revision
            for candles in prepared.candles
            if candles.revision is not None
        },
        conversion_revisions={
            pair: revision
            for one in distinct_conversions(prepared).values()
            for pair, revision in one.revisions().items()
        },
    )


def compute_all_components(
    loaded: LoadedPortfolio, policy: ComponentPolicy, *, should_stop: Callable[[], bool]
) -> list[ComputedComponents] | None:
    """Run the strategy's own Python on each symbol's candles; None if stopped."""
    found = []
    for run in loaded.runs:
        components = compute_components(run.plan, run.candles, policy, should_stop=should_stop)
        if components is None:
            return None
        found.append(components)
    return found


def _is_whole(outcome: PortfolioOutcome, prepared: PreparedPortfolio) -> bool:
    done = [leg.n_bars_done for leg in outcome.legs]
    return done == [len(candles) for candles in prepared.candles]


def _best_case(
    prepared: PreparedPortfolio,
    outcome: PortfolioOutcome,
    simulator: AccountSimulator,
    *,
    should_stop: Callable[[], bool],
) -> PortfolioOutcome | None:
    """Return the run decided for the positions, None if a cancel stopped that."""
    if not outcome.trade_column("ambiguous").any():
        return outcome
    best = simulator(
        prepared.legs(for_position=True),
        hedging=prepared.hedging,
        should_stop=should_stop,
        on_progress=lambda _done, _total: None,
    )
    return best if _is_whole(best, prepared) else None


def _other_profiles(
    run: Run,
    loaded: LoadedPortfolio,
    components: Sequence[ComputedComponents],
    facts: RunFacts,
    engine: tuple[AccountSimulator, Callable[[], bool]],
) -> dict[str, Block] | None:
    """Return the documents of the run under its further profiles, None if a cancel stopped one."""
    simulator, should_stop = engine
    documents: dict[str, Block] = {}
    for name in run.request.more_profiles:
        request = dataclasses.replace(run.request, profile=name)
        series = [part.series for part in components]
        prepared = prepare_portfolio_until(request, loaded, external=series, should_stop=should_stop)
        if prepared is None:
            return None
        outcome = simulator(
            prepared.legs(),
            hedging=prepared.hedging,
            should_stop=should_stop,
            on_progress=lambda _done, _total: None,
        )
        if not _is_whole(outcome, prepared):
            return None
        best = _best_case(prepared, outcome, simulator, should_stop=should_stop)
        documents[name] = _document(run, prepared, outcome, best=best, facts=facts)
    return documents


def _done(prepared: PreparedPortfolio, outcome: PortfolioOutcome) -> tuple[Leg, ...]:
    """Return the legs with the bars that were walked."""
    return tuple(
        dataclasses.replace(leg, candles=leg.candles.sliced(0, curves.n_bars_done))
        for leg, curves in zip(prepared.legs(), outcome.legs, strict=True)
    )


def _document(
    run: Run,
    prepared: PreparedPortfolio,
    outcome: PortfolioOutcome,
    *,
    best: PortfolioOutcome | None,
    facts: RunFacts,
) -> Block:
    legs = _done(prepared, outcome)
    simulated = SimulatedAccount(
        legs=legs,
        position_mode=run.request.position_mode.value,
        reports=tuple(one.report for one in prepared.runs),
    )
    metrics = measure_account(outcome, legs)
    return build_account(facts, outcome, simulated=simulated, metrics=metrics, best=best)


def _facts(
    run: Run,
    prepared: PreparedPortfolio,
    components: Sequence[ComputedComponents],
    *,
    is_partial: bool,
) -> RunFacts:
    conversions = tuple(one.block(quote) for quote, one in distinct_conversions(prepared).items())
    manifest = build_account_manifest(run.request, _manifest_legs(prepared))
    manifest["python"] = {module: digest for part in components for module, digest in part.sources.items()}
    if conversions:
        manifest["conversions"] = conversions
    return RunFacts(
        backtest_id=str(run.id),
        strategy_name=run.request.strategy_name,
        partial=is_partial,
        manifest=manifest,
        notes=(
            *shared_notes(_notes(prepared, components)),
            *margin_notes(run.request),
            *optimistic_notes(run.request),
            *webhook_notes(run),
        ),
        first_leak_s=_first_leak_s(prepared, components),
        conversions=conversions,
    )


def distinct_conversions(prepared: PreparedPortfolio) -> dict[str, LoadedConversion]:
    """Return how each quote currency becomes account money, once each."""
    found: dict[str, LoadedConversion] = {}
    for one in prepared.runs:
        if one.conversion is not None:
            found.setdefault(one.candles.instrument.quote, one.conversion)
    return found


def _manifest_legs(prepared: PreparedPortfolio) -> list[ManifestLeg]:
    return [
        ManifestLeg(request=own, plan=one.plan, candles=one.candles, terms=one.terms, n_warm_up=one.first_bar)
        for own, one in zip(prepared.requests, prepared.runs, strict=True)
    ]


def _notes(
    prepared: PreparedPortfolio, components: Sequence[ComputedComponents]
) -> dict[str, tuple[Note, ...]]:
    return {
        one.candles.instrument.symbol: (
            *one.plan.notes,
            *part.notes,
            *cost_notes(own, one.plan, one.candles.instrument),
        )
        for own, one, part in zip(prepared.requests, prepared.runs, components, strict=True)
    }


def margin_notes(request: BacktestRequest) -> tuple[Note, ...]:
    """Return what to say where a profile's own margin call gives way to the account's (A3)."""
    names = (request.profile, *request.more_profiles)
    called = [name for name in names if name in PROFILES and PROFILES[name].calls_margin]
    if not called:
        return ()
    text = (
        f"Profile {called[0]}: TradingView knows no account of several symbols or of both sides; margin "
        "is checked at each fill, called at closes and stopped out as in the other profiles."
    )
    return (Note(code="profile.margin_by_account", text=text),)


def _first_leak_s(prepared: PreparedPortfolio, components: Sequence[ComputedComponents]) -> int | None:
    """Return when the first component saw the future, over all symbols; None if none did."""
    leaks = [
        int(candles.time_s[part.first_leak_bar])
        for candles, part in zip(prepared.candles, components, strict=True)
        if part.first_leak_bar is not None
    ]
    return min(leaks, default=None)
