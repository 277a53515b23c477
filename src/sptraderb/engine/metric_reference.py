"""The page ``docs/reference/metrics.md``, written from the definitions.

Place: beside ``metric_definitions``; a test compares the page with it.
"""

from sptraderb.engine.metric_definitions import DEFINITIONS, REASONS

_HEAD = """# Metrics

Generated from `engine/metric_definitions.py` by `engine/metric_reference.py`; a test compares the two, so
change the definitions, not this page.

Each metric of a result carries its definition id (`sharpe-1`; a changed formula gets a new number), its
unit, its convention (how it was sampled, periods per year A, ddof, risk-free rate) and, where it is null,
a reason. Money is exact decimal text; everything else is a number.

Sampling: `daily` is equity at session-day closes and the last bar (E, with E_0 the deposit; r are its
returns, n of them; y years from the first open to the last close; A = n / y from a year on, else 365.25 x
session days a week / 7); `bars` is every close; `intrabar` is the lowest equity inside each bar against
the highest earlier mark; `trades` is closed trades; `books` is the ledger.
"""


def metric_reference() -> str:
    """Return `docs/reference/metrics.md` as text."""
    parts = [_HEAD]
    for group in dict.fromkeys(item.group for item in DEFINITIONS):
        rows = [item for item in DEFINITIONS if item.group == group]
        lines = [
            f"| `{item.name}` | {item.formula} | {item.unit} | {item.sampling} "
            f"| {'' if item.ddof is None else item.ddof} |"
            for item in rows
        ]
        head = "| metric | definition | unit | sampling | ddof |\n| --- | --- | --- | --- | --- |"
        parts.append(f"\n## {group.capitalize()}\n\n{head}\n" + "\n".join(lines) + "\n")
    reasons = "\n".join(f"| `{code}` | {text} |" for code, text in REASONS.items())
    parts.append(f"\n## Why a figure is null\n\n| reason | when |\n| --- | --- |\n{reasons}\n")
    return "".join(parts)
