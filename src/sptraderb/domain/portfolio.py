"""Several symbols in one account, or two sides of one: what goes in and what comes out (rules A1, A3, A4).

A leg is one symbol with its own candles; all legs share one cash and one merged timeline. An instant is
an open time that some leg has a bar at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.outcome import TRADE_COLUMNS, OpenPosition
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.terms import Terms
from sptraderb.errors import InvalidInput

ACCOUNT_LEG = -1
"""The leg of rows that belong to the account: the deposit, margin calls, and what a limit does."""
_SHARED = (
    "money_decimals",
    "currency",
    "capital_minor",
    "stop_out_ppb",
    "risk",
    "close_at_end",
    "for_position",
    "profile",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One symbol of an account.

    Parameters
    ----------
    symbol : str
        Its name.
    plan : Plan
        The strategy as this symbol sees it.
    candles : Candles
        Its bars; all legs have one timeframe.
    signals : Signals
        The plan's conditions and levels on these candles.
    terms : Terms
        Costs, margin rate, rates and first bar of this symbol; what belongs to the account is the same in
        every leg: capital, money, risk limits, stop-out, profile, `close_at_end`, `for_position`.
    finer : Candles or None
        Shorter bars of the symbol (X6).
    """

    symbol: str
    plan: Plan
    candles: Candles
    signals: Signals
    terms: Terms
    finer: Candles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegCurves:
    """What one leg held, on its own bars.

    Parameters
    ----------
    first_tradable_bar : int
        First bar whose open may fill (T2).
    n_bars_done : int
        Bars walked.
    long_steps, short_steps : ndarray of shape (n_bars_done,), dtype=int64
        Size held long and short at each bar's close, neither negative; with netting one of them is 0.
    exposed : ndarray of shape (n_bars_done,), dtype=bool
        Whether a position was held at any instant of the bar.
    """

    first_tradable_bar: int
    n_bars_done: int
    long_steps: Int64Array
    short_steps: Int64Array
    exposed: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioOutcome:
    """Everything one simulation of an account with several legs decided.

    Tables have the columns of `Outcome`'s and keep the order in which things happened in the account;
    beside each stands the leg of every row, `ACCOUNT_LEG` for those of the account. A bar in a row is an
    index into its leg's candles, in a row of the account an index into the timeline. Positions are
    numbered over the account.

    Parameters
    ----------
    money_decimals : int
        Decimals d of all money here (M1).
    first_tradable_instant : int
        First instant at which some leg's open may fill.
    n_instants_done : int
        Instants walked; smaller than the timeline's when stopped.
    time_s : ndarray of shape (n_instants_done,), dtype=int64
        Open times of the instants walked.
    trades, ledger, orders, events : ndarray of shape (n_rows, n_columns), dtype=int64
        As in `Outcome`.
    trade_legs, ledger_legs, order_legs, event_legs : ndarray of shape (n_rows,), dtype=int64
        Leg of each row.
    equity_minor, balance_minor : ndarray of shape (n_instants_done,), dtype=int64
        Equity and cash of the account at the instants' closes; a leg without a bar counts at its last
        close (T5).
    trough_minor : ndarray of shape (n_instants_done,), dtype=int64
        Lowest equity inside each instant, every leg at its own worst (METRICS, drawdown).
    legs : tuple of LegCurves
        One for each leg, in order.
    open_positions : tuple of (int, OpenPosition)
        What is held at the end with its leg, in the order of the legs, a long side before a short one.
    end_balance_minor : int
        Cash at the end; the sum of the ledger.
    n_uncertain_bars, n_walked_bars : int
        As in `Outcome`, summed.
    """

    money_decimals: int
    first_tradable_instant: int
    n_instants_done: int
    time_s: Int64Array
    trades: Int64Array
    trade_legs: Int64Array
    ledger: Int64Array
    ledger_legs: Int64Array
    orders: Int64Array
    order_legs: Int64Array
    events: Int64Array
    event_legs: Int64Array
    equity_minor: Int64Array
    balance_minor: Int64Array
    trough_minor: Int64Array
    legs: tuple[LegCurves, ...]
    open_positions: tuple[tuple[int, OpenPosition], ...]
    end_balance_minor: int
    n_uncertain_bars: int = 0
    n_walked_bars: int = 0

    def trade_column(self, name: str) -> Int64Array:
        """Return one column of the trades, shape (n_trades,)."""
        return self.trades[:, TRADE_COLUMNS.index(name)]


def account_legs(legs: Sequence[Leg]) -> tuple[Leg, ...]:
    """Return the legs as an account walks them: without TradingView's margin call, whatever the profile.

    TradingView runs a strategy on one symbol and nets; an account of several symbols, or of both sides,
    keeps the margin call and the stop-out of rule A3.
    """
    return tuple(
        replace(leg, terms=replace(leg.terms, profile=replace(leg.terms.profile, calls_margin=False)))
        for leg in legs
    )


def merged_times(legs: Sequence[Leg]) -> Int64Array:
    """Return the open times of the account's instants, after checking that the legs share one account.

    Returns
    -------
    ndarray of shape (n_instants,), dtype=int64
        Ascending, Unix seconds.

    Raises
    ------
    InvalidInput
        ``portfolio.no_legs``, ``portfolio.terms_differ`` if the legs' terms state different accounts,
        ``portfolio.bars_overlap`` if a bar opens inside another leg's bar, which had opened before it.
    """
    if not legs:
        raise InvalidInput("portfolio.no_legs", "an account must have a symbol, had none")
    for leg in legs[1:]:
        for name in _SHARED:
            if getattr(leg.terms, name) != getattr(legs[0].terms, name):
                raise InvalidInput(
                    "portfolio.terms_differ",
                    f"all symbols of an account must have the same `{name}`, "
                    f"`{leg.symbol}` and `{legs[0].symbol}` differ",
                )
    times: Int64Array = np.unique(np.concatenate([leg.candles.time_s for leg in legs]))
    for leg in legs:
        after = np.searchsorted(times, leg.candles.time_s, side="right")
        known = np.flatnonzero(after < len(times))
        overlaps = np.flatnonzero(times[after[known]] < leg.candles.close_times_s[known])
        if len(overlaps):
            at = int(leg.candles.time_s[known[overlaps[0]]])
            raise InvalidInput(
                "portfolio.bars_overlap",
                f"no bar may open inside another symbol's bar, one does in the bar of `{leg.symbol}` at {at}",
                hint="take a timeframe below a day, or symbols that follow one calendar",
            )
    return times


def account_days(legs: Sequence[Leg], times_s: Int64Array) -> Int64Array:
    """Return the session day of each instant, by the calendar of the first leg (T4).

    Parameters
    ----------
    legs : sequence of Leg
        Of the account.
    times_s : ndarray of shape (n_instants,), dtype=int64
        The merged timeline.
    """
    first = legs[0].candles
    ones = np.ones(len(times_s), dtype=np.int64)
    timeline = Candles(
        instrument=first.instrument,
        timeframe=first.timeframe,
        time_s=times_s,
        open_ticks=ones,
        high_ticks=ones,
        low_ticks=ones,
        close_ticks=ones,
        volume=ones.astype(np.float64),
    )
    return timeline.session_days
