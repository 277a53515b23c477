"""Results as tables for the terminal: figures side by side for several runs, and the first trades."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.markup import escape
from rich.table import Table

from sptraderb.api.report_figures import (
    Figure,
    figure_text,
    find_figure,
    money_text,
    percent_text,
    total_costs,
)

Document = Mapping[str, Any]


def figures_table(results: Mapping[str, Document]) -> Table:
    """Return the main figures of runs, one column each.

    Parameters
    ----------
    results : mapping of str to mapping
        Result document by the name that heads its column.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in results:
        table.add_column(escape(name), justify="right")
    for title, text in _ROWS.items():
        table.add_row(title, *(text(document) for document in results.values()))
    return table


def sharpe_convention(document: Document) -> str:
    """Return how the Sharpe ratio was sampled and annualised; it is never printed without."""
    figure = _sharpe(document)
    return figure.convention if figure is not None else ""


def trades_table(document: Document, n_first: int) -> Table:
    """Return the first closed trades of a run."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    several = bool(document.get("symbols"))
    for heading, justify in (*((("symbol", False),) * several), *_TRADE_COLUMNS):
        table.add_column(heading, justify="right" if justify else "left")
    for trade in document["completed_trades"][:n_first]:
        table.add_row(*([escape(str(trade["symbol"]))] * several), *_trade_cells(trade))
    return table


def _trade_cells(trade: Mapping[str, Any]) -> Sequence[str]:
    net = Decimal(str(trade["pnl"]))
    colour = "green" if net > 0 else "red"
    mark = " [yellow](ambiguous)[/]" if trade.get("ambiguous") else ""
    return (
        escape(str(trade["side"])),
        _moment(trade["entry_time"]),
        escape(str(trade["entry_price"])),
        escape(str(trade["exit_price"])),
        f"{trade['holding_period_hours']:,.0f} h",
        f"{Decimal(str(trade['quantity'])).normalize():,f}",
        f"[{colour}]{money_text(net, signed=True)}[/]",
        escape(str(trade["exit_reason"]).replace("_", " ")) + mark,
    )


_TRADE_COLUMNS = (
    ("side", False), ("entry", False), ("price", True), ("exit", True), ("held", True),
    ("units", True), ("net", True), ("closed by", False),
)  # fmt: skip


def _moment(text: object) -> str:
    return escape(str(text)[:16].replace("T", " "))


def _sharpe(document: Document) -> Figure | None:
    return find_figure(document, "sharpe")


def _net(document: Document) -> str:
    net = Decimal(str(document["total_pnl"]))
    capital = Decimal(str(document["start_capital"]))
    colour = "green" if net >= 0 else "red"
    return f"[{colour}]{money_text(net, signed=True)}[/] ({percent_text(net / capital, signed=True)})"


def _win_rate(document: Document) -> str:
    total = int(document["total_trades"])
    return percent_text(int(document["winning_trades"]) / total) if total else "–"


_ROWS: Mapping[str, Callable[[Document], str]] = {
    "net profit": _net,
    "max drawdown": lambda document: percent_text(document["max_drawdown"]),
    "Sharpe ratio": lambda document: figure_text(_sharpe(document)),
    "trades": lambda document: f"{int(document['total_trades']):,}",
    "win rate": _win_rate,
    "costs": lambda document: money_text(total_costs(document)),
    "ambiguous trades": lambda document: f"{document['bounds']['ambiguous_trades']:,}",
}
