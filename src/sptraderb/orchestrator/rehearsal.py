"""A rehearsal of a run, without a database, in the template before the first fork.

What happens once per process (package versions, tables built on first use, code objects touched for the
first time) happens here and is inherited, instead of in every child: about half of a short run's time.
"""

from datetime import UTC, datetime
from uuid import UUID

import numpy as np

from sptraderb.candles.check import check_candles
from sptraderb.domain.backtest import BacktestRequest, Run, RunState
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import fx_instrument
from sptraderb.domain.timeframe import H1
from sptraderb.orchestrator.child_pipe import ProgressReport
from sptraderb.orchestrator.execute import execute
from sptraderb.orchestrator.large_arrays import give_back_large_arrays
from sptraderb.orchestrator.prepare_run import LoadedRun
from sptraderb.orchestrator.progress import ProgressMeter
from sptraderb.strategy.compiler import StrategyTarget, compile_strategy

_N_BARS = 200
_TEXT = """\
name: rehearsal
entry:
  long: {when: "crosses_above(sma(close, 2), sma(close, 5))", size: 50%}
  short: {when: "crosses_below(sma(close, 2), sma(close, 5))", size: 50%}
exit: {stop_loss: 2 * atr(14), take_profit: 2 R}
costs: {commission: 0.002%, spread: 1 pips}
"""


def rehearse() -> None:
    """Compute a small run on made-up candles and forget it; large arrays go back from now on."""
    give_back_large_arrays()
    instrument = fx_instrument("EURUSD")
    closes = 110_000 + np.cumsum(np.resize(np.array([70, 50, -90, 30, -55], dtype=np.int64), _N_BARS))
    columns = {
        "time_s": 1_500_000_000 // 3600 * 3600 + 3600 * np.arange(_N_BARS, dtype=np.int64),
        "open_ticks": closes,
        "high_ticks": closes + 20,
        "low_ticks": closes - 20,
        "close_ticks": closes,
    }
    candles = Candles.from_columns(columns, instrument=instrument, timeframe=H1)
    request = BacktestRequest(
        strategy_name="rehearsal",
        strategy_text=_TEXT,
        symbols=(instrument.symbol,),
        timeframe=H1.name,
        start_s=int(candles.time_s[0]),
        end_s=int(candles.time_s[-1]),
        initial_capital="10000",
    )
    run = Run(
        id=UUID(int=0),
        owner="",
        request=request,
        state=RunState.RUNNING,
        attempt=1,
        created_at=datetime.now(tz=UTC),
    )
    plan = compile_strategy(_TEXT, target=StrategyTarget(timeframe=H1, instrument=instrument))
    loaded = LoadedRun(plan=plan, candles=candles, first_bar=0, report=check_candles(candles))
    execute(run, loaded, should_stop=lambda: False, meter=ProgressMeter(_drop))


def _drop(_report: ProgressReport, /) -> None:
    """Take a report and do nothing."""
