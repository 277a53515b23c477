"""The plan: a strategy as data, ready to be evaluated; what the compiler hands to the engine.

A plan holds a graph of expression nodes and rules that point into it. Conditions and price levels
are evaluated on every bar beforehand (`Signals`); the simulator then only walks bars.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from sptraderb.domain.component import Component
from sptraderb.domain.costs import Costs
from sptraderb.domain.order import EntryRule, ExitRules, ScaleIn
from sptraderb.domain.position_program import PositionProgram


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
    max_position_units_ppb : int
        Largest position in billionths of a unit (lots are turned into units): cuts an order like the
        notional does, recorded under the same reason; both stated: the smaller. 0 = no limit.
    """

    max_drawdown_ppb: int = 0
    daily_loss_limit_ppb: int = 0
    max_position_size_ppb: int = 0
    max_positions: int = 0
    max_position_units_ppb: int = 0


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
class EntryFilters:
    """What an entry must meet beside its condition; only the older dialect states it.

    Parameters
    ----------
    max_spread_ppb : int or None
        Widest spread, parts per 10^9 of the price.
    min_volume : Decimal or None
        Least worth of what the candle that decides traded, in dollars.
    max_slippage_ppb : int or None
        Largest slippage, parts per 10^9 of the price.
    """

    max_spread_ppb: int | None = None
    min_volume: Decimal | None = None
    max_slippage_ppb: int | None = None


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
    scale_in : ScaleIn or None
        Whether a position may be added to (X17).
    programs : mapping of int to PositionProgram
        Conditions that depend on the position, by their node; the engines interpret them at each close.
    components : tuple of Component
        Users' Python that its ``external`` nodes read.
    filters : EntryFilters or None
        What keeps entries back beside the session.
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
    scale_in: ScaleIn | None = None
    programs: Mapping[int, PositionProgram] = field(default_factory=dict)
    components: tuple[Component, ...] = ()
    filters: EntryFilters | None = None

    def condition_nodes(self) -> frozenset[int]:
        """Return the nodes of all entry, exit and cancel conditions that are evaluated before the walk."""
        rules = [entry.when for entry in self.entries]
        rules += [entry.cancel_when for entry in self.entries if entry.cancel_when >= 0]
        exits = [self.exits_long, self.exits_short, *(entry.exits for entry in self.entries)]
        found = [*rules, *(rule.when for rule in exits if rule.when >= 0)]
        return frozenset(node for node in found if node not in self.programs)

    def program_nodes(self) -> frozenset[int]:
        """Return the nodes that conditions about the position read on each bar."""
        return frozenset(node for program in self.programs.values() for node in program.nodes)

    def level_nodes(self) -> frozenset[int]:
        """Return the nodes of all order prices, exit distances and prices."""
        exits = [self.exits_long, self.exits_short, *(entry.exits for entry in self.entries)]
        found = [distance for rule in exits for distance in rule.distances()]
        if self.scale_in is not None and self.scale_in.min_distance is not None:
            found.append(self.scale_in.min_distance)
        prices = [node for entry in self.entries for node in entry.order.nodes()]
        return frozenset([*prices, *(distance.node for distance in found if distance.node >= 0)])


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
    inputs : mapping of int to ndarray of shape (n_bars,), dtype=float64
        What conditions about the position read, by node: numbers, and conditions as 0.0 and 1.0; NaN
        where undefined.
    """

    conditions: Mapping[int, npt.NDArray[np.bool_]]
    levels: Mapping[int, npt.NDArray[np.float64]]
    entry_allowed: npt.NDArray[np.bool_]
    ready_bar: int
    inputs: Mapping[int, npt.NDArray[np.float64]] = field(default_factory=dict)
