"""Which positions margin ends besides the one whose price does it: the largest loss first (A3).

Place: around the turns of the desks in ``desk_walk``. A position whose own price brings the account to
its stop-out level is closed by its own path, like a stop. Whatever has lost more goes before its turn,
and where it was not enough, more goes after it: other symbols at their last marks, the other side of the
same symbol at the price of that moment.
"""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from sptraderb.domain.outcome import ExitReason
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.moment import Moment
from sptraderb.oracle.position_desk import PositionDesk
from sptraderb.oracle.shared_account import SharedAccount


class AccountStopOut:
    """Closes positions of an account in the order of their losses.

    Parameters
    ----------
    desks : list of PositionDesk
        All desks of the account, in the order of their turns.
    account : SharedAccount
        Its equity and margin.
    """

    def __init__(self, desks: list[PositionDesk], account: SharedAccount) -> None:
        self._desks, self._account = desks, account

    def make_way(self, desk: PositionDesk, moment: Moment, *, at_open: bool) -> None:
        """Close what has lost more than a desk's position, before margin ends that one in its turn.

        Parameters
        ----------
        at_open : bool
            Whether the turn is the open alone, else all of the bar.
        """
        desk.stopped_out_at = None
        position = desk.position
        while position is not None:
            price = _stop_out_price(desk, position, moment, at_open=at_open)
            if price is None:
                return
            beside = _beside(price, position.side, moment)
            found = [(desk.open_pnl(position, price), desk), *self._losses(desk, beside)]
            _, first = min(found, key=lambda row: row[0])
            if first is desk:
                return
            _end(first, None if first is not desk.hedge else (moment, beside))

    def settle(self, desk: PositionDesk, moment: Moment) -> None:
        """Close more after a desk's turn in which margin ended its position, until there is enough."""
        price, desk.stopped_out_at = desk.stopped_out_at, None
        if price is None:
            return
        beside = _beside(price, desk.stopped_out_side, moment)
        while found := self._losses(desk, beside):
            if not self._is_short_of_margin(desk, beside):
                return
            _, first = min(found, key=lambda row: row[0])
            _end(first, None if first is not desk.hedge else (moment, beside))

    def _losses(self, desk: PositionDesk, beside: Decimal) -> list[tuple[Decimal, PositionDesk]]:
        """Return what may go beside a desk's position, with its open P&L."""
        found = []
        for other in self._desks:
            position = other.position
            if other is desk or position is None:
                continue
            if other is desk.hedge:
                found.append((other.open_pnl(position, beside), other))
            elif position.marked_at is not None:
                found.append((other.marked_pnl(), other))
        return found

    def _is_short_of_margin(self, desk: PositionDesk, beside: Decimal) -> bool:
        """Return whether equity is at most the stop-out level of the margin used."""
        hedge, account = desk.hedge, self._account
        equity = account.book.balance + account.pnl_beside(hedge)
        used = account.used_beside(hedge)
        if hedge is not None and hedge.position is not None:
            equity += hedge.open_pnl(hedge.position, beside)
            used += hedge.used_margin(beside)
        return Fraction(equity) <= desk.margin.stop_out * Fraction(used)


def _stop_out_price(
    desk: PositionDesk, position: HeldPosition, moment: Moment, *, at_open: bool
) -> Decimal | None:
    """Return where margin would end a position in its turn: the open beyond its level, or the level."""
    desk.arm(moment)
    level, reason = position.governing()
    opened = moment.quoted.open.exit_price(position.side)
    worst = opened if at_open else moment.quoted.adverse(position.side)
    if reason is not ExitReason.STOP_OUT or not position.stop_reached(worst):
        return None
    return opened if position.stop_reached(opened) else level


def _beside(price: Decimal, side: int, moment: Moment) -> Decimal:
    """Return the exit side price of a symbol's other side, where that of ``side`` is ``price``."""
    return price + side * (moment.quoted.open.ask - moment.quoted.open.bid)


def _end(desk: PositionDesk, now: tuple[Moment, Decimal] | None) -> None:
    """Close a desk's position, slipped: at a price of this moment, or at its last mark."""
    position, marked = desk.position, desk.marked_at
    if position is None:
        return
    if now is not None:
        moment, price = now
        fill = desk.quotes.fill(-position.side, price, at=moment.quoted.open, slipped=True)
        desk.end_for_account(fill)
    elif marked is not None:
        slippage = desk.quotes.bar(desk.bar).open.range_slippage
        at = replace(marked, range_slippage=slippage)
        desk.end_for_account(
            desk.quotes.fill(-position.side, at.exit_price(position.side), at=at, slipped=True)
        )
