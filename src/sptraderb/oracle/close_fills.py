"""What a close has passed, where orders are tried once more at it (`Profile.fills_at_close`, known paths).

Place: asked by ``replay`` after the market orders of a close; `trading_desk` fills. Of resting entries those
that were placed at this close can fill, the others had the way to it; of exits those of what was held before.
"""

from sptraderb.domain.terms import Terms
from sptraderb.oracle.exact_numbers import ZERO
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.order_board import OrderBoard
from sptraderb.oracle.price_path import PricePath
from sptraderb.oracle.trading_desk import TradingDesk


class CloseFills:
    """Fills at closes what waits at one desk.

    Parameters
    ----------
    desk : TradingDesk
        Holds the position and fills.
    board : OrderBoard
        Holds resting entries.
    path : PricePath
        Fills entries.
    terms : Terms
        How far a limit must be passed.
    sides : tuple of int
        Whose entries the desk fills.
    """

    def __init__(
        self, desk: TradingDesk, board: OrderBoard, path: PricePath, *, terms: Terms, sides: tuple[int, ...]
    ) -> None:
        self._desk, self._board, self._path, self._sides = desk, board, path, sides
        self._through = desk.scales.price(terms.limit_through_ticks)
        self._was_held: HeldPosition | None = None

    def begin(self) -> None:
        """Begin a close: what is held now has exits of before."""
        self._was_held = self._desk.position
        self._desk.begin_orders()

    def entries(self, moment: Moment) -> None:
        """Fill the resting entries that were placed at this close and that it has reached, long first."""
        close = moment.quoted.close
        for side in self._sides:
            order = self._board.resting.get(side)
            if order is None or order.decided_bar != moment.bar:
                continue
            price, slipped = close.entry_price(side), order.limit is None
            through = ZERO if order.is_stop_limit else self._through
            if order.is_stop_limit and order.is_beyond_stop(price):
                order.armed = True
            within = order.live_limit is not None and order.is_within_limit(price, through=through)
            if within or (slipped and order.is_beyond_stop(price)):
                self._path.enter(order, moment, price, slipped=slipped, at=close)

    def exits(self, moment: Moment) -> None:
        """Fill exits of what was held before that the close has passed: the stop, else parts, the target."""
        desk, position = self._desk, self._desk.position
        if position is None or position is not self._was_held or not position.exits_live_at(moment.bar):
            return
        position.stop_out, position.live = None, True
        price = moment.quoted.close.exit_price(position.side)
        if position.stop_reached(price):
            desk.stop_out(moment, price)
            return
        rows = position.profit_levels()
        passed = [
            number for level, number in rows if position.is_at_profit(price, level, through=self._through)
        ]
        for part in sorted(number for number in passed if number is not None):
            if desk.position is position:
                desk.take_profit(moment, price, part)
        if desk.position is position and None in passed:
            desk.take_profit(moment, price, None)
