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
from sptraderb.oracle.carrying_cost import CarryingCost
from sptraderb.oracle.cash_book import CashBook, Exit, Realised
from sptraderb.oracle.currency_route import CurrencyRoute
from sptraderb.oracle.entry_order import EntryOrder, Placed
from sptraderb.oracle.exact_numbers import ZERO, Scales, rate, whole_ticks
from sptraderb.oracle.exit_levels import LevelRefused, LevelRule, stated_distance
from sptraderb.oracle.held_position import HeldPosition, Opening, Part
from sptraderb.oracle.margin_watch import MarginWatch
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.order_fee import OrderFee
from sptraderb.oracle.order_size import Means, OrderSize, Sized
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
        self.fee = OrderFee(candles.instrument, terms, scales=self.scales)
        self.route = CurrencyRoute(terms)
        self.carrying = CarryingCost(candles.instrument, terms, scales=self.scales)
        self.book = CashBook(self.scales)
        self.margin = MarginWatch(terms, book=self.book, scales=self.scales)
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
            self._close(position, Exit(moment.bar, fill, reason), moment.quoted, position.quantity)

    def stop_out(self, moment: Moment, price: Decimal) -> None:
        """Fill the stop that governs at a price of the exit side, then slippage (X2)."""
        position = self.position
        if position is not None:
            fill = self.quotes.fill(-position.side, price, at=moment.quoted.open, slipped=True)
            level, reason = position.governing()
            end = Exit(moment.bar, fill, reason, level, moment.ambiguous)
            self._close(position, end, moment.quoted, position.quantity)

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
        self._close(
            position, Exit(moment.bar, fill, reason, level, moment.ambiguous), moment.quoted, quantity
        )

    def _close(self, position: HeldPosition, end: Exit, quoted: QuotedBar, quantity: Decimal) -> None:
        """Close a position or a part of it as an order of its own, with its commission."""
        part = position.take_out(quantity)
        realised = self._book_exit(position, end, part)
        commission = self._charge(end.bar, end.fill, quantity, position)
        self._finish(position, end, quoted, part=part, realised=replace(realised, commission=commission))
        if not position.quantity:
            self.position = None
            self.lowest.append(self.book.balance)
        if end.reason is ExitReason.STOP_OUT and end.level is not None:
            self.book.event(end.bar, EventCode.STOP_OUT, self.book.balance)

    def _book_exit(self, position: HeldPosition, end: Exit, part: Part) -> Realised:
        """Book the price P&L, what its conversion costs, spread and slippage of an exit; return them."""
        number = position.opening.number
        move = end.fill.reference * part.quantity - part.value
        if part.is_of_several:
            self.scales.require_fit(move)
        pnl = self.scales.worth(position.side * move)
        fee = -self._conversion_fee(pnl)
        self.book.book(end.bar, LedgerKind.PRICE_PNL, amount=pnl, position=number)
        self.book.book(end.bar, LedgerKind.CONVERSION, amount=fee, position=number)
        return Realised(pnl, fee, *self._book_moves(end.bar, end.fill, part.quantity, number))

    def _conversion_fee(self, price_pnl: Decimal) -> Decimal:
        """Return the stated fee on a price P&L that came from another currency (C5)."""
        if not self.route.converts:
            return ZERO
        return self.scales.rounded_money(abs(price_pnl) * rate(self.terms.conversion_fee_ppb))

    def _finish(
        self, position: HeldPosition, end: Exit, quoted: QuotedBar, *, part: Part, realised: Realised
    ) -> None:
        """Note the certain prices of the exit bar and write the trade."""
        certain = [end.fill.price]
        if position.saw_open_of(self.step):
            certain.append(quoted.open.exit_price(position.side))
        self.book.trade(position, end, part, realised=realised, seen=position.excursions(certain))

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
        equity, closing = self.equity(), ZERO if old is None else old.quantity
        if order.placed is not None:
            closing = min(closing, order.placed.total)
        end = Exit(moment.bar, fill, ExitReason.REVERSAL, ambiguous=moment.ambiguous)
        part = None if old is None else old.take_out(closing)
        realised = None if old is None or part is None else self._book_exit(old, end, part)
        opened = self._open(order, moment, fill, Means(equity, self.book.balance, closing))
        owner = opened if opened is not None else old
        if owner is None:
            return False
        total = closing + (ZERO if opened is None else opened.quantity)
        commission = self._charge(moment.bar, fill, total, owner)
        share = self.scales.shared(commission, closing, whole=total)
        if opened is not None:
            opened.commission = commission - share
        self.position = opened
        if old is not None and part is not None and realised is not None:
            self._finish(old, end, moment.quoted, part=part, realised=replace(realised, commission=share))
            if old.quantity:
                self.position = old
            else:
                self.lowest.append(self.book.balance)
        return opened is not None

    def _open(self, order: EntryOrder, moment: Moment, fill: Fill, means: Means) -> HeldPosition | None:
        """Judge an entry order: levels, size, cuts; book the spread and slippage of its fill."""
        rule = self.plan.entries[order.rule_index]
        if order.placed is not None and order.placed.total == means.closing:
            nothing = Sized(order.placed.wanted, ZERO, OrderReason.NONE)
            self.book.filled(order, moment.bar, sized=nothing, price=fill.price)
            return None
        level_rule = self._level_rule(order)
        try:
            levels = level_rule.levels(fill.price)
            stop = level_rule.stop(fill.side_price)
        except LevelRefused as refusal:
            self.book.rejected(order, moment.bar, sized=Sized(ZERO, ZERO, refusal.reason))
            return None
        sized = self._sized(order, fill, means, stop=stop)
        if not self._listed(order, moment, sized, fill):
            return None
        number, self.n_positions, self.was_held = self.n_positions, self.n_positions + 1, True
        opening = Opening(number, order.rule_index, rule, moment.bar, level_rule)
        doubtful = moment.ambiguous or order.doubtful
        position = HeldPosition(opening, sized.quantity, fill, levels, self.scales, doubtful)
        position.entry_step = self.step
        if moment.is_inside:
            position.inside_step = self.step
        position.spread, position.slippage = self._book_moves(moment.bar, fill, sized.quantity, number)
        return position

    def _add(self, position: HeldPosition, order: EntryOrder, moment: Moment, fill: Fill) -> bool:
        """Judge and fill an addition to the position held; it brings no exits of its own (X17)."""
        rule = self.plan.entries[order.rule_index]
        level_rule = self._level_rule(order)
        equity = self.equity()
        means = Means(equity, equity, held=position.quantity)
        try:
            self._require_distance(position, order, fill)
            stop = level_rule.stop(fill.side_price) if rule.size.kind is SizeKind.RISK else None
        except LevelRefused as refusal:
            self.book.rejected(order, moment.bar, sized=Sized(ZERO, ZERO, refusal.reason))
            return False
        sized = self._sized(order, fill, means, stop=stop)
        if not self._listed(order, moment, sized, fill):
            return False
        if moment.is_inside:
            self.note_lowest(position, moment.quoted.adverse(position.side))
        position.add(fill, sized.quantity)
        position.ambiguous = position.ambiguous or moment.ambiguous or order.doubtful
        if moment.is_inside:
            position.inside_step = self.step
        number = position.opening.number
        spread, slippage = self._book_moves(moment.bar, fill, sized.quantity, number)
        position.spread += spread
        position.slippage += slippage
        position.commission += self._charge(moment.bar, fill, sized.quantity, position)
        return True

    def _level_rule(self, order: EntryOrder) -> LevelRule:
        rule, skips = self.plan.entries[order.rule_index], self.terms.profile.skips_undefined
        return LevelRule(rule, self.signals, decided_bar=order.decided_bar, scales=self.scales, skips=skips)

    def _sized(self, order: EntryOrder, fill: Fill, means: Means, *, stop: Decimal | None) -> Sized:
        """Size an order at its fill, or judge what was fixed when it was placed."""
        rule, placed = self.plan.entries[order.rule_index], order.placed
        if placed is None:
            wanted = self.sizes.wanted(rule.size, means=means, price=fill.side_price, stop=stop)
            return self.sizes.cut(wanted, rule.size, means=means, price=fill.price)
        quantity = placed.total - means.closing
        if not self.sizes.is_carried(quantity, means=means, price=fill.price):
            return Sized(placed.wanted, ZERO, OrderReason.MARGIN)
        return Sized(placed.wanted, quantity, placed.reason)

    def size_when_placed(self, order: EntryOrder, moment: Moment) -> bool:
        """Fix an order's size by the close that makes it; return whether it wants anything (A2, X11).

        Its price is the price of the candles, at the close, moved by the slippage of a market order; a
        resting order's own level. What a fraction of the equity buys bears its commission.
        """
        rule, position = self.plan.entries[order.rule_index], self.position
        close = moment.quoted.close.reference
        price = order.level
        if price is None:
            price = self.quotes.slipped(close, order.side, at=moment.quoted.close)
        held = ZERO if position is None else position.quantity
        is_other = position is not None and position.side != order.side
        means = Means(self.equity(), self.equity(), held=ZERO if is_other else held)
        try:
            stop = self._level_rule(order).stop(price) if rule.size.kind is SizeKind.RISK else None
        except LevelRefused as refusal:
            self.book.rejected(order, moment.bar, sized=Sized(ZERO, ZERO, refusal.reason))
            return False
        sized = self.sizes.when_placed(rule.size, means=means, price=price, stop=stop)
        if not sized.quantity:
            self.book.rejected(order, moment.bar, sized=sized)
            return False
        order.placed = Placed(sized.wanted, sized.quantity, held if is_other else ZERO, sized.reason)
        return True

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

    # -- bookings --------------------------------------------------------------------------------

    def _book_moves(self, bar: int, fill: Fill, quantity: Decimal, number: int) -> tuple[Decimal, Decimal]:
        """Book the spread and slippage of a fill, each as its own row (M6)."""
        spread = -self.scales.cost(fill.spread, quantity)
        slippage = -self.scales.cost(fill.slippage, quantity)
        self.book.book(bar, LedgerKind.SPREAD, amount=spread, position=number)
        self.book.book(bar, LedgerKind.SLIPPAGE, amount=slippage, position=number)
        return spread, slippage

    def _charge(self, bar: int, fill: Fill, quantity: Decimal, owner: HeldPosition) -> Decimal:
        """Book the commission of one order on its whole quantity (C1, X11)."""
        amount = -self.fee.charged(fill.price, quantity)
        number = owner.opening.number
        return self.book.book(bar, LedgerKind.COMMISSION, amount=amount, position=number)
