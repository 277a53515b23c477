"""Exact products and quotients of int64 numbers through 128 bits and more (rules M3, M4).

Every division says which way it rounds. Functions return the value and whether it fits int64; where
it does not the value is 0. Magnitudes are uint64; nothing here mixes signed and unsigned, which
Numba would turn into a float.
"""

import numpy as np

from sptraderb.engine.kernel_cache import config
from sptraderb.engine.kernels.codes import inlined_jit, kernel_jit
from sptraderb.engine.kernels.wide_products import fitting_product, full_product

_IS_COMPILED = not config.DISABLE_JIT
_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_SHIFT = np.uint64(32)
_WORD = np.uint64(64)
_HALF = np.uint64(0xFFFF_FFFF)
_BASE = np.uint64(1 << 32)
_SIXTEEN, _EIGHT, _FOUR, _TWO = np.uint64(16), np.uint64(8), np.uint64(4), np.uint64(2)
INT64_MAX = 2**63 - 1
_RATE_ONE = 10**9
_LARGE = 4.0e18
Limbs = tuple[np.uint64, np.uint64, np.uint64, np.uint64]
_UNSIGNED_MAX = np.uint64(INT64_MAX)


@inlined_jit
def magnitude_nb(value: int) -> np.uint64:
    """Return the absolute value of an int64 as uint64, the smallest int64 included."""
    if value >= 0:
        return np.uint64(value)
    return np.uint64(-(value + 1)) + _ONE


@inlined_jit
def wide_product_nb(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the high and the low 64 bits of the product of two uint64 numbers."""
    if _IS_COMPILED:
        return full_product(a, b)
    a_low, a_high = a & _HALF, a >> _SHIFT
    b_low, b_high = b & _HALF, b >> _SHIFT
    low_low = a_low * b_low
    low_high = a_low * b_high
    high_low = a_high * b_low
    middle = (low_low >> _SHIFT) + (low_high & _HALF) + (high_low & _HALF)
    low = (low_low & _HALF) | (middle << _SHIFT)
    high = a_high * b_high + (low_high >> _SHIFT) + (high_low >> _SHIFT) + (middle >> _SHIFT)
    return high, low


@kernel_jit
def wide_quotient_nb(high: np.uint64, low: np.uint64, divisor: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Divide a 128-bit number by a uint64 one; ``high < divisor`` must hold.

    References
    ----------
    H. S. Warren, Hacker's Delight, 2nd edition, section 9-4 (after Knuth's algorithm D).
    """
    if high == _ZERO:
        quotient = low // divisor
        return quotient, low - quotient * divisor
    if divisor <= _HALF:
        upper = (high << _SHIFT) | (low >> _SHIFT)
        first = upper // divisor
        lower = ((upper - first * divisor) << _SHIFT) | (low & _HALF)
        second = lower // divisor
        return (first << _SHIFT) | second, lower - second * divisor
    shift = _leading_zeros_nb(divisor)
    norm = divisor << shift
    upper = high
    if shift > _ZERO:
        upper = (high << shift) | (low >> (_WORD - shift))
    lower = low << shift
    first, rest = _digit_nb(upper, lower >> _SHIFT, norm)
    second, remainder = _digit_nb(rest, lower & _HALF, norm)
    return first * _BASE + second, remainder >> shift


@inlined_jit
def _leading_zeros_nb(value: np.uint64) -> np.uint64:
    """Return how many bits of a number above 2^32 are 0 before its first 1."""
    count = _ZERO
    for width in (_SIXTEEN, _EIGHT, _FOUR, _TWO, _ONE):
        if value >> (_WORD - width) == _ZERO:
            value = value << width
            count = count + width
    return count


@inlined_jit
def _digit_nb(upper: np.uint64, next_half: np.uint64, norm: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return one 32-bit digit of a normalised quotient and what remains."""
    norm_high, norm_low = norm >> _SHIFT, norm & _HALF
    digit = upper // norm_high
    rest = upper - digit * norm_high
    while digit >= _BASE or digit * norm_low > rest * _BASE + next_half:
        digit = digit - _ONE
        rest = rest + norm_high
        if rest >= _BASE:
            break
    return digit, upper * _BASE + next_half - digit * norm


@inlined_jit
def _signed_nb(size: np.uint64, negative: bool) -> tuple[int, bool]:
    if size > _UNSIGNED_MAX:
        return 0, False
    value = int(np.int64(size))
    return (-value if negative else value), True


@inlined_jit
def product_nb(a: int, b: int) -> tuple[int, bool]:
    """Return ``a * b`` and whether its magnitude fits 63 bits."""
    if _IS_COMPILED:
        return fitting_product(a, b)
    high, low = wide_product_nb(magnitude_nb(a), magnitude_nb(b))
    if high != _ZERO:
        return 0, False
    return _signed_nb(low, (a < 0) != (b < 0))


@inlined_jit
def sum_nb(a: int, b: int) -> tuple[int, bool]:
    """Return ``a + b`` and whether its magnitude fits 63 bits."""
    if b >= 0:
        if a > INT64_MAX - b:
            return 0, False
    elif a < -INT64_MAX - b:
        return 0, False
    return a + b, True


@kernel_jit
def muldiv_half_even_nb(a: int, b: int, c: int) -> tuple[int, bool]:
    """Return ``a * b / c`` rounded half to even, for any int64 ``a``, ``b`` and positive ``c``."""
    divisor = np.uint64(c)
    high, low = wide_product_nb(magnitude_nb(a), magnitude_nb(b))
    if high >= divisor:
        return 0, False
    quotient, remainder = wide_quotient_nb(high, low, divisor)
    other = divisor - remainder
    if remainder > other or (remainder == other and quotient & _ONE == _ONE):
        quotient = quotient + _ONE
    return _signed_nb(quotient, (a < 0) != (b < 0))


@kernel_jit
def share_half_even_nb(total: int, part: int, whole: int, odd: int) -> tuple[int, bool]:
    """Return ``total * part / whole`` rounded to nearest, a tie by the parity of a larger quotient.

    Parameters
    ----------
    total : int
        What is shared.
    part, whole : int
        Positive.
    odd : int
        1 where an odd integer stands beside the quotient, 0 for an even one: a tie makes their sum
        even (M4).
    """
    divisor = np.uint64(whole)
    high, low = wide_product_nb(magnitude_nb(total), magnitude_nb(part))
    if high >= divisor:
        return 0, False
    quotient, remainder = wide_quotient_nb(high, low, divisor)
    other = divisor - remainder
    if remainder > other or (remainder == other and (quotient & _ONE) != np.uint64(odd)):
        quotient = quotient + _ONE
    return _signed_nb(quotient, total < 0)


@kernel_jit
def muldiv_floor_nb(a: int, b: int, c: int) -> tuple[int, bool]:
    """Return the largest integer not above ``a * b / c``, for positive ``c``."""
    divisor = np.uint64(c)
    negative = (a < 0) != (b < 0)
    high, low = wide_product_nb(magnitude_nb(a), magnitude_nb(b))
    if high >= divisor:
        return 0, False
    quotient, remainder = wide_quotient_nb(high, low, divisor)
    if negative and remainder != _ZERO:
        quotient = quotient + _ONE
    return _signed_nb(quotient, negative)


@kernel_jit
def muldiv_ceil_nb(a: int, b: int, c: int) -> tuple[int, bool]:
    """Return the smallest integer not below ``a * b / c``, for positive ``c`` and ``a``."""
    value, fits = muldiv_floor_nb(-a, b, c)
    return -value, fits


@kernel_jit
def wide_half_even_nb(factors: tuple[int, int, int, int], c: int, k: int) -> tuple[int, bool]:
    """Return the product of four int64 numbers over ``c * k``, rounded once, half to even.

    ``c`` is positive, ``k`` is 1 or even. No product in between needs to fit anything.

    Notes
    -----
    Exact though ``c * k`` may need 128 bits: the remainder of the second division decides, and the
    remainder of the first tells a tie from a value just above it.
    """
    limbs = (magnitude_nb(factors[0]), _ZERO, _ZERO, _ZERO)
    negative = factors[0] < 0
    for factor in factors[1:]:
        limbs = limbs_times_nb(limbs, magnitude_nb(factor))
        negative = negative != (factor < 0)
    limbs, crumbs = _limbs_over_nb(limbs, np.uint64(c))
    rest, half_of = crumbs, np.uint64(c)
    if k != 1:
        limbs, rest = _limbs_over_nb(limbs, np.uint64(k))
        half_of = np.uint64(k)
    if limbs[1] != _ZERO or limbs[2] != _ZERO or limbs[3] != _ZERO or limbs[0] > _UNSIGNED_MAX:
        return 0, False
    quotient, other = limbs[0], half_of - rest
    above_tie = k != 1 and crumbs != _ZERO
    if rest > other or (rest == other and (above_tie or quotient & _ONE == _ONE)):
        quotient = quotient + _ONE
    return _signed_nb(quotient, negative)


@kernel_jit
def wide_ceil_nb(factors: tuple[int, int, int, int], c: int, k: int) -> tuple[int, bool]:
    """Return the product of four int64 numbers over ``c * k``, rounded up; nothing is negative."""
    limbs = (magnitude_nb(factors[0]), _ZERO, _ZERO, _ZERO)
    for factor in factors[1:]:
        limbs = limbs_times_nb(limbs, magnitude_nb(factor))
    limbs, crumbs = _limbs_over_nb(limbs, np.uint64(c))
    limbs, rest = _limbs_over_nb(limbs, np.uint64(k))
    if limbs[1] != _ZERO or limbs[2] != _ZERO or limbs[3] != _ZERO or limbs[0] > _UNSIGNED_MAX:
        return 0, False
    return _signed_nb(limbs[0] if crumbs == _ZERO and rest == _ZERO else limbs[0] + _ONE, False)


@kernel_jit
def commission_sum_nb(
    rated: tuple[int, int, int, int], divisor: int, lots: tuple[int, int, int], fee: int
) -> tuple[int, bool]:
    """Return a commission of three parts, rounded once, half to even, and whether it fits.

    Parameters
    ----------
    rated : tuple of int
        Factors of the part by rate, over ``10^9 * divisor``; the second is the steps, unsigned.
    divisor : int
        See above; positive.
    lots : tuple of int
        Steps, fee of a lot, and steps of a lot.
    fee : int
        Fee of the order.

    Notes
    -----
    Nothing is negative. The last of three divisions is by an even number, so that its remainder
    decides, and the remainders before it tell a tie from a value just above it.
    """
    steps = float(np.uint64(rated[1]))
    by_rate = float(rated[0]) * steps * rated[2] * rated[3] / (_RATE_ONE * float(divisor))
    if by_rate + steps * lots[1] / lots[2] > _LARGE:
        return 0, False
    left = (np.uint64(rated[0]), _ZERO, _ZERO, _ZERO)
    for factor in (rated[1], rated[2], rated[3], lots[2]):
        left = limbs_times_nb(left, np.uint64(factor))
    right = (np.uint64(lots[0]), _ZERO, _ZERO, _ZERO)
    for factor in (lots[1], _RATE_ONE, divisor):
        right = limbs_times_nb(right, np.uint64(factor))
    total, first = _limbs_over_nb(limbs_plus_nb(left, right), np.uint64(lots[2]))
    total, second = _limbs_over_nb(total, np.uint64(divisor))
    total, rest = _limbs_over_nb(total, np.uint64(_RATE_ONE))
    quotient = total[0] + np.uint64(fee)
    other = np.uint64(_RATE_ONE) - rest
    above_tie = first != _ZERO or second != _ZERO
    if rest > other or (rest == other and (above_tie or quotient & _ONE == _ONE)):
        quotient = quotient + _ONE
    return _signed_nb(quotient, False)


@kernel_jit
def limbs_plus_nb(a: Limbs, b: Limbs) -> Limbs:
    """Return the sum of two 256-bit numbers that fits 256 bits."""
    first = a[0] + b[0]
    carry = _ONE if first < a[0] else _ZERO
    second = a[1] + carry
    carry = _ONE if second < carry else _ZERO
    second = second + b[1]
    carry = carry + (_ONE if second < b[1] else _ZERO)
    third = a[2] + carry
    carry = _ONE if third < carry else _ZERO
    third = third + b[2]
    carry = carry + (_ONE if third < b[2] else _ZERO)
    return first, second, third, a[3] + b[3] + carry


@kernel_jit
def _limbs_over_nb(limbs: Limbs, divisor: np.uint64) -> tuple[Limbs, np.uint64]:
    """Return a 256-bit number over a 64-bit one, and the remainder."""
    fourth, rest = wide_quotient_nb(_ZERO, limbs[3], divisor)
    third, rest = wide_quotient_nb(rest, limbs[2], divisor)
    second, rest = wide_quotient_nb(rest, limbs[1], divisor)
    first, rest = wide_quotient_nb(rest, limbs[0], divisor)
    return (first, second, third, fourth), rest


@kernel_jit
def carries_nb(
    price: int, multiplier: int, weight: tuple[np.uint64, np.uint64], budget: tuple[int, int, int]
) -> bool:
    """Return whether ``price * multiplier * weight <= money * rate * divisor``, exactly.

    Parameters
    ----------
    price, multiplier : int
        Not negative.
    weight : tuple of two uint64
        High and low half of a 128-bit number.
    budget : tuple of int
        Money, rate and divisor, none negative.

    Notes
    -----
    Both sides are built of four 64-bit limbs, which always suffice: 128 + 64 + 64 bits.
    """
    left = (weight[1], weight[0], _ZERO, _ZERO)
    left = limbs_times_nb(limbs_times_nb(left, np.uint64(price)), np.uint64(multiplier))
    right = (np.uint64(budget[0]), _ZERO, _ZERO, _ZERO)
    right = limbs_times_nb(limbs_times_nb(right, np.uint64(budget[1])), np.uint64(budget[2]))
    return not_above_nb(left, right)


@kernel_jit
def carries_lots_nb(
    rated: tuple[int, int, np.uint64, np.uint64], lots: tuple[int, int, int], money: int, divisor: int
) -> bool:
    """Return whether ``price * multiplier * weight / (10^9 * divisor)`` + lots' fees <= money, exactly.

    Parameters
    ----------
    rated : tuple
        Price, multiplier, and the weight's high and low half.
    lots : tuple of int
        Steps, fee of a lot, and steps of a lot.
    money, divisor : int
        Not negative; positive.

    Notes
    -----
    To be asked where both sides are nearly equal: four limbs suffice for the right side, of three
    numbers below 2^63 and 10^9.
    """
    left = (rated[3], rated[2], _ZERO, _ZERO)
    for factor in (rated[0], rated[1], lots[2]):
        left = limbs_times_nb(left, np.uint64(factor))
    fees = (np.uint64(lots[0]), _ZERO, _ZERO, _ZERO)
    for factor in (lots[1], _RATE_ONE, divisor):
        fees = limbs_times_nb(fees, np.uint64(factor))
    right = (np.uint64(money), _ZERO, _ZERO, _ZERO)
    for factor in (lots[2], _RATE_ONE, divisor):
        right = limbs_times_nb(right, np.uint64(factor))
    return not_above_nb(limbs_plus_nb(left, fees), right)


@kernel_jit
def not_above_nb(left: Limbs, right: Limbs) -> bool:
    """Return whether one 256-bit number is at most another."""
    if left[3] != right[3]:
        return bool(left[3] < right[3])
    if left[2] != right[2]:
        return bool(left[2] < right[2])
    if left[1] != right[1]:
        return bool(left[1] < right[1])
    return bool(left[0] <= right[0])


@kernel_jit
def limbs_times_nb(limbs: Limbs, factor: np.uint64) -> Limbs:
    """Return a 256-bit number times a 64-bit one, which must fit 256 bits."""
    carry0, first = wide_product_nb(limbs[0], factor)
    carry1, second = wide_product_nb(limbs[1], factor)
    carry2, third = wide_product_nb(limbs[2], factor)
    fourth = limbs[3] * factor
    second = second + carry0
    carry1 = carry1 + (_ONE if second < carry0 else _ZERO)
    third = third + carry1
    carry2 = carry2 + (_ONE if third < carry1 else _ZERO)
    return first, second, third, fourth + carry2


@kernel_jit
def weight_nb(steps: int, rate: int, more_steps: int, more_rate: int) -> tuple[np.uint64, np.uint64]:
    """Return ``steps * rate + more_steps * more_rate`` as high and low 64 bits; none is negative."""
    high, low = wide_product_nb(np.uint64(steps), np.uint64(rate))
    more_high, more_low = wide_product_nb(np.uint64(more_steps), np.uint64(more_rate))
    total = low + more_low
    carry = _ONE if total < low else _ZERO
    return high + more_high + carry, total
