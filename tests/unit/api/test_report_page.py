"""The report page: self-contained, escaped, and true to the document it shows."""

import json
import re
from typing import Any

import pytest

from sptraderb.api.report_figures import money_text, percent_text, total_costs
from sptraderb.api.report_page import report_html

CANDLES = [
    {"time": 1483308000 + 3600 * i, "open": 1.05, "high": 1.06, "low": 1.04, "close": 1.05123}
    for i in range(4)
]


@pytest.fixture
def document() -> dict[str, Any]:
    """Give a small result document of the API's shape."""
    return {
        "backtest_id": "6c1f5c52-0000-4000-8000-000000000001",
        "strategy_name": "cross <script>alert(1)</script>",
        "start_capital": "10000",
        "end_capital": "10046.5",
        "total_trades": 1,
        "winning_trades": 1,
        "losing_trades": 0,
        "total_pnl": "46.5",
        "max_drawdown": 0.0123,
        "sharpe_ratio": None,
        "completed_trades": [
            {
                "id": "1",
                "side": "long",
                "entry_time": "2017-01-01T23:00:00Z",
                "entry_price": "1.05226",
                "exit_time": "2017-01-02T00:00:00Z",
                "exit_price": "1.05300",
                "quantity": "50000.00",
                "pnl": "46.5",
                "pnl_percent": 0.00465,
                "exit_reason": "take_profit",
                "ambiguous": True,
                "entry_rule": "long",
                **dict.fromkeys(("slippage", "swap", "funding", "conversion"), "0"),
                "spread": "-4.00",
                "commission": "-1.50",
            }
        ],
        "equity": [["2017-01-01T22:00:00Z", "10000"], ["2017-01-02T00:00:00Z", "10046.5"]],
        "drawdown": [["2017-01-01T22:00:00Z", 0.0], ["2017-01-02T00:00:00Z", 0.0123]],
        "symbol": "EURUSD",
        "timeframe": "1h",
        "partial": False,
        "units": {"currency": "USD"},
        "bounds": {"ambiguous_trades": 1},
        "ledger": {
            "totals": {"deposit": "10000", "price_pnl": "52.0", "spread": "-4.00", "commission": "-1.50"}
        },
        "metrics": {
            "sharpe": {
                "group": "ratios",
                "value": None,
                "reason": "too_few_days",
                "convention": "ddof 1",
                "unit": "ratio",
                "definition": "sharpe-1",
            },
        },
        "notes": [{"code": "x.y", "line": 1, "text": "a <b> & c"}],
        "manifest": {"seed": 0},
        "digest": "ab" * 32,
    }


def test_report_when_texts_hold_markup_then_it_is_escaped(document: dict[str, Any]) -> None:
    """A strategy's name, a note and the manifest never become markup, nor end the data script."""
    document["manifest"]["text"] = "</script><script>alert(2)</script>"
    html = report_html(document, CANDLES, chart_script="")
    assert "<script>alert" not in html
    assert "cross &lt;script&gt;" in html
    assert "a &lt;b&gt; &amp; c" in html


def test_report_when_built_then_it_refers_to_no_other_file(document: dict[str, Any]) -> None:
    """The page loads nothing: no src, no stylesheet link, no import; its one link is the attribution."""
    html = report_html(document, CANDLES, chart_script="/* charts */")
    assert not re.search(r"\ssrc=|<link|@import|url\(", html)
    assert re.findall(r'href="([^"]+)"', html) == ["https://www.tradingview.com/"]
    assert "/* charts */" in html
    assert "{{" not in html


def test_report_when_built_then_its_data_are_the_document(document: dict[str, Any]) -> None:
    """Candles, curves and trade marks are those of the document; drawdown points down."""
    html = report_html(document, CANDLES, chart_script="")
    text = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert text is not None
    data = json.loads(text[1])
    (chart,) = data["charts"]
    assert (chart["symbol"], chart["decimals"]) == ("EURUSD", 5)
    assert chart["candles"]["time"] == [bar["time"] for bar in CANDLES]
    assert data["equity"]["value"] == [10000.0, 10046.5]
    assert data["drawdown"]["value"] == [0.0, -0.0123]
    assert chart["trades"] == [{"from": 1483311600, "to": 1483315200, "side": 1, "won": True}]


def test_report_when_of_several_symbols_then_each_is_drawn_with_its_own_trades(
    document: dict[str, Any],
) -> None:
    """A chart for each symbol in the order of the run; the account's mode stands in the heading."""
    row = {"net_profit": "46.5", "total_trades": 1, "win_rate": 1.0, "price_pnl": "52", "total_costs": "5.5"}
    rows = [{**row, "symbol": name, "open_pnl": "0", "exposure": 0.5} for name in ("EURUSD", "USDJPY")]
    trade = document["completed_trades"][0]
    document["completed_trades"] = [{**trade, "symbol": "EURUSD"}, {**trade, "symbol": "USDJPY"}] * 2
    dear = [{key: value if key == "time" else 110.25 for key, value in bar.items()} for bar in CANDLES]
    html = report_html(
        document | {"symbols": rows, "position_mode": "hedging"},
        CANDLES,
        chart_script="",
        other_candles={"USDJPY": dear},
    )
    text = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert text is not None
    charts = json.loads(text[1])["charts"]
    assert [(one["symbol"], one["decimals"], len(one["trades"])) for one in charts] == [
        ("EURUSD", 5, 2),
        ("USDJPY", 2, 2),
    ]
    assert "EURUSD, USDJPY 1h" in html
    assert "hedging" in html


def test_report_when_a_figure_is_undefined_then_its_reason_stands_there(document: dict[str, Any]) -> None:
    """A null metric shows why it is null, and its convention, never 0."""
    html = report_html(document, CANDLES, chart_script="")
    assert "– (too_few_days)" in html
    assert "ddof 1" in html
    assert "take profit (ambiguous)" in html


def test_report_when_nothing_was_traded_then_it_says_none(document: dict[str, Any]) -> None:
    """A run without trades, candles or curves still gives a page."""
    for key in ("completed_trades", "equity", "drawdown", "notes"):
        document[key] = []
    document["metrics"] = {}
    document["total_trades"] = document["winning_trades"] = 0
    html = report_html(document, [], chart_script="")
    assert html.count(">none<") == 2


def test_costs_when_ledger_rows_are_negative_then_the_sum_is_what_was_paid(document: dict[str, Any]) -> None:
    """Costs carry the ledger's sign; people read what was paid."""
    assert str(total_costs(document)) == "5.50"


@pytest.mark.parametrize(
    ("amount", "signed", "text"),
    [("-0.001", True, "0.00"), ("1234.5", False, "1,234.50"), ("2", True, "+2.00"), ("-2", True, "-2.00")],
)
def test_money_text_when_rounded_then_zero_has_no_sign(amount: str, signed: bool, text: str) -> None:
    """Amounts have two decimals and separators; what rounds to zero shows no sign."""
    assert money_text(amount, signed=signed) == text


def test_percent_text_when_undefined_then_a_dash() -> None:
    """None is a dash, a fraction is percent."""
    assert percent_text(None) == "–"
    assert percent_text(0.5) == "50.00 %"
