"""What costs need of each bar, as the walk reads it: side offsets, what falls due, rates of conversion.

One row a bar of `kernels/codes` FACT columns where a cost varies from bar to bar, no row at all else.
"""

from math import gcd

import numpy as np
import numpy.typing as npt

from sptraderb.domain.bar_facts import NO_FACTS, BarRates
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.costs import SwapKind
from sptraderb.domain.fixed import INT64_MAX, RATE_ONE
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.terms import Terms
from sptraderb.engine.kernels import codes as c
from sptraderb.errors import InvalidInput, MoneyOverflow

_SWAP_KINDS = {
    None: c.SWAP_NONE,
    SwapKind.POINTS: c.SWAP_POINTS,
    SwapKind.MONEY: c.SWAP_MONEY,
    SwapKind.PERCENT: c.SWAP_PERCENT,
}


def side_offsets(side: CandleSide, spread_ticks: int) -> tuple[int, int]:
    """Return what is added to a candle's price to get bid and ask, in ticks (X5).

    With both sides the walk takes each bar's own spread in place of the one given here.
    """
    if side is CandleSide.ASK:
        return -spread_ticks, 0
    if side is CandleSide.MID:
        return -(spread_ticks // 2), spread_ticks - spread_ticks // 2
    return 0, spread_ticks


def is_hourly(instrument: Instrument, terms: Terms) -> bool:
    """Return whether the spread changes from bar to bar by a table (C2)."""
    return terms.facts.spread_ticks is not None and instrument.side is not CandleSide.BOTH


def cost_row(terms: Terms, n_bars: int) -> list[int]:
    """Return the book's stretches for costs of holding and of margin, and for other books, at first."""
    row = dict.fromkeys(range(c.FIRST_COST, c.FIRST_RULE), 0)
    facts = terms.facts
    varies = (facts.spread_ticks, facts.swap_days, facts.funding_ppb, facts.open_rates)
    has_costs = any(value is not None for value in varies) or terms.slippage_range_ppb
    row[c.BAR_COSTS] = int(bool(has_costs))
    row[c.HOURLY] = int(facts.spread_ticks is not None)
    row[c.CONVERTED] = int(facts.open_rates is not None)
    row[c.RANGE_PPB] = terms.slippage_range_ppb
    row[c.SWAP_KIND] = _SWAP_KINDS[terms.swap_kind]
    row[c.SWAP_LONG] = terms.swap_long
    row[c.SWAP_SHORT] = terms.swap_short
    row[c.CONVERSION_PPB] = terms.conversion_fee_ppb
    row[c.STOP_OUT_PPB] = 0 if terms.profile.calls_margin else terms.stop_out_ppb
    row[c.MAX_POSITIONS] = terms.risk.max_positions
    row[c.TWIN] = row[c.SPARED_BAR] = -1
    row[c.END_BAR] = n_bars
    return list(row.values())


def bar_facts(instrument: Instrument, terms: Terms, n_bars: int) -> Int64Array:
    """Return what the walk reads of each bar beside prices.

    Returns
    -------
    ndarray of shape (n_bars or 0, N_FACTS), dtype=int64
        Read-only.

    Raises
    ------
    MoneyOverflow
        ``money.overflow`` if a rate times what a tick is worth does not fit 64 bits.
    """
    facts = terms.facts
    known = (facts.spread_ticks, facts.swap_days, facts.funding_ppb, facts.open_rates)
    used = any(value is not None for value in known)
    table = np.zeros((n_bars if used else 0, c.N_FACTS), dtype=np.int64)
    if used:
        if is_hourly(instrument, terms):
            table[:, c.FACT_BID_OFFSET], table[:, c.FACT_ASK_OFFSET] = _offsets(instrument, terms)
        if facts.swap_days is not None:
            table[:, c.FACT_SWAP_DAYS] = facts.swap_days
        if facts.funding_ppb is not None:
            table[:, c.FACT_FUNDING] = facts.funding_ppb
        places = (c.FACT_OPEN_MULTIPLIER, c.FACT_CLOSE_MULTIPLIER)
        for rates, place in zip((facts.open_rates, facts.close_rates), places, strict=True):
            if rates is not None:
                table[:, place], table[:, place + 1] = _worth(instrument, terms, rates)
    table.flags.writeable = False
    return table


def due_bars(candles: Candles, terms: Terms) -> npt.NDArray[np.uint8] | np.uint8:
    """Return the DUE flag of bars on which the spread changes or a cost of holding falls due; 0: of none."""
    facts = terms.facts
    if facts is NO_FACTS:
        return np.uint8(0)
    due = np.zeros(len(candles), dtype=np.bool_)
    for column in (facts.swap_days, facts.funding_ppb):
        if column is not None:
            due |= column != 0
    if facts.spread_ticks is not None and is_hourly(candles.instrument, terms):
        due[1:] |= np.diff(facts.spread_ticks) != 0
    return due.view(np.uint8) * np.uint8(c.DUE) if due.any() else np.uint8(0)


def require_positive_prices(candles: Candles, terms: Terms) -> None:
    """Refuse costs that could bring a fill to zero or below, on any bar.

    Raises
    ------
    InvalidInput
        ``costs.exceed_price``.
    """
    if not len(candles):
        return
    if is_hourly(candles.instrument, terms) or terms.slippage_range_ppb:
        suspects = _suspects(candles, terms)
    else:
        offset = side_offsets(candles.instrument.side, terms.spread_ticks)[0]
        suspects = [(int(candles.low_ticks.min()), offset, 0)]
    for low, offset, reach in suspects:
        bid = low + offset
        range_ticks = -(-reach * terms.slippage_range_ppb // RATE_ONE)
        most = terms.slippage_ticks + range_ticks - offset - (-bid * terms.slippage_ppb // RATE_ONE)
        if low <= most:
            raise InvalidInput(
                "costs.exceed_price",
                f"spread and slippage must be smaller than the lowest price, were {most} ticks at {low}",
            )


def _suspects(candles: Candles, terms: Terms) -> list[tuple[int, int, int]]:
    """Return low, bid offset and range before of the bars on which costs come near the price."""
    lows = candles.low_ticks
    if is_hourly(candles.instrument, terms):
        offsets = _offsets(candles.instrument, terms)[0]
    else:
        offsets = np.full_like(lows, side_offsets(candles.instrument.side, terms.spread_ticks)[0])
    reach = np.zeros_like(lows)
    reach[1:] = candles.high_ticks[:-1] - lows[:-1]
    left = (lows + offsets) * (1.0 - terms.slippage_ppb * 1e-9) - reach * (terms.slippage_range_ppb * 1e-9)
    near = np.flatnonzero(left - terms.slippage_ticks < 4.0 + 1e-9 * lows)
    return list(zip(lows[near].tolist(), offsets[near].tolist(), reach[near].tolist(), strict=True))


def _offsets(instrument: Instrument, terms: Terms) -> tuple[Int64Array, Int64Array]:
    """Return bid and ask offset of each bar by its hour's spread."""
    spread = terms.facts.spread_ticks
    if spread is None:
        raise AssertionError("only asked where the spread has a table")
    half = spread // 2 if instrument.side is CandleSide.MID else np.zeros_like(spread)
    return (-spread, half) if instrument.side is CandleSide.ASK else (-half, spread - half)


def _worth(instrument: Instrument, terms: Terms, rates: BarRates) -> tuple[Int64Array, Int64Array]:
    """Return each bar's multiplier and divisor from ticks x steps to account money, in lowest terms."""
    shift = terms.money_decimals - instrument.price_scale - instrument.quantity_scale
    multiplier, divisor = instrument.point_value * 10 ** max(shift, 0), 10 ** max(-shift, 0)
    common = gcd(multiplier, divisor)
    multiplier, divisor = multiplier // common, divisor // common
    if multiplier > INT64_MAX:
        raise MoneyOverflow("money.overflow", "what a tick is worth must fit 64 bits, it does not")
    down, up = np.gcd(rates.denominator, multiplier), np.gcd(rates.numerator, divisor)
    pairs = ((rates.numerator // up, multiplier // down), (rates.denominator // down, divisor // up))
    for a, b in pairs:
        if (a > INT64_MAX // b).any():
            raise MoneyOverflow(
                "money.overflow", "a rate times a tick's worth must fit 64 bits, in lowest terms, one did not"
            )
    return pairs[0][0] * pairs[0][1], pairs[1][0] * pairs[1][1]
