"""One run of the shared case by each engine: indicators, signals, trades, equity of every bar, statistics.

Every function takes `Bars` and returns a `Prepared` run, which does only what a user of that engine would
do for trades, the equity of each bar and the usual figures. Rivals are imported when first asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from bench.sma_cross import (
    CAPITAL,
    COMMISSION,
    FAST,
    ONE_UNIT,
    PRICE_FACTOR,
    SLOW,
    STOP,
    TARGET,
    sma_cross_plan,
    sma_cross_terms,
)

from sptraderb.domain.candle import Candles
from sptraderb.engine.evaluate import evaluate
from sptraderb.engine.metrics import measure
from sptraderb.engine.simulate import simulate


@dataclass(frozen=True, slots=True)
class Bars:
    """The same bars as integers for this engine and as doubles for the rivals."""

    candles: Candles
    time_ns: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    frame: Any
    """A pandas frame with the columns backtesting.py wants, None without pandas."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is compared of a run: first and last bar of each closed trade, prices, the equity curve."""

    entry_bars: np.ndarray
    exit_bars: np.ndarray
    entry_prices: np.ndarray
    exit_prices: np.ndarray
    equity: np.ndarray


@dataclass(frozen=True, slots=True)
class Prepared:
    """The work that is timed, and how to read what it returned."""

    work: Callable[[], Any]
    seen: Callable[[Any], Run]


def bars_of(candles: Candles) -> Bars:
    """Return candles in the form every engine reads, made outside of what is timed."""
    prices = [
        np.ascontiguousarray(getattr(candles, f"{name}_ticks") / PRICE_FACTOR)
        for name in ("open", "high", "low", "close")
    ]
    time_ns = np.ascontiguousarray(candles.time_s * 10**9)
    volume = np.ones(len(candles))
    try:
        import pandas as pd
    except ImportError:
        frame = None
    else:
        names = ("Open", "High", "Low", "Close", "Volume")
        frame = pd.DataFrame(dict(zip(names, (*prices, volume), strict=True)), index=pd.to_datetime(time_ns))
    return Bars(candles, time_ns, prices[0], prices[1], prices[2], prices[3], volume, frame)


def run_sptraderb(bars: Bars) -> Prepared:
    """Prepare this engine: integers, all figures of the metrics reference."""
    plan, terms = sma_cross_plan(ONE_UNIT), sma_cross_terms(bars.candles)
    factor = 10**terms.money_decimals

    def work() -> Any:
        outcome = simulate(plan, bars.candles, evaluate(plan, bars.candles), terms)
        return outcome, measure(outcome, bars.candles, terms)

    def seen(found: Any) -> Run:
        outcome = found[0]
        column = outcome.trade_column
        return Run(
            column("entry_bar"),
            column("exit_bar"),
            column("entry_price_ticks") / PRICE_FACTOR,
            column("exit_price_ticks") / PRICE_FACTOR,
            outcome.equity_minor / factor,
        )

    return Prepared(work, seen)


def run_vectorbt(bars: Bars, *, all_stats: bool = False) -> Prepared:
    """Prepare vectorbt: `Portfolio.from_signals`, a few figures, or all of `stats()`."""
    import pandas as pd
    import vectorbt as vbt

    index = pd.to_datetime(bars.time_ns)
    open_, high, low, close = (
        pd.Series(values, index=index) for values in (bars.open, bars.high, bars.low, bars.close)
    )

    def work() -> Any:
        fast, slow = vbt.MA.run(close, FAST), vbt.MA.run(close, SLOW)
        entries = fast.ma_crossed_above(slow).vbt.fshift(1)
        exits = fast.ma_crossed_below(slow).vbt.fshift(1)
        portfolio = vbt.Portfolio.from_signals(
            close,
            entries,
            exits,
            price=open_,
            open=open_,
            high=high,
            low=low,
            size=1.0,
            fees=COMMISSION,
            init_cash=CAPITAL,
            sl_stop=STOP,
            tp_stop=TARGET,
            stop_entry_price="FillPrice",
            stop_exit_price="StopMarket",
            direction="longonly",
            freq="1min",
        )
        value, trades = portfolio.value(), portfolio.trades
        if all_stats:
            figures: object = portfolio.stats()
        else:
            figures = (
                portfolio.total_return(),
                portfolio.sharpe_ratio(),
                portfolio.max_drawdown(),
                trades.win_rate(),
                trades.profit_factor(),
                trades.expectancy(),
            )
        return trades.records, value, figures

    def seen(found: Any) -> Run:
        records = found[0][found[0]["status"] == 1]
        return Run(
            records["entry_idx"].to_numpy(),
            records["exit_idx"].to_numpy(),
            records["entry_price"].to_numpy(),
            records["exit_price"].to_numpy(),
            found[1].to_numpy(),
        )

    return Prepared(work, seen)


def run_raptorbt(bars: Bars, *, trade_objects: bool = False) -> Prepared:
    """Prepare raptorbt's array mode; its trades become Python objects only if asked for.

    It sizes by equity (there is no fixed size), so its equity differs while its trades do not.
    """
    import raptorbt

    config = raptorbt.BacktestConfig(
        initial_capital=float(CAPITAL), fees=COMMISSION, fill_timing="next_bar_open"
    )
    config.set_fixed_stop(STOP)
    config.set_fixed_target(TARGET)

    def work() -> Any:
        fast, slow = raptorbt.sma(bars.close, FAST), raptorbt.sma(bars.close, SLOW)
        above, below = fast > slow, fast < slow
        entries, exits = np.zeros(len(above), dtype=bool), np.zeros(len(above), dtype=bool)
        entries[SLOW:] = above[SLOW:] & ~above[SLOW - 1 : -1]
        exits[SLOW:] = below[SLOW:] & ~below[SLOW - 1 : -1]
        found = raptorbt.run_single_backtest(
            bars.time_ns,
            bars.open,
            bars.high,
            bars.low,
            bars.close,
            bars.volume,
            entries,
            exits,
            config=config,
        )
        metrics = found.metrics
        figures = (metrics.total_return_pct, metrics.sharpe_ratio, metrics.max_drawdown_pct)
        return found, found.equity_curve(), figures, found.trades() if trade_objects else None

    def seen(found: Any) -> Run:
        closed = [trade for trade in found[0].trades() if trade.exit_reason != "EndOfData"]
        columns = [
            np.array([getattr(trade, name) for trade in closed])
            for name in ("entry_idx", "exit_idx", "entry_price", "exit_price")
        ]
        return Run(columns[0], columns[1], columns[2], columns[3], found[1])

    return Prepared(work, seen)


def run_backtesting(bars: Bars) -> Prepared:
    """Prepare backtesting.py: a Strategy class, called once a bar."""
    import talib
    from backtesting import Backtest, Strategy

    class SmaCross(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.fast = self.I(talib.SMA, self.data.Close, FAST)
            self.slow = self.I(talib.SMA, self.data.Close, SLOW)

        def next(self) -> None:
            fast, slow = self.fast, self.slow
            if fast[-1] > slow[-1] and fast[-2] <= slow[-2]:  # its own `crossover` misses touching means
                price = self.data.Close[-1]
                self.buy(size=1, sl=price * (1 - STOP), tp=price * (1 + TARGET))
            elif fast[-1] < slow[-1] and fast[-2] >= slow[-2]:
                self.position.close()

    backtest = Backtest(bars.frame, SmaCross, cash=CAPITAL, commission=COMMISSION)

    def seen(found: Any) -> Run:
        trades = found["_trades"]
        columns = (trades[name].to_numpy() for name in ("EntryBar", "ExitBar", "EntryPrice", "ExitPrice"))
        entry_bars, exit_bars, entry_prices, exit_prices = columns
        return Run(
            entry_bars, exit_bars, entry_prices, exit_prices, found["_equity_curve"]["Equity"].to_numpy()
        )

    return Prepared(backtest.run, seen)


RUNS: Mapping[str, Callable[[Bars], Prepared]] = {
    "sptraderb": run_sptraderb,
    "raptorbt": run_raptorbt,
    "raptorbt_trade_objects": lambda bars: run_raptorbt(bars, trade_objects=True),
    "vectorbt": run_vectorbt,
    "vectorbt_stats": lambda bars: run_vectorbt(bars, all_stats=True),
    "backtesting": run_backtesting,
}
"""Each engine's run of the case, by the word the table uses."""
