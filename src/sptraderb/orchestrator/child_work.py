"""The child's work: read the candles, compute, store the result.

It opens a connection to read the candles, closes it, computes, and opens another to store
(`result_storing`): a run may take hours and the database may restart meanwhile.
"""

import asyncio
import contextlib
from pathlib import Path

from sptraderb.candles.cache import CandleCache
from sptraderb.domain.backtest import Phase
from sptraderb.engine.simulate import simulate
from sptraderb.engine.simulate_portfolio import simulate_portfolio
from sptraderb.orchestrator.child_pipe import Assignment, ChildChannel, Ended, Stopped
from sptraderb.orchestrator.execute import Simulator, execute
from sptraderb.orchestrator.execute_portfolio import AccountSimulator, execute_portfolio
from sptraderb.orchestrator.prepare_portfolio import LoadedPortfolio, load_portfolio
from sptraderb.orchestrator.prepare_run import LoadedRun, load_run
from sptraderb.orchestrator.progress import ProgressMeter
from sptraderb.orchestrator.result_storing import Executed, store_surely
from sptraderb.store.pool import DATABASE_DOWN, connect

_READ_TRIES = 5
_AGAIN_AFTER_S = 1.0


async def work(
    channel: ChildChannel,
    assignment: Assignment,
    *,
    simulator: Simulator = simulate,
    account_simulator: AccountSimulator = simulate_portfolio,
) -> Ended | Stopped:
    """Do one assignment.

    Parameters
    ----------
    channel : ChildChannel
        Takes progress, knows of a stop.
    assignment : Assignment
        The run.
    simulator, account_simulator : callable
        The engine for one symbol, and for an account; tests give slowed ones.

    Returns
    -------
    Ended or Stopped
        What to tell the worker: stored, or stopped before there was anything to keep.

    Raises
    ------
    SptraderbError
        Whatever makes the run impossible.
    """
    meter = ProgressMeter(channel.send)
    meter.enter(Phase.LOADING)
    loaded = await _load_unless_stopped(channel, assignment)
    if loaded is None:
        return Stopped()
    executed: Executed | None
    if isinstance(loaded, LoadedPortfolio):
        executed = execute_portfolio(
            assignment.run,
            loaded,
            should_stop=lambda: channel.is_stopped,
            meter=meter,
            simulator=account_simulator,
            policy=assignment.python,
        )
    else:
        executed = execute(
            assignment.run,
            loaded,
            should_stop=lambda: channel.is_stopped,
            meter=meter,
            simulator=simulator,
            policy=assignment.python,
        )
    if executed is None:
        return Stopped()
    run = await store_surely(assignment, executed)
    status = "fenced" if run is None else run.state.value
    return Ended(status=status, n_bars=executed.n_bars, n_trades=executed.n_trades)


async def _load_unless_stopped(
    channel: ChildChannel, assignment: Assignment
) -> LoadedRun | LoadedPortfolio | None:
    loop = asyncio.get_running_loop()
    loading = asyncio.create_task(_load_surely(assignment))

    def _cancel_loading() -> None:
        loop.call_soon_threadsafe(loading.cancel)

    channel.call_on_stop(_cancel_loading)
    try:
        return await loading
    except asyncio.CancelledError:
        return None
    finally:
        channel.call_on_stop(None)


async def _load_surely(assignment: Assignment) -> LoadedRun | LoadedPortfolio:
    """Read the candles, again if the connection breaks."""
    cache = None
    if assignment.candle_cache_bytes:
        folder = Path(assignment.data_dir) / "candles"
        cache = CandleCache(folder, max_bytes=assignment.candle_cache_bytes)
    for n_left in reversed(range(_READ_TRIES)):
        connection = await connect(assignment.database_url, name="sptraderb run")
        try:
            request = assignment.run.request
            if request.shares_account:
                return await load_portfolio(connection, request, cache=cache)
            return await load_run(connection, request, cache=cache)
        except DATABASE_DOWN:
            if n_left == 0 or not connection.is_closed():
                raise
            await asyncio.sleep(_AGAIN_AFTER_S)
        finally:
            with contextlib.suppress(*DATABASE_DOWN):
                await connection.close()
    raise AssertionError
