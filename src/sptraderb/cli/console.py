"""What the command line looks like: one console for results, one for errors, progress bars, steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from sptraderb.errors import SptraderbError

OUT = Console(highlight=False)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


def show_error(error: SptraderbError) -> None:
    """Print a failure to standard error: sentence, hint, then each fault with its place."""
    ERR.print(f"[bold red]error[/] [dim]{escape(error.code)}[/] {escape(error.message)}")
    if error.hint:
        ERR.print(f"  [cyan]{escape(error.hint)}[/]")
    for fault in error.faults:
        ERR.print(escape(fault.rendered()))


def say_done(text: str, *, seconds: float | None = None) -> None:
    """Print one finished step."""
    took = f" [dim]{seconds:.1f} s[/]" if seconds is not None else ""
    OUT.print(f"[green]✓[/] {escape(text)}{took}", soft_wrap=True)


def link(path: Path) -> str:
    """Return a path as markup that a terminal can open."""
    return f"[link=file://{path}]{escape(str(path))}[/link]"


class StepBar:
    """A progress bar over one long step, told by the parts below as (done, total) or (phase, done, total).

    Parameters
    ----------
    progress : Progress
        The display it is drawn on.
    task : TaskID
        Its row there.
    """

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def move(self, done: float, total: float, text: str | None = None) -> None:
        """Set how far the step is, and its text where it changes."""
        if text is None:
            self._progress.update(self._task, completed=done, total=max(total, 1))
        else:
            self._progress.update(self._task, completed=done, total=max(total, 1), description=escape(text))


@contextmanager
def step_bar(text: str, *, counts: bool = True) -> Iterator[StepBar]:
    """Show a progress bar while a step runs; it goes away when the step ends.

    Parameters
    ----------
    text : str
        What is being done.
    counts : bool
        Whether ``done/total`` is shown beside the bar.
    """
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=32)]
    tail = [MofNCompleteColumn()] if counts else [TextColumn("{task.percentage:>3.0f}%")]
    shown = Progress(
        *columns, *tail, TimeElapsedColumn(), console=OUT, transient=True, disable=not OUT.is_terminal
    )
    with shown as progress:
        yield StepBar(progress, progress.add_task(escape(text), total=None))
