"""The engine and the oracle agree on runs that combine everything, in every profile, bit for bit (M7).

Costs, orders, parts, additions, conditions about the position and finer candles meet in one run, so that
a rule that holds alone is seen to hold beside each other one.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sptraderb.domain.order import OrderKind
from sptraderb.domain.outcome import LedgerKind
from sptraderb.domain.profile import PROFILES
from sptraderb.testing.combined_runs import combined_runs, cut_short
from sptraderb.testing.engine_answers import CHUNKS, replayed, require_equal, simulated
from sptraderb.testing.random_runs import RandomRun

_CURVES = ("equity_minor", "trough_minor", "held_steps", "exposed")
_LAW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("walked", [False, True], ids=["plain", "walked"])
@pytest.mark.parametrize("profile", PROFILES)
@_LAW
@given(data=st.data())
def test_run_when_everything_is_combined_then_outcomes_are_equal(
    profile: str, walked: bool, data: st.DataObject
) -> None:
    """Any mix of features, in chunks of any size: one outcome and digest, or refused alike (M3, M7, M8)."""
    run = data.draw(combined_runs(profile=profile, walked=walked))
    require_equal(simulated(run, data.draw(CHUNKS)), replayed(run))


@_LAW
@given(run=combined_runs(), profile=st.sampled_from(("strict", "close")))
def test_uncertain_bars_when_counted_then_both_engines_count_the_same(run: RandomRun, profile: str) -> None:
    """What matters is judged with what is held and rests after all that the open has passed (X6, M7)."""
    run = replace(run, terms=replace(run.terms, profile=PROFILES[profile]))
    one, other = simulated(run), replayed(run)
    if isinstance(one, str) or isinstance(other, str):
        return
    assert one.n_uncertain_bars == other.n_uncertain_bars
    assert one.n_walked_bars == other.n_walked_bars


@_LAW
@given(run=combined_runs(), chunk_bars=st.integers(1, 40))
def test_combined_run_when_split_anywhere_then_nothing_changes(run: RandomRun, chunk_bars: int) -> None:
    """Where a run is cut into chunks leaves no trace, whatever it holds at the cut (M8)."""
    require_equal(simulated(run), simulated(run, chunk_bars))


@_LAW
@given(run=combined_runs())
def test_combined_ledger_when_summed_then_explains_balance_trades_and_equity(run: RandomRun) -> None:
    """Each kind's rows are its column of the trades and what is booked; their sum is the balance (M6)."""
    outcome = simulated(run)
    if isinstance(outcome, str):
        return
    kinds, amounts = outcome.ledger_column("kind"), outcome.ledger_column("amount_minor")
    assert sum(amounts.tolist()) == outcome.balance_minor
    left = 0
    for kind in (*LedgerKind,)[1:]:
        column = outcome.trade_column(f"{kind.name.lower()}_minor")
        left += sum(amounts[kinds == kind].tolist()) - sum(column.tolist())
    held = outcome.open_position
    assert left == (held.booked_minor if held else 0)
    assert int(outcome.equity_minor[-1]) == outcome.balance_minor + (held.open_pnl_minor if held else 0)
    assert (outcome.trough_minor <= outcome.equity_minor).all()


@_LAW
@given(run=combined_runs(), cut=st.integers(1, 89))
def test_combined_future_when_it_changes_then_the_past_stays(run: RandomRun, cut: int) -> None:
    """No cost, order, part or program depends on later bars: a run cut short repeats the curves (T1)."""
    cut = min(cut, len(run.candles))
    whole, head = simulated(run), simulated(cut_short(run, cut))
    if isinstance(whole, str) or isinstance(head, str):
        return
    seen = cut - 1 if run.terms.close_at_end else cut
    for name in _CURVES:
        np.testing.assert_array_equal(getattr(whole, name)[:seen], getattr(head, name)[:seen])


@_LAW
@given(run=combined_runs(walked=False), end=st.sampled_from(("", "_on_close")))
def test_magnifier_when_there_is_nothing_finer_then_changes_nothing(run: RandomRun, end: str) -> None:
    """A magnified run without finer candles is the run that assumes each bar's way (X6)."""
    run = replace(run, terms=replace(run.terms, profile=PROFILES[f"tradingview{end}"]))
    magnified = replace(run, terms=replace(run.terms, profile=PROFILES[f"tradingview_magnifier{end}"]))
    require_equal(simulated(run), simulated(magnified))


@_LAW
@given(run=combined_runs(walked=True), profile=st.sampled_from(("strict", "close")))
def test_finer_candles_when_no_bar_was_walked_then_change_nothing(run: RandomRun, profile: str) -> None:
    """Finer candles speak for the bars that were walked with them and for nothing else (X6)."""
    run = replace(run, terms=replace(run.terms, profile=PROFILES[profile]))
    with_finer, without = simulated(run), simulated(replace(run, finer=None))
    if isinstance(with_finer, str) or isinstance(without, str):
        return
    assert with_finer.n_walked_bars <= with_finer.n_uncertain_bars
    assert without.n_walked_bars == 0
    if with_finer.n_walked_bars == 0:
        require_equal(with_finer, without)


_FEATURES: Mapping[str, Callable[[RandomRun], bool]] = {
    "both sides": lambda run: run.candles.ask_open_ticks is not None,
    "hourly spread": lambda run: run.terms.facts.spread_ticks is not None,
    "swap": lambda run: run.terms.facts.swap_days is not None and run.terms.swap_kind is not None,
    "funding": lambda run: run.terms.facts.funding_ppb is not None,
    "conversion": lambda run: run.terms.facts.open_rates is not None,
    "conversion fee": lambda run: run.terms.conversion_fee_ppb > 0,
    "fixed fees": lambda run: run.terms.commission_per_order_minor > 0,
    "percent slippage": lambda run: run.terms.slippage_ppb > 0,
    "range slippage": lambda run: run.terms.slippage_range_ppb > 0,
    "stop-out": lambda run: run.terms.stop_out_ppb > 0,
    "limit through": lambda run: run.terms.limit_through_ticks > 0,
    "resting": lambda run: any(rule.order.kind is not OrderKind.MARKET for rule in run.plan.entries),
    "parts": lambda run: any(rule.exits.partial for rule in run.plan.entries),
    "additions": lambda run: run.plan.scale_in is not None,
    "trailing": lambda run: any(rule.exits.trailing_stop is not None for rule in run.plan.entries),
    "break-even": lambda run: any(rule.exits.break_even_at is not None for rule in run.plan.entries),
    "programs": lambda run: bool(run.plan.programs),
    "for the position": lambda run: run.terms.for_position,
}


def test_combined_runs_when_drawn_then_each_pair_of_features_meets() -> None:
    """The builder leaves no two features apart: what is proved is proved of them together (M7).

    Profile and finer candles are chosen by the tests above: each meets every feature.
    """
    found: set[frozenset[str]] = set()

    @settings(
        max_examples=300,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(run=combined_runs(max_bars=20, walked=False))
    def note(run: RandomRun) -> None:
        present = [name for name, has in _FEATURES.items() if has(run)]
        found.update(map(frozenset, combinations(present, 2)))

    note()
    pairs = {frozenset(pair) for pair in combinations(_FEATURES, 2)}
    assert sorted(map(sorted, pairs - found)) == []
