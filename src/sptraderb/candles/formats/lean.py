"""QuantConnect LEAN quote bars: ``t,bo,bh,bl,bc,bv,ao,ah,al,ac,av`` without a header, bid and ask.

LEAN keeps forex and crypto in UTC. Hour and day files hold ``20180705 16:00``; minute files count
milliseconds from the day in their name and are not read here.
"""

import re

from sptraderb.candles.formats.file_head import FileHead
from sptraderb.candles.formats.generic_csv import recognised_table
from sptraderb.candles.formats.table_layout import Recognised, TableLayout
from sptraderb.candles.timezones import UTC_ZONE

_TIME = re.compile(r"\d{8} \d{2}:\d{2}$")
_FIELDS = 11


def recognise_lean(head: FileHead) -> Recognised | None:
    """Return how to read LEAN quote bars, or None if the file is none.

    Notes
    -----
    The volume is the bid's, since a quote bar has no trades.
    """
    if not head.is_text or not head.rows or head.names or head.delimiter != ",":
        return None
    row = head.rows[0]
    if len(row) != _FIELDS or not _TIME.match(row[0]):
        return None
    layout = TableLayout(n_fields=_FIELDS, time=(0,), prices=(1, 2, 3, 4, 6, 7, 8, 9), volume=5)
    reason = "LEAN keeps forex and crypto in UTC"
    return recognised_table(head, layout, format_name="lean", zone=UTC_ZONE, zone_reason=reason)
