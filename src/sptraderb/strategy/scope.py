"""What names mean while a strategy is compiled: parameters, series and the run's instrument."""

from dataclasses import dataclass, field
from decimal import Decimal

from sptraderb.domain.component import Component
from sptraderb.domain.position_program import PositionProgram
from sptraderb.domain.timeframe import Timeframe
from sptraderb.strategy.document_nodes import TextNode
from sptraderb.strategy.syntax_tree import Expression
from sptraderb.strategy.target import DEFAULT_TARGET, StrategyTarget
from sptraderb.strategy.values import EXACT, Kind, Quantity, Value


@dataclass(slots=True, kw_only=True)
class Scope:
    """Names in force.

    Parameters
    ----------
    target : StrategyTarget
        The run's timeframe and instrument.
    parameters : dict of str to Quantity
        Values in force after overrides.
    words : dict of str to (str, tuple of str)
        Parameters that are a word: the one in force and those it may be.
    series : dict of str to (Value or None)
        Named series compiled so far; None for one that has a fault.
    sources : dict of str to (TextNode, Expression)
        What those series stand for, each after those it uses.
    components : dict of str to (Component, Kind)
        Python components, and what their values are.
    programs : dict of int to PositionProgram
        Conditions about the position compiled so far, by node.
    refused : set of str
        Names that were given and may not be; what uses them is no further fault.
    """

    target: StrategyTarget
    parameters: dict[str, Quantity] = field(default_factory=dict)
    words: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    series: dict[str, Value | None] = field(default_factory=dict)
    sources: dict[str, tuple[TextNode, Expression]] = field(default_factory=dict)
    components: dict[str, tuple[Component, Kind]] = field(default_factory=dict)
    programs: dict[int, PositionProgram] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    @classmethod
    def empty(cls) -> "Scope":
        """Return a scope without names, for constants of a request."""
        return cls(target=DEFAULT_TARGET)

    @property
    def timeframe(self) -> Timeframe:
        """The run's timeframe."""
        return self.target.timeframe

    def distance(self, quantity: Quantity) -> Decimal:
        """Return pips or ticks as a price distance."""
        ticks = self.ticks(quantity)
        return EXACT.scaleb(ticks, -self.target.instrument.price_scale)

    def ticks(self, quantity: Quantity) -> Decimal:
        """Return pips or ticks as ticks."""
        per_unit = self.target.instrument.pip_ticks if quantity.unit == "pips" else 1
        return EXACT.multiply(quantity.value, Decimal(per_unit))
