"""`sptraderb verify RUN_ID`: repeat a stored run with the second engine and compare, bit for bit."""

from uuid import UUID

from rich.markup import escape

from sptraderb.bootstrap import component_policy, open_services
from sptraderb.cli.console import OUT
from sptraderb.cli.surroundings import read_settings, run_async
from sptraderb.domain.identity import LOCAL
from sptraderb.errors import InvalidInput
from sptraderb.orchestrator.verify import verify_run


def verify(run_id: str, /) -> int:
    """Repeat a stored run with the decimal engine and compare every trade, booking and mark.

    Parameters
    ----------
    run_id
        As the API calls it: backtest_id.
    """
    try:
        parsed = UUID(run_id)
    except ValueError as error:
        raise InvalidInput("run.bad_id", f"a run id must be a UUID, was `{run_id[:80]}`") from error
    return run_async(_verify(parsed))


async def _verify(run_id: UUID) -> int:
    async with open_services(read_settings()) as services:
        with OUT.status("computing the run again in decimals"):
            found = await verify_run(
                services.pool,
                run_id,
                owner=LOCAL.owner,
                cache=services.candle_cache,
                data_dir=services.settings.data_dir,
                policy=component_policy(services.settings),
            )
    OUT.print(
        f"run     {found.run_id}  [dim]{found.n_bars:,} bars, {found.n_trades:,} trades[/]", soft_wrap=True
    )
    OUT.print(f"stored  {found.stored_digest}", soft_wrap=True)
    OUT.print(f"again   {found.digest}  [dim]second engine, {found.seconds:.1f} s[/]", soft_wrap=True)
    if found.equal:
        OUT.print("[green]✓ equal[/]")
        return 0
    OUT.print("[bold red]✗ different[/]")
    for line in found.differences:
        OUT.print(f"  {escape(line)}")
    return 1
