"""The terms of a run: everything a simulation needs beside plan and candles."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sptraderb.domain.bar_facts import NO_FACTS, BarFacts
from sptraderb.domain.costs import Costs, SwapKind
from sptraderb.domain.fixed import INT64_MAX, ticks_from_text
from sptraderb.domain.instrument import Instrument, currency_digits
from sptraderb.domain.plan import RiskLimits
from sptraderb.domain.profile import STRICT, Profile
from sptraderb.errors import InvalidInput

DEFAULT_STOP_OUT_PPB = 500_000_000
_MILLION = 1_000_000
_HEADROOM = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Capital, costs and limits in the engine's integers.

    Parameters
    ----------
    money_decimals : int
        Decimals d of money (M1).
    currency : str
        Account currency; empty: the quote currency.
    capital_minor : int
        Initial deposit.
    commission_ppb : int
        Commission per side, parts per 10^9 of notional at the fill price (C1).
    commission_per_lot_minor, commission_per_order_minor : int
        Commission beside the rate: for each lot (`Instrument.lot_units`), pro rata, and for each order.
        The parts are summed exactly and rounded once.
    commission_min_minor, commission_max_minor : int
        Bounds of an order's commission, after rounding; 0 = none.
    spread_ticks : int
        Whole spread (C2); not read where candles carry both sides. Bid candles: ask = bid + spread.
        Ask candles: bid = ask - spread. Mid candles: bid = mid - spread // 2, ask = mid + the rest (the
        odd tick to the ask).
    slippage_ticks : int
        Adverse slippage of market and stop fills (C3); limits are never slipped (X3).
    slippage_ppb : int
        Slippage as parts per 10^9 of the price before it, rounded up to a tick; added to the ticks.
    slippage_range_ppb : int
        Slippage as parts per 10^9 of the range (high - low of the declared side, bid where there are
        both) of the bar before the one that fills, rounded up to a tick; added too. None on bar 0.
    swap_kind : SwapKind or None
        What the swap rates count (C4); never ``pips`` here; None: no swap.
    swap_long, swap_short : int
        For one day and signed, + is received: millionths of a tick, minor units per lot, or parts per
        10^9 of the notional at the last mark, a year of 360 days.
    conversion_fee_ppb : int
        Fee on a converted price P&L, parts per 10^9 of its magnitude (C5).
    margin_rate_ppb : int
        Margin as parts per 10^9 of notional.
    stop_out_ppb : int
        Share of the used margin at or below which equity is stopped out (A3), at most 10^9; 0 = never.
    risk : RiskLimits
        Limits in force.
    start_bar : int
        First bar on which a rule may decide: max(first bar at or after `start`, `Signals.ready_bar`).
        The first tradable bar is the one after it.
    close_at_end : bool
        Whether a position held at the end is closed at the last close, with costs (X10).
    for_position : bool
        False: unknown paths are decided against the position (as run). True: the best case, for
        `bounds` (X6).
    profile : Profile
        Which fill profile.
    facts : BarFacts
        Spread, what is due and rates of each bar (C2, C4, C5).
    limit_through_ticks : int
        Ticks by which the range must pass a limit's level (entry, target, partial exit) for it to fill
        inside a bar; it still fills at its level (X3).
    """

    money_decimals: int
    currency: str = ""
    capital_minor: int
    commission_ppb: int = 0
    commission_per_lot_minor: int = 0
    commission_per_order_minor: int = 0
    commission_min_minor: int = 0
    commission_max_minor: int = 0
    spread_ticks: int = 0
    slippage_ticks: int = 0
    slippage_ppb: int = 0
    slippage_range_ppb: int = 0
    swap_kind: SwapKind | None = None
    swap_long: int = 0
    swap_short: int = 0
    conversion_fee_ppb: int = 0
    margin_rate_ppb: int
    stop_out_ppb: int = DEFAULT_STOP_OUT_PPB
    risk: RiskLimits = field(default_factory=RiskLimits)
    start_bar: int = 0
    close_at_end: bool = False
    for_position: bool = False
    profile: Profile = STRICT
    facts: BarFacts = NO_FACTS
    limit_through_ticks: int = 0


def money_decimals(instrument: Instrument, *, capital_text: str, leverage: int, currency: str = "") -> int:
    """Return d, the decimals money is counted in (M1), of an account with one symbol.

    Parameters
    ----------
    instrument : Instrument
        Its scales count where it is quoted in the account currency.
    capital_text : str
        Initial capital as decimal text.
    leverage : int
        Largest leverage, at least 1.
    currency : str
        The account currency; empty: the instrument's quote currency.

    Raises
    ------
    InvalidInput
        ``money.capital_too_large`` if even the currency's own digits overflow.
    """
    account = currency or instrument.quote
    return account_decimals((instrument,), capital_text=capital_text, leverage=leverage, currency=account)


def account_decimals(
    instruments: Sequence[Instrument], *, capital_text: str, leverage: int, currency: str
) -> int:
    """Return d, the decimals money is counted in (M1), of an account with several symbols.

    Parameters
    ----------
    instruments : sequence of Instrument
        Scales of those that are quoted in the account currency count.
    capital_text, leverage, currency
        As in `money_decimals`; the currency is stated.

    Raises
    ------
    InvalidInput
        ``money.capital_too_large``.
    """
    digits = currency_digits(currency)
    quoted = [one for one in instruments if one.quote == currency]
    decimals = max([one.price_scale + one.quantity_scale for one in quoted] + [digits + 4])
    whole = ticks_from_text(capital_text, digits)
    while whole * 10 ** (decimals - digits) * max(1, leverage) * _HEADROOM >= 2**63 and decimals > digits:
        decimals -= 1
    if whole * 10 ** (decimals - digits) * max(1, leverage) * _HEADROOM > INT64_MAX:
        raise InvalidInput(
            "money.capital_too_large", f"capital x leverage must fit 64 bits with room, was {capital_text}"
        )
    return decimals


def spread_ticks(costs: Costs, instrument: Instrument) -> tuple[int, bool]:
    """Return the spread in ticks, rounded up, and whether it was rounded (M2, C2)."""
    return _ticks_up(costs.spread_ppm_pips, costs.spread_ppm_ticks, instrument)


def slippage_ticks(costs: Costs, instrument: Instrument) -> tuple[int, bool]:
    """Return the slippage in ticks, rounded up, and whether it was rounded (M2, C3)."""
    return _ticks_up(costs.slippage_ppm_pips, costs.slippage_ppm_ticks, instrument)


def _ticks_up(ppm_pips: int | None, ppm_ticks: int | None, instrument: Instrument) -> tuple[int, bool]:
    millionths = (ppm_ticks or 0) if ppm_pips is None else ppm_pips * instrument.pip_ticks
    return -(-millionths // _MILLION), bool(millionths % _MILLION)
