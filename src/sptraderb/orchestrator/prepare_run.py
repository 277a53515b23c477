"""From an accepted request to everything a simulation needs; shared by a run and its verification.

1. text:     pinned in the request when it was accepted
2. market:   the instrument with the request's overrides          store/instrument_rows, run_terms
3. plan:     the text compiled for it                             strategy/compiler
4. candles:  the range, with exactly the declared warm-up (T2)    store/candle_rows, candles/cache
             finer ones that tell the course inside a bar (X6)    finer_reading
5. report:   are they good enough for the mode?                   candles/check, candle_fitness
6. signals:  conditions and levels on every bar                   engine/evaluate
7. terms:    capital, costs and limits in integers                run_terms, run_costs, conversion_data
             then what the older dialect's filters keep back      engine/entry_filters
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sptraderb.candles.cache import CandleCache
from sptraderb.candles.check import check_candles
from sptraderb.domain.backtest import BacktestRequest, Mode
from sptraderb.domain.candle import Candles, QualityReport
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.profile import PROFILES, STRICT
from sptraderb.domain.terms import Terms
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.engine.entry_filters import with_filters
from sptraderb.engine.evaluate import evaluate_until
from sptraderb.engine.graph_walk import NO_SERIES, ExternalSeries
from sptraderb.errors import CandlesUnusable
from sptraderb.orchestrator.candle_fitness import require_fit
from sptraderb.orchestrator.conversion_data import LoadedConversion, load_conversion
from sptraderb.orchestrator.finer_reading import at_later_revision, has_paths, read_finer
from sptraderb.orchestrator.run_costs import run_facts
from sptraderb.orchestrator.run_terms import rescaled, run_instrument, run_terms
from sptraderb.store.candle_rows import read_candles
from sptraderb.store.instrument_rows import read_instrument
from sptraderb.store.pool import Database
from sptraderb.store.series_rows import find_revision, list_revisions
from sptraderb.strategy.compiler import StrategyTarget, compile_strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRun:
    """A plan and its candles (steps 1 to 5).

    Parameters
    ----------
    plan : Plan
        The strategy.
    candles : Candles
        With the warm-up in front.
    first_bar : int
        First bar at or after the request's start.
    report : QualityReport
        What is known about the candles.
    conversion : LoadedConversion or None
        What converts into the account currency, where that is another.
    finer : Candles or None
        Shorter bars that tell the course inside the run's (X6).
    """

    plan: Plan
    candles: Candles
    first_bar: int
    report: QualityReport
    conversion: LoadedConversion | None = None
    finer: Candles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRun:
    """Everything a simulation needs (steps 1 to 7).

    Parameters
    ----------
    plan, candles, first_bar, report, conversion, finer
        As in `LoadedRun`.
    signals : Signals
        Evaluated.
    terms : Terms
        With the start bar.
    """

    plan: Plan
    candles: Candles
    first_bar: int
    report: QualityReport
    signals: Signals
    terms: Terms
    conversion: LoadedConversion | None = None
    finer: Candles | None = None


async def load_run(
    database: Database,
    request: BacktestRequest,
    *,
    cache: CandleCache | None = None,
    n_shared: int = 1,
) -> LoadedRun:
    """Compile the strategy and read its candles.

    Parameters
    ----------
    database : Pool or Connection
        Where they are stored.
    request : BacktestRequest
        For one symbol.
    cache : CandleCache, optional
        For the candles.
    n_shared : int
        How many symbols share the memory of the run: each may hold its part of finer candles.

    Raises
    ------
    CandlesUnusable
        ``candles.empty_range``, ``candles.not_fit``, ``candles.off_scale``, ``conversion.no_rate``.
    SptraderbError
        Those of `queue.submit`, should the market have changed since.
    """
    (symbol,) = request.symbols
    timeframe = parse_timeframe(request.timeframe)
    instrument = run_instrument(await read_instrument(database, symbol), request)
    target = StrategyTarget(timeframe=timeframe, instrument=instrument)
    plan = compile_strategy(request.strategy_text, parameters=request.parameters, target=target)
    stored = await read_candles(
        database,
        symbol,
        timeframe,
        request.start_s,
        request.end_s,
        revision=request.data_revision,
        warm_up=plan.warm_up,
        cache=cache,
    )
    candles = _as_seen(stored, instrument)
    first_bar = int(np.searchsorted(candles.time_s, request.start_s))
    if first_bar == len(candles):
        raise CandlesUnusable(
            "candles.empty_range",
            f"{symbol} {timeframe} must have candles from `start_date` to `end_date`, has none",
            hint="GET /api/metadata says what is stored",
            symbol=symbol,
            start_s=request.start_s,
            end_s=request.end_s,
        )
    report = check_candles(candles)
    tiers = await _tiers(database, request) if request.mode is Mode.LIVE else ()
    require_fit(candles, report, request.mode, tiers=tiers)
    conversion = await load_conversion(database, request, instrument, cache=cache)
    finer = None
    if has_paths(plan, request):
        below = await read_finer(database, request, stored, cache=cache, n_shared=n_shared)
        finer = None if below is None else _as_seen(below, instrument)
    return LoadedRun(
        plan=plan,
        candles=at_later_revision(candles, finer),
        first_bar=first_bar,
        report=report,
        conversion=conversion,
        finer=finer,
    )


def prepare_run(
    request: BacktestRequest,
    loaded: LoadedRun,
    *,
    external: ExternalSeries = NO_SERIES,
    decimals: int | None = None,
) -> PreparedRun:
    """Evaluate the plan's conditions and set the terms: `prepare_until` without an end before the end."""
    prepared = prepare_until(request, loaded, external=external, decimals=decimals, should_stop=None)
    assert prepared is not None  # nothing told it to stop
    return prepared


def prepare_until(
    request: BacktestRequest,
    loaded: LoadedRun,
    *,
    external: ExternalSeries = NO_SERIES,
    decimals: int | None = None,
    should_stop: Callable[[], bool] | None,
) -> PreparedRun | None:
    """Evaluate the plan's conditions and set the terms; None if stopped meanwhile.

    Parameters
    ----------
    request : BacktestRequest
        What was asked for.
    loaded : LoadedRun
        Plan and candles.
    external : mapping of (name, output) to ndarray of shape (n_bars,), dtype=float64
        What the plan's components gave.
    decimals : int, optional
        Decimals of money where other symbols share the account.
    should_stop : callable or None
        As `engine.evaluate.evaluate_until` asks it.

    Raises
    ------
    CandlesUnusable
        ``candles.too_few`` if no bar is left to trade after the warm-up, ``conversion.no_rate``.
    """
    signals = evaluate_until(
        loaded.plan,
        loaded.candles,
        external=external,
        profile=PROFILES.get(request.profile, STRICT),
        should_stop=should_stop,
    )
    if signals is None:
        return None
    start_bar = max(loaded.first_bar, signals.ready_bar)
    n_bars, symbol = len(loaded.candles), loaded.candles.instrument.symbol
    if start_bar + 1 >= n_bars:
        raise CandlesUnusable(
            "candles.too_few",
            f"the strategy needs {signals.ready_bar} bars of {symbol} before it can decide and one more to "
            f"trade, {n_bars} were there",
            hint="choose a longer range or a finer timeframe",
            needed=signals.ready_bar + 2,
            n_bars=n_bars,
            symbol=symbol,
        )
    terms = run_terms(request, loaded.plan, loaded.candles.instrument, start_bar=start_bar, decimals=decimals)
    costs = loaded.plan.costs.overridden_by(request.costs)
    route = loaded.conversion.closes() if loaded.conversion else ()
    facts = run_facts(costs, loaded.candles, route, start_bar=start_bar, profile=terms.profile)
    terms = replace(terms, facts=facts)
    signals, notes = with_filters(
        loaded.plan, signals, loaded.candles, terms, knows_spread=costs.states_spread()
    )
    return PreparedRun(
        plan=replace(loaded.plan, notes=(*loaded.plan.notes, *notes)),
        candles=loaded.candles,
        first_bar=loaded.first_bar,
        report=loaded.report,
        signals=signals,
        finer=loaded.finer,
        terms=terms,
        conversion=loaded.conversion,
    )


async def _tiers(database: Database, request: BacktestRequest) -> frozenset[str]:
    """Return the trust tiers of the imports that brought bars of the range."""
    (symbol,) = request.symbols
    state = await find_revision(database, symbol, parse_timeframe(request.timeframe))
    rows = await list_revisions(database, symbol, state.source)
    return frozenset(
        row.trust for row in rows if row.first_s <= request.end_s and row.last_s >= request.start_s
    )


def _as_seen(stored: Candles, instrument: Instrument) -> Candles:
    return stored if stored.instrument == instrument else rescaled(stored, instrument)
