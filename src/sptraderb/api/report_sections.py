"""The report page's tables: trades, figures with their conventions, notes; every text escaped."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import Any

from sptraderb.api.report_figures import COST_NAMES, Figure, figure_text, money_text, percent_text

MAX_TRADE_ROWS = 1_000
"""A page lists this many trades; the chart marks all that the document holds."""

_HEADINGS = (
    "#", "side", "entry", "price", "exit", "price", "quantity", "net", "%", "costs", "why", "rule",
)  # fmt: skip
_SYMBOL_HEADINGS = ("symbol", "net", "trades", "won", "price P&amp;L", "costs", "open", "exposure")
_RIGHT = frozenset({"#", "price", "quantity", "net", "%", "costs", *_SYMBOL_HEADINGS[2:]})


def seconds(moment: object) -> int:
    """Return a document's time, text or Unix seconds, as Unix seconds."""
    if isinstance(moment, int | float):
        return int(moment)
    return int(datetime.fromisoformat(str(moment)).timestamp())


def clock(moment: object) -> str:
    """Return a document's time as people read it, UTC, to the minute."""
    return f"{datetime.fromtimestamp(seconds(moment), UTC):%Y-%m-%d %H:%M}"


def trades_caption(document: Mapping[str, Any], n_listed: int) -> str:
    """Return the sentence above the trades: how many there are, how many are listed."""
    total = int(document["total_trades"])
    shown = min(n_listed, MAX_TRADE_ROWS)
    return (
        f"{total:,} closed; a click shows one in the chart"
        if shown == total
        else f"first {shown:,} of {total:,}"
    )


def symbols_section(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what each symbol of an account brought, as a section; nothing for a run of one symbol."""
    if not rows:
        return ""
    head = "".join(f'<th{_n(heading)} scope="col">{heading}</th>' for heading in _SYMBOL_HEADINGS)
    body = "".join(_symbol_row(row) for row in rows)
    table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    caption = "<small>net profits add up to the account's</small>"
    return f'<h2>Symbols {caption}</h2><div class="frame scroll"><table>{table}</table></div>'


def _symbol_row(row: Mapping[str, Any]) -> str:
    net = Decimal(row["net_profit"])
    cells = (
        escape(str(row["symbol"])),
        f'<span class="{"gain" if net > 0 else "loss"}">{money_text(net, signed=True)}</span>',
        f"{row['total_trades']:,}",
        percent_text(row["win_rate"]),
        money_text(row["price_pnl"], signed=True),
        money_text(row["total_costs"]),
        money_text(row["open_pnl"], signed=True),
        percent_text(row["exposure"]),
    )
    return (
        "<tr>"
        + "".join(f"<td{_n(h)}>{c}</td>" for h, c in zip(_SYMBOL_HEADINGS, cells, strict=True))
        + "</tr>"
    )


def trade_table(trades: Sequence[Mapping[str, Any]], *, with_symbol: bool = False) -> str:
    """Return the rows of the first `MAX_TRADE_ROWS` closed trades; each knows its bars for the chart."""
    headings = ("#", "symbol", *_HEADINGS[1:]) if with_symbol else _HEADINGS
    head = "".join(f'<th{_n(heading)} scope="col">{heading}</th>' for heading in headings)
    rows = "".join(
        _trade_row(number, trade, with_symbol=with_symbol)
        for number, trade in enumerate(trades[:MAX_TRADE_ROWS], 1)
    )
    return f"<thead><tr>{head}</tr></thead><tbody>{rows or _nothing(len(headings))}</tbody>"


def _trade_row(number: int, trade: Mapping[str, Any], *, with_symbol: bool) -> str:
    net = Decimal(trade["pnl"])
    tone = "gain" if net > 0 else "loss"
    side = str(trade["side"])
    reason = str(trade["exit_reason"]).replace("_", " ") + (" (ambiguous)" if trade["ambiguous"] else "")
    cells = (
        str(number),
        f'<span class="pill {escape(side)}">{escape(side)}</span>',
        clock(trade["entry_time"]),
        escape(str(trade["entry_price"])),
        clock(trade["exit_time"]),
        escape(str(trade["exit_price"])),
        escape(_quantity(trade["quantity"])),
        f'<span class="{tone}">{money_text(net, signed=True)}</span>',
        percent_text(trade["pnl_percent"], signed=True),
        money_text(-sum((Decimal(trade[name]) for name in COST_NAMES), Decimal())),
        escape(reason),
        f'<span class="quiet">{escape(trade["entry_rule"])}</span>',
    )
    cells_with = [f"<td{_n(head)}>{cell}</td>" for head, cell in zip(_HEADINGS, cells, strict=True)]
    if with_symbol:
        cells_with.insert(1, f"<td>{escape(str(trade['symbol']))}</td>")
    body = "".join(cells_with)
    bars = f'data-from="{seconds(trade["entry_time"])}" data-to="{seconds(trade["exit_time"])}"'
    return f'<tr tabindex="0" {bars}>{body}</tr>'


def _quantity(text: object) -> str:
    return f"{Decimal(str(text)).normalize():,f}"


def metric_table(figures: Iterable[Figure]) -> str:
    """Return every figure with its value and convention, in groups; the definition is its tooltip."""
    rows, group = [], ""
    for figure in figures:
        if figure.group != group:
            group = figure.group
            rows.append(f'<tr class="group"><td colspan="3">{escape(group)}</td></tr>')
        title = escape(figure.title)
        value = escape(figure_text(figure))
        rows.append(
            f'<tr><td title="{escape(figure.definition)}">{title}</td><td class="n">{value}</td>'
            f'<td class="wrap">{escape(figure.convention)}</td></tr>'
        )
    head = '<th scope="col">figure</th><th class="n" scope="col">value</th><th scope="col">convention</th>'
    return f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows) or _nothing(3)}</tbody>"


def notes_list(notes: Sequence[Mapping[str, Any]]) -> str:
    """Return the run's notes as a section, or nothing where there are none."""
    if not notes:
        return ""
    items = "".join(
        f"<li>{escape(str(note.get('text', '')))} <code>{escape(str(note.get('code', '')))}</code></li>"
        for note in notes
    )
    return f'<h2>Notes</h2><div class="frame"><ul class="notes">{items}</ul></div>'


def _nothing(columns: int) -> str:
    return f'<tr><td colspan="{columns}" class="quiet">none</td></tr>'


def _n(heading: str) -> str:
    return ' class="n"' if heading in _RIGHT else ""
