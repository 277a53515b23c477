"""Decimal text in bulk: exact integers, the noise rule, and nothing else."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptraderb.candles.number_text import (
    ByteArray,
    doubles_from_numbers,
    read_numbers,
    ticks_from_doubles,
    ticks_from_numbers,
)
from sptraderb.domain.calendar import Int64Array


def _fields(texts: list[str]) -> tuple[ByteArray, Int64Array, Int64Array]:
    data = [text.encode() for text in texts]
    ends = np.cumsum([len(text) + 1 for text in data]).astype(np.int64) - 1
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)
    return np.frombuffer(b"".join(text + b"," for text in data), dtype=np.uint8), starts, ends


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=50), st.integers(0, 10))
def test_prices_when_written_with_the_scale_then_ticks_are_exact(ticks: list[int], scale: int) -> None:
    """Every integer written as a decimal at the scale is read back as that integer (M2)."""
    texts = [f"{Decimal(value).scaleb(-scale):f}" for value in ticks]
    grid = ticks_from_numbers(read_numbers(*_fields(texts)), scale)
    assert grid.on_grid.all()
    assert not grid.noisy.any()
    assert grid.ticks.tolist() == ticks


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**7, places=7),
    st.integers(0, 7),
)
def test_price_when_it_has_more_decimals_than_the_scale_then_it_is_off_the_grid(
    value: Decimal, scale: int
) -> None:
    """A price is on the grid if and only if no digit is lost; nothing is rounded."""
    grid = ticks_from_numbers(read_numbers(*_fields([f"{value:f}"])), scale)
    fits = value.scaleb(scale) == value.scaleb(scale).to_integral_value()
    assert bool(grid.on_grid[0]) == fits


@pytest.mark.parametrize(
    ("text", "ticks"),
    [
        ("129587.00000000001", 129587),
        ("129898.99999999999", 129899),
        ("130053.0", 130053),
        ("129587", 129587),
    ],
)
def test_price_when_it_is_a_printed_double_then_it_is_read_to_fifteen_digits(text: str, ticks: int) -> None:
    """A number of 16 significant digits or more is a binary double written out; the noise rule reads it."""
    grid = ticks_from_numbers(read_numbers(*_fields([text])), 0)
    assert grid.on_grid[0]
    assert grid.ticks[0] == ticks


def test_price_when_nine_decimals_are_real_then_no_noise_rule_helps() -> None:
    """Interpolated prices of ten digits are off the grid, not noise."""
    grid = ticks_from_numbers(read_numbers(*_fields(["1.172166667"])), 5)
    assert not grid.on_grid[0]


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "--1", "1e", "nan", "inf", "1" * 30, "1,5"])
def test_field_when_it_is_no_number_then_it_is_not_ok(text: str) -> None:
    """What is no plain decimal of sensible length is reported, never read as something."""
    buffer = np.frombuffer(text.encode() + b";", dtype=np.uint8)
    numbers = read_numbers(buffer, np.array([0]), np.array([len(text)]))
    assert not numbers.ok[0]


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 0.001), (" 5 ", 5.0), ("+7", 7.0), ("-0.5", -0.5), ("2E2", 200.0)]
)
def test_field_when_it_has_an_exponent_sign_or_blank_then_it_is_read_slowly(text: str, value: float) -> None:
    """Rare spellings are read one by one, with the same exactness."""
    assert doubles_from_numbers(read_numbers(*_fields([text])))[0] == value


def test_number_when_the_mark_is_a_comma_then_it_is_read() -> None:
    """A decimal comma is as good as a point."""
    buffer = np.frombuffer(b"1,17134;", dtype=np.uint8)
    numbers = read_numbers(buffer, np.array([0]), np.array([7]), decimal_mark=ord(","))
    assert ticks_from_numbers(numbers, 5).ticks[0] == 117134


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=50), st.integers(0, 8))
def test_doubles_when_nearest_to_a_decimal_then_ticks_are_exact(ticks: list[int], scale: int) -> None:
    """The double nearest to a price on the grid gives that price."""
    values = np.array([float(Decimal(value).scaleb(-scale)) for value in ticks])
    grid = ticks_from_doubles(values, scale)
    assert grid.on_grid.all()
    assert not grid.noisy.any()
    assert grid.ticks.tolist() == ticks


@given(st.integers(100_000, 10**9))
def test_doubles_when_one_unit_in_the_last_place_off_then_they_are_noise(ticks: int) -> None:
    """A neighbour of the right double is read by the noise rule and counted."""
    value = np.nextafter(ticks / 10**5, np.inf)
    grid = ticks_from_doubles(np.array([value]), 5)
    assert grid.on_grid[0]
    assert grid.noisy[0]
    assert grid.ticks[0] == ticks


@pytest.mark.parametrize("value", [1.123456, float("nan"), float("inf"), 1e300, 1.0000049])
def test_doubles_when_off_the_grid_then_they_are_refused(value: float) -> None:
    """A double between two ticks, or no number, is on no grid."""
    assert not ticks_from_doubles(np.array([value]), 5).on_grid[0]
