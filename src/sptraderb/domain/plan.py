"""The plan: a strategy as data, ready to be evaluated; what the compiler hands to the engine.

A plan holds a graph of expression nodes and rules that point into it. Conditions and price levels
are evaluated on every bar beforehand (`Signals`); the simulator then only walks bars.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

LONG = 1
SHORT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One distinct subexpression; equal subexpressions share a node.

    Parameters
    ----------
    op : str
        What computes it: ``constant``, ``price``, ``indicator``, ``add``, ``less``, ``lag`` ... (the
        vocabulary is ``engine/evaluate``'s table; a test compares it with the compiler's).
    args : tuple of int
        Indices of the nodes it reads, all smaller than its own.
    name : str
        Which price, indicator or calendar fact; empty otherwise.
    output : str
        Which output of an indicator with several; empty for the first.
    params : tuple of float
        Constants: the value of a constant, periods, the lag.
    timeframe_s : int
        Seconds of the timeframe its values step with; 0 = the run's.
    boolean : bool
        Whether values are conditions (else float64 numbers).
    first_value : int
        Bars of the run's timeframe until the first value: index of the first defined bar.
    settle : int
        Further bars until recursive seeds weigh < 1e-6; loaded where they exist, never blocking.
    text : str
        How the source spells it.
    """

    op: str
    args: tuple[int, ...] = ()
    name: str = ""
    output: str = ""
    params: tuple[float, ...] = ()
    timeframe_s: int = 0
    boolean: bool = False
    first_value: int = 0
    settle: int = 0
    text: str = ""


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

    def distances(self) -> tuple[Distance, ...]:
        """Return everything stated as a distance or price, in a fixed order."""
        moved = self.trailing_stop, self.trailing_activate, self.break_even_at
        return tuple(found for found in (self.stop_loss, self.take_profit, *moved) if found is not None)


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
    """

    name: str
    side: int
    when: int
    size: SizeRule
    exits: ExitRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trading costs; None where nobody stated it (rules C1 to C3).

    Parameters
    ----------
    commission_ppb : int or None
        Commission per side as parts per 10^9 of notional at the fill price.
    spread_ppm_pips, spread_ppm_ticks : int or None
        Spread in millionths of a pip or of a tick; at most one is set. A spread finer than a tick
        rounds up (M2).
    slippage_ppm_ticks : int or None
        Slippage of market and stop fills, in millionths of a tick, adverse, rounded up (M2).
    slippage_ppm_pips : int or None
        The same in millionths of a pip.
    slippage_ppb : int or None
        The same as parts per 10^9 of the price before it; at most one slippage is set.
    commission_per_lot, commission_per_order, commission_min, commission_max : int or None
        Further parts of the commission, and its bounds per order, in billionths of one unit of account
        money.
    """

    commission_ppb: int | None = None
    spread_ppm_pips: int | None = None
    spread_ppm_ticks: int | None = None
    slippage_ppm_ticks: int | None = None
    slippage_ppm_pips: int | None = None
    slippage_ppb: int | None = None
    commission_per_lot: int | None = None
    commission_per_order: int | None = None
    commission_min: int | None = None
    commission_max: int | None = None

    def overridden_by(self, other: "Costs") -> "Costs":
        """Return these costs, with each of commission, spread and slippage that ``other`` states."""
        stated = {}
        for names in (_COMMISSION, _SPREAD, _SLIPPAGE):
            values = {name: getattr(other, name) for name in names}
            is_stated = any(value is not None for value in values.values())
            stated.update(values if is_stated else {name: getattr(self, name) for name in names})
        return Costs(**stated)

    def states_commission(self) -> bool:
        """Return whether some part of a commission is stated."""
        return any(getattr(self, name) is not None for name in _COMMISSION)


_COMMISSION = (
    "commission_ppb",
    "commission_per_lot",
    "commission_per_order",
    "commission_min",
    "commission_max",
)
_SPREAD = ("spread_ppm_pips", "spread_ppm_ticks")
_SLIPPAGE = ("slippage_ppm_ticks", "slippage_ppm_pips", "slippage_ppb")


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """Limits judged at bar closes (A4), as parts per 10^9; 0 = no limit.

    Parameters
    ----------
    max_drawdown_ppb : int
        From the running peak of bar-close equity: closes everything, ends trading.
    daily_loss_limit_ppb : int
        Of the equity at the session day's start: closes, pauses until the next session day.
    max_position_size_ppb : int
        Notional as a share of equity: cuts an order, recorded.
    max_positions : int
        Open positions over all symbols.
    """

    max_drawdown_ppb: int = 0
    daily_loss_limit_ppb: int = 0
    max_position_size_ppb: int = 0
    max_positions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """When entries are allowed (X18).

    Parameters
    ----------
    days : frozenset of int
        Weekdays, Monday = 0.
    start_minute, end_minute : int
        [start, end) in minutes of the day; an end at or before the start passes midnight.
    timezone : str
        IANA name.
    """

    days: frozenset[int] = frozenset(range(7))
    start_minute: int = 0
    end_minute: int = 1440
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something a user should know about how the strategy was read or run.

    Parameters
    ----------
    code : str
        Stable code, documented beside the errors.
    text : str
        One sentence.
    line : int or None
        Line of the strategy text it is about.
    """

    code: str
    text: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A compiled strategy.

    Parameters
    ----------
    name, version, description : str
        From the document's head.
    nodes : tuple of Node
        The expression graph, arguments before users.
    series : mapping of str to int
        Named series of the document, by node; for charts and reports.
    entries : tuple of EntryRule
        In the order in which they are tried; the first true rule of a side acts.
    exits_long, exits_short : ExitRules
        Exits of positions by side (an entry's own exits are already merged in its rule).
    costs : Costs
        What the document states.
    risk : RiskLimits
        What the document states.
    session : SessionFilter or None
        When entries are allowed.
    first_value : int
        Bars before the first bar on which every series that a rule uses has a value (T2).
    warm_up : int
        Bars to load before the start: `first_value` plus the bars recursive series need to settle.
    parameters : mapping of str to str
        Values in force, as text, after overrides.
    backtest : mapping of str to str
        Defaults for a request.
    optimization : mapping of str to object
        As written; used by sweeps.
    notes : tuple of Note
        How the text was read.
    legacy : bool
        Whether the text was of the older dialect.
    """

    name: str
    version: str = ""
    description: str = ""
    nodes: tuple[Node, ...]
    series: Mapping[str, int] = field(default_factory=dict)
    entries: tuple[EntryRule, ...]
    exits_long: ExitRules = field(default_factory=ExitRules)
    exits_short: ExitRules = field(default_factory=ExitRules)
    costs: Costs = field(default_factory=Costs)
    risk: RiskLimits = field(default_factory=RiskLimits)
    session: SessionFilter | None = None
    first_value: int = 0
    warm_up: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    backtest: Mapping[str, str] = field(default_factory=dict)
    optimization: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    legacy: bool = False

    def condition_nodes(self) -> frozenset[int]:
        """Return the nodes of all entry and exit conditions."""
        rules = [entry.when for entry in self.entries]
        exits = [self.exits_long, self.exits_short, *(entry.exits for entry in self.entries)]
        return frozenset([*rules, *(rule.when for rule in exits if rule.when >= 0)])

    def level_nodes(self) -> frozenset[int]:
        """Return the nodes of all exit distances and prices."""
        exits = [self.exits_long, self.exits_short, *(entry.exits for entry in self.entries)]
        found = [distance for rule in exits for distance in rule.distances()]
        return frozenset(distance.node for distance in found if distance.node >= 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """A plan's conditions and levels, evaluated on every bar; what both engines start from (M7).

    Parameters
    ----------
    conditions : mapping of int to ndarray of shape (n_bars,), dtype=bool
        By node; False where undefined (a rule acts on true only).
    levels : mapping of int to ndarray of shape (n_bars,), dtype=float64
        By node; NaN where undefined.
    entry_allowed : ndarray of shape (n_bars,), dtype=bool
        Whether an entry decided at the close of bar t and filled at the open of bar t+1 lies inside
        the session filter (X18); for the last bar only the decision counts.
    ready_bar : int
        First bar on which every series that a rule uses has a value; n_bars if none has.
    """

    conditions: Mapping[int, npt.NDArray[np.bool_]]
    levels: Mapping[int, npt.NDArray[np.float64]]
    entry_allowed: npt.NDArray[np.bool_]
    ready_bar: int
