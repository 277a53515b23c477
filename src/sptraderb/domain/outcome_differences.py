"""Where two outcomes of the same run differ (M7): sentences for people, none for equal ones.

Place: used by ``sptraderb verify`` and by the tests that compare engine and oracle.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.domain.outcome import (
    EVENT_COLUMNS,
    LEDGER_COLUMNS,
    ORDER_COLUMNS,
    TRADE_COLUMNS,
    Outcome,
)

_TABLES = (
    ("trades", TRADE_COLUMNS),
    ("ledger", LEDGER_COLUMNS),
    ("orders", ORDER_COLUMNS),
    ("events", EVENT_COLUMNS),
)
_COLUMNS = ("equity_minor", "trough_minor", "held_steps", "exposed")
_VALUES = ("money_decimals", "first_tradable_bar", "n_bars_done", "balance_minor", "open_position")


def outcome_differences(first: Outcome, second: Outcome) -> tuple[str, ...]:
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
    return tuple(sentence for sentence in found if sentence)


def value_difference(name: str, first: object, second: object) -> str:
    """Return how one attribute of two outcomes differs; empty where it does not."""
    one, other = getattr(first, name), getattr(second, name)
    return "" if one == other else f"{name}: {one} and {other}"


def table_difference(
    name: str,
    one: npt.NDArray[np.generic],
    other: npt.NDArray[np.generic],
    columns: tuple[str, ...],
) -> str:
    """Return the first row two tables differ in, or that their lengths differ."""
    common = min(len(one), len(other))
    width = len(columns)
    unequal = (one[:common] != other[:common]).reshape(common, width)
    rows = np.flatnonzero(unequal.any(axis=1))
    if len(rows):
        row = int(rows[0])
        at = int(np.argmax(unequal[row]))
        pair = (one.reshape(len(one), width)[row, at], other.reshape(len(other), width)[row, at])
        return f"{name}: row {row}, {columns[at]} is {pair[0]} and {pair[1]} ({len(rows)} rows differ)"
    return "" if len(one) == len(other) else f"{name}: {len(one)} rows and {len(other)} rows"
