"""Replay a run bar by bar, written to be read beside the execution rules (M7).

Place: the oracle's entry. One pass over the bars; in each bar, in the order of rule X13:

1. at the open: risk closes, stops and targets already passed, time exits, signal exits, reversals,
   entries (`_at_open`, `trading_desk`);
2. along the path: stop and target (`trading_desk`);
3. marks at the close (`_mark`);
4. risk limits (`account_limits`);
5. conditions and new orders (`_decide`).
"""

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

import numpy as np

from sptraderb.domain.candle import Candles
from sptraderb.domain.order import LONG, SHORT
from sptraderb.domain.outcome import EventCode, ExitReason, Outcome
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.terms import Terms
from sptraderb.errors import InvalidInput
from sptraderb.oracle.account_limits import AccountLimits
from sptraderb.oracle.cash_book import PendingEntry
from sptraderb.oracle.exact_numbers import EXACT, ZERO, Scales
from sptraderb.oracle.quoted_bar import SELL, QuotedBar, Quotes
from sptraderb.oracle.trading_desk import TradingDesk


def replay(plan: Plan, candles: Candles, signals: Signals, terms: Terms) -> Outcome:
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
        return _Replay(plan, candles, signals, terms).run()


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
    def __init__(self, plan: Plan, candles: Candles, signals: Signals, terms: Terms) -> None:
        self.plan, self.candles, self.signals, self.terms = plan, candles, signals, terms
        self.desk = TradingDesk(plan, candles, signals, terms)
        self.book, self.scales = self.desk.book, self.desk.scales
        self.deposit = self.scales.money(terms.capital_minor)
        self.limits = AccountLimits(terms.risk, self.deposit, book=self.book)
        self.first_tradable = min(terms.start_bar + 1, len(candles))
        self.curve = _Curve()
        self.marked_pnl = ZERO
        self.risk_close: ExitReason | None = None
        self.exit_signal = False
        self.entry: PendingEntry | None = None

    def run(self) -> Outcome:
        """Walk all bars."""
        self.book.deposit(self.first_tradable, self.deposit)
        days = self.candles.session_days
        for bar in range(len(self.candles)):
            quoted = self.desk.quotes.bar(bar)
            self.desk.begin_bar()
            if bar >= self.first_tradable:
                self._at_open(bar, quoted)
                self.desk.exit_along_path(bar, quoted)
            equity = self._mark(quoted)
            if bar >= self.first_tradable:
                self.risk_close = self.limits.judge(bar, int(days[bar]), equity=equity)
            if bar >= self.terms.start_bar:
                self._decide(bar, int(days[bar]))
        self._end_of_data()
        return self._outcome()

    # -- 1. the open -----------------------------------------------------------------------------

    def _at_open(self, bar: int, quoted: QuotedBar) -> None:
        """Work off what falls on the open; a close ends what comes after it for that position."""
        desk = self.desk
        if self.risk_close is not None:
            self._close_at_open(bar, quoted, self.risk_close)
        desk.exit_passed_at_open(bar, quoted)
        if desk.position is not None and desk.position.is_due_at(bar, held_s=self._held_s(bar)):
            self._close_at_open(bar, quoted, ExitReason.TIME)
        if self.exit_signal:
            self._close_at_open(bar, quoted, ExitReason.SIGNAL)
        order, self.entry, self.exit_signal = self.entry, None, False
        if order is not None:
            desk.enter(order, bar, quoted, marked_pnl=self.marked_pnl)
            desk.exit_passed_at_open(bar, quoted)

    def _held_s(self, bar: int) -> int:
        """Return the seconds from the entry to the open of a bar."""
        position, times = self.desk.position, self.candles.time_s
        return 0 if position is None else int(times[bar] - times[position.entry_bar])

    def _close_at_open(self, bar: int, quoted: QuotedBar, reason: ExitReason) -> None:
        position = self.desk.position
        if position is not None:
            self.desk.close_at_market(bar, quoted.open, reason=reason, quoted=quoted)

    # -- 3. marks --------------------------------------------------------------------------------

    def _mark(self, quoted: QuotedBar) -> Decimal:
        """Note equity, trough and size held at the close; return the equity."""
        scales, position, held = self.scales, self.desk.position, 0
        self.marked_pnl = ZERO
        if position is not None:
            adverse = quoted.adverse(position.side)
            position.see(adverse)
            position.see(quoted.favourable(position.side))
            position.stop.finish_bar(quoted.favourable(position.side))
            self.marked_pnl = self.desk.open_pnl(position, quoted.close.exit_price(position.side))
            self.desk.lowest.append(self.book.balance + self.desk.open_pnl(position, adverse))
            held = position.side * scales.steps(position.quantity)
        equity = self.book.balance + self.marked_pnl
        self.curve.equity.append(scales.minor(equity))
        self.curve.trough.append(scales.minor(min([equity, *self.desk.lowest])))
        self.curve.held.append(held)
        self.curve.exposed.append(self.desk.was_held)
        return equity

    # -- 5. conditions ---------------------------------------------------------------------------

    def _decide(self, bar: int, day: int) -> None:
        """Evaluate the conditions of a close and make the orders of the next open (X14)."""
        position = self.desk.position
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
        position = self.desk.position
        if position is None or not self.terms.close_at_end:
            return
        quoted = self.desk.quotes.bar(n_bars - 1)
        self.desk.close_at_market(n_bars - 1, quoted.close, reason=ExitReason.END_OF_DATA, quoted=quoted)
        balance = self.scales.minor(self.book.balance)
        self.marked_pnl = ZERO
        self.curve.equity[-1] = balance
        self.curve.trough[-1] = min(self.curve.trough[-1], balance)
        self.curve.held[-1] = 0

    def _outcome(self) -> Outcome:
        position = self.desk.position
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
