"""The stop of one position as it moves: attached, at break-even, trailing (X8, X15).

Place: part of a held position. The water mark is the only thing that changes; every level follows
from it, so that no stop can loosen.
"""

from decimal import Decimal

from sptraderb.domain.outcome import ExitReason
from sptraderb.oracle.exit_levels import Levels


class MovingStop:
    """The nearest of up to three stops.

    Parameters
    ----------
    side : {1, -1}
        Of the position.
    fill : Decimal
        Its entry price, where the water mark starts.
    levels : Levels
        The attached stop, and the distances at which the others begin and follow.
    """

    def __init__(self, side: int, fill: Decimal, *, levels: Levels) -> None:
        self._side, self._fill, self._levels = side, fill, levels
        self._mark = fill

    def finish_bar(self, best: Decimal) -> None:
        """Let the best price of a finished bar move the water mark; what follows is live from the next."""
        self._mark = max(self._mark, best) if self._side > 0 else min(self._mark, best)

    def governing(self) -> tuple[Decimal | None, ExitReason]:
        """Return the nearest level and whose it is; of equal ones the attached, then break-even."""
        nearest, reason = self._levels.stop, ExitReason.STOP_LOSS
        for level, name in (
            (self._break_even(), ExitReason.BREAK_EVEN),
            (self._trailing(), ExitReason.TRAILING_STOP),
        ):
            if level is not None and (nearest is None or self._side * (level - nearest) > 0):
                nearest, reason = level, name
        return nearest, reason

    def _gain(self) -> Decimal:
        """Return how far the mark lies from the fill, in favour of the position."""
        return self._side * (self._mark - self._fill)

    def _break_even(self) -> Decimal | None:
        after = self._levels.break_even_after
        return self._fill if after is not None and self._gain() >= after else None

    def _trailing(self) -> Decimal | None:
        distance = self._levels.trail_by
        if distance is None or self._gain() < self._levels.trail_after:
            return None
        level = self._mark - self._side * distance
        return level if level > 0 else None
