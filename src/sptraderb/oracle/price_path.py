"""What a bar's prices reach, and in which order it is taken to happen (X2-X4, X6, X7, X9, X16).

Place: asked by ``replay`` at the open of a bar and for the way from the open to the close. It decides
when and at which price something fills; `trading_desk` fills it.

1. At the open, what the open has passed: stop, partial exits, target (`exits_passed_at_open`), then
   resting entries (`entries_passed_at_open`).
2. Inside the bar, as long as something is reached (`walk`): what lies nearer in one direction comes
   first, certainly; between the two directions nobody knows, and the one against the position is taken.
3. After a fill inside the bar only what came after it counts (`_rest_of_entry_bar`).
4. Last, stop-limits whose stop was reached become limits (`_arm_stop_limits`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from sptraderb.domain.order import LONG
from sptraderb.domain.terms import Terms
from sptraderb.oracle.entry_order import EntryOrder
from sptraderb.oracle.exact_numbers import ZERO
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.order_board import SIDES, OrderBoard
from sptraderb.oracle.quoted_bar import Quote, QuotedBar
from sptraderb.oracle.trading_desk import TradingDesk
from sptraderb.oracle.walked_bars import WalkedBars

UP, DOWN = 1, -1


@dataclass(frozen=True, slots=True)
class _Reached:
    """Something that the bar's range reaches after its open.

    Parameters
    ----------
    level : Decimal
        Price of its own side.
    direction : {1, -1}
        Whether the market comes to it from below or from above.
    distance : Decimal
        From the open of its own side.
    rank : int
        Among equal distances: the stop, partial exits, the target, a buy, a sell.
    order : EntryOrder or None
        The entry it is; None for an exit.
    profit : int or None
        Number of the partial exit, -1 for the target; None for the stop and entries.
    limit : Decimal or None
        Of a stop-limit that this bar arms: fills there, not at the level it came by.
    doubtful : bool
        Whether nobody knows that it fills.
    """

    level: Decimal
    direction: int
    distance: Decimal
    rank: int
    order: EntryOrder | None = None
    profit: int | None = None
    limit: Decimal | None = None
    doubtful: bool = False


_STOP_RANK, _TARGET_RANK = -1, 1_000_000


class PricePath:
    """Finds fills inside bars.

    Parameters
    ----------
    desk : TradingDesk
        Holds the position and fills.
    board : OrderBoard
        Holds resting entries.
    terms : Terms
        How far a limit must be passed, and for whom the unknown is decided.
    walked : WalkedBars or None
        Finer candles, where there are any.
    sides : tuple of int
        Whose entries these are: both, or with hedging the desk's own.

    Attributes
    ----------
    n_uncertain, n_walked : int
        Bars whose course mattered, and how many of them finer candles showed (X6).
    is_marked : bool
        Whether the last walk has counted the bar for what is held.
    """

    def __init__(
        self,
        desk: TradingDesk,
        board: OrderBoard,
        terms: Terms,
        *,
        walked: WalkedBars | None = None,
        sides: tuple[int, ...] = SIDES,
    ) -> None:
        self._desk, self._board, self._walked, self._sides = desk, board, walked, sides
        self.n_uncertain = self.n_walked = 0
        self.is_marked = False
        self._through = desk.scales.price(terms.limit_through_ticks)
        self._for_position, self._walks_finer = terms.for_position, terms.profile.walks_finer

    # -- 1. the open -----------------------------------------------------------------------------

    def exits_passed_at_open(self, moment: Moment) -> None:
        """Fill at the open what it has passed: the stop, else partial exits in their order, the target."""
        position = self._desk.position
        if position is None:
            return
        self._desk.arm(moment)
        price = moment.quoted.open.exit_price(position.side)
        if position.stop_reached(price):
            self._desk.stop_out(moment, price)
            return
        passed = [row for row in position.profit_levels() if position.is_at_profit(price, row[0])]
        for number in sorted(number for _, number in passed if number is not None):
            if self._desk.position is position:
                self._desk.take_profit(moment, price, number)
        if self._desk.position is position and any(number is None for _, number in passed):
            self._desk.take_profit(moment, price, None)

    def entries_passed_at_open(self, moment: Moment) -> None:
        """Fill at the open the resting entries it has passed, long first; arm stop-limits there (X4)."""
        for side in self._sides:
            order = self._board.resting.get(side)
            if order is None:
                continue
            price = moment.quoted.open.entry_price(side)
            if order.is_stop_limit and order.is_beyond_stop(price):
                order.armed = True
            if order.is_passed_by(price):
                self.enter(order, moment, price, slipped=order.limit is None)

    def passes_an_entry(self, moment: Moment) -> bool:
        """Return whether `entries_passed_at_open` would fill anything."""
        resting = (self._board.resting.get(side) for side in self._sides)
        price_of = moment.quoted.open.entry_price
        return any(order.is_passed_by(price_of(order.side)) for order in resting if order is not None)

    def enter(
        self, order: EntryOrder, moment: Moment, price: Decimal, *, slipped: bool, at: Quote | None = None
    ) -> bool:
        """Fill an entry at a price of its side; a fill cancels the other side's order (X16).

        Parameters
        ----------
        at : Quote or None
            The instant whose spread counts; None for the open.
        """
        if self._board.resting.get(order.side) is order:
            del self._board.resting[order.side]
        instant = moment.quoted.open if at is None else at
        fill = self._desk.quotes.fill(order.side, price, at=instant, slipped=slipped)
        filled = self._desk.enter(order, moment, fill)
        if filled:
            self._board.cancel_other_side(order.side, moment.bar)
        return filled

    # -- 2. inside the bar -------------------------------------------------------------------------

    def walk(self, moment: Moment) -> None:
        """Fill what the bar reaches between its open and its close; by finer bars where it matters."""
        held = self._desk.position
        self.exits_passed_at_open(moment)
        ended = held is not None and self._desk.position is None
        matters = self._matters(moment)
        finer = self._walked.of(moment.bar) if self._walked is not None and matters else []
        self.n_uncertain += int(matters)
        self.n_walked += int(bool(finer))
        self.is_marked = bool(finer)
        for number, quoted in enumerate(finer):
            now = replace(moment, quoted=quoted)
            if number:
                self._desk.step += 1
                self.exits_passed_at_open(now)
                self.entries_passed_at_open(now)
                held = self._desk.position
                self.exits_passed_at_open(now)  # those of an entry at this open, whose stop it has passed too
                ended = held is not None and self._desk.position is None
            self._walk_inside(now, ended=ended)
            self._desk.finish_bar(quoted)
        if not finer:
            self._walk_inside(moment, ended=ended)

    def _matters(self, moment: Moment) -> bool:
        """Return whether a result depends on the course of a bar: then finer candles are asked.

        Exits of both directions within reach, a resting entry, or a mark that moves a stop. An entry's limit
        is within reach when it is touched: a finer bar may open there.
        """
        position, quoted = self._desk.position, moment.quoted
        reached = self._reached(replace(moment, is_inside=True))
        if len({one.direction for one in reached}) > 1 or any(one.order is not None for one in reached):
            return True
        for side in self._sides:
            order = self._board.resting.get(side)
            if order is None:
                continue
            best, beyond = _best_and_beyond(side, quoted)
            if order.is_stop_limit and order.is_beyond_stop(beyond):
                return True
            if order.live_limit is not None and order.is_within_limit(best, through=ZERO):
                return True
        if position is None or not position.live:
            return False
        return position.stop.is_moved_by(quoted.favourable(position.side))

    def _walk_inside(self, moment: Moment, *, ended: bool) -> None:
        """Fill what a bar, of the run or a finer one, reaches between its open and its close."""
        inside = replace(moment, is_inside=True)
        while not ended:
            reached = self._reached(inside)
            if not reached:
                break
            both = len({one.direction for one in reached}) > 1
            first = self._first(reached, both=both)
            now = replace(inside, ambiguous=inside.ambiguous or both or first.doubtful)
            if first.order is not None:
                ended = self._entered(first, first.order, now)
                continue
            ended = self._exited(first, now)
            inside = now
        self._arm_stop_limits(moment.quoted)

    def _first(self, reached: Iterable[_Reached], *, both: bool) -> _Reached:
        """Return what is taken to happen first: the nearer, but against the position before for it."""
        position = self._desk.position
        if both and position is not None:
            taken = position.side if self._for_position else -position.side
            reached = [one for one in reached if one.direction == taken]
        return min(reached, key=lambda one: (one.distance, one.rank))

    def _exited(self, reached: _Reached, moment: Moment) -> bool:
        """Fill an exit on the path; return whether nothing is held any more."""
        position = self._desk.position
        if reached.profit is None or position is None:
            self._desk.stop_out(moment, reached.level)
        else:
            number = None if reached.profit < 0 else reached.profit
            worst = moment.quoted.adverse(position.side)
            self._desk.take_profit(moment, reached.level, number, worst=worst)
        return self._desk.position is None

    def _entered(self, reached: _Reached, order: EntryOrder, moment: Moment) -> bool:
        """Fill an entry on the path; return whether it filled or closed what was held."""
        old = self._desk.position
        if old is not None and old.side != order.side and reached.direction == old.side:
            self._desk.note_lowest(old, moment.quoted.adverse(old.side))
        price = reached.level if reached.limit is None else reached.limit
        filled = self.enter(order, moment, price, slipped=order.limit is None)
        if filled:
            high, low = moment.quoted.range_of(-order.side)
            extreme = high if reached.direction == UP else low
            known = None if reached.limit is not None else extreme
            self._rest_of_entry_bar(moment, entered_at=price, extreme=known)
        return filled or self._desk.position is not old

    def _reached(self, moment: Moment) -> list[_Reached]:
        """List what is reached inside a bar: the exits of what is held, and resting entries."""
        found = []
        position = self._desk.position
        if position is not None:
            self._desk.arm(moment)
            found += self._reached_exits(position, moment.quoted)
        for side in self._sides:
            order = self._board.resting.get(side)
            if order is not None:
                found += self._reached_entry(order, moment.quoted)
        return found

    def _reached_exits(self, position: HeldPosition, quoted: QuotedBar) -> list[_Reached]:
        side, found = position.side, []
        worst, best, opened = quoted.adverse(side), quoted.favourable(side), quoted.open.exit_price(side)
        stop, _ = position.governing()
        if stop is not None and position.stop_reached(worst):
            found.append(_Reached(stop, -side, abs(stop - opened), _STOP_RANK))
        for level, number in position.profit_levels():
            if position.is_at_profit(best, level, through=self._through):
                rank, profit = (_TARGET_RANK, -1) if number is None else (number, number)
                found.append(_Reached(level, side, abs(level - opened), rank, profit=profit))
        return found

    def _reached_entry(self, order: EntryOrder, quoted: QuotedBar) -> list[_Reached]:
        """Return where an order fills on the path: at its stop, or at the limit it waits for.

        A stop-limit that the bar arms fills at its stop where that is as good as its limit; else at its
        limit if the close is there or better: nobody knows what of the range came after the stop (X4).
        """
        side = order.side
        opened, rank = quoted.open.entry_price(side), _TARGET_RANK + (1 if side == LONG else 2)
        best, beyond = _best_and_beyond(side, quoted)
        stop, limit = order.live_stop, order.live_limit
        if limit is not None and order.is_within_limit(best, through=self._through):
            return [_Reached(limit, -side, abs(limit - opened), rank, order)]
        if stop is None or not order.is_beyond_stop(beyond):
            return []
        at_stop = _Reached(stop, side, abs(stop - opened), rank, order)
        if order.limit is None or order.is_within_limit(stop, through=ZERO):
            return [at_stop]
        is_certain = order.is_within_limit(quoted.close.entry_price(side), through=self._through)
        may_be = self._for_position and order.is_within_limit(best, through=self._through)
        return [replace(at_stop, limit=order.limit, doubtful=not is_certain)] if is_certain or may_be else []

    # -- 3. after a fill inside the bar --------------------------------------------------------------

    def _rest_of_entry_bar(self, moment: Moment, *, entered_at: Decimal, extreme: Decimal | None) -> None:
        """Let exits count on the path after a fill inside the bar (X7).

        Certain are the close and the extreme the market was on its way to; the other extreme may have
        come before or after the fill.

        Parameters
        ----------
        entered_at : Decimal
            Price of the entry's side at which it filled, before slippage.
        extreme : Decimal or None
            The certain extreme of the exit side; None where neither is.
        """
        position = self._desk.position
        if position is None:
            return
        quoted, side = moment.quoted, position.side
        close = quoted.close.exit_price(side)
        position.certain = (close,) if extreme is None else (close, extreme)
        self._desk.arm(moment)
        at_fill = quoted.open.across_from(side, entered_at)
        known = replace(moment, ambiguous=False)
        if position.stop_reached(at_fill):
            self._desk.stop_out(known, at_fill)
            return
        certain_worst, certain_best = position.certain_extremes()
        is_stopped = position.stop_reached(certain_worst)
        may_be_stopped = position.stop_reached(quoted.adverse(side))
        may_be_taken = self._profits_at(position, quoted.favourable(side))
        is_taken = self._profits_at(position, certain_best)
        if may_be_stopped and not self._for_position:
            doubt = not is_stopped or bool(may_be_taken)
            self._stop_at_level(replace(moment, ambiguous=doubt), position)
            return
        # Only an extreme against the position may have come between the fill and a target for certain.
        behind = extreme if extreme == quoted.adverse(side) else None
        for level, number in may_be_taken if self._for_position else is_taken:
            is_known = (level, number) in is_taken
            now = replace(moment, ambiguous=not is_known or may_be_stopped)
            self._desk.take_profit(now, level, number, worst=behind)
            position.ambiguous = position.ambiguous or not is_known
            if self._desk.position is not position:
                return
        if is_stopped:
            self._stop_at_level(replace(moment, ambiguous=bool(may_be_taken)), position)
        elif may_be_stopped or len(may_be_taken) > len(is_taken):
            position.ambiguous = True

    def _profits_at(self, position: HeldPosition, price: Decimal) -> list[tuple[Decimal, int | None]]:
        levels = position.profit_levels()
        return [row for row in levels if position.is_at_profit(price, row[0], through=self._through)]

    def _stop_at_level(self, moment: Moment, position: HeldPosition) -> None:
        level, _ = position.governing()
        if level is not None:
            self._desk.stop_out(moment, level)

    # -- 4. stop-limits --------------------------------------------------------------------------

    def _arm_stop_limits(self, quoted: QuotedBar) -> None:
        """Make limits of the stop-limits whose stop the bar reached and that did not fill (X4).

        Where its range reached the limit too, what it opens later is ambiguous.
        """
        for side in self._sides:
            order = self._board.resting.get(side)
            if order is None or not order.is_stop_limit:
                continue
            best, beyond = _best_and_beyond(side, quoted)
            if order.is_beyond_stop(beyond):
                order.armed = True
                order.doubtful = order.is_within_limit(best, through=self._through)


def _best_and_beyond(side: int, quoted: QuotedBar) -> tuple[Decimal, Decimal]:
    """Return the extremes that an order's limit and its stop look at: low and high for a buy."""
    high, low = quoted.range_of(side)
    return (low, high) if side == LONG else (high, low)
