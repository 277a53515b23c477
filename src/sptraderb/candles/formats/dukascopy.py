"""Dukascopy: the web export (``17.08.2025 22:00:00.000``) and the CSV of the tool dukascopy-node (Unix ms).

Both are in UTC: the web page exports GMT unless local time is chosen, which its header (``Local time``) and
an offset in each time then say.
"""

import re

from sptraderb.candles.formats.file_head import FileHead
from sptraderb.candles.formats.generic_csv import recognised_table, table_from_head
from sptraderb.candles.formats.table_layout import Recognised
from sptraderb.candles.timezones import UTC_ZONE
from sptraderb.domain.instrument import CandleSide

_WEB_TIME = re.compile(r"\d{2}\.\d{2}\.\d{4} \d{2}:\d{2}:\d{2}\.\d{3}$")
_NODE_TIME = re.compile(r"\d{12,13}$")
_NODE_NAMES = ("timestamp", "open", "high", "low", "close")
_SIDE_IN_NAME = re.compile(r"(?:^|[_\-. ])(bid|ask)(?:[_\-. ]|$)", re.IGNORECASE)


def recognise_dukascopy(head: FileHead) -> Recognised | None:
    """Return how to read a Dukascopy export, or None if the file is none."""
    if not head.names or not head.rows or head.delimiter != ",":
        return None
    first = head.rows[0][0]
    web = bool(_WEB_TIME.match(first)) and head.names[0] in ("gmt_time", "time", "utc_time")
    node = (
        bool(_NODE_TIME.match(first)) and head.names[:5] == _NODE_NAMES and "dukascopy" in head.name.lower()
    )
    if not web and not node:
        return None
    layout = table_from_head(head)
    if layout is None:
        return None
    reason = "Dukascopy exports UTC" if web else "the file counts milliseconds since 1970"
    side = _SIDE_IN_NAME.search(head.name)
    return recognised_table(
        head,
        layout,
        format_name="dukascopy" if web else "dukascopy-node",
        zone=UTC_ZONE,
        zone_reason=reason,
        side=CandleSide(side[1].lower()) if side else None,
    )
