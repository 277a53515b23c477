"""Orders whose size is fixed when they are placed, as the profile `tradingview` has it (A2, A3, X11).

Place: part of the trading desk, which asks it for a new order, at each close for those that rest, and
at a fill. Orders of the other profiles never come here.
"""

from decimal import Decimal

from sptraderb.domain.outcome import OrderReason
from sptraderb.domain.plan import Plan
from sptraderb.oracle.cash_book import CashBook
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
    book : CashBook
        Where refused orders are listed.
    """

    def __init__(self, plan: Plan, quotes: Quotes, sizes: OrderSize, *, book: CashBook) -> None:
        self._plan, self._quotes, self._sizes, self._book = plan, quotes, sizes, book

    def price(self, order: EntryOrder, moment: Moment) -> Decimal:
        """Return the price an order is sized at: the candles' close, slipped, or the order's own level."""
        if order.level is not None:
            return order.level
        return self._quotes.slipped(moment.quoted.close.reference, order.side)

    def place(
        self, order: EntryOrder, moment: Moment, *, held: Decimal, equity: Decimal, stop: Decimal | None
    ) -> bool:
        """Fix an order's size by the close that makes it; return whether it may wait for its fill.

        The margin of a market order is judged at its price, that of a resting one at the close.

        Parameters
        ----------
        held : Decimal
            Signed size held at that close.
        equity : Decimal
            Equity at that close.
        stop : Decimal or None
            Where a stop would lie for its price; needed for risk sizes.
        """
        rule, price, other = (
            self._plan.entries[order.rule_index],
            self.price(order, moment),
            held * order.side,
        )
        means = Means(equity, equity, held=max(other, ZERO))
        sized = self._sizes.when_placed(rule.size, means=means, price=price, stop=stop)
        judged_at = price if order.level is None else moment.quoted.close.reference
        if sized.quantity and self._sizes.margin(judged_at, sized.quantity) > equity:
            sized = Sized(sized.wanted, ZERO, OrderReason.MARGIN)
        if not sized.quantity:
            self._book.rejected(order, moment.bar, sized=sized)
            return False
        budget = None if order.level is None else self._sizes.budget(rule.size, equity=equity)
        order.placed = Placed(sized.wanted, sized.quantity, max(-other, ZERO), sized.reason, budget)
        return True

    def is_beyond_means(self, order: EntryOrder, moment: Moment, *, held: Decimal, equity: Decimal) -> bool:
        """Return whether the account no longer carries, at a close, what a resting order leads to."""
        placed = order.placed
        if placed is None:
            return False
        after = held + order.side * (placed.quantity + placed.closing)
        return self._sizes.margin(moment.quoted.close.reference, after) > equity

    def at_fill(
        self,
        order: EntryOrder,
        moment: Moment,
        fill: Fill,
        *,
        held: Decimal,
        equity: Decimal,
        beside: Decimal = ZERO,
    ) -> Sized | None:
        """Return what an order is for, what it closes included; None where it is refused whole, and listed.

        A resting order closes what was held of the other side when it was placed, a market order what is
        held now. At an open what it leads to must be within the account's means; inside a bar nobody asks.

        Parameters
        ----------
        held : Decimal
            Signed size held before it.
        equity : Decimal
            Balance and open P&L at the last marks.
        beside : Decimal
            What a market order of the same close brought a moment ago: its margin counts too.
        """
        placed, side = order.placed, order.side
        if placed is None:
            return None
        sized = Sized(placed.wanted, placed.quantity, placed.reason)
        if placed.budget is not None:
            rule, means = (
                self._plan.entries[order.rule_index],
                Means(equity, equity, held=max(side * held, ZERO)),
            )
            wanted = self._sizes.bought(rule.size, placed.budget, price=fill.price)
            sized = self._sizes.limited(wanted, means=means, price=fill.price)
        closing = max(-side * held, ZERO) if order.level is None else placed.closing
        after = abs(held + side * (sized.quantity + closing)) + beside
        if sized.quantity and not moment.is_inside and self._sizes.margin(fill.price, after) > equity:
            sized = Sized(sized.wanted, ZERO, OrderReason.MARGIN)
        if not sized.quantity:
            self._book.rejected(order, moment.bar, sized=sized)
            return None
        return Sized(sized.wanted, sized.quantity + closing, sized.reason)
