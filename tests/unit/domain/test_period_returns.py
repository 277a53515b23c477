"""Weeks, months and years are made of session days, and say when they are partial."""

from datetime import UTC, datetime

import numpy as np
import pytest

from sptraderb.domain.calendar import CalendarName
from sptraderb.domain.equity_curve import daily_marks
from sptraderb.domain.instrument import crypto_instrument
from sptraderb.domain.period_returns import PeriodReturns, period_returns
from sptraderb.domain.timeframe import H12
from sptraderb.testing.outcomes import flat_candles, outcome_of

_BTC = crypto_instrument("BTC", "USDT")


def _periods(first: str, n_days: int, *, span: str) -> PeriodReturns:
    """Return periods of a run that earns 1.00 on 100.00 each day, two bars a day, from a UTC midnight on."""
    start = int(datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp())
    candles = flat_candles(2 * n_days, timeframe=H12, instrument=_BTC, start_s=start)
    equity = 10_000 + 100 * (np.arange(2 * n_days) // 2 + 1)
    marks = daily_marks(outcome_of(equity.tolist(), deposit_minor=10_000), candles)
    return period_returns(marks, CalendarName.CRYPTO, span=span)


def test_months_when_covered_then_whole_and_chained() -> None:
    """January and February 2024 have 31 and 29 days: 31 %, then 29 on 131."""
    found = _periods("2024-01-01", 60, span="month")
    assert found.labels == ("2024-01", "2024-02")
    assert found.returns == pytest.approx([0.31, 29 / 131])
    assert found.partial == (False, False)


def test_months_when_the_run_begins_or_ends_inside_then_partial() -> None:
    """From 10 January to 9 February both months lack session days."""
    assert _periods("2024-01-10", 31, span="month").partial == (True, True)


def test_years_when_they_change_then_each_has_a_label() -> None:
    """The last day of 2023 and the first of 2024."""
    found = _periods("2023-12-31", 2, span="year")
    assert found.labels == ("2023", "2024")
    assert found.partial == (True, True)


def test_weeks_when_counted_then_run_from_monday() -> None:
    """2024-01-01 was a Monday: two whole weeks, labelled by their first session day."""
    found = _periods("2024-01-01", 14, span="week")
    assert found.labels == ("2024-01-01", "2024-01-08")
    assert found.partial == (False, False)


def test_days_when_taken_then_equal_the_daily_returns() -> None:
    """The shortest span is the sample all ratios are built on."""
    assert _periods("2024-01-01", 3, span="day").returns == pytest.approx([0.01, 1 / 101, 1 / 102])
