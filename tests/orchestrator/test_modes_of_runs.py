"""What a run's mode asks of its candles: research notes, paper and live refuse, saying what and where."""

from pathlib import Path

import numpy as np
import pytest

from sptraderb.candles.import_options import ImportOptions
from sptraderb.domain.backtest import BacktestRequest, Mode
from sptraderb.domain.candle import PRICE_COLUMNS, Candles
from sptraderb.domain.timeframe import H1
from sptraderb.errors import CandlesUnusable
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.orchestrator.prepare_run import load_run
from sptraderb.store.pool import Pool
from sptraderb.testing.candle_files import csv_lines, moving_candles, write_lines
from sptraderb.testing.run_requests import build_request

N_BARS = 400
MONDAY_S = 1_709_510_400
"""2024-03-04T00:00:00Z, with no holiday near."""
TEXT = """\
name: plain
entry:
  long: {when: close > open, size: 10%}
exit: {stop_loss: 1%}
"""


async def stored(pool: Pool, folder: Path, *, trust: str, without: range = range(0)) -> Candles:
    """Import hourly bars of a trust tier, some left out, and return those there are."""
    whole = moving_candles(N_BARS, timeframe=H1, first_s=MONDAY_S)
    kept = np.delete(np.arange(N_BARS), list(without))
    columns = {name: getattr(whole, name)[kept] for name in ("time_s", *PRICE_COLUMNS, "volume")}
    bars = Candles.from_columns(columns, instrument=whole.instrument, timeframe=H1)
    path = write_lines(folder / "EURUSD_1h.csv", csv_lines(bars))
    await import_candles(pool, path, options=ImportOptions(side="bid", trust=trust))
    return bars


def asked(mode: Mode, bars: Candles) -> BacktestRequest:
    """Return a request over all bars."""
    return build_request(
        strategy_name="", strategy_text=TEXT, symbols=("EURUSD",), timeframe="1h", mode=mode,
        start_s=int(bars.time_s[0]), end_s=int(bars.time_s[-1]), parameters={}, initial_capital="10000",
    )  # fmt: skip


@pytest.mark.parametrize("mode", list(Mode))
async def test_run_when_candles_are_verified_and_whole_then_every_mode_takes_them(
    pool: Pool, tmp_path: Path, mode: Mode
) -> None:
    """Weekends are no gaps: verified candles of whole weeks are fit to trade on."""
    bars = await stored(pool, tmp_path, trust="verified")
    loaded = await load_run(pool, asked(mode, bars))
    assert (loaded.report.n_missing, loaded.report.grade) == (0, "A")


async def test_run_when_bars_lack_then_live_refuses_and_says_where(pool: Pool, tmp_path: Path) -> None:
    """A hole of half a day is noted in research and paper, and refused in live with its place."""
    bars = await stored(pool, tmp_path, trust="verified", without=range(30, 42))
    for mode in (Mode.RESEARCH, Mode.PAPER):
        loaded = await load_run(pool, asked(mode, bars))
        assert [gap.missing_bars for gap in loaded.report.gaps] == [12]
    with pytest.raises(CandlesUnusable) as caught:
        await load_run(pool, asked(Mode.LIVE, bars))
    assert caught.value.code == "candles.not_fit"
    assert caught.value.context["n_missing"] == 12
    place = {"after_s": MONDAY_S + 29 * 3600, "before_s": MONDAY_S + 42 * 3600}
    assert caught.value.context["gaps"] == [place]


@pytest.mark.parametrize("trust", ["user", "external"])
async def test_run_when_candles_are_not_verified_then_live_alone_refuses(
    pool: Pool, tmp_path: Path, trust: str
) -> None:
    """Whole candles of a source nobody vouches for are good for research and paper."""
    bars = await stored(pool, tmp_path, trust=trust)
    for mode in (Mode.RESEARCH, Mode.PAPER):
        await load_run(pool, asked(mode, bars))
    with pytest.raises(CandlesUnusable) as caught:
        await load_run(pool, asked(Mode.LIVE, bars))
    assert (caught.value.code, caught.value.context["tiers"]) == ("candles.not_fit", [trust])
