"""Numbers of candles as text, a whole column at a time: digits go to fixed places of a line of bytes.

All lines have the same length, with room for the widest number of each column; the blanks in front of a
narrower one are dropped at the end. Digits are looked up four at a time, so that a number costs a few
divisions and no Python object: a thousand candles take a fifth of a millisecond.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles, Float64Array

_MAX_EXACT_DOUBLE = 2**53
_VOLUME_DECIMALS = (0, 2, 5, 8)
_GROUPS = (4, 2, 1)
"""Digits looked up at once: as many as fit a machine integer."""

UnsignedArray = npt.NDArray[np.unsignedinteger]


class _Form(NamedTuple):
    """How numbers are written: digits before and after the point, and whether some are short."""

    n_whole: int
    n_decimals: int
    is_padded: bool


class _Group(NamedTuple):
    """Digits written at once.

    Parameters
    ----------
    place : int
        Where they begin, counted from the number's beginning.
    ten_power : int
        10^(how many they are).
    is_padded : bool
        Whether the second half of ``digits`` is for numbers with digits before these.
    digits : ndarray of shape (10^n,) or (2 10^n,), dtype=uint8, uint16 or uint32
        Their text.
    """

    place: int
    ten_power: int
    is_padded: bool
    digits: UnsignedArray


def candle_lines(candles: Candles, pieces: tuple[bytes, ...]) -> bytes | None:
    """Return a line of text for each candle: time, open, high, low, close and volume between fixed pieces.

    Parameters
    ----------
    candles : Candles
        In any order.
    pieces : tuple of bytes
        Seven, without blanks: what stands before each of the six numbers, and after the last.

    Returns
    -------
    bytes or None
        Prices with all decimals of the instrument, exactly the stored ones; volumes with as many decimals as
        any of them needs. None where a volume has more than eight decimals or is too large, or a time is
        before 1970: then write the rows one by one.
    """
    n_rows = len(candles)
    if n_rows == 0:
        return b""
    found = _volume_units(candles.volume)
    if found is None or candles.time_s.min() < 0:
        return None
    volume, volume_decimals = found
    prices = np.empty((4, n_rows), dtype=np.int64)
    prices[0], prices[1] = candles.open_ticks, candles.high_ticks
    prices[2], prices[3] = candles.low_ticks, candles.close_ticks
    scale = candles.instrument.price_scale
    columns = (candles.time_s[np.newaxis], prices, volume[np.newaxis])
    forms = tuple(map(_form, columns, (0, scale, volume_decimals)))
    line, places = _line(forms, pieces)
    text = bytearray(line * n_rows)
    for values, form, at in zip(columns, forms, places, strict=True):
        _write(_unsigned(values), form, text, line=len(line), places=at)
    return bytes(text.translate(None, b" ") if any(form.is_padded for form in forms) else text)


def _volume_units(volume: Float64Array) -> tuple[Int64Array, int] | None:
    """Return volumes as whole units of the last decimal any of them needs, and how many decimals that are."""
    for decimals in _VOLUME_DECIMALS:
        factor = 10.0**decimals
        units = np.rint(volume * factor)
        if (units / factor == volume).all() and units.max() < _MAX_EXACT_DOUBLE:
            return units.astype(np.int64), decimals
    return None


def _form(values: Int64Array, decimals: int) -> _Form:
    one = 10**decimals
    least, most = len(str(int(values.min()) // one)), len(str(int(values.max()) // one))
    return _Form(most, decimals, least < most)


def _unsigned(values: Int64Array) -> UnsignedArray:
    """Return numbers, none negative, in the type that is divided fastest."""
    return values.astype(np.uint32 if values.max() < 2**32 else np.uint64)


@lru_cache(maxsize=256)
def _line(forms: tuple[_Form, ...], pieces: tuple[bytes, ...]) -> tuple[bytes, tuple[tuple[int, ...], ...]]:
    """Return a line with all but its digits, and where the numbers of time, prices and volume begin."""
    time, price, volume = forms
    line, places = b"", []
    for form, piece in zip((time, price, price, price, price, volume), pieces, strict=False):
        line += piece
        places.append(len(line))
        line += b" " * form.n_whole + (b"." + b" " * form.n_decimals if form.n_decimals else b"")
    return line + pieces[-1], (tuple(places[:1]), tuple(places[1:5]), tuple(places[5:]))


def _write(values: UnsignedArray, form: _Form, text: bytearray, *, line: int, places: Sequence[int]) -> None:
    """Write the digits of columns of one form.

    Parameters
    ----------
    values : ndarray of shape (n_columns, n_rows), dtype=uint32 or uint64
        The numbers times 10^n_decimals.
    form : _Form
        How they are written.
    text : bytearray
        Lines of ``line`` bytes each.
    places : sequence of int
        Where in a line each column's number begins.
    """
    left = values
    n_rows = values.shape[1]
    for group in _groups(form):
        rest = left // group.ten_power
        index = left - rest * group.ten_power
        if group.is_padded:
            index += (rest > 0) * index.dtype.type(group.ten_power)
        digits = group.digits.take(index)
        for row, place in zip(digits, places, strict=True):
            at: UnsignedArray = np.ndarray(n_rows, row.dtype, text, place + group.place, (line,))
            at[:] = row
        left = rest


@lru_cache(maxsize=256)
def _groups(form: _Form) -> tuple[_Group, ...]:
    """Return the groups of digits of a number, from the last one on."""
    groups = []
    first_decimal = form.n_whole + 1
    parts = ((first_decimal, form.n_decimals, False), (0, form.n_whole, form.is_padded))
    for begin, n_digits, is_padded in parts:
        n_left = n_digits
        while n_left:
            size = next(size for size in _GROUPS if size <= n_left)
            digits = _digits(size, is_padded, n_left == n_digits)
            n_left -= size
            groups.append(_Group(begin + n_left, 10**size, is_padded, digits))
    return tuple(groups)


@lru_cache(maxsize=16)
def _digits(n_digits: int, is_padded: bool, is_last: bool) -> UnsignedArray:
    """Return the text of each number of so many digits, as machine integers.

    Parameters
    ----------
    n_digits : int
        1, 2 or 4.
    is_padded : bool
        Puts blanks for leading zeros; then the table goes on with the numbers that have none to lose.
    is_last : bool
        Whether the last of them stands before the point or at the end: there a zero alone is a digit.
    """
    numbers = np.arange(10**n_digits)[:, np.newaxis]
    powers = 10 ** np.arange(n_digits)[::-1]
    texts = (numbers // powers % 10 + ord("0")).astype(np.uint8)
    if is_padded:
        is_blank = numbers < powers
        if is_last:
            is_blank[:, -1] = False
        texts = np.concatenate([np.where(is_blank, np.uint8(ord(" ")), texts), texts])
    return texts.view(f"u{n_digits}").ravel()
