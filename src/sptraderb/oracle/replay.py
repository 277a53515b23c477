"""Replay a run bar by bar, written to be read beside the execution rules (M7).

Place: the oracle's entry. One pass over the bars; in each bar, in the order of rule X13:

1. at the open: swap and funding that fell due (`carrying_cost`), closed sessions, risk closes, exits
   already passed, resting entries already passed, time exits, signal exits, reversals and entries
   (`_at_open`, `price_path`);
2. along the path: exits and resting entries (`price_path`);
3. marks at the close (`_mark`);
4. risk limits (`account_limits`);
5. orders that end at the close, conditions and new orders (`_decide`, `order_board`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

import numpy as np

from sptraderb.domain.candle import Candles
from sptraderb.domain.order import LONG, SHORT, OrderKind
from sptraderb.domain.outcome import EventCode, ExitReason, OrderReason, Outcome
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.position_program import Fact
from sptraderb.domain.terms import Terms
from sptraderb.errors import InvalidInput
from sptraderb.oracle.account_limits import AccountLimits
from sptraderb.oracle.currency_route import CurrencyRoute
from sptraderb.oracle.exact_numbers import EXACT, ZERO, Scales
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.ohlc_legs import OhlcPath
from sptraderb.oracle.order_board import SIDES, OrderBoard
from sptraderb.oracle.price_path import PricePath
from sptraderb.oracle.quoted_bar import SELL, QuotedBar, Quotes
from sptraderb.oracle.rule_programs import PositionRules, facts_when_flat
from sptraderb.oracle.trading_desk import TradingDesk
from sptraderb.oracle.walked_bars import WalkedBars


def replay(
    plan: Plan, candles: Candles, signals: Signals, terms: Terms, *, finer: Candles | None = None
) -> Outcome:
    """Simulate a run in exact decimals.

    Parameters
    ----------
    plan : Plan
        Rules; their conditions and levels are taken from ``signals``.
    candles : Candles
        Bars of one side (bid, ask or mid) or of both.
    signals : Signals
        Conditions and float64 levels on every bar, evaluated once for both engines.
    terms : Terms
        Capital, costs and limits.
    finer : Candles or None
        Candles of a finer timeframe, for bars whose course matters (X6); not read where a profile takes
        the path as known.

    Returns
    -------
    Outcome
        The same integer tables as the engine's, bit for bit.

    Raises
    ------
    InvalidInput
        ``costs.exceed_price`` if the lowest price less spread and slippage is not positive.
    MoneyOverflow
        ``money.overflow`` if a sum does not fit 64 bits at its scale (M3).

    Notes
    -----
    Exact: every number is a decimal in a context that traps lost digits; the roundings of rule M4
    are the only ones. Slow by design, some tens of microseconds a bar.
    """
    with localcontext(EXACT):
        _require_prices_above_costs(candles, terms)
        scales = Scales(candles.instrument, terms.money_decimals)
        CurrencyRoute(terms).require_fitting(scales, n_bars=len(candles))
        return _Replay(plan, candles, signals, terms, finer).run()


def _require_prices_above_costs(candles: Candles, terms: Terms) -> None:
    """Raise where the lowest bid, slipped, would not be a price."""
    scales = Scales(candles.instrument, terms.money_decimals)
    quotes = Quotes(candles, terms, scales=scales)
    for bar in range(len(candles)):
        quoted = quotes.bar(bar)
        least = quotes.fill(SELL, quoted.bid_low, at=quoted.open, slipped=True).price
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
    def __init__(
        self, plan: Plan, candles: Candles, signals: Signals, terms: Terms, finer: Candles | None
    ) -> None:
        self.plan, self.candles, self.signals, self.terms = plan, candles, signals, terms
        self.desk = TradingDesk(plan, candles, signals, terms)
        self.book, self.scales = self.desk.book, self.desk.scales
        self.deposit = self.scales.money(terms.capital_minor)
        self.limits = AccountLimits(terms.risk, self.deposit, book=self.book)
        self.rules = PositionRules(plan, signals, terms.profile)
        self.board = OrderBoard(plan, signals, terms.profile, desk=self.desk)
        walk = OhlcPath if terms.profile.walks_ohlc else PricePath
        walked = None if finer is None else WalkedBars(candles, finer, terms, scales=self.scales)
        self.path = walk(self.desk, self.board, terms, walked=walked)
        first_fill = terms.start_bar if terms.profile.fills_at_close else terms.start_bar + 1
        self.first_tradable = min(first_fill, len(candles))
        self.curve = _Curve()
        self.marked_pnl = ZERO
        self.risk_close: ExitReason | None = None
        self.leaving: HeldPosition | None = None
        self.true_nodes: Callable[[int], bool] = lambda node: False

    def run(self) -> Outcome:
        """Walk all bars."""
        self.book.deposit(self.first_tradable, self.deposit)
        days = self.candles.session_days
        for bar in range(len(self.candles)):
            quoted = self.desk.quotes.bar(bar)
            self.desk.begin_bar(bar)
            if bar >= self.first_tradable:
                self.desk.carry(bar)
                moment = Moment(bar, quoted)
                self._at_open(moment)
                self.path.walk(moment)
            equity = self._mark(bar, quoted)
            if bar >= self.first_tradable:
                self.risk_close = self.limits.judge(bar, int(days[bar]), equity=equity)
            if bar >= self.terms.start_bar:
                self._decide(Moment(bar, quoted), int(days[bar]))
                if self.terms.profile.fills_at_close:
                    self._fill_at_close(Moment(bar, quoted, is_inside=True, is_at_close=True))
                if self.terms.profile.calls_margin and self.desk.position is not None:
                    now = Moment(bar, quoted, is_inside=True, is_at_close=True)
                    self.desk.call_margin(now, quoted.close, whole_units=True)
                    self._mark_again(bar, quoted)
        self._end_of_data()
        return self._outcome()

    # -- 1. the open -----------------------------------------------------------------------------

    def _at_open(self, moment: Moment) -> None:
        """Work off what falls on the open; a close ends what comes after it for that position.

        On a path that is taken as known, market orders come before resting ones, and exits that the
        open has passed last, at the path's start.
        """
        path, bar = self.path, moment.bar
        if bar and not self.signals.entry_allowed[bar - 1]:
            self.board.cancel_all(bar, reason=OrderReason.OUT_OF_SESSION)
        if self.risk_close is not None:
            self._close_at_open(moment, self.risk_close)
        if self.terms.profile.walks_ohlc:
            self._market_orders(moment)
            path.entries_passed_at_open(moment)
        else:
            path.exits_passed_at_open(moment)
            path.entries_passed_at_open(moment)
            self._market_orders(moment)

    def _market_orders(self, moment: Moment) -> None:
        """Fill at the open time exits, signal exits, then entries and reversals (X13)."""
        position, bar = self.desk.position, moment.bar
        if position is not None and position.is_due_at(bar, held_s=self._held_s(bar)):
            self._close_at_open(moment, ExitReason.TIME)
        if self.desk.position is not None and self.desk.position is self.leaving:
            self._close_at_open(moment, ExitReason.SIGNAL)
        self.leaving = None
        for order in self.board.take_pending():
            price = moment.quoted.open.entry_price(order.side)
            self.path.enter(order, moment, price, slipped=True)

    def _held_s(self, bar: int) -> int:
        """Return the seconds from the entry to the open of a bar."""
        position, times = self.desk.position, self.candles.time_s
        return 0 if position is None else int(times[bar] - times[position.entry_bar])

    def _close_at_open(self, moment: Moment, reason: ExitReason) -> None:
        self.desk.close_at_market(moment, moment.quoted.open, reason=reason)

    # -- 3. marks --------------------------------------------------------------------------------

    def _mark(self, bar: int, quoted: QuotedBar) -> Decimal:
        """Note equity, trough and size held at the close, and a margin call; return the equity."""
        scales, position, held = self.scales, self.desk.position, 0
        self.marked_pnl = ZERO
        if position is not None:
            if not self.path.is_marked:
                self.desk.finish_bar(quoted)
            held = position.side * scales.steps(position.quantity)
        self.desk.end_bar(bar)
        if position is not None:
            position.marked_at = quoted.close.exit_price(position.side)
            self.marked_pnl = self.desk.open_pnl(position, position.marked_at)
        equity = self.book.balance + self.marked_pnl
        self.desk.margin.judge(bar, position, equity=equity)
        self.curve.equity.append(scales.minor(equity))
        self.curve.trough.append(scales.minor(min([equity, *self.desk.lowest])))
        self.curve.held.append(held)
        self.curve.exposed.append(self.desk.was_held)
        return equity

    # -- 5. conditions ---------------------------------------------------------------------------

    def _fill_at_close(self, moment: Moment) -> None:
        """Fill market orders at the close that decided them, and mark once more (profile `close`)."""
        bar, close, position = moment.bar, moment.quoted.close, self.desk.position
        if position is not None and self.risk_close is not None:
            self.desk.close_at_market(moment, close, reason=self.risk_close)
        elif position is not None and position is self.leaving:
            self.desk.close_at_market(moment, close, reason=ExitReason.SIGNAL)
        self.risk_close = self.leaving = None
        for order in self.board.take_pending():
            self.path.enter(order, moment, close.entry_price(order.side), slipped=True, at=close)
        self._mark_again(bar, moment.quoted)

    def _mark_again(self, bar: int, quoted: QuotedBar) -> None:
        """Note what is held, and what it is worth, after fills at a close."""
        position, held, self.marked_pnl = self.desk.position, 0, ZERO
        if position is not None:
            position.marked_at = quoted.close.exit_price(position.side)
            position.see(position.marked_at, position.marked_at)
            self.marked_pnl = self.desk.open_pnl(position, position.marked_at)
            held = position.side * self.scales.steps(position.quantity)
        self.limits.note_close(self.book.balance + self.marked_pnl)
        equity = self.scales.minor(self.book.balance + self.marked_pnl)
        self.curve.equity[bar], self.curve.held[bar] = equity, held
        self.curve.trough[bar] = min(self.curve.trough[bar], equity)
        self.curve.exposed[bar] = self.desk.was_held

    def _decide(self, moment: Moment, day: int) -> None:
        """End orders at a close, evaluate its conditions and make new orders (X14, X16)."""
        bar = moment.bar
        if self.risk_close is not None:
            self.board.cancel_all(bar, reason=OrderReason.RISK_LIMIT)
        facts = self._facts(bar)
        self.true_nodes = lambda node: self.rules.holds(node, bar, facts)
        if self.terms.profile.calls_margin:
            self.board.sweep(moment)
        self.board.judge_close(bar, holds=self.true_nodes)
        may_enter = self.limits.entries_allowed(day) and bool(self.signals.entry_allowed[bar])
        wanted = self._wanted_entries(bar) if may_enter else []
        position = self.desk.position
        adding: list[int] = []
        if position is not None:
            adding = [rule for rule in wanted if self._side(rule) == position.side]
            wanted = [rule for rule in wanted if rule not in adding]
            adding = adding if self._may_add(position) and not self._leaves(position, wanted) else []
        for rule in sorted([*adding, *wanted], key=self._side, reverse=True):
            self.board.place(rule, moment)
        is_reversed = position is not None and -position.side in self.board.pending
        if position is not None and not is_reversed and self._exit_is_true(position):
            self.leaving = position

    def _leaves(self, position: HeldPosition, others: list[int]) -> bool:
        """Return whether an exit signal closes a position that no market entry is about to reverse."""
        return not any(self._is_market(rule) for rule in others) and self._exit_is_true(position)

    def _facts(self, bar: int) -> dict[Fact, float]:
        """Return what rules may know about the position at a close (`domain.position_program`)."""
        position, scales = self.desk.position, self.scales
        if position is None:
            return facts_when_flat()
        instrument = self.candles.instrument
        return {
            Fact.SIDE: float(position.side),
            Fact.SIZE: scales.steps(position.quantity) / 10.0**instrument.quantity_scale,
            Fact.BARS_HELD: float(bar - position.entry_bar),
            Fact.ENTRY_PRICE: scales.ticks(position.entry_price) / 10.0**instrument.price_scale,
            Fact.OPEN_PNL: scales.minor(self.marked_pnl) / 10.0**self.terms.money_decimals,
        }

    def _side(self, rule_index: int) -> int:
        return self.plan.entries[rule_index].side

    def _is_market(self, rule_index: int) -> bool:
        return self.plan.entries[rule_index].order.kind is OrderKind.MARKET

    def _exit_is_true(self, position: HeldPosition) -> bool:
        when = position.opening.rule.exits.when
        return when >= 0 and self.true_nodes(when)

    def _may_add(self, position: HeldPosition) -> bool:
        scale_in = self.plan.scale_in
        return scale_in is not None and position.n_entries < scale_in.max_entries

    def _wanted_entries(self, bar: int) -> list[int]:
        """Return the first true rule of each side; two market orders at once: neither, recorded (X14).

        Where the path of a bar is taken as known both act, the long one first.
        """
        found = []
        for side in (LONG, SHORT):
            true_rules = (
                index
                for index, rule in enumerate(self.plan.entries)
                if rule.side == side and self.true_nodes(rule.when)
            )
            found += list(true_rules)[:1]
        neither = len(found) == len(SIDES) and not self.terms.profile.walks_ohlc
        if neither and all(self._is_market(rule) for rule in found):
            self.book.event(bar, EventCode.BOTH_SIDES)
            return []
        return found

    # -- the end ---------------------------------------------------------------------------------

    def _end_of_data(self) -> None:
        """List what is unfilled; close what is held, if asked to, at the last close (X10)."""
        n_bars = len(self.candles)
        self.board.list_unfilled(n_bars)
        position = self.desk.position
        if position is None or not self.terms.close_at_end:
            return
        quoted = self.desk.quotes.bar(n_bars - 1)
        last = Moment(n_bars - 1, quoted, is_at_close=True)
        self.desk.close_at_market(last, quoted.close, reason=ExitReason.END_OF_DATA)
        balance = self.scales.minor(self.book.balance)
        self.marked_pnl = ZERO
        self.curve.equity[-1] = balance
        self.curve.trough[-1] = min(self.curve.trough[-1], balance)
        self.curve.held[-1] = 0

    def _outcome(self) -> Outcome:
        position = self.desk.position
        held = None if position is None else self.book.open_row(position, self.marked_pnl)
        tables = self.book.tables()
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
            n_uncertain_bars=self.path.n_uncertain,
            n_walked_bars=self.path.n_walked,
            trades=tables["trades"],
            ledger=tables["ledger"],
            orders=tables["orders"],
            events=tables["events"],
        )
