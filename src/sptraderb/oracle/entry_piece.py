"""What one fill brought into a position, or all of its fills where they are not told apart (M5, X17).

Place: held by ``held_position``, which takes exits out of its pieces, the oldest first.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from sptraderb.oracle.exact_numbers import ZERO, Scales
from sptraderb.oracle.quoted_bar import Fill


@dataclass(frozen=True, slots=True)
class Part:
    """What a partial or full exit takes out of a piece: a trade of its own (M5).

    Parameters
    ----------
    rule_index, entry_bar : int
        Of the fill that opened the piece.
    quantity : Decimal
        Units that leave.
    entry_price, entry_reference : Decimal
        Average fill and reference price of the piece before it, on the grid.
    value : Decimal
        Its share of reference price x quantity.
    spread, slippage, commission : Decimal
        Its share of the entry's costs as booked; never positive.
    swap, funding : Decimal
        Its share of what holding the position has cost or earned (C4).
    is_of_several : bool
        Whether the piece's fills had different reference prices.
    seen : tuple of Decimal
        Worst and best exit side price of the finished bars it was held in; empty before the first.
    saw_open : bool
        Whether it was held at the open of the bar that takes it out, or from it on.
    """

    rule_index: int
    entry_bar: int
    quantity: Decimal
    entry_price: Decimal
    entry_reference: Decimal
    value: Decimal
    spread: Decimal
    slippage: Decimal
    commission: Decimal
    swap: Decimal
    funding: Decimal
    is_of_several: bool
    seen: tuple[Decimal, ...]
    saw_open: bool

    def excursions(self, side: int, certain: list[Decimal]) -> tuple[Decimal, Decimal]:
        """Return the largest moves against it and for it from its entry price; never negative.

        Parameters
        ----------
        certain : list of Decimal
            Prices of the exit bar that it saw for certain: beside the bars before, its open and the exit.
        """
        moves = [side * (price - self.entry_price) for price in (*self.seen, *certain)]
        return max(ZERO, -min(moves)), max(ZERO, *moves)


@dataclass(slots=True)
class Piece:
    """Units with a price and booked costs of their own.

    Parameters
    ----------
    rule_index, bar : int
        Rule and bar of its first fill.
    fill : Fill
        Its first fill.
    quantity : Decimal
        Units left of it.
    scales : Scales
        The run's units.
    step : int
        The walked bar (`TradingDesk.step`) of its first fill.
    is_inside : bool
        Whether that was after the bar's open.
    n_fills : int
        Fills it holds together.
    spread, slippage, commission : Decimal
        Costs of its fills as booked, of what is left; never positive.
    price : Decimal
        Average fill price on the grid.
    value, paid : Decimal
        Reference price x quantity and fill price x quantity of what is left (M5).
    seen : tuple of Decimal
        Worst and best price of the exit side since its fill; empty before the first.
    """

    rule_index: int
    bar: int
    fill: Fill
    quantity: Decimal
    scales: Scales
    step: int
    is_inside: bool
    n_fills: int = 1
    spread: Decimal = ZERO
    slippage: Decimal = ZERO
    commission: Decimal = ZERO
    price: Decimal = field(init=False)
    value: Decimal = field(init=False)
    paid: Decimal = field(init=False)
    seen: tuple[Decimal, ...] = ()

    def __post_init__(self) -> None:
        self.price = self.fill.price
        self.value, self.paid = self.fill.reference * self.quantity, self.fill.price * self.quantity

    @property
    def relative_value(self) -> Decimal:
        """How far its value lies from all of it at the reference price of its first fill."""
        return self.value - self.fill.reference * self.quantity

    def add(self, fill: Fill, quantity: Decimal) -> None:
        """Take another fill into it."""
        self.quantity += quantity
        self.value += fill.reference * quantity
        self.paid += fill.price * quantity
        self.n_fills += 1

    def take(self, quantity: Decimal, *, step: int, swap: Decimal, funding: Decimal) -> Part:
        """Take units out, with their share of value and costs; the last ones take the rest (M5).

        Parameters
        ----------
        step : int
            The walked bar it happens in.
        swap, funding : Decimal
            Their share of what holding the position has cost or earned.
        """
        scales, whole, reference = self.scales, self.quantity, self.reference()
        costs = (self.spread, self.slippage, self.commission)
        spread, slippage, commission = (scales.shared(cost, quantity, whole=whole) for cost in costs)
        part = Part(
            rule_index=self.rule_index,
            entry_bar=self.bar,
            quantity=quantity,
            entry_price=self.price,
            entry_reference=reference,
            value=scales.shared_value(self.value, quantity, whole=whole),
            spread=spread,
            slippage=slippage,
            commission=commission,
            swap=swap,
            funding=funding,
            is_of_several=bool(self.relative_value),
            seen=self.seen,
            saw_open=self.saw_open_of(step),
        )
        self.paid -= scales.shared_value(self.paid, quantity, whole=whole)
        self.value -= part.value
        self.quantity -= quantity
        self.spread, self.slippage = self.spread - spread, self.slippage - slippage
        self.commission -= commission
        return part

    def reference(self) -> Decimal:
        """Return its average reference price on the grid."""
        return self.scales.average_price(self.value, self.quantity)

    def saw_open_of(self, step: int) -> bool:
        """Return whether it was held at the open of a walked bar, or from it on."""
        return not (self.n_fills == 1 and self.is_inside and step == self.step)

    def see(self, worst: Decimal, best: Decimal, *, side: int) -> None:
        """Let two prices of the exit side count for its excursions."""
        ordered = sorted([*self.seen, worst, best], key=lambda price: side * price)
        self.seen = (ordered[0], ordered[-1])
