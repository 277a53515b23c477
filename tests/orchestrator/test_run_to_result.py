"""A run with the real engine, from a POST's request to the stored result, its replay and its check."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from sptraderb.candles.import_options import ImportOptions
from sptraderb.domain.backtest import BacktestRequest, Mode, Phase, Run, RunState
from sptraderb.errors import CandlesUnusable, Conflict, InvalidInput, NotFound, StrategyInvalid, Unavailable
from sptraderb.orchestrator import queue
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.orchestrator.verify import verify_run
from sptraderb.store import result_rows, run_rows
from sptraderb.store.listen import PROGRESS_CHANNEL, listen
from sptraderb.store.pool import Pool
from sptraderb.testing.eventually import eventually
from sptraderb.testing.run_requests import build_request
from sptraderb.testing.sample_candles import FIRST, SYMBOL, write_candles
from sptraderb.testing.worker_processes import start_worker

REAL = "sptraderb.orchestrator.child"
SLOW = "sptraderb.testing.slow_child"
CROSSOVER = """\
name: crossover
indicators:
  fast: sma(close, 10)
  slow: sma(close, 30)
entry:
  long:
    when: crosses_above(fast, slow)
    size: 50%
  short:
    when: crosses_below(fast, slow)
    size: 50%
exit:
  stop_loss: 2%
  take_profit: 4%
costs: {commission: 0.02%, spread: 100 ticks}
"""


def _request(**changes: Any) -> BacktestRequest:
    fields = {
        "strategy_name": "",
        "strategy_text": CROSSOVER,
        "symbols": (SYMBOL,),
        "start_s": int((FIRST + timedelta(days=10)).timestamp()),
        "end_s": int((FIRST + timedelta(days=80)).timestamp()),
        "parameters": {},
        "initial_capital": "100000",
    }
    return build_request(**fields | changes)


@pytest_asyncio.fixture
async def stocked(pool: Pool, tmp_path: Path) -> AsyncIterator[Pool]:
    """Give a database with two thousand hourly bars."""
    file = write_candles(tmp_path / "BTCUSDT_1h.csv")
    options = ImportOptions(symbol=SYMBOL, timeframe="1h", timezone="UTC")
    await import_candles(pool, file, options=options)
    yield pool


async def _ended(pool: Pool, run: Run, *, within_s: float = 60.0) -> Run:
    async def _final() -> Run | None:
        found = await run_rows.read_run(pool, run.id, owner="local")
        return found if found.state.is_final else None

    return await eventually(_final, within_s=within_s)


async def _document(pool: Pool, run: Run) -> dict[str, Any]:
    return msgspec.json.decode(result_rows.unpack_document(await result_rows.read_document(pool, run.id)))


async def _pinned(pool: Pool) -> set[int]:
    rows = await pool.fetch("SELECT DISTINCT revision FROM sptraderb.revision_pins")
    return {row["revision"] for row in rows}


async def test_run_when_submitted_then_its_result_replay_and_check_agree(
    stocked: Pool, database_url: str, tmp_path: Path
) -> None:
    """Accepted, computed, stored with its manifest; the replay and the oracle give the same digest."""
    async with start_worker(database_url, tmp_path, child_module=REAL):
        first = await _ended(stocked, await queue.submit(stocked, _request(), owner="local"))
        assert first.error is None
        assert (first.state, first.progress.phase, first.progress.percent) == (
            RunState.COMPLETED,
            Phase.DONE,
            100.0,
        )
        document = await _document(stocked, first)
        assert document["total_trades"] > 5
        assert document["digest"] == first.digest
        assert first.progress.n_trades == document["total_trades"]
        assert first.progress.equity == document["end_capital"]
        manifest = document["manifest"]
        assert manifest["data"]["n_warm_up"] == 30
        assert manifest["money_decimals"] == 10
        assert {"numpy", "numba", "talib"} <= manifest["engine"]["libraries"].keys()
        write_candles(tmp_path / "changed.csv", n_bars=1500, shift=700)
        again = await import_candles(
            stocked,
            tmp_path / "changed.csv",
            options=ImportOptions(symbol=SYMBOL, timeframe="1h", timezone="UTC"),
        )
        assert again.revision is not None
        assert await _pinned(stocked) == {manifest["data"]["revision"]}
        replayed = await _ended(stocked, await queue.replay(stocked, first.id, owner="local"))
        assert (replayed.id != first.id, replayed.digest) == (True, first.digest)
        changed = await _ended(stocked, await queue.submit(stocked, _request(), owner="local"))
        assert changed.digest != first.digest
    check = await verify_run(stocked, first.id, owner="local")
    assert check.differences == ()
    assert check.equal


async def test_progress_when_a_run_is_computed_then_frames_ascend_and_the_last_is_final(
    stocked: Pool, database_url: str, tmp_path: Path
) -> None:
    """Percent grows with the event ids, at most ten frames a second; the end is told at its commit."""
    frames: list[dict[str, Any]] = []
    listener = await listen(
        database_url,
        [PROGRESS_CHANNEL],
        lambda _channel, payload: frames.append(msgspec.json.decode(payload)),
        on_gap=lambda: None,
    )
    try:
        async with start_worker(database_url, tmp_path, child_module=SLOW):
            began_s = time.monotonic()
            run = await _ended(stocked, await queue.submit(stocked, _request(), owner="local"))
            spent_s = time.monotonic() - began_s
            await eventually(lambda: any(frame["status"] == "completed" for frame in frames))
    finally:
        await listener.stop()
    # A frame on its way at the moment of the commit may arrive after the last one; its event id tells.
    frames.sort(key=lambda frame: frame["event"])
    assert frames[-1]["status"] == "completed"
    assert len({frame["event"] for frame in frames}) == len(frames)
    assert {frame["run"] for frame in frames} == {str(run.id)}
    percents = [frame["progress"] for frame in frames]
    assert percents == sorted(percents)
    assert len(frames) <= 10 * spent_s + 2
    assert "simulating" in {frame["phase"] for frame in frames}


async def test_cancel_when_the_engine_walks_then_a_partial_result_is_kept(
    stocked: Pool, database_url: str, tmp_path: Path
) -> None:
    """A cancel stops the engine between two chunks; what was computed is stored as partial."""
    async with start_worker(database_url, tmp_path, child_module=SLOW):
        run = await queue.submit(stocked, _request(), owner="local")

        async def _walking() -> bool:
            found = await run_rows.read_run(stocked, run.id, owner="local")
            return found.progress.phase is Phase.SIMULATING

        await eventually(_walking, within_s=30.0)
        asked_s = time.monotonic()
        await queue.cancel(stocked, run.id, owner="local")
        after = await _ended(stocked, run)
        assert time.monotonic() - asked_s < 1.0
        assert (after.state, after.has_result) == (RunState.CANCELLED, True)
        document = await _document(stocked, after)
        assert document["partial"] is True
        assert 0 < document["conventions"]["bars"] < 1700
    with pytest.raises(Conflict) as caught:
        await queue.replay(stocked, run.id, owner="local")
    assert caught.value.code == "run.no_result"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"start_s": 1_800_000_000, "end_s": 1_800_100_000}, "candles.empty_range"),
        ({"end_s": int((FIRST + timedelta(days=10)).timestamp()) + 1}, "candles.too_few"),
        ({"mode": Mode.LIVE}, "candles.not_fit"),
    ],
)
async def test_run_when_its_candles_do_not_do_then_it_fails_and_says_why(
    stocked: Pool, database_url: str, tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    """No candles, a single bar, or candles not good enough for the mode: a clear error."""
    async with start_worker(database_url, tmp_path, child_module=REAL):
        run = await _ended(stocked, await queue.submit(stocked, _request(**changes), owner="local"))
        assert run.error is not None
        assert (run.state, run.error.code) == (RunState.FAILED, code)


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"strategy_text": CROSSOVER.replace("stop_loss", "stop_los")}, StrategyInvalid, "strategy.invalid"),
        ({"strategy_text": "", "strategy_name": "nobody"}, NotFound, "strategy.unknown"),
        ({"symbols": ("NOSUCH",)}, NotFound, "candles.unknown_symbol"),
        ({"timeframe": "5m"}, NotFound, "candles.too_coarse"),
        ({"timeframe": "7x"}, InvalidInput, "timeframe.unknown"),
        ({"end_s": 0}, InvalidInput, "run.dates_reversed"),
        ({"account_currency": "EUR"}, CandlesUnusable, "conversion.no_rate"),
        ({"symbols": (SYMBOL, "ETHUSDT")}, NotFound, "candles.unknown_symbol"),
        ({"initial_capital": "0"}, InvalidInput, "capital.not_positive"),
    ],
)
async def test_submit_when_the_request_cannot_run_then_it_is_refused_and_nothing_is_stored(
    stocked: Pool, changes: dict[str, Any], error: type[Exception], code: str
) -> None:
    """Everything that needs no candle is checked before a run is accepted."""
    with pytest.raises(error) as caught:
        await queue.submit(stocked, _request(**changes), owner="local")
    assert getattr(caught.value, "code", "") == code
    assert (await run_rows.count_active(stocked)).queued == 0


async def test_submit_when_a_key_comes_again_then_the_same_run_answers(stocked: Pool) -> None:
    """Same key and request: one run. Same key, other request: refused."""
    first = await queue.submit(stocked, _request(), owner="local", idempotency_key="k1")
    again = await queue.submit(stocked, _request(), owner="local", idempotency_key="k1")
    assert again.id == first.id
    assert (await run_rows.count_active(stocked)).queued == 1
    with pytest.raises(Conflict) as caught:
        await queue.submit(stocked, _request(seed=1), owner="local", idempotency_key="k1")
    assert caught.value.code == "idempotency.key_reused"


async def test_submit_when_the_queue_is_full_then_unavailable(stocked: Pool) -> None:
    """A queue has a limit; beyond it the client is told to come again."""
    run = await queue.submit(stocked, _request(), owner="local", max_queue=1)
    assert await queue.position(stocked, run.id) == 1
    with pytest.raises(Unavailable) as caught:
        await queue.submit(stocked, _request(), owner="local", max_queue=1)
    assert caught.value.code == "queue.full"
