"""A run whose account is in another currency, with costs of holding: stored, repeated, verified."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sptraderb.domain.backtest import Run, RunState
from sptraderb.errors import CandlesUnusable
from sptraderb.orchestrator import queue
from sptraderb.orchestrator.verify import verify_run
from sptraderb.store import result_rows, run_rows
from sptraderb.store.pool import Pool
from sptraderb.testing.eventually import eventually
from sptraderb.testing.run_requests import build_request
from sptraderb.testing.stored_candles import MONDAY_S, store_bars, wavy_bars
from sptraderb.testing.worker_processes import start_worker

N_BARS = 400
TEXT = """\
name: costly
entry:
  long: {when: "crosses_above(sma(close, 3), sma(close, 9))", size: 500%}
  short: {when: "crosses_below(sma(close, 3), sma(close, 9))", size: 500%}
exit: {stop_loss: 1%}
costs:
  commission: 0.002%
  spread: {22-6: 2 pips, default: 0.8 pips}
  slippage: 5% of range
  swap: {long: -0.6 points, short: 0.2 points}
  funding: 0.01% every 8h
  conversion_fee: 0.1%
"""


def _request(**changes: Any) -> Any:
    fields = {
        "strategy_name": "",
        "strategy_text": TEXT,
        "parameters": {},
        "start_s": MONDAY_S + 20 * 3600,
        "end_s": MONDAY_S + (N_BARS - 1) * 3600,
        "initial_capital": "1000000",
        "account_currency": "JPY",
    }
    return build_request(**fields | changes)


async def _ended(pool: Pool, run: Run) -> Run:
    async def _final() -> Run | None:
        found = await run_rows.read_run(pool, run.id, owner="local")
        return found if found.state.is_final else None

    return await eventually(_final, within_s=60.0)


async def test_run_when_the_account_is_in_yen_then_converted_recorded_and_verified(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """USD becomes JPY by the stored USDJPY closes; the oracle, from the same revisions, agrees (C5, M7)."""
    bars = wavy_bars(N_BARS)
    await store_bars(pool, bars)
    dearer = [(bar[0], *(price + 40_000 for price in bar[1:5]), bar[5]) for bar in bars]
    await store_bars(pool, dearer, symbol="USDJPY", revision=7)  # type: ignore[arg-type]

    async with start_worker(database_url, tmp_path, child_module="sptraderb.orchestrator.child"):
        run = await queue.submit(pool, _request(), owner="local")
        ended = await _ended(pool, run)
    assert ended.error is None
    assert ended.state is RunState.COMPLETED
    packed = await result_rows.read_document(pool, run.id)
    document = msgspec.json.decode(result_rows.unpack_document(packed))
    assert document["units"]["currency"] == "JPY"
    (conversion,) = document["conversions"]
    assert (conversion["from"], conversion["to"]) == ("USD", "JPY")
    (leg,) = conversion["route"]
    assert (leg["pair"], leg["inverse"], leg["revision"]) == ("USDJPY", False, 7)
    assert document["manifest"]["conversions"] == document["conversions"]
    totals = document["ledger"]["totals"]
    assert all(float(totals[kind]) != 0 for kind in ("swap", "funding", "conversion", "spread", "slippage"))
    assert document["conventions"]["account_currency"] == "JPY"
    pinned = await queue.pinned_request(pool, ended)
    assert pinned.conversion_revisions == {"USDJPY": 7}
    pins = await pool.fetch(
        "SELECT i.symbol, p.revision FROM sptraderb.revision_pins p"
        " JOIN sptraderb.instruments i ON i.id = p.instrument_id ORDER BY 1"
    )
    assert [tuple(pin) for pin in pins] == [("EURUSD", 1), ("USDJPY", 7)]
    check = await verify_run(pool, run.id, owner="local")
    assert (check.differences, check.equal) == ((), True)


async def test_submit_when_no_pair_converts_then_refused_with_the_pairs(pool: Pool) -> None:
    """No route is an error that names what was looked for, never a rate of 0 or 1 (C5)."""
    await store_bars(pool, wavy_bars(N_BARS))
    with pytest.raises(CandlesUnusable) as caught:
        await queue.submit(pool, _request(account_currency="CHF"), owner="local")
    assert caught.value.code == "conversion.no_rate"
    assert "USDCHF" in caught.value.context["pairs"]  # type: ignore[operator]
