"""Hypothesis builders of runs whose money is not simple: spreads by hour, swap, funding, conversion, margin.

A run of another builder is drawn first; each feature then changes its terms alone, so that a difference
between the engines can be pinned to a feature. What falls due before a bar is drawn, not taken from a
calendar: the engines must agree on any.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from sptraderb.domain.bar_facts import BarRates
from sptraderb.domain.costs import SwapKind
from sptraderb.domain.order import LONG, SHORT, DistanceKind, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Plan
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.testing.lively_runs import lively_runs
from sptraderb.testing.random_runs import RandomRun
from sptraderb.testing.resting_runs import resting_runs
from sptraderb.testing.wider_runs import wider_runs

Int64Array = npt.NDArray[np.int64]

FEATURES = ("spread_by_hour", "range_slippage", "swap", "funding", "conversion", "margin")
"""What `money_runs` can add, in the order in which it does."""

_CAPITAL = 10**7
_SWAP_RATES = {
    SwapKind.POINTS: (0, 1, -333_333, 2_500_000, -6_500_000, -90_000_000),
    SwapKind.MONEY: (0, -1, 7, -123_457, 9_999_999, -400_000_001),
    SwapKind.PERCENT: (0, 1, -36_000_000, 55_555_555, -1_500_000_000),
}
_FUNDING_RATES = (0, 0, 0, 1, 100_000, -100_000, 7_777_777, -30_000_000)
_QUOTIENTS = ((1, 1), (1, 150_123), (125_000, 100_000), (18_750_001, 10**8), (10**6, 1), (999_983, 1_000_003))


@st.composite
def money_runs(
    draw: st.DrawFn,
    features: tuple[str, ...] = FEATURES,
    *,
    base: st.SearchStrategy[RandomRun] | None = None,
) -> RandomRun:
    """Draw a run with some of ``features`` (names of `FEATURES`), the first of them always.

    Parameters
    ----------
    base : strategy of RandomRun or None
        What the features are added to; None: lively, wider and resting runs.
    """
    run = draw(lively_runs() | wider_runs() | resting_runs() if base is None else base)
    chosen = {features[0], *draw(st.sets(st.sampled_from(features)))}
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if "spread_by_hour" in chosen:
        run = with_facts(run, spread_ticks=_by_hour(run, generator))
    if "range_slippage" in chosen:
        share = draw(st.sampled_from((1, 3_333_333, 100_000_000, 700_000_000)))
        run = replace(run, terms=replace(run.terms, slippage_range_ppb=share))
    if "swap" in chosen:
        days = generator.choice([0, 0, 0, 1, 1, 3, 4], len(run.candles)).astype(np.int64)
        run = with_facts(replace(run, terms=_with_swap(draw, run.terms)), swap_days=days)
    if "funding" in chosen:
        due = generator.choice(_FUNDING_RATES, len(run.candles)).astype(np.int64)
        run = with_facts(run, funding_ppb=due)
    if "conversion" in chosen:
        run = _with_conversion(draw, run, generator)
    if "margin" in chosen:
        run = _with_margin(draw, run)
    return run


def _by_hour(run: RandomRun, generator: np.random.Generator) -> Int64Array:
    """Return the spread of each bar's hour, from a table of 24."""
    table = generator.choice([0, 1, 8, 15, 60], 24).astype(np.int64)
    return table[run.candles.time_s // 3600 % 24]


def _with_swap(draw: st.DrawFn, terms: Terms) -> Terms:
    kind = draw(st.sampled_from(tuple(_SWAP_RATES)))
    rates = st.sampled_from(_SWAP_RATES[kind])
    return replace(terms, swap_kind=kind, swap_long=draw(rates), swap_short=draw(rates))


def _with_conversion(draw: st.DrawFn, run: RandomRun, generator: np.random.Generator) -> RandomRun:
    """Convert at rates that walk, in money of few or many decimals, with a fee at times."""
    terms = run.terms
    decimals = draw(st.sampled_from((2, 6, terms.money_decimals)))
    whole = terms.capital_minor // 10**terms.money_decimals
    top, bottom = draw(st.sampled_from(_QUOTIENTS))
    n_bars = len(run.candles)
    walk = 100_000 + np.cumsum(generator.integers(-draw(st.sampled_from((0, 50, 700))), 51, n_bars + 1))
    walk = np.maximum(walk, 1000).astype(np.int64)
    numerator, denominator = walk * top, np.full(n_bars + 1, 100_000 * bottom, dtype=np.int64)
    terms = replace(
        terms,
        money_decimals=decimals,
        capital_minor=whole * 10**decimals,
        conversion_fee_ppb=draw(st.sampled_from((0, 5_000_000, 123_456_789))),
    )
    return with_facts(
        replace(run, terms=terms),
        open_rates=BarRates(numerator=numerator[:-1], denominator=denominator[:-1]),
        close_rates=BarRates(numerator=numerator[1:], denominator=denominator[1:]),
    )


def _with_margin(draw: st.DrawFn, run: RandomRun) -> RandomRun:
    """Trade on margin, with sizes that can be called and stopped out."""
    margin = draw(st.sampled_from((10**9, 33_333_333, 10**7, 2_000_000, 2_000_000)))
    level = draw(st.sampled_from((500_000_000, 500_000_000, 0, 1, 300_000_000, 999_999_999, 10**9)))
    largest = 10**18 // margin
    plan = _with_sizes(run.plan, amount=largest * draw(st.sampled_from((50, 95, 100))) // 100)
    if draw(st.booleans()):
        entries = tuple(replace(entry, exits=_without_stops(entry.exits)) for entry in plan.entries)
        plan = replace(plan, entries=entries)
    return replace(run, plan=plan, terms=replace(run.terms, margin_rate_ppb=margin, stop_out_ppb=level))


def _without_stops(exits: ExitRules) -> ExitRules:
    """Return exits that leave a loss to the margin: no stop, and nothing that counts from one."""
    target = exits.take_profit
    return replace(
        exits,
        stop_loss=None,
        trailing_stop=None,
        trailing_activate=None,
        break_even_at=None,
        take_profit=None if target is not None and target.kind is DistanceKind.R else target,
        partial=tuple(part for part in exits.partial if part.at.kind is not DistanceKind.R),
    )


def _with_sizes(plan: Plan, *, amount: int) -> Plan:
    entries = tuple(
        replace(entry, size=replace(entry.size, kind=SizeKind.EQUITY_FRACTION, amount=amount))
        for entry in plan.entries
    )
    return replace(plan, entries=entries)


@st.composite
def steady_runs(draw: st.DrawFn, *, sides: tuple[int, ...] = (LONG, SHORT)) -> RandomRun:
    """Draw a run whose fills no cost can change: fixed sizes, exits by signal or time, capital to spare."""
    run = draw(lively_runs())
    instrument = run.candles.instrument
    units = SizeRule(kind=SizeKind.UNITS, amount=draw(st.sampled_from((10**8, 33_300_000, 7 * 10**8))))
    entries = tuple(
        replace(entry, size=units, exits=ExitRules(when=entry.exits.when, max_bars=entry.exits.max_bars))
        for entry in run.plan.entries
        if entry.side in sides
    )
    decimals = money_decimals(instrument, capital_text=str(_CAPITAL), leverage=1)
    terms = Terms(
        money_decimals=decimals,
        capital_minor=_CAPITAL * 10**decimals,
        margin_rate_ppb=10**7,
        stop_out_ppb=0,
        close_at_end=run.terms.close_at_end,
    )
    return replace(run, plan=replace(run.plan, entries=entries), terms=terms)


def hourly_spreads(run: RandomRun, *, seed: int) -> Int64Array:
    """Return the spread of each bar of a run by its hour, from a table of 24 drawn from a seed."""
    return _by_hour(run, np.random.default_rng(seed))


def with_facts(run: RandomRun, **facts: object) -> RandomRun:
    """Return a run with some of its `BarFacts` in place of its own."""
    return replace(run, terms=replace(run.terms, facts=replace(run.terms.facts, **facts)))  # type: ignore[arg-type]
