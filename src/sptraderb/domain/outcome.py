"""The outcome of a simulation: integer tables that both engines fill and that must agree (M7).

A table is an int64 array of shape (n_rows, n_columns) with the column names given here; an index
into `..._COLUMNS` is a column number. Money is in minor units at `Outcome.money_decimals` decimals,
prices in ticks, quantities in steps, bars are indices into the candles of the run.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array

NO_LEVEL = 0
"""Stands for "no price" in price columns; prices are positive."""


class ExitReason(IntEnum):
    """The order that closed a trade (X12)."""

    STOP_LOSS = 1
    BREAK_EVEN = 2
    TAKE_PROFIT = 3
    PARTIAL = 4
    TRAILING_STOP = 5
    SIGNAL = 6
    REVERSAL = 7
    TIME = 8
    RISK_LIMIT = 9
    STOP_OUT = 10
    END_OF_DATA = 11
    MARGIN_CALL = 12


class LedgerKind(IntEnum):
    """Why cash changed (M6)."""

    DEPOSIT = 0
    PRICE_PNL = 1
    SPREAD = 2
    SLIPPAGE = 3
    COMMISSION = 4
    SWAP = 5
    FUNDING = 6
    CONVERSION = 7


class OrderState(IntEnum):
    """What became of an entry order."""

    FILLED = 1
    FILLED_CUT = 2
    REJECTED = 3
    UNFILLED = 4
    CANCELLED = 5


class OrderReason(IntEnum):
    """Why an entry order was cut, rejected or cancelled; NONE for a plain fill."""

    NONE = 0
    MARGIN = 1
    BELOW_MINIMUM = 2
    MAX_POSITION_SIZE = 3
    WRONG_SIDE_STOP = 4
    LEVEL_UNDEFINED = 5
    RISK_LIMIT = 6
    END_OF_DATA = 7
    OUT_OF_SESSION = 8
    MAX_POSITIONS = 9
    WRONG_SIDE_TARGET = 10
    EXPIRED = 11
    CANCEL_CONDITION = 12
    REPLACED = 13
    OTHER_SIDE_FILLED = 14
    MAX_ENTRIES = 15
    MIN_DISTANCE = 16
    PRICE_UNDEFINED = 17


class EventCode(IntEnum):
    """Things that happened beside fills (A3, A4, X14)."""

    BOTH_SIDES = 1
    MAX_DRAWDOWN = 2
    DAILY_LOSS_LIMIT = 3
    TRADING_ENDED = 4
    RUINED = 5
    PARTIAL_SKIPPED = 6
    MARGIN_CALL = 7
    STOP_OUT = 8


TRADE_COLUMNS = (
    "side",
    "entry_rule",
    "entry_bar",
    "exit_bar",
    "quantity_steps",
    "entry_price_ticks",
    "exit_price_ticks",
    "entry_reference_ticks",
    "exit_reference_ticks",
    "initial_stop_ticks",
    "exit_level_ticks",
    "exit_reason",
    "ambiguous",
    "price_pnl_minor",
    "spread_minor",
    "slippage_minor",
    "commission_minor",
    "swap_minor",
    "funding_minor",
    "conversion_minor",
    "net_pnl_minor",
    "mae_ticks",
    "mfe_ticks",
)
"""One row per closed trade. Costs carry the ledger's sign (a cost is negative); ``net_pnl_minor`` is
the sum of the seven money columns before it. ``initial_stop_ticks`` and ``exit_level_ticks`` are the
stop first attached and the level of the stop or target that filled, or NO_LEVEL. ``mae_ticks`` and
``mfe_ticks`` are the largest adverse and favourable moves from the entry fill, by side prices, never
negative; the exit bar counts up to the exit only where the order of prices inside it is certain: its
open, and the exit price; bars before it count in full, and the entry bar too where it was entered at its
open (else what is certain of it: the close, and the extreme behind the entry, X7). A partial exit is a row
of its own; the bar of an earlier part counts in full for the rows after it."""

LEDGER_COLUMNS = ("bar", "kind", "amount_minor", "position")
"""One row per change of cash, in the order of booking; the deposit first, with bar = the first
tradable bar and position -1. ``position`` numbers positions from 0 in the order they were opened.
Rows of amount 0 are left out, except the deposit. At one fill the order is price_pnl, spread,
slippage, commission. A reversal books its whole commission in one row, at the position it opens."""

ORDER_COLUMNS = (
    "decided_bar",
    "done_bar",
    "side",
    "entry_rule",
    "state",
    "reason",
    "wanted_steps",
    "filled_steps",
    "price_ticks",
)
"""One row per entry order made from a rule (a reversal included), in the order they were done.
``done_bar`` is the bar of its fill, rejection or cancellation (n_bars where the data ended first)."""

EVENT_COLUMNS = ("bar", "code", "value")
"""One row per event; ``value`` is the equity in minor units at that close, or 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosition:
    """What is held when the data ends (X10).

    Parameters
    ----------
    side : {1, -1}
        Long or short.
    entry_rule, entry_bar : int
        Which rule opened it, on which bar.
    quantity_steps : int
        Size held.
    entry_price_ticks, entry_reference_ticks : int
        Fill price and reference price (M6).
    stop_ticks, target_ticks : int
        Levels that would be live on the next bar (the nearest of the stops), or NO_LEVEL.
    open_pnl_minor : int
        At the last close, marked at the side's price (X5), against the reference price.
    booked_minor : int
        Costs of its entry already booked (negative).
    """

    side: int
    entry_rule: int
    entry_bar: int
    quantity_steps: int
    entry_price_ticks: int
    entry_reference_ticks: int
    stop_ticks: int
    target_ticks: int
    open_pnl_minor: int
    booked_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything one simulation decided.

    Parameters
    ----------
    money_decimals : int
        Decimals d of all money here (M1).
    first_tradable_bar : int
        First bar whose open may fill (T2).
    n_bars_done : int
        Bars walked; smaller than the candles' when stopped.
    trades, ledger, orders, events : ndarray of shape (n_rows, n_columns), dtype=int64
        Tables with `TRADE_COLUMNS`, `LEDGER_COLUMNS`, `ORDER_COLUMNS`, `EVENT_COLUMNS`.
    equity_minor : ndarray of shape (n_bars_done,), dtype=int64
        Equity at each bar's close; the deposit before the first tradable bar.
    trough_minor : ndarray of shape (n_bars_done,), dtype=int64
        Lowest equity inside each bar: positions at their adverse extreme, or at the exit price where
        they were closed (METRICS, drawdown); never above `equity_minor`.
    held_steps : ndarray of shape (n_bars_done,), dtype=int64
        Signed size held at each bar's close.
    exposed : ndarray of shape (n_bars_done,), dtype=bool
        Whether a position was held at any instant of the bar.
    open_position : OpenPosition or None
        What is held at the end.
    balance_minor : int
        Cash at the end; the sum of the ledger.
    n_uncertain_bars, n_walked_bars : int
        Bars whose course inside mattered (several orders within reach, or an entry inside the bar), and
        how many of them were walked with finer candles (X6).
    """

    money_decimals: int
    first_tradable_bar: int
    n_bars_done: int
    trades: Int64Array
    ledger: Int64Array
    orders: Int64Array
    events: Int64Array
    equity_minor: Int64Array
    trough_minor: Int64Array
    held_steps: Int64Array
    exposed: npt.NDArray[np.bool_]
    open_position: OpenPosition | None
    balance_minor: int
    n_uncertain_bars: int = 0
    n_walked_bars: int = 0

    def trade_column(self, name: str) -> Int64Array:
        """Return one column of the trades, shape (n_trades,)."""
        return self.trades[:, TRADE_COLUMNS.index(name)]

    def ledger_column(self, name: str) -> Int64Array:
        """Return one column of the ledger, shape (n_rows,)."""
        return self.ledger[:, LEDGER_COLUMNS.index(name)]
