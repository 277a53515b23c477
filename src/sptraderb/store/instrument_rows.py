"""Instruments as stored: one row per symbol."""

from typing import Any

from sptraderb.domain.calendar import CalendarName, session_rule
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.errors import NotFound
from sptraderb.store.pool import Connection, Database
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("instrument_rows")


def instrument_from_row(row: Any) -> Instrument:
    """Return the instrument of a row of ``sptraderb.instruments``."""
    return Instrument(
        symbol=row["symbol"],
        kind=row["kind"],
        base=row["base"],
        quote=row["quote"],
        price_scale=row["price_scale"],
        quantity_scale=row["quantity_scale"],
        quantity_step=row["quantity_step"],
        quantity_min=row["quantity_min"],
        pip_ticks=row["pip_ticks"],
        lot_units=row["lot_units"],
        calendar=session_rule(row["calendar"]),
        exchange="" if row["calendar"] in set(CalendarName) else row["calendar"],
        side=CandleSide(row["candle_side"]),
        margin_rate_ppb=row["margin_rate_ppb"],
        point_value=row["point_value"],
    )


async def list_instruments(database: Database) -> list[Instrument]:
    """Return all instruments by symbol."""
    return [instrument_from_row(row) for row in await database.fetch(_QUERIES["list_instruments"])]


async def find_instrument(database: Database, symbol: str) -> Instrument | None:
    """Return an instrument, or None if the symbol has no row."""
    row = await database.fetchrow(_QUERIES["find_instrument"], symbol)
    return None if row is None else instrument_from_row(row)


async def read_instrument(database: Database, symbol: str) -> Instrument:
    """Return an instrument.

    Raises
    ------
    NotFound
        ``instrument.not_found``.
    """
    found = await find_instrument(database, symbol)
    if found is None:
        raise NotFound(
            "instrument.not_found", f"an instrument must exist, `{symbol[:40]}` does not", symbol=symbol
        )
    return found


async def save_instrument(connection: Connection, instrument: Instrument) -> int:
    """Insert an instrument or take its new facts; return the id of its row."""
    facts = instrument
    row_id = await connection.fetchval(
        _QUERIES["save_instrument"],
        facts.symbol, facts.kind, facts.base, facts.quote, facts.price_scale, facts.quantity_scale,
        facts.quantity_step, facts.quantity_min, facts.pip_ticks, facts.lot_units, facts.calendar_word,
        str(facts.side), facts.margin_rate_ppb, facts.point_value,
    )  # fmt: skip
    return int(row_id)


async def has_candles(database: Database, symbol: str) -> bool:
    """Return whether any series of the symbol is stored."""
    return bool(await database.fetchval(_QUERIES["has_candles"], symbol))
