"""One symbol of an account: its bars, its one or two desks, its conditions and new orders (X14, A1).

Place: between the loop of ``replay`` and the desks.
"""

from collections.abc import Callable, Sequence

import numpy as np

from sptraderb.domain.order import LONG, SHORT, OrderKind
from sptraderb.domain.outcome import EventCode
from sptraderb.domain.portfolio import Leg, LegCurves
from sptraderb.domain.position_program import Fact
from sptraderb.oracle.cash_book import CashBook, DeskPage
from sptraderb.oracle.desk_walk import DeskWalk
from sptraderb.oracle.exact_numbers import Scales
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.order_board import SIDES, OrderBoard
from sptraderb.oracle.rule_programs import PositionRules, facts_when_flat
from sptraderb.oracle.shared_account import SharedAccount
from sptraderb.oracle.trading_desk import TradingDesk


class LegWalk:
    """Walks one symbol through its bars.

    Parameters
    ----------
    leg : Leg
        The symbol.
    number : int
        Its place in the request.
    account : SharedAccount
        The account it trades in.
    hedging : bool
        Whether long and short are held side by side, each at a desk of its own.

    Attributes
    ----------
    moment : Moment or None
        Its bar of this instant.
    walks : tuple of DeskWalk
        Its desks, a long one before a short one.
    first_tradable : int
        First bar whose open may fill (T2).
    """

    def __init__(self, leg: Leg, number: int, account: SharedAccount, *, hedging: bool) -> None:
        self.leg, self._next = leg, 0
        self.moment: Moment | None = None
        self.scales = Scales(leg.candles.instrument, leg.terms.money_decimals)
        groups: Sequence[tuple[int, ...]] = ((LONG,), (SHORT,)) if hedging else (SIDES,)
        pages = [DeskPage(account.book, self.scales, number) for _ in groups]
        desks = [TradingDesk(leg, page, account) for page in pages]
        if hedging:
            desks[0].hedge, desks[1].hedge = desks[1], desks[0]
        by_side = {side: desk for sides, desk in zip(groups, desks, strict=True) for side in sides}
        self.board = OrderBoard(leg.plan, leg.signals, leg.terms.profile, desks=by_side)
        self.walks = tuple(
            DeskWalk(leg, desk, self.board, sides=sides) for desk, sides in zip(desks, groups, strict=True)
        )
        self._rules = PositionRules(leg.plan, leg.signals, leg.terms.profile)
        first_fill = leg.terms.start_bar if leg.terms.profile.fills_at_close else leg.terms.start_bar + 1
        self.first_tradable = min(first_fill, len(leg.candles))
        self._exposed: list[bool] = []

    # -- bars --------------------------------------------------------------------------------------

    def open_bar(self, time_s: int) -> None:
        """Take the bar that opens at an instant, if there is one; its open's rate counts from here on."""
        times, bar = self.leg.candles.time_s, self._next
        self.moment = None
        if bar < len(times) and times[bar] == time_s:
            quoted = self.walks[0].desk.quotes.bar(bar)
            self.moment, self._next = Moment(bar, quoted), bar + 1
            for walk in self.walks:
                walk.desk.begin_bar(bar)

    def filling(self) -> Moment | None:
        """Return its bar of this instant if orders may fill in it."""
        return None if self.moment is None or self.moment.bar < self.first_tradable else self.moment

    def deciding(self) -> Moment | None:
        """Return its bar of this instant if a rule may decide at its close."""
        return None if self.moment is None or self.moment.bar < self.leg.terms.start_bar else self.moment

    def close_bar(self, moment: Moment) -> None:
        """Let the bar count, then mark what is held by the rate of its close."""
        for walk in self.walks:
            walk.finish_bar(moment)
        for walk in self.walks:
            walk.desk.end_bar()
            walk.desk.mark()
        self._exposed.append(any(walk.desk.was_held for walk in self.walks))

    def mark_again(self) -> None:
        """Mark once more after fills at the close (profile `close`)."""
        for walk in self.walks:
            walk.mark_again()
        self._exposed[-1] = any(walk.desk.was_held for walk in self.walks)

    # -- conditions --------------------------------------------------------------------------------

    def decide(self, moment: Moment, *, may_enter: bool) -> None:
        """End orders at a close, evaluate its conditions and make new orders (X14, X16)."""
        bar = moment.bar
        truths = {side: self._truth(walk, bar) for walk in self.walks for side in walk.sides}
        allowed = may_enter and bool(self.leg.signals.entry_allowed[bar])
        wanted = self._wanted_entries(bar, truths) if allowed else []
        for walk in self.walks:
            holds = truths[walk.sides[0]]
            if self.leg.terms.profile.calls_margin:
                self.board.sweep(moment, walk.sides)
            self.board.judge_close(bar, walk.sides, holds=holds)
            own = [rule for rule in wanted if self._side(rule) in walk.sides]
            self._decide(walk, own, moment, holds)

    def _decide(
        self, walk: DeskWalk, wanted: list[int], moment: Moment, holds: Callable[[int], bool]
    ) -> None:
        """Make the orders of one desk, and see whether an exit signal closes what it holds.

        Beside a reversal it is an order of its own where orders are sized when they are placed.
        """
        position, acts_alone = walk.desk.position, self.leg.terms.profile.sizes_when_placed
        adding: list[int] = []
        if position is not None:
            exits = _exit_is_true(position, holds)
            adding = [rule for rule in wanted if self._side(rule) == position.side]
            wanted = [rule for rule in wanted if rule not in adding]
            leaves = exits and (acts_alone or not any(self._is_market(rule) for rule in wanted))
            adding = adding if self._may_add(position) and not leaves else []
        for rule in sorted([*adding, *wanted], key=self._side, reverse=True):
            self.board.place(rule, moment)
        if position is not None:
            is_reversed = -position.side in walk.sides and -position.side in self.board.pending
            if (acts_alone or not is_reversed) and _exit_is_true(position, holds):
                walk.leaving = position

    def _truth(self, walk: DeskWalk, bar: int) -> Callable[[int], bool]:
        facts = self._facts(walk, bar)
        return lambda node: self._rules.holds(node, bar, facts)

    def _facts(self, walk: DeskWalk, bar: int) -> dict[Fact, float]:
        """Return what rules may know about a desk's position at a close (`domain.position_program`)."""
        position, scales = walk.desk.position, self.scales
        if position is None:
            return facts_when_flat()
        instrument = self.leg.candles.instrument
        open_pnl = scales.minor(walk.desk.marked_pnl())
        return {
            Fact.SIDE: float(position.side),
            Fact.SIZE: scales.steps(position.quantity) / 10.0**instrument.quantity_scale,
            Fact.BARS_HELD: float(bar - position.entry_bar),
            Fact.ENTRY_PRICE: scales.ticks(position.entry_price) / 10.0**instrument.price_scale,
            Fact.OPEN_PNL: open_pnl / 10.0**self.leg.terms.money_decimals,
        }

    def _side(self, rule_index: int) -> int:
        return self.leg.plan.entries[rule_index].side

    def _is_market(self, rule_index: int) -> bool:
        return self.leg.plan.entries[rule_index].order.kind is OrderKind.MARKET

    def _may_add(self, position: HeldPosition) -> bool:
        scale_in = self.leg.plan.scale_in
        return scale_in is not None and position.n_entries < scale_in.max_entries

    def _wanted_entries(self, bar: int, truths: dict[int, Callable[[int], bool]]) -> list[int]:
        """Return the first true rule of each side; two market orders at once: neither, recorded (X14).

        Where the path of a bar is taken as known both act, the long one first.
        """
        found = []
        for side in SIDES:
            true_rules = (
                index
                for index, rule in enumerate(self.leg.plan.entries)
                if rule.side == side and truths[side](rule.when)
            )
            found += list(true_rules)[:1]
        neither = len(found) == len(SIDES) and not self.leg.terms.profile.walks_ohlc
        if neither and all(self._is_market(rule) for rule in found):
            self.walks[0].desk.book.event(bar, EventCode.BOTH_SIDES)
            return []
        return found

    # -- the end -----------------------------------------------------------------------------------

    def end(self) -> None:
        """List what is unfilled; close what is held, if asked to, at the last close (X10)."""
        self.board.list_unfilled(len(self.leg.candles))
        for walk in self.walks if self.leg.terms.close_at_end else ():
            walk.close_at_end()

    def curves(self) -> LegCurves:
        """Return what was held at its closes."""
        held = np.array([walk.held_steps for walk in self.walks], dtype=np.int64)
        return LegCurves(
            first_tradable_bar=self.first_tradable,
            n_bars_done=len(self._exposed),
            long_steps=np.maximum(held, 0).sum(axis=0),
            short_steps=np.maximum(-held, 0).sum(axis=0),
            exposed=np.array(self._exposed, dtype=np.bool_),
        )


def _exit_is_true(position: HeldPosition, holds: Callable[[int], bool]) -> bool:
    when = position.opening.rule.exits.when
    return when >= 0 and holds(when)


def leg_walks(legs: Sequence[Leg], book: CashBook, *, hedging: bool) -> tuple[LegWalk, ...]:
    """Return the walks of all symbols in one account, in the order of the request."""
    account = SharedAccount(book, max_positions=legs[0].terms.risk.max_positions)
    walks = tuple(LegWalk(leg, number, account, hedging=hedging) for number, leg in enumerate(legs))
    account.holders = [walk.desk for one in walks for walk in one.walks]
    return walks
