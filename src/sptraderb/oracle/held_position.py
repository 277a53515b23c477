"""One open position, as an object that knows its own prices, costs and excursions.

Place: state of the oracle between a fill and the exit.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from sptraderb.domain.order import EntryRule
from sptraderb.domain.outcome import ExitReason
from sptraderb.oracle.exact_numbers import ZERO, Scales
from sptraderb.oracle.exit_levels import LevelRule, Levels
from sptraderb.oracle.moving_stop import MovingStop
from sptraderb.oracle.quoted_bar import Fill, QuotedBar


@dataclass(frozen=True, slots=True)
class Opening:
    """What opened a position.

    Parameters
    ----------
    number : int
        Counted from 0 in the order of opening.
    rule_index : int
        Which entry rule opened it.
    rule : EntryRule
        That rule: side and exits.
    bar : int
        Bar of its fill.
    level_rule : LevelRule
        Computes its levels, again after each addition.
    """

    number: int
    rule_index: int
    rule: EntryRule
    bar: int
    level_rule: LevelRule


@dataclass(frozen=True, slots=True)
class Part:
    """What a partial or full exit takes out of a position (M5).

    Parameters
    ----------
    quantity : Decimal
        Units that leave.
    entry_reference : Decimal
        Average reference price of the position before it, on the grid.
    value : Decimal
        Its share of reference price x quantity.
    spread, slippage, commission : Decimal
        Its share of the entry's costs as booked; never positive.
    swap, funding : Decimal
        Its share of what holding the position has cost or earned (C4).
    is_of_several : bool
        Whether the position's fills had different reference prices.
    """

    quantity: Decimal
    entry_reference: Decimal
    value: Decimal
    spread: Decimal
    slippage: Decimal
    commission: Decimal
    swap: Decimal
    funding: Decimal
    is_of_several: bool


@dataclass(slots=True)
class HeldPosition:
    """A position opened by one fill, and perhaps added to.

    Parameters
    ----------
    opening : Opening
        Its rule, number and bar.
    quantity : Decimal
        Units held.
    fill : Fill
        Reference, side and fill price of the first entry.
    levels : Levels
        Stop, target, partial exits and distances (X15).
    scales : Scales
        The run's units.
    ambiguous : bool
        Whether its course depended on what nobody knows (X6); marks all its later trades.
    spread, slippage, commission : Decimal
        Costs of its entries as booked, of what is still held; never positive.
    swap, funding : Decimal
        What holding it has cost or earned, of what is still held (C4).
    value, paid : Decimal
        Reference price x quantity and fill price x quantity of what is held (M5).
    entry_price : Decimal
        Average fill price on the grid: the anchor of distances (X17).
    last_price : Decimal
        Price of the last fill.
    largest : Decimal
        Largest size held so far (X9).
    n_fills : int
        Fills of its entries.
    parts_left : list of int
        Partial exits not yet done.
    stop : MovingStop
        The stop that governs (X8).
    seen : list of Decimal
        Worst and best price of the exit side in the finished bars it was held in; empty before the first.
    entry_step, inside_step : int
        The walked bar (`TradingDesk.step`) of its first fill, and the last one inside which, after its
        open, it was opened or added to; -1 = none.
    certain : tuple of Decimal
        Exit side prices of that bar that came after the fill for certain (X7).
    marked_at : Decimal or None
        Exit side price of its last mark; None until the first.
    stop_out : Decimal or None
        Where the account's margin ends it (A3), kept up by the desk while orders can fill.
    live : bool
        Whether its attached exits count in the current bar (X15); a stop-out always does.
    """

    opening: Opening
    quantity: Decimal
    fill: Fill
    levels: Levels
    scales: Scales
    ambiguous: bool = False
    spread: Decimal = ZERO
    slippage: Decimal = ZERO
    commission: Decimal = ZERO
    swap: Decimal = ZERO
    funding: Decimal = ZERO
    n_fills: int = 1
    entry_step: int = -1
    inside_step: int = -1
    certain: tuple[Decimal, ...] = ()
    marked_at: Decimal | None = None
    stop_out: Decimal | None = None
    live: bool = True
    value: Decimal = field(init=False)
    paid: Decimal = field(init=False)
    entry_price: Decimal = field(init=False)
    last_price: Decimal = field(init=False)
    largest: Decimal = field(init=False)
    seen: list[Decimal] = field(default_factory=list)
    parts_left: list[int] = field(init=False)
    first_stop: Decimal | None = field(init=False)
    stop: MovingStop = field(init=False)

    def __post_init__(self) -> None:
        price = self.fill.price
        self.value, self.paid = self.fill.reference * self.quantity, price * self.quantity
        self.entry_price = self.last_price = price
        self.largest = self.quantity
        self.parts_left = list(range(len(self.levels.parts)))
        self.first_stop = self.levels.stop
        self.stop = MovingStop(self.side, price, levels=self.levels)

    @property
    def side(self) -> int:
        """1 for a long, -1 for a short."""
        return self.opening.rule.side

    @property
    def entry_bar(self) -> int:
        """Bar of the first fill."""
        return self.opening.bar

    def saw_open_of(self, step: int) -> bool:
        """Return whether it was held at the open of a walked bar, or from it on."""
        return not (self.n_fills == 1 and step == self.entry_step == self.inside_step)

    @property
    def reference(self) -> Decimal:
        """Average reference price on the grid."""
        return self.scales.average_price(self.value, self.quantity)

    @property
    def relative_value(self) -> Decimal:
        """How far its value lies from all of it at the reference price of the first fill."""
        return self.value - self.fill.reference * self.quantity

    @property
    def booked(self) -> Decimal:
        """Costs of the entries and of holding already in the balance."""
        return self.spread + self.slippage + self.commission + self.swap + self.funding

    # -- size ------------------------------------------------------------------------------------

    def add(self, fill: Fill, quantity: Decimal) -> None:
        """Take in an addition: the average price moves, and every distance with it (X17)."""
        self.quantity += quantity
        self.value += fill.reference * quantity
        self.paid += fill.price * quantity
        self.largest = max(self.largest, self.quantity)
        self.n_fills += 1
        self.last_price = fill.price
        self.scales.require_fit(self.relative_value)
        self.scales.require_fit(self.paid - self.fill.price * self.quantity)
        self.entry_price = self.scales.average_price(self.paid, self.quantity)
        self.levels = self.opening.level_rule.levels_from(self.entry_price, self.levels)
        self.stop.anchor_at(self.entry_price, self.levels)

    def take_out(self, quantity: Decimal) -> Part:
        """Take a part out, with its share of value and costs; the last part takes the rest (M5)."""
        reference, is_of_several = self.reference, bool(self.relative_value)
        costs = (self.spread, self.slippage, self.commission, self.swap, self.funding)
        spread, slippage, commission, swap, funding = (self._share(amount, quantity) for amount in costs)
        value = self.scales.shared_value(self.value, quantity, whole=self.quantity)
        self.paid -= self.scales.shared_value(self.paid, quantity, whole=self.quantity)
        self.value -= value
        self.quantity -= quantity
        self.spread -= spread
        self.slippage -= slippage
        self.commission -= commission
        self.swap -= swap
        self.funding -= funding
        return Part(quantity, reference, value, spread, slippage, commission, swap, funding, is_of_several)

    def _share(self, amount: Decimal, quantity: Decimal) -> Decimal:
        return self.scales.shared(amount, quantity, whole=self.quantity)

    # -- levels ----------------------------------------------------------------------------------

    def exits_live_at(self, bar: int) -> bool:
        """Return whether stop, target and partial exits count on ``bar`` (X7, X15)."""
        return bar > self.entry_bar or not self.opening.rule.exits.live_from_next_bar

    def is_due_at(self, bar: int, *, held_s: int) -> bool:
        """Return whether a time exit falls on the open of ``bar``, ``held_s`` seconds held (X10)."""
        exits = self.opening.rule.exits
        by_bars = exits.max_bars > 0 and bar == self.entry_bar + exits.max_bars
        return by_bars or (exits.max_duration_s > 0 and held_s >= exits.max_duration_s)

    def governing(self) -> tuple[Decimal | None, ExitReason]:
        """Return the nearest of its stops and the stop-out, and whose it is; of equal ones the stop (A3)."""
        level, reason = self.stop.governing() if self.live else (None, ExitReason.STOP_LOSS)
        if self.stop_out is None or (level is not None and self.side * (self.stop_out - level) <= 0):
            return level, reason
        return self.stop_out, ExitReason.STOP_OUT

    def stop_reached(self, worst: Decimal) -> bool:
        """Return whether a price on the exit side touches or passes the stop that governs (X2)."""
        stop, _ = self.governing()
        return stop is not None and self.side * (worst - stop) <= 0

    def profit_levels(self) -> list[tuple[Decimal, int | None]]:
        """Return the limits that take profit now, nearest first: level, number of the partial exit.

        At equal levels the partial exits in the order stated, then the target (None).
        """
        found: list[tuple[Decimal, int | None]] = []
        if not self.live:
            return found
        for number in self.parts_left:
            level = self.levels.parts[number]
            if level is not None:
                found.append((level, number))
        if self.levels.target is not None:
            found.append((self.levels.target, None))
        return sorted(found, key=lambda row: self.side * row[0])

    def is_at_profit(self, price: Decimal, level: Decimal, *, through: Decimal = ZERO) -> bool:
        """Return whether a price on the exit side is at ``level`` or better, by ``through`` (X3)."""
        return self.side * (price - level) >= through

    # -- what a bar shows of it ------------------------------------------------------------------

    def extremes_in(self, step: int, quoted: QuotedBar) -> tuple[Decimal, Decimal]:
        """Return the worst and best exit side price of a bar while anything of it was held (X7)."""
        if self.saw_open_of(step):
            return quoted.adverse(self.side), quoted.favourable(self.side)
        return self.certain_extremes()

    def certain_extremes(self) -> tuple[Decimal, Decimal]:
        """Return the worst and best of the prices that came after its last fill inside a bar (X7)."""
        ordered = sorted(self.certain, key=lambda price: self.side * price)
        return ordered[0], ordered[-1]

    def worst_since_fill(self, step: int, quoted: QuotedBar) -> Decimal:
        """Return the worst exit side price of a bar for the size held at its end, as far as certain."""
        return self.certain_extremes()[0] if self.inside_step == step else quoted.adverse(self.side)

    def see(self, worst: Decimal, best: Decimal) -> None:
        """Let the extremes of a finished bar, on the exit side, count for the excursions."""
        ordered = sorted([*self.seen, worst, best], key=lambda price: self.side * price)
        self.seen = [ordered[0], ordered[-1]]

    def finish_bar(self, step: int, quoted: QuotedBar) -> None:
        """Let a walked bar that is over count: for the excursions and for the stops that follow."""
        worst, best = self.extremes_in(step, quoted)
        self.see(worst, best)
        self.stop.finish_bar(best)

    def excursions(self, certain: list[Decimal]) -> tuple[Decimal, Decimal]:
        """Return the largest moves against it and for it from the average price; never negative.

        Parameters
        ----------
        certain : list of Decimal
            Prices of the exit bar that it saw for certain: beside the bars before, its open and the exit.
        """
        moves = [self.side * (price - self.entry_price) for price in (*self.seen, *certain)]
        return max(ZERO, -min(moves)), max(ZERO, *moves)
