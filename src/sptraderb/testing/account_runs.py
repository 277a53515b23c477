"""Accounts with several symbols on given candles, loaded as a run loads them, without a database."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np

from sptraderb.candles.check import check_candles
from sptraderb.domain.backtest import BacktestRequest, Run, RunState
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import Instrument, fx_instrument
from sptraderb.domain.portfolio import Leg, PortfolioOutcome
from sptraderb.domain.timeframe import H1
from sptraderb.oracle.replay import replay_portfolio
from sptraderb.orchestrator.account_legs import account_legs
from sptraderb.orchestrator.prepare_portfolio import LoadedPortfolio
from sptraderb.orchestrator.prepare_run import LoadedRun
from sptraderb.orchestrator.run_terms import run_instrument
from sptraderb.strategy.compiler import StrategyTarget, compile_strategy
from sptraderb.testing.run_requests import build_request
from sptraderb.testing.stored_candles import MONDAY_S, wavy_bars

CROSSING = """\
name: crossing
entry:
  long: {when: "crosses_above(sma(close, 3), sma(close, 9))", size: 1000 units}
  short: {when: "crosses_below(sma(close, 3), sma(close, 9))", size: 1000 units}
exit: {stop_loss: 40 pips, take_profit: 60 pips, max_bars: 30}
costs: {commission: 0.002%, spread: 0.8 pips}
"""


def wavy_candles(
    instrument: Instrument, n_bars: int, *, first_bar: int = 0, skipped: Sequence[int] = ()
) -> Candles:
    """Return hourly bars that swing, some of them left out.

    Parameters
    ----------
    instrument : Instrument
        Prices are the same ticks whatever it is.
    n_bars : int
        Before some are left out.
    first_bar : int
        Where in the swing the first bar stands; it opens as many hours after `MONDAY_S`.
    skipped : sequence of int
        Bars to leave out.
    """
    bars = wavy_bars(first_bar + n_bars)[first_bar:]
    kept = [bar for number, bar in enumerate(bars) if number not in set(skipped)]
    names = ("time_s", "open_ticks", "high_ticks", "low_ticks", "close_ticks")
    columns = {name: np.array([bar[at] for bar in kept], dtype=np.int64) for at, name in enumerate(names)}
    return Candles.from_columns(columns, instrument=instrument, timeframe=H1)


def account_request(symbols: Sequence[str] = ("EURUSD", "GBPUSD"), **changes: Any) -> BacktestRequest:
    """Return a request of an account, with some fields changed."""
    fields = {
        "strategy_name": "crossing",
        "strategy_text": CROSSING,
        "symbols": tuple(symbols),
        "start_s": MONDAY_S,
        "end_s": MONDAY_S + 10_000 * 3600,
        "parameters": {},
        "tags": (),
    }
    return build_request(**fields | changes)


def loaded_account(request: BacktestRequest, candles: Mapping[str, Candles]) -> LoadedPortfolio:
    """Return an account as it is loaded from a database.

    Parameters
    ----------
    request : BacktestRequest
        What is run.
    candles : mapping of str to Candles
        By symbol.
    """
    instruments = [run_instrument(candles[symbol].instrument, request) for symbol in request.symbols]
    runs = []
    for instrument in instruments:
        bars = candles[instrument.symbol]
        target = StrategyTarget(timeframe=bars.timeframe, instrument=instrument)
        plan = compile_strategy(request.strategy_text, parameters=request.parameters, target=target)
        runs.append(LoadedRun(plan=plan, candles=bars, first_bar=0, report=check_candles(bars)))
    return LoadedPortfolio(account=account_legs(request, instruments, H1), runs=tuple(runs))


def wavy_account(n_bars: int = 300, **changes: Any) -> tuple[Run, LoadedPortfolio]:
    """Return a run of EURUSD and GBPUSD on bars of which each lacks some that the other has."""
    request = account_request(**changes)
    candles = {
        symbol: wavy_candles(
            fx_instrument(symbol), n_bars, first_bar=5 * number, skipped=range(40 + number, 60, 3)
        )
        for number, symbol in enumerate(request.symbols)
    }
    return run_of(request), loaded_account(request, candles)


def run_of(request: BacktestRequest) -> Run:
    """Return a run as a child gets it."""
    return Run(
        id=UUID(int=7),
        owner="local",
        request=request,
        state=RunState.RUNNING,
        attempt=1,
        created_at=datetime(2024, 1, 1, tzinfo=UTC),
    )


def replay_as_simulator(
    legs: Sequence[Leg],
    *,
    hedging: bool,
    should_stop: Callable[[], bool],
    on_progress: Callable[[int, int], None],
) -> PortfolioOutcome:
    """Stand in for the engine with the oracle, which does not stop on the way."""
    del should_stop
    outcome = replay_portfolio(legs, hedging=hedging)
    on_progress(outcome.n_instants_done, outcome.n_instants_done)
    return outcome
