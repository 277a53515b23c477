"""How long an instrument trades between two moments, so that a gap can be told from a closed market.

FX: Sunday 17:00 to Friday 17:00 New York, without the session days of Christmas and New Year. Metals the
same, without the daily hour from 17:00. Crypto: always.
"""

from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from sptraderb.candles.timezones import HOUR_S, local_from_utc
from sptraderb.domain.calendar import DAY_S, NEW_YORK, CalendarName, Int64Array
from sptraderb.domain.instrument import Instrument

_WEEK_S = 7 * DAY_S
_OPEN_WEEK_S = 5 * DAY_S
_SUNDAY_OPEN_S = 3 * DAY_S + 17 * HOUR_S
_HOLIDAYS = ((12, 25), (1, 1))
_FIRST_YEAR, _LAST_YEAR = 1970, 2199


def open_seconds(time_s: Int64Array, instrument: Instrument) -> Int64Array:
    """Return how many seconds the market was open up to each time, from a fixed origin.

    Parameters
    ----------
    time_s : ndarray of shape (n,), dtype=int64
        Unix seconds UTC.
    instrument : Instrument
        Its calendar and kind decide.

    Notes
    -----
    Differences are what counts: ``(open(b) - open(a)) / bar`` bars are expected to open in [a, b). Clocks
    change while FX is closed, so local time measures open hours exactly.
    """
    if instrument.calendar is CalendarName.CRYPTO or len(time_s) == 0:
        return time_s
    local_s = local_from_utc(time_s, NEW_YORK) - _SUNDAY_OPEN_S
    daily_break_s = HOUR_S if instrument.kind == "metal" else 0
    weeks, into_week = np.divmod(local_s, _WEEK_S)
    total = weeks * _OPEN_WEEK_S + np.minimum(into_week, _OPEN_WEEK_S)
    starts, lengths, before = _holidays()
    index = np.searchsorted(starts, total, side="right") - 1
    inside = np.where(index >= 0, np.minimum(total - starts[index], lengths[index]), 0)
    total = total - np.where(index >= 0, before[index] + inside, 0)
    if daily_break_s:
        days, into_day = np.divmod(total, DAY_S)
        total = days * (DAY_S - daily_break_s) + np.maximum(into_day - daily_break_s, 0)
    return total


@lru_cache(maxsize=1)
def _holidays() -> tuple[Int64Array, Int64Array, Int64Array]:
    """Return where holidays begin, how long they last and what was lost before, in open seconds."""
    spans = []
    for year in range(_FIRST_YEAR, _LAST_YEAR + 1):
        for month, day in _HOLIDAYS:
            end = int(datetime(year, month, day, 17, tzinfo=UTC).timestamp()) - _SUNDAY_OPEN_S
            low, high = (_weekly(moment) for moment in (end - DAY_S, end))
            if high > low:
                spans.append((low, high - low))
    spans.sort()
    starts = np.array([low for low, _ in spans], dtype=np.int64)
    lengths = np.array([length for _, length in spans], dtype=np.int64)
    return starts, lengths, np.cumsum(lengths) - lengths


def _weekly(local_s: int) -> int:
    weeks, into_week = divmod(local_s, _WEEK_S)
    return weeks * _OPEN_WEEK_S + min(into_week, _OPEN_WEEK_S)
