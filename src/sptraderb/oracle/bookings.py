"""What a fill books: price P&L, conversion fee, spread, slippage, commission, and the trades of an exit.

Place: used by ``trading_desk`` for every fill; it knows amounts and their order in the ledger (M6), not
why something fills.
"""

from dataclasses import replace
from decimal import Decimal

from sptraderb.domain.outcome import LedgerKind
from sptraderb.domain.terms import Terms
from sptraderb.oracle.cash_book import DeskPage, Exit, Realised
from sptraderb.oracle.currency_route import CurrencyRoute
from sptraderb.oracle.entry_piece import Part
from sptraderb.oracle.exact_numbers import ZERO, rate
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.order_fee import OrderFee
from sptraderb.oracle.quoted_bar import Fill


class Bookings:
    """Books the amounts of fills.

    Parameters
    ----------
    terms : Terms
        For the fee of a conversion.
    fee : OrderFee
        Commission of an order.
    route : CurrencyRoute
        Whether amounts are converted.
    book : DeskPage
        Where they go.
    """

    def __init__(self, terms: Terms, fee: OrderFee, route: CurrencyRoute, *, book: DeskPage) -> None:
        self._conversion_share = rate(terms.conversion_fee_ppb)
        self._fee, self._route, self._book, self._scales = fee, route, book, book.scales

    def exit(self, position: HeldPosition, end: Exit, part: Part) -> Realised:
        """Book the price P&L, what its conversion costs, spread and slippage of an exit; return them."""
        number = position.opening.number
        move = end.fill.reference * part.quantity - part.value
        if part.is_of_several:
            self._scales.require_fit(move)
        pnl = self._scales.worth(position.side * move)
        fee = -self._conversion_fee(pnl)
        self._book.book(end.bar, LedgerKind.PRICE_PNL, amount=pnl, position=number)
        self._book.book(end.bar, LedgerKind.CONVERSION, amount=fee, position=number)
        return Realised(pnl, fee, *self.moves(end.bar, end.fill, part.quantity, number))

    def _conversion_fee(self, price_pnl: Decimal) -> Decimal:
        """Return the stated fee on a price P&L that came from another currency (C5)."""
        if not self._route.converts:
            return ZERO
        return self._scales.rounded_money(abs(price_pnl) * self._conversion_share)

    def moves(self, bar: int, fill: Fill, quantity: Decimal, number: int) -> tuple[Decimal, Decimal]:
        """Book the spread and slippage of a fill, each as its own row (M6)."""
        spread = -self._scales.cost(fill.spread, quantity)
        slippage = -self._scales.cost(fill.slippage, quantity)
        self._book.book(bar, LedgerKind.SPREAD, amount=spread, position=number)
        self._book.book(bar, LedgerKind.SLIPPAGE, amount=slippage, position=number)
        return spread, slippage

    def commission(self, bar: int, fill: Fill, quantity: Decimal, owner: HeldPosition) -> Decimal:
        """Book the commission of one order on its whole quantity (C1, X11)."""
        amount = -self._fee.charged(fill.price, quantity)
        number = owner.opening.number
        return self._book.book(bar, LedgerKind.COMMISSION, amount=amount, position=number)

    def trades(
        self,
        position: HeldPosition,
        end: Exit,
        *,
        opened: Decimal | None,
        parts: list[Part],
        realised: list[Realised],
        commission: Decimal,
    ) -> None:
        """Write the trades of an exit, each with its share of the commission, the last with the rest.

        Parameters
        ----------
        opened : Decimal or None
            Exit price of the open of its bar, which what was held then has seen for certain.
        """
        whole, left = sum((part.quantity for part in parts), ZERO), commission
        for number, (part, one) in enumerate(zip(parts, realised, strict=True), start=1):
            share = left
            if number < len(parts):
                share = self._scales.shared(commission, part.quantity, whole=whole)
            left -= share
            certain = [end.fill.price]
            if part.saw_open and opened is not None:
                certain.append(opened)
            seen = part.excursions(position.side, certain)
            self._book.trade(position, end, part, realised=replace(one, commission=share), seen=seen)
