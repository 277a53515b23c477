"""Orders as a plan states them: how an entry fills, how large it is, and everything that can close it."""

from dataclasses import dataclass
from enum import StrEnum

LONG = 1
SHORT = -1


class DistanceKind(StrEnum):
    """How an exit's distance or level is given (X15)."""

    RATE = "rate"
    TICKS = "ticks"
    SERIES = "series"
    PRICE = "price"
    R = "r"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """Where an attached exit lies, relative to the fill unless it is a price (X15).

    Parameters
    ----------
    kind : DistanceKind
        ``rate``: ``amount`` parts per 10^9 of the fill price; ``ticks``: ``amount`` millionths of a
        tick; ``series``: node ``node`` is a price distance at the signal bar; ``price``: node
        ``node`` is an absolute price at the signal bar; ``r``: ``amount`` millionths of R.
    amount : int
        Exact amount for ``rate``, ``ticks`` and ``r``.
    node : int
        Node for ``series`` and ``price``; -1 otherwise.
    text : str
        How the source spells it.
    """

    kind: DistanceKind
    amount: int = 0
    node: int = -1
    text: str = ""


class SizeKind(StrEnum):
    """How an order's size is given (A2)."""

    EQUITY_FRACTION = "equity_fraction"
    UNITS = "units"
    LOTS = "lots"
    NOTIONAL = "notional"
    RISK = "risk"


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """How large an entry is (A2).

    Parameters
    ----------
    kind : SizeKind
        Fraction of equity as notional, units, lots, notional money or risk at the stop distance.
    amount : int
        Parts per 10^9: of equity for fractions and risk, of one unit, lot or money unit otherwise.
    text : str
        How the source spells it.
    """

    kind: SizeKind
    amount: int
    text: str = ""


class OrderKind(StrEnum):
    """How an entry order fills (X1 to X4)."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderForm:
    """What kind of order an entry places, and where it rests.

    Parameters
    ----------
    kind : OrderKind
        Market, limit, stop or stop-limit.
    limit_node, stop_node : int
        Nodes of the absolute prices, taken at the close that decides and brought to ticks once (M4,
        M9); -1 where the kind has none.
    expires_bars : int
        Bars after the deciding one on which it may fill (``5``: bars t+1..t+5, X16); 0 = no limit.
    text : str
        How the source spells it.
    """

    kind: OrderKind = OrderKind.MARKET
    limit_node: int = -1
    stop_node: int = -1
    expires_bars: int = 0
    text: str = ""

    def nodes(self) -> tuple[int, ...]:
        """Return the nodes of its prices, the stop first."""
        return tuple(node for node in (self.stop_node, self.limit_node) if node >= 0)


MARKET_ORDER = OrderForm()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialExit:
    """A part of the position taken off at a profit (X9).

    Parameters
    ----------
    at : Distance
        Favourable distance from the fill, or a price; a limit order (X3).
    close_ppb : int
        Parts per 10^9 of the largest size held, rounded down to the quantity step.
    then_break_even : bool
        Whether its fill brings the stop to the average price, live from the next bar.
    """

    at: Distance
    close_ppb: int
    then_break_even: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleIn:
    """How a position may be added to (X17).

    Parameters
    ----------
    max_entries : int
        Fills of the side held in all, the first included.
    min_distance : Distance or None
        Least distance of an addition from the last fill, either way; never ``price`` or ``r``.
    """

    max_entries: int
    min_distance: Distance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRules:
    """Everything that can close a position of one side.

    Parameters
    ----------
    when : int
        Node of the exit condition, -1 for none.
    stop_loss, take_profit : Distance or None
        Attached brackets (X2, X3, X15).
    max_bars : int
        Close at the open of the n-th bar after the entry bar (X10); 0 = never.
    live_from_next_bar : bool
        Whether attached exits wait for the bar after the fill (X15).
    trailing_stop, trailing_activate : Distance or None
        How far a stop follows the water mark, and the favourable move of the mark from the fill that
        it waits for (X8); never of kind ``price``.
    max_duration_s : int
        Close at the first open not before the entry's time plus this (X10); 0 = never.
    break_even_at : Distance or None
        Favourable move of the water mark that brings the stop to the entry price; never ``price``.
    partial : tuple of PartialExit
        In the order stated; each fills at most once a position (X9).
    """

    when: int = -1
    stop_loss: Distance | None = None
    take_profit: Distance | None = None
    max_bars: int = 0
    live_from_next_bar: bool = False
    trailing_stop: Distance | None = None
    trailing_activate: Distance | None = None
    max_duration_s: int = 0
    break_even_at: Distance | None = None
    partial: tuple[PartialExit, ...] = ()

    def distances(self) -> tuple[Distance, ...]:
        """Return everything stated as a distance or price, in a fixed order."""
        moved = self.trailing_stop, self.trailing_activate, self.break_even_at
        partial = tuple(part.at for part in self.partial)
        found = (self.stop_loss, self.take_profit, *moved, *partial)
        return tuple(distance for distance in found if distance is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRule:
    """One named way into a position.

    Parameters
    ----------
    name : str
        Name in results (``long``, ``short`` unless the strategy names it).
    side : {1, -1}
        Long or short.
    when : int
        Node of the condition.
    size : SizeRule
        How much.
    exits : ExitRules
        Exits of a position this rule opens (side and own rules already merged).
    order : OrderForm
        Market, or a resting order and where it rests.
    cancel_when : int
        Node of the condition that cancels a resting order at a close (X16); -1 = none.
    oco : bool
        Whether the fill of an entry of the other side cancels this resting order (X16).
    """

    name: str
    side: int
    when: int
    size: SizeRule
    exits: ExitRules
    order: OrderForm = MARKET_ORDER
    cancel_when: int = -1
    oco: bool = True
