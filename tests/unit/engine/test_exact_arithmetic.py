"""Exact products and quotients against Python's integers (M3, M4)."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sptraderb.domain.fixed import div_half_even
from sptraderb.engine.kernels.arithmetic import (
    INT64_MAX,
    carries_nb,
    muldiv_ceil_nb,
    muldiv_floor_nb,
    muldiv_half_even_nb,
    product_nb,
    sum_nb,
    weight_nb,
    wide_half_even_nb,
)
from sptraderb.engine.kernels.converted_stretches import _quotient_nb

INT64 = st.integers(-(2**63), INT64_MAX) | st.integers(-1000, 1000)
POSITIVE = st.integers(1, INT64_MAX) | st.integers(1, 1000)
NOT_NEGATIVE = st.integers(0, INT64_MAX) | st.integers(0, 1000)
EXACT = settings(max_examples=300, deadline=None)


def expected(value: int) -> tuple[int, bool]:
    """Return what a checked operation gives for an exact value."""
    return (value, True) if abs(value) <= INT64_MAX else (0, False)


@EXACT
@given(INT64, INT64)
def test_product_and_sum_when_any_integers_then_exact_or_refused(a: int, b: int) -> None:
    """A product or sum is exact, or said not to fit (M3)."""
    assert product_nb(a, b) == expected(a * b)
    assert sum_nb(a, b) == expected(a + b)


@EXACT
@given(INT64, INT64, POSITIVE)
@example(-(2**63), 1, 1)
@example(3, 1, 2)
@example(5, 1, 2)
@example(INT64_MAX, INT64_MAX, INT64_MAX)
@example(2**62, 2**62, 2**62 + 1)
def test_muldiv_when_any_integers_then_rounds_as_it_says(a: int, b: int, c: int) -> None:
    """Half-even, floor and ceiling of a * b / c equal Python's, ties by the whole quotient (M4)."""
    assert muldiv_half_even_nb(a, b, c) == expected(div_half_even(a * b, c))
    assert muldiv_floor_nb(a, b, c) == expected(a * b // c)
    if a > -(2**63):
        assert muldiv_ceil_nb(a, b, c) == expected(-(-a * b // c))


@EXACT
@given(INT64, st.integers(1, 10**6))
def test_muldiv_half_even_when_the_value_is_a_tie_then_the_even_neighbour_is_taken(
    quotient: int, half: int
) -> None:
    """A value exactly between two integers goes to the even one (M4)."""
    whole = quotient // (4 * half)
    numerator = (2 * whole + 1) * half
    value, fits = muldiv_half_even_nb(numerator, 1, 2 * half)
    assert fits
    assert value % 2 == 0
    assert abs(2 * half * value - numerator) == half


@EXACT
@given(INT64, INT64, POSITIVE, st.integers(0, 10**9), POSITIVE, st.sampled_from((1, 10, 10**9, 10**18)))
@example(5, 1, 1, 1, 1, 10)
@example(5, 3, 1, 1, 3, 10)
@example(51, 1, 1, 1, 10, 10)
def test_wide_quotient_when_four_factors_then_rounded_once(
    a: int, b: int, m: int, rate: int, c: int, k: int
) -> None:
    """A product of four numbers over two is rounded once, whatever its size in between (M3, M4)."""
    assert wide_half_even_nb((a, b, m, rate), c, k) == expected(div_half_even(a * b * m * rate, c * k))


@EXACT
@given(
    POSITIVE, POSITIVE, NOT_NEGATIVE, st.integers(0, 10**9), NOT_NEGATIVE, st.integers(0, 10**9), st.data()
)
def test_budget_when_compared_then_exactly(
    price: int, multiplier: int, steps: int, rate: int, more: int, more_rate: int, data: st.DataObject
) -> None:
    """Whether a budget carries an order is decided by the exact rational, at the edge too (A3)."""
    weight = steps * rate + more * more_rate
    need = price * multiplier * weight
    money = data.draw(st.sampled_from((min(need // 10**9, INT64_MAX), 0, INT64_MAX, 12345)))
    halves = weight_nb(steps, rate, more, more_rate)
    assert (int(halves[0]) << 64) + int(halves[1]) == weight
    got = carries_nb(price, multiplier, (np.uint64(halves[0]), np.uint64(halves[1])), (money, 10**9, 1))
    assert got == (need <= money * 10**9)


@EXACT
@given(st.integers(-(2**61), 2**61), POSITIVE, POSITIVE)
@example(5, 1, 2)
@example(-5, 1, 2)
@example(-7, 3, 2)
@example(2**61, 2**62 + 1, 2**62)
@example(-(2**61) + 1, 2**55 + 1, 2**56)
def test_quotient_of_stretches_when_it_says_it_is_right_then_half_even(a: int, b: int, divisor: int) -> None:
    """A mark guessed in doubles is the exact one rounded half to even, or left to the careful walk (M4)."""
    value, is_safe = _quotient_nb(a, b, divisor)
    assert not is_safe or value == div_half_even(a * b, divisor)


@EXACT
@given(st.integers(-(10**15), 10**15), st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 1))
def test_quotient_of_stretches_when_money_is_of_common_size_then_right(
    a: int, b: int, half: int, odd: int
) -> None:
    """Marks up to 10^15 money units need no careful walk, ties and their neighbours included (M4)."""
    divisor = 2 * half
    a //= b // divisor + 1
    for area in (a, (2 * (a // divisor) + odd) * half):
        value, is_safe = _quotient_nb(area, b, divisor)
        assert is_safe
        assert value == div_half_even(area * b, divisor)
