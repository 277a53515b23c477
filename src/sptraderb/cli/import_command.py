"""`sptraderb import FILE...`: candle files into the store, with a report on every row."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from sptraderb.bootstrap import Services, open_services
from sptraderb.candles.file_name import read_file_name
from sptraderb.candles.formats.unpacking import plain_file
from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.import_report import ImportReport, report_lines
from sptraderb.cli.console import OUT, step_bar
from sptraderb.cli.surroundings import read_settings, run_async
from sptraderb.cli.tick_parts import joined_parts
from sptraderb.errors import InvalidInput
from sptraderb.orchestrator.import_candles import import_candles

_NAME_PARTS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFlags:
    """How files are read; what is not given is recognised or refused.

    Parameters
    ----------
    symbol
        Such as EURUSD; taken from the file's name or content where it is there.
    timeframe
        Such as 5m or 1h; found from the rows where it is not given.
    timezone
        Of the times in the file: UTC, Europe/Athens, ny-close, +07:00 ...
    side
        bid, ask or mid.
    format
        Force a layout instead of recognising it.
    instrument
        Facts of an unknown symbol as key=value; may be repeated.
    strict
        Refuse a file with anything imperfect.
    trust_timezone
        Take --timezone even where the rows speak against it.
    trust
        How far the source is trusted: verified, external or user.
    source
        Where the files come from; their names unless given.
    price_factor
        A power of ten the prices are multiplied with, such as 0.00001 for prices in points.
    date_order
        Of slashed dates such as 01/02/2024: dmy or mdy.
    own
        Make a series own that is adopted from a relation of the database.
    """

    symbol: str | None = None
    timeframe: str | None = None
    timezone: str | None = None
    side: str | None = None
    format: str | None = None
    instrument: Annotated[list[str], Parameter(negative=())] = field(default_factory=list)
    strict: Annotated[bool, Parameter(negative=())] = False
    trust_timezone: Annotated[bool, Parameter(negative=())] = False
    trust: str = "user"
    source: str = ""
    price_factor: str | None = None
    date_order: str | None = None
    own: Annotated[bool, Parameter(negative=())] = False

    def to_options(self) -> ImportOptions:
        """Return them as the importer takes them."""
        return ImportOptions(
            symbol=self.symbol,
            timeframe=self.timeframe,
            timezone=self.timezone,
            side=self.side,
            format=self.format,
            instrument=pairs_of(self.instrument),
            strict=self.strict,
            trust_timezone=self.trust_timezone,
            trust=self.trust,
            source=self.source,
            price_factor=self.price_factor,
            date_order=self.date_order,
            own=self.own,
        )


def import_files(
    files: Annotated[list[Path], Parameter(negative=())],
    /,
    *,
    flags: Annotated[ImportFlags | None, Parameter(name="*")] = None,
) -> None:
    """Import candle files, each all or nothing, and report on every row.

    Parameters
    ----------
    files
        Files of any known layout; all of one symbol if --symbol is given. A folder is imported as one file,
        joined of the JSON parts of ticks in it.
    """
    run_async(_import_all(files, (flags or ImportFlags()).to_options()))


def pairs_of(texts: Sequence[str]) -> dict[str, str]:
    """Return `key=value` words as a mapping."""
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput("import.bad_instrument", f"--instrument must be key=value, was `{text}`")
        pairs[key.strip()] = value.strip()
    return pairs


async def _import_all(files: Sequence[Path], options: ImportOptions) -> None:
    async with open_services(read_settings()) as services:
        with joined_parts(files) as joined:
            reports = [
                await import_with_bar(services, file, replace(options, file_name=name) if name else options)
                for file, name in joined
            ]
    for report in reports:
        for line in report_lines(report):
            OUT.print(escape(line), soft_wrap=True)
    if len(reports) > 1:
        OUT.print(reports_table(reports))


async def import_with_bar(services: Services, file: Path, options: ImportOptions) -> ImportReport:
    """Import one file with a progress bar.

    Raises
    ------
    CandlesUnusable, InvalidInput
        As `import_candles`.
    """
    shown = options.file_name or file.name
    name = options.file_name or telling_name(file)
    with step_bar(f"{shown}: reading", counts=False) as bar:

        def move(phase: str, done: int, total: int) -> None:
            bar.move(done, total, f"{shown}: {phase}")

        with plain_file(
            file, name=name, on_bytes=lambda done, total: move("unpacking", done, total)
        ) as plain:
            known = replace(options, file_name=plain.name)
            return await import_candles(services.pool, plain.path, options=known, on_progress=move)


def telling_name(file: Path) -> str:
    """Return a file's name, with the folders before it where it says no symbol itself and they do.

    Examples
    --------
    >>> telling_name(Path("/data/ticks/AUDUSD/2024/01/01/part-17.json"))
    'data_ticks_AUDUSD_2024_01_01_part-17.json'
    """
    if read_file_name(file.name).symbol is not None:
        return file.name
    parts = [part for part in file.absolute().parts[-_NAME_PARTS:] if part != "/"]
    longer = "_".join(parts)
    return longer if read_file_name(longer).symbol is not None else file.name


def reports_table(reports: Sequence[ImportReport]) -> Table:
    """Return what became of each file's rows, one line a file."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("file", "series"):
        table.add_column(heading)
    for heading in ("read", "kept", "duplicate", "corrected", "refused", "revision"):
        table.add_column(heading, justify="right")
    for report in reports:
        table.add_row(
            escape(Path(report.file).name),
            escape(f"{report.symbol} {report.timeframe} {report.side}"),
            *(f"{count:,}" for count in (report.n_read, report.n_kept, report.n_duplicate)),
            *(f"{count:,}" for count in (report.n_corrected, report.n_refused)),
            "unchanged" if report.unchanged else str(report.revision),
        )
    return table
