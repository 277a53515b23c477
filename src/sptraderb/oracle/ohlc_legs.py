"""The way through a bar where it is taken as known: open, the nearer extreme, the other one, close.

Place: beside ``price_path``, for profiles that walk a bar so (`Profile.walks_ohlc`). On each of the three
legs the nearest level comes first; whatever is live then goes on from there, exits of an entry that filled
a moment ago too. Nothing is unknown, so nothing is ambiguous.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from sptraderb.domain.order import LONG
from sptraderb.oracle.entry_order import EntryOrder
from sptraderb.oracle.exact_numbers import ZERO
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.price_path import DOWN, UP, PricePath
from sptraderb.oracle.quoted_bar import Quote, QuotedBar

_STOP_RANK, _TARGET_RANK, _N_LEGS = -1, 1_000_000, 3


@dataclass(frozen=True, slots=True)
class Leg:
    """One way from an extreme (or the open) to the next; ``way`` is how far the market has come on it."""

    start: Quote
    end: Quote
    direction: int
    way: Decimal = ZERO

    def price_now(self, direction: int) -> Decimal:
        """Return the price of the side that buys or sells look at, where the market stands now."""
        start, length = self.start.traded_price(direction), self.length(direction)
        return start + self.direction * min(self.way, length)

    def length(self, direction: int) -> Decimal:
        """Return how far a side moves on this leg."""
        return abs(self.end.traded_price(direction) - self.start.traded_price(direction))

    def way_to(self, level: Decimal, direction: int, *, through: Decimal = ZERO) -> Decimal | None:
        """Return how far the market must come for a side to be at a level; None if it does not."""
        way = self.direction * (level - self.start.traded_price(direction)) + through
        return way if self.way <= way <= self.length(direction) else None


@dataclass(frozen=True, slots=True)
class _Next:
    """Something that happens on a leg: how far on, at which price, and what (`price_path`)."""

    way: Decimal
    rank: int
    price: Decimal
    order: EntryOrder | None = None
    number: int | None = None
    is_stop: bool = False


def legs_of(quoted: QuotedBar) -> Iterator[Leg]:
    """Yield the legs of a bar: over the high first where it is nearer to the open than the low."""
    high = Quote(quoted.bid_high, quoted.bid_high, quoted.ask_high)
    low = Quote(quoted.bid_low, quoted.bid_low, quoted.ask_low)
    opened = quoted.open.bid
    is_high_first = quoted.bid_high - opened < opened - quoted.bid_low
    first, second = (high, low) if is_high_first else (low, high)
    direction = UP if is_high_first else DOWN
    yield Leg(quoted.open, first, direction)
    yield Leg(first, second, -direction)
    yield Leg(second, quoted.close, direction)


class OhlcPath(PricePath):
    """Walks bars leg by leg; the open is as everywhere (`PricePath`)."""

    def walk(self, moment: Moment) -> None:
        """Fill what the bar reaches between its open and its close, by finer bars where that is chosen."""
        self.is_marked = True
        finer = self._walked.of(moment.bar) if self._walked is not None and self._walks_finer else []
        self.n_walked += int(bool(finer))
        for number, quoted in enumerate(finer or [moment.quoted]):
            now = replace(moment, quoted=quoted)
            if number:
                self._desk.step += 1
                self.entries_passed_at_open(now)
            self._walk_legs(now)
        position = self._desk.position
        if position is not None:
            position.stop.finish_bar(moment.quoted.close.exit_price(position.side))

    def _walk_legs(self, moment: Moment) -> None:
        """Walk one bar, of the run or a finer one; margin is called at its open and its turns (A3).

        A call of less than one whole unit at the first turn waits for the close where it would come there
        too; nothing fills on the way to it.
        """
        self.exits_passed_at_open(moment)
        self._mark_at(moment.quoted.open)
        self._desk.call_margin(moment, moment.quoted.open)
        inside, is_put_off = replace(moment, is_inside=True), False
        for number, leg in enumerate(legs_of(moment.quoted), start=1):
            if not is_put_off:
                self._walk_leg(inside, leg)
            self._mark_at(leg.end)
            position = self._desk.position
            if number == _N_LEGS or is_put_off or position is None or leg.direction == position.side:
                continue
            is_put_off = number == 1 and self._desk.is_call_put_off(leg.end, moment.quoted.close)
            if not is_put_off:
                self._desk.call_margin(inside, leg.end)

    def _mark_at(self, instant: Quote) -> None:
        """Let a turn of the way count: excursions, the lowest equity, and the trailing stop (X8)."""
        position = self._desk.position
        if position is not None:
            price = instant.exit_price(position.side)
            position.see(price, price)
            position.stop.ride(price)
            self._desk.note_lowest(position, price)

    def _walk_leg(self, moment: Moment, leg: Leg) -> None:
        """Let happen what lies on a leg, the nearest first, as long as there is something.

        Exits that the price of an entry's fill has passed fill at that price.
        """
        entered: Decimal | None = None
        while found := self._on_leg(moment, leg, is_new=leg.way == entered):
            first = min(found, key=lambda one: (one.way, one.rank))
            leg = replace(leg, way=first.way)
            if first.order is None:
                if first.is_stop:
                    self._desk.stop_out(moment, first.price)
                else:
                    self._desk.take_profit(moment, first.price, first.number)
            elif first.is_stop and not self._is_filled_by_stop(first.order):
                first.order.armed = True
            elif self.enter(first.order, moment, first.price, slipped=first.order.limit is None):
                entered = leg.way

    def _is_filled_by_stop(self, order: EntryOrder) -> bool:
        """Return whether the stop of an order fills it: a stop order, or one within its limit there."""
        stop = order.live_stop
        return order.limit is None or (stop is not None and order.is_within_limit(stop, through=ZERO))

    def _on_leg(self, moment: Moment, leg: Leg, *, is_new: bool) -> list[_Next]:
        found = []
        position = self._desk.position
        if position is not None:
            self._desk.arm(moment)
            found += self._exits_on(leg, position, is_new=is_new)
        for side in self._sides:
            order = self._board.resting.get(side)
            if order is not None:
                found += self._entry_on(leg, order)
        return found

    def _exits_on(self, leg: Leg, position: HeldPosition, *, is_new: bool) -> list[_Next]:
        """List the exits that are passed where the market stands, or lie on the rest of the leg."""
        side, found = position.side, []
        now = leg.price_now(-side)
        stop, _ = position.governing()
        if stop is not None:
            if position.stop_reached(now):
                found.append(_Next(leg.way, _STOP_RANK, now, is_stop=True))
            elif leg.direction == -side and (way := leg.way_to(stop, -side)) is not None:
                found.append(_Next(way, _STOP_RANK, stop, is_stop=True))
        for level, number in position.profit_levels():
            rank = _TARGET_RANK if number is None else number
            way = leg.way_to(level, -side, through=self._through) if leg.direction == side else None
            is_passed = way is None or (is_new and way == leg.way)
            if way is not None and not is_passed:
                found.append(_Next(way, rank, level, number=number))
            elif position.is_at_profit(now, level, through=self._through):
                found.append(_Next(leg.way, rank, now, number=number))
        return found

    def _entry_on(self, leg: Leg, order: EntryOrder) -> list[_Next]:
        """Return where a resting order is reached: its stop on the way of its side, its limit against it."""
        side, rank = order.side, _TARGET_RANK + (1 if order.side == LONG else 2)
        stop, limit = order.live_stop, order.live_limit
        if stop is not None and leg.direction == side:
            way = leg.way_to(stop, side)
            return [] if way is None else [_Next(way, rank, stop, order, is_stop=True)]
        if limit is not None and leg.direction == -side:
            way = leg.way_to(limit, side, through=self._through)
            return [] if way is None else [_Next(way, rank, limit, order)]
        return []
