"""A worker's moves: the SQL is the table of moves, every write is fenced, results are all or nothing."""

import uuid
from collections.abc import Awaitable, Callable

import pytest

from sptraderb.domain.backtest import MOVES, Move, Phase, Progress, Run, RunError, RunState
from sptraderb.store import result_rows, run_moves, run_rows
from sptraderb.store.pool import Pool
from sptraderb.testing.run_requests import build_request, build_result

_ERROR = RunError(code="x.y", message="it must not fail")


async def _cancel(pool: Pool, run: Run) -> Run | None:
    # A user cancels a waiting run, a worker one it holds.
    if run.state is RunState.RUNNING:
        return await run_moves.confirm_cancel(pool, run.id, attempt=run.attempt)
    async with pool.acquire() as connection:
        after = await run_rows.request_cancel(connection, run.id, owner="local")
    return None if after.state is run.state else after


async def _give_up(pool: Pool, run: Run) -> Run | None:
    await pool.execute("UPDATE sptraderb.backtest_runs SET n_lost = 2")
    return await run_moves.mark_lost(pool, run.id, attempt=run.attempt)


DOING: dict[Move, Callable[[Pool, Run], Awaitable[Run | None]]] = {
    Move.CLAIM: lambda pool, run: run_moves.claim_run(pool, run.id, worker_id=uuid.uuid4()),
    Move.FINISH: lambda pool, run: run_moves.finish_run(pool, run.id, build_result(), attempt=run.attempt),
    Move.FAIL: lambda pool, run: run_moves.fail_run(pool, run.id, _ERROR, attempt=run.attempt),
    Move.CANCEL: _cancel,
    Move.LOSE: lambda pool, run: run_moves.mark_lost(pool, run.id, attempt=run.attempt),
    Move.GIVE_UP: _give_up,
    Move.HAND_BACK: lambda pool, run: run_moves.hand_back(pool, run.id, attempt=run.attempt),
}


async def _insert(pool: Pool) -> Run:
    async with pool.acquire() as connection:
        return await run_rows.insert_run(connection, uuid.uuid4(), build_request(), owner="local")


async def _running(pool: Pool) -> Run:
    run = await run_moves.claim_run(pool, (await _insert(pool)).id, worker_id=uuid.uuid4())
    assert run is not None
    return run


async def _in_state(pool: Pool, state: RunState) -> Run:
    run = await _insert(pool)
    path = {
        RunState.QUEUED: [],
        RunState.RUNNING: [Move.CLAIM],
        RunState.COMPLETED: [Move.CLAIM, Move.FINISH],
        RunState.FAILED: [Move.CLAIM, Move.FAIL],
        RunState.CANCELLED: [Move.CLAIM, Move.CANCEL],
    }[state]
    for move in path:
        moved = await DOING[move](pool, run)
        assert moved is not None
        run = moved
    return run


async def _flag(pool: Pool, run: Run) -> None:
    async with pool.acquire() as connection:
        flagged = await run_rows.request_cancel(connection, run.id, owner="local")
    assert flagged.state is RunState.RUNNING
    assert flagged.cancel_requested


@pytest.mark.parametrize("move", list(Move))
@pytest.mark.parametrize("state", list(RunState))
async def test_move_when_made_in_a_state_then_leads_where_the_table_says(
    pool: Pool, state: RunState, move: Move
) -> None:
    """The SQL moves a run exactly as `domain.backtest.MOVES` does, and else leaves it alone."""
    before = await _in_state(pool, state)
    moved = await DOING[move](pool, before)
    after = await run_rows.read_run(pool, before.id, owner=None)
    wanted = MOVES.get((state, move))
    if wanted is None:
        assert moved is None
        assert after.state is state
        assert after.progress.event_id == before.progress.event_id
    else:
        assert moved == after
        assert after.state is wanted
        assert after.progress.event_id > before.progress.event_id
        assert (after.completed_at is not None) == wanted.is_final


@pytest.mark.parametrize("move", [Move.FINISH, Move.FAIL, Move.CANCEL, Move.LOSE, Move.HAND_BACK])
async def test_move_when_claim_was_lost_then_it_changes_nothing(pool: Pool, move: Move) -> None:
    """A worker taken for dead, whose run another has, cannot write any more."""
    zombie = await _running(pool)
    await run_moves.mark_lost(pool, zombie.id, attempt=zombie.attempt)
    current = await run_moves.claim_run(pool, zombie.id, worker_id=uuid.uuid4())
    assert current is not None
    assert await DOING[move](pool, zombie) is None
    assert not await run_moves.write_progress(pool, zombie.id, Progress(percent=99.0), attempt=zombie.attempt)
    assert await run_rows.read_run(pool, zombie.id, owner=None) == current
    assert await run_moves.finish_run(pool, current.id, build_result(), attempt=current.attempt) is not None


async def test_hand_back_when_claimed_again_then_old_attempt_stays_fenced(pool: Pool) -> None:
    """Handing back counts no loss, and yet its attempt number is never used again."""
    first = await _running(pool)
    back = await run_moves.hand_back(pool, first.id, attempt=first.attempt)
    assert back is not None
    assert back.n_lost == 0
    second = await run_moves.claim_run(pool, first.id, worker_id=uuid.uuid4())
    assert second is not None
    assert second.attempt > first.attempt
    assert not await run_moves.write_progress(pool, first.id, Progress(), attempt=first.attempt)


async def test_mark_lost_when_third_time_then_run_fails(pool: Pool) -> None:
    """Two lost workers are survived, the third fails the run with `run.worker_lost`."""
    run = await _running(pool)
    for n_lost in (1, 2):
        lost = await run_moves.mark_lost(pool, run.id, attempt=run.attempt)
        assert lost is not None
        assert (lost.state, lost.n_lost) == (RunState.QUEUED, n_lost)
        claimed = await run_moves.claim_run(pool, run.id, worker_id=uuid.uuid4())
        assert claimed is not None
        run = claimed
    failed = await run_moves.mark_lost(pool, run.id, attempt=run.attempt)
    assert failed is not None
    assert failed.state is RunState.FAILED
    assert failed.error is not None
    assert failed.error.code == "run.worker_lost"


@pytest.mark.parametrize("move", [Move.FINISH, Move.FAIL, Move.LOSE, Move.HAND_BACK, Move.CANCEL])
async def test_move_when_cancel_was_acknowledged_then_run_is_cancelled(pool: Pool, move: Move) -> None:
    """Whoever was told that a run is being cancelled sees it cancelled, however its worker ends."""
    run = await _running(pool)
    await _flag(pool, run)
    after = await DOING[move](pool, run)
    assert after is not None
    assert after.state is RunState.CANCELLED
    assert after.error is None
    assert after.has_result == (move is Move.FINISH)


async def test_write_progress_when_late_then_event_number_never_goes_back(pool: Pool) -> None:
    """Progress arrives in the row with the largest event number seen."""
    run = await _running(pool)
    wanted = Progress(
        phase=Phase.SIMULATING,
        percent=40.5,
        event_id=999_999,
        n_trades=3,
        equity_time_s=5,
        equity="1.50",
        eta_s=2.5,
    )
    assert await run_moves.write_progress(pool, run.id, wanted, attempt=run.attempt)
    assert (await run_rows.read_run(pool, run.id, owner=None)).progress == wanted
    assert await run_moves.write_progress(pool, run.id, Progress(event_id=4), attempt=run.attempt)
    assert (await run_rows.read_run(pool, run.id, owner=None)).progress.event_id == 999_999


async def test_finish_run_when_stored_then_document_and_columns_come_back(pool: Pool) -> None:
    """The document's bytes are those given, key order included, and pages read only their chunks."""
    run = await _running(pool)
    finished = await run_moves.finish_run(pool, run.id, build_result(n_chunks=5), attempt=run.attempt)
    assert finished is not None
    assert (finished.has_result, finished.digest) == (True, "ab" * 32)
    assert result_rows.unpack_document(await result_rows.read_document(pool, run.id)) == b'{"z":1,"a":2}'
    assert await result_rows.read_summary(pool, run.id) == b'{"total_trades": 20}'
    assert await result_rows.count_rows(pool, run.id, "trades") == 20
    assert await result_rows.count_rows(pool, run.id, "equity") == 0
    page = await result_rows.read_columns(pool, run.id, "trades", first_row=7, limit=2)
    assert [chunk.number for chunk in page] == [1, 2]
    assert page[0].data[24:] == (7).to_bytes(8, "little")
    assert await result_rows.read_columns(pool, run.id, "trades", first_row=20, limit=5) == []


async def test_finish_run_when_writing_fails_then_run_still_runs(pool: Pool) -> None:
    """State and result are one transaction: a broken result leaves neither."""
    run = await _running(pool)
    broken = build_result(n_chunks=2)
    double = type(broken)(
        summary=broken.summary, document=broken.document, digest=broken.digest, chunks=[*broken.chunks] * 2
    )
    with pytest.raises(Exception, match="run_columns_pkey"):
        await run_moves.finish_run(pool, run.id, double, attempt=run.attempt)
    after = await run_rows.read_run(pool, run.id, owner=None)
    assert after == run
    assert await pool.fetchval("SELECT count(*) FROM sptraderb.run_documents") == 0


async def test_confirm_cancel_when_partial_result_then_it_is_kept(pool: Pool) -> None:
    """A cancelled run keeps what it had computed."""
    run = await _running(pool)
    cancelled = await run_moves.confirm_cancel(pool, run.id, attempt=run.attempt, result=build_result())
    assert cancelled is not None
    assert cancelled.has_result
    assert await result_rows.read_document(pool, run.id) == build_result().document


def test_pack_document_when_packed_twice_then_bytes_are_equal() -> None:
    """A document packs to the same bytes at any time."""
    assert result_rows.pack_document(b"x" * 5000) == result_rows.pack_document(b"x" * 5000)
