"""Orders whose size is fixed when they are placed, as the profile `tradingview` has it (A2, A3, X11).

Place: part of the trading desk, which asks it for a new order, at each close for those that rest, and
at a fill. Orders of the other profiles never come here.
"""

from dataclasses import replace
from decimal import Decimal

from sptraderb.domain.outcome import OrderReason
from sptraderb.domain.plan import Plan
from sptraderb.oracle.cash_book import DeskPage
from sptraderb.oracle.entry_order import EntryOrder, Placed
from sptraderb.oracle.exact_numbers import ZERO
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.order_size import Means, OrderSize, Sized
from sptraderb.oracle.quoted_bar import Fill, Quotes


class PlacedOrders:
    """Sizes orders at the close that makes them and refuses what the account does not carry.

    Parameters
    ----------
    plan : Plan
        Whose rules the orders are of.
    quotes : Quotes
        For the slippage of a market order.
    sizes : OrderSize
        Budgets, sizes and their margin.
    book : DeskPage
        Where refused orders are listed.
    calls_margin : bool
        Whether the profile calls margin by itself (`margin_call`): then an order too dear for the account is
        refused when it is placed.
    """

    def __init__(
        self, plan: Plan, quotes: Quotes, sizes: OrderSize, *, book: DeskPage, calls_margin: bool
    ) -> None:
        self._plan, self._quotes, self._sizes, self._book = plan, quotes, sizes, book
        self._calls = calls_margin

    def price(self, order: EntryOrder, moment: Moment) -> Decimal:
        """Return the price an order is sized at: the candles' close, slipped, or the order's own level."""
        if order.level is not None:
            return order.level
        return self._quotes.slipped(moment.quoted.close.reference, order.side)

    def place(
        self, order: EntryOrder, moment: Moment, *, held: Decimal, means: Means, stop: Decimal | None
    ) -> bool:
        """Fix an order's size by the close that makes it; return whether it may wait for its fill.

        The margin of a market order is judged at its price, that of a resting one at the close.

        Parameters
        ----------
        held : Decimal
            Signed size held at that close.
        means : Means
            Equity at that close, and what other positions leave of it for margin.
        stop : Decimal or None
            Where a stop would lie for its price; needed for risk sizes.
        """
        rule, price = self._plan.entries[order.rule_index], self.price(order, moment)
        other = held * order.side
        added = replace(means, held=max(other, ZERO))
        sized = self._sizes.when_placed(rule.size, means=added, price=price, stop=stop)
        judged_at = price if order.level is None else moment.quoted.close.reference
        if self._calls and self._is_too_dear(sized.quantity, judged_at, means):
            sized = Sized(sized.wanted, ZERO, OrderReason.MARGIN)
        if not sized.quantity:
            self._book.rejected(order, moment.bar, sized=sized)
            return False
        budget = None if order.level is None else self._sizes.budget(rule.size, equity=means.equity)
        order.placed = Placed(sized.wanted, sized.quantity, max(-other, ZERO), sized.reason, budget)
        return True

    def is_beyond_means(self, order: EntryOrder, moment: Moment, *, held: Decimal, means: Means) -> bool:
        """Return whether the account no longer carries, at a close, what a resting order leads to."""
        placed = order.placed
        if placed is None:
            return False
        after = held + order.side * (placed.quantity + placed.closing)
        return self._is_too_dear(after, moment.quoted.close.reference, means)

    def at_fill(
        self,
        order: EntryOrder,
        moment: Moment,
        fill: Fill,
        *,
        held: Decimal,
        means: Means,
        beside: Decimal | None = ZERO,
    ) -> Sized | None:
        """Return what an order is for, what it closes included; None where it is refused whole, and listed.

        A resting order closes what was held of the other side when it was placed, a market order what is
        held now. What it leads to must be within the account's means; inside a bar nobody asks where margin
        is called on the way (`margin_call`).

        Parameters
        ----------
        held : Decimal
            Signed size held before it.
        means : Means
            Equity at the last marks, and what other positions leave of it for margin.
        beside : Decimal or None
            What a market order of the same close brought a moment ago: its margin counts too. None where
            margin is not asked.
        """
        placed, side = order.placed, order.side
        if placed is None:
            return None
        sized = Sized(placed.wanted, placed.quantity, placed.reason)
        if placed.budget is not None:
            rule, added = self._plan.entries[order.rule_index], replace(means, held=max(side * held, ZERO))
            wanted = self._sizes.bought(rule.size, placed.budget, price=fill.price)
            sized = self._sizes.limited(wanted, means=added, price=fill.price)
        closing = max(-side * held, ZERO) if order.level is None else placed.closing
        after = abs(held + side * (sized.quantity + closing)) + (beside or ZERO)
        is_on_path = moment.is_inside and not moment.is_at_close
        is_judged = beside is not None and not (self._calls and is_on_path)
        if sized.quantity and is_judged and self._is_too_dear(after, fill.price, means):
            sized = Sized(sized.wanted, ZERO, OrderReason.MARGIN)
        if not sized.quantity:
            self._book.rejected(order, moment.bar, sized=sized)
            return None
        return Sized(sized.wanted, sized.quantity + closing, sized.reason)

    def _is_too_dear(self, quantity: Decimal, price: Decimal, means: Means) -> bool:
        """Return whether the margin of a size is more than what other positions leave of the equity."""
        return self._sizes.margin(price, quantity) > means.available
