"""The digest of an account with several legs: the same run gives the same 64 hex digits anywhere (M8).

Place: as `digest`, whose format of one symbol stays as it is. It covers the integer tables with the leg of
each row, and the account's curves.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sptraderb.domain.outcome import EVENT_COLUMNS, LEDGER_COLUMNS, ORDER_COLUMNS, TRADE_COLUMNS
from sptraderb.domain.portfolio import PortfolioOutcome

DIGEST_FORMAT = "sptraderb.portfolio/1"


def portfolio_digest(outcome: PortfolioOutcome, symbols: Sequence[str]) -> str:
    """Return the SHA-256 of an outcome's tables as lower-case hex digits.

    Parameters
    ----------
    outcome : PortfolioOutcome
        From either engine.
    symbols : sequence of str
        The legs' symbols, in order.

    Notes
    -----
    A header line names the format, the symbols, the money decimals, the first tradable instant and the
    instants done. Each table then adds a line with its name, columns and row count, and its rows as
    little-endian int64, row after row; a column ``leg`` of its own follows each table of rows.
    """
    digest = hashlib.sha256()
    head = (DIGEST_FORMAT, *symbols, outcome.money_decimals, outcome.first_tradable_instant)
    digest.update((" ".join(map(str, (*head, outcome.n_instants_done))) + "\n").encode())
    tables: tuple[tuple[str, tuple[str, ...], npt.NDArray[np.int64]], ...] = (
        ("trades", TRADE_COLUMNS, outcome.trades),
        ("trades", ("leg",), outcome.trade_legs),
        ("orders", ORDER_COLUMNS, outcome.orders),
        ("orders", ("leg",), outcome.order_legs),
        ("ledger", LEDGER_COLUMNS, outcome.ledger),
        ("ledger", ("leg",), outcome.ledger_legs),
        ("times", ("time_s",), outcome.time_s),
        ("equity", ("equity_minor",), outcome.equity_minor),
        ("trough", ("trough_minor",), outcome.trough_minor),
        ("events", EVENT_COLUMNS, outcome.events),
        ("events", ("leg",), outcome.event_legs),
    )
    for name, columns, table in tables:
        digest.update(f"{name} {','.join(columns)} {len(table)}\n".encode())
        digest.update(np.ascontiguousarray(table, dtype="<i8").data)
    return digest.hexdigest()
