"""A strategy with Python of its own, from the request to the stored result and its check."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from sptraderb.candles.import_options import ImportOptions
from sptraderb.domain.backtest import BacktestRequest, Run, RunState
from sptraderb.errors import InvalidInput
from sptraderb.orchestrator import queue
from sptraderb.orchestrator.component_policy import ComponentPolicy
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.orchestrator.verify import verify_run
from sptraderb.store import result_rows, run_rows
from sptraderb.store.pool import Pool
from sptraderb.testing.eventually import eventually
from sptraderb.testing.run_requests import build_request
from sptraderb.testing.sample_candles import FIRST, SYMBOL, write_candles
from sptraderb.testing.worker_processes import start_worker

STRATEGY = """\
name: own_momentum
python:
  momentum: {{component: own.{name}, parameters: {{period: 10}}, warm_up: 10}}
entry:
  long: {{when: "crosses_above(momentum, 0)", size: 50%}}
exit:
  when: crosses_below(momentum, 0)
"""
OWN = """
import numpy as np

class Momentum:
    def __init__(self, period):
        self.period = period

    def calculate(self, data):
        return np.concatenate([np.zeros(self.period), data.close[self.period:] - data.close[:-self.period]])

class Peeking(Momentum):
    def calculate(self, data):
        return np.roll(super().calculate(data), -1)

class Broken(Momentum):
    def calculate(self, data):
        return data.closes
"""
NATIVE = """\
name: own_momentum
entry:
  long: {when: "crosses_above(close - close[10], 0)", size: 50%}
exit:
  when: crosses_below(close - close[10], 0)
"""


def _request(text: str) -> BacktestRequest:
    return build_request(
        strategy_name="",
        strategy_text=text,
        symbols=(SYMBOL,),
        start_s=int((FIRST + timedelta(days=10)).timestamp()),
        end_s=int((FIRST + timedelta(days=80)).timestamp()),
        parameters={},
        initial_capital="100000",
    )


@pytest_asyncio.fixture
async def stocked(pool: Pool, tmp_path: Path) -> AsyncIterator[Pool]:
    """Give a database with two thousand hourly bars."""
    file = write_candles(tmp_path / "BTCUSDT_1h.csv")
    options = ImportOptions(symbol=SYMBOL, timeframe="1h", timezone="UTC")
    await import_candles(pool, file, options=options)
    yield pool


async def _ended(pool: Pool, run: Run) -> Run:
    async def _final() -> Run | None:
        found = await run_rows.read_run(pool, run.id, owner="local")
        return found if found.state.is_final else None

    return await eventually(_final, within_s=60.0)


async def _document(pool: Pool, run: Run) -> dict[str, Any]:
    return msgspec.json.decode(result_rows.unpack_document(await result_rows.read_document(pool, run.id)))


async def test_run_when_it_brings_python_then_computed_checked_and_told(
    stocked: Pool, database_url: str, tmp_path: Path
) -> None:
    """A component gives the digest of the same rule in the language; one that peeks or breaks is told."""
    folder = tmp_path / "components"
    folder.mkdir()
    (folder / "own.py").write_text(OWN)
    policy = ComponentPolicy(mode="confined", folder=str(folder))

    async def run(text: str) -> Run:
        return await _ended(
            stocked, await queue.submit(stocked, _request(text), owner="local", policy=policy)
        )

    async with start_worker(
        database_url, tmp_path, child_module="sptraderb.orchestrator.child", python_dir=folder
    ):
        own, native = await run(STRATEGY.format(name="Momentum")), await run(NATIVE)
        assert own.error is None
        assert own.digest == native.digest
        document = await _document(stocked, own)
        assert document["total_trades"] > 5
        assert document["look_ahead"] == {"status": "none", "first_bar": None}
        assert len(document["manifest"]["python"]["own"]) == 64
        assert (await _document(stocked, native))["manifest"]["python"] == {}

        peeking = await _document(stocked, await run(STRATEGY.format(name="Peeking")))
        assert peeking["look_ahead"]["status"] == "suspected"
        assert peeking["look_ahead"]["first_bar"] < peeking["equity"][20][0]
        assert "python.look_ahead_suspected" in [note["code"] for note in peeking["notes"]]

        broken = await run(STRATEGY.format(name="Broken"))
        assert broken.state is RunState.FAILED
        assert broken.error is not None
        assert broken.error.code == "python.failed"
        assert "return data.closes" in str(broken.error.context["traceback"])
    check = await verify_run(stocked, own.id, owner="local", policy=policy)
    assert check.equal


async def test_submit_when_python_is_off_then_refused(stocked: Pool) -> None:
    """A strategy's Python needs the operator's word before anything is stored."""
    with pytest.raises(InvalidInput) as raised:
        await queue.submit(stocked, _request(STRATEGY.format(name="Momentum")), owner="local")
    assert raised.value.code == "python.not_enabled"
