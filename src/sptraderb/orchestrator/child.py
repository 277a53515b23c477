"""The child's entry: one assignment, and a last word to the worker about how it ended.

Light to import: the folder of compiled kernels is chosen before anything loads them (`child_work`).
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from sptraderb.errors import SptraderbError, Unavailable
from sptraderb.orchestrator.child_pipe import (
    Assignment,
    ChildChannel,
    Ended,
    Failed,
    ImportAssignment,
    Stopped,
)
from sptraderb.orchestrator.kernel_environment import keep_out, open_kernel_cache
from sptraderb.telemetry import logger

_PLAIN = (str, int, float, bool, list, dict, tuple, type(None))
_log = logger(__name__)

Work = Callable[[ChildChannel, Assignment], Awaitable[Ended | Stopped]]


def preload(data_dir: Path) -> None:
    """Load kernels and libraries once, in the template.

    Parameters
    ----------
    data_dir : Path
        Where kernels are cached if they cannot be beside their source.
    """
    keep_out()
    open_kernel_cache(data_dir)
    import sptraderb.orchestrator.child_work  # noqa: F401 - loads what every child needs
    from sptraderb.engine.warm import warm_kernels
    from sptraderb.orchestrator.rehearsal import rehearse

    warm_kernels()
    rehearse()
    # What is here stays: the collector would touch, and so copy, every page in every child.
    gc.collect()
    gc.freeze()


def run_child(channel: ChildChannel) -> None:
    """Compute one run, or do one import.

    Parameters
    ----------
    channel : ChildChannel
        The pipe to the worker.
    """
    from sptraderb.orchestrator.child_work import work

    answer(channel, work)


def answer(channel: ChildChannel, work: Work) -> None:
    """Read the assignment, do the work, tell the worker how it ended.

    Parameters
    ----------
    channel : ChildChannel
        The pipe to the worker.
    work : callable
        Computes and stores; its errors are told, not raised.
    """
    assignment = channel.read_assignment()
    if assignment is None:
        return
    channel.watch()
    if isinstance(assignment, ImportAssignment):
        # Loaded when first needed: most children compute runs.
        from sptraderb.orchestrator.import_work import work_import

        _tell(channel, work_import(channel, assignment), name=str(assignment.import_id))
    else:
        _tell(channel, work(channel, assignment), name=str(assignment.run.id))


def _tell(channel: ChildChannel, working: Awaitable[Ended | Stopped], *, name: str) -> None:
    """Do the work and send how it ended."""
    try:
        channel.send(asyncio.run(_awaited(working)))
    except SptraderbError as error:
        known = Failed(
            code=error.code,
            message=error.message,
            context=_plain(error.context),
            hint=error.hint,
            retry=isinstance(error, Unavailable),
        )
        channel.send(known)
    except Exception as error:
        _log.exception("child failed unexpectedly", id=name)
        unknown = Failed(
            code="run.internal_error",
            message="a run must end with a result or a known error, the program failed; the log says more",
            context={"run": name, "type": type(error).__name__},
        )
        channel.send(unknown)


async def _awaited(working: Awaitable[Ended | Stopped]) -> Ended | Stopped:
    return await working


def _plain(context: Mapping[str, object]) -> dict[str, object]:
    return {key: value if isinstance(value, _PLAIN) else str(value) for key, value in context.items()}
