"""Coarser candles of an import where TimescaleDB keeps aggregates: noted for a refresh, or stored as rows.

The aggregates show a symbol whose candles are all of one timeframe. When a second series comes, native or
adopted, everything coarser is stored as rows once, and from then on as on plain tables.
"""

from sptraderb.candles.import_options import ImportOptions
from sptraderb.domain.instrument import Instrument
from sptraderb.orchestrator.derive_candles import Change, derive_all
from sptraderb.store.adopted_relations import list_origins
from sptraderb.store.candle_import_rows import SeriesTarget
from sptraderb.store.pool import Connection
from sptraderb.store.timescale import keeps_aggregates, list_aggregated, mark_aggregated, note_refresh


async def aggregate_coarser(connection: Connection, native: SeriesTarget, change: Change) -> bool:
    """Let the aggregates make what is coarser than an imported series, where they can.

    Parameters
    ----------
    connection : Connection
        In the import's transaction, the catalogue written.
    native : SeriesTarget
        What was imported.
    change : Change
        What the import touched in it.

    Returns
    -------
    bool
        True where nothing coarser is to be stored; false where rows are, as on plain tables.
    """
    if not await keeps_aggregates(connection):
        return False
    series = await list_origins(connection, native.instrument_id)
    if set(series) != {native.timeframe}:
        return False
    await mark_aggregated(connection, native.instrument_id, list(series), aggregated=True)
    await note_refresh(connection, native.timeframe, change.first_s, change.last_s)
    return True


async def store_aggregated(
    connection: Connection, instrument: Instrument, instrument_id: int, *, options: ImportOptions
) -> None:
    """Store what aggregates made of a symbol as rows, since it has a second series now.

    Parameters
    ----------
    connection : Connection
        In the import's transaction, under the locks of all series, after what the import itself derives.
    instrument : Instrument
        Of the symbol.
    instrument_id : int
        Its row.
    options : ImportOptions
        Of the import, for source and trust.
    """
    for timeframe in await list_aggregated(connection, instrument_id):
        target = SeriesTarget(instrument_id=instrument_id, timeframe=timeframe)
        await derive_all(connection, instrument, target, options=options)
        await mark_aggregated(connection, instrument_id, [timeframe], aggregated=False)
