"""No word of the language sees the future: values at bar t stay when later bars change or are cut."""

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.timeframe import H1
from sptraderb.engine.evaluate import evaluate, evaluate_series
from sptraderb.engine.function_registry import FUNCTIONS
from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.indicator_spec import PRICES
from sptraderb.strategy.compiler import compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET

_N_BARS = 240
_CUTS = (1, 2, 23, 24, 25, 96, 97, 98, 99, 150, 200, 239)
_SUNDAY_S = 1_704_060_000 + 6 * 86_400  # 2024-01-07 22:00 UTC
_ARGUMENTS = {"number": "close", "boolean": "close > open", "any": "close", "bars": "3"}
_CONSTRUCTS = (
    "close[3]",
    "sma(close@4h, 5)",
    "rsi(close@4h, 3)[1]",
    "atr(3)@12h",
    "high@1d - low@1d",
    "spread_of@4h",
    *(f"forming({price}@{timeframe})" for timeframe in ("4h", "1d", "1w") for price in PRICES),
    "sma(forming(close@4h), 5) - forming(close@1d)[3]",
    "if_else(close > sma(close, 9), high[1], low) * 2 ** 0.5",
    "not close > open or 1 < close[1] <= 1.1 and hour > 6",
    "bar_index + day_of_week",
)


def _indicator_calls() -> list[str]:
    calls = []
    for spec in REGISTRY.values():
        words = ["close"] if any(row.replaceable for row in spec.inputs) else []
        words += [f"{4 if row.default is None else row.default:g}" for row in spec.parameters]
        call = f"{spec.name}({', '.join(words)})"
        calls += [f"{call}.{name}" if len(spec.outputs) > 1 else call for name in spec.output_names]
    return calls


def _function_calls() -> list[str]:
    return [
        f"{name}({', '.join(_ARGUMENTS[kind] for kind in spec.arguments)})"
        for name, spec in FUNCTIONS.items()
    ]


def _candles(seed: int, *, n_bars: int = _N_BARS, keep: int = 0) -> Candles:
    """Return bars of a random walk; the first ``keep`` are those of seed 1."""
    columns = _columns(seed)
    if keep:
        first = _columns(1)
        columns = {name: np.concatenate([first[name][:keep], rest[keep:]]) for name, rest in columns.items()}
    cut = {name: values[:n_bars] for name, values in columns.items()}
    return Candles.from_columns(cut, instrument=DEFAULT_TARGET.instrument, timeframe=H1)


def _columns(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    close = 110_000 + np.cumsum(random.integers(-40, 41, _N_BARS))
    opens = close + random.integers(-20, 21, _N_BARS)
    return {
        "time_s": _SUNDAY_S + 3_600 * np.arange(_N_BARS),
        "open_ticks": opens,
        "high_ticks": np.maximum(opens, close) + random.integers(1, 30, _N_BARS),
        "low_ticks": np.minimum(opens, close) - random.integers(1, 30, _N_BARS),
        "close_ticks": close,
        "volume": random.integers(1, 500, _N_BARS).astype(np.float64),
    }


@pytest.mark.parametrize("expression", [*_indicator_calls(), *_function_calls(), *_CONSTRUCTS])
def test_value_when_the_future_is_changed_or_cut_then_it_stays(expression: str) -> None:
    """Up to every cut the values are the same, bit for bit, whatever comes after (T1, T3)."""
    series = f"indicators:\n  spread_of: ema(close, 3) - low\n  s: {expression}\n"
    text = f"name: x\n{series}entry:\n  long:\n    when: close > open\n    size: 1%\n"
    plan = compile_strategy(text, target=DEFAULT_TARGET)
    whole = evaluate_series(plan, _candles(1))["s"]
    for cut in _CUTS:
        for other in (_candles(1, n_bars=cut), _candles(2, keep=cut)):
            values = evaluate_series(plan, other)["s"][:cut]
            np.testing.assert_array_equal(values, whole[:cut], err_msg=f"{expression} before bar {cut}")


def test_signals_when_the_future_is_changed_or_cut_then_they_stay() -> None:
    """Conditions and levels of a whole strategy hold the same law."""
    text = (
        "name: x\nentry:\n  long:\n    when: crosses_above(close, sma(close@4h, 3)) or rising(close, 2)\n"
        "    size: {risk: 1%}\nexit:\n  when: falling(close, 2)\n  stop_loss: 2 * atr(5)\n"
        "session: {hours: '06:00-20:00', timezone: America/New_York}\n"
    )
    plan = compile_strategy(text, target=DEFAULT_TARGET)
    whole = evaluate(plan, _candles(1))
    for cut in _CUTS:
        for other in (_candles(1, n_bars=cut), _candles(2, keep=cut)):
            signals = evaluate(plan, other)
            for node, values in whole.conditions.items():
                np.testing.assert_array_equal(signals.conditions[node][:cut], values[:cut])
            for node, levels in whole.levels.items():
                np.testing.assert_array_equal(signals.levels[node][:cut], levels[:cut])
            known = slice(0, cut - 1)  # the last bar of a cut does not know when the next one opens
            np.testing.assert_array_equal(signals.entry_allowed[known], whole.entry_allowed[known])
