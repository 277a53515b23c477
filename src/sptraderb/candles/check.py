"""Checks of a series of candles: gaps against the calendar, spikes, flat runs, a grade. Pure."""

import numpy as np

from sptraderb.candles.market_hours import WEEK_S, hours_of
from sptraderb.candles.number_text import BoolArray
from sptraderb.candles.week_starts import WeekStarts
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles, Gap, QualityReport
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.timeframe import Timeframe

MAX_GAPS = 100
FLAT_RUN = 12
SPIKE_RANGES = 30
LONG_GAP_S = 3600
LONG_GAP_BARS = 3
_MIN_BARS_FOR_SPIKES = 100
_GRADES = (("A", 0.0005), ("B", 0.005), ("C", 0.02), ("D", 0.10))


def check_candles(candles: Candles) -> QualityReport:
    """Return what is known about the soundness of candles.

    Parameters
    ----------
    candles : Candles
        Ordered and on the grid already, as the type holds.

    Notes
    -----
    O(n_bars); see `SeriesMeter` for what is counted.
    """
    meter = SeriesMeter(candles.instrument, candles.timeframe)
    prices = np.stack([candles.open_ticks, candles.high_ticks, candles.low_ticks, candles.close_ticks])
    meter.add(candles.time_s, prices)
    return meter.report()


class SeriesMeter:
    """Gathers the figures of a series block by block, in bounded memory.

    Parameters
    ----------
    instrument : Instrument
        Its calendar says when bars are due.
    timeframe : Timeframe
        Length of a bar.

    Notes
    -----
    A gap is a stretch of open market without bars that is longer than an hour and than 3 bars; shorter ones
    are quiet minutes: they count in ``n_missing`` and not in the grade. A spike is a bar whose range is over
    30 times the median range of its block. A flat run is 12 bars or more that do not move at all. Weeks of FX
    that begin at another hour in summer than in winter are a clock fault; no such series is better than C.
    """

    def __init__(self, instrument: Instrument, timeframe: Timeframe) -> None:
        self._instrument, self._timeframe = instrument, timeframe
        self._last_s: int | None = None
        self._last_close = 0
        self._first_s: int | None = None
        self._flat_before = 0
        self._gaps: list[Gap] = []
        self._n_long = 0
        has_weeks = instrument.keeps_fx_week and timeframe.seconds <= LONG_GAP_S
        self._weeks = WeekStarts(timeframe.seconds) if has_weeks else None
        self.n_bars = self.n_missing = self.n_spikes = self.n_flat = self.n_misaligned = self.n_gaps = 0

    def add(self, time_s: Int64Array, prices: Int64Array) -> None:
        """Take the next bars.

        Parameters
        ----------
        time_s : ndarray of shape (n,), dtype=int64
            Open times, ascending and after those taken before.
        prices : ndarray of shape (4 or 8, n), dtype=int64
            Open, high, low, close in ticks.
        """
        if len(time_s) == 0:
            return
        self._add_gaps(time_s)
        high, low, close = prices[1:4]
        ranges = high - low
        self._add_flat(close, ranges)
        moving = ranges[ranges > 0]
        if len(moving) >= _MIN_BARS_FOR_SPIKES:
            self.n_spikes += int(np.count_nonzero(ranges > SPIKE_RANGES * np.median(moving)))
        if not self._timeframe.follows_sessions:
            self.n_misaligned += int(np.count_nonzero(time_s % self._timeframe.seconds))
        self._first_s = int(time_s[0]) if self._first_s is None else self._first_s
        self._last_s, self._last_close = int(time_s[-1]), int(close[-1])
        self.n_bars += len(time_s)

    def _add_gaps(self, time_s: Int64Array) -> None:
        times = time_s if self._last_s is None else np.concatenate([[self._last_s], time_s])
        if self._weeks is not None:
            self._weeks.add(times)
        bar_s = self._timeframe.seconds
        missing = count_missing(times, self._instrument, self._timeframe)
        self.n_missing += int(missing.sum())
        long = np.flatnonzero(missing * bar_s > max(LONG_GAP_S, LONG_GAP_BARS * bar_s))
        self._n_long += int(missing[long].sum())
        self.n_gaps += len(long)
        largest = long[np.argsort(-missing[long], kind="stable")[:MAX_GAPS]]
        self._gaps += [
            Gap(after_s=int(times[row]), before_s=int(times[row + 1]), missing_bars=int(missing[row]))
            for row in largest
        ]
        self._gaps = sorted(self._gaps, key=lambda gap: (-gap.missing_bars, gap.after_s))[:MAX_GAPS]

    def _add_flat(self, close: Int64Array, ranges: Int64Array) -> None:
        before = np.concatenate([[self._last_close], close[:-1]])
        still: BoolArray = (ranges == 0) & (close == before)
        moved = np.flatnonzero(~still)
        edges = np.concatenate([[-1 - self._flat_before], moved, [len(still)]])
        runs = np.diff(edges) - 1
        self.n_flat += int(np.count_nonzero(runs[:-1] >= FLAT_RUN)) if len(moved) else 0
        self._flat_before = int(runs[-1])

    def report(self, *, n_refused: int = 0, notes: tuple[str, ...] = ()) -> QualityReport:
        """Return the figures with a grade.

        Parameters
        ----------
        n_refused : int
            Rows of the source that gave no bar; they lower the grade as missing bars do.
        notes : tuple of str
            Sentences to add.
        """
        n_flat = self.n_flat + (1 if self._flat_before >= FLAT_RUN else 0)
        expected = self.n_bars + self._n_long + n_refused
        faulty = self._n_long + n_refused + self.n_misaligned + 10 * n_flat
        share = faulty / expected if expected else 1.0
        grade = next((name for name, limit in _GRADES if share <= limit), "F")
        if self.n_spikes and grade == "A":
            grade = "B"
        clock = None if self._weeks is None else self._weeks.fault()
        if clock is not None:
            grade, notes = max(grade, "C"), (*notes, clock.sentence)
        return QualityReport(
            n_bars=self.n_bars,
            first_s=self._first_s,
            last_s=self._last_s,
            n_missing=self.n_missing,
            gaps=tuple(self._gaps),
            n_spikes=self.n_spikes,
            n_flat=n_flat,
            n_misaligned=self.n_misaligned,
            n_clock_faults=0 if clock is None else clock.n_weeks,
            grade=grade,
            notes=notes,
        )


def count_missing(time_s: Int64Array, instrument: Instrument, timeframe: Timeframe) -> Int64Array:
    """Return how many bars the calendar expects between each two times that follow each other.

    Parameters
    ----------
    time_s : ndarray of shape (n,), dtype=int64
        Open times, ascending.
    instrument : Instrument
        Its hours.
    timeframe : Timeframe
        Length of a bar.

    Returns
    -------
    ndarray of shape (n - 1,), dtype=int64
        Never negative.

    Notes
    -----
    A stretch that lacks nothing but the hour before or after a weekend or a holiday is no gap: brokers close
    earlier and open later than the market.
    """
    bar_s = timeframe.seconds
    steps = np.diff(time_s)
    if bar_s >= WEEK_S:
        # Every week trades; clocks change by an hour, holidays shorten some.
        return np.asarray(np.maximum((steps + WEEK_S // 2) // WEEK_S - 1, 0), dtype=np.int64)
    missing = np.zeros(len(steps), dtype=np.int64)
    wide = np.flatnonzero(steps > bar_s)
    if len(wide):
        hours = hours_of(instrument)
        ends = np.stack([time_s[wide] + bar_s, time_s[wide + 1]])
        due, needed = (
            np.diff(hours.open_seconds(ends.ravel(), needed=needed).reshape(2, -1), axis=0)[0]
            for needed in (False, True)
        )
        bar_open_s = hours.bar_seconds(timeframe)
        # Session days differ in length by holidays, so they are counted to the nearest.
        half_s = bar_open_s // 2 if timeframe.follows_sessions else 0
        missing[wide] = np.where(needed > 0, np.maximum((due + half_s) // bar_open_s, 0), 0)
    return missing
