"""What a recogniser says about a file: where the columns are, and what the file itself proves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sptraderb.candles.row_block import RowBlock
from sptraderb.candles.timezones import Zone
from sptraderb.domain.instrument import CandleSide

ReadBlocks = Callable[[Path, int], Iterator[RowBlock]]
"""Reads a file as blocks, given its path and the decimals of a price in the file's own unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A file whose layout is known.

    Parameters
    ----------
    format : str
        Name of the format, such as ``dukascopy``.
    read_blocks : callable
        ``(path, decimals) -> iterator of RowBlock``.
    zone : Zone or None
        The zone the data or the vendor's documentation proves; None = somebody must say.
    zone_reason : str
        How it is proved, for the report.
    symbol, timeframe : str or None
        Where the data states them (not the file's name).
    side : CandleSide or None
        Side of the prices, where the file states it.
    decimals : int
        Most significant decimals of prices in the first rows.
    least_whole_price : int or None
        The least price of the first rows where all are whole numbers (perhaps in points), else None.
    """

    format: str
    read_blocks: ReadBlocks
    zone: Zone | None
    zone_reason: str = ""
    symbol: str | None = None
    timeframe: str | None = None
    side: CandleSide | None = None
    decimals: int = 0
    least_whole_price: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """Columns of a text table.

    Parameters
    ----------
    n_fields : int
        Fields of a sound row.
    time : tuple of int
        Column of the time, or of date and clock.
    prices : tuple of int
        Columns of open, high, low, close; with both sides eight, bid first.
    volume : int or None
        Column of the volume.
    delimiter : str
        One character.
    decimal_mark : str
        ``.`` or ``,``.
    skip_lines : int
        Lines before the first row.
    strip_quotes : bool
        Whether double quotes are to be ignored.
    date_order : {'dmy', 'mdy', None}
        For slashed dates.
    json_rows : bool
        Whether the file is one JSON array of arrays instead of lines.
    """

    n_fields: int
    time: tuple[int, ...]
    prices: tuple[int, ...]
    volume: int | None
    delimiter: str = ","
    decimal_mark: str = "."
    skip_lines: int = 0
    strip_quotes: bool = False
    date_order: str | None = None
    json_rows: bool = False
