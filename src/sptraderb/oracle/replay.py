"""Replay a run instant by instant, written to be read beside the execution rules (M7).

Place: the oracle's entry. One pass over the merged timeline of an account (A1); a run of one symbol is an
account of one. In each instant, in the order of rule X13, every step in the order of the request:

1. at the open (`_at_open`): rates, swap and funding that fell due (`carrying_cost`); closed sessions, risk
   closes, exits already passed, time and signal exits; resting entries already passed; reversals; entries;
2. along the paths: exits and resting entries (`desk_walk`, `price_path`);
3. marks at the close (`_mark`) and the margin call;
4. risk limits, once for the account (`account_limits`);
5. orders that end at the close, conditions and new orders (`leg_walk`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.portfolio import Leg, PortfolioOutcome, account_days, account_legs, merged_times
from sptraderb.domain.terms import Terms
from sptraderb.errors import InvalidInput
from sptraderb.oracle.account_limits import AccountLimits
from sptraderb.oracle.account_stop_out import AccountStopOut
from sptraderb.oracle.cash_book import CashBook
from sptraderb.oracle.currency_route import CurrencyRoute
from sptraderb.oracle.desk_walk import DeskWalk
from sptraderb.oracle.exact_numbers import EXACT, ZERO, Scales
from sptraderb.oracle.leg_walk import LegWalk, leg_walks
from sptraderb.oracle.margin_watch import MarginWatch
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.quoted_bar import SELL, Quotes


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
    leg = Leg(symbol="", plan=plan, candles=candles, signals=signals, terms=terms, finer=finer)
    account = _replayed((leg,), hedging=False)
    (curves,) = account.legs
    return Outcome(
        money_decimals=account.money_decimals,
        first_tradable_bar=curves.first_tradable_bar,
        n_bars_done=curves.n_bars_done,
        trades=account.trades,
        ledger=account.ledger,
        orders=account.orders,
        events=account.events,
        equity_minor=account.equity_minor,
        trough_minor=account.trough_minor,
        held_steps=curves.long_steps - curves.short_steps,
        exposed=curves.exposed,
        open_position=next((position for _, position in account.open_positions), None),
        balance_minor=account.end_balance_minor,
        n_uncertain_bars=account.n_uncertain_bars,
        n_walked_bars=account.n_walked_bars,
    )


def replay_portfolio(legs: Sequence[Leg], *, hedging: bool = False) -> PortfolioOutcome:
    """Simulate an account of several symbols in exact decimals (A1).

    Parameters
    ----------
    legs : sequence of Leg
        The symbols in the order of the request.
    hedging : bool
        Whether each symbol may be held long and short side by side; else one position a symbol.

    Returns
    -------
    PortfolioOutcome
        The same integer tables as the engine's, bit for bit.

    Raises
    ------
    InvalidInput
        ``costs.exceed_price`` as `replay`; ``portfolio.no_legs``, ``portfolio.terms_differ`` or
        ``portfolio.bars_overlap`` if the legs do not make one account.
    MoneyOverflow
        ``money.overflow`` as `replay`.
    """
    return _replayed(account_legs(legs), hedging=hedging)


def _replayed(legs: Sequence[Leg], *, hedging: bool) -> PortfolioOutcome:
    """Check the legs and walk them."""
    with localcontext(EXACT):
        times = merged_times(legs)
        for leg in legs:
            _require_prices_above_costs(leg.candles, leg.terms)
            scales = Scales(leg.candles.instrument, leg.terms.money_decimals)
            CurrencyRoute(leg.terms).require_fitting(scales, n_bars=len(leg.candles))
        return _Replay(legs, times, hedging=hedging).run()


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
    """What is noted of the account at every close."""

    equity: list[int] = field(default_factory=list)
    trough: list[int] = field(default_factory=list)
    balance: list[int] = field(default_factory=list)


class _Replay:
    def __init__(self, legs: Sequence[Leg], times: Int64Array, *, hedging: bool) -> None:
        self.legs, self.times, self.terms = legs, times, legs[0].terms
        self.scales = Scales(legs[0].candles.instrument, self.terms.money_decimals)
        self.book = CashBook(self.scales)
        self.walks = leg_walks(legs, self.book, hedging=hedging)
        self.desks = [walk for leg in self.walks for walk in leg.walks]
        self.account = self.desks[0].desk.account
        self.stop_out = AccountStopOut([walk.desk for walk in self.desks], self.account)
        self.deposit = self.scales.money(self.terms.capital_minor)
        self.limits = AccountLimits(self.terms.risk, self.deposit, book=self.book)
        self.margin = MarginWatch(self.account, self.terms)
        firsts = [
            _instant_of(times, leg, walk.first_tradable) for leg, walk in zip(legs, self.walks, strict=True)
        ]
        self.first_tradable = min(firsts)
        self.curve = _Curve()

    def run(self) -> PortfolioOutcome:
        """Walk all instants."""
        self.book.deposit(self.first_tradable, self.deposit)
        days = account_days(self.legs, self.times)
        for instant, time_s in enumerate(self.times.tolist()):
            before = self.book.balance
            for walk in self.desks:
                walk.desk.begin_instant()
            for leg in self.walks:
                leg.open_bar(time_s)
            self._at_open()
            for walk, moment in self._filling():
                walk.walk_path(moment, self.stop_out)
            equity = self._mark(instant, before)
            day = int(days[instant])
            if instant >= self.first_tradable:
                self._judge(instant, day, equity)
            self._decide(may_enter=self.limits.entries_allowed(day))
        self._end_of_data()
        return self._outcome()

    def _filling(self) -> Iterator[tuple[DeskWalk, Moment]]:
        """Yield the desks whose orders may fill in this instant, with its bar of their symbol."""
        for leg in self.walks:
            moment = leg.filling()
            if moment is not None:
                yield from ((walk, moment) for walk in leg.walks)

    # -- 1. the open -------------------------------------------------------------------------------

    def _at_open(self) -> None:
        """Work off what falls on the open of this instant: exits before entries, in the order stated.

        On paths that are taken as known market orders come before resting ones.
        """
        for walk, moment in self._filling():
            walk.desk.carry(moment.bar)
        for walk, moment in self._filling():
            walk.exits_at_open(moment, self.stop_out)
        if not self.terms.profile.walks_ohlc:
            self._resting_entries()
        for reversing in (True, False):
            for walk, moment in self._filling():
                if not reversing or walk.reverses():
                    walk.market_entries(moment, moment.quoted.open)
        if self.terms.profile.walks_ohlc:
            self._resting_entries()

    def _resting_entries(self) -> None:
        for walk, moment in self._filling():
            walk.resting_entries_at_open(moment)

    # -- 3. marks and 4. limits --------------------------------------------------------------------

    def _mark(self, instant: int, before: Decimal) -> Decimal:
        """Note equity and trough at the close, and a margin call; return the equity."""
        for leg in self.walks:
            if leg.moment is not None:
                leg.close_bar(leg.moment)
        equity = self.account.equity()
        self.margin.judge(instant)
        lowest = before + sum((walk.lowest() for walk in self.desks), ZERO)
        self.curve.equity.append(self.scales.minor(equity))
        self.curve.trough.append(self.scales.minor(min(equity, lowest)))
        self.curve.balance.append(self.scales.minor(self.book.balance))
        return equity

    def _judge(self, instant: int, day: int, equity: Decimal) -> None:
        """Judge the limits of the account once; what they close goes at each symbol's next open."""
        reason = self.limits.judge(instant, day, equity=equity)
        if reason is not None:
            for walk in self.desks:
                walk.risk_close = reason
                walk.cancel_for_limit()

    # -- 5. conditions -----------------------------------------------------------------------------

    def _decide(self, *, may_enter: bool) -> None:
        """Let each symbol decide at its close; fill there what a profile fills at the close."""
        deciding = [(leg, moment) for leg in self.walks if (moment := leg.deciding()) is not None]
        for leg, moment in deciding:
            leg.decide(moment, may_enter=may_enter)
        closing = [
            (walk, replace(moment, is_inside=True, is_at_close=True))
            for leg, moment in deciding
            for walk in leg.walks
        ]
        if self.terms.profile.fills_at_close:
            self._fill_at_close(closing)
        for walk, moment in closing:
            walk.call_at_close(moment)
        if deciding and (self.terms.profile.fills_at_close or self.terms.profile.calls_margin):
            self._mark_again([leg for leg, _ in deciding])

    def _fill_at_close(self, closing: Sequence[tuple[DeskWalk, Moment]]) -> None:
        """Fill at a close the market orders it decided, and on known paths what it has passed."""
        for walk, moment in closing:
            walk.exits_at_close(moment)
        for reversing in (True, False):
            for walk, moment in closing:
                if not reversing or walk.reverses():
                    walk.market_entries(moment, moment.quoted.close)
        if self.terms.profile.walks_ohlc:
            for walk, moment in closing:
                walk.closing.entries(moment)
            for walk, moment in closing:
                walk.closing.exits(moment)

    def _mark_again(self, deciding: Sequence[LegWalk]) -> None:
        """Mark once more after fills at a close."""
        for leg in deciding:
            leg.mark_again()
        equity = self.account.equity()
        self.limits.note_close(equity)
        self._note_again(equity)

    # -- the end -----------------------------------------------------------------------------------

    def _end_of_data(self) -> None:
        """List what is unfilled; close what is held, if asked to, at the last closes (X10)."""
        for leg in self.walks:
            leg.end()
        if self.terms.close_at_end and len(self.times):
            self._note_again(self.account.equity())

    def _note_again(self, equity: Decimal) -> None:
        """Note the last close once more, after fills at it."""
        minor = self.scales.minor(equity)
        self.curve.equity[-1], self.curve.trough[-1] = minor, min(self.curve.trough[-1], minor)
        self.curve.balance[-1] = self.scales.minor(self.book.balance)

    def _outcome(self) -> PortfolioOutcome:
        held = [
            (number, position)
            for number, leg in enumerate(self.walks)
            for walk in leg.walks
            if (position := walk.open_position()) is not None
        ]
        book, paths = self.book, [walk.path for walk in self.desks]
        return PortfolioOutcome(
            money_decimals=self.terms.money_decimals,
            first_tradable_instant=self.first_tradable,
            n_instants_done=len(self.times),
            time_s=self.times,
            trades=book.trades.table(),
            trade_legs=book.trades.legs(),
            ledger=book.ledger.table(),
            ledger_legs=book.ledger.legs(),
            orders=book.orders.table(),
            order_legs=book.orders.legs(),
            events=book.events.table(),
            event_legs=book.events.legs(),
            equity_minor=np.array(self.curve.equity, dtype=np.int64),
            balance_minor=np.array(self.curve.balance, dtype=np.int64),
            trough_minor=np.array(self.curve.trough, dtype=np.int64),
            legs=tuple(leg.curves() for leg in self.walks),
            open_positions=tuple(held),
            end_balance_minor=self.scales.minor(book.balance),
            n_uncertain_bars=sum(path.n_uncertain for path in paths),
            n_walked_bars=sum(path.n_walked for path in paths),
        )


def _instant_of(times: Int64Array, leg: Leg, bar: int) -> int:
    """Return the instant of a leg's bar, the number of instants for one after its last."""
    opens = leg.candles.time_s
    return len(times) if bar >= len(opens) else int(np.searchsorted(times, opens[bar]))
