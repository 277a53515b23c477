"""From stated costs to the engine's integers, and to what is known of each bar; and notes about them.

Pure, like `run_terms`, which asks for the integers before a run is accepted; the facts of bars need
candles and come when it is prepared.
"""

from typing import Any

import numpy as np

from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.bar_facts import BarFacts
from sptraderb.domain.candle import Candles
from sptraderb.domain.conversion import LegCloses, bar_rates
from sptraderb.domain.cost_schedules import funding_due, hourly_spread_ticks, swap_days, triple_weekday
from sptraderb.domain.costs import Costs, SwapKind, SwapRates
from sptraderb.domain.fixed import RATE_ONE, text_from_ticks
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.plan import Note, Plan
from sptraderb.domain.profile import STRICT, Profile
from sptraderb.domain.terms import slippage_ticks, spread_ticks
from sptraderb.errors import InvalidInput

_BILLIONTHS = 9
_DAY_S = 86_400
_NEVER_S = 1 << 62


def cost_terms(costs: Costs, instrument: Instrument, decimals: int) -> dict[str, Any]:
    """Return the fields of `Terms` that say what trading and holding cost.

    Parameters
    ----------
    costs : Costs
        The strategy's, or the request's where it states them.
    instrument : Instrument
        As the run sees it.
    decimals : int
        Decimals of money.

    Raises
    ------
    InvalidInput
        ``costs.too_fine``.
    """
    return {
        "commission_ppb": costs.commission_ppb or 0,
        "commission_per_lot_minor": _fee(costs.commission_per_lot, decimals),
        "commission_per_order_minor": _fee(costs.commission_per_order, decimals),
        "commission_min_minor": _fee(costs.commission_min, decimals),
        "commission_max_minor": _fee(costs.commission_max, decimals),
        "spread_ticks": 0 if instrument.side is CandleSide.BOTH else spread_ticks(costs, instrument)[0],
        "slippage_ticks": slippage_ticks(costs, instrument)[0],
        "slippage_ppb": costs.slippage_ppb or 0,
        "slippage_range_ppb": costs.slippage_range_ppb or 0,
        "conversion_fee_ppb": costs.conversion_fee_ppb or 0,
        **({} if costs.swap is None else _swap(costs.swap, instrument, decimals)),
    }


def _swap(swap: SwapRates, instrument: Instrument, decimals: int) -> dict[str, Any]:
    kind, rates = swap.kind, (swap.long, swap.short)
    if kind is SwapKind.PIPS:
        kind, rates = SwapKind.POINTS, (swap.long * instrument.pip_ticks, swap.short * instrument.pip_ticks)
    elif kind is SwapKind.MONEY:
        rates = (_fee(swap.long, decimals, what="swap"), _fee(swap.short, decimals, what="swap"))
    return {"swap_kind": kind, "swap_long": rates[0], "swap_short": rates[1]}


def _fee(billionths: int | None, decimals: int, *, what: str = "commission") -> int:
    """Return a fee in minor units, exactly or refused (M2)."""
    scaled: int = (billionths or 0) * 10**decimals
    if scaled % RATE_ONE:
        fee = text_from_ticks(billionths or 0, _BILLIONTHS)
        raise InvalidInput(
            "costs.too_fine", f"a {what}'s fee must have at most {decimals} decimals, was {fee}"
        )
    return scaled // RATE_ONE


def run_facts(
    costs: Costs,
    candles: Candles,
    route: tuple[LegCloses, ...],
    *,
    start_bar: int,
    profile: Profile = STRICT,
) -> BarFacts:
    """Return what is known of each bar of a run (C2, C4, C5).

    Parameters
    ----------
    costs : Costs
        In force.
    candles : Candles
        Of the run, warm-up included.
    route : tuple of LegCloses
        How the quote currency converts; empty where it is the account currency.
    start_bar : int
        First bar on which a rule may decide; from the next one on a rate is needed.
    profile : Profile
        Whether a bar converts at the last close known when its UTC day began; before the first such
        close it converts as ever.

    Raises
    ------
    CandlesUnusable
        ``conversion.no_rate``.
    MoneyOverflow
        ``money.overflow``.
    """
    instrument, times_s = candles.instrument, candles.time_s
    spread = days = funding = None
    if costs.spread_table is not None and instrument.side is not CandleSide.BOTH:
        spread = hourly_spread_ticks(times_s, costs.spread_table, pip_ticks=instrument.pip_ticks)[0]
    if costs.swap is not None:
        stated = costs.swap.triple_weekday
        triple = triple_weekday(instrument.base + instrument.quote) if stated is None else stated
        days = swap_days(times_s, instrument.calendar, triple=triple)
    if costs.funding is not None:
        funding = funding_due(times_s, costs.funding)
    first = start_bar + 1
    opens, closes = times_s, candles.close_times_s
    if route and profile.converts_day_before:
        days_s = times_s // _DAY_S * _DAY_S
        is_known = days_s >= max(int(leg.known_s[0]) if len(leg.known_s) else _NEVER_S for leg in route)
        opens, closes = np.where(is_known, days_s, opens), np.where(is_known, days_s, closes)
    at_open = bar_rates(opens, route, first_bar=first) if route else None
    at_close = bar_rates(closes, route, first_bar=first) if route else None
    return BarFacts(
        spread_ticks=spread,
        swap_days=days,
        funding_ppb=funding,
        open_rates=at_open,
        close_rates=at_close,
    )


def cost_notes(request: BacktestRequest, plan: Plan, instrument: Instrument) -> tuple[Note, ...]:
    """Return what a reader should know about the costs: rounded up, or never stated (M2, C2)."""
    costs = plan.costs.overridden_by(request.costs)
    notes = []
    rounded = {"slippage": slippage_ticks(costs, instrument)}
    if instrument.side is not CandleSide.BOTH:
        rounded = {"spread": spread_ticks(costs, instrument), **rounded}
    for word, (ticks, is_rounded) in rounded.items():
        if is_rounded:
            price = text_from_ticks(ticks, instrument.price_scale)
            notes.append(
                Note(code="costs.rounded", text=f"The {word} is rounded up to whole ticks: {price}.")
            )
    notes += _spread_notes(costs, instrument)
    if not costs.states_commission():
        notes.append(Note(code="costs.no_commission", text="No commission was stated; it is taken as 0."))
    if (request.account_currency or instrument.quote) == instrument.quote and costs.conversion_fee_ppb:
        text = "The conversion fee stated is not used: nothing is converted."
        notes.append(Note(code="costs.conversion_fee_unused", text=text))
    return tuple(notes)


def _spread_notes(costs: Costs, instrument: Instrument) -> list[Note]:
    stated = (costs.spread_ppm_pips, costs.spread_ppm_ticks, costs.spread_table) != (None, None, None)
    if instrument.side is CandleSide.BOTH:
        if not stated:
            return []
        text = "The spread stated is not used: it is that between the candles' bid and ask."
        return [Note(code="costs.spread_unused", text=text)]
    if not stated:
        return [Note(code="costs.no_spread", text="No spread was stated; it is taken as 0.")]
    if costs.spread_table is None:
        return []
    factor = instrument.pip_ticks if costs.spread_table.in_pips else 1
    if not any(amount * factor % 1_000_000 for amount in costs.spread_table.hours_ppm):
        return []
    text = "Spreads of some hours are rounded up to whole ticks."
    return [Note(code="costs.rounded", text=text)]
