"""Old revisions of candles: pinned by the results computed from them, pruned when nobody needs them.

Pruning deletes rows of ``candle_history``. Current rows are never touched, nor what a pinned revision shows;
a revision that lost rows is marked and cannot be read any more.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sptraderb.domain.timeframe import STORED, Timeframe
from sptraderb.errors import CandlesUnusable
from sptraderb.store.candle_import_rows import lock_series
from sptraderb.store.pool import Connection, Database, require_row, transaction
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("revision_pins")
_BY_NAME = {timeframe.name: timeframe for timeframe in STORED}
SAFE_AGE = timedelta(hours=1)
"""What was current so lately is kept whatever is asked: a run or a download may be reading it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedSeries:
    """What pruning did to a series.

    Parameters
    ----------
    symbol, timeframe : str
        The series.
    n_rows : int
        Replaced rows that went.
    n_kept : int
        Replaced rows that stay, because a pinned or recent revision shows them.
    revisions : tuple of int
        Those that cannot be read any more.
    """

    symbol: str
    timeframe: str
    n_rows: int
    n_kept: int
    revisions: tuple[int, ...]


async def pin_revision(connection: Connection, symbol: str, revision: int, *, run_id: UUID) -> None:
    """Keep a symbol's revision as long as a run.

    Parameters
    ----------
    connection : Connection
        Best the transaction that stores the result.
    symbol : str
        Whose candles.
    revision : int
        As in the manifest.
    run_id : UUID
        Which needs it; the pin goes when the run is deleted.
    """
    await connection.execute(_QUERIES["pin_revision"], symbol, revision, run_id)


async def prune_revisions(
    database: Database, *, keep: timedelta, symbol: str | None = None
) -> list[PrunedSeries]:
    """Delete what corrections replaced and no run needs.

    Parameters
    ----------
    database : Pool or Connection
        Where; each series is a transaction of its own.
    keep : timedelta
        Revisions that were current within it stay; `SAFE_AGE` at least.
    symbol : str or None
        Only of this symbol.

    Returns
    -------
    list of PrunedSeries
        Every series that has, or had, replaced rows.
    """
    before = datetime.now(tz=UTC) - max(keep, SAFE_AGE)
    rows = await database.fetch(_QUERIES["list_prunable"], symbol)
    pruned = []
    for row in sorted(rows, key=lambda row: (row["symbol"], _BY_NAME[row["timeframe"]])):
        async with transaction(database) as connection:
            await lock_series(connection, row["symbol"], _BY_NAME[row["timeframe"]])
            found = require_row(
                await connection.fetchrow(
                    _QUERIES["prune_history"], row["instrument_id"], row["timeframe"], before
                )
            )
        pruned.append(
            PrunedSeries(
                symbol=row["symbol"],
                timeframe=row["timeframe"],
                n_rows=found["n_rows"],
                n_kept=found["n_before"] - found["n_rows"],
                revisions=tuple(found["revisions"] or ()),
            )
        )
    return pruned


async def require_kept(
    connection: Connection, instrument_id: int, symbol: str, timeframe: Timeframe, *, revision: int
) -> None:
    """Refuse to read a revision some of whose rows have been pruned.

    Raises
    ------
    CandlesUnusable
        ``candles.revision_pruned``.
    """
    if await connection.fetchval(_QUERIES["is_pruned"], instrument_id, timeframe.name, revision):
        raise CandlesUnusable(
            "candles.revision_pruned",
            f"revision {revision} of {symbol} {timeframe} must still be kept to be read, it was pruned",
            hint="only revisions that stored results need are kept by `sptraderb candles prune`",
            symbol=symbol,
            revision=revision,
        )
