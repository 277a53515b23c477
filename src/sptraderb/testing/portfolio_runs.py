"""Hypothesis builders of accounts of several symbols, or of both sides of one (A1).

Runs of the other builders are drawn first, one a symbol, and put on one timeline with gaps of their own
and into one account: of another price scale, quote currency, cost and plan each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from sptraderb.domain.candle import Candles
from sptraderb.domain.order import SizeKind, SizeRule
from sptraderb.domain.plan import Plan, RiskLimits
from sptraderb.domain.portfolio import Leg
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.terms import Terms
from sptraderb.domain.timeframe import H1, M15, Timeframe
from sptraderb.testing.combined_runs import combined_runs
from sptraderb.testing.finer_parts import finer_parts
from sptraderb.testing.lively_runs import lively_runs
from sptraderb.testing.money_runs import FEATURES as MONEY_FEATURES
from sptraderb.testing.money_runs import money_runs
from sptraderb.testing.random_runs import MONDAY_S, RandomRun
from sptraderb.testing.resting_runs import resting_runs
from sptraderb.testing.wider_runs import wider_runs

FEATURES = ("hedging", "money", "strained", "finer", "profile")
"""What `portfolio_runs` can add: both sides held, `money_runs`, margin that does not last, finer candles,
another profile than `strict`."""

_SHARES = (SizeKind.EQUITY_FRACTION, SizeKind.RISK)
_FIXED = SizeRule(kind=SizeKind.UNITS, amount=5000 * 10**9)
_MONEY = ("commission_per_lot", "commission_per_order", "commission_min", "commission_max")


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomPortfolio:
    """Everything `simulate_portfolio` and `replay_portfolio` take."""

    legs: tuple[Leg, ...]
    hedging: bool


@st.composite
def portfolio_runs(
    draw: st.DrawFn,
    features: tuple[str, ...] = (),
    *,
    profile: str = "",
    runs_of: st.SearchStrategy[RandomRun] | None = None,
    max_legs: int = 3,
    max_bars: int = 50,
) -> RandomPortfolio:
    """Draw an account of several symbols, or of both sides of one.

    Parameters
    ----------
    features : tuple of str
        Names of `FEATURES` that it has for certain; others by chance.
    profile : str
        Name of its profile; empty: any.
    runs_of : strategy or None
        What its symbols are drawn from; None: any of the other builders.
    max_legs, max_bars : int
        Symbols, and bars of each, at most.
    """
    chosen = {*features, *(name for name in FEATURES if draw(st.booleans()))}
    n_legs = draw(st.integers(1 if "hedging" in chosen else 2, max_legs))
    drawn_from = _runs(money="money" in chosen, max_bars=max_bars) if runs_of is None else runs_of
    runs = [draw(drawn_from) for _ in range(n_legs)]
    timeframe, seed = draw(st.sampled_from((M15, H1))), draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    decimals = draw(st.sampled_from((2, 6, min(run.terms.money_decimals for run in runs))))
    shared = _shared(draw, runs[0].terms, decimals=decimals, chosen=chosen)
    if profile:
        shared = {**shared, "profile": PROFILES[profile]}
    legs = []
    for number, run in enumerate(runs):
        terms = replace(_in_decimals(run.terms, decimals), **shared)  # type: ignore[arg-type]
        candles = _on_timeline(run.candles, timeframe, generator, together=draw(st.booleans()))
        finer = finer_parts(candles, seed=seed) if "finer" in chosen and draw(st.booleans()) else None
        leg = Leg(
            symbol=f"LEG{number}",
            plan=run.plan,
            candles=candles,
            signals=run.signals,
            terms=terms,
            finer=finer,
        )
        legs.append(_strained(draw, leg, n_legs) if "strained" in chosen else leg)
    return RandomPortfolio(legs=tuple(legs), hedging="hedging" in chosen)


def without_competition(run: RandomPortfolio) -> RandomPortfolio:
    """Return an account so rich, and without limits, that no symbol takes anything from another."""
    legs = []
    for leg in run.legs:
        entries = tuple(
            replace(entry, size=_FIXED) if entry.size.kind in _SHARES else entry for entry in leg.plan.entries
        )
        terms = replace(leg.terms, capital_minor=10**16, risk=RiskLimits(), stop_out_ppb=0, margin_rate_ppb=1)
        legs.append(replace(leg, plan=replace(leg.plan, entries=entries), terms=terms))
    return replace(run, legs=tuple(legs))


def _runs(*, money: bool, max_bars: int) -> st.SearchStrategy[RandomRun]:
    base = (
        lively_runs(max_bars=max_bars)
        | wider_runs(max_bars=max_bars)
        | resting_runs(max_bars=max_bars)
        | resting_runs(("scale_in", "partial", "resting"), max_bars=max_bars)
    )
    if not money:
        return base
    return (
        base
        | combined_runs(max_bars=max_bars)
        | st.permutations(MONEY_FEATURES).flatmap(lambda names: money_runs(tuple(names), base=base))
    )


def _shared(draw: st.DrawFn, terms: Terms, *, decimals: int, chosen: set[str]) -> Mapping[str, object]:
    """Return what belongs to the account, with limits more often than not."""
    whole = draw(st.sampled_from((137, 10_000, 10_000, 1_000_000)))
    risk = replace(terms.risk, max_positions=draw(st.sampled_from((0, 0, 1, 2))))
    if "strained" in chosen:
        keeps_limits = draw(st.integers(0, 3)) == 0
        drawdown, daily = risk.max_drawdown_ppb, risk.daily_loss_limit_ppb
        risk = replace(
            risk,
            max_position_size_ppb=0,
            max_drawdown_ppb=drawdown if keeps_limits else 0,
            daily_loss_limit_ppb=daily if keeps_limits else 0,
        )
    return {
        "money_decimals": decimals,
        "currency": "USD",
        "capital_minor": whole * 10**decimals,
        "stop_out_ppb": draw(st.sampled_from((500_000_000, 500_000_000, 0, 1, 999_999_999, 10**9))),
        "risk": risk,
        "close_at_end": terms.close_at_end,
        "for_position": terms.for_position,
        "profile": PROFILES[draw(st.sampled_from(tuple(PROFILES))) if "profile" in chosen else "strict"],
    }


def _in_decimals(terms: Terms, decimals: int) -> Terms:
    """Return terms whose stated fees count in money of other decimals."""
    shift = decimals - terms.money_decimals
    fees = {}
    for name in _MONEY:
        stated: int = getattr(terms, f"{name}_minor")
        fees[f"{name}_minor"] = stated * 10**shift if shift >= 0 else stated // 10**-shift
    return replace(terms, **fees)


def _on_timeline(
    candles: Candles, timeframe: Timeframe, generator: np.random.Generator, *, together: bool
) -> Candles:
    """Put bars on the account's grid: one after the other, or late, with gaps of its own."""
    n_bars = len(candles)
    if together:
        slots = np.arange(n_bars, dtype=np.int64)
    else:
        steps = np.where(generator.random(n_bars) < 0.25, generator.integers(2, 9, n_bars), 1)
        slots = np.cumsum(steps).astype(np.int64) + int(generator.integers(0, 12)) - 1
    return replace(candles, timeframe=timeframe, time_s=MONDAY_S + timeframe.seconds * slots)


def _strained(draw: st.DrawFn, leg: Leg, n_legs: int) -> Leg:
    """Trade on thin margin in sizes that together use most or more than all of it."""
    margin = draw(st.sampled_from((33_333_333, 10**7, 2_000_000, 200_000_000)))
    part = draw(st.sampled_from((60, 100, 160))) * 10**16 // (margin * n_legs)
    entries = tuple(
        replace(
            entry,
            size=replace(entry.size, kind=SizeKind.EQUITY_FRACTION, amount=part),
            exits=replace(
                entry.exits, stop_loss=None, trailing_stop=None, trailing_activate=None, break_even_at=None
            )
            if draw(st.booleans()) and not _counts_in_r(leg.plan)
            else entry.exits,
        )
        for entry in leg.plan.entries
    )
    plan, terms = replace(leg.plan, entries=entries), replace(leg.terms, margin_rate_ppb=margin)
    return replace(leg, plan=plan, terms=terms)


def _counts_in_r(plan: Plan) -> bool:
    """Return whether an exit of a plan counts from its stop."""
    return any(distance.kind.value == "r" for entry in plan.entries for distance in entry.exits.distances())
