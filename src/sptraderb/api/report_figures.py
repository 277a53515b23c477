"""Figures of a result document as people read them: found by name, written with unit and convention.

Shared by the report page and the command line's tables.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

COST_NAMES = ("spread", "slippage", "commission", "swap", "funding", "conversion")
"""What a trade may cost, as the ledger names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One metric of a result document.

    Parameters
    ----------
    name, group, unit : str
        As in the document.
    value : str, float, int or None
        Decimal text for money, a number for the rest, None where it is undefined.
    definition, convention : str
        What it is, and how it was sampled and annualised.
    reason : str
        Why it is undefined.
    """

    name: str
    group: str
    value: str | float | int | None
    unit: str = ""
    definition: str = ""
    convention: str = ""
    reason: str = ""

    @property
    def title(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ")


def list_figures(document: Mapping[str, Any]) -> list[Figure]:
    """Return every metric of a document, in its order."""
    metrics = document.get("metrics") or []
    rows: Iterable[Mapping[str, Any]]
    if isinstance(metrics, Mapping):
        rows = [{"name": name, **body} for name, body in metrics.items()]
    else:
        rows = metrics
    return [_to_figure(row) for row in rows]


def find_figure(document: Mapping[str, Any], *names: str) -> Figure | None:
    """Return the metric of the first name that the document has, or None."""
    figures = {figure.name: figure for figure in list_figures(document)}
    return next((figures[name] for name in names if name in figures), None)


def total_costs(document: Mapping[str, Any]) -> Decimal:
    """Return what the run paid in costs, positive when paid, in account currency."""
    figures = (find_figure(document, name, f"{name}_cost") for name in COST_NAMES)
    return -sum((Decimal(str(row.value)) for row in figures if row and row.value is not None), Decimal())


def figure_text(figure: Figure | None) -> str:
    """Return a metric's value for people; an undefined one as its reason."""
    if figure is None:
        return "–"
    if figure.value is None:
        return f"– ({figure.reason})" if figure.reason else "–"
    if figure.unit in ("fraction", "percent", "%"):
        return percent_text(figure.value)
    if figure.unit == "money" or isinstance(figure.value, str):
        return money_text(figure.value)
    if isinstance(figure.value, int):
        return f"{figure.value:,}"
    return f"{figure.value:,.3f}"


def money_text(amount: object, *, signed: bool = False) -> str:
    """Return an amount with two decimals and thousands separators, zero never negative.

    Examples
    --------
    >>> money_text("-1234.5678"), money_text("2", signed=True)
    ('-1,234.57', '+2.00')
    """
    return _signed(Decimal(str(amount)), signed=signed)


def percent_text(fraction: object, *, signed: bool = False) -> str:
    """Return a fraction as percent with two decimals; None as a dash.

    Examples
    --------
    >>> percent_text("0.1234"), percent_text(None)
    ('12.34 %', '–')
    """
    if fraction is None:
        return "–"
    return f"{_signed(Decimal(str(fraction)) * 100, signed=signed)} %"


def _signed(amount: Decimal, *, signed: bool) -> str:
    rounded = round(amount, 2)
    if not rounded:
        return "0.00"
    return f"{rounded:+,.2f}" if signed else f"{rounded:,.2f}"


def _to_figure(row: Mapping[str, Any]) -> Figure:
    texts = {key: str(row.get(key) or "") for key in ("unit", "definition", "convention", "reason")}
    group = str(row.get("group") or "figures")
    return Figure(name=str(row["name"]), group=group, value=row.get("value"), **texts)
