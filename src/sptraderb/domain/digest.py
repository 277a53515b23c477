"""The digest of an outcome: the same run gives the same 64 hex digits anywhere (M8).

Place: taken by the result document and by ``sptraderb verify``. It covers the integer tables only
(trades, orders, ledger, equity, events); float ratios may differ in their last bit between machines.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from sptraderb.domain.outcome import (
    EVENT_COLUMNS,
    LEDGER_COLUMNS,
    ORDER_COLUMNS,
    TRADE_COLUMNS,
    Outcome,
)

DIGEST_FORMAT = "sptraderb.outcome/1"


def outcome_digest(outcome: Outcome) -> str:
    """Return the SHA-256 of an outcome's tables as lower-case hex digits.

    Parameters
    ----------
    outcome : Outcome
        From either engine.

    Notes
    -----
    A header line names the format, the money decimals, the first tradable bar and the bars done.
    Each table then adds a line with its name, columns and row count, and its rows as little-endian
    int64, row after row. About 1 ns a byte.
    """
    digest = hashlib.sha256()
    head = (DIGEST_FORMAT, outcome.money_decimals, outcome.first_tradable_bar, outcome.n_bars_done)
    digest.update((" ".join(map(str, head)) + "\n").encode())
    tables: tuple[tuple[str, tuple[str, ...], npt.NDArray[np.int64]], ...] = (
        ("trades", TRADE_COLUMNS, outcome.trades),
        ("orders", ORDER_COLUMNS, outcome.orders),
        ("ledger", LEDGER_COLUMNS, outcome.ledger),
        ("equity", ("equity_minor",), outcome.equity_minor),
        ("trough", ("trough_minor",), outcome.trough_minor),
        ("events", EVENT_COLUMNS, outcome.events),
    )
    for name, columns, table in tables:
        digest.update(f"{name} {','.join(columns)} {len(table)}\n".encode())
        digest.update(np.ascontiguousarray(table, dtype="<i8").data)
    return digest.hexdigest()
