"""Text becomes integers exactly or not at all; divisions round half to even (M2, M4)."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptraderb.domain.fixed import (
    INT64_MAX,
    div_half_even,
    rate_from_text,
    text_from_ticks,
    ticks_from_text,
)
from sptraderb.errors import InvalidInput, MoneyOverflow


@given(value=st.integers(-INT64_MAX, INT64_MAX), scale=st.integers(0, 10))
def test_ticks_when_written_and_read_then_are_the_same(value: int, scale: int) -> None:
    """Writing ticks as text and reading the text gives the ticks back (M2)."""
    assert ticks_from_text(text_from_ticks(value, scale), scale) == value


@pytest.mark.parametrize(("text", "scale"), [("1.00001", 4), ("0.1", 0), ("1e-11", 10)])
def test_ticks_when_digits_would_be_lost_then_refused(text: str, scale: int) -> None:
    """A number finer than the scale is refused, never rounded (M2)."""
    with pytest.raises(InvalidInput) as caught:
        ticks_from_text(text, scale)
    assert caught.value.code == "price.not_on_scale"


@pytest.mark.parametrize(
    "text", ["", "abc", "nan", "inf", "1,5", "1e999", "9" * 80, "1_000", "１０", "--1", "0x10", "."]
)
def test_ticks_when_text_is_no_number_then_refused(text: str) -> None:
    """Whatever is no finite decimal number of sensible length is refused."""
    with pytest.raises(InvalidInput) as caught:
        ticks_from_text(text, 2)
    assert caught.value.code == "number.malformed"


def test_ticks_when_too_large_for_64_bits_then_overflow() -> None:
    """The largest 64-bit integer passes, one more overflows (M3)."""
    assert ticks_from_text(str(INT64_MAX), 0) == INT64_MAX
    with pytest.raises(MoneyOverflow):
        ticks_from_text(str(INT64_MAX + 1), 0)


@pytest.mark.parametrize(
    ("text", "rate"), [("2%", 20_000_000), ("0.02", 20_000_000), ("0.002%", 20_000), ("100 %", 10**9)]
)
def test_rate_when_fraction_or_percent_then_parts_per_billion(text: str, rate: int) -> None:
    """A rate is read exactly as parts per 10^9, from a fraction or a percentage (M2)."""
    assert rate_from_text(text) == rate


@given(numerator=st.integers(-(10**40), 10**40), denominator=st.integers(1, 10**20))
def test_division_when_tied_then_goes_to_even(numerator: int, denominator: int) -> None:
    """Half-even division equals Decimal's ROUND_HALF_EVEN for integers of any size (M4)."""
    with localcontext(prec=80):
        expected = int((Decimal(numerator) / denominator).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    assert div_half_even(numerator, denominator) == expected
