"""`sptraderb backtest FILE.yaml`: run one strategy file on stored candles, without a server of one's own.

The run goes the way every run goes: accepted into the queue, computed by a worker (one is started beside
us), stored. What is printed can be asked for again by its id.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from sptraderb.api.payloads import RunPayload, to_domain
from sptraderb.api.report_page import read_chart_script, report_html
from sptraderb.api.request_costs import CostsPayload
from sptraderb.api.wire_time import text_from_seconds
from sptraderb.bootstrap import Services, open_services
from sptraderb.cli.console import OUT, link, step_bar
from sptraderb.cli.result_tables import figures_table, sharpe_convention, trades_table
from sptraderb.cli.surroundings import read_settings, run_async
from sptraderb.cli.worker_process import worker_beside
from sptraderb.domain.backtest import BacktestRequest, Run, RunState
from sptraderb.domain.identity import LOCAL
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import InvalidInput, Unavailable
from sptraderb.orchestrator import queue
from sptraderb.store import result_rows, run_rows
from sptraderb.store.candle_rows import read_candles, read_metadata
from sptraderb.strategy.header import listed_symbols, read_backtest_defaults

_LOOK_EVERY_S = 0.05
_N_TRADES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestFlags:
    """What a run is of; what is not given is taken from the strategy's ``backtest`` block.

    Parameters
    ----------
    symbol
        Such as EURUSD; several, parted by commas, share one account.
    position_mode
        netting (one position a symbol) or hedging (a long and a short one beside each other).
    timeframe
        Such as 1h.
    start
        First day; the first stored candle where it is not given.
    end
        Last day, inclusive; the last stored candle where it is not given.
    capital
        In the account currency.
    set
        A parameter of the strategy as name=value; may be repeated.
    commission
        Percent of notional per side, such as 0.002%.
    spread
        Such as "0.8 pips".
    slippage
        Such as "0.1 pips".
    page
        Write the report page to this file.
    """

    symbol: str | None = None
    position_mode: str | None = None
    timeframe: str | None = None
    start: str | None = None
    end: str | None = None
    capital: str | None = None
    set: Annotated[list[str], Parameter(negative=())] = field(default_factory=list)
    commission: str | None = None
    spread: str | None = None
    slippage: str | None = None
    page: Path | None = None


def backtest(
    strategy: Path, /, *, flags: Annotated[BacktestFlags | None, Parameter(name="*")] = None
) -> None:
    """Run one strategy file on stored candles and print the result.

    Parameters
    ----------
    strategy
        A YAML file, native or of the older dialect.
    """
    if not strategy.is_file():
        raise InvalidInput("strategy.no_file", f"STRATEGY must be a file, {strategy} is not")
    run_async(_backtest(strategy.read_text(encoding="utf-8"), flags or BacktestFlags()))


async def _backtest(text: str, flags: BacktestFlags) -> None:
    settings = read_settings()
    async with (
        open_services(settings) as services,
        worker_beside(services.database_url, 1, log_level="warning"),
    ):
        request = await _to_request(services, text, flags)
        run = await queue.submit(services.pool, request, owner=LOCAL.owner)
        run = await _wait_for(services, run)
        packed = await result_rows.read_document(services.pool, run.id)
        document: dict[str, Any] = json.loads(result_rows.unpack_document(packed))
        _show(run, document)
        if flags.page is not None:
            first, *others = request.symbols
            html = report_html(
                document,
                await _read_bars(services, request, first),
                chart_script=read_chart_script(),
                other_candles={symbol: await _read_bars(services, request, symbol) for symbol in others},
            )
            await asyncio.to_thread(flags.page.write_text, html, encoding="utf-8")
            OUT.print(f"page {link(flags.page.resolve())}")


async def _to_request(services: Services, text: str, flags: BacktestFlags) -> BacktestRequest:
    defaults = read_backtest_defaults(text)
    stated = flags.symbol or defaults.get("symbol") or defaults.get("symbols")
    symbols = listed_symbols(_require(stated, "--symbol"))
    known = [await read_metadata(services.pool, symbol) for symbol in symbols]
    payload = RunPayload(
        strategy=text,
        symbols=symbols,
        position_mode=flags.position_mode or defaults.get("position_mode"),
        timeframe=_require(flags.timeframe or defaults.get("timeframe"), "--timeframe"),
        start_date=flags.start or text_from_seconds(min(one.earliest_s for one in known)),
        end_date=flags.end or text_from_seconds(max(one.latest_s for one in known)),
        initial_capital=flags.capital or defaults.get("initial_capital") or "10000",
        parameters=dict(_pair(item) for item in flags.set),
        costs=CostsPayload(commission=flags.commission, spread=flags.spread, slippage=flags.slippage),
    )
    return to_domain(payload)


def _require(value: str | None, option: str) -> str:
    if not value:
        raise InvalidInput(
            "backtest.option_missing",
            f"{option} must be given where the strategy's `backtest` block does not say it, it was not",
        )
    return value


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput("backtest.bad_parameter", f"--set must be name=value, was `{text}`")
    return name.strip(), value.strip()


async def _wait_for(services: Services, run: Run) -> Run:
    with step_bar(run.request.strategy_name, counts=False) as bar:
        while not run.state.is_final:
            await asyncio.sleep(_LOOK_EVERY_S)
            run = await run_rows.read_run(services.pool, run.id, owner=LOCAL.owner)
            bar.move(run.progress.percent, 100, f"{run.request.strategy_name}: {run.progress.phase}")
    if run.state is not RunState.COMPLETED:
        error = run.error
        raise Unavailable(
            error.code if error else "run.not_completed",
            error.message if error else f"the run must complete, it was {run.state}",
        )
    return run


def _show(run: Run, document: Mapping[str, Any]) -> None:
    OUT.print(figures_table({run.request.strategy_name: document}))
    OUT.print(f"[dim]Sharpe: {escape(sharpe_convention(document))}[/]\n")
    OUT.print(trades_table(document, _N_TRADES))
    OUT.print(f"\nrun {run.id}  digest [dim]{run.digest}[/]", soft_wrap=True)


async def _read_bars(services: Services, request: BacktestRequest, symbol: str) -> list[dict[str, float]]:
    candles = await read_candles(
        services.pool, symbol, parse_timeframe(request.timeframe), request.start_s, request.end_s
    )
    unit = 10**candles.instrument.price_scale
    columns = (candles.open_ticks, candles.high_ticks, candles.low_ticks, candles.close_ticks)
    prices = [(column / unit).tolist() for column in columns]
    names = ("time", "open", "high", "low", "close")
    return [dict(zip(names, row, strict=True)) for row in zip(candles.time_s.tolist(), *prices, strict=True)]
