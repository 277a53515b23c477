"""Where a position's stop and target lie (X15, M4).

Place: turns the distances of an entry rule into prices at the fill. A level given by a series is
float64 until it becomes a price on the grid, once (M9).
"""

import math
from dataclasses import dataclass
from decimal import Decimal

from sptraderb.domain.order import Distance, DistanceKind, EntryRule
from sptraderb.domain.outcome import OrderReason
from sptraderb.domain.plan import Signals
from sptraderb.oracle.exact_numbers import ZERO, Scales, rate

_ON_GRID = 1e-4
_LARGEST_EXACT = 2.0**52


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
    """Where the exits of a position lie at its fill.

    Parameters
    ----------
    stop, target : Decimal or None
        Prices; None where there is none or the price is never reached.
    trail_by : Decimal or None
        How far behind the water mark the trailing stop follows (X8).
    trail_after : Decimal
        How far the mark must have come before it does.
    break_even_after : Decimal or None
        How far the mark must have come for the stop to move to the fill.
    """

    stop: Decimal | None
    target: Decimal | None
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
    """

    def __init__(self, rule: EntryRule, signals: Signals, *, decided_bar: int, scales: Scales) -> None:
        self._rule = rule
        self._signals = signals
        self._bar = decided_bar
        self._scales = scales

    def levels(self, fill: Decimal) -> Levels:
        """Return all levels for a fill price, or raise `LevelRefused`: stop, target, then what moves."""
        side = self._rule.side
        stop = self.stop(fill)
        if stop is not None and side * (fill - stop) <= 0:
            raise LevelRefused(OrderReason.WRONG_SIDE_STOP)
        target = self._target(fill, stop)
        if target is not None and side * (target - fill) <= 0:
            raise LevelRefused(OrderReason.WRONG_SIDE_TARGET)
        exits = self._rule.exits
        trail_by = self._distance(exits.trailing_stop, fill, stop)
        if trail_by is not None and trail_by <= 0:
            raise LevelRefused(OrderReason.WRONG_SIDE_STOP)
        trail_after = self._distance(exits.trailing_activate, fill, stop)
        break_even_after = self._distance(exits.break_even_at, fill, stop)
        return Levels(stop, target, trail_by, trail_after or ZERO, break_even_after)

    def _distance(self, distance: Distance | None, fill: Decimal, stop: Decimal | None) -> Decimal | None:
        return None if distance is None else self._move(distance, fill, stop)

    def stop(self, fill: Decimal) -> Decimal | None:
        """Return the stop's price: below the fill for a long, above it for a short."""
        distance = self._rule.exits.stop_loss
        if distance is None:
            return None
        return self._level(distance, fill, direction=-self._rule.side, initial_stop=None)

    def _target(self, fill: Decimal, stop: Decimal | None) -> Decimal | None:
        distance = self._rule.exits.take_profit
        if distance is None:
            return None
        return self._level(distance, fill, direction=self._rule.side, initial_stop=stop)

    def _level(
        self, distance: Distance, fill: Decimal, *, direction: int, initial_stop: Decimal | None
    ) -> Decimal | None:
        """Return the price ``distance`` away from the fill in ``direction``, rounded away from it."""
        if distance.kind is DistanceKind.PRICE:
            level = self._price_of_series(distance.node, direction)
        else:
            level = fill + direction * self._move(distance, fill, initial_stop)
        return level if level > 0 else None

    def _move(self, distance: Distance, fill: Decimal, initial_stop: Decimal | None) -> Decimal:
        """Return a distance in price, rounded up to whole ticks."""
        scales = self._scales
        if distance.kind is DistanceKind.RATE:
            return scales.price_up(fill * rate(distance.amount))
        if distance.kind is DistanceKind.TICKS:
            return scales.price_up(Decimal(distance.amount).scaleb(-6) * scales.tick)
        if distance.kind is DistanceKind.R:
            if initial_stop is None:
                raise LevelRefused(OrderReason.LEVEL_UNDEFINED)
            return scales.price_up(abs(fill - initial_stop) * Decimal(distance.amount).scaleb(-6))
        return scales.price(self._whole_ticks(distance.node, upwards=True))

    def _price_of_series(self, node: int, direction: int) -> Decimal:
        return self._scales.price(self._whole_ticks(node, upwards=direction > 0))

    def _whole_ticks(self, node: int, *, upwards: bool) -> int:
        """Return a float64 value of a series as ticks: the nearest within 1e-4, else outwards (M4)."""
        value = float(self._signals.levels[node][self._bar]) * 10.0**self._scales.price_scale
        if not math.isfinite(value) or abs(value) >= _LARGEST_EXACT:
            raise LevelRefused(OrderReason.LEVEL_UNDEFINED)
        nearest = round(value)
        if abs(value - nearest) < _ON_GRID:
            return nearest
        return math.ceil(value) if upwards else math.floor(value)
