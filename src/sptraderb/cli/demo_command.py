"""`sptraderb demo`: a real backtest through a real server, seen from a client's side.

1. start PostgreSQL, the API and a worker, in a data folder of the demo's own    demo_server
2. import the sample candles                                                     demo_candles
3. store three strategies                                                        api_client
4. run each: submit, follow its socket, fetch the result                         api_client
5. print figures and first trades                                                result_tables
6. write a page per run                                                          api/report_page
7. end the server, unless it is to stay
"""

import asyncio
import time
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Protocol

from cyclopts import Parameter
from rich.markup import escape

from sptraderb.api.report_page import read_chart_script, report_html
from sptraderb.cli.api_client import ApiClient
from sptraderb.cli.console import OUT, link, say_done, step_bar
from sptraderb.cli.demo_server import DemoServer, start_demo_server
from sptraderb.cli.result_tables import figures_table, sharpe_convention, trades_table
from sptraderb.cli.surroundings import read_settings, run_async
from sptraderb.errors import Unavailable
from sptraderb.settings import Settings

DEMO_DATA = Path(__file__).with_name("demo_data")
CANDLES = DEMO_DATA / "EURUSD_1h_2017_ask.parquet"
STRATEGIES = ("ma_crossover_strategy", "ema_trend", "rsi_reversion")
SYMBOL, TIMEFRAME = "EURUSD", "1h"
REQUEST: Mapping[str, object] = {
    "symbol": SYMBOL,
    "timeframe": TIMEFRAME,
    "start_date": "2017-01-01",
    "end_date": "2017-12-31",
    "initial_capital": "10000",
    "costs": {"spread": "0.8 pips", "slippage": "0.1 pips"},
}
_N_TRADES = 5
_RUN_WITHIN_S = 300

Results = dict[str, dict[str, Any]]


class ImportsCandles(Protocol):
    """`demo_candles.import_demo_candles`; its module is loaded while the server starts."""

    async def __call__(self, settings: Settings, file: Path, *, symbol: str, timeframe: str) -> None:
        """Import the file and say what became of it."""


def demo(
    *,
    keep: Annotated[bool, Parameter(negative=())] = False,
    open_page: Annotated[bool, Parameter(name="--open", negative=())] = False,
) -> None:
    """Run a real backtest through a real server, on sample candles, and show the result.

    Parameters
    ----------
    keep
        Leave the server running afterwards.
    open_page
        Open the page in a browser.
    """
    base = read_settings()
    data_dir = base.data_dir / "demo"
    data_dir.mkdir(parents=True, exist_ok=True)
    settings = read_settings(DATA_DIR=str(data_dir), DATABASE_URL="", HOST="127.0.0.1")
    run_async(_demo(settings, keep=keep, open_page=open_page))


async def _demo(settings: Settings, *, keep: bool, open_page: bool) -> None:
    begun = time.monotonic()
    OUT.print("[bold]SPtraderB[/] runs a backtest: a server, a database, a worker, and a client\n")
    server = await start_demo_server(settings, keep=keep)
    kept = False
    try:
        async with ApiClient(server.address) as client:
            with OUT.status("starting PostgreSQL, the API and a worker"):
                import_candles, _ = await asyncio.gather(_load_importer(), server.wait_until_ready(client))
            say_done(
                f"PostgreSQL, the API and a worker at {server.address}", seconds=time.monotonic() - begun
            )
            await import_candles(settings, CANDLES, symbol=SYMBOL, timeframe=TIMEFRAME)
            await _store_strategies(client)
            results = {name: await _run(client, name, server.log) for name in STRATEGIES}
            candles = await client.read_candles(SYMBOL, TIMEFRAME)
        pages = _write_pages(settings.data_dir / "pages", results, candles)
        _show(results)
        kept = keep
    finally:
        if not kept:
            await server.end()
    _say_next(server, pages, results, kept=kept, seconds=time.monotonic() - begun)
    if open_page:
        webbrowser.open(pages[STRATEGIES[0]].as_uri())


async def _load_importer() -> ImportsCandles:
    def load() -> ImportsCandles:
        from sptraderb.cli.demo_candles import import_demo_candles

        return import_demo_candles

    return await asyncio.to_thread(load)


async def _store_strategies(client: ApiClient) -> None:
    for name in STRATEGIES:
        await client.save_strategy(name, (DEMO_DATA / f"{name}.yaml").read_text(encoding="utf-8"))
    say_done(f"strategies stored: {', '.join(STRATEGIES)}")


async def _run(client: ApiClient, name: str, log: Path) -> dict[str, Any]:
    begun = time.monotonic()
    run_id = await client.start_run({"strategy_name": name, **REQUEST})
    frame: dict[str, Any] = {}
    with step_bar(name, counts=False) as bar, suppress(TimeoutError):
        async with asyncio.timeout(_RUN_WITHIN_S):
            async for frame in client.follow(run_id):
                bar.move(frame["progress"] or 0.0, 100, f"{name}: {frame.get('phase') or frame['status']}")
    if frame.get("status") != "completed":
        raise _not_completed(name, frame, log)
    say_done(f"{name}: run {run_id}", seconds=time.monotonic() - begun)
    return await client.read_results(run_id)


def _not_completed(name: str, frame: Mapping[str, Any], log: Path) -> Unavailable:
    error = frame.get("error") or {}
    state = f"{frame.get('status', 'not heard of')}, {frame.get('phase') or 'no phase'}"
    return Unavailable(
        "demo.run_not_completed",
        f"the run of {name} must complete within {_RUN_WITHIN_S} s, it is {state}",
        hint=f"{error.get('message', 'nothing is known of an error')}; the server's log is {log}",
    )


def _write_pages(folder: Path, results: Results, candles: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    script = read_chart_script()
    pages = {}
    for name, document in results.items():
        pages[name] = folder / f"{name}.html"
        pages[name].write_text(report_html(document, candles, chart_script=script), encoding="utf-8")
    return pages


def _show(results: Results) -> None:
    first = STRATEGIES[0]
    OUT.print()
    OUT.print(figures_table(results))
    OUT.print(f"[dim]Sharpe: {escape(sharpe_convention(results[first]))}[/]\n")
    OUT.print(f"[bold]first trades of {first}[/]")
    OUT.print(trades_table(results[first], _N_TRADES))
    OUT.print()


def _say_next(
    server: DemoServer, pages: Mapping[str, Path], results: Results, *, kept: bool, seconds: float
) -> None:
    data_dir = server.log.parent
    run_id = results[STRATEGIES[0]]["backtest_id"]
    program = ".venv/bin/sptraderb"
    stays = f"stays at {server.address}/docs  [dim]`kill {server.process.pid}` ends all of it[/]"
    lines = {
        "page": link(pages[STRATEGIES[0]]),
        "data": f"{link(data_dir)}  [dim]database, pages, server.log[/]",
        "prove": f"DATA_DIR={escape(str(data_dir))} {program} verify {run_id}",
        "import": f"{program} import FILE.csv --symbol EURUSD --timezone UTC --side bid",
        "run": f"{program} backtest STRATEGY.yaml --page result.html",
        "server": stays if kept else "make serve  [dim]then http://127.0.0.1:3001/docs[/]",
    }
    OUT.rule(f"done in {seconds:.1f} s", align="left")
    for word, text in lines.items():
        OUT.print(f"[bold]{word:8}[/]{text}", soft_wrap=True)
