"""The report page in a real browser: charts drawn, nothing fetched, no error, light and dark."""

import itertools
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, sync_playwright

from sptraderb.api.report_page import read_chart_script, report_html
from sptraderb.api.wire_time import text_from_seconds

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SYMBOLS = ("EURUSD", "GBPUSD")
START_S = 1483308000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a report page of 2,000 candles and 20 trades."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(report_html(a_document(), candles(), chart_script=read_chart_script()), encoding="utf-8")
    return file


def candles() -> list[dict[str, float]]:
    """Return hourly candles along a wave."""
    closes = [1.05 + 0.01 * math.sin(i / 50) for i in range(2_001)]
    return [
        {"time": START_S + 3600 * i, "open": a, "high": max(a, b) + 1e-4, "low": min(a, b) - 1e-4, "close": b}
        for i, (a, b) in enumerate(itertools.pairwise(closes))
    ]


def a_trade(number: int) -> dict[str, Any]:
    """Return one closed trade."""
    return {
        "side": "long" if number % 2 else "short",
        "entry_time": text_from_seconds(START_S + 3600 * (100 * number + 10)),
        "entry_price": "1.05000",
        "exit_time": text_from_seconds(START_S + 3600 * (100 * number + 40)),
        "exit_price": "1.05100",
        "quantity": "5000",
        "pnl": "5.0" if number % 3 else "-2.5",
        "pnl_percent": 0.001,
        "exit_reason": "take_profit",
        "ambiguous": False,
        "entry_rule": "long",
        **dict.fromkeys(("spread", "slippage", "commission", "swap", "funding", "conversion"), "0"),
    }


def a_document() -> dict[str, Any]:
    """Return a result document of 20 trades."""
    times = [text_from_seconds(START_S + 3600 * i) for i in range(2_000)]
    metric = {
        "group": "ratios",
        "value": 1.25,
        "unit": "ratio",
        "convention": "daily, A 260.9",
        "reason": None,
    }
    return {
        "backtest_id": "6c1f5c52-0000-4000-8000-000000000001",
        "strategy_name": "wave",
        "symbol": "EURUSD",
        "timeframe": "1h",
        "partial": False,
        "start_capital": "10000",
        "total_pnl": "52.5",
        "total_trades": 20,
        "winning_trades": 13,
        "losing_trades": 7,
        "max_drawdown": 0.01,
        "completed_trades": [a_trade(i) for i in range(20)],
        "metrics": {"sharpe": metric},
        "units": {"currency": "USD"},
        "bounds": {"ambiguous_trades": 0},
        "ledger": {"totals": {}},
        "equity": [[time, str(10_000 + i / 40)] for i, time in enumerate(times)],
        "drawdown": [[time, 0.01 * abs(math.sin(i / 90))] for i, time in enumerate(times)],
        "notes": [],
        "manifest": {},
        "digest": "0" * 64,
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_when_opened_then_three_charts_are_drawn_and_nothing_is_fetched(
    browser: Browser, page_file: Path, scheme: Literal["light", "dark"]
) -> None:
    """Price, equity and drawdown have pixels; the page asks for no other file and logs no error."""
    page = browser.new_page(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(page_file.as_uri())
    page.wait_for_selector("#chart canvas")
    assert page.evaluate("document.querySelectorAll('#chart canvas').length") >= 6
    assert page.evaluate("window.LightweightCharts.version()").startswith("5.")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert asked == [page_file.as_uri()]
    assert said == []
    page.close()


def test_page_when_a_trade_is_clicked_then_the_chart_goes_to_it(browser: Browser, page_file: Path) -> None:
    """A row shows its own trade: the crosshair's legend then names a time near it."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(page_file.as_uri())
    page.wait_for_selector("#chart canvas")
    page.locator("tr[data-from]").nth(15).click()
    page.wait_for_timeout(900)
    box = page.locator("#chart").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 150)
    page.wait_for_function("document.getElementById('cursor').textContent.length > 0")
    assert (page.text_content("#cursor") or "").startswith("2017-03-0")
    page.close()


def test_page_when_narrow_then_nothing_runs_over_its_edge(browser: Browser, page_file: Path) -> None:
    """On a phone the page scrolls down only; wide tables scroll inside their frames."""
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(page_file.as_uri())
    page.wait_for_selector("#chart canvas")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_page_when_of_two_symbols_then_each_has_a_pane(browser: Browser, tmp_path: Path) -> None:
    """Two prices, equity and drawdown are drawn; a trade of the second symbol is found in the chart."""
    row = {"net_profit": "5", "total_trades": 10, "win_rate": 0.5, "price_pnl": "5", "total_costs": "0"}
    document = a_document() | {
        "symbols": [{**row, "symbol": name, "open_pnl": "0", "exposure": 0.5} for name in SYMBOLS],
        "position_mode": "netting",
    }
    for number, trade in enumerate(document["completed_trades"]):
        trade["symbol"] = SYMBOLS[number % 2]
    file = tmp_path / "account.html"
    html = report_html(
        document,
        candles(),
        chart_script=read_chart_script(),
        other_candles={SYMBOLS[1]: candles()[:1_800]},
    )
    file.write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_selector("#chart canvas")
    assert page.evaluate("document.querySelectorAll('#chart canvas').length") >= 8
    assert page.evaluate("document.getElementById('chart').clientHeight") == 980
    page.locator("tr[data-from]").nth(15).click()
    page.wait_for_timeout(900)
    box = page.locator("#chart").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 400)
    page.wait_for_function("document.getElementById('cursor').textContent.length > 0")
    assert re.match(r"2017-03-0.*  EURUSD 1\.\d+  GBPUSD 1\.\d+  equity", page.text_content("#cursor") or "")
    assert said == []
    page.close()
