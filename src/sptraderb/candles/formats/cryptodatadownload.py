"""CryptoDataDownload: a line with the address first, then a table, newest first, ``2019-10-17 09-AM``."""

from dataclasses import replace

from sptraderb.candles.formats.file_head import FileHead
from sptraderb.candles.formats.generic_csv import recognised_table, table_from_head
from sptraderb.candles.formats.table_layout import Recognised
from sptraderb.candles.timezones import UTC_ZONE


def recognise_cryptodatadownload(head: FileHead) -> Recognised | None:
    """Return how to read a CryptoDataDownload file, or None if the file is none.

    Notes
    -----
    The vendor documents UTC, in older files in the first line itself.
    """
    if not head.lines or "cryptodatadownload" not in head.lines[0].lower():
        return None
    layout = table_from_head(head)
    if layout is None:
        return None
    base_volume = next((index for index, name in enumerate(head.names) if name.startswith("volume_")), None)
    if base_volume is not None:
        layout = replace(layout, volume=base_volume)
    reason = "CryptoDataDownload documents UTC"
    return recognised_table(head, layout, format_name="cryptodatadownload", zone=UTC_ZONE, zone_reason=reason)
