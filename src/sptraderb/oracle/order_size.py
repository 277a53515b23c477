"""How large an entry order is, and what cuts or refuses it (A2, A3, A4).

Place: the arithmetic of sizes. Sizes are exact quotients, rounded down to the quantity step.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from sptraderb.domain.instrument import Instrument
from sptraderb.domain.order import SizeKind, SizeRule
from sptraderb.domain.outcome import OrderReason
from sptraderb.domain.terms import Terms
from sptraderb.oracle.exact_numbers import ZERO, Scales, rate, to_digits, whole_multiples
from sptraderb.oracle.order_fee import OrderFee

_FIXED = (SizeKind.UNITS, SizeKind.LOTS)
_ROUNDED_BELOW = 10_000_000


@dataclass(frozen=True, slots=True)
class Means:
    """What there is to size from.

    Parameters
    ----------
    equity : Decimal
        Balance plus open P&L at the last marks (A2).
    available : Decimal
        What other positions leave for margin, after the closing part of a reversal and before this order's
        commission.
    closing : Decimal
        Quantity the same order closes; zero for a plain entry.
    held : Decimal
        Quantity an addition adds to; margin and limit count both together (X17).
    """

    equity: Decimal
    available: Decimal
    closing: Decimal = ZERO
    held: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Sized:
    """A size: what was wanted, what is left, and why it is less; ``quantity`` 0 means rejected."""

    wanted: Decimal
    quantity: Decimal
    reason: OrderReason


class OrderSize:
    """Sizes orders by a run's instrument and terms.

    Parameters
    ----------
    instrument : Instrument
        Step, minimum and lot.
    terms : Terms
        Margin, commission and the limit on a position's size.
    scales : Scales
        The run's units.
    """

    def __init__(self, instrument: Instrument, terms: Terms, *, scales: Scales) -> None:
        self._step = scales.quantity(instrument.quantity_step)
        self._minimum = scales.quantity(instrument.quantity_min)
        self._lot = Decimal(instrument.lot_units)
        self._margin = rate(terms.margin_rate_ppb)
        self._fee = OrderFee(instrument, terms, scales=scales)
        self._largest_share = rate(terms.risk.max_position_size_ppb)
        self._largest_units = rate(terms.risk.max_position_units_ppb)
        self._scales = scales

    def wanted(self, rule: SizeRule, *, means: Means, price: Decimal, stop: Decimal | None) -> Decimal:
        """Return the size before cuts, computed from the price before slippage (A2).

        Parameters
        ----------
        stop : Decimal or None
            Where the stop would lie for a fill at ``price``; needed for risk sizes.
        """
        if means.equity <= 0:
            return ZERO
        amount = rate(rule.amount)
        if rule.kind is SizeKind.UNITS:
            return whole_multiples(amount, self._step)
        if rule.kind is SizeKind.LOTS:
            return whole_multiples(amount * self._lot, self._step)
        if rule.kind is SizeKind.NOTIONAL:
            return self._affordable(amount, price)
        if rule.kind is SizeKind.EQUITY_FRACTION:
            return self._affordable(means.equity * amount, price)
        if stop is None or stop == price:
            return ZERO
        return self._affordable(means.equity * amount, abs(price - stop))

    def cut(self, wanted: Decimal, rule: SizeRule, *, means: Means, price: Decimal) -> Sized:
        """Return what limits, margin and minimum leave of a wanted size at the fill price (A3, A4)."""
        if wanted < self._minimum:
            return Sized(wanted, ZERO, OrderReason.BELOW_MINIMUM)
        sized = self._limited(wanted, means=means, price=price)
        quantity, reason = sized.quantity, sized.reason
        if not quantity:
            return sized
        most = self._carried(means, price)
        if quantity > most:
            quantity, reason = most, OrderReason.MARGIN
            if rule.kind in _FIXED or quantity < self._minimum:
                return Sized(wanted, ZERO, OrderReason.MARGIN)
        return Sized(wanted, quantity, reason)

    def _largest(self, means: Means, price: Decimal) -> Decimal | None:
        """Return the largest position allowed, by notional or in units, the smaller; None for any (A4)."""
        by_share = self._affordable(means.equity * self._largest_share, price)
        by_units = whole_multiples(self._largest_units, self._step)
        stated = ((self._largest_share, by_share), (self._largest_units, by_units))
        return min((most for limit, most in stated if limit), default=None)

    def budget(self, rule: SizeRule, *, equity: Decimal) -> Decimal | None:
        """Return the money that a size fixed when its order is placed may spend; None for other kinds.

        A share of the equity below ten million is rounded half up to ten significant digits; where the
        commission is more than a rate it is then cut to the money unit.
        """
        if rule.kind is SizeKind.NOTIONAL:
            return rate(rule.amount)
        if rule.kind is not SizeKind.EQUITY_FRACTION:
            return None
        money = max(equity, ZERO) * rate(rule.amount)
        if ZERO < money < _ROUNDED_BELOW:
            money = to_digits(money, 10)
        return money if self._fee.is_rate_alone else self._scales.cut_money(money)

    def bought(self, rule: SizeRule, budget: Decimal, *, price: Decimal) -> Decimal:
        """Return what a budget buys at a price: a share of the equity bears its commission."""
        if rule.kind is SizeKind.NOTIONAL:
            return self._affordable(budget, price)
        value = self._scales.in_account(self._scales.notional(price, self._step))
        if self._fee.is_rate_alone:
            return self._step * _most_steps(Fraction(budget), value * (1 + Fraction(self._fee.rate)))
        return self._most_with_fee(Fraction(budget), value, price=price, closing=ZERO)

    def when_placed(self, rule: SizeRule, *, means: Means, price: Decimal, stop: Decimal | None) -> Sized:
        """Return a size fixed when its order is placed."""
        budget = self.budget(rule, equity=means.equity)
        if budget is None or means.equity <= 0:
            wanted = self.wanted(rule, means=means, price=price, stop=stop)
        else:
            wanted = self.bought(rule, budget, price=price)
        return self.limited(wanted, means=means, price=price)

    def limited(self, wanted: Decimal, *, means: Means, price: Decimal) -> Sized:
        """Return what the smallest size and the limits on a position's leave of a size."""
        if wanted < self._minimum:
            return Sized(wanted, ZERO, OrderReason.BELOW_MINIMUM)
        return self._limited(wanted, means=means, price=price)

    def margin(self, price: Decimal, quantity: Decimal) -> Fraction:
        """Return the margin of a size at a price, in account money, exactly (A3)."""
        return self._scales.in_account(self._scales.notional(price, abs(quantity)) * self._margin)

    def _limited(self, wanted: Decimal, *, means: Means, price: Decimal) -> Sized:
        """Return what the limits on a position's size leave; nothing where that is below the minimum."""
        largest = self._largest(means, price)
        if largest is None or wanted <= largest - means.held:
            return Sized(wanted, wanted, OrderReason.NONE)
        quantity = largest - means.held
        if quantity < self._minimum:
            return Sized(wanted, ZERO, OrderReason.BELOW_MINIMUM)
        return Sized(wanted, quantity, OrderReason.MAX_POSITION_SIZE)

    def part(self, largest: Decimal, close_ppb: int) -> Decimal:
        """Return a fraction of the largest size held, rounded down to the quantity step (X9)."""
        return whole_multiples(largest * rate(close_ppb), self._step)

    def _affordable(self, money: Decimal, price_per_unit: Decimal) -> Decimal:
        """Return the most steps whose value at ``price_per_unit`` is not above ``money``."""
        value = self._scales.in_account(self._scales.notional(price_per_unit, self._step))
        return self._step * _most_steps(Fraction(money), value)

    def _carried(self, means: Means, price: Decimal) -> Decimal:
        """Return the largest size whose margin, with the order's commission, the cash carries.

        The commission is what the order will pay, but for its rounding: its least is always due, and
        either its parts or, where it has one, its most must be within the cash. All three grow with
        the size, so that each has a largest size of its own.
        """
        scales = self._scales
        margin = scales.in_account(scales.notional(price, self._step) * self._margin)
        used = scales.in_account(scales.notional(price, means.held) * self._margin)
        cash = Fraction(means.available) - used
        return self._most_with_fee(cash, margin, price=price, closing=means.closing)

    def _most_with_fee(
        self, cash: Fraction, per_step: Fraction, *, price: Decimal, closing: Decimal
    ) -> Decimal:
        """Return the largest size that costs no more than ``cash`` with its order's commission."""
        fee = self._fee
        left = cash - fee.by_size(price, closing) - fee.per_order
        by_parts = _most_steps(left, per_step + fee.by_size(price, self._step))
        if fee.most is not None:
            by_parts = max(by_parts, _most_steps(cash - Fraction(fee.most), per_step))
        return self._step * min(by_parts, _most_steps(cash - Fraction(fee.least), per_step))


def _most_steps(money: Fraction, per_step: Fraction) -> int:
    """Return how many steps ``money`` pays for; none without money."""
    return int(money // per_step) if money > 0 and per_step > 0 else 0
