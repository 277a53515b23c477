"""Accepting, cancelling and repeating runs: what the API asks of the orchestrator.

Accepted means committed: one transaction holds the idempotency key, the run's row and its job. Before
that everything is checked that needs no candle: the strategy compiles for this symbol and timeframe, both
are known, capital and leverage fit, the queue has room. Imports neither Numba nor TA-Lib.

Submit, in order:

1. key:      the same key gives the same run                store/idempotency_rows
2. text:     the strategy's text, pinned by revision        store/strategy_rows
3. market:   instruments and series, with the overrides     store/instrument_rows, series_rows, run_terms
4. plan:     for each symbol the text compiles, terms fit   strategy/compiler, account_legs, run_terms
5. room:     the queue is not full                          store/run_rows
6. row, job: queued                                         store/run_rows, jobs
"""

import dataclasses
import hashlib
import uuid
from collections.abc import Mapping
from uuid import UUID

import msgspec

from sptraderb.domain.backtest import (
    BacktestRequest,
    Move,
    Run,
    RunState,
    require_move,
    require_symbols,
)
from sptraderb.domain.costs import Costs
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import Conflict, InvalidInput, Unavailable
from sptraderb.orchestrator.account_legs import account_legs
from sptraderb.orchestrator.component_policy import OFF, ComponentPolicy, require_allowed
from sptraderb.orchestrator.conversion_data import find_route, pinned_to
from sptraderb.orchestrator.progress import notice_text
from sptraderb.orchestrator.run_settling import BACKTEST
from sptraderb.orchestrator.run_terms import run_instrument, run_terms
from sptraderb.store import idempotency_rows, jobs, result_rows, run_rows, strategy_rows
from sptraderb.store.instrument_rows import read_instrument
from sptraderb.store.listen import CANCEL_CHANNEL, PROGRESS_CHANNEL, notify
from sptraderb.store.pool import Connection, Pool, transaction
from sptraderb.store.series_rows import find_revision
from sptraderb.strategy.compiler import StrategyTarget, compile_strategy
from sptraderb.strategy.header import read_header


async def submit(
    pool: Pool,
    request: BacktestRequest,
    *,
    owner: str,
    idempotency_key: str | None = None,
    max_queue: int | None = None,
    policy: ComponentPolicy = OFF,
) -> Run:
    """Check a request and accept it as a run.

    Parameters
    ----------
    pool : Pool
        Where to store it.
    request : BacktestRequest
        As given: with ``strategy_text`` empty the stored strategy of that name is taken, as it is now.
    owner : str
        Whose run it becomes.
    idempotency_key : str, optional
        The same key with the same request gives the run made first, for 24 hours.
    max_queue : int, optional
        Most runs that may wait; None = no limit.
    policy : ComponentPolicy
        Whether strategies may bring their own Python.

    Returns
    -------
    Run
        Queued, or the one made earlier under the key.

    Raises
    ------
    Conflict
        ``idempotency.key_reused``.
    NotFound
        ``strategy.unknown``, ``instrument.unknown``, ``candles.unknown_symbol``, ``candles.too_coarse``.
    StrategyInvalid
        With every fault.
    InvalidInput
        ``run.dates_reversed``, ``python.not_enabled``, and those of `account_legs` and `run_terms`.
    Unavailable
        ``queue.full``.
    """
    body_hash = hashlib.sha256(msgspec.json.encode(request, order="deterministic")).hexdigest()
    async with transaction(pool) as connection:
        if idempotency_key is not None:
            known = await idempotency_rows.find_start(connection, owner=owner, key=idempotency_key)
            if known is not None:
                _require_same_body(known.body_hash, body_hash, idempotency_key)
                return await run_rows.read_run(connection, known.entity_id, owner=owner)
        pinned = _plainest(await _with_text(connection, request, owner=owner))
        await _require_runnable(connection, pinned, policy)
        await _require_room(connection, max_queue)
        run = await _insert(connection, pinned, owner=owner)
        if idempotency_key is not None:
            await idempotency_rows.insert_start(
                connection, owner=owner, key=idempotency_key, body_hash=body_hash, entity_id=run.id
            )
    return run


async def cancel(pool: Pool, run_id: UUID, *, owner: str) -> Run:
    """Cancel a run: a waiting one at once, a running one by its worker within a second.

    Parameters
    ----------
    pool : Pool
        Where it is stored.
    run_id : UUID
        Which.
    owner : str
        Whose it must be.

    Returns
    -------
    Run
        Cancelled, or running with ``cancel_requested``.

    Raises
    ------
    NotFound
        ``run.not_found``.
    Conflict
        ``run.wrong_state`` if it is completed or failed.
    """
    async with transaction(pool) as connection:
        before = await run_rows.read_run(connection, run_id, owner=owner)
        if before.state is RunState.CANCELLED:
            return before
        require_move(before.state, Move.CANCEL)
        run = await run_rows.request_cancel(connection, run_id, owner=owner)
        if run.state is RunState.RUNNING:
            await notify(connection, CANCEL_CHANNEL, str(run_id))
        elif run.state is RunState.CANCELLED:
            await jobs.withdraw(connection, kind=BACKTEST, entity_id=run_id)
            await notify(connection, PROGRESS_CHANNEL, notice_text(run_id, run.state.status, run.progress))
        else:
            # It ended between the two statements.
            require_move(run.state, Move.CANCEL)
    return run


async def replay(
    pool: Pool,
    run_id: UUID,
    *,
    owner: str,
    max_queue: int | None = None,
    policy: ComponentPolicy = OFF,
) -> Run:
    """Run a completed run again, on the same text, parameters and candles: the digest must be the same.

    Parameters
    ----------
    pool : Pool
        Where it is stored.
    run_id : UUID
        The run to repeat.
    owner : str
        Whose it must be, and whose the new one is.
    max_queue, policy
        As for `submit`.

    Returns
    -------
    Run
        Queued, pinned to the data revision in the manifest.

    Raises
    ------
    NotFound
        ``run.not_found``.
    Conflict
        ``run.not_finished`` if it has no result yet, ``run.no_result`` if it never will.
    """
    run = await run_rows.read_run(pool, run_id, owner=owner)
    request = await pinned_request(pool, run)
    async with transaction(pool) as connection:
        await _require_runnable(connection, request, policy)
        await _require_room(connection, max_queue)
        return await _insert(connection, request, owner=owner)


async def pinned_request(pool: Pool, run: Run) -> BacktestRequest:
    """Return a run's request with the candles pinned to the revision it read.

    Raises
    ------
    Conflict
        ``run.not_finished``, ``run.no_result``.
    """
    if run.state is not RunState.COMPLETED:
        code = "run.no_result" if run.state.is_final else "run.not_finished"
        raise Conflict(code, f"a run must be completed to be repeated, was {run.state}", run=str(run.id))
    document = result_rows.unpack_document(await result_rows.read_document(pool, run.id))
    manifest = msgspec.json.decode(document, type=_StoredManifest).manifest
    found = {symbol: data.revision for symbol, data in manifest.data_by_symbol.items()}
    request = dataclasses.replace(
        run.request,
        data_revision=None if found else manifest.data.revision,
        data_revisions={symbol: revision for symbol, revision in found.items() if revision is not None},
    )
    legs = [leg for conversion in manifest.conversions for leg in conversion.route]
    return pinned_to(request, {leg.pair: leg.revision for leg in legs})


async def position(pool: Pool, run_id: UUID) -> int | None:
    """Return a waiting run's place in the queue, 1 for the next; None if it does not wait."""
    return await run_rows.queue_position(pool, run_id)


class _StoredData(msgspec.Struct):
    revision: int | None = None


class _StoredLeg(msgspec.Struct):
    pair: str
    revision: int | None = None


class _StoredConversion(msgspec.Struct):
    route: tuple[_StoredLeg, ...] = ()


class _StoredFacts(msgspec.Struct):
    data: _StoredData
    data_by_symbol: Mapping[str, _StoredData] = {}
    conversions: tuple[_StoredConversion, ...] = ()


class _StoredManifest(msgspec.Struct):
    manifest: _StoredFacts


def _require_same_body(stored_hash: str, body_hash: str, key: str) -> None:
    if stored_hash != body_hash:
        raise Conflict(
            "idempotency.key_reused",
            f"an Idempotency-Key must come with the same request again, `{key[:40]}` came with another",
        )


async def _with_text(connection: Connection, request: BacktestRequest, *, owner: str) -> BacktestRequest:
    if request.strategy_text:
        name = read_header(request.strategy_text).name
        return dataclasses.replace(request, strategy_name=name, strategy_revision=None)
    strategy = await strategy_rows.read_strategy(connection, request.strategy_name, owner=owner)
    return dataclasses.replace(
        request,
        strategy_name=strategy.name,
        strategy_text=strategy.text or "",
        strategy_revision=strategy.revision,
    )


def _plainest(request: BacktestRequest) -> BacktestRequest:
    """Return a request for one symbol with that symbol's costs as its only ones."""
    if len(request.symbols) != 1 or not request.symbol_costs:
        return request
    costs = request.costs.overridden_by(request.symbol_costs.get(request.symbols[0], Costs()))
    return dataclasses.replace(request, costs=costs, symbol_costs={})


async def _require_runnable(
    connection: Connection, request: BacktestRequest, policy: ComponentPolicy
) -> None:
    require_symbols(request.symbols)
    if request.start_s >= request.end_s:
        raise InvalidInput(
            "run.dates_reversed",
            f"`end_date` must be after `start_date`, was {request.end_s} for start {request.start_s} (Unix)",
        )
    timeframe = parse_timeframe(request.timeframe)
    instruments = []
    for symbol in request.symbols:
        await find_revision(connection, symbol, timeframe)
        instruments.append(run_instrument(await read_instrument(connection, symbol), request))
    legs = account_legs(request, instruments, timeframe)
    routed = {legs.currency}
    for own, instrument in zip(legs.requests, instruments, strict=True):
        target = StrategyTarget(timeframe=timeframe, instrument=instrument)
        plan = compile_strategy(request.strategy_text, parameters=request.parameters, target=target)
        require_allowed(plan, policy)
        run_terms(own, plan, instrument, start_bar=0, decimals=legs.money_decimals)
        if instrument.quote not in routed:
            await find_route(connection, instrument.quote, legs.currency, timeframe)
            routed.add(instrument.quote)


async def _require_room(connection: Connection, max_queue: int | None) -> None:
    if max_queue is None:
        return
    n_queued = (await run_rows.count_active(connection)).queued
    if n_queued >= max_queue:
        raise Unavailable(
            "queue.full", f"at most {max_queue} runs may wait, {n_queued} do", hint="try again later"
        )


async def _insert(connection: Connection, request: BacktestRequest, *, owner: str) -> Run:
    run = await run_rows.insert_run(connection, uuid.uuid4(), request, owner=owner)
    await jobs.enqueue(connection, kind=BACKTEST, entity_id=run.id)
    return run
