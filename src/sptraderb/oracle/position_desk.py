"""A desk that holds one position: what it is worth, where margin ends it, and how it is closed (X12, A3).

Place: the half of ``trading_desk`` that needs no new orders. An account has a desk for each symbol, with
hedging one for each side of it.
"""

from decimal import Decimal

from sptraderb.domain.outcome import EventCode, ExitReason, LedgerKind
from sptraderb.domain.portfolio import Leg
from sptraderb.oracle.bookings import Bookings
from sptraderb.oracle.carrying_cost import CarryingCost
from sptraderb.oracle.cash_book import DeskPage, Exit
from sptraderb.oracle.currency_route import CurrencyRoute
from sptraderb.oracle.exact_numbers import ZERO
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.margin_call import MarginCall
from sptraderb.oracle.margin_watch import MarginRates, stop_out_level
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.order_fee import OrderFee
from sptraderb.oracle.order_size import OrderSize
from sptraderb.oracle.quoted_bar import Fill, Quote, QuotedBar, Quotes
from sptraderb.oracle.shared_account import SharedAccount


class PositionDesk:
    """Holds a position, marks it and closes it.

    Parameters
    ----------
    leg : Leg
        The symbol: plan, candles, signals, terms.
    book : DeskPage
        Cash and rows.
    account : SharedAccount
        What the desk shares with the others.

    Attributes
    ----------
    position : HeldPosition or None
        What is held now.
    hedge : PositionDesk or None
        The desk of the symbol's other side.
    lowest : list of Decimal
        Candidates for the lowest of cash booked here and open P&L since the current bar began.
    was_held : bool
        Whether anything was held at any instant of the current bar.
    step, first_step : int
        Counts the bars that are walked, finer ones too; where it was at the open of the run's bar.
    bar : int
        The run's bar; -1 before the first.
    marked_at : Quote or None
        Prices of the last mark.
    stopped_out_at : Decimal or None
        Where margin ended a position since it was last forgotten, before slippage.
    stopped_out_side : {1, -1, 0}
        Its side.
    settled_bar : int
        The last bar in whose course margin ended the symbol's other side, and this one was judged with it;
        -1 = none.
    left_side : {1, -1, 0}
        Side of what a market exit of this instant has closed.
    has_bought : bool
        Whether a market entry of this instant has filled.
    """

    def __init__(self, leg: Leg, book: DeskPage, account: SharedAccount) -> None:
        instrument, terms, scales = leg.candles.instrument, leg.terms, book.scales
        self.plan, self.signals, self.terms = leg.plan, leg.signals, leg.terms
        self.book, self.account, self.scales = book, account, scales
        self.quotes = Quotes(leg.candles, terms, scales=scales)
        self.sizes = OrderSize(instrument, terms, scales=scales)
        self.route = CurrencyRoute(terms)
        self.bookings = Bookings(terms, OrderFee(instrument, terms, scales=scales), self.route, book=book)
        self.carrying = CarryingCost(instrument, terms, scales=scales)
        self.margin = MarginRates.of(terms)
        self.call = MarginCall(instrument, terms, scales=scales)
        self.position: HeldPosition | None = None
        self.hedge: PositionDesk | None = None
        self.lowest: list[Decimal] = []
        self.was_held = self.has_bought = False
        self.left_side = 0
        self.step = self.first_step = 0
        self.bar = -1
        self.marked_at: Quote | None = None
        self.stopped_out_at: Decimal | None = None
        self.stopped_out_side = 0
        self.settled_bar = -1

    # -- bars and marks ----------------------------------------------------------------------------

    def begin_instant(self) -> None:
        """Forget what belonged to the instant before."""
        self.lowest, self.book.cash = [], ZERO

    def begin_orders(self) -> None:
        """Begin an instant at which market orders fill."""
        self.left_side, self.has_bought = 0, False

    def begin_bar(self, bar: int) -> None:
        """Begin a bar of the symbol; until its close the rate of its open counts."""
        self.was_held = self.position is not None
        self.begin_orders()
        self.step += 1
        self.first_step, self.bar = self.step, bar
        self.scales.account_rate = self.route.at_open(bar)

    def end_bar(self) -> None:
        """Let the rate of the bar's close count from here on (C5)."""
        self.scales.account_rate = self.route.at_close(self.bar)

    def mark(self) -> None:
        """Mark what is held at the bar's close (X5)."""
        self.marked_at = self.quotes.bar(self.bar).close
        if self.position is not None:
            self.position.marked_at = self.marked_at.exit_price(self.position.side)

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

    def arm(self, moment: Moment) -> None:
        """See where margin ends what is held as it stands, and whether its attached exits count yet."""
        position = self.position
        if position is not None:
            position.stop_out = self._stop_out_level(position, moment)
            position.live = position.exits_live_at(moment.bar)

    def _stop_out_level(self, position: HeldPosition, moment: Moment) -> Decimal | None:
        """Return where margin ends what is held; nowhere in a bar in which it was judged with its other side.

        What ended that one came somewhere on the bar's path: the prices before it ask nothing of this one.
        """
        hedge, account = self.hedge, self.account
        if self.settled_bar == moment.bar:
            return None
        return stop_out_level(
            position,
            self.margin,
            beside=self.book.balance + account.pnl_beside(self, hedge),
            used_beside=account.used_beside(self, hedge),
            hedge=None if hedge is None else hedge.position,
            spread=moment.quoted.open.ask - moment.quoted.open.bid,
        )

    def open_pnl(self, position: HeldPosition, exit_price: Decimal) -> Decimal:
        """Return open P&L against the reference price, rounded to the money unit (M6)."""
        move = exit_price * position.quantity - position.value
        if position.relative_value:
            self.scales.require_fit(move)
        return self.scales.worth(position.side * move)

    def marked_pnl(self) -> Decimal:
        """Return the open P&L of what is held at its last mark; none before the first (A2)."""
        position = self.position
        if position is None or position.marked_at is None:
            return ZERO
        return self.open_pnl(position, position.marked_at)

    def used_margin(self, price: Decimal | None = None) -> Decimal:
        """Return the margin of what is held at a price, else at its last mark, before that its average."""
        position = self.position
        if position is None:
            return ZERO
        marked = position.entry_price if position.marked_at is None else position.marked_at
        worth = self.scales.notional(marked if price is None else price, position.quantity)
        return self.margin.used(worth, scales=self.scales)

    def note_lowest(self, position: HeldPosition, worst: Decimal) -> None:
        """Note the equity at a price that may have come before an exit in the same bar."""
        self.lowest.append(self.book.cash + self.open_pnl(position, worst))

    def finish_bar(self, quoted: QuotedBar) -> None:
        """Let a walked bar that is over count for what is held."""
        position = self.position
        if position is not None:
            position.finish_bar(self.step, quoted)
            self.note_lowest(position, position.worst_since_fill(self.step, quoted))

    # -- exits -------------------------------------------------------------------------------------

    def close_at_market(self, moment: Moment, at: Quote, *, reason: ExitReason) -> None:
        """Close what is held as a market order at an instant of the bar, then slippage (X1)."""
        position = self.position
        if position is not None:
            price = at.exit_price(position.side)
            fill = self.quotes.fill(-position.side, price, at=at, slipped=True)
            self._close(position, Exit(moment.bar, fill, reason), moment, position.quantity)
            self.left_side = position.side

    def stop_out(self, moment: Moment, price: Decimal) -> None:
        """Fill the stop that governs at a price of the exit side, then slippage (X2)."""
        position = self.position
        if position is not None:
            fill = self.quotes.fill(-position.side, price, at=moment.spread_of, slipped=True)
            level, reason = position.governing()
            end = Exit(moment.bar, fill, reason, level, moment.ambiguous)
            self._close(position, end, moment, position.quantity)

    def end_for_account(self, fill: Fill) -> None:
        """Close what is held because margin asks it of the account, not of its own price (A3)."""
        position = self.position
        if position is None:
            return
        last = Moment(self.bar, self.quotes.bar(self.bar), is_at_close=True)
        position.see_open(last.quoted.open.exit_price(position.side), self.first_step)
        end = Exit(self.bar, fill, ExitReason.STOP_OUT, fill.side_price)
        self._close(position, end, last, position.quantity)

    def call_margin(self, moment: Moment, at: Quote, *, whole_units: bool = False) -> None:
        """Close a part of what is held, at market, where the margin asks for it at an instant (A3)."""
        position = self.position
        if position is None or not self.terms.profile.calls_margin:
            return
        price = at.exit_price(position.side)
        means = self._means_at(position, price)
        quantity = self.call.closed(position.quantity, price, equity=means, whole_units=whole_units)
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
            means = self._means_at(position, price)
            covers.append(self.call.cover(position.quantity, price, equity=means))
        return covers[0] == ZERO and covers[1] is not None and at.reference != close.reference

    def _means_at(self, position: HeldPosition, price: Decimal) -> Decimal:
        """Return what the account leaves for the margin of what is held, at a price of it."""
        return self.account.free_beside(self) + self.open_pnl(position, price)

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
        fill = self.quotes.fill(-position.side, price, at=moment.spread_of, slipped=False)
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
            self.lowest.append(self.book.cash)
        if end.reason is ExitReason.STOP_OUT and end.level is not None:
            self.stopped_out_at, self.stopped_out_side = end.fill.side_price, position.side
            self.book.event(end.bar, EventCode.STOP_OUT, self.account.equity())
