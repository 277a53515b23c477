"""Where two outcomes of the same account differ (M7, A1): sentences for people, none for equal ones.

Place: beside ``outcome_differences``, for accounts of several symbols.
"""

from sptraderb.domain.outcome import EVENT_COLUMNS, LEDGER_COLUMNS, ORDER_COLUMNS, TRADE_COLUMNS
from sptraderb.domain.outcome_differences import table_difference, value_difference
from sptraderb.domain.portfolio import PortfolioOutcome

_TABLES = (
    ("trades", TRADE_COLUMNS),
    ("ledger", LEDGER_COLUMNS),
    ("orders", ORDER_COLUMNS),
    ("events", EVENT_COLUMNS),
)
_COLUMNS = (
    "trade_legs",
    "ledger_legs",
    "order_legs",
    "event_legs",
    "time_s",
    "equity_minor",
    "balance_minor",
    "trough_minor",
)
_VALUES = (
    "money_decimals",
    "first_tradable_instant",
    "n_instants_done",
    "end_balance_minor",
    "open_positions",
)
_LEG_COLUMNS = ("long_steps", "short_steps", "exposed")
_LEG_VALUES = ("first_tradable_bar", "n_bars_done")


def portfolio_differences(first: PortfolioOutcome, second: PortfolioOutcome) -> tuple[str, ...]:
    """Compare every table, column and value bit for bit.

    Returns
    -------
    tuple of str
        One sentence for each table, column or value that differs, with the first place; empty when
        the outcomes are equal.
    """
    found = [value_difference(name, first, second) for name in _VALUES]
    tables = (*_TABLES, *((name, (name,)) for name in _COLUMNS))
    found += [
        table_difference(name, getattr(first, name), getattr(second, name), columns)
        for name, columns in tables
    ]
    if len(first.legs) != len(second.legs):
        found.append(f"legs: {len(first.legs)} and {len(second.legs)}")
    for number, (one, other) in enumerate(zip(first.legs, second.legs, strict=False)):
        in_leg = [value_difference(name, one, other) for name in _LEG_VALUES]
        in_leg += [
            table_difference(name, getattr(one, name), getattr(other, name), (name,)) for name in _LEG_COLUMNS
        ]
        found += [f"leg {number}, {sentence}" for sentence in in_leg if sentence]
    return tuple(sentence for sentence in found if sentence)
