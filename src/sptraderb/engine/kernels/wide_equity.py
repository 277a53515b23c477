"""Equity at a price against a share of the used margin, exactly (rules A3, M3)."""

import numpy as np

from sptraderb.engine.kernels.arithmetic import (
    Limbs,
    limbs_plus_nb,
    limbs_times_nb,
    magnitude_nb,
    not_above_nb,
)
from sptraderb.engine.kernels.codes import kernel_jit

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_SQUARE = np.uint64(10**18)
_TWICE = 2 * 10**18


@kernel_jit
def loses_nb(
    side: int,
    entry: tuple[int, int],
    at: tuple[int, int],
    held: tuple[int, int],
    money: tuple[int, int],
    twin: tuple[int, int, int, int],
) -> bool:
    """Return whether ``side * (entry value * 10^18 - price * factor * quantity) * worth >= money * 10^18``.

    A twin, a position of the other side in the same symbol, gains what its own term says: the same with
    the other sign and the factor ``2 * 10^18 - factor``.

    Parameters
    ----------
    side : {1, -1}
        Of the position.
    entry : tuple of int
        A price, and what the value of the entry is beside that price times the quantity; the value is
        above 0.
    at : tuple of int
        Price and factor, neither negative.
    held : tuple of int
        Quantity, and what a tick of a step is worth, above 0.
    money : tuple of int
        An amount and the divisor of the worth, above 0.
    twin : tuple of int
        Its entry as above, the price it is taken at, and its quantity, 0 for none.

    Notes
    -----
    Exact: the values need 126 bits, their sums one more, 10^18 and the worth 123, which four 64-bit limbs
    hold.
    """
    value = _value_nb(entry, held[0])
    now = limbs_times_nb((np.uint64(at[0]), _ZERO, _ZERO, _ZERO), np.uint64(held[0]))
    now = limbs_times_nb(now, np.uint64(at[1]))
    high, low = (value, now) if side > 0 else (now, value)
    if twin[3] != 0:
        value = _value_nb((twin[0], twin[1]), twin[3])
        now = limbs_times_nb((np.uint64(max(twin[2], 0)), _ZERO, _ZERO, _ZERO), np.uint64(twin[3]))
        now = limbs_times_nb(now, np.uint64(_TWICE - at[1]))
        high = limbs_plus_nb(high, now if side > 0 else value)
        low = limbs_plus_nb(low, value if side > 0 else now)
    gains = not not_above_nb(low, high)
    if gains != (money[0] < 0):
        return not gains
    size = _limbs_minus_nb(low, high) if gains else _limbs_minus_nb(high, low)
    size = limbs_times_nb(size, np.uint64(held[1]))
    cash = limbs_times_nb((magnitude_nb(money[0]), _ZERO, _ZERO, _ZERO), np.uint64(money[1]))
    cash = limbs_times_nb(cash, _SQUARE)
    return not_above_nb(size, cash) if gains else not_above_nb(cash, size)


@kernel_jit
def _value_nb(entry: tuple[int, int], steps: int) -> Limbs:
    """Return a price times the steps plus what is beside it, times 10^18."""
    value = limbs_times_nb((np.uint64(entry[0]), _ZERO, _ZERO, _ZERO), np.uint64(steps))
    beside = (magnitude_nb(entry[1]), _ZERO, _ZERO, _ZERO)
    value = _limbs_minus_nb(value, beside) if entry[1] < 0 else limbs_plus_nb(value, beside)
    return limbs_times_nb(value, _SQUARE)


@kernel_jit
def _limbs_minus_nb(a: Limbs, b: Limbs) -> Limbs:
    """Return ``a - b``, which is not negative; ``b`` has no fourth limb."""
    first = a[0] - b[0]
    borrow = _ONE if a[0] < b[0] else _ZERO
    second = a[1] - b[1] - borrow
    borrow = _ONE if a[1] < b[1] or (a[1] == b[1] and borrow == _ONE) else _ZERO
    third = a[2] - b[2] - borrow
    borrow = _ONE if a[2] < b[2] or (a[2] == b[2] and borrow == _ONE) else _ZERO
    return first, second, third, a[3] - b[3] - borrow
