"""Entries that the older dialect's filters keep back: a wide spread, little volume, too much slippage.

Place: after the conditions are evaluated, before the walk. What an entry decided at a close would meet is
known when it is sent; a filter closes the session's gate on that bar and says how often it did.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from sptraderb.domain.candle import Candles
from sptraderb.domain.fixed import RATE_ONE
from sptraderb.domain.instrument import CandleSide
from sptraderb.domain.plan import Note, Plan, Signals
from sptraderb.domain.terms import Terms

Numbers = npt.NDArray[np.float64]
Gate = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What one filter lets through: the note's code, its key with its value, and the bars."""

    code: str
    text: str
    passes: Gate


def with_filters(
    plan: Plan, signals: Signals, candles: Candles, terms: Terms, *, knows_spread: bool
) -> tuple[Signals, tuple[Note, ...]]:
    """Return signals whose gate is closed where a filter keeps entries back, and a note for each filter.

    Parameters
    ----------
    plan : Plan
        With `filters`; without any nothing changes.
    signals : Signals
        Evaluated.
    candles : Candles
        Of the run.
    terms : Terms
        With the facts of each bar; spread and slippage in ticks.
    knows_spread : bool
        Whether anybody stated a spread; candles with both sides know theirs.

    Notes
    -----
    Like the session's gate: the decision's close and the price at which the entry would fill must both
    pass. On the last bar only the decision counts.
    """
    if plan.filters is None:
        return signals, ()
    known = knows_spread or candles.instrument.side is CandleSide.BOTH
    notes = [] if known or plan.filters.max_spread_ppb is None else [_UNKNOWN_SPREAD]
    wanted = _wanted(plan, signals, start_bar=terms.start_bar)
    gate = signals.entry_allowed
    for kept in _filters(plan, candles, terms, knows_spread=known):
        notes.append(_told(kept, np.flatnonzero(wanted & gate & ~kept.passes), candles))
        gate = gate & kept.passes
    return replace(signals, entry_allowed=gate), tuple(notes)


_UNKNOWN_SPREAD = Note(
    code="legacy.filter_unused",
    text="`filters.max_spread_bps` is left out: no spread is known, state `costs.spread` or load both sides",
)


def _wanted(plan: Plan, signals: Signals, *, start_bar: int) -> Gate:
    """Return the bars on which some entry's condition holds and may act."""
    found = np.zeros(len(signals.entry_allowed), dtype=np.bool_)
    for entry in plan.entries:
        if entry.when in signals.conditions:
            found |= signals.conditions[entry.when]
    found[:start_bar] = False
    return found


def _filters(plan: Plan, candles: Candles, terms: Terms, *, knows_spread: bool) -> Iterator[_Kept]:
    filters = plan.filters
    if filters is None:
        return
    if filters.max_spread_ppb is not None and knows_spread:
        text = f"`filters.max_spread_bps` {filters.max_spread_ppb / 100_000:g}"
        yield _Kept(code="legacy.filter", text=text, passes=_spread_passes(candles, terms, plan))
    if filters.min_volume is not None:
        traded = candles.volume * _price(candles, candles.close_ticks) * candles.instrument.point_value
        passes = traded >= float(filters.min_volume)
        yield _Kept(
            code="legacy.filter", text=f"`filters.min_volume_usd` {filters.min_volume}", passes=passes
        )
    if filters.max_slippage_ppb is not None:
        text = f"`execution.slippage_tolerance` {filters.max_slippage_ppb / RATE_ONE:g}"
        passes = _slippage_passes(candles, terms, plan)
        yield _Kept(code="legacy.slippage_tolerance", text=text, passes=passes)


def _spread_passes(candles: Candles, terms: Terms, plan: Plan) -> Gate:
    most = 0 if plan.filters is None else (plan.filters.max_spread_ppb or 0)
    asks = candles.ask_open_ticks, candles.ask_close_ticks
    if asks[0] is not None and asks[1] is not None:
        at_open, at_close = asks[0] - candles.open_ticks, asks[1] - candles.close_ticks
    else:
        varying = terms.facts.spread_ticks
        at_open = at_close = np.full(len(candles), terms.spread_ticks) if varying is None else varying
    opens: Gate = at_open * float(RATE_ONE) <= most * candles.open_ticks.astype(np.float64)
    closes: Gate = at_close * float(RATE_ONE) <= most * candles.close_ticks.astype(np.float64)
    return closes if terms.profile.fills_at_close else closes & _next(opens)


def _slippage_passes(candles: Candles, terms: Terms, plan: Plan) -> Gate:
    """Return where a market entry decided at a close would slip no further than allowed (C3)."""
    most = 0 if plan.filters is None else (plan.filters.max_slippage_ppb or 0)
    at_close = terms.profile.fills_at_close
    prices = (candles.close_ticks if at_close else candles.open_ticks).astype(np.float64)
    ranges = (candles.high_ticks - candles.low_ticks).astype(np.float64)
    before = np.append(0.0, ranges[:-1])
    share = np.ceil(prices * terms.slippage_ppb / RATE_ONE) + np.ceil(
        before * terms.slippage_range_ppb / RATE_ONE
    )
    passes: Gate = (terms.slippage_ticks + share) * RATE_ONE <= most * prices
    return passes if at_close else _next(passes)


def _next(passes: Gate) -> Gate:
    """Return for each bar what holds at the open of the next; the last one passes."""
    return np.append(passes[1:], True)


def _price(candles: Candles, ticks: npt.NDArray[np.int64]) -> Numbers:
    price: Numbers = ticks / 10.0**candles.instrument.price_scale
    return price


def _told(kept: _Kept, bars: npt.NDArray[np.intp], candles: Candles) -> Note:
    """Return the note that says how many signals a filter kept back, and when first."""
    if not len(bars):
        return Note(code=kept.code, text=f"{kept.text} is applied and kept no entry back")
    time = datetime.fromtimestamp(int(candles.close_times_s[bars[0]]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    noun = "signal" if len(bars) == 1 else "signals"
    return Note(code=kept.code, text=f"{kept.text} rejected {len(bars)} entry {noun}, the first at {time}")
