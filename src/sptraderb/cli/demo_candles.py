"""The demo's candles: a file of the package, brought in by the importer every import goes through."""

from pathlib import Path

from sptraderb.bootstrap import open_services
from sptraderb.candles.import_options import ImportOptions
from sptraderb.cli.console import say_done
from sptraderb.cli.import_command import import_with_bar
from sptraderb.settings import Settings


async def import_demo_candles(settings: Settings, file: Path, *, symbol: str, timeframe: str) -> None:
    """Import the sample candles into the demo's database and say what became of them.

    Parameters
    ----------
    settings : Settings
        The demo's; its database is shared with the server that runs already.
    file : Path
        Ask-side candles with times in UTC.
    symbol, timeframe : str
        What they are of.
    """
    options = ImportOptions(symbol=symbol, timeframe=timeframe, timezone="UTC", side="ask")
    async with open_services(settings) as services:
        report = await import_with_bar(services, file, options)
    what = "already there" if report.unchanged else f"{report.n_kept:,} kept"
    say_done(
        f"{report.n_read:,} {symbol} {timeframe} candles of 2017: {what}, "
        f"{report.n_flat_weekend:,} flat weekend bars dropped, {report.n_refused:,} refused"
    )
