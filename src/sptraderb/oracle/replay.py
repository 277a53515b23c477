"""Replay a run bar by bar, written to be read beside the execution rules (M7).

Place: the oracle's entry. One pass over the bars; in each bar, in the order of rule X13:

1. at the open: risk closes, stops and targets already passed, time exits, signal exits, reversals,
   entries (`_at_open`);
2. along the path: stop and target (`_along_path`);
3. marks at the close (`_mark`);
4. risk limits (`account_limits`);
5. conditions and new orders (`_decide`).
"""

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

import numpy as np

from sptraderb.domain.candle import Candles
from sptraderb.domain.outcome import (
    EventCode,
    ExitReason,
    LedgerKind,
    OrderReason,
    Outcome,
)
from sptraderb.domain.plan import LONG, SHORT, Plan, Signals
from sptraderb.domain.terms import Terms, require_one_sided
from sptraderb.errors import InvalidInput
from sptraderb.oracle.account_limits import AccountLimits
from sptraderb.oracle.cash_book import CashBook, Exit, PendingEntry
from sptraderb.oracle.exact_numbers import EXACT, ZERO, Scales, rate
from sptraderb.oracle.exit_levels import LevelRefused, LevelRule, Levels
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.order_size import Means, OrderSize, Sized
from sptraderb.oracle.quoted_bar import SELL, Fill, QuotedBar, Quotes


def replay(plan: Plan, candles: Candles, signals: Signals, terms: Terms) -> Outcome:
    """Simulate a run in exact decimals.

    Parameters
    ----------
    plan : Plan
        Rules; their conditions and levels are taken from ``signals``.
    candles : Candles
        Bars of one side (bid, ask or mid).
    signals : Signals
        Conditions and float64 levels on every bar, evaluated once for both engines.
    terms : Terms
        Capital, costs and limits.

    Returns
    -------
    Outcome
        The same integer tables as the engine's, bit for bit.

    Raises
    ------
    InvalidInput
        ``candles.both_sides_unsupported``; ``costs.exceed_price`` if the lowest price less spread and
        slippage is not positive.
    MoneyOverflow
        ``money.overflow`` if a sum does not fit 64 bits at its scale (M3).

    Notes
    -----
    Exact: every number is a decimal in a context that traps lost digits; the roundings of rule M4
    are the only ones. Slow by design, about 20 microseconds a bar.
    """
    require_one_sided(candles)
    with localcontext(EXACT):
        _require_prices_above_costs(candles, terms)
        return _Replay(plan, candles, signals, terms).run()


def _require_prices_above_costs(candles: Candles, terms: Terms) -> None:
    """Raise where the lowest bid, slipped, would not be a price."""
    scales = Scales(candles.instrument, terms.money_decimals)
    quotes = Quotes(candles, terms, scales=scales)
    for bar in range(len(candles)):
        least = quotes.fill(SELL, quotes.bar(bar).bid_low, slipped=True).price
        if least <= 0:
            raise InvalidInput(
                "costs.exceed_price",
                f"spread and slippage must be smaller than every price, bar {bar} would sell at {least}",
            )


@dataclass(slots=True)
class _Curve:
    """What is noted at every close."""

    equity: list[int] = field(default_factory=list)
    trough: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    exposed: list[bool] = field(default_factory=list)


class _Replay:
    def __init__(self, plan: Plan, candles: Candles, signals: Signals, terms: Terms) -> None:
        self.plan, self.candles, self.signals, self.terms = plan, candles, signals, terms
        self.scales = Scales(candles.instrument, terms.money_decimals)
        self.quotes = Quotes(candles, terms, scales=self.scales)
        self.sizes = OrderSize(candles.instrument, terms, scales=self.scales)
        self.book = CashBook(self.scales)
        self.deposit = self.scales.money(terms.capital_minor)
        self.limits = AccountLimits(terms.risk, self.deposit, book=self.book)
        self.first_tradable = min(terms.start_bar + 1, len(candles))
        self.curve = _Curve()
        self.position: HeldPosition | None = None
        self.n_positions = 0
        self.marked_pnl = ZERO
        self.risk_close: ExitReason | None = None
        self.exit_signal = False
        self.entry: PendingEntry | None = None
        self.lowest: list[Decimal] = []
        self.was_held = False

    def run(self) -> Outcome:
        """Walk all bars."""
        self.book.deposit(self.first_tradable, self.deposit)
        days = self.candles.session_days
        for bar in range(len(self.candles)):
            quoted = self.quotes.bar(bar)
            if bar >= self.first_tradable:
                self._at_open(bar, quoted)
                self._along_path(bar, quoted)
            equity = self._mark(quoted)
            if bar >= self.first_tradable:
                self.risk_close = self.limits.judge(bar, int(days[bar]), equity=equity)
            if bar >= self.terms.start_bar:
                self._decide(bar, int(days[bar]))
        self._end_of_data()
        return self._outcome()

    # -- 1. the open -----------------------------------------------------------------------------

    def _at_open(self, bar: int, quoted: QuotedBar) -> None:
        self.lowest, self.was_held = [], self.position is not None
        if self.position is not None and self.risk_close is not None:
            self._close(self.position, self._market_exit(bar, quoted, self.risk_close), quoted)
        self._exit_passed_at_open(bar, quoted)
        if self.position is not None and self.position.is_due_at(bar):
            self._close(self.position, self._market_exit(bar, quoted, ExitReason.TIME), quoted)
        if self.position is not None and self.exit_signal:
            self._close(self.position, self._market_exit(bar, quoted, ExitReason.SIGNAL), quoted)
        order, self.entry, self.exit_signal = self.entry, None, False
        if order is not None:
            self._enter(order, bar, quoted)
            self._exit_passed_at_open(bar, quoted)

    def _market_exit(self, bar: int, quoted: QuotedBar, reason: ExitReason) -> Exit:
        """Return a close at the open: longs sell at bid, shorts buy at ask, then slippage (X1)."""
        assert self.position is not None
        side = self.position.side
        return Exit(bar, self.quotes.fill(-side, quoted.exit_open(side), slipped=True), reason)

    def _exit_passed_at_open(self, bar: int, quoted: QuotedBar) -> None:
        """Fill a stop or target that the open already passed, at the open (X2, X3)."""
        position = self.position
        if position is None or not position.exits_live_at(bar):
            return
        price = quoted.exit_open(position.side)
        if position.stop_reached(price):
            self._close(position, self._stopped(position, bar, price), quoted)
        elif position.target_reached(price):
            self._close(position, self._taken(position, bar, price), quoted)

    # -- entries and reversals -------------------------------------------------------------------

    def _enter(self, order: PendingEntry, bar: int, quoted: QuotedBar) -> None:
        """Fill an entry at the open; whatever is held then is of the other side and reversed (X11)."""
        side_price = quoted.ask_open if order.side == LONG else quoted.bid_open
        fill = self.quotes.fill(order.side, side_price, slipped=True)
        old = self.position
        equity = self.book.balance + (self.marked_pnl if old is not None else ZERO)
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
        fee = self.scales.notional(fill.price, quantity) * rate(self.terms.commission_ppb)
        amount = -self.scales.rounded_money(fee)
        return self.book.book(bar, LedgerKind.COMMISSION, amount=amount, position=owner.number)

    # -- exits -----------------------------------------------------------------------------------

    def _close(self, position: HeldPosition, end: Exit, quoted: QuotedBar) -> None:
        """Close a position as an order of its own, with its commission."""
        realised = self._book_exit(position, end)
        commission = self._charge(end.bar, end.fill, position.quantity, None, position)
        self._finish(position, end, quoted, realised, commission)
        self.position = None
        self.lowest.append(self.book.balance)

    def _book_exit(self, position: HeldPosition, end: Exit) -> tuple[Decimal, Decimal, Decimal]:
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
        realised: tuple[Decimal, Decimal, Decimal],
        commission: Decimal,
    ) -> None:
        """Note the certain prices of the exit bar and write the trade."""
        position.see(quoted.exit_open(position.side))
        position.see(end.fill.price)
        pnl, spread, slippage = realised
        costs = [position.spread + spread, position.slippage + slippage, position.commission + commission]
        self.book.trade(position, end, price_pnl=pnl, costs=costs)

    # -- 2. the path -----------------------------------------------------------------------------

    def _along_path(self, bar: int, quoted: QuotedBar) -> None:
        """Fill the stop or target that the bar's range reaches; both: the stop (X6)."""
        position = self.position
        if position is None or not position.exits_live_at(bar):
            return
        stopped = position.stop_reached(quoted.adverse(position.side))
        taken = position.target_reached(quoted.favourable(position.side))
        ambiguous = stopped and taken
        levels = position.levels
        if taken and levels.target is not None and (not stopped or self.terms.for_position):
            worst = self._open_pnl(position, quoted.adverse(position.side))
            self.lowest.append(self.book.balance + worst)
            self._close(position, self._taken(position, bar, levels.target, ambiguous=ambiguous), quoted)
        elif stopped and levels.stop is not None:
            self._close(position, self._stopped(position, bar, levels.stop, ambiguous=ambiguous), quoted)

    def _stopped(self, position: HeldPosition, bar: int, price: Decimal, *, ambiguous: bool = False) -> Exit:
        fill = self.quotes.fill(-position.side, price, slipped=True)
        return Exit(bar, fill, ExitReason.STOP_LOSS, position.levels.stop, ambiguous)

    def _taken(self, position: HeldPosition, bar: int, price: Decimal, *, ambiguous: bool = False) -> Exit:
        fill = self.quotes.fill(-position.side, price, slipped=False)
        return Exit(bar, fill, ExitReason.TAKE_PROFIT, position.levels.target, ambiguous)

    # -- 3. marks --------------------------------------------------------------------------------

    def _open_pnl(self, position: HeldPosition, exit_price: Decimal) -> Decimal:
        """Return open P&L against the reference price, rounded to the money unit (M6)."""
        move = self.quotes.mark(position.side, exit_price, position.fill.reference)
        return self.scales.worth(move, position.quantity)

    def _mark(self, quoted: QuotedBar) -> Decimal:
        """Note equity, trough and size held at the close; return the equity."""
        scales, position, held = self.scales, self.position, 0
        self.marked_pnl = ZERO
        if position is not None:
            adverse = quoted.adverse(position.side)
            position.see(adverse)
            position.see(quoted.favourable(position.side))
            self.marked_pnl = self._open_pnl(position, quoted.exit_close(position.side))
            self.lowest.append(self.book.balance + self._open_pnl(position, adverse))
            held = position.side * scales.steps(position.quantity)
        equity = self.book.balance + self.marked_pnl
        self.curve.equity.append(scales.minor(equity))
        self.curve.trough.append(scales.minor(min([equity, *self.lowest])))
        self.curve.held.append(held)
        self.curve.exposed.append(self.was_held)
        return equity

    # -- 5. conditions ---------------------------------------------------------------------------

    def _decide(self, bar: int, day: int) -> None:
        """Evaluate the conditions of a close and make the orders of the next open (X14)."""
        position = self.position
        entry = self._wanted_entry(bar) if self._may_enter(bar, day) else None
        if entry is not None and (position is None or entry.side != position.side):
            self.entry = entry
        elif position is not None:
            when = position.rule.exits.when
            self.exit_signal = when >= 0 and bool(self.signals.conditions[when][bar])

    def _may_enter(self, bar: int, day: int) -> bool:
        return self.limits.entries_allowed(day) and bool(self.signals.entry_allowed[bar])

    def _wanted_entry(self, bar: int) -> PendingEntry | None:
        """Return the entry that is true; both sides at once: neither, recorded."""
        true_rules = [
            next(
                (
                    index
                    for index, rule in enumerate(self.plan.entries)
                    if rule.side == side and self.signals.conditions[rule.when][bar]
                ),
                None,
            )
            for side in (LONG, SHORT)
        ]
        long, short = true_rules
        if long is not None and short is not None:
            self.book.event(bar, EventCode.BOTH_SIDES)
            return None
        if long is not None:
            return PendingEntry(long, LONG, bar)
        return None if short is None else PendingEntry(short, SHORT, bar)

    # -- the end ---------------------------------------------------------------------------------

    def _end_of_data(self) -> None:
        """List what is unfilled; close what is held, if asked to, at the last close (X10)."""
        n_bars = len(self.candles)
        if self.entry is not None:
            self.book.unfilled(self.entry, n_bars)
        position = self.position
        if position is None or not self.terms.close_at_end:
            return
        quoted = self.quotes.bar(n_bars - 1)
        fill = self.quotes.fill(-position.side, quoted.exit_close(position.side), slipped=True)
        self._close(position, Exit(n_bars - 1, fill, ExitReason.END_OF_DATA), quoted)
        balance = self.scales.minor(self.book.balance)
        self.marked_pnl = ZERO
        self.curve.equity[-1] = balance
        self.curve.trough[-1] = min(self.curve.trough[-1], balance)
        self.curve.held[-1] = 0

    def _outcome(self) -> Outcome:
        position = self.position
        held = None if position is None else self.book.open_row(position, self.marked_pnl)
        return Outcome(
            money_decimals=self.terms.money_decimals,
            first_tradable_bar=self.first_tradable,
            n_bars_done=len(self.candles),
            equity_minor=np.array(self.curve.equity, dtype=np.int64),
            trough_minor=np.array(self.curve.trough, dtype=np.int64),
            held_steps=np.array(self.curve.held, dtype=np.int64),
            exposed=np.array(self.curve.exposed, dtype=np.bool_),
            open_position=held,
            balance_minor=self.scales.minor(self.book.balance),
            **self.book.tables(),
        )
