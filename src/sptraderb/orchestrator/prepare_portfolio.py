"""From an accepted request for one account to everything its simulation needs, symbol by symbol (A1).

Place: what `prepare_run` is to a run of one symbol, for several or for hedging; shared by a run and its
verification. Each symbol is read and evaluated as a run of its own would be; here is what they share.

1. market:   the instruments, and what the request says about each     store/instrument_rows, account_legs
2. legs:     plan, candles, report, conversion of each                 prepare_run.load_run
3. signals:  conditions, levels and terms of each                      prepare_run.prepare_run
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sptraderb.candles.cache import CandleCache
from sptraderb.domain.backtest import BacktestRequest, PositionMode
from sptraderb.domain.candle import Candles
from sptraderb.domain.portfolio import Leg
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.engine.graph_walk import ExternalSeries
from sptraderb.orchestrator.account_legs import AccountLegs, account_legs
from sptraderb.orchestrator.prepare_run import LoadedRun, PreparedRun, load_run, prepare_until
from sptraderb.orchestrator.run_terms import run_instrument
from sptraderb.store.instrument_rows import read_instrument
from sptraderb.store.pool import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPortfolio:
    """Plans and candles of an account.

    Parameters
    ----------
    account : AccountLegs
        What the request says of each symbol.
    runs : tuple of LoadedRun
        One a symbol, in order.
    """

    account: AccountLegs
    runs: tuple[LoadedRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPortfolio:
    """Everything a simulation of an account needs.

    Parameters
    ----------
    requests : tuple of BacktestRequest
        Each symbol's part of the request.
    runs : tuple of PreparedRun
        One a symbol, in order.
    hedging : bool
        Whether a long and a short position of a symbol may stand beside each other.
    """

    requests: tuple[BacktestRequest, ...]
    runs: tuple[PreparedRun, ...]
    hedging: bool

    @property
    def candles(self) -> tuple[Candles, ...]:
        """The bars of each symbol."""
        return tuple(run.candles for run in self.runs)

    def legs(self, *, for_position: bool = False) -> tuple[Leg, ...]:
        """Return what the engines take.

        Parameters
        ----------
        for_position : bool
            Whether unknown paths are decided for the position (X6).
        """
        return tuple(
            Leg(
                symbol=run.candles.instrument.symbol,
                plan=run.plan,
                candles=run.candles,
                signals=run.signals,
                terms=dataclasses.replace(run.terms, for_position=for_position),
                finer=run.finer,
            )
            for run in self.runs
        )


async def load_portfolio(
    database: Database, request: BacktestRequest, *, cache: CandleCache | None = None
) -> LoadedPortfolio:
    """Compile the strategy for each symbol and read its candles.

    Parameters
    ----------
    database : Pool or Connection
        Where they are stored.
    request : BacktestRequest
        With one symbol or several.
    cache : CandleCache, optional
        For the candles.

    Raises
    ------
    CandlesUnusable
        Those of `load_run`.
    SptraderbError
        Those of `queue.submit`, should the market have changed since.
    """
    instruments = [
        run_instrument(await read_instrument(database, symbol), request) for symbol in request.symbols
    ]
    account = account_legs(request, instruments, parse_timeframe(request.timeframe))
    pins = dict(request.conversion_revisions)
    runs: list[LoadedRun] = []
    for own in account.requests:
        # A pair that converts several symbols is read at one revision, whatever is imported meanwhile.
        pinned = dataclasses.replace(own, conversion_revisions=pins)
        run = await load_run(database, pinned, cache=cache, n_shared=len(account.requests))
        if run.conversion is not None:
            pins |= run.conversion.revisions()
        runs.append(run)
    return LoadedPortfolio(account=account, runs=tuple(runs))


def prepare_portfolio(
    request: BacktestRequest, loaded: LoadedPortfolio, *, external: Sequence[ExternalSeries]
) -> PreparedPortfolio:
    """Evaluate each plan's conditions and set its terms: `prepare_portfolio_until` without an early end."""
    prepared = prepare_portfolio_until(request, loaded, external=external, should_stop=None)
    assert prepared is not None  # nothing told it to stop
    return prepared


def prepare_portfolio_until(
    request: BacktestRequest,
    loaded: LoadedPortfolio,
    *,
    external: Sequence[ExternalSeries],
    should_stop: Callable[[], bool] | None,
) -> PreparedPortfolio | None:
    """Evaluate each plan's conditions and set its terms; None if stopped meanwhile.

    Parameters
    ----------
    request : BacktestRequest
        What was asked for; its profile holds, whatever the loaded one was.
    loaded : LoadedPortfolio
        Plans and candles.
    external : sequence of mapping
        What the components of each plan gave.
    should_stop : callable or None
        As `engine.evaluate.evaluate_until` asks it.

    Raises
    ------
    CandlesUnusable
        ``candles.too_few``, ``conversion.no_rate``.
    """
    requests = [dataclasses.replace(own, profile=request.profile) for own in loaded.account.requests]
    runs: list[PreparedRun] = []
    for own, run, series in zip(requests, loaded.runs, external, strict=True):
        prepared = prepare_until(
            own, run, external=series, decimals=loaded.account.money_decimals, should_stop=should_stop
        )
        if prepared is None:
            return None
        runs.append(prepared)
    return PreparedPortfolio(
        requests=tuple(requests),
        runs=tuple(runs),
        hedging=request.position_mode is PositionMode.HEDGING,
    )
