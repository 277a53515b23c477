"""Several symbols in one account, and hedging, from a request to the result, its replay and its check."""

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sptraderb.domain.backtest import BacktestRequest, PositionMode, Run, RunState
from sptraderb.domain.costs import Costs
from sptraderb.errors import InvalidInput, NotFound
from sptraderb.orchestrator import queue
from sptraderb.orchestrator.verify import verify_run
from sptraderb.store import result_rows, run_rows
from sptraderb.store.pool import Pool
from sptraderb.testing.account_runs import account_request
from sptraderb.testing.eventually import eventually
from sptraderb.testing.stored_candles import Bar, store_bars, wavy_bars
from sptraderb.testing.worked_strategies import SERIES, real_candles
from sptraderb.testing.worker_processes import start_worker

REAL = "sptraderb.orchestrator.child"
SYMBOLS = ("EURUSD", "GBPUSD")
N_BARS = 3000


def _real_bars(shared_data: Path, symbol: str) -> list[Bar]:
    candles = real_candles(shared_data, SERIES[symbol, "15m"], "15m")
    last = slice(len(candles) - N_BARS, None)
    prices = (candles.open_ticks, candles.high_ticks, candles.low_ticks, candles.close_ticks)
    columns = [candles.time_s[last].tolist(), *(column[last].tolist() for column in prices)]
    return list(zip(*columns, candles.volume[last].tolist(), strict=True))


async def _stock(pool: Pool, shared_data: Path) -> BacktestRequest:
    """Store real bars of two symbols; return a request over what both cover."""
    found = {symbol: _real_bars(shared_data, symbol) for symbol in SYMBOLS}
    for number, (symbol, bars) in enumerate(found.items(), 1):
        await store_bars(pool, bars, symbol=symbol, timeframe="15m", revision=number)
    starts = [bars[50][0] for bars in found.values()]
    ends = [bars[-1][0] for bars in found.values()]
    return account_request(SYMBOLS, strategy_name="", timeframe="15m", start_s=min(starts), end_s=max(ends))


async def _ended(pool: Pool, run: Run) -> Run:
    async def _final() -> Run | None:
        found = await run_rows.read_run(pool, run.id, owner="local")
        return found if found.state.is_final else None

    return await eventually(_final, within_s=90.0)


async def _document(pool: Pool, run: Run) -> dict[str, Any]:
    return msgspec.json.decode(result_rows.unpack_document(await result_rows.read_document(pool, run.id)))


@pytest.mark.parametrize("mode", [PositionMode.NETTING, PositionMode.HEDGING])
async def test_run_when_two_symbols_share_an_account_then_result_replay_and_check_agree(
    pool: Pool, database_url: str, tmp_path: Path, shared_data: Path, mode: PositionMode
) -> None:
    """Real bars of two pairs: each at its own revision; replay and oracle give the digest (A1, M7)."""
    request = dataclasses.replace(await _stock(pool, shared_data), position_mode=mode)
    async with start_worker(database_url, tmp_path, child_module=REAL):
        first = await _ended(pool, await queue.submit(pool, request, owner="local"))
        assert first.error is None
        assert first.state is RunState.COMPLETED
        document = await _document(pool, first)
        replayed = await _ended(pool, await queue.replay(pool, first.id, owner="local"))
        assert replayed.digest == first.digest == document["digest"]
    assert document["position_mode"] == mode.value
    assert [row["symbol"] for row in document["symbols"]] == list(SYMBOLS)
    assert {trade["symbol"] for trade in document["completed_trades"]} == set(SYMBOLS)
    assert sum(row["total_trades"] for row in document["symbols"]) == document["total_trades"] > 20
    data = document["manifest"]["data_by_symbol"]
    assert {symbol: row["revision"] for symbol, row in data.items()} == {"EURUSD": 1, "GBPUSD": 2}
    check = await verify_run(pool, first.id, owner="local")
    assert (check.differences, check.equal) == ((), True)
    for symbol in SYMBOLS:
        found = await run_rows.list_runs(pool, owner="local", run_filter=run_rows.RunFilter(symbol=symbol))
        assert first.id in {run.id for run in found.runs}
    pins = await pool.fetch("SELECT DISTINCT revision FROM sptraderb.revision_pins ORDER BY 1")
    assert [row["revision"] for row in pins] == [1, 2]


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"symbols": ("EURUSD", "EURUSD")}, InvalidInput, "run.duplicate_symbol"),
        ({"symbols": tuple(f"S{n}" for n in range(33))}, InvalidInput, "run.too_many_symbols"),
        ({"symbols": ("EURUSD", "NOSUCH")}, NotFound, "candles.unknown_symbol"),
        ({"symbols": ("EURUSD", "USDJPY")}, NotFound, "candles.unknown_symbol"),
        ({"timeframe": "1d", "symbols": ("EURUSD", "BTCUSDT")}, InvalidInput, "run.calendars_differ"),
    ],
)
async def test_submit_when_the_symbols_cannot_share_an_account_then_refused(
    pool: Pool, changes: dict[str, Any], error: type[Exception], code: str
) -> None:
    """What needs no candle is judged for every symbol before a run is accepted."""
    for symbol in ("EURUSD", "BTCUSDT"):
        await store_bars(pool, wavy_bars(100), symbol=symbol)
    with pytest.raises(error) as caught:
        await queue.submit(pool, account_request(**changes), owner="local")
    assert getattr(caught.value, "code", "") == code
    assert (await run_rows.count_active(pool)).queued == 0


async def test_submit_when_one_symbol_states_its_own_costs_then_they_are_the_request_s(pool: Pool) -> None:
    """A run of one symbol keeps its plain form: its own costs win and stand alone."""
    await store_bars(pool, wavy_bars(100))
    request = account_request(("EURUSD",), symbol_costs={"EURUSD": Costs(spread_ppm_pips=2_000_000)})
    run = await queue.submit(pool, request, owner="local")
    assert run.request.costs.spread_ppm_pips == 2_000_000
    assert run.request.symbol_costs == {}
