"""Builders of candle files and of candles in memory, for tests of import and reading."""

from pathlib import Path

import numpy as np

from sptraderb.candles.timezones import fx_closed
from sptraderb.domain.calendar import CalendarName, Int64Array
from sptraderb.domain.candle import PRICE_COLUMNS, Candles
from sptraderb.domain.fixed import text_from_ticks
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS, Instrument
from sptraderb.domain.timeframe import M1, Timeframe

EURUSD = SEEDED_INSTRUMENTS["EURUSD"]
MONDAY_S = 1_704_088_800
"""Monday 2024-01-01 06:00 UTC; FX opens at 23:00 that day after the holiday, which no test minds."""


def moving_candles(
    n_bars: int,
    *,
    timeframe: Timeframe = M1,
    instrument: Instrument = EURUSD,
    first_s: int = MONDAY_S,
    seed: int = 1,
) -> Candles:
    """Return candles that walk at random, without bars in the FX weekend.

    Parameters
    ----------
    n_bars : int
        How many.
    timeframe, instrument
        Of the candles.
    first_s : int
        Open time of the first bar at the earliest, Unix seconds.
    seed : int
        The same seed gives the same candles.
    """
    rng = np.random.default_rng(seed)
    time_s = first_s + timeframe.seconds * np.arange(2 * n_bars + 20_000)
    if instrument.calendar is CalendarName.FX:
        time_s = time_s[~fx_closed(time_s)]
    time_s = time_s[:n_bars]
    close = 108_000 + np.cumsum(rng.integers(-9, 10, n_bars))
    open_ = close + rng.integers(-5, 6, n_bars)
    columns = {
        "time_s": time_s,
        "open_ticks": open_,
        "high_ticks": np.maximum(open_, close) + rng.integers(1, 5, n_bars),
        "low_ticks": np.minimum(open_, close) - rng.integers(1, 5, n_bars),
        "close_ticks": close,
        "volume": rng.integers(1, 1000, n_bars).astype(np.float64),
    }
    return Candles.from_columns(columns, instrument=instrument, timeframe=timeframe)


def csv_lines(candles: Candles, *, clock_s: Int64Array | None = None, zone: str = "Z") -> list[str]:
    """Return candles as lines of a generic CSV file, the header first.

    Parameters
    ----------
    candles : Candles
        What to write.
    clock_s : ndarray of shape (n_bars,), dtype=int64, or None
        Times as the file's clock shows them; None = UTC.
    zone : str
        Written after each time.
    """
    scale = candles.instrument.price_scale
    stamps = np.datetime_as_string((candles.time_s if clock_s is None else clock_s).astype("datetime64[s]"))
    prices = np.stack([getattr(candles, name) for name in PRICE_COLUMNS]).T.tolist()
    lines = ["time,open,high,low,close,volume"]
    for stamp, row, volume in zip(stamps, prices, candles.volume.tolist(), strict=True):
        lines.append(f"{stamp}{zone},{','.join(text_from_ticks(ticks, scale) for ticks in row)},{volume:g}")
    return lines


def write_lines(path: Path, lines: list[str], *, end: str = "\n") -> Path:
    """Write lines to a file and return its path."""
    path.write_bytes("".join(line + end for line in lines).encode())
    return path
