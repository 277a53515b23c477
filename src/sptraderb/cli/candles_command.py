"""`sptraderb candles quality|adopt|prune`: how sound a series is, with a small picture of it, and upkeep.

``adopt`` looks again for relations of the database that hold candles of somebody else; ``prune`` deletes what
corrections replaced and no run needs.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import App, Parameter
from rich.markup import escape

from sptraderb.bootstrap import open_services
from sptraderb.candles.check import check_candles
from sptraderb.candles.coverage import CoverageCell, measure_coverage
from sptraderb.candles.import_report import time_text
from sptraderb.cli.console import OUT
from sptraderb.cli.import_command import pairs_of
from sptraderb.cli.surroundings import read_settings, run_async
from sptraderb.domain.candle import Candles, QualityReport
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import InvalidInput
from sptraderb.store.adopted_relations import adopt_relations, describe_adopted
from sptraderb.store.candle_rows import find_revision, read_candles, read_metadata
from sptraderb.store.import_faults import ImportFaults, read_import_faults
from sptraderb.store.revision_pins import PrunedSeries, prune_revisions

N_CELLS = 60
_N_GAPS = 5
_LEVELS = ((0.9995, "green", "█"), (0.98, "green", "▓"), (0.75, "yellow", "▒"), (0.0001, "red", "░"))
_MAX_KEEP_DAYS = 36_500
_NONE = ("red", "·")

candles = App(name="candles", help="Look at stored candles.")


@candles.command
def quality(
    symbol: str,
    timeframe: str | None = None,
    /,
    *,
    start: Annotated[datetime | None, Parameter(name="--from")] = None,
    end: Annotated[datetime | None, Parameter(name="--to")] = None,
) -> None:
    """Judge a series against the hours of its market: grade, gaps, spikes, clocks, coverage.

    Parameters
    ----------
    symbol
        Such as EURUSD.
    timeframe
        Such as 1h; the finest stored when absent.
    start, end
        Only bars that open between these UTC times, both included, such as 2024-03-01 or 2024-03-01T12:00:00.
    """
    run_async(_show(symbol, timeframe, (_seconds(start), _seconds(end))))


@candles.command
def adopt(
    *,
    symbol: str | None = None,
    instrument: Annotated[tuple[str, ...], Parameter(negative=())] = (),
) -> None:
    """Look again for candles of somebody else, public.forex_candles_*: adopt, count anew, forget.

    Parameters
    ----------
    symbol
        Whose instrument --instrument describes.
    instrument
        Facts of the symbol as key=value, such as price_scale=6; may be repeated.
    """
    run_async(_adopt(symbol, pairs_of(instrument)))


async def _adopt(symbol: str | None, facts: dict[str, str]) -> None:
    if bool(facts) != (symbol is not None):
        raise InvalidInput("import.bad_instrument", "--symbol and --instrument must come together")
    async with open_services(read_settings()) as services, services.pool.acquire() as connection:
        if symbol is not None:
            await describe_adopted(connection, symbol, facts)
        sentences = await adopt_relations(connection)
    for sentence in sentences or ["no relation public.forex_candles_* of somebody else is here"]:
        OUT.print(escape(sentence), soft_wrap=True)


@candles.command
def prune(*, keep_days: int = 30, symbol: str | None = None) -> None:
    """Delete candles that corrections replaced, unless a stored run was computed from them.

    Parameters
    ----------
    keep_days
        What was current within so many days stays; at least what was within the last hour.
    symbol
        Only of this symbol.
    """
    if not 0 <= keep_days <= _MAX_KEEP_DAYS:
        raise InvalidInput(
            "prune.bad_days",
            f"--keep-days must be 0 to {_MAX_KEEP_DAYS}, was {keep_days}",
            option="keep_days",
        )
    run_async(_prune(timedelta(days=keep_days), symbol))


async def _prune(keep: timedelta, symbol: str | None) -> None:
    async with open_services(read_settings()) as services:
        pruned = await prune_revisions(services.pool, keep=keep, symbol=symbol)
    for line in prune_lines(pruned):
        OUT.print(escape(line), soft_wrap=True)


def prune_lines(pruned: Sequence[PrunedSeries]) -> list[str]:
    """Return what pruning did, a line for each series and one for all."""
    lines = [
        f"{one.symbol} {one.timeframe}: {one.n_rows:,} replaced candles deleted, {one.n_kept:,} kept"
        + (
            f", revisions {', '.join(map(str, one.revisions))} cannot be read any more"
            if one.revisions
            else ""
        )
        for one in pruned
    ]
    total = sum(one.n_rows for one in pruned)
    return [
        *lines,
        f"{total:,} replaced candles deleted" if pruned else "no correction has replaced a candle",
    ]


def _seconds(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


async def _show(symbol: str, timeframe: str | None, bounds: tuple[int | None, int | None]) -> None:
    asked = None if timeframe is None else parse_timeframe(timeframe)
    async with open_services(read_settings()) as services:
        length = asked or parse_timeframe((await read_metadata(services.pool, symbol)).timeframes[0])
        found = await read_candles(services.pool, symbol, length, *bounds, cache=services.candle_cache)
        state = await find_revision(services.pool, symbol, length)
        faults = await read_import_faults(services.pool, symbol, state.source)
    for line in [*quality_lines(found, check_candles(found)), *fault_lines(faults)]:
        OUT.print(line, soft_wrap=True)


def fault_lines(faults: ImportFaults) -> list[str]:
    """Return what the files held and the series does not, as lines of markup."""
    if not faults.n_files:
        return []
    files = "file" if faults.n_files == 1 else "files"
    found = ", ".join(f"{count:,} {word}" for word, count in faults.rows.items()) or "every row sound"
    return [f"  imported from {faults.n_files:,} {files}, {faults.n_read:,} rows: {escape(found)}"]


def quality_lines(found: Candles, report: QualityReport) -> list[str]:
    """Return the report as lines of markup.

    Parameters
    ----------
    found : Candles
        The series.
    report : QualityReport
        What is known about it.
    """
    head = f"{found.instrument.symbol} {found.timeframe.name} {found.instrument.side}"
    if report.first_s is None or report.last_s is None:
        return [f"[bold]{escape(head)}[/]: no bars"]
    lines = [
        f"[bold]{escape(head)}[/]: grade [bold]{report.grade}[/], {report.n_bars:,} bars, "
        f"{time_text(report.first_s)} .. {time_text(report.last_s)}",
        f"  {picture(measure_coverage(found, n_cells=N_CELLS))}",
        "  [dim]█ whole  ▓ 98 %  ▒ 75 %  ░ less  · none, of the bars the calendar expects[/]",
        f"  {report.n_missing:,} bars missing, {report.n_spikes:,} spikes, {report.n_flat:,} flat runs, "
        f"{report.n_misaligned:,} misaligned, {report.n_clock_faults:,} weeks of another clock",
    ]
    lines += [
        f"  gap {time_text(gap.after_s)} .. {time_text(gap.before_s)}: {gap.missing_bars:,} bars"
        for gap in report.gaps[:_N_GAPS]
    ]
    if len(report.gaps) > _N_GAPS:
        lines.append(f"  and {len(report.gaps) - _N_GAPS:,} smaller gaps")
    return lines + [f"  note: {escape(note)}" for note in report.notes]


def picture(cells: tuple[CoverageCell, ...]) -> str:
    """Return coverage as markup: one character for each cell, a blank where the market was closed."""
    return "".join(_drawn(cell.share) for cell in cells)


def _drawn(share: float | None) -> str:
    if share is None:
        return " "
    colour, mark = next(((colour, mark) for least, colour, mark in _LEVELS if share >= least), _NONE)
    return f"[{colour}]{mark}[/]"
