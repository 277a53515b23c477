"""Margin of what is held: the call, and the price at which the account is stopped out (A3).

Place: asked by the desks whenever a stop could fill, and by the loop at each close.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from sptraderb.domain.outcome import EventCode
from sptraderb.domain.terms import Terms
from sptraderb.oracle.exact_numbers import ZERO, Scales, rate
from sptraderb.oracle.held_position import HeldPosition
from sptraderb.oracle.shared_account import SharedAccount

_HIGHEST_TICK = 2**62


@dataclass(frozen=True, slots=True)
class MarginRates:
    """Margin rate of a symbol, and the share of the used margin at which the account is stopped out."""

    margin: Fraction
    stop_out: Fraction

    @staticmethod
    def of(terms: Terms) -> "MarginRates":
        """Return the rates of a symbol's terms; no stop-out where `margin_call` takes its place."""
        stop_out = 0 if terms.profile.calls_margin else rate(terms.stop_out_ppb)
        return MarginRates(Fraction(rate(terms.margin_rate_ppb)), Fraction(stop_out))

    def used(self, quote_money: Decimal, *, scales: Scales) -> Decimal:
        """Return the margin on a notional in the quote currency, rounded up to the money unit."""
        return _rounded_up(scales.in_account(quote_money) * self.margin, scales)


def stop_out_level(
    position: HeldPosition,
    rates: MarginRates,
    *,
    beside: Decimal,
    used_beside: Decimal,
    hedge: HeldPosition | None = None,
    spread: Decimal = ZERO,
) -> Decimal | None:
    """Return the first price, going against a position, at which the account is stopped out.

    Parameters
    ----------
    position : HeldPosition
        Whose price moves, on its exit side.
    rates : MarginRates
        Of its symbol.
    beside : Decimal
        Balance plus the open P&L of the other symbols, at their last marks.
    used_beside : Decimal
        Margin the other symbols use.
    hedge : HeldPosition or None
        What is held on the other side of the same symbol; it moves along, ``spread`` away.

    Notes
    -----
    Equity at a price x is beside + side (x K - cost) with K the account money that a move of 1 is worth
    and cost what is held is worth at its reference prices; the margin used is x K m + used_beside. Stopped
    out where equity <= level x margin used, exact but for the other symbols' share of it, which is rounded
    up; with r = beside - level x used_beside:

    long:  x <= (cost - r) / (K (1 - level m))
    short: x >= (cost + r) / (K (1 + level m))

    A hedge of K' and cost' at x -+ s takes K' (1 +- level m) from the denominator, cost' from the cost and
    adds what the spread s costs it. A price that leaves nothing to lose by has no such level: where the
    hedge is as large, or level x margin rate of a long is 1.
    """
    side, scales = position.side, position.scales
    strain = rates.stop_out * rates.margin
    own = (1 - side * strain) * _a_unit(position)
    cost = scales.in_account(position.value * scales.point_value)
    if hedge is not None:
        other = (1 + side * strain) * _a_unit(hedge)
        own -= other
        cost += side * other * Fraction(spread) - scales.in_account(hedge.value * scales.point_value)
    if not rates.stop_out or own <= 0:
        return None
    rest = Fraction(beside) - Fraction(_rounded_up(rates.stop_out * Fraction(used_beside), scales))
    ticks = (cost - side * rest) / own / Fraction(scales.tick)
    whole = math.floor(ticks) if side > 0 else max(math.ceil(ticks), 1)
    return scales.price(min(whole, _HIGHEST_TICK)) if whole > 0 else None


def _rounded_up(money: Fraction, scales: Scales) -> Decimal:
    return scales.money(math.ceil(money / Fraction(scales.money_unit)))


def _a_unit(position: HeldPosition) -> Fraction:
    """Return the account money that a move of 1 in price is worth."""
    return position.scales.in_account(position.scales.notional(Decimal(1), position.quantity))


class MarginWatch:
    """Compares the account's equity with the margin used, at each close.

    Parameters
    ----------
    account : SharedAccount
        Equity and margin, and where a call is recorded.
    terms : Terms
        Whether its profile has margin calls of its own (`margin_call`).
    """

    def __init__(self, account: SharedAccount, terms: Terms) -> None:
        self._account, self._calls = account, terms.profile.calls_margin
        self._called = False

    def judge(self, instant: int) -> None:
        """Record a margin call where a close falls below the margin used, once until it recovers."""
        if self._calls:
            return
        used = self._account.used_beside()
        held = any(holder.position is not None for holder in self._account.holders)
        short_of_margin = held and self._account.equity() < used
        if short_of_margin and not self._called:
            self._account.book.event(instant, EventCode.MARGIN_CALL, self._account.equity())
        self._called = short_of_margin
