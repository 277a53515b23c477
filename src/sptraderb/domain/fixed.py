"""Fixed-point numbers: text becomes an integer at one edge, an integer becomes text at the other.

Prices are ticks, quantities are steps, money is minor units, rates are parts per 10^9; all are
Python or int64 integers at a stated number of decimals (rules M1, M2). No float passes here.
"""

import re
from decimal import Decimal

from sptraderb.errors import InvalidInput, MoneyOverflow

MAX_SCALE = 10
RATE_ONE = 1_000_000_000
INT64_MAX = 2**63 - 1
_MAX_TEXT_LENGTH = 64
_PLAIN_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def decimal_from_text(text: str) -> Decimal:
    """Read a plain decimal number such as ``1.0925`` or ``-3e2``.

    Raises
    ------
    InvalidInput
        ``number.malformed`` if the text is no finite decimal number of sensible length.
    """
    stripped = text.strip()
    # Decimal itself would take `1_000` and digits of other scripts too.
    well_formed = len(stripped) <= _MAX_TEXT_LENGTH and _PLAIN_NUMBER.fullmatch(stripped)
    value = Decimal(stripped) if well_formed else Decimal("NaN")
    if not value.is_finite() or abs(value.adjusted()) > _MAX_TEXT_LENGTH:
        shown = stripped[:_MAX_TEXT_LENGTH]
        raise InvalidInput("number.malformed", f"a decimal number is needed, was `{shown}`")
    return value


def ticks_from_decimal(value: Decimal, scale: int) -> int:
    """Return ``value`` as an integer at ``scale`` decimals, exactly or not at all (M2).

    Parameters
    ----------
    value : Decimal
        A finite number.
    scale : int
        Decimals kept, 0 to 10.

    Raises
    ------
    InvalidInput
        ``price.not_on_scale`` if digits would be lost.
    MoneyOverflow
        ``money.overflow`` if the integer does not fit 64 bits.
    """
    shifted = value.scaleb(scale)
    if shifted != shifted.to_integral_value():
        raise InvalidInput(
            "price.not_on_scale",
            f"a number with at most {scale} decimals is needed, was {value}",
            scale=scale,
        )
    ticks = int(shifted)
    if abs(ticks) > INT64_MAX:
        raise MoneyOverflow("money.overflow", f"{value} at {scale} decimals does not fit 64 bits")
    return ticks


def ticks_from_text(text: str, scale: int) -> int:
    """Return the number ``text`` spells as an integer at ``scale`` decimals, exactly (M2).

    Raises
    ------
    InvalidInput
        ``number.malformed``, ``price.not_on_scale``.
    MoneyOverflow
        ``money.overflow``.

    Examples
    --------
    >>> ticks_from_text("1.0925", 5)
    109250
    """
    return ticks_from_decimal(decimal_from_text(text), scale)


def text_from_ticks(value: int, scale: int) -> str:
    """Return the exact decimal text of an integer at ``scale`` decimals, all of them written.

    Examples
    --------
    >>> text_from_ticks(-109250, 5)
    '-1.09250'
    >>> text_from_ticks(7, 0)
    '7'
    """
    if scale == 0:
        return str(int(value))
    sign = "-" if value < 0 else ""
    digits = str(abs(int(value))).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


def rate_from_text(text: str) -> int:
    """Return a fraction (``0.02``) or a percentage (``2%``) as parts per 10^9, exactly (M2).

    Raises
    ------
    InvalidInput
        ``number.malformed``, ``price.not_on_scale`` (finer than 10^-9).
    """
    stripped = text.strip()
    if stripped.endswith("%"):
        return ticks_from_decimal(decimal_from_text(stripped[:-1]).scaleb(-2), 9)
    return ticks_from_text(stripped, 9)


def percent_text_from_rate(rate: int) -> str:
    """Return parts per 10^9 as the shortest percentage text.

    Examples
    --------
    >>> percent_text_from_rate(15_000_000)
    '1.5%'
    """
    return f"{Decimal(rate).scaleb(-7).normalize():f}%"


def div_half_even(numerator: int, denominator: int) -> int:
    """Divide integers of any size, rounding half to even (M4); ``denominator`` is positive.

    Examples
    --------
    >>> div_half_even(5, 2), div_half_even(7, 2), div_half_even(-5, 2)
    (2, 4, -2)
    """
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2):
        quotient += 1
    return quotient
