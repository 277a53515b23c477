"""The books of the oracle: cash, and the rows every engine must write alike (M6, M7).

Place: the only part of the oracle that knows the integer tables of the outcome.
"""

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from sptraderb.domain.outcome import (
    EVENT_COLUMNS,
    LEDGER_COLUMNS,
    NO_LEVEL,
    ORDER_COLUMNS,
    TRADE_COLUMNS,
    EventCode,
    ExitReason,
    LedgerKind,
    OpenPosition,
    OrderReason,
    OrderState,
)
from sptraderb.oracle.exact_numbers import ZERO, Scales
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.quoted_bar import Fill

Row = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """A market entry made at a close, to be filled at the next open (X1)."""

    rule_index: int
    side: int
    decided_bar: int


@dataclass(frozen=True, slots=True)
class Exit:
    """How a position ended.

    Parameters
    ----------
    bar : int
        Bar of the fill.
    fill : Fill
        Reference, side and fill price.
    reason : ExitReason
        The order that filled (X12).
    level : Decimal or None
        Level of the stop or target that filled.
    ambiguous : bool
        Whether stop and target were both reachable (X6).
    """

    bar: int
    fill: Fill
    reason: ExitReason
    level: Decimal | None = None
    ambiguous: bool = False


@dataclass(slots=True)
class CashBook:
    """Balance, ledger, trades, orders and events.

    Parameters
    ----------
    scales : Scales
        The run's units.
    balance : Decimal
        Cash; always the sum of the ledger.
    """

    scales: Scales
    balance: Decimal = ZERO
    _ledger: list[Row] = field(default_factory=list)
    _trades: list[Row] = field(default_factory=list)
    _orders: list[Row] = field(default_factory=list)
    _events: list[Row] = field(default_factory=list)

    def deposit(self, bar: int, amount: Decimal) -> None:
        """Book the initial capital, the first row of every ledger."""
        self.balance += amount
        self._ledger.append((bar, LedgerKind.DEPOSIT, self.scales.minor(amount), -1))

    def book(self, bar: int, kind: LedgerKind, *, amount: Decimal, position: int) -> Decimal:
        """Change cash by a rounded amount, with its row unless it is zero; return the amount."""
        self.balance += amount
        self.scales.minor(self.balance)
        if amount:
            self._ledger.append((bar, kind, self.scales.minor(amount), position))
        return amount

    def trade(self, position: HeldPosition, end: Exit, *, price_pnl: Decimal, costs: list[Decimal]) -> None:
        """Write the row of a closed trade; ``costs`` are spread, slippage and commission, both fills."""
        scales = self.scales
        money = [price_pnl, *costs, ZERO, ZERO, ZERO]
        net = sum(money, ZERO)
        self._trades.append(
            (
                position.side,
                position.rule_index,
                position.entry_bar,
                end.bar,
                scales.steps(position.quantity),
                scales.ticks(position.fill.price),
                scales.ticks(end.fill.price),
                scales.ticks(position.fill.reference),
                scales.ticks(end.fill.reference),
                self._level(position.levels.stop),
                self._level(end.level),
                end.reason,
                int(end.ambiguous),
                *(scales.minor(amount) for amount in money),
                scales.minor(net),
                scales.ticks(position.adverse),
                scales.ticks(position.favourable),
            )
        )

    def filled(self, order: PendingEntry, bar: int, *, wanted: Decimal, position: HeldPosition) -> None:
        """Write the row of a filled entry order."""
        self._order(order, bar, OrderState.FILLED, OrderReason.NONE, wanted, position)

    def filled_cut(
        self, order: PendingEntry, bar: int, *, wanted: Decimal, position: HeldPosition, reason: OrderReason
    ) -> None:
        """Write the row of an entry order filled with less than it wanted."""
        self._order(order, bar, OrderState.FILLED_CUT, reason, wanted, position)

    def rejected(self, order: PendingEntry, bar: int, *, wanted: Decimal, reason: OrderReason) -> None:
        """Write the row of a rejected entry order."""
        self._order(order, bar, OrderState.REJECTED, reason, wanted, None)

    def unfilled(self, order: PendingEntry, n_bars: int) -> None:
        """Write the row of an order that the end of the data left unfilled."""
        self._order(order, n_bars, OrderState.UNFILLED, OrderReason.END_OF_DATA, ZERO, None)

    def event(self, bar: int, code: EventCode, value: Decimal = ZERO) -> None:
        """Write an event."""
        self._events.append((bar, code, self.scales.minor(value)))

    def open_row(self, position: HeldPosition, open_pnl: Decimal) -> OpenPosition:
        """Return what is held at the end of the data."""
        scales = self.scales
        return OpenPosition(
            side=position.side,
            entry_rule=position.rule_index,
            entry_bar=position.entry_bar,
            quantity_steps=scales.steps(position.quantity),
            entry_price_ticks=scales.ticks(position.fill.price),
            entry_reference_ticks=scales.ticks(position.fill.reference),
            stop_ticks=self._level(position.stop.governing()[0]),
            target_ticks=self._level(position.levels.target),
            open_pnl_minor=scales.minor(open_pnl),
            booked_minor=scales.minor(position.booked),
        )

    def tables(self) -> dict[str, npt.NDArray[np.int64]]:
        """Return ledger, trades, orders and events as int64 tables."""
        return {
            "ledger": _table(self._ledger, LEDGER_COLUMNS),
            "trades": _table(self._trades, TRADE_COLUMNS),
            "orders": _table(self._orders, ORDER_COLUMNS),
            "events": _table(self._events, EVENT_COLUMNS),
        }

    def _level(self, price: Decimal | None) -> int:
        return NO_LEVEL if price is None else self.scales.ticks(price)

    def _order(
        self,
        order: PendingEntry,
        bar: int,
        state: OrderState,
        reason: OrderReason,
        wanted: Decimal,
        position: HeldPosition | None,
    ) -> None:
        filled = 0 if position is None else self.scales.steps(position.quantity)
        price = 0 if position is None else self.scales.ticks(position.fill.price)
        steps = self.scales.steps(wanted)
        self._orders.append(
            (order.decided_bar, bar, order.side, order.rule_index, state, reason, steps, filled, price)
        )


def _table(rows: list[Row], columns: tuple[str, ...]) -> npt.NDArray[np.int64]:
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(columns))
