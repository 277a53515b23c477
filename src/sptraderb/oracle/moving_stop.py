"""The stop of one position as it moves: attached, at break-even, trailing (X8, X15).

Place: part of a held position. Each of the three levels only ever comes nearer: none loosens.
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
        self._side, self._levels = side, levels
        self._mark = self._anchor = fill
        self._attached = levels.stop
        self._break_even: Decimal | None = None
        self._trailing: Decimal | None = None
        self._is_even = self._is_trailing = False
        self._judge_break_even()
        self._trail()

    def finish_bar(self, best: Decimal) -> None:
        """Let the best price of a finished bar move the water mark; what follows is live from the next."""
        self.ride(best)
        self._trail()
        self._judge_break_even()

    def ride(self, price: Decimal) -> None:
        """Let a price move the water mark and the trailing stop behind it, live at once (known paths).

        A new average price alone moves neither: that is judged at the end of the bar.
        """
        if self._side * (price - self._mark) > 0:
            self._mark = price
            self._trail()

    def is_moved_by(self, best: Decimal) -> bool:
        """Return whether a price would move a stop's mark: whether the way there matters."""
        follows = self._levels.trail_by is not None or self._levels.break_even_after is not None
        return follows and self._side * (best - self._mark) > 0

    def bring_to_break_even(self) -> None:
        """Have the stop at the average price from the next bar on: a partial exit asks for it (X9)."""
        self._is_even = True

    def anchor_at(self, anchor: Decimal, levels: Levels) -> None:
        """Count from a new average price after an addition; the attached stop never loosens (X17)."""
        self._anchor, self._levels = anchor, levels
        self._attached = self._nearer(self._attached, levels.stop)

    def governing(self) -> tuple[Decimal | None, ExitReason]:
        """Return the nearest level and whose it is; of equal ones the attached, then break-even."""
        nearest, reason = self._attached, ExitReason.STOP_LOSS
        for level, name in (
            (self._break_even, ExitReason.BREAK_EVEN),
            (self._trailing, ExitReason.TRAILING_STOP),
        ):
            if level is not None and (nearest is None or self._side * (level - nearest) > 0):
                nearest, reason = level, name
        return nearest, reason

    def _gain(self) -> Decimal:
        """Return how far the water mark lies from the average price, in favour of the position."""
        return self._side * (self._mark - self._anchor)

    def _judge_break_even(self) -> None:
        after = self._levels.break_even_after
        if after is not None and self._gain() >= after:
            self._is_even = True
        if self._is_even:
            self._break_even = self._nearer(self._break_even, self._anchor)

    def _trail(self) -> None:
        levels = self._levels
        if levels.trail_by is None:
            return
        self._is_trailing = self._is_trailing or self._gain() >= levels.trail_after
        level = self._mark - self._side * levels.trail_by
        if self._is_trailing and level > 0:
            self._trailing = self._nearer(self._trailing, level)

    def _nearer(self, old: Decimal | None, new: Decimal | None) -> Decimal | None:
        """Return the level nearer to the market: the higher one for a long."""
        if old is None or new is None:
            return new if old is None else old
        return max(old, new) if self._side > 0 else min(old, new)
