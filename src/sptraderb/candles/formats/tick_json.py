"""Tick JSON: one or several arrays of ``{"timestamp", "bid", "ask"}`` in a file, as minutes of both sides.

Parts of a day overlap and repeat ticks, so all ticks of a file are brought into order first (24 bytes each);
a tick with the time and prices of another one counts once. The volume of a minute is its number of ticks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sptraderb.candles.formats.file_head import FileHead
from sptraderb.candles.formats.table_layout import Recognised
from sptraderb.candles.number_text import read_numbers, ticks_from_numbers
from sptraderb.candles.row_block import RowBlock
from sptraderb.candles.row_faults import FaultArray, RowFault, mark
from sptraderb.candles.timezones import UTC_ZONE
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.instrument import CandleSide
from sptraderb.domain.timeframe import M1
from sptraderb.errors import InvalidInput

CHUNK_BYTES = 4 * 2**20
_RECORD = re.compile(rb"\{[^{}]*\}")
_TICK = re.compile(
    rb'\{\s*"timestamp"\s*:\s*([^,{}\s]+)\s*,\s*"bid"\s*:\s*([^,{}\s]+)\s*,\s*"ask"\s*:\s*([^,{}\s]+)\s*[,}]'
)
_US = 1_000_000
_US_DECIMALS = 6
_MS_FROM = 10**11
"""Whole timestamps from here on count milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ticks:
    """Ticks in the file's order: times in microseconds, bid and ask, and what is wrong with each."""

    time_us: Int64Array
    bid: Int64Array
    ask: Int64Array
    faults: FaultArray


def recognise_ticks(head: FileHead) -> Recognised | None:
    """Return how to read tick JSON, or None if the file is none."""
    if not head.is_text or not head.data.lstrip().startswith(b"["):
        return None
    found = _TICK.findall(head.data)
    if not found:
        return None
    prices = [price.decode("ascii", errors="replace") for row in found for price in row[1:]]
    return Recognised(
        format="ticks",
        read_blocks=read_tick_blocks,
        zone=UTC_ZONE,
        zone_reason="timestamps count since 1970",
        timeframe=M1.name,
        side=CandleSide.BOTH,
        decimals=max(len(price.partition(".")[2].rstrip("0")) for price in prices),
    )


def read_tick_blocks(path: Path, decimals: int) -> Iterator[RowBlock]:
    """Yield the minutes of a file of ticks, and after them the ticks that cannot be read.

    Parameters
    ----------
    path : Path
        The file.
    decimals : int
        Decimals of a price.

    Raises
    ------
    InvalidInput
        ``import.line_too_long``.
    """
    parts = [_read(text, decimals) for text in _chunks(path)]
    names = ("time_us", "bid", "ask", "faults")
    if not parts:
        return
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    yield from _minutes(_Ticks(**joined), path.stat().st_size)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        rest = b""
        while chunk := file.read(CHUNK_BYTES):
            text = rest + chunk
            cut = text.rfind(b"}") + 1
            if cut == 0 and len(text) > CHUNK_BYTES:
                raise InvalidInput(
                    "import.line_too_long", f"a record must be shorter than {CHUNK_BYTES} bytes"
                )
            rest = text[cut:]
            yield text[:cut]


def _read(text: bytes, decimals: int) -> _Ticks:
    places = []
    for record in _RECORD.finditer(text):
        found = _TICK.match(text, record.start(), record.end())
        places.append([found.span(group) for group in (1, 2, 3)] if found else [(0, 0)] * 3)
    spans = np.array(places, dtype=np.int64).reshape(-1, 3, 2)
    buffer = np.frombuffer(text or b" ", dtype=np.uint8)
    numbers = [read_numbers(buffer, spans[:, group, 0], spans[:, group, 1]) for group in range(3)]
    faults = np.zeros(len(spans), dtype=np.uint8)
    mark(faults, spans[:, 0, 1] == 0, RowFault.FIELDS)
    mark(faults, ~numbers[0].ok | (numbers[0].mantissa <= 0), RowFault.TIME)
    sides = []
    for price in numbers[1:]:
        grid = ticks_from_numbers(price, decimals)
        mark(faults, ~price.ok, RowFault.PRICE)
        mark(faults, ~grid.on_grid, RowFault.OFF_GRID)
        mark(faults, grid.ticks <= 0, RowFault.NOT_POSITIVE)
        sides.append(grid.ticks)
    mark(faults, sides[0] > sides[1], RowFault.BID_OVER_ASK)
    time_us = _microseconds(numbers[0].mantissa, numbers[0].decimals.astype(np.int64))
    return _Ticks(time_us=time_us, bid=sides[0], ask=sides[1], faults=faults)


def _microseconds(mantissa: Int64Array, decimals: Int64Array) -> Int64Array:
    """Return times as whole microseconds, further digits cut off."""
    places = np.where((decimals == 0) & (mantissa >= _MS_FROM), 3, decimals)
    up = np.power(10, np.clip(_US_DECIMALS - places, 0, _US_DECIMALS), dtype=np.int64)
    down = np.power(10, np.clip(places - _US_DECIMALS, 0, 12), dtype=np.int64)
    return np.asarray(mantissa * up // down, dtype=np.int64)


def _minutes(ticks: _Ticks, size: int) -> Iterator[RowBlock]:
    sound = np.flatnonzero(ticks.faults == 0)
    by_value = sound[np.lexsort((ticks.ask[sound], ticks.bid[sound], ticks.time_us[sound]))]
    columns = (ticks.time_us[by_value], ticks.bid[by_value], ticks.ask[by_value])
    repeats = np.zeros(len(by_value), dtype=np.bool_)
    repeats[1:] = np.logical_and.reduce([column[1:] == column[:-1] for column in columns])
    kept = np.sort(by_value[~repeats])
    kept = kept[np.argsort(ticks.time_us[kept], kind="stable")]
    minute_s = ticks.time_us[kept] // (M1.seconds * _US) * M1.seconds
    first = np.flatnonzero(np.diff(minute_s, prepend=-1))
    if len(first):
        last = np.append(first[1:], len(kept)) - 1
        prices = [_bar(side[kept], first, last) for side in (ticks.bid, ticks.ask)]
        yield RowBlock(
            line=kept[first] + 1, time_s=minute_s[first], prices=np.concatenate(prices),
            volume=(last - first + 1).astype(np.float64), faults=np.zeros(len(first), dtype=np.uint8),
            noisy=np.zeros(len(first), dtype=np.bool_), n_skipped=int(repeats.sum()), n_bytes=size,
        )  # fmt: skip
    bad = np.flatnonzero(ticks.faults)
    if len(bad):
        yield RowBlock(
            line=bad + 1, time_s=ticks.time_us[bad] // _US, prices=np.zeros((8, len(bad)), dtype=np.int64),
            volume=np.zeros(len(bad)), faults=ticks.faults[bad], noisy=np.zeros(len(bad), dtype=np.bool_),
        )  # fmt: skip


def _bar(price: Int64Array, first: Int64Array, last: Int64Array) -> Int64Array:
    high, low = np.maximum.reduceat(price, first), np.minimum.reduceat(price, first)
    return np.stack([price[first], high, low, price[last]])
