"""The money part of a known answer: spreads by hour, swap, funding, conversion, margin (C2 to C5, A3).

Place: reads the mapping ``money`` of a case in ``tests/oracle/cases`` for `known_answers`. What falls
due when is computed from the case's own bar times, so that a case proves the calendar too.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sptraderb.domain.bar_facts import BarFacts, BarRates
from sptraderb.domain.candle import Candles
from sptraderb.domain.conversion import LegCloses, RouteLeg, bar_rates, leg_closes
from sptraderb.domain.cost_schedules import funding_due, hourly_spread_ticks, swap_days, triple_weekday
from sptraderb.domain.costs import FundingRates, SpreadTable, SwapKind
from sptraderb.domain.fixed import rate_from_text, ticks_from_text
from sptraderb.domain.instrument import CandleSide, fx_instrument
from sptraderb.domain.terms import Terms

_RATES = ("stop_out", "slippage_range", "conversion_fee")


def with_money(terms: Terms, candles: Candles, raw: Mapping[str, object]) -> Terms:
    """Return terms with what the mapping ``money`` of a case states; an unknown key is a `KeyError`.

    Parameters
    ----------
    raw : mapping
        ``stop_out``, ``slippage_range``, ``conversion_fee``: rates. ``spread_by_hour``: ticks by hour,
        ``default`` and ``timezone``. ``swap``: ``points``, ``money`` or ``percent`` with ``long`` and
        ``short``. ``funding``: ``every_s`` and ``rate``, or rates by Unix second. ``conversion``: a list
        of legs with ``pair``, ``inverse`` and the ``closes`` of bars like the run's.
    """
    fields = dict(raw)
    rates = {f"{name}_ppb": rate_from_text(str(fields.pop(name))) for name in _RATES if name in fields}
    facts = BarFacts(
        spread_ticks=_spreads(fields.pop("spread_by_hour", None), candles),
        swap_days=_days(candles) if "swap" in fields else None,
        funding_ppb=_funding(fields.pop("funding", None), candles),
        **_conversion(fields.pop("conversion", None), candles),
    )
    swap = _swap(fields.pop("swap", None), terms.money_decimals)
    if fields:
        raise KeyError(f"unknown keys of `money`: {sorted(fields)}")
    return replace(terms, facts=facts, **rates, **swap)  # type: ignore[arg-type]


def _swap(raw: object, decimals: int) -> dict[str, object]:
    if not isinstance(raw, dict):
        return {}
    kind = SwapKind(str(raw["kind"]))
    scale = {SwapKind.POINTS: 6, SwapKind.MONEY: decimals, SwapKind.PERCENT: 9}[kind]
    amounts = {side: str(raw.get(side, "0")) for side in ("long", "short")}
    if kind is SwapKind.PERCENT:
        long, short = (rate_from_text(text) for text in amounts.values())
    else:
        long, short = (ticks_from_text(text, scale) for text in amounts.values())
    return {"swap_kind": kind, "swap_long": long, "swap_short": short}


def _days(candles: Candles) -> np.ndarray:
    instrument = candles.instrument
    triple = triple_weekday(instrument.base + instrument.quote)
    return swap_days(candles.time_s, instrument.calendar, triple=triple)


def _spreads(raw: object, candles: Candles) -> np.ndarray | None:
    if not isinstance(raw, dict):
        return None
    stated = dict(raw)
    zone, default = str(stated.pop("timezone", "UTC")), int(stated.pop("default", 0))
    hours = [int(stated.get(hour, default)) * 1_000_000 for hour in range(24)]
    table = SpreadTable(hours_ppm=tuple(hours), in_pips=False, timezone=zone)
    return hourly_spread_ticks(candles.time_s, table, pip_ticks=candles.instrument.pip_ticks)[0]


def _funding(raw: object, candles: Candles) -> np.ndarray | None:
    if not isinstance(raw, dict):
        return None
    if "every_s" in raw:
        rates = FundingRates(every_s=int(raw["every_s"]), rate_ppb=rate_from_text(str(raw["rate"])))
    else:
        series = tuple((int(time_s), rate_from_text(str(rate))) for time_s, rate in raw.items())
        rates = FundingRates(series=series)
    return funding_due(candles.time_s, rates)


def _conversion(raw: object, candles: Candles) -> dict[str, BarRates]:
    if not isinstance(raw, list):
        return {}
    legs = [_leg(stated, candles) for stated in raw]
    return {
        "open_rates": bar_rates(candles.time_s, legs, first_bar=1),
        "close_rates": bar_rates(candles.close_times_s, legs, first_bar=0),
    }


def _leg(raw: Mapping[str, object], candles: Candles) -> LegCloses:
    pair, closes = str(raw["pair"]), raw["closes"]
    instrument = fx_instrument(pair, CandleSide(str(raw.get("side", "bid"))))
    words = str(closes).split()
    ticks = np.array([ticks_from_text(word, instrument.price_scale) for word in words], dtype=np.int64)
    columns = {f"{name}_ticks": ticks for name in ("open", "high", "low", "close")}
    times_s = candles.time_s[: len(ticks)]
    rates = Candles.from_columns(
        {"time_s": times_s, **columns}, instrument=instrument, timeframe=candles.timeframe
    )
    leg = RouteLeg(base=pair[:3], quote=pair[3:], inverse=bool(raw.get("inverse", False)))
    return leg_closes(leg, rates)
