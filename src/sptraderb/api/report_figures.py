"""Figures of a result document as people read them: found by name, written with unit and convention.

Shared by the report page and the command line's tables.
"""

from collections.abc import Mapping
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
    return [_to_figure(name, row) for name, row in document["metrics"].items()]


def find_figure(document: Mapping[str, Any], name: str) -> Figure | None:
    """Return one metric of a document, or None if it has none of that name."""
    row = document["metrics"].get(name)
    return None if row is None else _to_figure(name, row)


def total_costs(document: Mapping[str, Any]) -> Decimal:
    """Return what the run paid in costs, positive when paid, in account currency: exact, from the ledger."""
    totals = document["ledger"]["totals"]
    return -sum((Decimal(totals[name]) for name in COST_NAMES if name in totals), Decimal())


def ambiguous_text(document: Mapping[str, Any]) -> str:
    """Return how many trades met stop and target in one bar, in words (X6)."""
    return f"{document['bounds']['ambiguous_trades']:,} ambiguous"


def figure_text(figure: Figure | None) -> str:
    """Return a metric's value for people; an undefined one as its reason."""
    if figure is None:
        return "–"
    if figure.value is None:
        return f"– ({figure.reason})" if figure.reason else "–"
    if figure.unit == "fraction":
        return percent_text(figure.value)
    if figure.unit == "money":
        return money_text(figure.value)
    if figure.unit == "seconds":
        return _span_text(int(figure.value))
    if isinstance(figure.value, float):
        return f"{figure.value:,.3f}"
    return f"{figure.value:,}" if isinstance(figure.value, int) else figure.value


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


def _to_figure(name: str, row: Mapping[str, Any]) -> Figure:
    texts = {key: str(row.get(key) or "") for key in ("group", "unit", "definition", "convention", "reason")}
    return Figure(name=name, value=row["value"], **texts)


def _span_text(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    parts = (
        [f"{days:,} d"] * bool(days) + [f"{hours} h"] * bool(hours) + [f"{rest // 60} min"] * bool(rest // 60)
    )
    return " ".join(parts[:2]) or f"{seconds} s"
