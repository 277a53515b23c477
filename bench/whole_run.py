"""A run as a worker's child gets it, its candles read: what benches of whole runs start from."""

from datetime import UTC, datetime
from uuid import UUID

from bench.sma_cross import random_candles

from sptraderb.candles.check import check_candles
from sptraderb.domain.backtest import BacktestRequest, Run, RunState
from sptraderb.orchestrator.prepare_run import LoadedRun
from sptraderb.strategy.compiler import StrategyTarget, compile_strategy


def whole_run(text: str, n_bars: int) -> tuple[Run, LoadedRun]:
    """Return a run of a strategy on random minutes, and what loading it gives.

    Parameters
    ----------
    text : str
        YAML of the strategy.
    n_bars : int
        Bars.

    Returns
    -------
    tuple of Run, LoadedRun
        The candles know their close times and session days already.
    """
    candles = random_candles(n_bars)
    _ = candles.close_times_s, candles.session_days
    target = StrategyTarget(timeframe=candles.timeframe, instrument=candles.instrument)
    loaded = LoadedRun(
        plan=compile_strategy(text, target=target),
        candles=candles,
        first_bar=0,
        report=check_candles(candles),
    )
    request = BacktestRequest(
        strategy_name="bench",
        strategy_text=text,
        symbols=(candles.instrument.symbol,),
        timeframe=candles.timeframe.name,
        start_s=int(candles.time_s[0]),
        end_s=int(candles.time_s[-1]),
        initial_capital="10000000",
    )
    run = Run(
        id=UUID(int=0),
        owner="",
        request=request,
        state=RunState.RUNNING,
        attempt=1,
        created_at=datetime.now(tz=UTC),
    )
    return run, loaded
