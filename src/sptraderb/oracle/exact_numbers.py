"""Exact decimal numbers of the oracle: prices, quantities and money in their own units.

Place: the oracle's arithmetic. Where the engine counts ticks and minor units, the oracle computes
with the decimal numbers a person would write down; the two meet only in the tables of the outcome.
The context traps `Inexact`, so that nothing but a rounding that is written out can lose a digit.
"""

import math
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from fractions import Fraction

from sptraderb.domain.fixed import INT64_MAX
from sptraderb.domain.instrument import Instrument
from sptraderb.errors import MoneyOverflow

_DIGITS = 60
EXACT = Context(prec=_DIGITS, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""The context of all oracle arithmetic: an inexact result is an exception, never a surprise."""
_ROUNDING = Context(prec=_DIGITS, traps=[InvalidOperation])

ZERO = Decimal(0)
_ON_GRID = 1e-4
_LARGEST_EXACT = 2.0**52


def whole_ticks(value: float, price_scale: int, *, upwards: bool) -> int | None:
    """Return a float64 price or distance as ticks: the nearest within 1e-4, else outwards (M4, M9).

    Returns
    -------
    int or None
        None where the value is undefined or too large to be exact.
    """
    ticks = value * 10.0**price_scale
    if not math.isfinite(ticks) or abs(ticks) >= _LARGEST_EXACT:
        return None
    nearest = round(ticks)
    if abs(ticks - nearest) < _ON_GRID:
        return nearest
    return math.ceil(ticks) if upwards else math.floor(ticks)


def rate(parts_per_billion: int) -> Decimal:
    """Return parts per 10^9 as a plain fraction (M2)."""
    return Decimal(parts_per_billion).scaleb(-9)


def whole_multiples(amount: Decimal, unit: Decimal) -> Decimal:
    """Return the largest multiple of ``unit`` that is not above ``amount``; zero below zero."""
    if amount <= 0:
        return ZERO
    return amount // unit * unit


def to_digits(amount: Decimal, digits: int) -> Decimal:
    """Round an amount above zero half up to significant digits."""
    return amount.quantize(Decimal(1).scaleb(amount.adjusted() + 1 - digits), ROUND_HALF_UP, _ROUNDING)


class Scales:
    """Converts between the integers of the domain and the oracle's decimals, and rounds.

    Parameters
    ----------
    instrument : Instrument
        Its price and quantity scales and point value.
    money_decimals : int
        Decimals d of money (M1).

    Attributes
    ----------
    account_rate : Fraction
        What one unit of the quote currency is worth in the account's at the instant the loop is at (C5).
    """

    def __init__(self, instrument: Instrument, money_decimals: int) -> None:
        self.account_rate = Fraction(1)
        self.tick = Decimal(1).scaleb(-instrument.price_scale)
        self.step = Decimal(1).scaleb(-instrument.quantity_scale)
        self.money_unit = Decimal(1).scaleb(-money_decimals)
        self.point_value = Decimal(instrument.point_value)
        self.price_scale = instrument.price_scale

    def price(self, ticks: int) -> Decimal:
        """Return ticks as a price."""
        return Decimal(int(ticks)) * self.tick

    def quantity(self, steps: int) -> Decimal:
        """Return steps as a quantity in units."""
        return Decimal(int(steps)) * self.step

    def money(self, minor: int) -> Decimal:
        """Return minor units as money."""
        return Decimal(int(minor)) * self.money_unit

    def ticks(self, price: Decimal) -> int:
        """Return a price on the grid as ticks."""
        return _counted(price, self.tick)

    def steps(self, quantity: Decimal) -> int:
        """Return a quantity on the grid as steps."""
        return _counted(quantity, self.step)

    def minor(self, money: Decimal) -> int:
        """Return rounded money as minor units."""
        return _counted(money, self.money_unit)

    def rounded_money(self, amount: Decimal) -> Decimal:
        """Round an exact amount half-even to the money unit: the one rounding of a booking (M4)."""
        money = amount.quantize(self.money_unit, ROUND_HALF_EVEN, _ROUNDING)
        _counted(money, self.money_unit)
        return money

    def rounded_fraction(self, amount: Fraction) -> Decimal:
        """Round an exact fraction of money half-even to the money unit (M4)."""
        return self.rounded_money(self.money(round(amount / Fraction(self.money_unit))))

    def cut_money(self, amount: Decimal) -> Decimal:
        """Return the most whole money units that an amount above zero holds."""
        return amount.quantize(self.money_unit, ROUND_FLOOR, _ROUNDING)

    def shared(self, money: Decimal, part: Decimal, *, whole: Decimal) -> Decimal:
        """Return the share of rounded money that ``part`` of ``whole`` bears, half-even (M4, M5)."""
        share = round(self.minor(money) * Fraction(part) / Fraction(whole))
        return self.money(share)

    def shared_value(self, value: Decimal, part: Decimal, *, whole: Decimal) -> Decimal:
        """Return the share of a price x quantity that ``part`` of ``whole`` takes, half-even (M5)."""
        unit = self.tick * self.step
        return round(Fraction(value / unit) * Fraction(part) / Fraction(whole)) * unit

    def average_price(self, value: Decimal, quantity: Decimal) -> Decimal:
        """Return the price whose product with ``quantity`` is nearest to ``value``, half-even."""
        return round(Fraction(value / self.tick) / Fraction(quantity)) * self.tick

    def price_up(self, price: Decimal) -> Decimal:
        """Return the nearest price on the grid that is not below ``price``."""
        return price.quantize(self.tick, ROUND_CEILING, _ROUNDING)

    def in_account(self, quote_money: Decimal) -> Fraction:
        """Return an amount of the quote currency in account money, exactly (C5)."""
        return Fraction(quote_money) * self.account_rate

    def notional(self, price: Decimal, quantity: Decimal) -> Decimal:
        """Return what ``quantity`` is worth at ``price`` in the quote currency, exactly."""
        return price * quantity * self.point_value

    def cost(self, price_move: Decimal, quantity: Decimal) -> Decimal:
        """Return the money a spread or slippage costs; in ticks x steps it must fit 64 bits too (M3)."""
        self.require_fit(price_move * quantity)
        return self.worth(price_move * quantity)

    def require_fit(self, value: Decimal) -> None:
        """Raise ``money.overflow`` where price x quantity in ticks x steps does not fit 64 bits (M3)."""
        _counted(value, self.tick * self.step)

    def worth(self, value: Decimal) -> Decimal:
        """Return the account money that a price move times a quantity makes, rounded once (M4).

        Raises
        ------
        MoneyOverflow
            ``money.overflow`` if it does not fit 64 bits (M3).
        """
        return self.rounded_fraction(self.in_account(value * self.point_value))


def _counted(value: Decimal, unit: Decimal) -> int:
    """Return how many ``unit`` an exact multiple of it has; it must fit int64 (M3)."""
    count = int(value / unit)
    if abs(count) > INT64_MAX:
        raise MoneyOverflow("money.overflow", f"a sum must fit 64 bits at its scale, was {value} in {unit}")
    return count
