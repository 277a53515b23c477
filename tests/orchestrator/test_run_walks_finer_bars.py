"""A run on hours where minutes are stored: the course of a bar is told, not guessed (X6)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest_asyncio

from sptraderb.candles.import_options import ImportOptions
from sptraderb.domain.backtest import BacktestRequest, Run
from sptraderb.orchestrator import queue
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.orchestrator.verify import verify_run
from sptraderb.store import result_rows, run_rows
from sptraderb.store.pool import Pool
from sptraderb.testing.eventually import eventually
from sptraderb.testing.run_requests import build_request
from sptraderb.testing.sample_candles import FIRST, SYMBOL, write_candles
from sptraderb.testing.worker_processes import start_worker

TIGHT = """\
name: tight
entry:
  long: {when: "crosses_above(close, sma(close, 5))", size: 50%}
exit: {stop_loss: 0.1%, take_profit: 0.1%}
"""


def _request() -> BacktestRequest:
    return build_request(
        strategy_name="",
        strategy_text=TIGHT,
        symbols=(SYMBOL,),
        start_s=int((FIRST + timedelta(days=2)).timestamp()),
        end_s=int((FIRST + timedelta(days=40)).timestamp()),
        parameters={},
        initial_capital="100000",
    )


@pytest_asyncio.fixture
async def stocked(pool: Pool, tmp_path: Path) -> AsyncIterator[Pool]:
    """Give a database with twelve thousand five-minute bars and the hours made of them."""
    file = write_candles(tmp_path / "BTCUSDT_5m.csv", n_bars=12_000, minutes=5)
    await import_candles(pool, file, options=ImportOptions(symbol=SYMBOL, timeframe="5m", timezone="UTC"))
    yield pool


async def _ended(pool: Pool, run: Run) -> Run:
    async def _final() -> Run | None:
        found = await run_rows.read_run(pool, run.id, owner="local")
        return found if found.state.is_final else None

    return await eventually(_final, within_s=60.0)


async def _document(pool: Pool, run: Run) -> dict[str, Any]:
    return msgspec.json.decode(result_rows.unpack_document(await result_rows.read_document(pool, run.id)))


async def test_run_when_finer_candles_are_stored_then_they_tell_the_course(
    stocked: Pool, database_url: str, tmp_path: Path
) -> None:
    """Uncertain hours are walked in five-minute bars; the oracle agrees; a correction changes no replay."""
    async with start_worker(database_url, tmp_path, child_module="sptraderb.orchestrator.child"):
        run = await _ended(stocked, await queue.submit(stocked, _request(), owner="local"))
        assert run.error is None
        document = await _document(stocked, run)
        bounds = document["bounds"]
        assert document["total_trades"] > 20
        assert bounds["uncertain_bars"] > 5
        assert bounds["walked_bars"] == bounds["uncertain_bars"]
        changed = write_candles(tmp_path / "changed.csv", n_bars=12_000, minutes=5, shift=70)
        options = ImportOptions(symbol=SYMBOL, timeframe="5m", timezone="UTC")
        await import_candles(stocked, changed, options=options)
        replayed = await _ended(stocked, await queue.replay(stocked, run.id, owner="local"))
        assert replayed.digest == run.digest
    check = await verify_run(stocked, run.id, owner="local")
    assert check.differences == ()
    assert check.equal
