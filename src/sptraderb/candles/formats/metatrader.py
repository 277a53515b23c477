"""MetaTrader 4 and 5 exports: ``<DATE> <TIME> <OPEN> ... <TICKVOL> <VOL> <SPREAD>`` or rows without a header.

Times are the broker's server time, which no export states; bars are bid prices.
"""

import re

from sptraderb.candles.formats.file_head import FileHead
from sptraderb.candles.formats.generic_csv import recognised_table, table_from_head
from sptraderb.candles.formats.table_layout import Recognised
from sptraderb.domain.instrument import CandleSide

_MT5_NAMES = {"date", "open", "high", "low", "close", "tickvol"}
_DATE = re.compile(r"\d{4}\.\d{2}\.\d{2}$")
_CLOCK = re.compile(r"\d{2}:\d{2}(?::\d{2})?$")


def recognise_metatrader(head: FileHead) -> Recognised | None:
    """Return how to read a MetaTrader export, or None if the file is none."""
    if not head.is_text or not head.rows:
        return None
    row = head.rows[0]
    mt5 = set(head.names) >= _MT5_NAMES
    mt4 = len(row) >= 6 and bool(_DATE.match(row[0])) and bool(_CLOCK.match(row[1]))
    if not mt5 and not mt4:
        return None
    layout = table_from_head(head)
    if layout is None:
        return None
    return recognised_table(head, layout, format_name="mt5" if mt5 else "mt4", side=CandleSide.BID)
