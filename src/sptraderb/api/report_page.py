"""The report page: one result document and its candles as a single self-contained HTML file.

Pure: no database, no network, no clock. The page needs no other file; its only script beside its own is the
chart library, handed in as text. Used by ``GET /api/backtest/{id}/report`` and by ``sptraderb demo``.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sptraderb.api.report_figures import (
    ambiguous_text,
    figure_text,
    find_figure,
    list_figures,
    money_text,
    percent_text,
    total_costs,
)
from sptraderb.api.report_sections import (
    clock,
    metric_table,
    notes_list,
    seconds,
    symbols_section,
    trade_table,
    trades_caption,
)

_TEMPLATE = Path(__file__).with_name("report_template.html")
_CHARTS = Path(__file__).with_name("static") / "vendor" / "lightweight-charts.js"


def read_chart_script() -> str:
    """Return the chart library's text; empty where the web assets have not been built in."""
    return _CHARTS.read_text(encoding="utf-8") if _CHARTS.exists() else ""


Rows = Sequence[Mapping[str, Any]]
_NO_OTHERS: Mapping[str, Rows] = MappingProxyType({})


def report_html(
    document: Mapping[str, Any],
    candles: Rows,
    *,
    chart_script: str,
    other_candles: Mapping[str, Rows] = _NO_OTHERS,
) -> str:
    """Return a self-contained HTML page of one run.

    Parameters
    ----------
    document : mapping
        The result document as ``GET .../results`` gives it.
    candles : sequence of mapping
        The run's candles as ``GET /api/candles`` gives them: ``time`` (Unix seconds), ``open``,
        ``high``, ``low``, ``close``; ascending. Of several symbols those of the first.
    chart_script : str
        The chart library, see `read_chart_script`; empty gives a page without charts.
    other_candles : mapping of str to sequence of mapping
        Candles of the account's other symbols; each is drawn in a pane of its own.

    Returns
    -------
    str
        HTML text. Every text from the document is escaped, so a strategy's name or note cannot become
        markup or script.
    """
    trades = document["completed_trades"]
    rows = document.get("symbols") or []
    names = ", ".join(str(row["symbol"]) for row in rows) or document["symbol"]
    name, series = str(document["strategy_name"]), f"{names} {document['timeframe']}"
    parts = {
        "title": escape(f"{name} · {series}"),
        "heading": escape(name),
        "subheading": escape(_span(series, candles) + _account_words(document)),
        "badge": "partial result" if document["partial"] else "completed",
        "cards": _cards(document),
        "sharpe": escape(_sharpe_caption(document)),
        "trades_caption": escape(trades_caption(document, len(trades))),
        "symbols": symbols_section(rows),
        "trades": trade_table(trades, with_symbol=bool(rows)),
        "metrics": metric_table(list_figures(document)),
        "notes": notes_list(document["notes"]),
        "manifest": escape(json.dumps(document["manifest"], indent=2, ensure_ascii=False)),
        "run_id": escape(str(document["backtest_id"])),
        "digest": escape(str(document["digest"])),
        "data": _script_json(_chart_data(document, {document["symbol"]: candles, **other_candles})),
        "chart_script": chart_script.replace("</script", "<\\/script"),
    }
    return _fill(_TEMPLATE.read_text(encoding="utf-8"), parts)


def _fill(template: str, parts: Mapping[str, str]) -> str:
    # Split once, so that a part that happens to hold a marker is never filled again.
    pieces = template.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        filled += [parts[name], rest]
    return "".join(filled)


def _script_json(value: object) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _span(series: str, candles: Rows) -> str:
    if not candles:
        return series
    first, last = (clock(candles[i]["time"])[:10] for i in (0, -1))
    return f"{series} · {first} to {last} · {len(candles):,} candles"


def _account_words(document: Mapping[str, Any]) -> str:
    """Return what else is to be known of an account of several symbols or both sides: its mode."""
    return f" · {document['position_mode']}" if document.get("symbols") else ""


def _cards(document: Mapping[str, Any]) -> str:
    profit, capital = Decimal(document["total_pnl"]), Decimal(document["start_capital"])
    currency = document["units"]["currency"]
    total, wins, losses = (document[f"{word}_trades"] for word in ("total", "winning", "losing"))
    sharpe = find_figure(document, "sharpe")
    cards = [
        (
            f"Net profit, {currency}",
            money_text(profit, signed=True),
            f"{percent_text(profit / capital, signed=True)} of {money_text(capital)}",
            "gain" if profit >= 0 else "loss",
        ),
        ("Max drawdown", percent_text(document["max_drawdown"]), "inside bars, of the running peak", ""),
        ("Sharpe ratio", figure_text(sharpe), "annualised; its convention is below", ""),
        ("Trades", f"{total:,}", f"{wins:,} won, {losses:,} lost, {ambiguous_text(document)}", ""),
        ("Win rate", percent_text(wins / total) if total else "–", "break-even counts as not won", ""),
        (f"Costs, {currency}", money_text(total_costs(document)), "all of the ledger's cost rows", ""),
    ]
    return "".join(
        f'<div class="card"><dt>{escape(title)}</dt><dd class="{tone}">{escape(value)}</dd>'
        f"<dd>{escape(below)}</dd></div>"
        for title, value, below, tone in cards
    )


def _sharpe_caption(document: Mapping[str, Any]) -> str:
    sharpe = find_figure(document, "sharpe")
    return f"Sharpe ratio: {sharpe.convention}" if sharpe else ""


def _chart_data(document: Mapping[str, Any], candles: Mapping[str, Rows]) -> dict[str, object]:
    return {
        "charts": [_chart(document, symbol, rows) for symbol, rows in candles.items()],
        "equity": _curve(document["equity"]),
        "drawdown": _curve(document["drawdown"], downwards=True),
    }


def _chart(document: Mapping[str, Any], symbol: str, candles: Rows) -> dict[str, object]:
    """Return what is drawn of one symbol: its candles and the trades in it."""
    columns = {key: [bar[key] for bar in candles] for key in ("time", "open", "high", "low", "close")}
    closes = columns["close"][:2000]
    decimals = max((-int(Decimal(str(price)).as_tuple().exponent) for price in closes), default=5)
    return {
        "symbol": symbol,
        "decimals": min(max(decimals, 0), 10),
        "candles": columns,
        "trades": [
            {
                "from": seconds(trade["entry_time"]),
                "to": seconds(trade["exit_time"]),
                "side": 1 if trade["side"] == "long" else -1,
                "won": Decimal(str(trade["pnl"])) > 0,
            }
            for trade in document["completed_trades"]
            if trade.get("symbol", document["symbol"]) == symbol
        ],
    }


def _curve(points: Iterable[Sequence[Any]], *, downwards: bool = False) -> dict[str, list[float]]:
    pairs = [(seconds(time), float(value)) for time, value in points]
    return {
        "time": [time for time, _ in pairs],
        "value": [-abs(value) if downwards else value for _, value in pairs],
    }
