"""An instant of a bar at which the oracle fills something."""

from dataclasses import dataclass
from decimal import Decimal

from sptraderb.oracle.quoted_bar import Quote, QuotedBar


@dataclass(frozen=True, slots=True)
class Moment:
    """Where in time a fill happens.

    Parameters
    ----------
    bar : int
        Index of the bar.
    quoted : QuotedBar
        Its prices.
    is_inside : bool
        Whether it happens after the open.
    ambiguous : bool
        Whether that it happens is not certain (X6).
    is_at_close : bool
        Whether it happens at the close: all of the bar has been seen by then.
    """

    bar: int
    quoted: QuotedBar
    is_inside: bool = False
    ambiguous: bool = False
    is_at_close: bool = False

    @property
    def spread_of(self) -> Quote:
        """The instant whose spread counts: the bar's open for all of its path (X5), or its close."""
        return self.quoted.close if self.is_at_close else self.quoted.open

    def opened_at(self, side: int) -> Decimal | None:
        """Return the exit price of the bar's open; None at a close, which need not look back to it."""
        return None if self.is_at_close else self.quoted.open.exit_price(side)
