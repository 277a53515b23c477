"""The entry orders that wait: one for the next open or resting at its price, per side (X14, X16).

Place: one for each symbol, between the conditions of `leg_walk` and the fills of `price_path`. Whatever
ends an order without a fill is written here. With hedging the two sides are asked for one by one.
"""

from collections.abc import Callable, Iterator, Mapping

from sptraderb.domain.order import LONG, SHORT, EntryRule
from sptraderb.domain.outcome import OrderReason
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.profile import Profile
from sptraderb.oracle.entry_order import EntryOrder
from sptraderb.oracle.exact_numbers import ZERO, whole_ticks
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.order_size import Sized
from sptraderb.oracle.trading_desk import TradingDesk

SIDES = (LONG, SHORT)


class OrderBoard:
    """Holds market orders until the next open and resting orders until their end.

    Parameters
    ----------
    plan, signals
        The run's rules, and their prices and conditions.
    profile : Profile
        Whether undefined prices are left out, sizes fixed here, both sides kept.
    desks : mapping of int to TradingDesk
        The desk of each side: sizes orders where that happens when they are placed, lists those that end.

    Attributes
    ----------
    pending, resting : dict of int to EntryOrder
        Market and resting orders by side.
    """

    def __init__(
        self, plan: Plan, signals: Signals, profile: Profile, *, desks: Mapping[int, TradingDesk]
    ) -> None:
        self._plan, self._signals, self._profile, self._desks = plan, signals, profile, desks
        self._book, self._scales = desks[LONG].book, desks[LONG].scales
        self.pending: dict[int, EntryOrder] = {}
        self.resting: dict[int, EntryOrder] = {}

    def rule(self, order: EntryOrder) -> EntryRule:
        """Return the rule that made an order."""
        return self._plan.entries[order.rule_index]

    # -- at a close ------------------------------------------------------------------------------

    def place(self, rule_index: int, moment: Moment) -> None:
        """Make the order of a rule that is true; it replaces what rests on its side (X16)."""
        rule, bar = self._plan.entries[rule_index], moment.bar
        order = EntryOrder(rule_index, rule.side, bar)
        replaced = self.resting.pop(rule.side, None)
        if replaced is not None:
            self._book.cancelled(replaced, bar, reason=OrderReason.REPLACED)
        is_priced = self._priced(order, rule)
        if not is_priced and not self._profile.skips_undefined:
            self._book.rejected(order, bar, sized=Sized(ZERO, ZERO, OrderReason.PRICE_UNDEFINED))
            return
        if self._profile.sizes_when_placed and not self._desks[rule.side].place(order, moment):
            return
        waiting = self.pending if order.level is None else self.resting
        waiting[rule.side] = order

    def _priced(self, order: EntryOrder, rule: EntryRule) -> bool:
        """Give an order its prices, away from the market (M4); return whether both are defined.

        Buy limits and sell stops go down to the grid, sell limits and buy stops up.
        """
        is_defined = True
        for name, node, upwards in (
            ("stop", rule.order.stop_node, rule.side > 0),
            ("limit", rule.order.limit_node, rule.side < 0),
        ):
            if node < 0:
                continue
            value = float(self._signals.levels[node][order.decided_bar])
            ticks = whole_ticks(value, self._scales.price_scale, upwards=upwards)
            if ticks is None or ticks <= 0:
                is_defined = False
            else:
                setattr(order, name, self._scales.price(ticks))
        return is_defined

    def judge_close(self, bar: int, sides: tuple[int, ...], *, holds: Callable[[int], bool]) -> None:
        """End what has expired at a close, then what its own condition cancels there.

        Parameters
        ----------
        sides : tuple of int
            Whose orders.
        holds : callable
            Whether the condition of a node is true at this close.
        """
        for order in self._listed(sides):
            expires = self.rule(order).order.expires_bars
            if expires and bar >= order.decided_bar + expires:
                self._cancel(order, bar, OrderReason.EXPIRED)
        for order in self._listed(sides):
            when = self.rule(order).cancel_when
            if when >= 0 and holds(when):
                self._cancel(order, bar, OrderReason.CANCEL_CONDITION)

    def sweep(self, moment: Moment, sides: tuple[int, ...]) -> None:
        """End what the account no longer carries at a close, long first (profile `tradingview`)."""
        for order in self._listed(sides):
            if self._desks[order.side].is_beyond_means(order, moment):
                self._cancel(order, moment.bar, OrderReason.MARGIN)

    def cancel_all(self, bar: int, sides: tuple[int, ...], *, reason: OrderReason) -> None:
        """End everything that rests, as a limit of the account or a closed session asks."""
        for order in self._listed(sides):
            self._cancel(order, bar, reason)

    def cancel_waiting(self, bar: int, sides: tuple[int, ...]) -> None:
        """End the market orders that still wait for an open when a limit of the account acts (A4)."""
        for order in self._waiting(sides):
            del self.pending[order.side]
            self._book.cancelled(order, bar, reason=OrderReason.RISK_LIMIT)

    # -- fills -----------------------------------------------------------------------------------

    def first_waiting(self, sides: tuple[int, ...]) -> EntryOrder | None:
        """Return the market order that comes first at an open."""
        return next(iter(self._waiting(sides)), None)

    def take_pending(self, sides: tuple[int, ...]) -> Iterator[EntryOrder]:
        """Yield the market orders of an open, long first."""
        for order in self._waiting(sides):
            del self.pending[order.side]
            yield order

    def cancel_other_side(self, side: int, bar: int) -> None:
        """End the resting order of the other side that an entry's fill cancels: an OCO (X16)."""
        other = self.resting.get(-side)
        if other is not None and self.rule(other).oco and not self._profile.keeps_other_side:
            self._cancel(other, bar, OrderReason.OTHER_SIDE_FILLED)

    def list_unfilled(self, n_bars: int) -> None:
        """List what still waits when the data ends, long first."""
        for side in SIDES:
            for waiting in (self.pending, self.resting):
                if side in waiting:
                    self._book.unfilled(waiting[side], n_bars)

    def _listed(self, sides: tuple[int, ...]) -> list[EntryOrder]:
        return [self.resting[side] for side in sides if side in self.resting]

    def _waiting(self, sides: tuple[int, ...]) -> list[EntryOrder]:
        return [self.pending[side] for side in sides if side in self.pending]

    def _cancel(self, order: EntryOrder, bar: int, reason: OrderReason) -> None:
        del self.resting[order.side]
        self._book.cancelled(order, bar, reason=reason)
