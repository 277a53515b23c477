"""Repeating a stored run with the second engine: same text, same candles, Decimal instead of the kernel.

Light to import; the engines are loaded by `verify_run`, after the place of compiled kernels is chosen.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import msgspec

from sptraderb.candles.cache import CandleCache
from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.candle import Candles
from sptraderb.domain.digest import outcome_digest
from sptraderb.domain.portfolio_columns import account_chunks
from sptraderb.domain.portfolio_digest import portfolio_digest
from sptraderb.domain.result_columns import RESULT_TABLES, STORED_COLUMNS, ColumnChunk, column_chunks
from sptraderb.orchestrator.component_policy import OFF, ComponentPolicy
from sptraderb.orchestrator.conversion_data import LoadedConversion
from sptraderb.orchestrator.kernel_environment import open_kernel_cache, prepare_kernels
from sptraderb.orchestrator.manifest import candles_hash
from sptraderb.orchestrator.queue import pinned_request
from sptraderb.store import result_rows, run_rows
from sptraderb.store.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a repetition came to.

    Parameters
    ----------
    run_id : UUID
        The run.
    stored_digest, digest : str
        Of the stored result and of the repetition.
    equal : bool
        Whether they are the same.
    n_bars, n_trades : int
        Of the repetition.
    seconds : float
        How long it took.
    differences : tuple of str
        What differs, a sentence each; empty if equal.
    """

    run_id: UUID
    stored_digest: str
    digest: str
    equal: bool
    n_bars: int
    n_trades: int
    seconds: float
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repetition:
    """What the second engine came to, in the shape of what is stored."""

    digest: str
    n_bars: int
    n_trades: int
    candles: Sequence[Candles]
    conversions: Sequence[LoadedConversion]
    chunks: Iterable[ColumnChunk]


class _Data(msgspec.Struct):
    sha256: str = ""


class _Leg(msgspec.Struct):
    pair: str
    sha256: str = ""


class _Conversion(msgspec.Struct):
    route: tuple[_Leg, ...] = ()


class _Manifest(msgspec.Struct):
    data: _Data
    data_by_symbol: Mapping[str, _Data] = {}
    conversions: tuple[_Conversion, ...] = ()


class _Document(msgspec.Struct):
    manifest: _Manifest


async def verify_run(
    pool: Pool,
    run_id: UUID,
    *,
    owner: str,
    cache: CandleCache | None = None,
    data_dir: Path | None = None,
    policy: ComponentPolicy = OFF,
) -> Verification:
    """Compute a completed run again with the oracle, from its manifest, and compare every integer.

    Parameters
    ----------
    pool : Pool
        Where it is stored.
    run_id : UUID
        Which.
    owner : str
        Whose it must be.
    cache : CandleCache, optional
        For the candles.
    data_dir : Path, optional
        Where kernels are cached if they cannot be beside their source.
    policy : ComponentPolicy
        What the strategy's own Python may do.

    Returns
    -------
    Verification
        Equal, or what differs.

    Raises
    ------
    NotFound
        ``run.not_found``.
    Conflict
        ``run.not_finished``, ``run.no_result``.

    Notes
    -----
    The oracle walks in plain Python, 10 to 20 us a bar. It starts from the same evaluated conditions (M7).
    """
    began_s = time.perf_counter()
    run = await run_rows.read_run(pool, run_id, owner=owner)
    request = await pinned_request(pool, run)
    if data_dir is None:
        prepare_kernels()
    else:
        open_kernel_cache(data_dir)
    repeat = _repeat_account if request.shares_account else _repeat
    again = await repeat(pool, request, cache=cache, policy=policy)
    differences = await _differences(pool, run_id, again)
    stored = run.digest or ""
    return Verification(
        run_id=run_id,
        stored_digest=stored,
        digest=again.digest,
        equal=again.digest == stored,
        n_bars=again.n_bars,
        n_trades=again.n_trades,
        seconds=time.perf_counter() - began_s,
        differences=() if again.digest == stored else tuple(differences),
    )


async def _repeat(
    pool: Pool, request: BacktestRequest, *, cache: CandleCache | None, policy: ComponentPolicy
) -> _Repetition:
    """Compute a run of one symbol again."""
    from sptraderb.oracle.replay import replay
    from sptraderb.orchestrator.prepare_run import load_run, prepare_run
    from sptraderb.orchestrator.user_python import compute_components

    async with pool.acquire() as connection:
        loaded = await load_run(connection, request, cache=cache)
    components = compute_components(loaded.plan, loaded.candles, policy, should_stop=lambda: False)
    prepared = prepare_run(request, loaded, external={} if components is None else components.series)
    outcome = await asyncio.to_thread(
        replay, prepared.plan, prepared.candles, prepared.signals, prepared.terms, finer=prepared.finer
    )
    return _Repetition(
        digest=outcome_digest(outcome),
        n_bars=outcome.n_bars_done,
        n_trades=len(outcome.trades),
        candles=[prepared.candles],
        conversions=[prepared.conversion] if prepared.conversion else [],
        chunks=column_chunks(outcome, prepared.candles),
    )


async def _repeat_account(
    pool: Pool, request: BacktestRequest, *, cache: CandleCache | None, policy: ComponentPolicy
) -> _Repetition:
    """Compute a run of an account again."""
    from sptraderb.oracle.replay import replay_portfolio
    from sptraderb.orchestrator.execute_portfolio import compute_all_components, distinct_conversions
    from sptraderb.orchestrator.prepare_portfolio import load_portfolio, prepare_portfolio

    async with pool.acquire() as connection:
        loaded = await load_portfolio(connection, request, cache=cache)
    components = compute_all_components(loaded, policy, should_stop=lambda: False) or []
    prepared = prepare_portfolio(request, loaded, external=[part.series for part in components])
    outcome = await asyncio.to_thread(replay_portfolio, prepared.legs(), hedging=prepared.hedging)
    return _Repetition(
        digest=portfolio_digest(outcome, request.symbols),
        n_bars=sum(leg.n_bars_done for leg in outcome.legs),
        n_trades=len(outcome.trades),
        candles=prepared.candles,
        conversions=list(distinct_conversions(prepared).values()),
        chunks=account_chunks(outcome, prepared.candles),
    )


async def _differences(pool: Pool, run_id: UUID, again: _Repetition) -> list[str]:
    """Return what is not as it was: candles, pairs that convert, rows of tables."""
    document = result_rows.unpack_document(await result_rows.read_document(pool, run_id))
    differences: list[str] = []
    manifest = msgspec.json.decode(document, type=_Document).manifest
    read = [data.sha256 for data in manifest.data_by_symbol.values()] or [manifest.data.sha256]
    if [candles_hash(candles) for candles in again.candles] != read:
        differences.append("the candles are not those the run read")
    differences += _leg_differences(again.conversions, manifest)
    repeated = {(chunk.table, chunk.number): chunk.data for chunk in again.chunks}
    for table in RESULT_TABLES:
        differences += await _table_differences(pool, run_id, table, repeated)
    return differences


def _leg_differences(conversions: Sequence[LoadedConversion], manifest: _Manifest) -> list[str]:
    """Return what is not as it was of the pairs the run converted by."""
    legs = [leg for conversion in conversions for leg in conversion.legs]
    now = [(leg.pair, candles_hash(candles)) for leg, candles in legs]
    then = [(leg.pair, leg.sha256) for conversion in manifest.conversions for leg in conversion.route]
    return [] if now == then else ["the candles that convert are not those the run read"]


async def _table_differences(
    pool: Pool, run_id: UUID, table: str, repeated: dict[tuple[str, int], bytes]
) -> list[str]:
    n_rows = await result_rows.count_rows(pool, run_id, table)
    stored = await result_rows.read_columns(pool, run_id, table, limit=max(1, n_rows))
    mine = {number: data for (name, number), data in repeated.items() if name == table}
    theirs = {chunk.number: chunk.data for chunk in stored}
    differing = sorted(
        number for number in mine.keys() | theirs.keys() if mine.get(number) != theirs.get(number)
    )
    columns = ", ".join(STORED_COLUMNS[table])
    return [f"{table}: rows of chunk {number} differ ({columns})" for number in differing]
