"""One open position, as an object that knows its own prices, costs and excursions.

Place: state of the oracle between a fill and the exit.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from sptraderb.domain.order import EntryRule
from sptraderb.oracle.exact_numbers import ZERO
from sptraderb.oracle.exit_levels import Levels
from sptraderb.oracle.moving_stop import MovingStop
from sptraderb.oracle.quoted_bar import Fill


@dataclass(slots=True)
class HeldPosition:
    """A position opened by one fill.

    Parameters
    ----------
    number : int
        Counted from 0 in the order of opening.
    rule_index : int
        Which entry rule opened it.
    rule : EntryRule
        That rule: side and exits.
    entry_bar : int
        Bar of its fill.
    quantity : Decimal
        Units held.
    fill : Fill
        Reference, side and fill price of the entry.
    levels : Levels
        Stop, target and distances, fixed at the fill (X15).
    spread, slippage, commission : Decimal
        Costs of the entry as booked; never positive.
    stop : MovingStop
        The stop that governs (X8).
    adverse, favourable : Decimal
        Largest moves against and for it from the fill, by side prices; never negative.
    """

    number: int
    rule_index: int
    rule: EntryRule
    entry_bar: int
    quantity: Decimal
    fill: Fill
    levels: Levels
    spread: Decimal = ZERO
    slippage: Decimal = ZERO
    commission: Decimal = ZERO
    adverse: Decimal = ZERO
    favourable: Decimal = ZERO
    stop: MovingStop = field(init=False)

    def __post_init__(self) -> None:
        self.stop = MovingStop(self.side, self.fill.price, levels=self.levels)

    @property
    def side(self) -> int:
        """1 for a long, -1 for a short."""
        return self.rule.side

    @property
    def booked(self) -> Decimal:
        """Costs of the entry already in the balance."""
        return self.spread + self.slippage + self.commission

    def exits_live_at(self, bar: int) -> bool:
        """Return whether stop and target count on ``bar`` (X7, X15)."""
        return bar > self.entry_bar or not self.rule.exits.live_from_next_bar

    def is_due_at(self, bar: int, *, held_s: int) -> bool:
        """Return whether a time exit falls on the open of ``bar``, ``held_s`` seconds held (X10)."""
        exits = self.rule.exits
        by_bars = exits.max_bars > 0 and bar == self.entry_bar + exits.max_bars
        return by_bars or (exits.max_duration_s > 0 and held_s >= exits.max_duration_s)

    def stop_reached(self, worst: Decimal) -> bool:
        """Return whether a price on the exit side touches or passes the stop that governs (X2)."""
        stop, _ = self.stop.governing()
        return stop is not None and self.side * (worst - stop) <= 0

    def target_reached(self, best: Decimal) -> bool:
        """Return whether a price on the exit side touches or passes the target (X3)."""
        target = self.levels.target
        return target is not None and self.side * (best - target) >= 0

    def see(self, price: Decimal) -> None:
        """Let a price of the exit side count for the excursions."""
        move = self.side * (price - self.fill.price)
        self.adverse = max(self.adverse, -move)
        self.favourable = max(self.favourable, move)
