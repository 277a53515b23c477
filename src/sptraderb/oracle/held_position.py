"""One open position, as an object that knows its own prices, costs and excursions.

Place: state of the oracle between a fill and the exit.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from sptraderb.domain.order import EntryRule
from sptraderb.domain.outcome import ExitReason
from sptraderb.oracle.entry_piece import Part, Piece
from sptraderb.oracle.exact_numbers import ZERO, Scales
from sptraderb.oracle.exit_levels import LevelRule, Levels
from sptraderb.oracle.moving_stop import MovingStop
from sptraderb.oracle.quoted_bar import Fill, QuotedBar


@dataclass(frozen=True, slots=True)
class Opening:
    """What opened a position.

    Parameters
    ----------
    number : int
        Counted from 0 in the order of opening.
    rule_index : int
        Which entry rule opened it.
    rule : EntryRule
        That rule: side and exits.
    bar : int
        Bar of its fill.
    level_rule : LevelRule
        Computes its levels, again after each addition.
    """

    number: int
    rule_index: int
    rule: EntryRule
    bar: int
    level_rule: LevelRule


@dataclass(slots=True)
class HeldPosition:
    """A position opened by one fill, and perhaps added to.

    Parameters
    ----------
    opening : Opening
        Its rule, number and bar.
    pieces : list of Piece
        What is held, the oldest first: one for each fill, or one for all of them.
    levels : Levels
        Stop, target, partial exits and distances (X15).
    scales : Scales
        The run's units.
    lists_fills : bool
        Whether each fill is a piece of its own, closed first in first out (profile `tradingview`).
    ambiguous : bool
        Whether its course depended on what nobody knows (X6); marks all its later trades.
    swap, funding : Decimal
        What holding it has cost or earned, of what is still held (C4).
    fill : Fill
        Its first fill.
    entry_price : Decimal
        Average fill price on the grid: the anchor of distances (X17).
    last_price : Decimal
        Price of the last fill.
    largest : Decimal
        Largest size held so far (X9).
    n_fills : int
        Fills of its entries.
    parts_left : list of int
        Partial exits not yet done.
    stop : MovingStop
        The stop that governs (X8).
    inside_step : int
        The last walked bar (`TradingDesk.step`) inside which, after its open, it was opened or added
        to; -1 = none.
    certain : tuple of Decimal
        Exit side prices of that bar that came after the fill for certain (X7).
    marked_at : Decimal or None
        Exit side price of its last mark; None until the first.
    stop_out : Decimal or None
        Where the account's margin ends it (A3), kept up by the desk while orders can fill.
    live : bool
        Whether its attached exits count in the current bar (X15); a stop-out always does.
    """

    opening: Opening
    pieces: list[Piece]
    levels: Levels
    scales: Scales
    lists_fills: bool = False
    ambiguous: bool = False
    swap: Decimal = ZERO
    funding: Decimal = ZERO
    n_fills: int = 1
    inside_step: int = -1
    certain: tuple[Decimal, ...] = ()
    marked_at: Decimal | None = None
    stop_out: Decimal | None = None
    live: bool = True
    fill: Fill = field(init=False)
    entry_price: Decimal = field(init=False)
    last_price: Decimal = field(init=False)
    largest: Decimal = field(init=False)
    parts_left: list[int] = field(init=False)
    first_stop: Decimal | None = field(init=False)
    stop: MovingStop = field(init=False)

    def __post_init__(self) -> None:
        (piece,) = self.pieces
        self.fill = piece.fill
        self.entry_price = self.last_price = self.fill.price
        self.largest = piece.quantity
        self.inside_step = piece.step if piece.is_inside else -1
        self.parts_left = list(range(len(self.levels.parts)))
        self.first_stop = self.levels.stop
        self.stop = MovingStop(self.side, self.fill.price, levels=self.levels)

    @property
    def side(self) -> int:
        """1 for a long, -1 for a short."""
        return self.opening.rule.side

    @property
    def entry_bar(self) -> int:
        """Bar of the first fill."""
        return self.opening.bar

    @property
    def quantity(self) -> Decimal:
        """Units held."""
        return sum((piece.quantity for piece in self.pieces), ZERO)

    @property
    def value(self) -> Decimal:
        """Reference price x quantity of what is held (M5)."""
        return sum((piece.value for piece in self.pieces), ZERO)

    @property
    def paid(self) -> Decimal:
        """Fill price x quantity of what is held."""
        return sum((piece.paid for piece in self.pieces), ZERO)

    @property
    def n_entries(self) -> int:
        """Fills that count for the most a position may have: those still held, where they are listed."""
        return len(self.pieces) if self.lists_fills else self.n_fills

    @property
    def reference(self) -> Decimal:
        """Average reference price on the grid."""
        return self.scales.average_price(self.value, self.quantity)

    @property
    def relative_value(self) -> Decimal:
        """How far its value lies from all of it at the reference price of the first fill."""
        return self.value - self.fill.reference * self.quantity

    @property
    def booked(self) -> Decimal:
        """Costs of the entries and of holding already in the balance."""
        costs = (piece.spread + piece.slippage + piece.commission for piece in self.pieces)
        return sum(costs, self.swap + self.funding)

    # -- size ------------------------------------------------------------------------------------

    def add(self, piece: Piece) -> Piece:
        """Take in an addition: the average price moves, and every distance with it (X17).

        Returns
        -------
        Piece
            The one that bears its costs.
        """
        fill, bearer = piece.fill, piece
        if self.lists_fills:
            self.pieces.append(piece)
        else:
            (bearer,) = self.pieces
            bearer.add(fill, piece.quantity)
        self.largest = max(self.largest, self.quantity)
        self.n_fills += 1
        self.last_price = fill.price
        if piece.is_inside:
            self.inside_step = piece.step
        self.scales.require_fit(self.relative_value)
        self.scales.require_fit(self.paid - self.fill.price * self.quantity)
        self.entry_price = self.scales.average_price(self.paid, self.quantity)
        if not self.lists_fills:
            bearer.price = self.entry_price
        self.levels = self.opening.level_rule.levels_from(self.entry_price, self.levels)
        self.stop.anchor_at(self.entry_price, self.levels)
        return bearer

    def take_out(self, quantity: Decimal, *, step: int) -> list[Part]:
        """Take units out of the oldest pieces, with their share of value and costs (M5).

        Parameters
        ----------
        step : int
            The walked bar it happens in.
        """
        parts, left = [], quantity
        while left:
            piece, whole = self.pieces[0], self.quantity
            now = min(left, piece.quantity)
            swap, funding = (self.scales.shared(cost, now, whole=whole) for cost in (self.swap, self.funding))
            parts.append(piece.take(now, step=step, swap=swap, funding=funding))
            self.swap, self.funding, left = self.swap - swap, self.funding - funding, left - now
            if not piece.quantity:
                del self.pieces[0]
        return parts

    # -- levels ----------------------------------------------------------------------------------

    def exits_live_at(self, bar: int) -> bool:
        """Return whether stop, target and partial exits count on ``bar`` (X7, X15)."""
        return bar > self.entry_bar or not self.opening.rule.exits.live_from_next_bar

    def is_due_at(self, bar: int, *, held_s: int) -> bool:
        """Return whether a time exit falls on the open of ``bar``, ``held_s`` seconds held (X10)."""
        exits = self.opening.rule.exits
        by_bars = exits.max_bars > 0 and bar == self.entry_bar + exits.max_bars
        return by_bars or (exits.max_duration_s > 0 and held_s >= exits.max_duration_s)

    def governing(self) -> tuple[Decimal | None, ExitReason]:
        """Return the nearest of its stops and the stop-out, and whose it is; of equal ones the stop (A3)."""
        level, reason = self.stop.governing() if self.live else (None, ExitReason.STOP_LOSS)
        if self.stop_out is None or (level is not None and self.side * (self.stop_out - level) <= 0):
            return level, reason
        return self.stop_out, ExitReason.STOP_OUT

    def stop_reached(self, worst: Decimal) -> bool:
        """Return whether a price on the exit side touches or passes the stop that governs (X2)."""
        stop, _ = self.governing()
        return stop is not None and self.side * (worst - stop) <= 0

    def profit_levels(self) -> list[tuple[Decimal, int | None]]:
        """Return the limits that take profit now, nearest first: level, number of the partial exit.

        At equal levels the partial exits in the order stated, then the target (None).
        """
        found: list[tuple[Decimal, int | None]] = []
        if not self.live:
            return found
        for number in self.parts_left:
            level = self.levels.parts[number]
            if level is not None:
                found.append((level, number))
        if self.levels.target is not None:
            found.append((self.levels.target, None))
        return sorted(found, key=lambda row: self.side * row[0])

    def is_at_profit(self, price: Decimal, level: Decimal, *, through: Decimal = ZERO) -> bool:
        """Return whether a price on the exit side is at ``level`` or better, by ``through`` (X3)."""
        return self.side * (price - level) >= through

    # -- what a bar shows of it ------------------------------------------------------------------

    def certain_extremes(self) -> tuple[Decimal, Decimal]:
        """Return the worst and best of the prices that came after its last fill inside a bar (X7)."""
        ordered = sorted(self.certain, key=lambda price: self.side * price)
        return ordered[0], ordered[-1]

    def worst_since_fill(self, step: int, quoted: QuotedBar) -> Decimal:
        """Return the worst exit side price of a bar for the size held at its end, as far as certain."""
        return self.certain_extremes()[0] if self.inside_step == step else quoted.adverse(self.side)

    def see_open(self, price: Decimal, first_step: int) -> None:
        """Let the open of the run's bar, which began with ``first_step``, count for what was held then."""
        for piece in self.pieces:
            if piece.step <= first_step and piece.saw_open_of(first_step):
                piece.see(price, price, side=self.side)

    def see(self, worst: Decimal, best: Decimal) -> None:
        """Let two prices of the exit side count for the excursions of all that is held."""
        for piece in self.pieces:
            piece.see(worst, best, side=self.side)

    def finish_bar(self, step: int, quoted: QuotedBar) -> None:
        """Let a walked bar that is over count: for the excursions and for the stops that follow.

        Of the bar inside which it was opened only what came after the fill for certain counts (X7).
        """
        worst, best = quoted.adverse(self.side), quoted.favourable(self.side)
        if not self.pieces[0].saw_open_of(step):
            worst, best = self.certain_extremes()
        self.see(worst, best)
        self.stop.finish_bar(best)
