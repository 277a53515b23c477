"""What each symbol of an account brought: its trades, its costs, its part of the net profit.

Place: the block ``symbols`` of an account's result document. The parts are sums of ledger rows and open
P&L, so the net profits of all symbols add up to the account's, exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sptraderb.domain.candle import Candles
from sptraderb.domain.order import LONG
from sptraderb.domain.outcome import LEDGER_COLUMNS, LedgerKind
from sptraderb.domain.portfolio import PortfolioOutcome
from sptraderb.domain.result_books import exact_sum
from sptraderb.domain.result_columns import Units, time_text

Block = dict[str, object]
COSTS = (
    LedgerKind.SPREAD,
    LedgerKind.SLIPPAGE,
    LedgerKind.COMMISSION,
    LedgerKind.SWAP,
    LedgerKind.FUNDING,
    LedgerKind.CONVERSION,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegSums:
    """What one leg's ledger rows and open positions come to, in minor units.

    Parameters
    ----------
    by_kind : dict of LedgerKind to int
        Sum of each kind of booking.
    open_pnl : int
        Of what is held at the end.
    """

    by_kind: dict[LedgerKind, int]
    open_pnl: int

    @property
    def net(self) -> int:
        """Everything together: what the leg added to the account's equity."""
        return sum(self.by_kind.values()) + self.open_pnl


def leg_sums(outcome: PortfolioOutcome, leg: int) -> LegSums:
    """Return what a leg's bookings and open positions come to."""
    rows = outcome.ledger[outcome.ledger_legs == leg]
    kinds, amounts = (rows[:, LEDGER_COLUMNS.index(name)] for name in ("kind", "amount_minor"))
    return LegSums(
        by_kind={kind: exact_sum(amounts[kinds == kind]) for kind in LedgerKind},
        open_pnl=sum(held.open_pnl_minor for number, held in outcome.open_positions if number == leg),
    )


def symbols_block(
    outcome: PortfolioOutcome,
    legs: Sequence[Candles],
    units: Sequence[Units],
    *,
    grades: Sequence[str | None],
    signals: Sequence[int],
) -> list[Block]:
    """Return one row a symbol, in the order of the request.

    Parameters
    ----------
    outcome : PortfolioOutcome
        A run.
    legs : sequence of Candles
        Its candles.
    units : sequence of Units
        Of each symbol.
    grades : sequence of str or None
        Grade of each symbol's candles.
    signals : sequence of int
        On how many bars an entry rule of each was true.
    """
    return [
        {
            "symbol": units[leg].symbol,
            **_trades(outcome, leg, units[leg]),
            **_money(leg_sums(outcome, leg), units[leg]),
            "signals_generated": signals[leg],
            **_bars(outcome, leg, candles),
            "quality": grades[leg],
        }
        for leg, candles in enumerate(legs)
    ]


def _trades(outcome: PortfolioOutcome, leg: int, units: Units) -> Block:
    mine = outcome.trade_legs == leg
    net, side = outcome.trade_column("net_pnl_minor")[mine], outcome.trade_column("side")[mine]
    count, wins = len(net), int((net > 0).sum())
    return {
        "total_trades": count,
        "winning_trades": wins,
        "losing_trades": int((net < 0).sum()),
        "long_trades": int((side == LONG).sum()),
        "short_trades": int((side != LONG).sum()),
        "open_positions": sum(number == leg for number, _ in outcome.open_positions),
        "win_rate": wins / count if count else None,
        "gross_profit": units.money(exact_sum(net[net > 0])),
        "gross_loss": units.money(exact_sum(net[net < 0])),
    }


def _money(sums: LegSums, units: Units) -> Block:
    """Return money as the metrics have it: costs are positive when paid, price P&L includes the open one."""
    return {
        "net_profit": units.money(sums.net),
        "price_pnl": units.money(sums.by_kind[LedgerKind.PRICE_PNL] + sums.open_pnl),
        "open_pnl": units.money(sums.open_pnl),
        **{kind.name.lower(): units.money(-sums.by_kind[kind]) for kind in COSTS},
        "total_costs": units.money(-sum(sums.by_kind[kind] for kind in COSTS)),
    }


def _bars(outcome: PortfolioOutcome, leg: int, candles: Candles) -> Block:
    curves = outcome.legs[leg]
    first, n_bars = curves.first_tradable_bar, curves.n_bars_done
    tradable = first < n_bars
    exposed = int(np.count_nonzero(curves.exposed[first:]))
    return {
        "bars": n_bars,
        "first_tradable_time": time_text(int(candles.time_s[first])) if tradable else None,
        "exposure": exposed / (n_bars - first) if tradable else None,
    }
