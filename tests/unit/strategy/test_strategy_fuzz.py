"""Whatever text comes, the compiler answers with a plan or with faults, in bounded time and memory."""

import time
import tracemalloc
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.errors import StrategyInvalid
from sptraderb.strategy.compiler import check_strategy, compile_strategy
from sptraderb.strategy.header import read_backtest_defaults, read_header
from sptraderb.strategy.schema import BLOCKS
from sptraderb.strategy.target import DEFAULT_TARGET

_WORDS = """
close open high low volume hl2 rsi sma ema macd bbands atr supertrend vwap obv highest lowest ( ( ) ) [ ]
. , + - * / ** < <= > >= == != and or not if_else min max crosses_above rising change bars_since
count_true previous_value @4h @1d @1h pips ticks % R lots bars line signal upper 0 1 2 14 0.5 1e30 1e-30
99999999 n share series position forming hour bar_index
"""
_LEGACY_KEYS = """
name dependencies signals signal_config ma_crossover ema_crossover required_indicators type params period
parameters min_separation confirmation_bars entry when signal outputs crossover_type action size primary
filters indicator condition min_bars exit signal_exit stop_loss take_profit value max_holding_period risk
max_drawdown position_limit backtest commission optimization trading_hours trading_days execution
"""
_LEGACY_VALUES = """
ma_crossover ema_crossover golden_cross death_cross sma ema rsi buy sell close_all 0.01 0.5 20 50 -1 1e400
parameters.size parameters.none risk.max_drawdown true false <30 10bars 5days 08:00-17:00
"""
_NATIVE_KEYS = sorted({key for block in BLOCKS.values() for key in block})
_BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_EXPRESSIONS = st.lists(st.sampled_from(_WORDS.split()), min_size=1, max_size=40).map(" ".join)
_SCALARS = st.one_of(_EXPRESSIONS, st.text(max_size=12), st.sampled_from(_LEGACY_VALUES.split()))


def _trees(keys: list[str]) -> st.SearchStrategy[object]:
    names = st.one_of(st.sampled_from(keys), st.text(max_size=5))
    return st.recursive(
        _SCALARS,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=6)),
        max_leaves=25,
    )


def _yaml(tree: object) -> str:
    """Return a tree as flow YAML with every scalar quoted."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{_quoted(key)}: {_yaml(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(_yaml(value) for value in tree) + "]"
    return _quoted(str(tree))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _must_answer(text: str) -> None:
    for read in (read_header, read_backtest_defaults):
        with suppress(StrategyInvalid):
            read(text)
    for fault in check_strategy(text, target=DEFAULT_TARGET):
        assert fault.code.startswith("strategy.")
        assert fault.message
        assert fault.rendered()
        assert fault.line is None or 1 <= fault.line <= text.count("\n") + text.count("\r") + 2


@_BOUNDED
@given(st.text(max_size=400))
def test_random_text_when_compiled_then_it_is_answered(text: str) -> None:
    """Any text gives faults, never another exception."""
    _must_answer(text)


@_BOUNDED
@given(st.text(alphabet="{}[]:,-&*!|>%@`'\"#\n\t ab1.()", max_size=200))
def test_random_yaml_signs_when_compiled_then_they_are_answered(text: str) -> None:
    """Any heap of YAML's signs gives faults, never another exception."""
    _must_answer(text)


@_BOUNDED
@given(expression=_EXPRESSIONS, stop=_EXPRESSIONS, size=_EXPRESSIONS)
def test_random_expressions_when_compiled_then_they_are_answered(
    expression: str, stop: str, size: str
) -> None:
    """Any heap of the language's words gives a plan or faults."""
    _must_answer(
        "name: x\nparameters: {n: 3, share: 2%}\nindicators:\n  series: close + n pips\n"
        f"entry:\n  long:\n    when: {expression}\n    size: {size}\n  short: {{when: close > 1, size: 1%}}\n"
        f"exit:\n  stop_loss: {stop}\n  take_profit: {stop}\n"
    )


@_BOUNDED
@given(_trees(_NATIVE_KEYS))
def test_random_trees_of_known_keys_when_compiled_then_they_are_answered(tree: object) -> None:
    """Any tree of the document's keys gives a plan or faults."""
    _must_answer("name: x\n" + "\n".join(f"{_quoted(k)}: {_yaml(v)}" for k, v in _items(tree)))


@_BOUNDED
@given(_trees(_LEGACY_KEYS.split()))
def test_random_trees_of_the_older_dialect_when_compiled_then_they_are_answered(tree: object) -> None:
    """Any tree of the older dialect's keys gives a plan or faults."""
    text = "name: x\ndependencies: {signals: [ma_crossover]}\n"
    _must_answer(text + "\n".join(f"{_quoted(k)}: {_yaml(v)}" for k, v in _items(tree)))


def _items(tree: object) -> list[tuple[str, object]]:
    rest = tree if isinstance(tree, dict) else {"entry": tree}
    return [(key, value) for key, value in rest.items() if key not in ("name", "dependencies")]


@_BOUNDED
@given(
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.text(max_size=9), st.integers(), st.floats(), st.decimals())
    )
)
def test_random_parameters_when_given_then_they_are_answered(
    parameters: dict[str, str | int | float | Decimal],
) -> None:
    """Any parameters of a request give a plan or faults, in both dialects."""
    native = "name: x\nparameters: {a: 1}\nentry: {long: {when: close > a, size: 1%}}\n"
    legacy = "name: x\nparameters: {a: 1}\nentry: {when: [ma_crossover], size: parameters.a}\n"
    for text in (native, legacy):
        for given_parameters in (parameters, {"a": next(iter(parameters.values()), 1)}):
            with suppress(StrategyInvalid):
                compile_strategy(text, parameters=given_parameters, target=DEFAULT_TARGET)


_WORST = {
    "billion laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "long text by aliases": 'a: &a "' + "x" * 30_000 + '"\nb: [' + ",".join(["*a"] * 4_000) + "]\n",
    "open brackets": "[" * 60_000,
    "open mappings": "a: " * 20_000,
    "unknown names": "name: x\nindicators:\n"
    + "".join(f"  s{at}: {' + '.join(f'clss{to}' for to in range(40))}\n" for at in range(190)),
    "a long chain": "name: x\nindicators:\n  s0: close\n"
    + "".join(f"  s{at}: s{at - 1} + 1\n" for at in range(1, 2_300)),
    "a large circle": "name: x\nindicators:\n"
    + "".join(f"  s{at}: s{(at + 1) % 2_000}\n" for at in range(2_000)),
    "large expressions": "name: x\nindicators:\n"
    + "".join(f"  s{at}: {'ema(close, 5) > 1 and ' * 40}close > {at}\n" for at in range(60)),
    "a huge power": "name: x\nentry: {long: {when: close > 9**9**9**9, size: 2%}}\n",
    "many keys": "".join(f"{'k' * 40}{at}: 1\n" for at in range(1_200)),
}


@pytest.mark.parametrize("name", _WORST)
def test_worst_texts_when_compiled_then_time_stays_bounded(name: str) -> None:
    """Texts made to exhaust it are answered within a second or so of processor time."""
    start = time.process_time()
    check_strategy(_WORST[name], target=DEFAULT_TARGET)
    assert time.process_time() - start < 3


@pytest.mark.parametrize("name", ["billion laughs", "long text by aliases", "open brackets", "many keys"])
def test_worst_texts_when_compiled_then_memory_stays_bounded(name: str) -> None:
    """Texts made to exhaust it take few megabytes."""
    tracemalloc.start()
    check_strategy(_WORST[name], target=DEFAULT_TARGET)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 20_000_000
