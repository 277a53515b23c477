"""What an import did with every row of a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sptraderb.domain.candle import QualityReport

MAX_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCount:
    """Rows of one kind.

    Parameters
    ----------
    code : str
        Kind, such as ``off_grid`` or ``duplicate``.
    count : int
        How many rows.
    lines : tuple of int
        Their line or record numbers in the file, the first 20.
    sentence : str
        What must hold, for people.
    """

    code: str
    count: int
    lines: tuple[int, ...] = ()
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of a file.

    Parameters
    ----------
    file, format : str
        Its name, and the layout recognised.
    symbol, timeframe, side : str
        The series it went to.
    timezone, timezone_reason : str
        The clock of its times and how that is known.
    revision : int or None
        Revision made, or None when nothing changed.
    unchanged : bool
        Whether the store holds what it held before.
    instrument_inferred : bool
        Whether the instrument was unknown and guessed.
    n_read, n_kept, n_duplicate, n_corrected, n_refused, n_flat_weekend, n_noise, n_skipped : int
        Rows read; stored or equal to what is stored; repeated with equal values; that replaced stored
        candles of other values; refused; flat bars of the weekend, dropped; with a price read by the noise
        rule; blank lines, comments and repeated ticks. Read = kept + duplicate + refused + flat weekend.
    n_new, n_equal : int
        Of the kept rows, those the store did not have, and those it had with equal values.
    rows : tuple of LineCount
        Line numbers of every kind of row that is not simply kept.
    first_s, last_s : int or None
        Open times of the first and last kept row.
    derived : mapping of str to int
        Coarser candles written, by timeframe.
    quality : QualityReport
        Of the file's kept rows.
    notes : tuple of str
        Sentences for people.
    """

    file: str
    format: str
    symbol: str
    timeframe: str
    side: str
    timezone: str
    timezone_reason: str
    revision: int | None
    unchanged: bool
    instrument_inferred: bool
    n_read: int
    n_kept: int
    n_duplicate: int
    n_corrected: int
    n_refused: int
    n_flat_weekend: int
    n_noise: int
    n_skipped: int
    n_new: int
    n_equal: int
    rows: tuple[LineCount, ...] = ()
    first_s: int | None = None
    last_s: int | None = None
    derived: Mapping[str, int] = field(default_factory=dict)
    quality: QualityReport
    notes: tuple[str, ...] = ()


def time_text(time_s: int) -> str:
    """Return a Unix second as ``2025-08-17T22:00:00Z``."""
    return datetime.fromtimestamp(time_s, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def report_lines(report: ImportReport) -> list[str]:
    """Return the report as lines of text."""
    lines = [
        f"{report.file}: {report.symbol} {report.timeframe} {report.side}, {report.format}, "
        f"times {report.timezone} ({report.timezone_reason})",
        f"  {report.n_read:,} read: {report.n_kept:,} kept ({report.n_new:,} new, "
        f"{report.n_equal:,} as stored, "
        f"{report.n_corrected:,} corrected), {report.n_duplicate:,} duplicate, "
        f"{report.n_refused:,} refused, "
        f"{report.n_flat_weekend:,} flat weekend bars dropped",
    ]
    if report.n_skipped:
        lines.append(f"  {report.n_skipped:,} passed over: blank lines, comments, repeated ticks")
    for row in report.rows:
        shown = ", ".join(str(line) for line in row.lines)
        more = ", ..." if row.count > len(row.lines) else ""
        meaning = f" ({row.sentence})" if row.sentence else ""
        lines.append(f"  {row.count:,} {row.code}{meaning}: lines {shown}{more}")
    if report.first_s is not None and report.last_s is not None:
        lines.append(f"  {time_text(report.first_s)} .. {time_text(report.last_s)}")
    quality = report.quality
    lines.append(
        f"  grade {quality.grade}: {quality.n_missing:,} bars missing, {len(quality.gaps)} gaps listed, "
        f"{quality.n_spikes:,} spikes, {quality.n_flat:,} flat runs"
    )
    lines += [
        f"  gap {time_text(gap.after_s)} .. {time_text(gap.before_s)}: {gap.missing_bars:,} bars"
        for gap in quality.gaps[:3]
    ]
    if report.derived:
        made = ", ".join(f"{count:,} of {name}" for name, count in report.derived.items())
        lines.append(f"  derived: {made}")
    lines += [f"  note: {note}" for note in (*report.notes, *quality.notes)]
    lines.append("  unchanged" if report.unchanged else f"  revision {report.revision}")
    return lines
