"""Equity against the used margin, compared exactly beyond 64 bits (A3, M3)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sptraderb.engine.kernels.wide_equity import loses_nb

SQUARE = 10**18
SMALL = st.integers(1, 1000)
WIDE = st.integers(1, 2**62)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_comparison_when_numbers_are_wide_then_as_with_unbounded_integers(data: st.DataObject) -> None:
    """The answer is that of Python's integers, for both sides, any sign, with a twin, and at equality."""
    numbers = data.draw(st.sampled_from((SMALL, WIDE)))
    side = data.draw(st.sampled_from((1, -1)))
    price, reference, quantity, worth, divisor = (data.draw(numbers) for _ in range(5))
    factor = data.draw(st.integers(0, 2 * SQUARE))
    beside = data.draw(st.integers(-reference * quantity + 1, 2**62).filter(lambda v: abs(v) < 2**63))
    twin = data.draw(st.just((1, 0, 1, 0)) | st.tuples(numbers, st.integers(0, 2**62), numbers, numbers))
    value = reference * quantity + beside
    gain = side * (value * SQUARE - price * factor * quantity) * worth
    if twin[3]:
        value = twin[0] * twin[3] + twin[1]
        gain -= side * (value * SQUARE - twin[2] * (2 * SQUARE - factor) * twin[3]) * worth
    exact = gain // (divisor * SQUARE)
    near = data.draw(st.sampled_from((exact, exact + 1, exact - 1, 0, -5)))
    balance = max(-(2**63) + 1, min(2**63 - 1, near))
    money = (balance, divisor)
    found = loses_nb(side, (reference, beside), (price, factor), (quantity, worth), money, twin)
    assert found == (gain >= balance * divisor * SQUARE)
