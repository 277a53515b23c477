"""Figures before they are metrics: plain values by name, and the reason where there is none.

Place: shared by the ``metrics_*`` files of the engine.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sptraderb.domain.bar_facts import BarFacts
from sptraderb.domain.calendar import SESSION_DAYS_A_WEEK
from sptraderb.domain.candle import Candles, Float64Array
from sptraderb.domain.equity_curve import DailyMarks
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.outcome import Outcome

SMALLEST_STD = 1e-12
FEWEST_RETURNS = 10
_DAYS_A_YEAR = 365.25
_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Undefined:
    """A figure that has no value, and why (a code of `REASONS`)."""

    reason: str


Figure = float | int | Undefined
Figures = dict[str, Figure]


def readable(values: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """Return values contiguous and read-only, the one kind of array the passes are compiled for."""
    array = np.ascontiguousarray(values)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def minor_a_tick(
    outcome: Outcome, instrument: Instrument, facts: BarFacts, *, at_close: bool = False
) -> Float64Array:
    """Return how many minor units of money one quantity step gains with one tick.

    Returns
    -------
    ndarray of shape (1,) or (n_bars,), dtype=float64
        One value where money is not converted, else one for each bar, at its open or its close.
    """
    scale = outcome.money_decimals - instrument.price_scale - instrument.quantity_scale
    tick = instrument.point_value * 10.0**scale
    if facts.open_rates is None:
        return readable(np.array([tick]))
    return readable(tick * facts.worth(np.arange(outcome.n_bars_done), at_close=at_close))


def annual_periods(marks: DailyMarks, candles: Candles, stated: float | None) -> tuple[float, str]:
    """Return A and where it comes from: stated, counted (y >= 1), or by the calendar."""
    if stated is not None:
        return stated, "set by the request"
    if marks.years >= 1:
        return len(marks.returns) / marks.years, "n / y"
    days = SESSION_DAYS_A_WEEK[candles.instrument.calendar]
    return _DAYS_A_YEAR * days / 7, f"365.25 x {days} / 7"


def ratio(numerator: float, denominator: float) -> Figure:
    """Return a quotient, undefined where the denominator is zero."""
    if abs(denominator) < SMALLEST_STD:
        return Undefined("zero_denominator")
    return float(numerator / denominator)


def deviation(values: Float64Array) -> float:
    """Return the sample standard deviation (ddof 1)."""
    return float(np.std(values, ddof=1))
