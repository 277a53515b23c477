"""Hypothesis builders of runs with costs that vary: hours, ranges, swap, funding, conversion, thin margin.

A run of `wider_runs` or `resting_runs` is drawn first; each feature then adds one cost, so that a
difference between the engines can be pinned to it. Schedules are the domain's own where they can be, so
that bars meet them.
"""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from sptraderb.domain.bar_facts import BarRates
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.cost_schedules import funding_due, hourly_spread_ticks, swap_days
from sptraderb.domain.costs import FundingRates, SpreadTable, SwapKind
from sptraderb.domain.order import SizeKind, SizeRule
from sptraderb.domain.terms import Terms
from sptraderb.testing.random_runs import RandomRun
from sptraderb.testing.resting_runs import resting_runs
from sptraderb.testing.wider_runs import FEATURES, wider_runs

COSTS = ("hours", "range", "swap", "funding", "conversion", "margin")
"""What `costly_runs` can add, in the order in which it does."""

_RATES = st.sampled_from((-1_000_000_000, -123_456_789, -1, 0, 7, 50_000_000, 3_000_000_000))


@st.composite
def costly_runs(draw: st.DrawFn, costs: tuple[str, ...] = COSTS, *, max_bars: int = 120) -> RandomRun:
    """Draw a run with some of ``costs`` (names of `COSTS`), the first of them always."""
    wider = wider_runs(tuple(draw(st.permutations(FEATURES))), max_bars=max_bars)
    run = draw(wider | resting_runs(max_bars=max_bars))
    chosen = {costs[0], *draw(st.sets(st.sampled_from(costs)))}
    if "hours" in chosen:
        run = _with_hours(draw, run)
    if "range" in chosen:
        rate = draw(st.sampled_from((1, 10_000_000, 100_000_000, 500_000_000)))
        run = replace(run, terms=replace(run.terms, slippage_range_ppb=rate))
    if "swap" in chosen:
        run = _with_swap(draw, run)
    if "funding" in chosen:
        run = _with_funding(draw, run)
    if "conversion" in chosen:
        run = _with_conversion(draw, run)
    share = draw(st.sampled_from((500_000_000, 500_000_000, 0, 999_999_999, 10**9)))
    run = replace(run, terms=replace(run.terms, stop_out_ppb=share))
    return _with_thin_margin(draw, run) if "margin" in chosen else run


def _with_hours(draw: st.DrawFn, run: RandomRun) -> RandomRun:
    hours = tuple(1_000_000 * draw(st.sampled_from((0, 1, 8, 15, 31))) for _ in range(6)) * 4
    table = SpreadTable(hours_ppm=hours, in_pips=draw(st.booleans()), timezone="Europe/London")
    ticks, _ = hourly_spread_ticks(run.candles.time_s, table, pip_ticks=2)
    return replace(run, terms=_with_facts(run.terms, spread_ticks=ticks))


def _with_swap(draw: st.DrawFn, run: RandomRun) -> RandomRun:
    calendar = run.candles.instrument.calendar
    days = swap_days(run.candles.time_s, calendar, triple=draw(st.sampled_from((2, 3))))
    if draw(st.booleans()):
        days = days + draw(st.sampled_from((1, 2)))
    kind = draw(st.sampled_from((SwapKind.POINTS, SwapKind.MONEY, SwapKind.PERCENT)))
    terms = replace(run.terms, swap_kind=kind, swap_long=draw(_RATES), swap_short=draw(_RATES))
    return replace(run, terms=_with_facts(terms, swap_days=days))


def _with_funding(draw: st.DrawFn, run: RandomRun) -> RandomRun:
    times = run.candles.time_s
    if draw(st.booleans()):
        funding = FundingRates(every_s=28_800, rate_ppb=draw(st.sampled_from((100_000, -33_333, 1))))
    else:
        generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        stamps = np.unique(generator.integers(times[0], times[-1] + 2, len(times) // 2 + 1)).tolist()
        rates = generator.integers(-3_000_000, 3_000_000, len(stamps)).tolist()
        funding = FundingRates(series=tuple(zip(stamps, rates, strict=True)))
    return replace(run, terms=_with_facts(run.terms, funding_ppb=funding_due(times, funding)))


def _with_conversion(draw: st.DrawFn, run: RandomRun) -> RandomRun:
    """Convert at rates near one number, of small or large terms, that move from bar to bar."""
    n_bars = len(run.candles)
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    level = draw(st.sampled_from((1, 11, 109_250, 88_123_457)))
    one = draw(st.sampled_from((1, 10, 100_000, 10**8)))
    walk = np.maximum(level + generator.integers(-level // 9 - 1, level // 9 + 2, n_bars + 1), 1)
    still = generator.random(n_bars + 1) < draw(st.sampled_from((0.0, 0.9)))
    walk = np.where(still, level, walk).astype(np.int64)
    ones = np.full(n_bars + 1, one, dtype=np.int64)
    pair = (walk, ones) if draw(st.booleans()) else (ones, walk)
    rates = [_lowest(pair[0][part], pair[1][part]) for part in (slice(0, n_bars), slice(1, n_bars + 1))]
    terms = replace(run.terms, conversion_fee_ppb=draw(st.sampled_from((0, 0, 2_500_000, 333_333_333))))
    return replace(run, terms=_with_facts(terms, open_rates=rates[0], close_rates=rates[1]))


def _lowest(top: Int64Array, bottom: Int64Array) -> BarRates:
    common = np.gcd(top, bottom)
    return BarRates(numerator=top // common, denominator=bottom // common)


def _with_thin_margin(draw: st.DrawFn, run: RandomRun) -> RandomRun:
    """Let sizes use all the margin there is, so that calls and stop-outs come."""
    sizes = st.sampled_from((20_000_000_000, 90_000_000_000, 29_000_000_000))
    entries = tuple(
        replace(entry, size=SizeRule(kind=SizeKind.EQUITY_FRACTION, amount=draw(sizes)))
        for entry in run.plan.entries
    )
    risk = replace(run.terms.risk, max_position_size_ppb=0)
    rate = draw(st.sampled_from((33_333_333, 10_000_000, 200_000_000, 10**9)))
    terms = replace(run.terms, margin_rate_ppb=rate, risk=risk)
    return replace(run, plan=replace(run.plan, entries=entries), terms=terms)


def _with_facts(terms: Terms, **facts: object) -> Terms:
    return replace(terms, facts=replace(terms.facts, **facts))  # type: ignore[arg-type]
