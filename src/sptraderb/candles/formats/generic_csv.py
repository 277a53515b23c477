"""Generic CSV: any delimiter, a header with usual names, or none and columns told by their values.

`table_from_head` also serves the vendors' recognisers, which only add what the vendor documents.
"""

from decimal import Context, InvalidOperation
from functools import partial

from sptraderb.candles.formats.file_head import FileHead
from sptraderb.candles.formats.table_layout import Recognised, TableLayout
from sptraderb.candles.formats.text_rows import read_text_blocks
from sptraderb.candles.number_text import NOISE_DIGITS
from sptraderb.candles.time_text import find_template, is_order_ambiguous, proven_order
from sptraderb.candles.timezones import UTC_ZONE, Zone
from sptraderb.domain.instrument import CandleSide
from sptraderb.errors import InvalidInput

_TIME_NAMES = (
    *("unix", "timestamp", "timestamp_ms", "time_s", "open_time", "time", "datetime", "date_time"),
    *("gmt_time", "utc_time", "local_time", "etc/utc", "date", "day", "ts", "t"),
)
_CLOCK_NAMES = ("time", "clock", "hour")
_PRICE_NAMES = (("open", "o"), ("high", "h"), ("low", "l"), ("close", "c", "last"))
_VOLUME_NAMES = (
    *("tick_volume", "tickvol", "tick_vol", "tickvolume", "volume", "vol", "ticks"),
    *("volume_base", "base_volume", "real_volume", "v"),
)
_NOISELESS = Context(prec=NOISE_DIGITS)
_SYMBOL_NAMES = ("symbol", "ticker", "pair", "instrument")


def recognise_generic(head: FileHead, *, date_order: str | None = None) -> Recognised | None:
    """Return how to read a plain table of candles, or None if it is none.

    Raises
    ------
    InvalidInput
        ``import.date_ambiguous`` where day and month cannot be told apart.
    """
    layout = table_from_head(head, date_order=date_order)
    return None if layout is None else recognised_table(head, layout, format_name="csv")


def recognised_table(
    head: FileHead,
    layout: TableLayout,
    *,
    format_name: str,
    zone: Zone | None = None,
    zone_reason: str = "",
    side: CandleSide | None = None,
) -> Recognised:
    """Return a table's recognition with what its first rows show.

    Parameters
    ----------
    head, layout
        The file and its columns.
    format_name : str
        Name for the report.
    zone, zone_reason
        What the vendor's documentation says, where it does.
    side : CandleSide or None
        Side of the prices, where known.
    """
    if zone is None and _states_zone(head, layout):
        zone, zone_reason = UTC_ZONE, "every time says its zone"
    prices = [row[column].replace(layout.decimal_mark, ".") for row in head.rows for column in layout.prices]
    both = CandleSide.BOTH if len(layout.prices) == 8 else None
    return Recognised(
        format=format_name,
        read_blocks=partial(read_text_blocks, layout=layout),
        zone=zone,
        zone_reason=zone_reason,
        symbol=_stated_symbol(head),
        side=side or both,
        decimals=max((_significant_decimals(price) for price in prices), default=0),
        least_whole_price=_least_whole(prices),
    )


def table_from_head(head: FileHead, *, date_order: str | None = None) -> TableLayout | None:
    """Return the columns of a text table, by its header's names or by its values."""
    if not head.is_text or not head.rows or head.data.lstrip()[:1] in (b"[", b"{"):
        return None
    n_fields = len(head.rows[0])
    columns = columns_by_name(head.names) if len(head.names) == n_fields else None
    columns = columns or _columns_by_value(head.rows)
    if columns is None:
        return None
    time, prices, volume = columns
    samples = [row[time[0]] for row in head.rows]
    order = date_order or proven_order(samples)
    if order is None and is_order_ambiguous(samples):
        raise InvalidInput(
            "import.date_ambiguous",
            f"the order of day and month must be known, the file has {samples[0]} and no number above 12",
            hint="say --date-order dmy or mdy",
        )
    if any(find_template(row[column]) is None for row in head.rows[:3] for column in time):
        return None
    comma = head.delimiter != "," and any("," in head.rows[0][column] for column in prices)
    return TableLayout(
        n_fields=n_fields, time=time, prices=prices, volume=volume, delimiter=head.delimiter,
        decimal_mark="," if comma else ".", skip_lines=head.skip_lines, strip_quotes=head.has_quotes,
        date_order=order,
    )  # fmt: skip


_Columns = tuple[tuple[int, ...], tuple[int, ...], int | None]


def columns_by_name(names: tuple[str, ...]) -> _Columns | None:
    """Return the columns of time, prices and volume by their names, or None."""
    time = next((names.index(name) for name in _TIME_NAMES if name in names), None)
    sides = [_price_columns(names, prefix) for prefix in ("bid_", "ask_")]
    single = _price_columns(names, "") or sides[0] or sides[1]
    prices = (*sides[0], *sides[1]) if all(sides) else single
    if time is None or not prices:
        return None
    clock = next((names.index(name) for name in _CLOCK_NAMES if name in names and "date" in names), None)
    both = (names.index("date"), clock) if clock is not None and "unix" not in names else (time,)
    volume = next((names.index(name) for name in _VOLUME_NAMES if name in names), None)
    if volume is None:
        volume = next((index for index, name in enumerate(names) if name.startswith("volume")), None)
    return both, prices, volume


def _price_columns(names: tuple[str, ...], prefix: str) -> tuple[int, ...]:
    found = []
    for choices in _PRICE_NAMES:
        words = [prefix + choice for choice in choices] + [prefix.replace("_", "") + choices[0]]
        index = next((names.index(word) for word in words if word in names), None)
        if index is None:
            return ()
        found.append(index)
    return tuple(found)


def _columns_by_value(rows: list[list[str]]) -> _Columns | None:
    """Tell columns by the first rows: a time, perhaps its clock, then open, high, low, close, volume."""
    first = rows[0]
    n_time = 1
    if find_template(first[0]) is None:
        return None
    second = find_template(first[1]) if len(first) > 1 else None
    if second is not None and ":" in second.text:
        n_time = 2
    prices = tuple(range(n_time, n_time + 4))
    if len(first) < n_time + 4 or not all(_is_bar([row[column] for column in prices]) for row in rows[:20]):
        return None
    volume = n_time + 4 if len(first) > n_time + 4 else None
    return tuple(range(n_time)), prices, volume


def _is_bar(texts: list[str]) -> bool:
    try:
        open_, high, low, close = (float(text.replace(",", ".")) for text in texts)
    except ValueError:
        return False
    return low <= min(open_, close) and max(open_, close) <= high


def _states_zone(head: FileHead, layout: TableLayout) -> bool:
    templates = [find_template(row[layout.time[-1]]) for row in head.rows]
    return all(template is not None and template.states_zone for template in templates)


def _stated_symbol(head: FileHead) -> str | None:
    column = next((head.names.index(name) for name in _SYMBOL_NAMES if name in head.names), None)
    if column is None or len(head.names) != len(head.rows[0]):
        return None
    symbols = {row[column] for row in head.rows}
    return symbols.pop() if len(symbols) == 1 else None


def _significant_decimals(text: str) -> int:
    """Return the decimals a price needs, float noise aside; 0 for what is no number."""
    try:
        value = _NOISELESS.create_decimal(text).normalize()
    except InvalidOperation:
        return 0
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _least_whole(prices: list[str]) -> int | None:
    if not prices or any(_significant_decimals(price) for price in prices):
        return None
    try:
        return min(round(float(price)) for price in prices)
    except ValueError:
        return None
