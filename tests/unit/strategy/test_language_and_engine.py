"""The compiler's words are the engine's: every indicator and function compiles, runs and starts on time."""

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.plan import Plan
from sptraderb.domain.timeframe import H1
from sptraderb.engine.evaluate import evaluate, evaluate_series
from sptraderb.engine.function_registry import FUNCTIONS
from sptraderb.engine.indicator_registry import REGISTRY, registry_document
from sptraderb.engine.indicator_spec import IndicatorSpec
from sptraderb.engine.operations import OPS
from sptraderb.strategy.compiler import compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET

_N_BARS = 900
_MONDAY_S = 1_704_060_000 + 86_400  # 2024-01-01 22:00 UTC: a session's first hour
_EARLY = {"ema_legacy": 0}  # values from the first bar on; rules wait for the declared bar
_ARGUMENTS = {"number": "close", "boolean": "close > open", "any": "close", "bars": "3"}
_OUTPUTS = [(spec, output) for spec in REGISTRY.values() for output in spec.output_names]


@pytest.fixture(scope="module")
def candles() -> Candles:
    """Return hourly bars of a random walk with all prices moving and some volume."""
    random = np.random.default_rng(7)
    close = 110_000 + np.cumsum(random.integers(-40, 41, _N_BARS))
    opens = close + random.integers(-20, 21, _N_BARS)
    columns = {
        "time_s": _MONDAY_S + 3_600 * np.arange(_N_BARS),
        "open_ticks": opens,
        "high_ticks": np.maximum(opens, close) + random.integers(1, 30, _N_BARS),
        "low_ticks": np.minimum(opens, close) - random.integers(1, 30, _N_BARS),
        "close_ticks": close,
        "volume": random.integers(1, 500, _N_BARS).astype(np.float64),
    }
    return Candles.from_columns(columns, instrument=DEFAULT_TARGET.instrument, timeframe=H1)


def _plan(series: str, when: str = "close > open") -> Plan:
    text = f"name: x\nindicators:\n  series: {series}\nentry:\n  long:\n    when: {when}\n    size: 1%\n"
    return compile_strategy(text, target=DEFAULT_TARGET)


def _call(spec: IndicatorSpec, output: str) -> str:
    words = ["close"] if any(row.replaceable for row in spec.inputs) else []
    words += [f"{2 if row.default is None else row.default:g}" for row in spec.parameters]
    return f"{spec.name}({', '.join(words)})" + (f".{output}" if len(spec.outputs) > 1 else "")


@pytest.mark.parametrize(("spec", "output"), _OUTPUTS, ids=lambda value: getattr(value, "name", value))
def test_indicator_when_evaluated_then_its_first_value_is_the_declared_one(
    candles: Candles, spec: IndicatorSpec, output: str
) -> None:
    """Each output has its first value on the bar the registry declares (T2)."""
    plan = _plan(_call(spec, output))
    values = evaluate_series(plan, candles)["series"]
    declared = plan.nodes[plan.series["series"]].first_value
    assert int(np.flatnonzero(np.isfinite(values))[0]) == _EARLY.get(spec.name, declared)
    assert np.isfinite(values[declared:]).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_when_compiled_then_the_engine_evaluates_it(candles: Candles, name: str) -> None:
    """Each function is a word of the engine and gives what its registry row says."""
    spec = FUNCTIONS[name]
    plan = _plan(f"{name}({', '.join(_ARGUMENTS[kind] for kind in spec.arguments)})")
    node = plan.nodes[plan.series["series"]]
    assert node.op == name
    assert node.boolean == (spec.result == "boolean")
    values = evaluate_series(plan, candles)["series"]
    first = int(np.flatnonzero(np.isfinite(values))[0])
    if node.boolean:
        assert first <= node.first_value  # false may be certain before every series is ready
    elif name not in ("bars_since", "previous_value"):  # undefined until the condition was true
        assert first == node.first_value


def test_words_when_the_compiler_uses_them_then_the_engine_has_each() -> None:
    """No op of the engine is out of the language's reach but those that syntax spells."""
    spelt = {
        "constant",
        "price",
        "forming",
        "calendar",
        "bar_index",
        "indicator",
        "add",
        "sub",
        "mul",
        "div",
        "pow",
        "neg",
    }
    spelt |= {
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "equal",
        "not_equal",
        "and",
        "or",
        "not",
        "lag",
    }
    assert set(OPS) == spelt | set(FUNCTIONS) | {"highest", "lowest"}


def test_syntax_when_every_construct_is_used_then_the_engine_evaluates_it(candles: Candles) -> None:
    """Operators, lags, chains, calendar facts and higher timeframes run together."""
    when = (
        "not (1.0 < close[2] <= 1.2) or close + open - high * low / 2 ** 2 != -volume "
        "and hour >= 7 and day_of_week < 5 and bar_index > 3 and close > sma(close@4h, 10)[1] "
        "and rsi(14)@1d > 0 and (close > open) == (high > low) and mod(hour, 4) == 0"
    )
    plan = _plan("hlc3", f'"{when}"')
    signals = evaluate(plan, candles)
    assert signals.conditions[plan.entries[0].when].any()
    assert 0 < signals.ready_bar <= plan.first_value


def test_output_when_the_indicator_has_no_parameters_then_parentheses_may_be_left_out(
    candles: Candles,
) -> None:
    """`pivot_points.r1` is `pivot_points().r1`, on a higher timeframe too."""
    for name in ("pivot_points{}.r1", "heikin_ashi{}@4h.close", "ht_phasor{}.inphase"):
        bare, called = (
            evaluate_series(_plan(name.format(ending)), candles)["series"] for ending in ("", "()")
        )
        np.testing.assert_array_equal(bare, called)
        assert np.isfinite(bare).any()


@pytest.mark.parametrize("timeframe", ["4h", "12h", "1d"])
def test_higher_timeframe_when_data_start_anywhere_then_the_warm_up_is_enough(
    candles: Candles, timeframe: str
) -> None:
    """The declared first value is never before the real one, wherever the data start."""
    plan = _plan(f"sma(close@{timeframe}, 5)")
    values = evaluate_series(plan, candles)["series"]
    assert np.isfinite(values[plan.nodes[plan.series["series"]].first_value :]).all()


def test_registry_document_when_listed_then_it_has_every_indicator_with_bounds() -> None:
    """`GET /api/indicators` lists every indicator with its bounds, outputs and warm-up."""
    rows = {str(row["name"]): row for row in registry_document()}
    assert set(rows) == set(REGISTRY)
    assert rows["macd"]["outputs"] == ["line", "signal", "histogram"]
    assert rows["macd"]["first_value"] == {"line": 25, "signal": 33, "histogram": 33}
    assert rows["sma"]["first_value"] is None
    assert (rows["pivot_points"]["family"], rows["pivot_points"]["first_sessions"]) == ("Charts", 2)
    assert rows["stdev"]["aliases"] == ["stddev"]
