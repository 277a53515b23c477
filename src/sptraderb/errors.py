"""The error tree: every failure a user can meet is one of these classes.

An error is a class (what kind of failure), a code (which one, stable, documented in
``docs/reference/errors.md``), a sentence (what must hold, then what was found), an optional hint
on its own line, and facts. Nothing here knows HTTP: ``api/problems`` maps classes to statuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One of several faults found in one input.

    Parameters
    ----------
    code : str
        Stable code such as ``strategy.unknown_key``.
    message : str
        What must hold, then what was found.
    path : str
        Place inside the input, such as ``exit.stop_los`` or ``body.start_date``.
    line, column : int or None
        Place in a text, counted from 1.
    source : str
        The line of text the fault lies in, without its end.
    width : int
        How many characters the caret underlines.
    hint : str
        What to do, such as ``did you mean `stop_loss`?``.
    """

    code: str
    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None
    source: str = ""
    width: int = 1
    hint: str = ""

    def rendered(self) -> str:
        """Return the fault as text: the place and the sentence, then the line with a caret."""
        place = f", line {self.line}, column {self.column}" if self.line is not None else ""
        head = f"{self.code}{place}: {self.message}"
        if not self.source or self.column is None:
            return f"{head}\n    {self.hint}" if self.hint else head
        pad = " " * (self.column - 1)
        caret = "^" + "~" * max(0, self.width - 1)
        return f"{head}\n    {self.source}\n    {pad}{caret}  {self.hint}".rstrip()


class SptraderbError(Exception):
    """The root of the tree; never raised itself.

    Parameters
    ----------
    code : str
        Stable code, ``subject.reason``.
    message : str
        One sentence: what must hold, then what was found.
    hint : str
        What to do about it, or empty.
    faults : sequence of Fault
        All faults of one input, where the input has several.
    **context
        Facts a program may read (ids, limits, names).
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        faults: Sequence[Fault] = (),
        **context: object,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.faults = tuple(faults)
        self.context: Mapping[str, object] = context

    def __str__(self) -> str:
        head = f"{self.code}: {self.message}"
        lines = [head, *([f"    {self.hint}"] if self.hint else [])]
        lines += [fault.rendered() for fault in self.faults]
        return "\n".join(lines)


class InvalidInput(SptraderbError):
    """The request, file or argument breaks a rule that needs no stored state to judge."""


class StrategyInvalid(SptraderbError):
    """A strategy text has faults; ``faults`` holds all of them."""


class CandlesUnusable(SptraderbError):
    """Candles are missing, off the price grid or not good enough for the mode asked for."""


class MoneyOverflow(SptraderbError):
    """A sum, price or quantity does not fit 64 bits at its scale."""


class NotFound(SptraderbError):
    """The thing named does not exist, or is another user's."""


class Conflict(SptraderbError):
    """The thing exists, but not in a state that allows this."""


class PreconditionFailed(Conflict):
    """The revision the caller names is not the current one."""


class NotAuthenticated(SptraderbError):
    """No valid credentials came with the request."""


class NotPermitted(SptraderbError):
    """The caller is known and may not do this."""


class RateLimited(SptraderbError):
    """The caller has used up a limit; ``context['retry_after_s']`` says when to return."""


class TooLarge(SptraderbError):
    """The input is larger than the stated limit."""


class Unavailable(SptraderbError):
    """A part that is needed (database, queue) does not answer now, or a limit of the server is met."""


class InvariantBroken(SptraderbError):
    """The program found itself wrong; a defect to report."""
