"""Where a position's stop, target and partial exits lie (X9, X15, X17, M4).

Place: turns the distances of an entry rule into prices at the fill, and again at the average price
after an addition. A level given by a series is float64 until it becomes a price on the grid, once (M9).
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from sptraderb.domain.order import Distance, DistanceKind, EntryRule
from sptraderb.domain.outcome import OrderReason
from sptraderb.domain.plan import Signals
from sptraderb.oracle.exact_numbers import ZERO, Scales, rate, whole_ticks


class LevelRefused(Exception):
    """A level is undefined or lies on the wrong side of the fill.

    Parameters
    ----------
    reason : OrderReason
        What the rejected order is listed with.
    """

    def __init__(self, reason: OrderReason) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Levels:
    """Where the exits of a position lie.

    Parameters
    ----------
    stop, target : Decimal or None
        Prices; None where there is none or the price is never reached.
    parts : tuple of Decimal or None
        Prices of the partial exits, in the order stated (X9).
    trail_by : Decimal or None
        How far behind the water mark the trailing stop follows (X8).
    trail_after : Decimal
        How far the mark must have come before it does.
    break_even_after : Decimal or None
        How far the mark must have come for the stop to move to the average price.
    """

    stop: Decimal | None
    target: Decimal | None
    parts: tuple[Decimal | None, ...] = ()
    trail_by: Decimal | None = None
    trail_after: Decimal = ZERO
    break_even_after: Decimal | None = None


class LevelRule:
    """Computes the levels of one entry rule decided at one bar.

    Parameters
    ----------
    rule : EntryRule
        Side and distances.
    signals : Signals
        Levels of series, read at the decided bar.
    decided_bar : int
        Bar at whose close the order was made.
    scales : Scales
        The run's units.
    skips : bool
        Whether a level that is undefined is left out, and one on the wrong side is passed at once, instead
        of refusing the entry.
    """

    def __init__(
        self, rule: EntryRule, signals: Signals, *, decided_bar: int, scales: Scales, skips: bool = False
    ) -> None:
        self._rule, self._skips = rule, skips
        self._signals = signals
        self._bar = decided_bar
        self._scales = scales
        self._r: Decimal | None = None

    def levels(self, fill: Decimal) -> Levels:
        """Return all levels for a fill price, or raise `LevelRefused` for the first fault.

        Judged in this order: stop, target, partial exits, what moves. R is fixed here for life.
        """
        side, exits = self._rule.side, self._rule.exits
        stop = self.stop(fill)
        if stop is not None and side * (fill - stop) <= 0 and not self._skips:
            raise LevelRefused(OrderReason.WRONG_SIDE_STOP)
        self._r = None if stop is None else abs(fill - stop)
        profits = []
        for distance in (exits.take_profit, *(part.at for part in exits.partial)):
            level = self._level(distance, fill, direction=side)
            if level is not None and side * (level - fill) <= 0 and not self._skips:
                raise LevelRefused(OrderReason.WRONG_SIDE_TARGET)
            profits.append(level)
        trail_by = self._move(exits.trailing_stop, fill)
        if trail_by is not None and trail_by <= 0:
            raise LevelRefused(OrderReason.WRONG_SIDE_STOP)
        activate = None if exits.trailing_stop is None else exits.trailing_activate
        trail_after = self._move(activate, fill)
        break_even_after = self._move(exits.break_even_at, fill)
        return Levels(stop, profits[0], tuple(profits[1:]), trail_by, trail_after or ZERO, break_even_after)

    def levels_from(self, anchor: Decimal, first: Levels) -> Levels:
        """Return the levels counted from the average price; nothing is judged again (X17).

        Prices, R and the distances of what moves stay as they were at the first fill.
        """
        side, exits = self._rule.side, self._rule.exits
        return replace(
            first,
            stop=self.stop(anchor),
            target=self._level(exits.take_profit, anchor, direction=side),
            parts=tuple(self._level(part.at, anchor, direction=side) for part in exits.partial),
        )

    def stop(self, fill: Decimal) -> Decimal | None:
        """Return the stop's price: below the fill for a long, above it for a short."""
        return self._level(self._rule.exits.stop_loss, fill, direction=-self._rule.side)

    def _level(self, distance: Distance | None, fill: Decimal, *, direction: int) -> Decimal | None:
        """Return the price ``distance`` away from the fill in ``direction``, rounded away from it."""
        if distance is None or self._is_left_out(distance):
            return None
        if distance.kind is DistanceKind.PRICE:
            level = self._of_series(distance.node, upwards=direction > 0)
        else:
            level = fill + direction * self.distance(distance, fill)
        return level if level > 0 else None

    def _move(self, distance: Distance | None, fill: Decimal) -> Decimal | None:
        if distance is None or self._is_left_out(distance):
            return None
        return self.distance(distance, fill)

    def _is_left_out(self, distance: Distance) -> bool:
        """Return whether an undefined level is skipped (profile `tradingview`)."""
        if not self._skips:
            return False
        if distance.kind is DistanceKind.R:
            return self._r is None
        if distance.kind in (DistanceKind.SERIES, DistanceKind.PRICE):
            value = float(self._signals.levels[distance.node][self._bar])
            return whole_ticks(value, self._scales.price_scale, upwards=True) is None
        return False

    def distance(self, distance: Distance, fill: Decimal) -> Decimal:
        """Return a distance in price, rounded up to whole ticks; one of a series may be refused."""
        scales = self._scales
        if distance.kind is DistanceKind.R:
            if self._r is None:
                raise LevelRefused(OrderReason.LEVEL_UNDEFINED)
            return scales.price_up(self._r * Decimal(distance.amount).scaleb(-6))
        if distance.kind is DistanceKind.SERIES:
            return self._of_series(distance.node, upwards=True)
        return stated_distance(distance, fill, scales=scales)

    def _of_series(self, node: int, *, upwards: bool) -> Decimal:
        """Return what a series says at the decided bar, as a price or a distance on the grid (M4)."""
        scales = self._scales
        value = float(self._signals.levels[node][self._bar])
        ticks = whole_ticks(value, scales.price_scale, upwards=upwards)
        if ticks is None:
            raise LevelRefused(OrderReason.LEVEL_UNDEFINED)
        return scales.price(ticks)


def stated_distance(distance: Distance, price: Decimal, *, scales: Scales) -> Decimal:
    """Return a distance stated as a rate of a price or in ticks, rounded up to whole ticks (X15)."""
    if distance.kind is DistanceKind.RATE:
        return scales.price_up(price * rate(distance.amount))
    return scales.price_up(Decimal(distance.amount).scaleb(-6) * scales.tick)
