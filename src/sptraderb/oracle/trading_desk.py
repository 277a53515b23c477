"""The trading desk of the oracle: opens, adds to and reverses its position, beside closing it.

Place: between the loop of ``replay``, the walk of ``price_path`` and the books. Every fill passes here or
through ``position_desk``, the half of it that closes; when and at which price something fills is decided
by those two.
"""

from dataclasses import replace
from decimal import Decimal

from sptraderb.domain.order import SizeKind
from sptraderb.domain.outcome import ExitReason, OrderReason
from sptraderb.domain.portfolio import Leg
from sptraderb.oracle.cash_book import DeskPage, Exit
from sptraderb.oracle.entry_order import EntryOrder
from sptraderb.oracle.entry_piece import Piece
from sptraderb.oracle.exact_numbers import ZERO
from sptraderb.oracle.exit_levels import LevelRefused, LevelRule
from sptraderb.oracle.held_position import HeldPosition, Opening
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.order_size import Means, Sized
from sptraderb.oracle.placed_orders import PlacedOrders
from sptraderb.oracle.position_desk import PositionDesk
from sptraderb.oracle.quoted_bar import Fill
from sptraderb.oracle.shared_account import SharedAccount


class TradingDesk(PositionDesk):
    """Holds a position and fills its orders (`PositionDesk` for its parameters and attributes)."""

    def __init__(self, leg: Leg, book: DeskPage, account: SharedAccount) -> None:
        super().__init__(leg, book, account)
        calls_margin = leg.terms.profile.calls_margin
        self._placed = PlacedOrders(leg.plan, self.quotes, self.sizes, book=book, calls_margin=calls_margin)

    # -- fills -------------------------------------------------------------------------------------

    def enter(self, order: EntryOrder, moment: Moment, fill: Fill) -> bool:
        """Fill an entry order: open, add to the side held (X17) or reverse the other one (X11).

        Returns
        -------
        bool
            Whether its opening part filled; a rejected one is listed with its reason.
        """
        old = self.position
        if old is not None and old.side == order.side:
            return self._add(old, order, moment, fill)
        equity, closing, fixed = self.account.equity(), ZERO if old is None else old.quantity, None
        if order.placed is not None:
            fixed = self._placed_size(order, moment, fill, beside=self._bought_just_now(order))
            if fixed is None:
                return False
            closing = min(closing, fixed.quantity)
            fixed = replace(fixed, quantity=fixed.quantity - closing)
        end = Exit(moment.bar, fill, ExitReason.REVERSAL, ambiguous=moment.ambiguous)
        parts = [] if old is None else old.take_out(closing, step=self.step)
        realised = [] if old is None else [self.bookings.exit(old, end, part) for part in parts]
        means = Means(equity, self.account.free_beside(self), closing)
        opened = self._open(order, moment, fill, means, fixed)
        owner = opened if opened is not None else old
        if owner is None:
            return False
        total = closing + (ZERO if opened is None else opened.quantity)
        commission = self.bookings.commission(moment.bar, fill, total, owner)
        share = self.scales.shared(commission, closing, whole=total)
        if opened is not None:
            opened.pieces[0].commission = commission - share
        self.position = opened
        if old is not None:
            opened_at = moment.opened_at(old.side)
            self.bookings.trades(old, end, opened=opened_at, parts=parts, realised=realised, commission=share)
            if old.quantity:
                self.position = old
            else:
                self.lowest.append(self.book.cash)
        return opened is not None

    def _open(
        self, order: EntryOrder, moment: Moment, fill: Fill, means: Means, fixed: Sized | None
    ) -> HeldPosition | None:
        """Judge an entry order: room, levels, size, cuts; book the spread and slippage of its fill."""
        rule = self.plan.entries[order.rule_index]
        if fixed is not None and not fixed.quantity:
            nothing = Sized(fixed.wanted, ZERO, OrderReason.NONE)
            self.book.filled(order, moment.bar, sized=nothing, price=fill.price)
            return None
        level_rule = self._level_rule(order)
        try:
            self._require_room()
            levels = level_rule.levels(fill.price)
            stop = level_rule.stop(fill.side_price)
        except LevelRefused as refusal:
            self.book.rejected(order, moment.bar, sized=Sized(ZERO, ZERO, refusal.reason))
            return None
        sized = self._sized(order, fill, means, stop=stop) if fixed is None else fixed
        if not self._listed(order, moment, sized, fill):
            return None
        number, self.was_held = self.account.take_number(), True
        opening = Opening(number, order.rule_index, rule, moment.bar, level_rule)
        piece = self._bought(order, moment, fill, sized.quantity)
        position = HeldPosition(opening, [piece], levels, self.scales, self.terms.profile.lists_fills)
        position.ambiguous = moment.ambiguous or order.doubtful
        piece.spread, piece.slippage = self.bookings.moves(moment.bar, fill, sized.quantity, number)
        return position

    def _add(self, position: HeldPosition, order: EntryOrder, moment: Moment, fill: Fill) -> bool:
        """Judge and fill an addition to the position held; it brings no exits of its own (X17)."""
        rule, stop = self.plan.entries[order.rule_index], None
        free = self.account.free_beside(self) + self.marked_pnl()
        means = Means(self.account.equity(), free, held=position.quantity)
        try:
            self._require_distance(position, order, fill)
            if rule.size.kind is SizeKind.RISK and order.placed is None:
                stop = self._level_rule(order).stop(fill.side_price)
        except LevelRefused as refusal:
            self.book.rejected(order, moment.bar, sized=Sized(ZERO, ZERO, refusal.reason))
            return False
        sized: Sized | None
        if order.placed is None:
            sized = self._sized(order, fill, means, stop=stop)
        else:
            sized = self._placed_size(order, moment, fill)
        if sized is None or not self._listed(order, moment, sized, fill):
            return False
        if moment.is_inside and not self.terms.profile.walks_ohlc:
            self.note_lowest(position, moment.quoted.adverse(position.side))
        bearer = position.add(self._bought(order, moment, fill, sized.quantity))
        position.ambiguous = position.ambiguous or moment.ambiguous or order.doubtful
        number = position.opening.number
        spread, slippage = self.bookings.moves(moment.bar, fill, sized.quantity, number)
        bearer.spread += spread
        bearer.slippage += slippage
        bearer.commission += self.bookings.commission(moment.bar, fill, sized.quantity, position)
        return True

    def _bought(self, order: EntryOrder, moment: Moment, fill: Fill, quantity: Decimal) -> Piece:
        """Return what a fill brings."""
        step, is_inside = self.step, moment.is_inside
        return Piece(order.rule_index, moment.bar, fill, quantity, self.scales, step, is_inside)

    # -- sizes fixed when an order is placed -------------------------------------------------------

    def place(self, order: EntryOrder, moment: Moment) -> bool:
        """Fix an order's size by the close that makes it; return whether it may wait (A2, X11)."""
        rule, price = self.plan.entries[order.rule_index], self._placed.price(order, moment)
        try:
            stop = self._level_rule(order).stop(price) if rule.size.kind is SizeKind.RISK else None
        except LevelRefused as refusal:
            self.book.rejected(order, moment.bar, sized=Sized(ZERO, ZERO, refusal.reason))
            return False
        return self._placed.place(order, moment, held=self._held(), means=self._means(), stop=stop)

    def is_beyond_means(self, order: EntryOrder, moment: Moment) -> bool:
        """Return whether the account no longer carries what a resting order leads to, at a close (A3)."""
        return self._placed.is_beyond_means(order, moment, held=self._held(), means=self._means())

    def _placed_size(
        self, order: EntryOrder, moment: Moment, fill: Fill, *, beside: Decimal = ZERO
    ) -> Sized | None:
        """Return what a placed order is for at its fill; None where it is refused whole, and listed.

        A market order after a market exit of the other side is not refused where margin is called anyway.
        """
        follows = order.level is None and self.left_side == -order.side and not beside
        counted = None if follows and self.terms.profile.calls_margin else beside
        held, means = self._held(), self._means()
        return self._placed.at_fill(order, moment, fill, held=held, means=means, beside=counted)

    def _means(self) -> Means:
        """Return the account's equity, and what other positions leave of it for the margin of this one."""
        return Means(self.account.equity(), self.account.free_beside(self) + self.marked_pnl())

    def _held(self) -> Decimal:
        """Return the signed size held."""
        return ZERO if self.position is None else self.position.side * self.position.quantity

    def _bought_just_now(self, order: EntryOrder) -> Decimal:
        """Return what is held where a market order of this very instant brought some of it; else zero."""
        return abs(self._held()) if self.has_bought and order.level is None else ZERO

    # -- judgements --------------------------------------------------------------------------------

    def _level_rule(self, order: EntryOrder) -> LevelRule:
        """Return what computes the levels of an order's rule, by the close that made it."""
        rule, skips = self.plan.entries[order.rule_index], self.terms.profile.skips_undefined
        return LevelRule(rule, self.signals, decided_bar=order.decided_bar, scales=self.scales, skips=skips)

    def _sized(self, order: EntryOrder, fill: Fill, means: Means, *, stop: Decimal | None) -> Sized:
        """Size an order at its fill."""
        rule = self.plan.entries[order.rule_index]
        wanted = self.sizes.wanted(rule.size, means=means, price=fill.side_price, stop=stop)
        return self.sizes.cut(wanted, rule.size, means=means, price=fill.price)

    def _require_room(self) -> None:
        """Raise `LevelRefused` where as many positions are held as may be (A4)."""
        if not self.account.may_open_beside(self):
            raise LevelRefused(OrderReason.MAX_POSITIONS)

    def _require_distance(self, position: HeldPosition, order: EntryOrder, fill: Fill) -> None:
        """Raise `LevelRefused` where an addition lies too near to the last fill (X17)."""
        scale_in = self.plan.scale_in
        if scale_in is None or scale_in.min_distance is None:
            return
        least = self._level_rule(order).distance(scale_in.min_distance, position.last_price)
        if abs(fill.side_price - position.last_price) < least:
            raise LevelRefused(OrderReason.MIN_DISTANCE)

    def _listed(self, order: EntryOrder, moment: Moment, sized: Sized, fill: Fill) -> bool:
        """List an order that was sized, filled or rejected; return whether it filled."""
        if not sized.quantity:
            self.book.rejected(order, moment.bar, sized=sized)
            return False
        self.book.filled(order, moment.bar, sized=sized, price=fill.price)
        return True
