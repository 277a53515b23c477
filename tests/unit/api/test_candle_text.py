"""Candles as text: each number read back is the stored one, whatever its size and decimals."""

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptraderb.api.candle_encoding import (
    CSV_HEADER,
    candle_rows_of,
    encode_array,
    encode_csv_rows,
    newest_first,
)
from sptraderb.api.candle_text import candle_lines
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.timeframe import M1


def candles_of(ticks: list[int], volumes: list[float], scale: int) -> Candles:
    """Return bars that do not move, one for each price."""
    prices = np.array(ticks, dtype=np.int64)
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    columns = dict.fromkeys(names, prices) | {
        "time_s": 60 * np.arange(len(ticks)),
        "volume": np.array(volumes),
    }
    instrument = replace(SEEDED_INSTRUMENTS["EURUSD"], price_scale=scale)
    return Candles.from_columns(columns, instrument=instrument, timeframe=M1)


VOLUMES = st.one_of(
    st.integers(0, 10**15).map(float),
    st.decimals(0, 10**6, places=8).map(float),
    st.floats(0, 1e300, allow_nan=False),
)
ROWS = st.lists(st.tuples(st.integers(1, 10**15 - 1), VOLUMES), max_size=30)


@given(rows=ROWS, scale=st.integers(0, 10))
def test_json_when_read_back_then_every_number_is_the_stored_one(
    rows: list[tuple[int, float]], scale: int
) -> None:
    """Times are integers, prices the doubles nearest to the decimals, volumes the same doubles."""
    candles = candles_of([ticks for ticks, _ in rows], [volume for _, volume in rows], scale)
    found = json.loads(encode_array(candles), parse_float=Decimal)
    assert [row["time"] for row in found] == candles.time_s.tolist()
    assert [Decimal(row["close"]) for row in found] == [Decimal(ticks).scaleb(-scale) for ticks, _ in rows]
    assert [float(row["volume"]) for row in found] == candles.volume.tolist()
    expected = [[row.open, row.high, row.low, row.close] for row in candle_rows_of(candles)]
    assert [[float(row[name]) for name in ("open", "high", "low", "close")] for row in found] == expected


@given(rows=ROWS, scale=st.integers(0, 10))
def test_csv_when_read_back_then_every_number_is_the_stored_one(
    rows: list[tuple[int, float]], scale: int
) -> None:
    """Prices are decimal text of the instrument's decimals; volumes lose nothing."""
    candles = candles_of([ticks for ticks, _ in rows], [volume for _, volume in rows], scale)
    text = (CSV_HEADER + encode_csv_rows(candles)).decode()
    found = [line.split(",") for line in text.splitlines()[1:]]
    assert [int(row[0]) for row in found] == candles.time_s.tolist()
    assert [Decimal(row[4]) for row in found] == [Decimal(ticks).scaleb(-scale) for ticks, _ in rows]
    assert [float(row[5]) for row in found] == candles.volume.tolist()
    assert b" " not in encode_csv_rows(candles)


def test_text_when_written_then_as_people_write_it() -> None:
    """No blanks, no leading zeros, all decimals of the price."""
    candles = candles_of([110_000, 9, 12_345_678], [1.0, 0.0, 2_345_678.0], 5)
    assert encode_csv_rows(candles) == (
        b"0,1.10000,1.10000,1.10000,1.10000,1\n"
        b"60,0.00009,0.00009,0.00009,0.00009,0\n"
        b"120,123.45678,123.45678,123.45678,123.45678,2345678\n"
    )
    assert encode_array(candles.sliced(0, 1)) == (
        b'[{"time":0,"open":1.10000,"high":1.10000,"low":1.10000,"close":1.10000,"volume":1}]'
    )
    assert encode_array(candles.sliced(0, 0)) == b"[]"
    assert b" " not in encode_array(candles)


def test_text_when_a_time_is_before_1970_then_it_is_negative() -> None:
    """Old bars are written as well."""
    candles = candles_of([100, 200], [1.0, 2.0], 2)
    old = replace(candles, time_s=candles.time_s - 60)
    assert [row["time"] for row in json.loads(encode_array(old))] == [-60, 0]
    assert encode_csv_rows(old).startswith(b"-60,1.00,")


def test_text_when_newest_first_then_the_lines_backwards() -> None:
    """Columns that run backwards are written backwards."""
    candles = candles_of([3, 20, 100], [1.0, 2.0, 3.0], 2)
    lines = encode_csv_rows(candles).splitlines()
    assert encode_csv_rows(newest_first(candles)).splitlines() == lines[::-1]


@pytest.mark.parametrize("volume", [1e-9, 1e17, 0.1 + 0.2])
def test_text_when_a_volume_has_no_short_decimals_then_rows_are_written_one_by_one(volume: float) -> None:
    """Such a slice takes the slower way, and loses nothing on it."""
    candles = candles_of([100, 200], [volume, 1.0], 2)
    assert candle_lines(candles, [b""] * 7) is None
    assert json.loads(encode_array(candles))[0]["volume"] == volume
    assert float(encode_csv_rows(candles).split(b"\n")[0].split(b",")[5]) == volume
