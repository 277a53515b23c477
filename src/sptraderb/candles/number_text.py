"""Decimal text in bulk: fields of a byte buffer become exact integers, many at a time, no float.

The rule is the one of `domain.fixed` (M2): a price lies on the grid or is refused. One exception is
named and counted: a number written with 16 or more significant digits is a binary double printed in
full (``129587.00000000001``); it is read as the 15-digit decimal it stands for.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array

BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]

MAX_DIGITS = 18
NOISE_DIGITS = 15
_POWERS = np.array([10**k for k in range(MAX_DIGITS + 1)], dtype=np.int64)
_DIGIT_ZERO, _MINUS = 48, 45
_MAX_EXACT_DOUBLE = 2**53
_MAX_EXACT_POWER = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Parsed decimals: the value of row i is ``mantissa[i] / 10**decimals[i]`` where ``ok[i]``.

    Parameters
    ----------
    mantissa : ndarray of shape (n,), dtype=int64
        All digits as one integer, signed.
    decimals : ndarray of shape (n,), dtype=int64
        Digits behind the decimal mark.
    ok : ndarray of shape (n,), dtype=bool
        Whether the field holds a number of at most 18 digits.
    """

    mantissa: Int64Array
    decimals: Int64Array
    ok: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class GridPrices:
    """Prices on an instrument's grid.

    Parameters
    ----------
    ticks : ndarray of shape (n,), dtype=int64
        The price; meaningless where ``on_grid`` is false.
    on_grid : ndarray of shape (n,), dtype=bool
        Whether the price is on the grid, exactly or by the noise rule.
    noisy : ndarray of shape (n,), dtype=bool
        Whether the noise rule was needed.
    """

    ticks: Int64Array
    on_grid: BoolArray
    noisy: BoolArray


def read_numbers(
    buffer: ByteArray, start: Int64Array, end: Int64Array, *, decimal_mark: int = ord(".")
) -> Numbers:
    """Read one number from each field of a byte buffer, exactly.

    Parameters
    ----------
    buffer : ndarray of shape (n_bytes,), dtype=uint8
        The text.
    start, end : ndarray of shape (n,), dtype=int64
        First byte of each field and the byte after its last.
    decimal_mark : int
        The byte between whole and fractional digits.

    Notes
    -----
    One pass over the characters' positions, each a few vector operations. Fields with an exponent,
    blanks, a plus sign or more than 18 digits are read one by one with ``Decimal``.
    """
    width = end - start
    n = len(width)
    mantissa = np.zeros(n, dtype=np.int64)
    marks = np.zeros(n, dtype=np.int64)
    mark_at = np.zeros(n, dtype=np.int64)
    strange = (width <= 0) | (width > MAX_DIGITS + 2)
    negative = np.zeros(n, dtype=np.bool_)
    for place in range(int(min(width.max(initial=0), MAX_DIGITS + 2))):
        inside = place < width
        byte = buffer[np.where(inside, start + place, 0)]
        digit = byte - np.uint8(_DIGIT_ZERO)
        is_digit = (digit < 10) & inside
        is_mark = (byte == decimal_mark) & inside
        mantissa = np.where(is_digit, mantissa * 10 + digit, mantissa)
        marks += is_mark
        mark_at = np.where(is_mark, place, mark_at)
        other = inside & ~is_digit & ~is_mark
        if place == 0 and other.any():
            negative = other & (byte == _MINUS)
            other &= ~negative
        strange |= other
    decimals = np.where(marks == 1, width - 1 - mark_at, 0)
    n_digits = width - marks - negative
    strange |= (marks > 1) | (n_digits < 1) | (n_digits > MAX_DIGITS)
    mantissa = np.where(negative, -mantissa, mantissa)
    numbers = Numbers(mantissa=mantissa, decimals=decimals, ok=~strange)
    for row in np.flatnonzero(strange):
        _read_slowly(bytes(buffer[start[row] : end[row]]), int(row), numbers, decimal_mark)
    return numbers


def _read_slowly(field: bytes, row: int, numbers: Numbers, decimal_mark: int) -> None:
    text = field.strip().replace(bytes([decimal_mark]), b".")
    try:
        value = Decimal(text.decode("ascii")) if len(text) <= 40 else Decimal("NaN")
    except (InvalidOperation, UnicodeDecodeError):
        return
    if not value.is_finite() or abs(value.adjusted()) > MAX_DIGITS:
        return
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if exponent > 0:
        digits, exponent = digits + (0,) * exponent, 0
    if len(digits) > MAX_DIGITS:
        value = value.quantize(Decimal(1).scaleb(value.adjusted() - MAX_DIGITS + 1))
        sign, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int)
    magnitude = int("".join(map(str, digits)) or "0")
    if magnitude > _POWERS[MAX_DIGITS]:
        return
    numbers.mantissa[row] = -magnitude if sign else magnitude
    numbers.decimals[row] = -exponent
    numbers.ok[row] = True


def ticks_from_numbers(numbers: Numbers, scale: int) -> GridPrices:
    """Put decimals on the grid of ``scale`` decimals: exactly, by the noise rule, or not at all.

    Parameters
    ----------
    numbers : Numbers
        Parsed fields.
    scale : int
        Decimals of the instrument's price, less the power of ten the file's prices are multiplied by.

    Notes
    -----
    Exact in integers. A result of more than 18 digits counts as off the grid.
    """
    shift = scale - numbers.decimals
    size = np.abs(numbers.mantissa)
    n_significant = np.searchsorted(_POWERS, size, side="right")
    fits = numbers.ok & (n_significant + shift <= MAX_DIGITS) & (shift <= MAX_DIGITS)
    up = _POWERS[np.clip(shift, 0, MAX_DIGITS)]
    lost = np.clip(-shift, 0, MAX_DIGITS)
    down = _POWERS[lost]
    widened = np.where(fits, size, 0) * np.where(fits, up, 1)
    if not lost.any():
        ticks = widened
        rest = np.zeros(len(size), dtype=np.int64)
    else:
        ticks = (widened + down // 2) // down
        rest = np.abs(widened - ticks * down)
    exact = rest == 0
    noise_limit = _POWERS[np.clip(n_significant - NOISE_DIGITS, 0, MAX_DIGITS)]
    noisy = ~exact & (n_significant > NOISE_DIGITS) & (2 * rest <= noise_limit)
    on_grid = fits & (exact | noisy) & (-shift <= MAX_DIGITS)
    return GridPrices(
        ticks=np.where(numbers.mantissa < 0, -ticks, ticks), on_grid=on_grid, noisy=noisy & on_grid
    )


def ticks_from_doubles(values: npt.NDArray[np.float64], scale: int) -> GridPrices:
    """Put doubles on the grid: the decimal each one is nearest to, or a few units in the last place off.

    Parameters
    ----------
    values : ndarray of shape (n,), dtype=float64
        Prices as a binary column stores them.
    scale : int
        Decimals of a price, less the power of ten the values are multiplied by; may be negative.

    Notes
    -----
    A double is exact when it is the nearest one to ``ticks / 10**scale`` (below 2^53 ticks that division
    is correctly rounded, so equality proves it); within 5e-16 of its size it is float noise (15 digits).
    """
    factor = 10.0 ** abs(scale)
    with np.errstate(invalid="ignore", over="ignore"):
        raw = np.rint(values * factor if scale >= 0 else values / factor)
    usable = np.isfinite(raw) & (np.abs(raw) < _MAX_EXACT_DOUBLE)
    whole = np.where(usable, raw, 0.0)
    nearest = whole / factor if scale >= 0 else whole * factor
    exact = usable & (nearest == values)
    with np.errstate(invalid="ignore"):
        noisy = usable & ~exact & (np.abs(values - nearest) <= 5e-16 * np.abs(values) + 5e-324)
    return GridPrices(ticks=whole.astype(np.int64), on_grid=exact | noisy, noisy=noisy)


def doubles_from_numbers(numbers: Numbers) -> npt.NDArray[np.float64]:
    """Return each decimal as the nearest double; NaN where there is no number. For volumes only."""
    small = (
        numbers.ok & (np.abs(numbers.mantissa) < _MAX_EXACT_DOUBLE) & (numbers.decimals <= _MAX_EXACT_POWER)
    )
    values = numbers.mantissa / np.power(10.0, np.clip(numbers.decimals, 0, _MAX_EXACT_POWER))
    values[~numbers.ok] = np.nan
    for row in np.flatnonzero(numbers.ok & ~small):
        values[row] = float(Decimal(int(numbers.mantissa[row])).scaleb(-int(numbers.decimals[row])))
    return values
