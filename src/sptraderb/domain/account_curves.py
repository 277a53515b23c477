"""An account with several legs in the shape that curves and figures of a run are made from.

Place: between a `PortfolioOutcome` and what reads an `Outcome`: the equity curve, daily marks, drawdown,
ledger totals and the metrics look at the account as a whole and need no leg. What is different for each leg
(trades in their prices, sizes held) stays with the legs.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.portfolio import PortfolioOutcome

_Number = TypeVar("_Number", bound=np.generic)


def account_bars(outcome: PortfolioOutcome, legs: Sequence[Candles]) -> Candles:
    """Return the instants done as bars without prices: times, timeframe, and the first leg's calendar (T4).

    Parameters
    ----------
    outcome : PortfolioOutcome
        A run.
    legs : sequence of Candles
        Its candles.
    """
    first, n_instants = legs[0], outcome.n_instants_done
    ones = np.broadcast_to(np.int64(1), n_instants)
    return Candles(
        instrument=first.instrument,
        timeframe=first.timeframe,
        time_s=outcome.time_s,
        open_ticks=ones,
        high_ticks=ones,
        low_ticks=ones,
        close_ticks=ones,
        volume=np.broadcast_to(np.float64(0), n_instants),
    )


def account_outcome(outcome: PortfolioOutcome, legs: Sequence[Candles]) -> Outcome:
    """Return the account as if it were one symbol: its money, marks and tables, without a leg.

    ``held_steps`` counts the positions open at each close. Bars in the tables stay indices into the bars
    of each row's own leg.
    """
    return Outcome(
        money_decimals=outcome.money_decimals,
        first_tradable_bar=outcome.first_tradable_instant,
        n_bars_done=outcome.n_instants_done,
        trades=outcome.trades,
        ledger=outcome.ledger,
        orders=outcome.orders,
        events=outcome.events,
        equity_minor=outcome.equity_minor,
        trough_minor=outcome.trough_minor,
        held_steps=positions_held(outcome, legs),
        exposed=exposed_at(outcome, legs),
        open_position=None,
        balance_minor=outcome.end_balance_minor,
        n_uncertain_bars=outcome.n_uncertain_bars,
        n_walked_bars=outcome.n_walked_bars,
    )


def open_pnl_minor(outcome: PortfolioOutcome) -> int:
    """Return the open P&L of all positions held at the end."""
    return sum(position.open_pnl_minor for _, position in outcome.open_positions)


def last_bars(outcome: PortfolioOutcome, candles: Candles, leg: int) -> Int64Array:
    """Return the last bar of a leg that opened at or before each instant, -1 before its first.

    Returns
    -------
    ndarray of shape (n_instants_done,), dtype=int64
        Indices into the leg's candles.
    """
    times_s = candles.time_s[: outcome.legs[leg].n_bars_done]
    return np.searchsorted(times_s, outcome.time_s, side="right").astype(np.int64, copy=False) - 1


def positions_held(outcome: PortfolioOutcome, legs: Sequence[Candles]) -> Int64Array:
    """Return how many positions are open at each instant's close, shape (n_instants_done,)."""
    count = np.zeros(outcome.n_instants_done, dtype=np.int64)
    for leg, candles in enumerate(legs):
        curves = outcome.legs[leg]
        held = (curves.long_steps > 0).astype(np.int64) + (curves.short_steps > 0)
        count += at_instants(held, last_bars(outcome, candles, leg))
    return count


def exposed_at(outcome: PortfolioOutcome, legs: Sequence[Candles]) -> npt.NDArray[np.bool_]:
    """Return whether some leg held a position at any time of an instant, shape (n_instants_done,).

    A leg without a bar there holds what it held at its last close.
    """
    found = np.zeros(outcome.n_instants_done, dtype=np.bool_)
    for leg, candles in enumerate(legs):
        curves = outcome.legs[leg]
        bars = last_bars(outcome, candles, leg)
        held = (curves.long_steps > 0) | (curves.short_steps > 0)
        has_bar = at_instants(candles.time_s[: curves.n_bars_done], bars) == outcome.time_s
        found |= np.where(has_bar, at_instants(curves.exposed, bars), at_instants(held, bars))
    return found


def at_instants(values: npt.NDArray[_Number], bars: Int64Array) -> npt.NDArray[_Number]:
    """Return a leg's values at its last bars, 0 before its first.

    Parameters
    ----------
    values : ndarray of shape (n_bars_done,)
        One for each of the leg's bars.
    bars : ndarray of shape (n_instants_done,), dtype=int64
        From `last_bars`.
    """
    padded = np.concatenate([values, np.zeros(1, dtype=values.dtype)])
    return padded[bars]
