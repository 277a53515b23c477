"""Recognition: each format is asked in turn, the most particular first."""

from collections.abc import Callable, Mapping
from functools import partial

from sptraderb.candles.formats.arrow_table import recognise_arrow
from sptraderb.candles.formats.binance import recognise_binance, recognise_json_klines
from sptraderb.candles.formats.cryptodatadownload import recognise_cryptodatadownload
from sptraderb.candles.formats.dukascopy import recognise_dukascopy
from sptraderb.candles.formats.file_head import FileHead
from sptraderb.candles.formats.generic_csv import recognise_generic
from sptraderb.candles.formats.histdata import recognise_histdata
from sptraderb.candles.formats.lean import recognise_lean
from sptraderb.candles.formats.metatrader import recognise_metatrader
from sptraderb.candles.formats.table_layout import Recognised
from sptraderb.candles.formats.tick_json import recognise_ticks
from sptraderb.errors import InvalidInput

FORMATS: Mapping[str, Callable[[FileHead], Recognised | None]] = {
    "parquet": recognise_arrow,
    "ticks": recognise_ticks,
    "json": recognise_json_klines,
    "cryptodatadownload": recognise_cryptodatadownload,
    "histdata": recognise_histdata,
    "dukascopy": recognise_dukascopy,
    "binance": recognise_binance,
    "lean": recognise_lean,
    "metatrader": recognise_metatrader,
    "csv": recognise_generic,
}
"""Recognisers by the word that forces them, in the order they are asked."""


def recognise(head: FileHead, *, forced: str | None = None, date_order: str | None = None) -> Recognised:
    """Return how to read a file.

    Parameters
    ----------
    head : FileHead
        Its name and first bytes.
    forced : str or None
        A key of `FORMATS`.
    date_order : {'dmy', 'mdy', None}
        For slashed dates in generic tables.

    Raises
    ------
    InvalidInput
        ``import.format_unknown`` if nothing fits, ``import.bad_option`` for an unknown word,
        ``import.date_ambiguous``.
    """
    if forced is not None and forced not in FORMATS:
        raise InvalidInput(
            "import.bad_option",
            f"format must be one of {', '.join(FORMATS)}, was `{forced[:40]}`",
            option="format",
        )
    asked: dict[str, Callable[[FileHead], Recognised | None]] = dict(FORMATS)
    asked["csv"] = partial(recognise_generic, date_order=date_order)
    for name in FORMATS if forced is None else (forced,):
        found = asked[name](head)
        if found is not None:
            return found
    what = f"of the format {forced}" if forced else f"one of {', '.join(FORMATS)}"
    raise InvalidInput(
        "import.format_unknown",
        f"a file must be {what}, {head.name} is not: it begins with `{_shown(head)}`",
        hint="no row follows its first line"
        if head.is_text and len(head.lines) == 1
        else "a table needs a time column and open, high, low, close",
    )


def _shown(head: FileHead) -> str:
    line = head.lines[0] if head.is_text and head.lines else "bytes"
    return line[:60]
