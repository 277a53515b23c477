"""`sptraderb worker`: claims queued runs and computes them, until told to end."""

from typing import Annotated

from cyclopts import Parameter

from sptraderb.bootstrap import component_policy, migrate_database, open_database
from sptraderb.cli.surroundings import end_with_stdin, read_settings, run_async
from sptraderb.orchestrator.worker import WorkerOptions, run_worker
from sptraderb.settings import Settings
from sptraderb.telemetry import configure_logging


def worker(
    *,
    concurrency: int | None = None,
    until_stdin_closes: Annotated[bool, Parameter(show=False)] = False,
) -> None:
    """Compute queued runs until Ctrl-C or SIGTERM; runs under way are handed back.

    Parameters
    ----------
    concurrency
        Runs computed at a time; WORKERS where it is not given.
    until_stdin_closes
        End as on SIGTERM when standard input closes: the program that started us is gone.
    """
    given = {} if concurrency is None else {"WORKERS": str(concurrency)}
    settings = read_settings(**given)
    configure_logging(settings.log_level, settings.log_format)
    if until_stdin_closes:
        end_with_stdin()
    run_async(_work(settings))


async def _work(settings: Settings) -> None:
    async with open_database(settings) as url:
        await migrate_database(url)
        await run_worker(
            WorkerOptions(
                database_url=url,
                data_dir=settings.data_dir,
                concurrency=settings.workers,
                candle_cache_bytes=settings.candle_cache_bytes,
                python=component_policy(settings),
                log_level=settings.log_level,
                log_format=settings.log_format,
            )
        )
