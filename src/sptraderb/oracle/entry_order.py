"""An entry order from the close that made it to its end (X1 to X4, X16).

Place: a value of the oracle; `order_board` holds those that wait, `price_path` finds where they fill.
"""

from dataclasses import dataclass
from decimal import Decimal

from sptraderb.domain.outcome import OrderReason


@dataclass(frozen=True, slots=True)
class Placed:
    """What an order is for, where that is fixed when it is placed (profile `tradingview`).

    Parameters
    ----------
    wanted, quantity : Decimal
        Units to open, before and after the limit on a position's size.
    closing : Decimal
        Units of the other side held then: a resting order is for both together, whatever is held at its
        fill; a market order closes what is held then.
    reason : OrderReason
        Why it is less than wanted, or nothing.
    budget : Decimal or None
        Money that a resting order may spend: its units are worked out at its fill.
    """

    wanted: Decimal
    quantity: Decimal
    closing: Decimal
    reason: OrderReason
    budget: Decimal | None = None


@dataclass(slots=True)
class EntryOrder:
    """A market order for the next open, or an order that rests at its price.

    Parameters
    ----------
    rule_index : int
        Which entry rule made it.
    side : {1, -1}
        Long (buys, looks at ask) or short (sells, looks at bid).
    decided_bar : int
        Bar at whose close it was made.
    stop, limit : Decimal or None
        Its prices; neither for a market order, both for a stop-limit.
    armed : bool
        Whether the stop of a stop-limit was reached; it is a limit from then on (X4).
    doubtful : bool
        Whether the bar that armed it reached its limit too, nobody knows in which order.
    placed : Placed or None
        Its size, where that is fixed when it is placed.
    """

    rule_index: int
    side: int
    decided_bar: int
    stop: Decimal | None = None
    limit: Decimal | None = None
    armed: bool = False
    doubtful: bool = False
    placed: Placed | None = None

    @property
    def level(self) -> Decimal | None:
        """The price it is listed with: its stop, else its limit; None for a market order."""
        return self.limit if self.stop is None else self.stop

    @property
    def live_stop(self) -> Decimal | None:
        """The stop it still waits for."""
        return None if self.armed else self.stop

    @property
    def live_limit(self) -> Decimal | None:
        """The limit it waits for now: of a limit order, or of a stop-limit once armed."""
        return self.limit if self.stop is None or self.armed else None

    @property
    def is_stop_limit(self) -> bool:
        """Whether it is a stop-limit that waits for its stop."""
        return self.live_stop is not None and self.limit is not None

    def is_beyond_stop(self, price: Decimal) -> bool:
        """Return whether a price of its side touches or passes the stop it waits for (X2)."""
        stop = self.live_stop
        return stop is not None and self.side * (price - stop) >= 0

    def is_within_limit(self, price: Decimal, *, through: Decimal) -> bool:
        """Return whether a price of its side is at its limit or better, by ``through`` at least (X3)."""
        return self.limit is not None and self.side * (self.limit - price) >= through

    def is_passed_by(self, price: Decimal) -> bool:
        """Return whether it fills at an open of this price: beyond its stop, at its limit or better."""
        if self.limit is None:
            return self.is_beyond_stop(price)
        reached = self.live_limit is not None or self.is_beyond_stop(price)
        return reached and self.is_within_limit(price, through=Decimal(0))
