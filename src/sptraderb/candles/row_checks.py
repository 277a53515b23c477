"""The checks of one block of rows, and the count of what was found, with line numbers. Pure."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from sptraderb.candles.import_report import MAX_LINES, LineCount
from sptraderb.candles.number_text import BoolArray
from sptraderb.candles.row_block import RowBlock
from sptraderb.candles.row_faults import RowFault, mark
from sptraderb.candles.timezones import LocalHours, Zone, fx_closed, utc_from_local
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.timeframe import Timeframe

FLAT_WEEKEND, NOISE = "flat_weekend", "noise"
_KIND_SENTENCES = {
    FLAT_WEEKEND: "bars that repeat the last price while the market is closed, dropped",
    NOISE: "prices written as binary doubles, read to 15 digits",
    "duplicate": "rows repeated with equal values, the first is kept",
    "corrected": "rows that replaced stored candles of other values",
}


class LineTally:
    """Counts of rows by kind, with the first line numbers of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lines: dict[str, list[int]] = {}

    def add(self, kind: str, lines: Int64Array) -> None:
        """Count rows of a kind."""
        self.add_counted(kind, len(lines), lines[:MAX_LINES].tolist())

    def add_counted(self, kind: str, count: int, lines: list[int]) -> None:
        """Count rows of which only the first line numbers are known."""
        if count == 0:
            return
        self.counts[kind] += count
        known = self._lines.setdefault(kind, [])
        known += lines[: MAX_LINES - len(known)]

    def rows(self) -> tuple[LineCount, ...]:
        """Return the counts, largest first."""
        return tuple(
            LineCount(
                code=kind, count=count, lines=tuple(sorted(self._lines[kind])), sentence=_sentence(kind)
            )
            for kind, count in self.counts.most_common()
        )

    @property
    def n_refused(self) -> int:
        """Rows refused for any reason."""
        return sum(self.counts[fault.word] for fault in RowFault)


def _sentence(kind: str) -> str:
    return _KIND_SENTENCES.get(kind) or RowFault[kind.upper()].sentence


@dataclass(kw_only=True)
class RowChecker:
    """Checks blocks of one file in turn.

    Parameters
    ----------
    instrument : Instrument
        Its calendar.
    timeframe : Timeframe
        Grid of the open times.
    zone : Zone
        Clock of the file.
    """

    instrument: Instrument
    timeframe: Timeframe
    zone: Zone
    tally: LineTally = field(default_factory=LineTally)
    hours: LocalHours = field(default_factory=LocalHours)
    n_read: int = 0
    n_skipped: int = 0
    n_kept: int = 0
    is_ascending: bool = True
    first_s: int | None = None
    last_s: int | None = None
    _last_close: int = 0

    def check(self, block: RowBlock) -> RowBlock:
        """Return the sound rows of a block with times in UTC; count the others.

        Parameters
        ----------
        block : RowBlock
            As a format gives it.
        """
        self.n_read += len(block)
        self.n_skipped += block.n_skipped
        faults = block.faults.copy()
        time_s, exists = utc_from_local(block.time_s, self.zone)
        mark(faults, ~exists, RowFault.NO_SUCH_TIME)
        if len(block.prices) == 8:
            mark(faults, _bid_over_ask(block.prices), RowFault.BID_OVER_ASK)
        flat = (faults == 0) & self._flat_weekend(time_s, block)
        self.hours.add(block.time_s[(faults == 0) & ~flat])
        mark(faults, time_s % self.timeframe.seconds != 0, RowFault.MISALIGNED)
        flat &= faults == 0
        for fault in np.unique(faults[faults != 0]):
            self.tally.add(RowFault(int(fault)).word, block.line[faults == fault])
        self.tally.add(FLAT_WEEKEND, block.line[flat])
        kept = block.with_time(time_s).taken((faults == 0) & ~flat)
        self.tally.add(NOISE, kept.line[kept.noisy])
        self._note_order(kept.time_s)
        return kept

    def _flat_weekend(self, time_s: Int64Array, block: RowBlock) -> BoolArray:
        if not self.instrument.keeps_fx_week or len(block) == 0:
            return np.zeros(len(block), dtype=np.bool_)
        still: BoolArray = np.asarray(block.prices[1] == block.prices[2])
        if len(block.prices) == 8:
            still &= block.prices[5] == block.prices[6]
        still &= ~self._is_traded(block)
        still[still] = fx_closed(time_s[still])
        return still

    def _is_traded(self, block: RowBlock) -> BoolArray:
        """Return rows with a volume at a price of their own: a last tick at the close, no filler.

        Fillers repeat the close before them, which is the row after in a file that begins with its newest.
        """
        close = block.prices[3]
        if block.time_s[0] > block.time_s[-1]:
            earlier = np.append(close[1:], close[-1])
        else:
            earlier = np.append(self._last_close, close[:-1])
        self._last_close = int(close[-1])
        return np.asarray((block.volume > 0) & (close != earlier))

    def _note_order(self, time_s: Int64Array) -> None:
        if len(time_s) == 0:
            return
        steps = np.diff(time_s, prepend=time_s[0] - 1 if self.last_s is None else self.last_s)
        self.is_ascending &= bool((steps > 0).all())
        self.first_s = int(time_s[0]) if self.first_s is None else self.first_s
        self.last_s = int(time_s[-1])
        self.n_kept += len(time_s)


def _bid_over_ask(prices: Int64Array) -> BoolArray:
    return np.asarray((prices[:4] > prices[4:]).any(axis=0), dtype=np.bool_)
