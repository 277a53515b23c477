"""Filters of the older dialect keep entries back where the facts are known, and say how often."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from sptraderb.domain.bar_facts import BarFacts
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import CandleSide, Instrument, crypto_instrument, fx_instrument
from sptraderb.domain.plan import EntryFilters, Note, Plan, Signals
from sptraderb.domain.profile import CLOSE
from sptraderb.domain.terms import Terms
from sptraderb.domain.timeframe import H1
from sptraderb.engine.entry_filters import with_filters
from sptraderb.engine.evaluate import evaluate
from sptraderb.strategy.compiler import StrategyTarget, compile_strategy

_TERMS = Terms(money_decimals=2, capital_minor=1_000_000, margin_rate_ppb=10**9, start_bar=0)
_TIMES_S = 1_704_099_600 + 3_600 * np.arange(6)
_EURUSD = fx_instrument("EURUSD")


def _candles(instrument: Instrument = _EURUSD, **columns: list[float]) -> Candles:
    level = np.full(6, 100_000)
    given = {
        "time_s": _TIMES_S,
        **{f"{name}_ticks": level for name in ("open", "high", "low", "close")},
        **{name: np.array(values) for name, values in columns.items()},
    }
    return Candles.from_columns(given, instrument=instrument, timeframe=H1)


def _plan(filters: EntryFilters, instrument: Instrument = _EURUSD) -> Plan:
    text = "name: x\nentry:\n  long:\n    when: close > 0\n    size: 1%\n"
    target = StrategyTarget(timeframe=H1, instrument=instrument)
    return replace(compile_strategy(text, target=target), filters=filters)


def _gate(
    filters: EntryFilters, candles: Candles, terms: Terms = _TERMS, *, knows_spread: bool = True
) -> tuple[list[bool], tuple[Note, ...], Signals]:
    plan = _plan(filters, candles.instrument)
    signals, notes = with_filters(plan, evaluate(plan, candles), candles, terms, knows_spread=knows_spread)
    return signals.entry_allowed.tolist(), notes, signals


def test_spread_when_it_is_stated_by_hour_then_both_the_decision_and_the_fill_must_be_narrow() -> None:
    """10 bps of 100,000 ticks are 100 ticks; the wide bar 3 keeps its own entry and that of bar 2 back."""
    spreads = BarFacts(spread_ticks=np.array([100, 100, 100, 101, 100, 100]))
    gate, (note,), _ = _gate(
        EntryFilters(max_spread_ppb=1_000_000), _candles(), replace(_TERMS, facts=spreads)
    )
    assert gate == [True, True, False, False, True, True]
    assert note.code == "legacy.filter"
    assert note.text == (
        "`filters.max_spread_bps` 10 rejected 2 entry signals, the first at 2024-01-01T12:00:00Z"
    )


def test_spread_when_candles_have_both_sides_then_theirs_counts() -> None:
    """The close's spread at the decision, the open's at the fill; what is stated is not read."""
    instrument = fx_instrument("EURUSD", CandleSide.BOTH)
    asks = {"ask_high_ticks": [100_200] * 6, "ask_low_ticks": [100_000] * 6}
    asks["ask_open_ticks"] = [100_010, 100_010, 100_060, 100_010, 100_010, 100_010]
    asks["ask_close_ticks"] = [100_010, 100_010, 100_010, 100_010, 100_060, 100_010]
    limit = EntryFilters(max_spread_ppb=500_000)
    candles = _candles(instrument, **asks)
    assert _gate(limit, candles, knows_spread=False)[0] == [True, False, True, True, False, True]
    at_close = _gate(limit, candles, replace(_TERMS, profile=CLOSE))
    assert at_close[0] == [True, True, True, True, False, True]


def test_spread_when_nobody_knows_it_then_the_filter_is_left_out_and_said() -> None:
    """Without a spread there is nothing to compare; the result says so."""
    gate, (note,), _ = _gate(EntryFilters(max_spread_ppb=0), _candles(), knows_spread=False)
    assert all(gate)
    assert (note.code, "costs.spread" in note.text) == ("legacy.filter_unused", True)


def test_volume_when_the_deciding_candle_traded_less_then_its_entry_is_kept_back() -> None:
    """Volume x close, in dollars: 1,000.00 x 3 coins."""
    candles = _candles(crypto_instrument("BTC", "USDT"), volume=[3, 2.9, 3, 3.1, 0, 3])
    gate, (note,), _ = _gate(EntryFilters(min_volume=Decimal(3000)), candles)
    assert gate == [True, False, True, True, False, True]
    assert "rejected 2 entry signals" in note.text


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ({"slippage_ticks": 100}, [True] * 6),
        ({"slippage_ticks": 101}, [False] * 5 + [True]),
        ({"slippage_ppb": 1_000_001}, [False] * 5 + [True]),
        ({"slippage_range_ppb": 500_000_000}, [True, True, False, True, True, True]),
    ],
)
def test_slippage_when_it_would_pass_the_tolerance_then_the_entry_is_rejected_and_counted(
    costs: dict[str, int], expected: list[bool]
) -> None:
    """A maximum of 0.1 % of the fill's price, whatever the slippage counts; the last bar fills nowhere."""
    high = np.array([100_000, 100_000, 100_202, 100_000, 100_000, 100_000])
    candles = _candles(high_ticks=high.tolist())
    limit = EntryFilters(max_slippage_ppb=1_000_000)
    gate, (note,), _ = _gate(limit, candles, replace(_TERMS, **costs))
    assert gate == expected
    assert note.code == "legacy.slippage_tolerance"
    assert ("kept no entry back" in note.text) == all(expected)


def test_signals_when_the_run_starts_later_then_only_its_own_are_counted() -> None:
    """Bars of the warm-up are no rejected entries."""
    terms = replace(_TERMS, slippage_ticks=500, start_bar=4)
    gate, (note,), signals = _gate(EntryFilters(max_slippage_ppb=1_000_000), _candles(), terms)
    assert gate == [False] * 5 + [True]
    assert "rejected 1 entry signal," in note.text
    assert signals.conditions


def test_plan_when_it_has_no_filters_then_nothing_changes() -> None:
    """The language itself states none."""
    plan = replace(_plan(EntryFilters()), filters=None)
    signals = evaluate(plan, _candles())
    assert with_filters(plan, signals, _candles(), _TERMS, knows_spread=True) == (signals, ())
