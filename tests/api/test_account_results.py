"""Results of an account of several symbols over HTTP: its document, tables in JSON and CSV, its page."""

import csv
import io
from typing import Any

import httpx
import pytest

from sptraderb.bootstrap import Services
from sptraderb.domain.backtest import PositionMode
from sptraderb.orchestrator.execute_portfolio import execute_portfolio
from sptraderb.orchestrator.progress import ProgressMeter
from sptraderb.testing.account_runs import wavy_account
from sptraderb.testing.stored_candles import store_bars, wavy_bars
from sptraderb.testing.stored_results import store_run_of

Client = httpx.AsyncClient
SYMBOLS = {"EURUSD", "GBPUSD"}


async def _stored(services: Services, mode: PositionMode = PositionMode.NETTING) -> str:
    """Compute an account of two symbols, store it, and return where its result is served."""
    run, loaded = wavy_account(position_mode=mode)
    found = execute_portfolio(
        run, loaded, should_stop=lambda: False, meter=ProgressMeter(lambda _report: None)
    )
    assert found is not None
    return f"/api/backtest/{await store_run_of(services.pool, run.request, found.result)}"


async def _all_pages(client: Client, place: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    following: str | None = place
    while following is not None:
        answer = await client.get(following)
        assert answer.status_code == 200
        rows += answer.json()
        link = answer.headers.get("link")
        following = None if link is None else link.split(";")[0].strip("<>")
    return rows


@pytest.mark.parametrize("table", ["trades", "ledger", "orders", "equity"])
async def test_table_when_of_an_account_then_pages_and_csv_hold_the_same_rows(
    client: Client, services: Services, table: str
) -> None:
    """Small pages joined are the CSV, column for column; rows of a table know their symbol (A1)."""
    place = f"{await _stored(services)}/{table}"
    rows = await _all_pages(client, f"{place}?limit=7")
    listed = list(csv.DictReader(io.StringIO((await client.get(f"{place}?format=csv")).text)))
    assert len(rows) == len(listed) > 20
    for row, texts in zip(rows, listed, strict=True):
        assert row.keys() == texts.keys()
        assert (row.get("symbol") or "") == texts.get("symbol", "")
    if table == "equity":
        assert {"balance", "positions"} <= rows[0].keys()
        assert [text["equity"] for text in listed] == [row["equity"] for row in rows]
    else:
        assert {row["symbol"] for row in rows} - {None} == SYMBOLS


@pytest.mark.parametrize("mode", list(PositionMode))
async def test_document_when_of_an_account_then_its_trades_are_the_table_s(
    client: Client, services: Services, mode: PositionMode
) -> None:
    """The document names the mode and the symbols, and holds the trades that are paged."""
    place = await _stored(services, mode)
    document = (await client.get(f"{place}/results")).json()
    assert document["position_mode"] == mode.value
    assert {row["symbol"] for row in document["symbols"]} == SYMBOLS
    assert document["completed_trades"] == await _all_pages(client, f"{place}/trades?limit=100")
    manifest = (await client.get(f"{place}/manifest")).json()
    assert manifest["data_by_symbol"].keys() == SYMBOLS


async def test_report_when_of_an_account_then_every_symbol_is_drawn(
    client: Client, services: Services
) -> None:
    """The page carries the candles and the trades of each symbol, with or without stored candles."""
    place = await _stored(services)
    bare = await client.get(f"{place}/report")
    for symbol in SYMBOLS:
        await store_bars(services.pool, wavy_bars(100), symbol=symbol)
    full = await client.get(f"{place}/report")
    for page in (bare, full):
        assert page.status_code == 200
        assert all(f'"symbol":"{symbol}","decimals"' in page.text for symbol in SYMBOLS)
    assert full.text.count('"candles":{"time":[') == 2
    assert '"candles":{"time":[]' in bare.text
    assert '"candles":{"time":[]' not in full.text
