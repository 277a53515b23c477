"""The child: computes one run in a process of its own and stores its result.

Forked from the template, so kernels are loaded. It opens a connection to read the candles, closes it,
computes, and opens another to store (`result_storing`): a run may take hours and the database may restart
meanwhile.
"""

import asyncio
import contextlib
import gc
from pathlib import Path

from sptraderb.candles.cache import CandleCache
from sptraderb.domain.backtest import Phase
from sptraderb.engine.simulate import simulate
from sptraderb.errors import SptraderbError, Unavailable
from sptraderb.orchestrator.child_pipe import Assignment, ChildChannel, Ended, Failed, Stopped
from sptraderb.orchestrator.execute import Simulator, execute
from sptraderb.orchestrator.prepare_run import LoadedRun, load_run
from sptraderb.orchestrator.progress import ProgressMeter
from sptraderb.orchestrator.result_storing import store_surely
from sptraderb.store.pool import DATABASE_DOWN, connect
from sptraderb.telemetry import logger

_READ_TRIES = 5
_AGAIN_AFTER_S = 1.0
_log = logger(__name__)


def preload() -> None:
    """Load kernels and libraries once, in the template."""
    from sptraderb.engine.warm import warm_kernels

    warm_kernels()
    # What is here stays: the collector would touch, and so copy, every page in every child.
    gc.collect()
    gc.freeze()


def run_child(channel: ChildChannel, *, simulator: Simulator = simulate) -> None:
    """Do one assignment and tell the worker how it ended.

    Parameters
    ----------
    channel : ChildChannel
        The pipe to the worker.
    simulator : callable
        The engine; tests give a slowed one.
    """
    assignment = channel.read_assignment()
    if assignment is None:
        return
    channel.watch()
    try:
        channel.send(asyncio.run(_run(channel, assignment, simulator)))
    except SptraderbError as error:
        channel.send(
            Failed(
                code=error.code,
                message=error.message,
                context=_plain(error.context),
                retry=isinstance(error, Unavailable),
            )
        )
    except Exception as error:
        _log.exception("run failed unexpectedly", run=str(assignment.run.id))
        channel.send(
            Failed(
                code="run.internal_error",
                message="a run must end with a result or a known error, the program failed",
                context={"run": str(assignment.run.id), "type": type(error).__name__},
            )
        )


async def _run(channel: ChildChannel, assignment: Assignment, simulator: Simulator) -> Ended | Stopped:
    meter = ProgressMeter(channel.send)
    meter.enter(Phase.LOADING)
    loaded = await _load_unless_stopped(channel, assignment)
    if loaded is None:
        return Stopped()
    executed = execute(
        assignment.run,
        loaded,
        should_stop=lambda: channel.is_stopped,
        meter=meter,
        simulator=simulator,
    )
    if executed is None:
        return Stopped()
    run = await store_surely(assignment, executed)
    status = "fenced" if run is None else run.state.value
    return Ended(status=status, n_bars=executed.n_bars, n_trades=executed.n_trades)


async def _load_unless_stopped(channel: ChildChannel, assignment: Assignment) -> LoadedRun | None:
    loop = asyncio.get_running_loop()
    loading = asyncio.create_task(_load_surely(assignment))
    channel.call_on_stop(lambda: loop.call_soon_threadsafe(loading.cancel))
    try:
        return await loading
    except asyncio.CancelledError:
        return None
    finally:
        channel.call_on_stop(None)


async def _load_surely(assignment: Assignment) -> LoadedRun:
    """Read the candles, again if the connection breaks."""
    cache = None
    if assignment.candle_cache_bytes:
        folder = Path(assignment.data_dir) / "candles"
        cache = CandleCache(folder, max_bytes=assignment.candle_cache_bytes)
    for n_left in reversed(range(_READ_TRIES)):
        connection = await connect(assignment.database_url, name="sptraderb run")
        try:
            return await load_run(connection, assignment.run.request, cache=cache)
        except DATABASE_DOWN:
            if n_left == 0 or not connection.is_closed():
                raise
            await asyncio.sleep(_AGAIN_AFTER_S)
        finally:
            with contextlib.suppress(*DATABASE_DOWN):
                await connection.close()
    raise AssertionError


def _plain(context: object) -> dict[str, object]:
    words = context if isinstance(context, dict) else {}
    kinds = (str, int, float, bool, list, dict, tuple, type(None))
    return {key: value if isinstance(value, kinds) else str(value) for key, value in words.items()}
