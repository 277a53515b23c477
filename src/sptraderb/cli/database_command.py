"""`sptraderb database start|stop|status|migrate|policies|url`: the embedded PostgreSQL and the schema.

``start`` keeps it running in the foreground until it is told to end, as a service manager likes it; other
commands of this machine then share it. A process that shares never stops it.
"""

import asyncio
import signal

from cyclopts import App
from rich.markup import escape

from sptraderb.bootstrap import migrate_database, open_database
from sptraderb.cli.console import OUT, say_done, step_bar
from sptraderb.cli.surroundings import read_settings, run_async
from sptraderb.errors import Conflict, InvalidInput, Unavailable
from sptraderb.settings import Settings, mask_url
from sptraderb.store.embedded import open_embedded
from sptraderb.store.embedded_files import prepare_files
from sptraderb.store.embedded_process import accepts, server_url
from sptraderb.store.migrate import CODE_VERSION, schema_version
from sptraderb.store.pool import connect
from sptraderb.store.timescale import describe_storage
from sptraderb.store.timescale_policies import set_policies

database = App(name="database", help="Look after the embedded PostgreSQL and the schema.")


@database.command
def start() -> None:
    """Run the embedded PostgreSQL, schema up to date, until Ctrl-C or SIGTERM."""
    run_async(_hold(read_settings()))


@database.command
def stop() -> None:
    """End an embedded PostgreSQL that outlived the process that started it."""
    run_async(_stop(read_settings()))


@database.command
def migrate() -> None:
    """Bring the schema up to date; several may do so at once."""
    run_async(_migrate(read_settings()))


@database.command
def status() -> None:
    """Say which database is used, whether it answers and at which schema version it is."""
    run_async(_status(read_settings()))


@database.command
def url() -> None:
    """Print the address of the database, with its password, for psql and other tools."""
    run_async(_print_url(read_settings()))


@database.command
def policies(*, compress_after_days: int | None = None, drop_after_days: int | None = None) -> None:
    """Replace the policies of TimescaleDB for candles; without days there are none.

    Parameters
    ----------
    compress_after_days
        Compress imported candles of this age.
    drop_after_days
        Drop aggregates, which are made of imported candles, of this age.
    """
    run_async(_set_policies(read_settings(), compress_after_days, drop_after_days))


async def _set_policies(
    settings: Settings, compress_after_days: int | None, drop_after_days: int | None
) -> None:
    if any(days is not None and days < 1 for days in (compress_after_days, drop_after_days)):
        raise InvalidInput("storage.bad_days", "days of a policy must be 1 or more, were fewer")
    async with open_database(settings) as address:
        await migrate_database(address)
        connection = await connect(address)
        try:
            await set_policies(
                connection, compress_after_days=compress_after_days, drop_after_days=drop_after_days
            )
        finally:
            await connection.close()
    say_done("policies replaced")


async def _hold(settings: Settings) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with open_database(settings) as address:
        await migrate_database(address)
        say_done(f"PostgreSQL answers at {mask_url(address)}; Ctrl-C ends it")
        await ended.wait()


async def _stop(settings: Settings) -> None:
    if await _find_url(settings) is None or settings.database_url:
        OUT.print("no embedded PostgreSQL runs here")
        return
    server = await open_embedded(settings.data_dir, bin_dir=settings.postgres_bin_dir)
    owned = server.owned
    await server.stop()
    if not owned:
        raise Conflict(
            "database.in_use",
            "no other process must own the embedded PostgreSQL to stop it, a running command does",
            hint="it stops when that command (serve, worker, database start) is ended",
        )
    say_done("PostgreSQL stopped")


async def _migrate(settings: Settings) -> None:
    with step_bar("migrations") as bar:
        async with open_database(settings) as address:
            await migrate_database(address, on_progress=bar.move)
    say_done(f"schema version {CODE_VERSION}")


async def _status(settings: Settings) -> None:
    address = await _find_url(settings)
    if address is None:
        OUT.print(f"no embedded PostgreSQL runs in {escape(str(settings.data_dir))}")
        return
    connection = await connect(address)
    try:
        server = await connection.fetchval("SHOW server_version")
        found = await schema_version(connection)
        kept = await describe_storage(connection) if found == CODE_VERSION else ""
    finally:
        await connection.close()
    OUT.print(f"address  {escape(mask_url(address))}")
    OUT.print(f"server   PostgreSQL {server}{'' if settings.database_url else ', embedded'}")
    OUT.print(f"schema   version {found} of {CODE_VERSION}")
    if kept:
        OUT.print(f"candles  {escape(kept)}")


async def _print_url(settings: Settings) -> None:
    address = await _find_url(settings)
    if address is None:
        raise Unavailable(
            "database.not_running",
            f"an embedded PostgreSQL must run in {settings.data_dir}, none does",
            hint="`sptraderb database start` or `sptraderb serve` starts one",
        )
    OUT.print(address, soft_wrap=True, markup=False)


async def _find_url(settings: Settings) -> str | None:
    if settings.database_url:
        return settings.database_url
    if not (settings.data_dir / "postgres").exists():
        return None
    files = prepare_files(settings.data_dir)
    port = int(files.read_secret("port") or 0)
    return server_url(files, port) if port and await accepts(files, port) else None
