"""The books of the oracle: cash, and the rows every engine must write alike (M6, M7).

Place: the only part of the oracle that knows the integer tables of the outcome. An account has one
`CashBook`; each desk writes to it on a page of its own (`DeskPage`), in the units of its symbol.
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
from sptraderb.domain.portfolio import ACCOUNT_LEG
from sptraderb.oracle.entry_order import EntryOrder
from sptraderb.oracle.entry_piece import Part
from sptraderb.oracle.exact_numbers import ZERO, Scales
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.order_size import Sized
from sptraderb.oracle.quoted_bar import Fill

Row = tuple[int, ...]


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
        Whether the path inside its bar, which nobody knows, decided it (X6).
    """

    bar: int
    fill: Fill
    reason: ExitReason
    level: Decimal | None = None
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Realised:
    """What an exit booked: price P&L, and the costs of its own fill; costs are never positive."""

    price_pnl: Decimal
    conversion: Decimal
    spread: Decimal
    slippage: Decimal
    commission: Decimal = ZERO


@dataclass(slots=True)
class Rows:
    """One table: its rows, and beside each the symbol it belongs to."""

    columns: tuple[str, ...]
    _rows: list[Row] = field(default_factory=list)
    _legs: list[int] = field(default_factory=list)

    def write(self, leg: int, row: Row) -> None:
        """Add a row of a symbol, or of the account (`ACCOUNT_LEG`)."""
        self._rows.append(row)
        self._legs.append(leg)

    def table(self) -> npt.NDArray[np.int64]:
        """Return the rows, shape (n_rows, n_columns)."""
        return np.array(self._rows, dtype=np.int64).reshape(len(self._rows), len(self.columns))

    def legs(self) -> npt.NDArray[np.int64]:
        """Return whose each row is, shape (n_rows,)."""
        return np.array(self._legs, dtype=np.int64)


@dataclass(slots=True)
class CashBook:
    """The account's balance, and all rows in the order in which they happened (A1).

    Parameters
    ----------
    scales : Scales
        For the money unit, the same in all of an account.
    balance : Decimal
        Cash; always the sum of the ledger.
    """

    scales: Scales
    balance: Decimal = ZERO
    ledger: Rows = field(default_factory=lambda: Rows(LEDGER_COLUMNS))
    trades: Rows = field(default_factory=lambda: Rows(TRADE_COLUMNS))
    orders: Rows = field(default_factory=lambda: Rows(ORDER_COLUMNS))
    events: Rows = field(default_factory=lambda: Rows(EVENT_COLUMNS))

    def deposit(self, instant: int, amount: Decimal) -> None:
        """Book the initial capital, the first row of every ledger."""
        self.balance += amount
        self.ledger.write(ACCOUNT_LEG, (instant, LedgerKind.DEPOSIT, self.scales.minor(amount), -1))

    def event(self, instant: int, code: EventCode, value: Decimal) -> None:
        """Write an event of the account as a whole."""
        self.events.write(ACCOUNT_LEG, (instant, code, self.scales.minor(value)))


@dataclass(slots=True)
class DeskPage:
    """What one desk books.

    Parameters
    ----------
    account : CashBook
        Where it is written.
    scales : Scales
        The units of the desk's symbol.
    leg : int
        Index of that symbol.
    cash : Decimal
        What was booked here since the instant began.
    """

    account: CashBook
    scales: Scales
    leg: int
    cash: Decimal = ZERO

    @property
    def balance(self) -> Decimal:
        """Cash of the whole account."""
        return self.account.balance

    def book(self, bar: int, kind: LedgerKind, *, amount: Decimal, position: int) -> Decimal:
        """Change cash by a rounded amount, with its row unless it is zero; return the amount."""
        self.account.balance += amount
        self.cash += amount
        self.scales.minor(self.account.balance)
        if amount:
            self.account.ledger.write(self.leg, (bar, kind, self.scales.minor(amount), position))
        return amount

    def trade(
        self,
        position: HeldPosition,
        end: Exit,
        part: Part,
        *,
        realised: Realised,
        seen: tuple[Decimal, Decimal],
    ) -> None:
        """Write the row of a closed part: its share of the entry's costs and those of the exit.

        Parameters
        ----------
        seen : tuple of Decimal
            Largest adverse and favourable move until then.
        """
        scales = self.scales
        costs = [
            part.spread + realised.spread,
            part.slippage + realised.slippage,
            part.commission + realised.commission,
            part.swap,
            part.funding,
            realised.conversion,
        ]
        money = [realised.price_pnl, *costs]
        net = sum(money, ZERO)
        self.account.trades.write(
            self.leg,
            (
                position.side,
                part.rule_index,
                part.entry_bar,
                end.bar,
                scales.steps(part.quantity),
                scales.ticks(part.entry_price),
                scales.ticks(end.fill.price),
                scales.ticks(part.entry_reference),
                scales.ticks(end.fill.reference),
                self._level(position.first_stop),
                self._level(end.level),
                end.reason,
                int(end.ambiguous or position.ambiguous),
                *(scales.minor(amount) for amount in money),
                scales.minor(net),
                *(scales.ticks(move) for move in seen),
            ),
        )

    def filled(self, order: EntryOrder, bar: int, *, sized: Sized, price: Decimal) -> None:
        """Write the row of an entry order that filled, whole or cut."""
        cut = sized.reason is not OrderReason.NONE
        state = OrderState.FILLED_CUT if cut else OrderState.FILLED
        self._order(order, bar, state, sized, price)

    def rejected(self, order: EntryOrder, bar: int, *, sized: Sized) -> None:
        """Write the row of a rejected entry order."""
        self._order(order, bar, OrderState.REJECTED, sized, None)

    def cancelled(self, order: EntryOrder, bar: int, *, reason: OrderReason) -> None:
        """Write the row of a resting order that was cancelled, with the price it waited for (X16)."""
        self._order(order, bar, OrderState.CANCELLED, Sized(ZERO, ZERO, reason), order.level)

    def unfilled(self, order: EntryOrder, n_bars: int) -> None:
        """Write the row of an order that the end of the data left unfilled."""
        sized = Sized(ZERO, ZERO, OrderReason.END_OF_DATA)
        self._order(order, n_bars, OrderState.UNFILLED, sized, order.level)

    def event(self, bar: int, code: EventCode, value: Decimal = ZERO) -> None:
        """Write an event of the symbol."""
        self.account.events.write(self.leg, (bar, code, self.scales.minor(value)))

    def open_row(self, position: HeldPosition, open_pnl: Decimal) -> OpenPosition:
        """Return what is held at the end of the data."""
        scales = self.scales
        return OpenPosition(
            side=position.side,
            entry_rule=position.opening.rule_index,
            entry_bar=position.entry_bar,
            quantity_steps=scales.steps(position.quantity),
            entry_price_ticks=scales.ticks(position.entry_price),
            entry_reference_ticks=scales.ticks(position.reference),
            stop_ticks=self._level(position.stop.governing()[0]),
            target_ticks=self._level(position.levels.target),
            open_pnl_minor=scales.minor(open_pnl),
            booked_minor=scales.minor(position.booked),
        )

    def _level(self, price: Decimal | None) -> int:
        return NO_LEVEL if price is None else self.scales.ticks(price)

    def _order(
        self, order: EntryOrder, bar: int, state: OrderState, sized: Sized, price: Decimal | None
    ) -> None:
        wanted, filled = self.scales.steps(sized.wanted), self.scales.steps(sized.quantity)
        shown, rule = self._level(price), order.rule_index
        row = (order.decided_bar, bar, order.side, rule, state, sized.reason, wanted, filled, shown)
        self.account.orders.write(self.leg, row)
