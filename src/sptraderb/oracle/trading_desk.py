"""The trading desk of the oracle: opens, reverses and closes the one position, and books it.

Place: between the loop of ``replay`` and the books. Every fill of a run passes here: entries and
reversals at the open (X1, X11), stops and targets at the open or along the path (X2, X3, X6), and
the closes the loop asks for.
"""

from dataclasses import replace
from decimal import Decimal

from sptraderb.domain.candle import Candles
from sptraderb.domain.outcome import ExitReason, LedgerKind, OrderReason
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.terms import Terms
from sptraderb.oracle.cash_book import CashBook, Exit, PendingEntry
from sptraderb.oracle.exact_numbers import ZERO, Scales
from sptraderb.oracle.exit_levels import LevelRefused, LevelRule, Levels
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.order_fee import OrderFee
from sptraderb.oracle.order_size import Means, OrderSize, Sized
from sptraderb.oracle.quoted_bar import Fill, Quote, QuotedBar, Quotes

Realised = tuple[Decimal, Decimal, Decimal]


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
    """

    def __init__(self, plan: Plan, candles: Candles, signals: Signals, terms: Terms) -> None:
        self.plan, self.signals, self.terms = plan, signals, terms
        self.scales = Scales(candles.instrument, terms.money_decimals)
        self.quotes = Quotes(candles, terms, scales=self.scales)
        self.sizes = OrderSize(candles.instrument, terms, scales=self.scales)
        self.fee = OrderFee(candles.instrument, terms, scales=self.scales)
        self.book = CashBook(self.scales)
        self.position: HeldPosition | None = None
        self.n_positions = 0
        self.lowest: list[Decimal] = []
        self.was_held = False

    def begin_bar(self) -> None:
        """Forget what belonged to the bar before."""
        self.lowest, self.was_held = [], self.position is not None

    # -- closes asked for by the loop --------------------------------------------------------------

    def close_at_market(self, bar: int, quote: Quote, *, reason: ExitReason, quoted: QuotedBar) -> None:
        """Close what is held as a market order at an instant of the bar, then slippage (X1)."""
        position = self.position
        if position is not None:
            price = quote.exit_price(position.side)
            fill = self.quotes.fill(-position.side, price, at=quote, slipped=True)
            self._close(position, Exit(bar, fill, reason), quoted)

    def exit_passed_at_open(self, bar: int, quoted: QuotedBar) -> None:
        """Fill a stop or target that the open already passed, at the open (X2, X3)."""
        position = self.position
        if position is None or not position.exits_live_at(bar):
            return
        price = quoted.open.exit_price(position.side)
        if position.stop_reached(price):
            self._close(position, self._stopped(position, bar, price, at=quoted.open), quoted)
        elif position.target_reached(price):
            self._close(position, self._taken(position, bar, price, at=quoted.open), quoted)

    # -- entries and reversals -------------------------------------------------------------------

    def enter(self, order: PendingEntry, bar: int, quoted: QuotedBar, *, marked_pnl: Decimal) -> None:
        """Fill an entry at the open; whatever is held then is of the other side and reversed (X11)."""
        side_price = quoted.open.entry_price(order.side)
        fill = self.quotes.fill(order.side, side_price, at=quoted.open, slipped=True)
        old = self.position
        equity = self.book.balance + (marked_pnl if old is not None else ZERO)
        end = None if old is None else Exit(bar, fill, ExitReason.REVERSAL)
        realised = None if old is None or end is None else self._book_exit(old, end)
        closing = ZERO if old is None else old.quantity
        means = Means(equity, self.book.balance, closing)
        opened = self._open(order, bar, fill, means)
        commission = self._charge(bar, fill, closing, opened, old)
        if old is not None and end is not None and realised is not None:
            share = commission
            if opened is not None:
                share = self.scales.shared(commission, closing, whole=closing + opened.quantity)
                opened.commission = commission - share
            self._finish(old, end, quoted, realised, share)
        elif opened is not None:
            opened.commission = commission
        self.position = opened

    def _open(self, order: PendingEntry, bar: int, fill: Fill, means: Means) -> HeldPosition | None:
        """Judge an entry order: levels, size, cuts; book the spread and slippage of its fill."""
        rule = self.plan.entries[order.rule_index]
        level_rule = LevelRule(rule, self.signals, decided_bar=order.decided_bar, scales=self.scales)
        try:
            levels = level_rule.levels(fill.price)
            stop = level_rule.stop(fill.side_price)
        except LevelRefused as refusal:
            self.book.rejected(order, bar, wanted=ZERO, reason=refusal.reason)
            return None
        wanted = self.sizes.wanted(rule.size, means=means, price=fill.side_price, stop=stop)
        sized = self.sizes.cut(wanted, rule.size, means=means, price=fill.price)
        if not sized.quantity:
            self.book.rejected(order, bar, wanted=wanted, reason=sized.reason)
            return None
        position = self._opened(order, bar, fill, levels, sized)
        if sized.reason is OrderReason.NONE:
            self.book.filled(order, bar, wanted=wanted, position=position)
        else:
            self.book.filled_cut(order, bar, wanted=wanted, position=position, reason=sized.reason)
        return position

    def _opened(
        self, order: PendingEntry, bar: int, fill: Fill, levels: Levels, sized: Sized
    ) -> HeldPosition:
        number, self.n_positions, self.was_held = self.n_positions, self.n_positions + 1, True
        rule = self.plan.entries[order.rule_index]
        position = HeldPosition(number, order.rule_index, rule, bar, sized.quantity, fill, levels)
        position.spread, position.slippage = self._book_moves(bar, fill, sized.quantity, number)
        return position

    def _book_moves(self, bar: int, fill: Fill, quantity: Decimal, number: int) -> tuple[Decimal, Decimal]:
        """Book the spread and slippage of a fill, each as its own row (M6)."""
        spread = -self.scales.cost(fill.spread, quantity)
        slippage = -self.scales.cost(fill.slippage, quantity)
        self.book.book(bar, LedgerKind.SPREAD, amount=spread, position=number)
        self.book.book(bar, LedgerKind.SLIPPAGE, amount=slippage, position=number)
        return spread, slippage

    def _charge(
        self, bar: int, fill: Fill, closing: Decimal, opened: HeldPosition | None, old: HeldPosition | None
    ) -> Decimal:
        """Book the commission of one order on its whole quantity (C1, X11)."""
        owner = opened if opened is not None else old
        if owner is None:
            return ZERO
        quantity = closing + (ZERO if opened is None else opened.quantity)
        amount = -self.fee.charged(fill.price, quantity)
        return self.book.book(bar, LedgerKind.COMMISSION, amount=amount, position=owner.number)

    # -- exits -----------------------------------------------------------------------------------

    def _close(self, position: HeldPosition, end: Exit, quoted: QuotedBar) -> None:
        """Close a position as an order of its own, with its commission."""
        realised = self._book_exit(position, end)
        commission = self._charge(end.bar, end.fill, position.quantity, None, position)
        self._finish(position, end, quoted, realised, commission)
        self.position = None
        self.lowest.append(self.book.balance)

    def _book_exit(self, position: HeldPosition, end: Exit) -> Realised:
        """Book the price P&L, spread and slippage of an exit; return the three amounts."""
        move = position.side * (end.fill.reference - position.fill.reference)
        pnl = self.scales.worth(move, position.quantity)
        self.book.book(end.bar, LedgerKind.PRICE_PNL, amount=pnl, position=position.number)
        return (pnl, *self._book_moves(end.bar, end.fill, position.quantity, position.number))

    def _finish(
        self,
        position: HeldPosition,
        end: Exit,
        quoted: QuotedBar,
        realised: Realised,
        commission: Decimal,
    ) -> None:
        """Note the certain prices of the exit bar and write the trade."""
        position.see(quoted.open.exit_price(position.side))
        position.see(end.fill.price)
        pnl, spread, slippage = realised
        costs = [position.spread + spread, position.slippage + slippage, position.commission + commission]
        self.book.trade(position, end, price_pnl=pnl, costs=costs)

    # -- the path -----------------------------------------------------------------------------

    def exit_along_path(self, bar: int, quoted: QuotedBar) -> None:
        """Fill the stop or target that the bar's range reaches; both: the stop (X6)."""
        position = self.position
        if position is None or not position.exits_live_at(bar):
            return
        stopped = position.stop_reached(quoted.adverse(position.side))
        taken = position.target_reached(quoted.favourable(position.side))
        target, (stop, _) = position.levels.target, position.stop.governing()
        if taken and target is not None and (not stopped or self.terms.for_position):
            worst = self.open_pnl(position, quoted.adverse(position.side))
            self.lowest.append(self.book.balance + worst)
            end = self._taken(position, bar, target, at=quoted.open)
        elif stopped and stop is not None:
            end = self._stopped(position, bar, stop, at=quoted.open)
        else:
            return
        self._close(position, replace(end, ambiguous=stopped and taken), quoted)

    def _stopped(self, position: HeldPosition, bar: int, price: Decimal, *, at: Quote) -> Exit:
        fill = self.quotes.fill(-position.side, price, at=at, slipped=True)
        level, reason = position.stop.governing()
        return Exit(bar, fill, reason, level)

    def _taken(self, position: HeldPosition, bar: int, price: Decimal, *, at: Quote) -> Exit:
        fill = self.quotes.fill(-position.side, price, at=at, slipped=False)
        return Exit(bar, fill, ExitReason.TAKE_PROFIT, position.levels.target)

    # -- marks ---

    def open_pnl(self, position: HeldPosition, exit_price: Decimal) -> Decimal:
        """Return open P&L against the reference price, rounded to the money unit (M6)."""
        move = self.quotes.mark(position.side, exit_price, position.fill.reference)
        return self.scales.worth(move, position.quantity)
