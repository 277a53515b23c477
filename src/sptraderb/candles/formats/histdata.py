"""HistData: generic ASCII bars (``20250817 170000;...``) and the MetaTrader layout, named ``DAT_*``.

HistData documents its files as Eastern Standard Time without daylight saving (UTC-5 all year).
"""

import re

from sptraderb.candles.formats.file_head import FileHead
from sptraderb.candles.formats.generic_csv import recognised_table, table_from_head
from sptraderb.candles.formats.table_layout import Recognised
from sptraderb.candles.timezones import EST_ZONE
from sptraderb.domain.instrument import CandleSide

_ASCII_ROW = re.compile(r"\d{8} \d{6};[\d.]+;[\d.]+;[\d.]+;[\d.]+;\d+$")
_MT_ROW = re.compile(r"\d{4}\.\d{2}\.\d{2},\d{2}:\d{2},[\d.]+,[\d.]+,[\d.]+,[\d.]+,\d+$")
_MT_NAME = re.compile(r"^DAT_(?:MT|NT)_", re.IGNORECASE)


def recognise_histdata(head: FileHead) -> Recognised | None:
    """Return how to read a HistData file, or None if the file is none.

    Notes
    -----
    The MetaTrader layout is also that of MetaTrader's own history centre, whose clock is the broker's; only
    the name HistData gives its files (``DAT_MT_``) tells them apart.
    """
    if not head.is_text or not head.lines:
        return None
    row = head.lines[0]
    ascii_bars = bool(_ASCII_ROW.match(row))
    if not ascii_bars and not (_MT_NAME.match(head.name) and _MT_ROW.match(row)):
        return None
    layout = table_from_head(head)
    if layout is None:
        return None
    return recognised_table(
        head,
        layout,
        format_name="histdata" if ascii_bars else "histdata-mt",
        zone=EST_ZONE,
        zone_reason="HistData documents Eastern Standard Time without daylight saving",
        side=CandleSide.BID,
    )
