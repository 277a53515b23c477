"""An instant of a bar at which the oracle fills something."""

from dataclasses import dataclass

from sptraderb.oracle.quoted_bar import QuotedBar


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
    """

    bar: int
    quoted: QuotedBar
    is_inside: bool = False
    ambiguous: bool = False
