"""A small made-up series of hourly BTCUSDT bars, as a CSV file for the importer."""

import csv
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

SYMBOL = "BTCUSDT"
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def write_candles(path: Path, *, n_bars: int = 2000, shift: int = 0, minutes: int = 60) -> Path:
    """Write bars that swing up and down, the same ones each time; hourly unless told.

    Parameters
    ----------
    path : Path
        The file to write.
    n_bars : int
        Bars from 2024-01-01T00:00:00Z on.
    shift : int
        Added to every price, in hundredths, for a file that differs.
    minutes : int
        Length of a bar.
    """
    closes = [
        4_000_000 + shift + round(200_000 * math.sin(n / 40) + 30_000 * math.sin(n / 3.7))
        for n in range(n_bars + 1)
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "open", "high", "low", "close", "volume"])
        for n in range(n_bars):
            opened, closed = closes[n], closes[n + 1]
            high, low = max(opened, closed) + 2_500, min(opened, closed) - 2_500
            at = (FIRST + timedelta(minutes=n * minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
            rows.writerow([at, *(f"{price / 100:.2f}" for price in (opened, high, low, closed)), 1])
    return path
