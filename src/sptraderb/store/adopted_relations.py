"""Adoption of candles that were there before: relations ``forex_candles_*`` that are not our views.

1. find:    the system's catalogue says which there are and of which types; nothing of them is touched
2. decide:  at the first start of a database all that fit are adopted; later ones by `adopt_relations`
3. record:  one row for each relation, one catalogue row of origin `adopted` for each (symbol, timeframe)
4. check:   each start looks whether they are still there, and takes in symbols that are new

A series that has own candles stays own. All of it happens under the lock of migrations.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sptraderb.candles.import_target import settle_instrument
from sptraderb.domain.fixed import MAX_SCALE
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.timeframe import STORED, Timeframe
from sptraderb.errors import Conflict, InvalidInput
from sptraderb.store.adopted_bars import PRICE_NAMES, AdoptedRelation
from sptraderb.store.candle_import_rows import lock_instrument, lock_series
from sptraderb.store.instrument_rows import save_instrument
from sptraderb.store.pool import Connection, Database, Row
from sptraderb.store.sql import load_queries
from sptraderb.store.timescale import decide_storage

_QUERIES = load_queries("adopted_relations")
_KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}
_TIME_COLUMNS = ("time", "bucket")
_VOLUME_COLUMNS = ("volume", "tick_count")
_PRICE_TYPES = frozenset({"float8", "float4", "numeric", "int2", "int4", "int8"})
_SYMBOL_TYPES = frozenset({"text", "varchar", "bpchar", "name"})
STORED_BY_NAME = {timeframe.name: timeframe for timeframe in STORED}
OWN, ADOPTED = "own", "adopted"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    relation: AdoptedRelation | None
    name: str
    why_not: str
    is_indexed: bool


async def settle_adoption(connection: Connection) -> list[str]:
    """Decide at a database's first start what is adopted; at later ones look whether it is there.

    Parameters
    ----------
    connection : Connection
        Of the migration, with its lock; not in a transaction.

    Returns
    -------
    list of str
        Sentences for the operator.
    """
    async with connection.transaction():
        is_first = not await connection.fetchval(_QUERIES["has_decided"])
        notices = await _adopt(connection, takes_new=is_first, recounts=False)
        return [*notices, *(await decide_storage(connection) if is_first else [])]


async def adopt_relations(connection: Connection) -> list[str]:
    """Look again: adopt relations that came later, forget those that went, count all rows anew.

    Parameters
    ----------
    connection : Connection
        Not in a transaction.

    Returns
    -------
    list of str
        What is adopted now, a sentence for each relation and for each thing left out.
    """
    async with connection.transaction():
        await connection.execute(_QUERIES["lock"])
        notices = await _adopt(connection, takes_new=True, recounts=True)
        there = {found.relation.timeframe for found in await _find(connection) if found.relation is not None}
        for row in await connection.fetch(_QUERIES["list_adopted"]):
            if row["timeframe"] not in there:
                await connection.execute(_QUERIES["forget_relation"], row["timeframe"])
                notices.append(f"{row['relation']} is adopted no more")
        return notices


async def _adopt(connection: Connection, *, takes_new: bool, recounts: bool) -> list[str]:
    adopted = {row["timeframe"]: row for row in await connection.fetch(_QUERIES["list_adopted"])}
    notices = []
    found_now = await _find(connection)
    for found in found_now:
        relation = found.relation
        if relation is None:
            notices.append(f"{found.name} is not read as candles: {found.why_not}")
        elif takes_new or relation.timeframe in adopted:
            is_new = relation.timeframe not in adopted
            await _save(connection, relation)
            n_series, left_out = await _take_series(connection, found, recounts=recounts or is_new)
            if is_new or recounts:
                notices.append(
                    f"{found.name} ({relation.kind}) is adopted: {n_series} series, read as they are"
                )
            notices += left_out
        else:
            notices.append(f"{found.name} is not ours and not read; `sptraderb candles adopt` adopts it")
    usable = {found.relation.timeframe for found in found_now if found.relation is not None}
    notices += [
        f"{row['relation']} was adopted and is not there or not readable any more: its candles cannot be read"
        for timeframe, row in adopted.items()
        if timeframe not in usable and not recounts
    ]
    return notices


async def _find(connection: Connection) -> list[_Found]:
    return [_described(row) for row in await connection.fetch(_QUERIES["find_relations"])]


def _described(row: Row) -> _Found:
    columns: Mapping[str, str] = json.loads(row["columns"] or "{}")
    time = next((name for name in _TIME_COLUMNS if name in columns), "time")
    volume = next((name for name in _VOLUME_COLUMNS if columns.get(name) in _PRICE_TYPES), None)
    wrong = [name for name in PRICE_NAMES if columns.get(name) not in _PRICE_TYPES]
    if columns.get(time) not in ("timestamptz", "timestamp"):
        wrong.append(time)
    if columns.get("symbol") not in _SYMBOL_TYPES:
        wrong.append("symbol")
    why_not = f"its columns {', '.join(wrong)} are absent or of a type that cannot be read" if wrong else ""
    if not row["is_readable"]:
        why_not = "there is no right to SELECT from it"
    relation = AdoptedRelation(
        timeframe=row["timeframe"],
        relation=row["relation"],
        kind=_KINDS[row["relkind"]],
        time_column=time,
        time_type=columns.get(time, ""),
        price_types=tuple(columns.get(name, "") for name in PRICE_NAMES),
        volume_column=volume,
    )
    return _Found(
        relation=None if why_not else relation,
        name=row["relation"],
        why_not=why_not,
        is_indexed=row["is_indexed"],
    )


async def _save(connection: Connection, relation: AdoptedRelation) -> None:
    await connection.execute(
        _QUERIES["save_relation"], relation.timeframe, relation.relation, relation.kind,
        relation.time_column, relation.time_type, list(relation.price_types), relation.volume_column,
    )  # fmt: skip


async def _take_series(connection: Connection, found: _Found, *, recounts: bool) -> tuple[int, list[str]]:
    """Write the catalogue rows of a relation's symbols; return how many are adopted and what was left out.

    Without an index that begins with the symbol, looking for new ones reads every row: not at each start.
    """
    relation = found.relation
    assert relation is not None
    rows = await connection.fetch(_QUERIES["list_series_of"], relation.timeframe)
    known = {row["symbol"]: row["origin"] for row in rows}
    n_adopted = list(known.values()).count(ADOPTED)
    if n_adopted and not recounts and not found.is_indexed:
        return n_adopted, []
    query = _QUERIES["list_symbols_by_index" if found.is_indexed else "list_symbols"]
    symbols = [row["symbol"] for row in await connection.fetch(query.format(relation=relation.relation))]
    if recounts:
        await connection.execute(_QUERIES["forget_series"], relation.timeframe, symbols)
    n_series, left_out = 0, []
    for symbol in symbols:
        if known.get(symbol) == OWN:
            continue
        if symbol not in known or recounts:
            try:
                await _take_symbol(connection, relation, symbol)
            except (InvalidInput, Conflict) as error:
                left_out.append(f"{symbol} of {relation.relation} is left out: {error}")
                continue
        n_series += 1
    return n_series, left_out


async def _take_symbol(connection: Connection, relation: AdoptedRelation, symbol: str) -> None:
    """Write a series' catalogue row; an instrument that is not known is inferred."""
    timeframe = STORED_BY_NAME[relation.timeframe]
    await lock_series(connection, symbol, timeframe)
    held = await lock_instrument(connection, symbol, to_change=False)
    if held is None:
        decimals = await connection.fetchval(
            _QUERIES["measure_decimals"].format(relation=relation.relation), symbol
        )
        settled = settle_instrument(
            symbol, None, known=None, is_stored=False, facts={}, decimals=min(decimals or 0, MAX_SCALE)
        )
        instrument_id, instrument = await save_instrument(connection, settled.instrument), settled.instrument
    else:
        instrument_id, instrument = held
    if instrument.side is CandleSide.BOTH:
        raise Conflict(
            "import.side_differs",
            f"candles of {symbol} must be of both sides like those stored, these are not",
        )
    measure = _QUERIES["measure"].format(relation=relation.relation, time=relation.time)
    extent = await connection.fetchrow(measure, symbol)
    assert extent is not None
    if extent["n_bars"]:
        await connection.execute(_QUERIES["add_series"], instrument_id, relation.timeframe, *extent.values())


async def describe_adopted(connection: Connection, symbol: str, facts: Mapping[str, str]) -> Instrument:
    """Give the instrument of adopted series other facts, such as a scale that fits their prices.

    Parameters
    ----------
    connection : Connection
        Where.
    symbol : str
        Whose; it need not be known yet.
    facts : mapping of str to str
        As ``--instrument`` takes them.

    Raises
    ------
    Conflict
        ``import.instrument_differs`` if own candles of the symbol are stored, which fix it.
    InvalidInput
        ``import.bad_instrument``, ``instrument.unknown``.
    """
    async with connection.transaction():
        held = await lock_instrument(connection, symbol, to_change=True)
        has_own = held is not None and OWN in (await list_origins(connection, held[0])).values()
        known = None if held is None else held[1]
        settled = settle_instrument(symbol, None, known=known, is_stored=has_own, facts=facts, decimals=0)
        if settled.changed:
            await save_instrument(connection, settled.instrument)
        return settled.instrument


async def list_origins(database: Database, instrument_id: int) -> dict[Timeframe, str]:
    """Return whose rows the series of an instrument are, by timeframe."""
    rows = await database.fetch(_QUERIES["origins"], instrument_id)
    return {STORED_BY_NAME[row["timeframe"]]: row["origin"] for row in rows}


async def has_adopted(database: Database, symbol: str) -> bool:
    """Return whether any series of a symbol is adopted."""
    return bool(await database.fetchval(_QUERIES["has_adopted"], symbol))


async def require_own(database: Database, symbol: str, timeframe: Timeframe) -> None:
    """Refuse to import into a series that is adopted.

    Raises
    ------
    Conflict
        ``import.series_adopted``.
    """
    if await database.fetchval(_QUERIES["find_origin"], symbol, timeframe.name) == ADOPTED:
        raise Conflict(
            "import.series_adopted",
            f"candles are imported into own series, {symbol} {timeframe} is adopted from "
            f"public.forex_candles_{timeframe.name}",
            hint="--own (HTTP: own=true) makes the series own from this import on; adopted rows stay where "
            "they are and are not read for it any more",
            symbol=symbol,
            timeframe=timeframe.name,
        )


async def release_series(connection: Connection, instrument_id: int, timeframe: Timeframe) -> bool:
    """Take an adopted series out of the catalogue; return whether it was one."""
    tag = await connection.execute(_QUERIES["release_series"], instrument_id, timeframe.name)
    return not tag.endswith(" 0")
