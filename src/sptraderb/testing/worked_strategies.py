"""The worked strategies of ``docs/strategies`` on real candles: prepared as every run is, for both engines.

The files name symbol, timeframe and range in their ``backtest`` block; the candles come from the folder of
real data beside the checkout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from arro3.core import DataType
from arro3.io import read_parquet

from sptraderb.api.payloads import RunPayload, to_domain
from sptraderb.candles.check import check_candles
from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import (
    CandleSide,
    Instrument,
    crypto_instrument,
    fx_instrument,
    metal_instrument,
)
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.orchestrator.prepare_run import LoadedRun, PreparedRun, prepare_run
from sptraderb.strategy.compiler import compile_strategy
from sptraderb.strategy.header import read_backtest_defaults
from sptraderb.strategy.target import StrategyTarget

_CHECKOUT = Path(__file__).resolve().parents[3]
FOLDER = _CHECKOUT / "docs" / "strategies"
"""Where the strategies lie, in a checkout."""
DIGESTS = _CHECKOUT / "tests" / "property" / "worked_strategies.json"
"""Outcome digest of each, as it was when last looked at; `tools/strategy_digests.py` writes it."""


@dataclass(frozen=True, slots=True)
class RealSeries:
    """A file of real candles.

    Parameters
    ----------
    file : str
        Its stem.
    instrument : Instrument
        What is in it.
    """

    file: str
    instrument: Instrument


SERIES: Mapping[tuple[str, str], RealSeries] = {
    ("EURUSD", "1h"): RealSeries("EURUSD_1h_mt5", fx_instrument("EURUSD")),
    ("EURUSD", "15m"): RealSeries("EURUSD_15m_mt5", fx_instrument("EURUSD")),
    ("GBPUSD", "15m"): RealSeries("GBPUSD_15m_mt5", fx_instrument("GBPUSD")),
    ("GBPUSD", "1h"): RealSeries("GBPUSD_1h_2012_2022_ejtrader", fx_instrument("GBPUSD")),
    ("USDJPY", "15m"): RealSeries("USDJPY_15m_mt5", fx_instrument("USDJPY")),
    ("AUDUSD", "5m"): RealSeries("AUDUSD_5m_mid", fx_instrument("AUDUSD", CandleSide.MID)),
    ("XAUUSD", "1h"): RealSeries("XAUUSD_1h_mt5", metal_instrument("XAUUSD")),
    ("BTCUSDT", "1h"): RealSeries("BTCUSDT_1h_binance", crypto_instrument("BTC", "USDT")),
}
"""Real candles by symbol and timeframe."""


def strategy_files() -> tuple[Path, ...]:
    """Return the worked strategies by name."""
    return tuple(sorted(FOLDER.glob("*.yaml")))


def prepared(strategy: Path, data: Path) -> PreparedRun:
    """Return a strategy evaluated on its own candles, with the terms a request without more words gives.

    Parameters
    ----------
    strategy : Path
        A file of ``docs/strategies``.
    data : Path
        The folder that holds ``train``.
    """
    return prepare_run(*loaded(strategy, data))


def loaded(strategy: Path, data: Path) -> tuple[BacktestRequest, LoadedRun]:
    """Return a strategy's request, and its plan with its own candles, before anything is evaluated."""
    text = strategy.read_text(encoding="utf-8")
    request = _request(text)
    series = SERIES[request.symbols[0], request.timeframe]
    whole = real_candles(data, series, request.timeframe)
    target = StrategyTarget(timeframe=whole.timeframe, instrument=whole.instrument)
    plan = compile_strategy(text, target=target)
    first, end = np.searchsorted(whole.time_s, [request.start_s, request.end_s + 1])
    begin = max(0, int(first) - plan.warm_up)
    candles = whole.sliced(begin, int(end))
    report = check_candles(candles)
    return request, LoadedRun(plan=plan, candles=candles, first_bar=int(first) - begin, report=report)


def _request(text: str) -> BacktestRequest:
    stated = read_backtest_defaults(text)
    payload = RunPayload(
        strategy=text,
        symbol=stated["symbol"],
        timeframe=stated["timeframe"],
        start_date=stated["start_date"],
        end_date=stated["end_date"],
        initial_capital=stated["initial_capital"],
    )
    return to_domain(payload)


@cache
def real_candles(data: Path, series: RealSeries, timeframe: str) -> Candles:
    """Return the candles of a file; every price is the double nearest to a decimal on the grid."""
    table = read_parquet(str(data / "train" / f"{series.file}.parquet")).read_all()
    columns: dict[str, npt.NDArray[np.int64]] = {}
    for name in ("open", "high", "low", "close"):
        prices = np.concatenate([np.asarray(chunk) for chunk in table.column(name).chunks])
        columns[f"{name}_ticks"] = np.rint(prices * 10**series.instrument.price_scale).astype(np.int64)
    milliseconds = table.column("time").cast(DataType.int64())
    columns["time_s"] = np.concatenate([np.asarray(chunk) for chunk in milliseconds.chunks]) // 1000
    volumes = [np.asarray(chunk) for chunk in table.column("volume").chunks]
    columns["volume"] = np.concatenate(volumes).astype(np.float64)
    return Candles.from_columns(columns, instrument=series.instrument, timeframe=parse_timeframe(timeframe))
