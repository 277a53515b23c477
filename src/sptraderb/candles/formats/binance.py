"""Binance klines: CSV of Binance Vision (with a header or without, ms or us) and the REST array of arrays.

Open times count since 1970, so they are UTC. Prices are trade prices; volume is in the base currency.
"""

import re

from sptraderb.candles.formats.file_head import FileHead
from sptraderb.candles.formats.generic_csv import recognised_table
from sptraderb.candles.formats.table_layout import Recognised, TableLayout
from sptraderb.candles.timezones import UTC_ZONE

_KLINE_FIELDS = 12
_FREQTRADE_FIELDS = 6
_REASON = "open times count since 1970"
_EPOCH = re.compile(r"\d{13}(?:\d{3})?$")
_JSON_RECORD = re.compile(r"\[\s*(\d{10,16})\s*,([^\[\]]*)\]")


def recognise_binance(head: FileHead) -> Recognised | None:
    """Return how to read Binance kline CSV, or None if the file is none."""
    rows = head.rows if head.is_text else []
    if not rows or len(rows[0]) != _KLINE_FIELDS or not _EPOCH.match(rows[0][0]) or head.delimiter != ",":
        return None
    if head.names and head.names[0] != "open_time":
        return None
    layout = TableLayout(
        n_fields=_KLINE_FIELDS, time=(0,), prices=(1, 2, 3, 4), volume=5, skip_lines=head.skip_lines
    )
    return recognised_table(head, layout, format_name="binance", zone=UTC_ZONE, zone_reason=_REASON)


def recognise_json_klines(head: FileHead) -> Recognised | None:
    """Return how to read one JSON array of arrays: Binance REST (12 fields) or freqtrade (6 fields)."""
    if not head.is_text or not head.data.lstrip().startswith(b"["):
        return None
    text = head.data.decode("utf-8", errors="replace")
    rows = [
        [found[1], *(part.strip().strip('"') for part in found[2].split(","))]
        for found in _JSON_RECORD.finditer(text)
    ]
    if not rows or len(rows[0]) not in (_KLINE_FIELDS, _FREQTRADE_FIELDS):
        return None
    n_fields = len(rows[0])
    layout = TableLayout(n_fields=n_fields, time=(0,), prices=(1, 2, 3, 4), volume=5, json_rows=True)
    table = FileHead(path=head.path, name=head.name, data=b"\n".join(",".join(row).encode() for row in rows))
    name = "binance-json" if n_fields == _KLINE_FIELDS else "freqtrade"
    return recognised_table(table, layout, format_name=name, zone=UTC_ZONE, zone_reason=_REASON)
