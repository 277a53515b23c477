"""The trading desk of the oracle: opens, adds to, reverses and closes the one position, and books it.

Place: between the loop of ``replay``, the walk of ``price_path`` and the books. Every fill of a run
passes here; when and at which price something fills is decided by those two.
"""

from dataclasses import replace
from decimal import Decimal

from sptraderb.domain.candle import Candles
from sptraderb.domain.order import Distance, DistanceKind, SizeKind
from sptraderb.domain.outcome import EventCode, ExitReason, LedgerKind, OrderReason
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.terms import Terms
from sptraderb.oracle.bookings import Bookings
from sptraderb.oracle.carrying_cost import CarryingCost
from sptraderb.oracle.cash_book import CashBook, Exit
from sptraderb.oracle.currency_route import CurrencyRoute
from sptraderb.oracle.entry_order import EntryOrder
from sptraderb.oracle.entry_piece import Piece
from sptraderb.oracle.exact_numbers import ZERO, Scales, whole_ticks
from sptraderb.oracle.exit_levels import LevelRefused, LevelRule, stated_distance
from sptraderb.oracle.held_position import HeldPosition, Opening
from sptraderb.oracle.margin_call import MarginCall
from sptraderb.oracle.margin_watch import MarginWatch
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.order_fee import OrderFee
from sptraderb.oracle.order_size import Means, OrderSize, Sized
from sptraderb.oracle.placed_orders import PlacedOrders
from sptraderb.oracle.quoted_bar import Fill, Quote, QuotedBar, Quotes


class TradingDesk:
    """Holds the position of a run and fills its orders.

    Parameters
    ----------
    plan, candles, signals, terms
        The run.

    Attributes
    ----------
    book : CashBook
        Cash and rows.
    position : HeldPosition or None
        What is held now.
    lowest : list of Decimal
        Candidates for the lowest equity inside the current bar.
    was_held : bool
        Whether anything was held at any instant of the current bar.
    step : int
        Counts the bars that are walked, finer ones too.
    """

    def __init__(self, plan: Plan, candles: Candles, signals: Signals, terms: Terms) -> None:
        self.plan, self.signals, self.terms = plan, signals, terms
        self.scales = Scales(candles.instrument, terms.money_decimals)
        self.quotes = Quotes(candles, terms, scales=self.scales)
        self.sizes = OrderSize(candles.instrument, terms, scales=self.scales)
        self.route = CurrencyRoute(terms)
        self.carrying = CarryingCost(candles.instrument, terms, scales=self.scales)
        self.book = CashBook(self.scales)
        fee = OrderFee(candles.instrument, terms, scales=self.scales)
        self.bookings = Bookings(terms, fee, self.route, book=self.book)
        self.margin = MarginWatch(terms, book=self.book, scales=self.scales)
        self.call = MarginCall(candles.instrument, terms, scales=self.scales)
        self._placed = PlacedOrders(plan, self.quotes, self.sizes, book=self.book)
        self.position: HeldPosition | None = None
        self.n_positions = 0
        self.lowest: list[Decimal] = []
        self.was_held = False
        self.step = 0

    def begin_bar(self, bar: int) -> None:
        """Forget what belonged to the bar before; until its close the rate of its open counts."""
        self.lowest, self.was_held = [], self.position is not None
        self.step += 1
        self.scales.account_rate = self.route.at_open(bar)

    def end_bar(self, bar: int) -> None:
        """Let the rate of the bar's close count from here on (C5)."""
        self.scales.account_rate = self.route.at_close(bar)

    def carry(self, bar: int) -> None:
        """Book the swap and the funding that fell due since the bar before (C4, X13)."""
        position = self.position
        if position is None or position.marked_at is None:
            return
        number = position.opening.number
        swap = self.carrying.swap(position, bar, last_price=position.marked_at)
        funding = self.carrying.funding(position, bar, last_price=position.marked_at)
        position.swap += self.book.book(bar, LedgerKind.SWAP, amount=swap, position=number)
        position.funding += self.book.book(bar, LedgerKind.FUNDING, amount=funding, position=number)

    def arm(self, bar: int) -> None:
        """See where margin ends what is held as it stands, and whether its attached exits count yet."""
        position = self.position
        if position is not None:
            position.stop_out = self.margin.stop_out_level(position)
            position.live = position.exits_live_at(bar)

    def open_pnl(self, position: HeldPosition, exit_price: Decimal) -> Decimal:
        """Return open P&L against the reference price, rounded to the money unit (M6)."""
        move = exit_price * position.quantity - position.value
        if position.relative_value:
            self.scales.require_fit(move)
        return self.scales.worth(position.side * move)

    def equity(self) -> Decimal:
        """Return balance plus open P&L of what is held at its last mark; none before the first (A2)."""
        position = self.position
        if position is None or position.marked_at is None:
            return self.book.balance
        return self.book.balance + self.open_pnl(position, position.marked_at)

    def note_lowest(self, position: HeldPosition, worst: Decimal) -> None:
        """Note the equity at a price that may have come before an exit in the same bar."""
        self.lowest.append(self.book.balance + self.open_pnl(position, worst))

    def finish_bar(self, quoted: QuotedBar) -> None:
        """Let a walked bar that is over count for what is held."""
        position = self.position
        if position is not None:
            position.finish_bar(self.step, quoted)
            self.note_lowest(position, position.worst_since_fill(self.step, quoted))

    # -- exits -----------------------------------------------------------------------------------

    def close_at_market(self, moment: Moment, at: Quote, *, reason: ExitReason) -> None:
        """Close what is held as a market order at an instant of the bar, then slippage (X1)."""
        position = self.position
        if position is not None:
            price = at.exit_price(position.side)
            fill = self.quotes.fill(-position.side, price, at=at, slipped=True)
            self._close(position, Exit(moment.bar, fill, reason), moment, position.quantity)

    def stop_out(self, moment: Moment, price: Decimal) -> None:
        """Fill the stop that governs at a price of the exit side, then slippage (X2)."""
        position = self.position
        if position is not None:
            fill = self.quotes.fill(-position.side, price, at=moment.quoted.open, slipped=True)
            level, reason = position.governing()
            end = Exit(moment.bar, fill, reason, level, moment.ambiguous)
            self._close(position, end, moment, position.quantity)

    def call_margin(self, moment: Moment, at: Quote, *, whole_units: bool = False) -> None:
        """Close a part of what is held, at market, where the margin asks for it at an instant (A3)."""
        position = self.position
        if position is None or not self.terms.profile.calls_margin:
            return
        price = at.exit_price(position.side)
        equity = self.book.balance + self.open_pnl(position, price)
        quantity = self.call.closed(position.quantity, price, equity=equity, whole_units=whole_units)
        if quantity:
            spread_of = at if at is moment.quoted.close else moment.quoted.open
            fill = self.quotes.fill(-position.side, price, at=spread_of, slipped=True)
            self._close(position, Exit(moment.bar, fill, ExitReason.MARGIN_CALL), moment, quantity)
            self.book.event(moment.bar, EventCode.MARGIN_CALL, self.book.balance)

    def is_call_put_off(self, at: Quote, close: Quote) -> bool:
        """Return whether a call at a turn waits for the close: whole units, less than one of them."""
        position = self.position
        if position is None or not self.terms.profile.calls_margin or not self.call.trades_whole_units:
            return False
        covers = []
        for instant in (at, close):
            price = instant.exit_price(position.side)
            equity = self.book.balance + self.open_pnl(position, price)
            covers.append(self.call.cover(position.quantity, price, equity=equity))
        return covers[0] == ZERO and covers[1] is not None and at.reference != close.reference

    def take_profit(
        self, moment: Moment, price: Decimal, number: int | None, *, worst: Decimal | None = None
    ) -> None:
        """Fill the target (``number`` None) or a partial exit at a price, unslipped (X3, X9).

        Parameters
        ----------
        worst : Decimal or None
            A price that what is held may have seen before it, in the same bar.
        """
        position = self.position
        if position is None:
            return
        quantity, level, reason = position.quantity, position.levels.target, ExitReason.TAKE_PROFIT
        if number is not None:
            part = position.opening.rule.exits.partial[number]
            position.parts_left.remove(number)
            if part.then_break_even:
                position.stop.bring_to_break_even()
            level, reason = position.levels.parts[number], ExitReason.PARTIAL
            quantity = min(quantity, self.sizes.part(position.largest, part.close_ppb))
            if not quantity:
                self.book.event(moment.bar, EventCode.PARTIAL_SKIPPED)
                return
        if worst is not None:
            self.note_lowest(position, worst)
        fill = self.quotes.fill(-position.side, price, at=moment.quoted.open, slipped=False)
        self._close(position, Exit(moment.bar, fill, reason, level, moment.ambiguous), moment, quantity)

    def _close(self, position: HeldPosition, end: Exit, moment: Moment, quantity: Decimal) -> None:
        """Close a position or a part of it as an order of its own, with its commission."""
        parts = position.take_out(quantity, step=self.step)
        realised = [self.bookings.exit(position, end, part) for part in parts]
        commission = self.bookings.commission(end.bar, end.fill, quantity, position)
        opened = moment.opened_at(position.side)
        self.bookings.trades(
            position, end, opened=opened, parts=parts, realised=realised, commission=commission
        )
        if not position.quantity:
            self.position = None
            self.lowest.append(self.book.balance)
        if end.reason is ExitReason.STOP_OUT and end.level is not None:
            self.book.event(end.bar, EventCode.STOP_OUT, self.book.balance)

    # -- entries, additions and reversals ----------------------------------------------------------

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
        equity, closing, fixed = self.equity(), ZERO if old is None else old.quantity, None
        if order.placed is not None:
            fixed = self._placed.at_fill(
                order, moment, fill, held=self._held(), equity=equity, beside=self._bought_just_now(order)
            )
            if fixed is None:
                return False
            closing = min(closing, fixed.quantity)
            fixed = replace(fixed, quantity=fixed.quantity - closing)
        end = Exit(moment.bar, fill, ExitReason.REVERSAL, ambiguous=moment.ambiguous)
        parts = [] if old is None else old.take_out(closing, step=self.step)
        realised = [] if old is None else [self.bookings.exit(old, end, part) for part in parts]
        opened = self._open(order, moment, fill, Means(equity, self.book.balance, closing), fixed)
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
                self.lowest.append(self.book.balance)
        return opened is not None

    def _open(
        self, order: EntryOrder, moment: Moment, fill: Fill, means: Means, fixed: Sized | None
    ) -> HeldPosition | None:
        """Judge an entry order: levels, size, cuts; book the spread and slippage of its fill."""
        rule = self.plan.entries[order.rule_index]
        if fixed is not None and not fixed.quantity:
            nothing = Sized(fixed.wanted, ZERO, OrderReason.NONE)
            self.book.filled(order, moment.bar, sized=nothing, price=fill.price)
            return None
        level_rule = self._level_rule(order)
        try:
            levels = level_rule.levels(fill.price)
            stop = level_rule.stop(fill.side_price)
        except LevelRefused as refusal:
            self.book.rejected(order, moment.bar, sized=Sized(ZERO, ZERO, refusal.reason))
            return None
        sized = self._sized(order, fill, means, stop=stop) if fixed is None else fixed
        if not self._listed(order, moment, sized, fill):
            return None
        number, self.n_positions, self.was_held = self.n_positions, self.n_positions + 1, True
        opening = Opening(number, order.rule_index, rule, moment.bar, level_rule)
        piece = self._bought(order, moment, fill, sized.quantity)
        position = HeldPosition(opening, [piece], levels, self.scales, self.terms.profile.lists_fills)
        position.ambiguous = moment.ambiguous or order.doubtful
        piece.spread, piece.slippage = self.bookings.moves(moment.bar, fill, sized.quantity, number)
        return position

    def _add(self, position: HeldPosition, order: EntryOrder, moment: Moment, fill: Fill) -> bool:
        """Judge and fill an addition to the position held; it brings no exits of its own (X17)."""
        rule = self.plan.entries[order.rule_index]
        equity, stop = self.equity(), None
        try:
            self._require_distance(position, order, fill)
            if rule.size.kind is SizeKind.RISK and order.placed is None:
                stop = self._level_rule(order).stop(fill.side_price)
        except LevelRefused as refusal:
            self.book.rejected(order, moment.bar, sized=Sized(ZERO, ZERO, refusal.reason))
            return False
        sized: Sized | None
        if order.placed is None:
            sized = self._sized(order, fill, Means(equity, equity, held=position.quantity), stop=stop)
        else:
            sized = self._placed.at_fill(order, moment, fill, held=self._held(), equity=equity)
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

    def _held(self) -> Decimal:
        """Return the signed size held."""
        return ZERO if self.position is None else self.position.side * self.position.quantity

    def _bought_just_now(self, order: EntryOrder) -> Decimal:
        """Return what is held where a market order at this very open brought some of it; else zero."""
        position = self.position
        is_new = position is not None and position.pieces[-1].step == self.step
        return abs(self._held()) if is_new and order.level is None else ZERO

    def place(self, order: EntryOrder, moment: Moment) -> bool:
        """Fix an order's size by the close that makes it; return whether it may wait (A2, X11)."""
        rule, price = self.plan.entries[order.rule_index], self._placed.price(order, moment)
        try:
            stop = self._level_rule(order).stop(price) if rule.size.kind is SizeKind.RISK else None
        except LevelRefused as refusal:
            self.book.rejected(order, moment.bar, sized=Sized(ZERO, ZERO, refusal.reason))
            return False
        return self._placed.place(order, moment, held=self._held(), equity=self.equity(), stop=stop)

    def is_beyond_means(self, order: EntryOrder, moment: Moment) -> bool:
        """Return whether the account no longer carries what a resting order leads to, at a close (A3)."""
        return self._placed.is_beyond_means(order, moment, held=self._held(), equity=self.equity())

    def _bought(self, order: EntryOrder, moment: Moment, fill: Fill, quantity: Decimal) -> Piece:
        """Return what a fill brings."""
        step, is_inside = self.step, moment.is_inside
        return Piece(order.rule_index, moment.bar, fill, quantity, self.scales, step, is_inside)

    def _level_rule(self, order: EntryOrder) -> LevelRule:
        """Return what computes the levels of an order's rule, by the close that made it."""
        rule, skips = self.plan.entries[order.rule_index], self.terms.profile.skips_undefined
        return LevelRule(rule, self.signals, decided_bar=order.decided_bar, scales=self.scales, skips=skips)

    def _sized(self, order: EntryOrder, fill: Fill, means: Means, *, stop: Decimal | None) -> Sized:
        """Size an order at its fill."""
        rule = self.plan.entries[order.rule_index]
        wanted = self.sizes.wanted(rule.size, means=means, price=fill.side_price, stop=stop)
        return self.sizes.cut(wanted, rule.size, means=means, price=fill.price)

    def _require_distance(self, position: HeldPosition, order: EntryOrder, fill: Fill) -> None:
        """Raise `LevelRefused` where an addition lies too near to the last fill (X17)."""
        scale_in = self.plan.scale_in
        if scale_in is None or scale_in.min_distance is None:
            return
        least = self._least_distance(scale_in.min_distance, position.last_price, order.decided_bar)
        if abs(fill.side_price - position.last_price) < least:
            raise LevelRefused(OrderReason.MIN_DISTANCE)

    def _least_distance(self, distance: Distance, last_price: Decimal, bar: int) -> Decimal:
        if distance.kind is not DistanceKind.SERIES:
            return stated_distance(distance, last_price, scales=self.scales)
        value = float(self.signals.levels[distance.node][bar])
        ticks = whole_ticks(value, self.scales.price_scale, upwards=True)
        if ticks is None:
            raise LevelRefused(OrderReason.LEVEL_UNDEFINED)
        return self.scales.price(ticks)

    def _listed(self, order: EntryOrder, moment: Moment, sized: Sized, fill: Fill) -> bool:
        """List an order that was sized, filled or rejected; return whether it filled."""
        if not sized.quantity:
            self.book.rejected(order, moment.bar, sized=sized)
            return False
        self.book.filled(order, moment.bar, sized=sized, price=fill.price)
        return True
