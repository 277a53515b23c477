"""Outcomes made by hand, for tests of what is computed from them."""

from collections.abc import Mapping, Sequence

import numpy as np

from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import Instrument, fx_instrument
from sptraderb.domain.outcome import LEDGER_COLUMNS, ORDER_COLUMNS, TRADE_COLUMNS, LedgerKind, Outcome
from sptraderb.domain.terms import Terms
from sptraderb.domain.timeframe import H1, Timeframe

MONDAY_S = 1_704_067_200  # 2024-01-01 00:00 UTC
DECIMALS = 2
EURUSD = fx_instrument("EURUSD")


def flat_candles(
    n_bars: int, *, timeframe: Timeframe = H1, instrument: Instrument = EURUSD, start_s: int = MONDAY_S
) -> Candles:
    """Return bars that stand still at 1.00000, one after the other, weekends included."""
    price = np.full(n_bars, 10**instrument.price_scale, dtype=np.int64)
    times = start_s + timeframe.seconds * np.arange(n_bars, dtype=np.int64)
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    columns = {"time_s": times, **dict.fromkeys(names, price)}
    return Candles.from_columns(columns, instrument=instrument, timeframe=timeframe)


def plain_terms(capital: int = 1000) -> Terms:
    """Return terms without costs: ``capital`` in whole units at two decimals, no leverage."""
    return Terms(money_decimals=DECIMALS, capital_minor=capital * 10**DECIMALS, margin_rate_ppb=10**9)


def outcome_of(
    equity_minor: Sequence[int],
    *,
    deposit_minor: int,
    trough_minor: Sequence[int] | None = None,
    trades: Sequence[Mapping[str, int]] = (),
    orders: Sequence[Mapping[str, int]] = (),
) -> Outcome:
    """Return an outcome with this equity from bar 0 on; the ledger books the end at once.

    Parameters
    ----------
    trades, orders : sequence of mapping
        Columns by name; those left out are 0.
    """
    equity = np.array(equity_minor, dtype=np.int64)
    trough = equity if trough_minor is None else np.array(trough_minor, dtype=np.int64)
    end = int(equity[-1]) if len(equity) else deposit_minor
    ledger = [(0, LedgerKind.DEPOSIT, deposit_minor, -1)]
    if end != deposit_minor:
        ledger.append((len(equity) - 1, LedgerKind.PRICE_PNL, end - deposit_minor, 0))
    return Outcome(
        money_decimals=DECIMALS,
        first_tradable_bar=0,
        n_bars_done=len(equity),
        trades=_table(trades, TRADE_COLUMNS),
        ledger=np.array(ledger, dtype=np.int64).reshape(-1, len(LEDGER_COLUMNS)),
        orders=_table(orders, ORDER_COLUMNS),
        events=np.empty((0, 3), dtype=np.int64),
        equity_minor=equity,
        trough_minor=trough,
        held_steps=np.zeros(len(equity), dtype=np.int64),
        exposed=np.zeros(len(equity), dtype=np.bool_),
        open_position=None,
        balance_minor=end,
    )


def _table(
    rows: Sequence[Mapping[str, int]], columns: tuple[str, ...]
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    values = [[row.get(name, 0) for name in columns] for row in rows]
    return np.array(values, dtype=np.int64).reshape(len(values), len(columns))
