"""Real candles of the shared sets, read from their files into `Candles`: for tests that walk them.

Place: beside the builders of made-up candles. The sets lie outside the project; a test that asks for one
is skipped where they are not.
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from arro3.core import DataType
from arro3.io import read_parquet

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import (
    CandleSide,
    Instrument,
    crypto_instrument,
    fx_instrument,
    metal_instrument,
)
from sptraderb.domain.timeframe import parse_timeframe

_NAME = re.compile(r"(?P<symbol>[A-Z]+)_(?P<timeframe>\d+[mh])_")
_PRICES = ("open", "high", "low", "close")


def train_instrument(name: str) -> Instrument:
    """Return the instrument of a set by its name: mid, both sides, or the bid; coins trade."""
    symbol = _matched(name)["symbol"]
    if symbol.endswith("USDT"):
        return crypto_instrument(symbol.removesuffix("USDT"), "USDT")
    if symbol.startswith("XAU"):
        return metal_instrument(symbol)
    side = CandleSide.MID if "_mid" in name else CandleSide.BOTH if "_bidask_" in name else CandleSide.BID
    return fx_instrument(symbol, side)


def train_candles(path: Path, *, start: int = 0, n_bars: int | None = None) -> Candles:
    """Read bars of a set.

    Parameters
    ----------
    path : Path
        Its Parquet file.
    start : int
        First bar; negative: from the end.
    n_bars : int or None
        How many; None: all that follow.
    """
    instrument, table = train_instrument(path.stem), read_parquet(str(path)).read_all()
    start = start if start >= 0 else max(table.num_rows + start, 0)
    table = table.slice(start, table.num_rows - start if n_bars is None else n_bars)
    sides = (("", "bid_"), ("ask_", "ask_")) if instrument.side is CandleSide.BOTH else (("", ""),)
    columns: dict[str, npt.NDArray[np.int64]] = {}
    for name in _PRICES:
        for prefix, source in sides:
            values = np.concatenate([np.asarray(part) for part in table.column(f"{source}{name}").chunks])
            is_whole = values.dtype.kind == "i"
            scaled = values if is_whole else np.rint(values * 10**instrument.price_scale)
            columns[f"{prefix}{name}_ticks"] = scaled.astype(np.int64)
    counted = [name for name in ("volume", "ticks") if name in table.column_names]
    volumes = [np.asarray(part) for name in counted for part in table.column(name).chunks]
    milliseconds = table.column("time").cast(DataType.int64())
    columns["time_s"] = np.concatenate([np.asarray(part) for part in milliseconds.chunks]) // 1000
    timeframe = parse_timeframe(_matched(path.stem)["timeframe"])
    volume = {"volume": np.concatenate(volumes).astype(np.float64)} if volumes else {}
    return Candles.from_columns({**columns, **volume}, instrument=instrument, timeframe=timeframe)


def _matched(name: str) -> dict[str, str]:
    found = _NAME.match(name)
    if found is None:
        raise ValueError(f"a set is named SYMBOL_TIMEFRAME_..., was {name}")
    return found.groupdict()
