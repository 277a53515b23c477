"""Candles: bars of one symbol as read-only integer columns, checked once and then trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import CalendarName, Int64Array, session_close_s, session_days
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.timeframe import Timeframe
from sptraderb.errors import CandlesUnusable

Float64Array = npt.NDArray[np.float64]

PRICE_COLUMNS = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
ASK_COLUMNS = ("ask_open_ticks", "ask_high_ticks", "ask_low_ticks", "ask_close_ticks")


def _read_only(values: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


@dataclass(frozen=True, kw_only=True)
class Candles:
    """Bars of one symbol and timeframe, ascending, on the price grid.

    Build with `from_columns`, which checks; every reader then trusts.

    Parameters
    ----------
    instrument : Instrument
        What the integers mean. ``instrument.side`` says which prices the main columns hold;
        with ``both`` the main columns are bid and the ``ask_*`` columns are set.
    timeframe : Timeframe
        Length of a bar.
    time_s : ndarray of shape (n_bars,), dtype=int64
        Open times, Unix seconds UTC, strictly ascending (T1).
    open_ticks, high_ticks, low_ticks, close_ticks : ndarray of shape (n_bars,), dtype=int64
        Prices in ticks.
    volume : ndarray of shape (n_bars,), dtype=float64
        As the source counts it; never money.
    ask_open_ticks, ... : ndarray of shape (n_bars,), dtype=int64, or None
        The ask side where both are stored.
    revision : int or None
        Data revision the rows were read at; None for adopted tables and in-memory candles.
    """

    instrument: Instrument
    timeframe: Timeframe
    time_s: Int64Array
    open_ticks: Int64Array
    high_ticks: Int64Array
    low_ticks: Int64Array
    close_ticks: Int64Array
    volume: Float64Array
    ask_open_ticks: Int64Array | None = None
    ask_high_ticks: Int64Array | None = None
    ask_low_ticks: Int64Array | None = None
    ask_close_ticks: Int64Array | None = None
    revision: int | None = None

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, npt.ArrayLike],
        *,
        instrument: Instrument,
        timeframe: Timeframe,
        revision: int | None = None,
    ) -> "Candles":
        """Check columns and hold them read-only.

        Parameters
        ----------
        columns : mapping of str to array-like
            ``time_s``, the four price columns, ``volume`` (optional), the ask columns for ``both``.

        Raises
        ------
        CandlesUnusable
            ``candles.ragged``, ``candles.unordered``, ``candles.not_positive``, ``candles.ohlc_broken``,
            ``candles.crossed`` (ask below bid), each with the first offending index.
        """
        time_s = _read_only(columns["time_s"], np.int64)
        names = PRICE_COLUMNS + (ASK_COLUMNS if instrument.side is CandleSide.BOTH else ())
        arrays = {name: _read_only(columns[name], np.int64) for name in names}
        volume = columns.get("volume")
        held = _read_only(np.zeros(len(time_s)) if volume is None else volume, np.float64)
        if any(len(array) != len(time_s) for array in (*arrays.values(), held)):
            raise CandlesUnusable("candles.ragged", "all candle columns must have the same length")
        _require(np.diff(time_s) > 0, "candles.unordered", "candle times must ascend strictly", offset=1)
        for group in (PRICE_COLUMNS, ASK_COLUMNS):
            if group[0] in arrays:
                _require_sound(*(arrays[name] for name in group))
        if ASK_COLUMNS[0] in arrays:
            _require_uncrossed(arrays)
        return cls(
            instrument=instrument,
            timeframe=timeframe,
            revision=revision,
            time_s=time_s,
            volume=held,
            **arrays,
        )

    def __len__(self) -> int:
        return len(self.time_s)

    @cached_property
    def close_times_s(self) -> Int64Array:
        """Times at which bars are known (`available_at`), Unix seconds, shape (n_bars,)."""
        if not self.timeframe.follows_sessions:
            return self.time_s + self.timeframe.seconds
        calendar = self.instrument.calendar
        days = session_days(self.time_s + 1, calendar)
        last = days if self.timeframe.seconds < 7 * 86_400 else (days + 3) // 7 * 7 + _week_end(calendar)
        return np.array([session_close_s(int(day), calendar) for day in last], dtype=np.int64)

    @cached_property
    def session_days(self) -> Int64Array:
        """Session day of each bar (T4): days since 1970 of the day in which the bar closed."""
        return session_days(self.close_times_s, self.instrument.calendar)

    def sliced(self, start: int, stop: int) -> "Candles":
        """Return bars ``start`` to ``stop`` (exclusive) as views of the same memory."""
        arrays = {
            name: value[start:stop]
            for name in ("time_s", *PRICE_COLUMNS, "volume", *ASK_COLUMNS)
            if (value := getattr(self, name)) is not None
        }
        return Candles(instrument=self.instrument, timeframe=self.timeframe, revision=self.revision, **arrays)


def _week_end(calendar: CalendarName) -> int:
    """Return the last session day of week 0 (Friday for FX, else Sunday); week w ends 7 w days later."""
    return 1 if calendar is CalendarName.FX else 3


def _require(holds: npt.NDArray[np.bool_], code: str, sentence: str, *, offset: int = 0) -> None:
    if not holds.all():
        index = int(np.argmin(holds)) + offset
        raise CandlesUnusable(code, f"{sentence}, first broken at index {index}", index=index)


def _require_sound(open_: Int64Array, high: Int64Array, low: Int64Array, close: Int64Array) -> None:
    _require(low > 0, "candles.not_positive", "prices must be positive")
    inside = (low <= np.minimum(open_, close)) & (np.maximum(open_, close) <= high)
    _require(inside, "candles.ohlc_broken", "low <= open, close <= high must hold")


def _require_uncrossed(arrays: Mapping[str, Int64Array]) -> None:
    holds = np.ones(len(arrays[ASK_COLUMNS[0]]), dtype=np.bool_)
    for bid, ask in zip(PRICE_COLUMNS, ASK_COLUMNS, strict=True):
        holds &= arrays[bid] <= arrays[ask]
    _require(holds, "candles.crossed", "bid <= ask must hold for open, high, low and close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch the calendar expects bars in and the series has none.

    Parameters
    ----------
    after_s, before_s : int
        Open times of the bars around the gap.
    missing_bars : int
        Bars the calendar expects between them.
    """

    after_s: int
    before_s: int
    missing_bars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """What is known about the soundness of a series of candles.

    Parameters
    ----------
    n_bars : int
        Bars looked at.
    first_s, last_s : int or None
        Open times of the first and last bar.
    n_missing : int
        Bars the calendar expects and the series lacks.
    gaps : tuple of Gap
        The largest gaps first, at most 100.
    n_spikes, n_flat, n_misaligned : int
        Bars with an outlying range, runs of unmoving bars, bars off the timeframe's grid.
    n_clock_faults : int
        FX weeks that begin at another hour in summer than in winter.
    grade : {'A', 'B', 'C', 'D', 'F'}
        A = complete and clean, F = unusable.
    notes : tuple of str
        Sentences for people.
    """

    n_bars: int
    first_s: int | None = None
    last_s: int | None = None
    n_missing: int = 0
    gaps: tuple[Gap, ...] = field(default=())
    n_spikes: int = 0
    n_flat: int = 0
    n_misaligned: int = 0
    n_clock_faults: int = 0
    grade: str = "A"
    notes: tuple[str, ...] = field(default=())
