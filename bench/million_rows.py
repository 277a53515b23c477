"""CSV files of random bars, written in pieces so that their size costs no memory."""

from pathlib import Path

import numpy as np

from sptraderb.candles.timezones import fx_closed
from sptraderb.domain.fixed import text_from_ticks
from sptraderb.domain.timeframe import Timeframe

_PIECE = 50_000
_SCALE = 5


def write_csv(path: Path, n_bars: int, *, timeframe: Timeframe, first_s: int = 1_262_563_200) -> Path:
    """Write bars of an FX pair, without weekends, as ``time,open,high,low,close,volume``; return the path.

    Parameters
    ----------
    path : Path
        Where to.
    n_bars : int
        How many.
    timeframe : Timeframe
        Their length.
    first_s : int
        Unix seconds of the first one: a Monday.
    """
    rng = np.random.default_rng(7)
    last, written, next_s = 110_000, 0, first_s
    with path.open("w", encoding="ascii") as file:
        file.write("time,open,high,low,close,volume\n")
        while written < n_bars:
            time_s = next_s + timeframe.seconds * np.arange(2 * _PIECE)
            next_s = int(time_s[-1]) + timeframe.seconds
            time_s = time_s[~fx_closed(time_s)][: n_bars - written]
            close = last + np.cumsum(rng.integers(-9, 10, len(time_s)))
            open_ = np.concatenate([[last], close[:-1]])
            high = np.maximum(open_, close) + rng.integers(0, 9, len(time_s))
            low = np.minimum(open_, close) - rng.integers(0, 9, len(time_s))
            last = int(np.clip(close[-1], 50_000, 200_000))
            stamps = np.datetime_as_string(time_s.astype("datetime64[s]"))
            volume = rng.integers(1, 999, len(time_s))
            rows = zip(stamps, *(side.tolist() for side in (open_, high, low, close, volume)), strict=True)
            file.writelines(
                f"{stamp}Z,{','.join(text_from_ticks(price, _SCALE) for price in prices)},{count}\n"
                for stamp, *prices, count in rows
            )
            written += len(time_s)
    return path
