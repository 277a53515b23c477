"""One desk's turns in an instant: its exits and entries at the open, its path, its mark (X13, A1).

Place: between the loop of ``replay``, which says whose turn it is, and the fills of ``price_path`` and
``trading_desk``. What holds between positions of the account is asked of ``account_stop_out``.
"""

from decimal import Decimal

from sptraderb.domain.outcome import ExitReason, OpenPosition, OrderReason
from sptraderb.domain.portfolio import Leg
from sptraderb.oracle.account_stop_out import AccountStopOut
from sptraderb.oracle.close_fills import CloseFills
from sptraderb.oracle.exact_numbers import ZERO
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.ohlc_legs import OhlcPath
from sptraderb.oracle.order_board import OrderBoard
from sptraderb.oracle.price_path import PricePath
from sptraderb.oracle.quoted_bar import Quote
from sptraderb.oracle.trading_desk import TradingDesk
from sptraderb.oracle.walked_bars import WalkedBars


class DeskWalk:
    """Walks one desk through its bars.

    Parameters
    ----------
    leg : Leg
        The symbol.
    desk : TradingDesk
        Its position.
    board : OrderBoard
        The symbol's waiting entries.
    sides : tuple of int
        Whose entries the desk fills: both, or with hedging its own.

    Attributes
    ----------
    risk_close : ExitReason or None
        Why a limit of the account wants what is held closed at the next open.
    leaving : HeldPosition or None
        What an exit signal closes there.
    held_steps : list of int
        Signed size at the close of each bar.
    """

    def __init__(self, leg: Leg, desk: TradingDesk, board: OrderBoard, *, sides: tuple[int, ...]) -> None:
        self.desk, self.sides = desk, sides
        self._leg, self._board = leg, board
        self._market_first = leg.terms.profile.walks_ohlc
        walk = OhlcPath if self._market_first else PricePath
        finer = leg.finer
        walked = None if finer is None else WalkedBars(leg.candles, finer, leg.terms, scales=desk.scales)
        self.path = walk(desk, board, leg.terms, walked=walked, sides=sides)
        self.closing = CloseFills(desk, board, self.path, terms=leg.terms, sides=sides)
        self.risk_close: ExitReason | None = None
        self.leaving: HeldPosition | None = None
        self.held_steps: list[int] = []

    # -- the open ----------------------------------------------------------------------------------

    def exits_at_open(self, moment: Moment, stop_out: AccountStopOut) -> None:
        """Work off the exits of an open: risk closes, what it has passed, time and signal exits.

        Time and signal exits wait for a resting entry that the same open has passed. On a path that is
        taken as known, exits that the open has passed come at the path's start.
        """
        bar = moment.bar
        if bar and not self._leg.signals.entry_allowed[bar - 1]:
            self._board.cancel_all(bar, self.sides, reason=OrderReason.OUT_OF_SESSION)
        reason, self.risk_close = self.risk_close, None
        if reason is not None:
            self.desk.close_at_market(moment, moment.quoted.open, reason=reason)
        if self._market_first:
            self.asked_exits(moment)
            return
        stop_out.make_way(self.desk, moment, at_open=True)
        self.path.exits_passed_at_open(moment)
        if not self.path.passes_an_entry(moment):
            self.asked_exits(moment)
        stop_out.settle(self.desk, moment)

    def resting_entries_at_open(self, moment: Moment) -> None:
        """Fill the resting entries that the open has passed, then the exits that waited for them."""
        self.path.entries_passed_at_open(moment)
        if not self._market_first:
            self.asked_exits(moment)

    def asked_exits(self, moment: Moment) -> None:
        """Close at the open what its time or an exit signal ends."""
        position, opened = self.desk.position, moment.quoted.open
        if position is not None and position.is_due_at(moment.bar, held_s=self._held_s(position, moment.bar)):
            self.desk.close_at_market(moment, opened, reason=ExitReason.TIME)
        if self.desk.position is not None and self.desk.position is self.leaving:
            self.desk.close_at_market(moment, opened, reason=ExitReason.SIGNAL)
        self.leaving = None

    def _held_s(self, position: HeldPosition, bar: int) -> int:
        """Return the seconds from the entry to the open of a bar."""
        times = self._leg.candles.time_s
        return int(times[bar] - times[position.entry_bar])

    def reverses(self) -> bool:
        """Return whether the market order that comes first is of the other side than what is held."""
        position, order = self.desk.position, self._board.first_waiting(self.sides)
        return position is not None and order is not None and order.side != position.side

    def market_entries(self, moment: Moment, at: Quote) -> None:
        """Fill the waiting market orders: at the open, or at the close that decided them."""
        for order in self._board.take_pending(self.sides):
            price = at.entry_price(order.side)
            self.desk.has_bought = self.path.enter(order, moment, price, slipped=True, at=at)
        self.desk.begin_orders()

    # -- the path ----------------------------------------------------------------------------------

    def walk_path(self, moment: Moment, stop_out: AccountStopOut) -> None:
        """Walk the way from the open to the close."""
        desk, hedge = self.desk, self.desk.hedge
        stop_out.make_way(desk, moment, at_open=False)
        self.path.walk(moment)
        if desk.stopped_out_at is not None and hedge is not None:
            hedge.settled_bar = moment.bar
        stop_out.settle(desk, moment)

    # -- the close ---------------------------------------------------------------------------------

    def finish_bar(self, moment: Moment) -> None:
        """Let the bar count for what is held, unless its path has done so."""
        position, held = self.desk.position, 0
        if position is not None:
            if not self.path.is_marked:
                self.desk.finish_bar(moment.quoted)
            held = position.side * self.desk.scales.steps(position.quantity)
        self.held_steps.append(held)

    def lowest(self) -> Decimal:
        """Return the lowest of cash booked and open P&L since the instant began."""
        return min([self.desk.book.cash + self.desk.marked_pnl(), *self.desk.lowest])

    def exits_at_close(self, moment: Moment) -> None:
        """Close at the close what was decided at it (profile `close`)."""
        position, close = self.desk.position, moment.quoted.close
        self.closing.begin()
        if position is not None and self.risk_close is not None:
            self.desk.close_at_market(moment, close, reason=self.risk_close)
        elif position is not None and position is self.leaving:
            self.desk.close_at_market(moment, close, reason=ExitReason.SIGNAL)
        self.risk_close = self.leaving = None

    def call_at_close(self, moment: Moment) -> None:
        """Close a part of what is held where the margin asks for it at a close (`margin_call`)."""
        self.desk.call_margin(moment, moment.quoted.close, whole_units=True)

    def mark_again(self) -> None:
        """Mark once more after fills at the close."""
        self.desk.mark()
        position, self.held_steps[-1] = self.desk.position, 0
        if position is not None and position.marked_at is not None:
            position.see(position.marked_at, position.marked_at)
            self.held_steps[-1] = position.side * self.desk.scales.steps(position.quantity)

    def cancel_for_limit(self) -> None:
        """End all waiting entries when a limit of the account acts, and what is held at the next open."""
        self._board.cancel_all(self.desk.bar, self.sides, reason=OrderReason.RISK_LIMIT)
        self._board.cancel_waiting(self.desk.bar, self.sides)

    # -- the end -----------------------------------------------------------------------------------

    def close_at_end(self) -> None:
        """Close what is held at the last close (X10)."""
        bar = self.desk.bar
        if self.desk.position is not None:
            last = Moment(bar, self.desk.quotes.bar(bar), is_at_close=True)
            self.desk.close_at_market(last, last.quoted.close, reason=ExitReason.END_OF_DATA)
            self.held_steps[-1] = 0

    def open_position(self) -> OpenPosition | None:
        """Return what is held at the end of the data."""
        position = self.desk.position
        return None if position is None else self.desk.book.open_row(position, self.desk.marked_pnl() or ZERO)
