"""A child without an engine that does imports: a worker with it is ready at once."""

from pathlib import Path

from sptraderb.orchestrator import child
from sptraderb.orchestrator.child_pipe import Assignment, ChildChannel, Stopped


def preload(_data_dir: Path) -> None:
    """Load what imports need."""
    import sptraderb.orchestrator.import_work  # noqa: F401 - loaded once, for all children


def run_child(channel: ChildChannel) -> None:
    """Do one import, as the real child does."""
    child.answer(channel, _refuse_run)


async def _refuse_run(_channel: ChildChannel, _assignment: Assignment) -> Stopped:
    return Stopped()
