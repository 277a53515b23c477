"""What names mean while a strategy is compiled: parameters, series and the run's instrument."""

from dataclasses import dataclass, field
from decimal import Decimal

from sptraderb.domain.component import Component
from sptraderb.domain.timeframe import Timeframe
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
    series : dict of str to (Value or None)
        Named series compiled so far; None for one that has a fault.
    components : dict of str to (Component, Kind)
        Python components, and what their values are.
    """

    target: StrategyTarget
    parameters: dict[str, Quantity] = field(default_factory=dict)
    series: dict[str, Value | None] = field(default_factory=dict)
    components: dict[str, tuple[Component, Kind]] = field(default_factory=dict)

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
