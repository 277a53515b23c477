"""A user's Python as a plan names it: where it is, what it is given, what it must give back."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One Python component of a strategy.

    Parameters
    ----------
    name : str
        Its name in the document's expressions.
    module : str
        File in the operator's folder, without ``.py``.
    attribute : str
        Class in it; empty for a module-level ``generate_signals``.
    parameters : mapping of str to float
        Given by keyword to the class, or to ``generate_signals``.
    outputs : tuple of str
        Names of its series where it gives several; empty where it gives one.
    indicators : tuple of str
        Named series of the document that it is given.
    warm_up : int
        Bars before its first value; later values must be finite.
    line : int or None
        Line of the strategy text that names it.
    """

    name: str
    module: str
    attribute: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    warm_up: int = 0
    line: int | None = None

    def columns(self) -> tuple[str, ...]:
        """Return the names of its series, one empty name where it gives a single one."""
        return self.outputs or ("",)
