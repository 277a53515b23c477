"""Runs as rows: accepted, read by their owner only, listed in pages, cancelled, deleted."""

import uuid
from datetime import timedelta

import pytest

from sptraderb.domain.backtest import Run, RunError, RunState
from sptraderb.errors import Conflict, InvalidInput, NotFound
from sptraderb.store import result_rows, run_moves, run_rows
from sptraderb.store.pool import Pool
from sptraderb.store.run_rows import RunFilter
from sptraderb.testing.run_requests import build_request, build_result


async def _insert(pool: Pool, *, owner: str = "local", **changes: object) -> Run:
    async with pool.acquire() as connection, connection.transaction():
        return await run_rows.insert_run(connection, uuid.uuid4(), build_request(**changes), owner=owner)


async def _complete(pool: Pool, run: Run) -> None:
    claimed = await run_moves.claim_run(pool, run.id, worker_id=uuid.uuid4())
    assert claimed is not None
    await run_moves.finish_run(pool, run.id, build_result(), attempt=claimed.attempt)


async def test_insert_run_when_read_back_then_request_is_the_same(pool: Pool) -> None:
    """A request survives its way through the row."""
    request = build_request(start_s=-86_400, initial_capital="12345678901234.123456")
    async with pool.acquire() as connection:
        run = await run_rows.insert_run(connection, uuid.uuid4(), request, owner="local")
    assert run.request == request
    assert (run.state, run.attempt, run.n_lost) == (RunState.QUEUED, 0, 0)
    assert await run_rows.read_run(pool, run.id, owner="local") == run


async def test_read_run_when_anothers_then_not_found(pool: Pool) -> None:
    """Another user's run does not exist; a worker sees all."""
    run = await _insert(pool, owner="ann")
    with pytest.raises(NotFound) as caught:
        await run_rows.read_run(pool, run.id, owner="bob")
    assert caught.value.code == "run.not_found"
    assert await run_rows.read_run(pool, run.id, owner=None) == run


async def test_public_view_when_queried_like_the_seed_then_it_answers(pool: Pool) -> None:
    """The seed's columns are there under the seed's name, and a waiting run reads `running`."""
    run = await _insert(pool)
    row = await pool.fetchrow(
        "SELECT id, strategy_name, symbol, timeframe, start_date, end_date, initial_capital, status, "
        "created_at, completed_at, result FROM public.backtest_runs"
    )
    assert row is not None
    assert (row["id"], row["status"], row["symbol"]) == (run.id, "running", "EURUSD")
    assert str(row["initial_capital"]) == "10000.00"
    assert row["start_date"].timestamp() == run.request.start_s


async def test_list_runs_when_paged_then_every_run_comes_once_newest_first(pool: Pool) -> None:
    """Pages cover all runs of the owner without double or gap, equal creation times too."""
    runs = [await _insert(pool) for _ in range(7)]
    await _insert(pool, owner="ann")
    await pool.execute(
        "UPDATE sptraderb.backtest_runs SET created_at = '2024-01-01' WHERE id = ANY($1)",
        [run.id for run in runs[:4]],
    )
    seen, cursor = [], None
    while True:
        page = await run_rows.list_runs(pool, owner="local", limit=3, cursor=cursor)
        seen += page.runs
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == 7
    assert {run.request.strategy_text for run in seen} == {""}
    assert {run.id for run in seen} == {run.id for run in runs}
    assert seen == sorted(seen, key=lambda run: (run.created_at, run.id), reverse=True)


async def test_list_runs_when_filtered_then_only_matching_runs_come(pool: Pool) -> None:
    """Strategy, symbol, outward status and tag narrow a list."""
    done = await _insert(pool, strategy_name="rsi", tags=("a", "b"))
    await _complete(pool, done)
    await _insert(pool, symbols=("GBPUSD",), tags=())

    async def ids(**fields: str) -> list[uuid.UUID]:
        page = await run_rows.list_runs(pool, owner="local", run_filter=RunFilter(**fields))
        return [run.id for run in page.runs]

    assert await ids(strategy="rsi") == [done.id]
    assert await ids(symbol="EURUSD") == [done.id]
    assert await ids(status="completed") == [done.id]
    assert await ids(tag="b") == [done.id]
    assert len(await ids(status="running")) == 1
    assert await ids(status="running", tag="b") == []


@pytest.mark.parametrize("cursor", ["", "x", "bm9wZQ", "é", "W10"])
async def test_list_runs_when_cursor_is_made_up_then_it_is_refused(pool: Pool, cursor: str) -> None:
    """Only a cursor that a list gave is taken."""
    with pytest.raises(InvalidInput) as caught:
        await run_rows.list_runs(pool, owner="local", cursor=cursor)
    assert caught.value.code == "cursor.invalid"


async def test_request_cancel_when_queued_then_cancelled_at_once(pool: Pool) -> None:
    """A waiting run needs no worker to be cancelled."""
    run = await _insert(pool)
    async with pool.acquire() as connection:
        cancelled = await run_rows.request_cancel(connection, run.id, owner="local")
        again = await run_rows.request_cancel(connection, run.id, owner="local")
    assert cancelled.state is RunState.CANCELLED
    assert cancelled.completed_at is not None
    assert again == cancelled
    assert await run_moves.claim_run(pool, run.id, worker_id=uuid.uuid4()) is None


async def test_request_cancel_when_final_then_nothing_changes(pool: Pool) -> None:
    """A completed run stays completed."""
    run = await _insert(pool)
    await _complete(pool, run)
    before = await run_rows.read_run(pool, run.id, owner="local")
    async with pool.acquire() as connection:
        assert await run_rows.request_cancel(connection, run.id, owner="local") == before


async def test_delete_run_when_active_then_conflict_when_final_then_gone_with_result(pool: Pool) -> None:
    """A run can go when no worker writes into it, and its result goes with it."""
    run = await _insert(pool)
    with pytest.raises(Conflict) as caught:
        await run_rows.delete_run(pool, run.id, owner="local")
    assert caught.value.code == "run.wrong_state"
    await _complete(pool, run)
    with pytest.raises(NotFound):
        await run_rows.delete_run(pool, run.id, owner="ann")
    await run_rows.delete_run(pool, run.id, owner="local")
    with pytest.raises(Conflict) as missing:
        await result_rows.read_document(pool, run.id)
    assert missing.value.code == "run.no_result"
    assert await pool.fetchval("SELECT count(*) FROM sptraderb.run_columns") == 0


async def test_queue_position_when_runs_wait_then_counts_from_one(pool: Pool) -> None:
    """The oldest waiting run is next; a run that does not wait has no place."""
    first, second, third = [await _insert(pool) for _ in range(3)]
    await run_moves.claim_run(pool, first.id, worker_id=uuid.uuid4())
    assert await run_rows.queue_position(pool, first.id) is None
    assert await run_rows.queue_position(pool, second.id) == 1
    assert await run_rows.queue_position(pool, third.id) == 2
    active = await run_rows.count_active(pool, owner="local")
    assert (active.queued, active.running) == (2, 1)
    assert (await run_rows.count_active(pool, owner="ann")).queued == 0


async def test_prune_runs_when_old_then_deleted_when_active_then_kept(pool: Pool) -> None:
    """Retention looks at when a run ended; one that has not ended is never old."""
    old, recent, waiting = [await _insert(pool) for _ in range(3)]
    for run in (old, recent):
        await _complete(pool, run)
    await pool.execute(
        "UPDATE sptraderb.backtest_runs SET created_at = created_at - $1::interval", timedelta(days=90)
    )
    await pool.execute(
        "UPDATE sptraderb.backtest_runs SET completed_at = completed_at - $1::interval WHERE id = $2",
        timedelta(days=90),
        old.id,
    )
    assert await run_rows.prune_runs(pool, keep_days=30) == 1
    assert await run_rows.prune_runs(pool, keep_days=30) == 0
    page = await run_rows.list_runs(pool, owner="local")
    assert {run.id for run in page.runs} == {recent.id, waiting.id}


async def test_run_error_when_stored_then_read_back(pool: Pool) -> None:
    """A failed run carries code, sentence and facts."""
    run = await _insert(pool)
    claimed = await run_moves.claim_run(pool, run.id, worker_id=uuid.uuid4())
    assert claimed is not None
    error = RunError(code="candles.missing", message="there must be candles", context={"n": 0, "of": ["1h"]})
    failed = await run_moves.fail_run(pool, run.id, error, attempt=claimed.attempt)
    assert failed is not None
    assert failed.error == error
