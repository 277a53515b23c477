"""The first half of an import: everything that is settled about a file before a row of it is stored."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sptraderb.candles.file_name import NameFacts, read_file_name
from sptraderb.candles.formats.file_head import FileHead, read_head
from sptraderb.candles.formats.recognise import recognise
from sptraderb.candles.formats.table_layout import Recognised
from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.import_target import (
    Settled,
    choose_side,
    choose_symbol,
    choose_timeframe,
    price_decimals,
    settle_instrument,
)
from sptraderb.candles.row_block import RowBlock
from sptraderb.candles.row_faults import RowFault
from sptraderb.candles.timezones import UTC_ZONE, LocalHours, Zone, parse_zone
from sptraderb.domain.instrument import CandleSide
from sptraderb.domain.timeframe import Timeframe
from sptraderb.errors import Conflict, InvalidInput
from sptraderb.store.instrument_rows import find_instrument, has_candles
from sptraderb.store.pool import Pool

_MAX_BLOCKS_FOR_ZONE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """Everything settled before the first row is stored.

    Parameters
    ----------
    path, head : Path, FileHead
        The file.
    recognised : Recognised
        Its layout.
    settled : Settled
        Its instrument.
    timeframe : Timeframe
        Of its rows.
    zone, zone_reason : Zone, str
        Its clock, and how that is known.
    decimals : int
        Decimals of the file's price unit one tick has.
    notes : tuple of str
        Sentences for the report.
    options : ImportOptions
        As given, with the source filled in.
    """

    path: Path
    head: FileHead
    recognised: Recognised
    settled: Settled
    timeframe: Timeframe
    zone: Zone
    zone_reason: str
    decimals: int
    notes: tuple[str, ...]
    options: ImportOptions

    @property
    def symbol(self) -> str:
        """Symbol of the series."""
        return self.settled.instrument.symbol

    def blocks(self) -> Iterator[RowBlock]:
        """Return the file's rows from the start."""
        return self.recognised.read_blocks(self.path, self.decimals)


async def plan_import(pool: Pool, path: Path, options: ImportOptions) -> ImportPlan:
    """Return what is to be done with a file.

    Parameters
    ----------
    pool : Pool
        Knows the instruments and what is stored of them.
    path : Path
        The file.
    options : ImportOptions
        What is said about it.

    Raises
    ------
    InvalidInput
        ``import.timezone_needed``, ``import.symbol_needed``, ``import.format_unknown`` and the other codes of
        files that cannot be read as asked.
    Conflict
        ``import.side_differs``, ``import.instrument_differs``.
    """
    head = await asyncio.to_thread(read_head, path, name=options.file_name or None)
    found = await asyncio.to_thread(recognise, head, forced=options.format, date_order=options.date_order)
    name = read_file_name(head.name)
    settled = await _settle(pool, options, found, name)
    decimals, unit_notes = price_decimals(settled.instrument, found, options.price_factor)
    first = await asyncio.to_thread(lambda: next(found.read_blocks(path, decimals), None))
    readable = (
        None if first is None else first.time_s[~np.isin(first.faults, (RowFault.TIME, RowFault.FIELDS))]
    )
    if readable is None or len(readable) == 0:
        raise InvalidInput(
            "import.nothing_readable", f"a file must hold rows with times, {head.name} has none"
        )
    timeframe = choose_timeframe(options, found, name, readable)
    zone, reason = _stated_zone(options, found)
    plan = ImportPlan(
        path=path, head=head, recognised=found, settled=settled, timeframe=timeframe,
        zone=zone or UTC_ZONE, zone_reason=reason, decimals=decimals,
        notes=(*settled.notes, *unit_notes), options=replace(options, source=options.source or head.name),
    )  # fmt: skip
    if zone is None:
        fitting = await asyncio.to_thread(_fitting_zones, plan)
        return replace(plan, zone=_only_zone(fitting, options), zone_reason="the only one the FX weeks fit")
    return plan


async def _settle(pool: Pool, options: ImportOptions, found: Recognised, name: NameFacts) -> Settled:
    symbol, side = choose_symbol(options, found, name), choose_side(options, found, name)
    try:
        return await _settle_symbol(pool, symbol, side, options, found)
    except Conflict as error:
        other = error.context.get("suggested")
        if options.symbol is not None or not isinstance(other, str):
            raise
        settled = await _settle_symbol(pool, other, side, options, found)
        note = f"{symbol} holds prices of another side, so these candles go to {other}"
        return replace(settled, notes=(*settled.notes, note))


async def _settle_symbol(
    pool: Pool, symbol: str, side: CandleSide | None, options: ImportOptions, found: Recognised
) -> Settled:
    known = await find_instrument(pool, symbol)
    return settle_instrument(
        symbol,
        side,
        known=known,
        is_stored=known is not None and await has_candles(pool, symbol),
        facts=options.instrument,
        decimals=found.decimals,
    )


def _stated_zone(options: ImportOptions, found: Recognised) -> tuple[Zone | None, str]:
    """Return the zone somebody states, and how it is known."""
    if options.timezone and options.timezone.lower() != "auto":
        return parse_zone(options.timezone), "as said"
    return found.zone, found.zone_reason


def _fitting_zones(plan: ImportPlan) -> list[Zone]:
    """Return the zones in which a file's weeks are FX weeks, looking at no more than its first part."""
    if not plan.settled.instrument.keeps_fx_week:
        return []
    hours = LocalHours()
    for index, block in enumerate(plan.blocks()):
        moving = block.prices[1] != block.prices[2]
        hours.add(block.time_s[(block.faults == 0) & moving])
        if index >= _MAX_BLOCKS_FOR_ZONE:
            break
    return hours.fitting()


def _only_zone(fitting: list[Zone], options: ImportOptions) -> Zone:
    if len(fitting) == 1 and (options.timezone or "").lower() == "auto":
        return fitting[0]
    names = [zone.name for zone in fitting]
    would = (
        f"the FX weeks of the file fit {' or '.join(names)}" if names else "nothing in the file proves one"
    )
    raise InvalidInput(
        "import.timezone_needed",
        f"the time zone of the file's times must be known, {would}",
        hint=f"say --timezone {names[0]}"
        if names
        else "say --timezone UTC, or the broker's, such as Europe/Athens",
        fitting=names,
    )
