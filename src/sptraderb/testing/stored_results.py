"""Finished runs put straight into the store, for tests that read results and do not care how they came."""

import uuid
from collections.abc import Iterator
from uuid import UUID

import msgspec
import numpy as np

from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.outcome import ExitReason, LedgerKind
from sptraderb.domain.result_columns import ROWS_PER_CHUNK, STORED_COLUMNS, ColumnChunk
from sptraderb.store import run_moves, run_rows
from sptraderb.store.pool import Pool
from sptraderb.store.result_rows import StoredResult, pack_chunks, pack_document
from sptraderb.testing.run_requests import build_request

FIRST_BAR_S = 1_483_315_200
DIGEST = "ab" * 32
UNITS = {
    "symbol": "EURUSD",
    "currency": "USD",
    "price_scale": 5,
    "quantity_scale": 0,
    "money_decimals": 6,
    "point_value": 1,
    "rule_names": ["long"],
}
TRADE = {
    "id": 1,
    "symbol": "EURUSD",
    "side": "long",
    "entry_time": "2017-01-02T00:00:00Z",
    "entry_price": "1.10000",
    "exit_time": "2017-01-02T01:00:00Z",
    "exit_price": "1.10101",
    "quantity": "100000",
    "pnl": "100.50",
    "pnl_percent": 0.00091,
    "exit_reason": "take_profit",
    "holding_period_hours": 1.0,
    "bars": 2,
    **dict.fromkeys(("spread", "slippage", "swap", "funding", "conversion"), "0.00"),
    "commission": "-0.50",
    "ambiguous": False,
    "entry_rule": "long",
}
SHARPE = {
    "group": "ratios",
    "value": None,
    "reason": "too_few_days",
    "convention": "ddof 1",
    "unit": "ratio",
    "definition": "sharpe-1",
}


def small_document(run_id: UUID, *, partial: bool = False) -> bytes:
    """Return a document with the figures clients read and a few blocks."""
    return msgspec.json.encode(
        {
            "backtest_id": str(run_id),
            "strategy_name": "ma_crossover",
            "symbol": "EURUSD",
            "timeframe": "1h",
            "partial": partial,
            "start_capital": "10000.00",
            "end_capital": "10100.50",
            "total_trades": 1,
            "winning_trades": 1,
            "losing_trades": 0,
            "total_pnl": "100.50",
            "max_drawdown": 0.01,
            "sharpe_ratio": None,
            "signals_generated": 3,
            "completed_trades": [TRADE],
            "daily_returns": [["2017-01-02T22:00:00Z", 0.01005]],
            "metrics": {"sharpe": SHARPE},
            "units": UNITS,
            "equity": [["2017-01-02T00:00:00Z", "10000.00"], ["2017-01-02T01:00:00Z", "10100.50"]],
            "drawdown": [["2017-01-02T00:00:00Z", 0.0], ["2017-01-02T01:00:00Z", 0.01]],
            "ledger": {"totals": {"deposit": "10000.00", "price_pnl": "101.00", "commission": "-0.50"}},
            "bounds": {"ambiguous_trades": 0},
            "manifest": {"manifest_version": 1, "data": {"revision": 1}},
            "notes": [],
            "digest": DIGEST,
        }
    )


def counted_chunks(table: str, n_rows: int) -> Iterator[ColumnChunk]:
    """Yield a table whose rows can be told apart: times an hour apart, amounts that count up."""
    rows = np.arange(n_rows, dtype=np.int64)
    special = {
        "time_s": FIRST_BAR_S + rows * 3600,
        "entry_time_s": FIRST_BAR_S + rows * 3600,
        "exit_time_s": FIRST_BAR_S + rows * 3600 + 7200,
        "side": np.ones_like(rows),
        "exit_reason": np.full_like(rows, ExitReason.TAKE_PROFIT),
        "kind": np.where(rows == 0, LedgerKind.DEPOSIT, LedgerKind.PRICE_PNL),
        "entry_price_ticks": 110_000 + rows,
        "quantity_steps": np.full_like(rows, 1000),
        "equity_minor": 10_000_000_000 + rows,
        "trough_minor": 10_000_000_000 + rows,
        "peak_minor": 10_000_000_000 + rows,
        "amount_minor": rows,
        "net_pnl_minor": rows * 1_000_000,
    }
    columns = [special.get(name, np.zeros_like(rows)) for name in STORED_COLUMNS[table]]
    most = ROWS_PER_CHUNK[table]
    for number, first in enumerate(range(0, n_rows, most)):
        parts = [column[first : first + most] for column in columns]
        data = b"".join(np.diff(part, prepend=np.int64(0)).astype("<i8").tobytes() for part in parts)
        yield ColumnChunk(table=table, number=number, first_row=first, n_rows=len(parts[0]), data=data)


async def store_finished_run(
    pool: Pool,
    *,
    n_trades: int = 3,
    n_bars: int = 10,
    cancelled: bool = False,
    complete: bool = False,
    owner: str = "local",
) -> UUID:
    """Store a run with a result; a cancelled one keeps a partial result.

    Parameters
    ----------
    pool : Pool
        Of a migrated database.
    n_trades, n_bars : int
        Rows of its tables.
    cancelled : bool
        Whether it was cancelled while it ran.
    complete : bool
        Whether its last bar was done before the cancel came.
    owner : str
        Whose it is.
    """
    run_id = uuid.uuid4()
    chunks = [
        *counted_chunks("trades", n_trades),
        *counted_chunks("equity", n_bars),
        *counted_chunks("ledger", n_trades + 1),
    ]
    document = pack_document(small_document(run_id, partial=cancelled and not complete))
    result = StoredResult(summary=b"{}", document=document, digest=DIGEST, chunks=pack_chunks(chunks))
    async with pool.acquire() as connection:
        await run_rows.insert_run(connection, run_id, build_request(), owner=owner)
        run = await run_moves.claim_run(connection, run_id, worker_id=uuid.uuid4())
        assert run is not None
        if cancelled:
            await run_rows.request_cancel(connection, run_id, owner=owner)
            await run_moves.confirm_cancel(connection, run_id, attempt=run.attempt, result=result)
        else:
            await run_moves.finish_run(connection, run_id, result, attempt=run.attempt)
    return run_id


async def store_run_of(pool: Pool, request: BacktestRequest, result: StoredResult) -> UUID:
    """Store a completed run of a request with the result it gave."""
    run_id = uuid.uuid4()
    async with pool.acquire() as connection:
        await run_rows.insert_run(connection, run_id, request, owner="local")
        run = await run_moves.claim_run(connection, run_id, worker_id=uuid.uuid4())
        assert run is not None
        await run_moves.finish_run(connection, run_id, result, attempt=run.attempt)
    return run_id
