"""RSI, Bollinger and ADX signals of the older dialect: which bars they mark."""

import itertools

import numpy as np
import pytest
import talib

from sptraderb.domain.candle import Candles
from sptraderb.domain.timeframe import H1
from sptraderb.engine.evaluate import evaluate
from sptraderb.errors import StrategyInvalid
from sptraderb.strategy.compiler import check_strategy, compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET

N_BARS = 1500


def candles_of_walk() -> Candles:
    """Return hourly bars of one seeded random walk."""
    steps = np.random.default_rng(7).integers(-90, 91, N_BARS)
    close = 110_000 + np.cumsum(steps)
    columns = {
        "time_s": 1_600_000_000 // 3600 * 3600 + 3600 * np.arange(N_BARS, dtype=np.int64),
        "open_ticks": close - steps,
        "high_ticks": np.maximum(close, close - steps) + 30,
        "low_ticks": np.minimum(close, close - steps) - 30,
        "close_ticks": close,
    }
    return Candles.from_columns(columns, instrument=DEFAULT_TARGET.instrument, timeframe=H1)


HEAD = "name: n\nversion: 1.0\nauthor: a\ndescription: d\n"


def marked(signal: str, outputs: str = "", config: str = "") -> np.ndarray:
    """Return the bars on which an entry on a signal is decided."""
    wanted = f", outputs: {outputs}" if outputs else ""
    text = f"{HEAD}signal_config: {{{config}}}\nentry: {{when: [{{signal: {signal}{wanted}}}], size: 0.1}}\n"
    plan = compile_strategy(text, target=DEFAULT_TARGET)
    signals = evaluate(plan, candles_of_walk())
    return np.flatnonzero(signals.conditions[plan.entries[0].when])


def closes() -> np.ndarray:
    """Return the closes the signals are computed on."""
    return candles_of_walk().close_ticks / 10.0**5


def test_rsi_oversold_when_left_after_enough_bars_then_marked_on_the_bar_after() -> None:
    """The event is the first bar above the threshold after three below it: nothing later is needed."""
    found = marked("rsi_oversold", config="rsi_oversold: {parameters: {oversold_threshold: 35, min_bars: 3}}")
    below = talib.RSI(closes(), 14) < 35
    expected = [t for t in range(3, len(below)) if not below[t] and below[t - 3 : t].all()]
    assert len(expected) > 2
    assert found.tolist() == expected


def test_rsi_overbought_when_one_bar_is_enough_then_marked_where_it_begins() -> None:
    """With `min_bars: 1` the first bar above the threshold is marked."""
    config = "rsi_overbought: {rsi_period: 7, parameters: {overbought_threshold: 65, min_bars: 1}}"
    above = talib.RSI(closes(), 7) > 65
    expected = [t for t in range(8, len(above)) if above[t] and not above[t - 1]]
    assert len(expected) > 2
    assert marked("rsi_overbought", "{signal_type: overbought}", config).tolist() == expected


def test_bollinger_breakout_when_one_event_is_wanted_then_only_that() -> None:
    """`upper_break` is the close crossing above the upper band; without outputs either break counts."""
    upper, _, lower = talib.BBANDS(closes(), 20, 2, 2)
    close = closes()
    ups = [t for t in range(20, len(close)) if close[t] > upper[t] and close[t - 1] <= upper[t - 1]]
    downs = [t for t in range(20, len(close)) if close[t] < lower[t] and close[t - 1] >= lower[t - 1]]
    assert ups
    assert downs
    assert marked("bollinger_breakout", "{crossover_type: upper_break}").tolist() == ups
    assert marked("bollinger_breakout").tolist() == sorted(ups + downs)


def test_adx_trend_when_it_starts_and_ends_then_the_events_alternate() -> None:
    """Crossings of the threshold upwards and downwards follow each other."""
    starts = marked("adx_trend", "{crossover_type: trend_start}").tolist()
    ends = marked("adx_trend", "{crossover_type: trend_end}").tolist()
    assert starts
    assert ends
    both = sorted([(bar, 1) for bar in starts] + [(bar, -1) for bar in ends])
    assert all(one[1] != other[1] for one, other in itertools.pairwise(both))


@pytest.mark.parametrize(
    ("signal", "outputs", "config", "code"),
    [
        ("rsi_oversold", "{crossover_type: golden_cross}", "", "strategy.legacy_output_unknown"),
        ("rsi_oversold", "{rsi: 30}", "", "strategy.legacy_output_unknown"),
        ("rsi_oversold", "", "rsi_oversold: {parameters: {min_bars: 0}}", "strategy.out_of_range"),
        ("adx_trend", "", "adx_trend: {period: 2.5}", "strategy.out_of_range"),
    ],
)
def test_level_signal_when_configured_wrongly_then_a_fault(
    signal: str, outputs: str, config: str, code: str
) -> None:
    """Outputs and settings a signal does not have are faults."""
    with pytest.raises(StrategyInvalid) as raised:
        marked(signal, outputs, config)
    assert [fault.code for fault in raised.value.faults] == [code]


def test_output_when_written_as_a_comparison_then_applied_with_a_note() -> None:
    """`signal_strength: "> 0.1"`, which the first server compared as text, holds where the strength does."""
    text = (
        HEAD + "entry: {when: [{signal: ma_crossover, outputs: {crossover_type: golden_cross, "
        'signal_strength: "> 0.1"}}], size: 0.1}\n'
    )
    assert check_strategy(text) == ()
    plan = compile_strategy(text, target=DEFAULT_TARGET)
    assert "legacy.output_comparison" in [note.code for note in plan.notes]
    assert plan.nodes[plan.entries[0].when].text.endswith("/ 0.01) > 0.1")
