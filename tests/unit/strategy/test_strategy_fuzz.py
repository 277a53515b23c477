"""Whatever text comes, the compiler answers with a plan or with faults, in bounded time and memory."""

from contextlib import suppress
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.errors import StrategyInvalid
from sptraderb.strategy.assessment import assess_strategy
from sptraderb.strategy.compiler import compile_strategy
from sptraderb.strategy.header import read_backtest_defaults, read_header
from sptraderb.strategy.schema import BLOCKS
from sptraderb.strategy.target import DEFAULT_TARGET

_WORDS = """
close open high low volume hl2 rsi sma ema macd bbands atr supertrend vwap obv highest lowest ( ( ) ) [ ]
. , + - * / ** < <= > >= == != and or not if_else min max crosses_above rising change bars_since
count_true previous_value @4h @1d @1h pips ticks % R lots bars line signal upper 0 1 2 14 0.5 1e30 1e-30
99999999 n share series flag word long short true false position position.side position.open_pnl
position.entry_price forming forming(close@4h) series@4h hour bar_index
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
    found = assess_strategy(text, target=DEFAULT_TARGET)
    assert found.first_bars or found.faults
    for fault in found.faults:
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
        "name: x\nparameters: {n: 3, share: 2%, flag: true, word: {default: long, choices: [long, short]}}\n"
        f"indicators:\n  series: close + n pips\nentry:\n  long:\n    when: {expression}\n    size: {size}\n"
        f"    cancel_when: {expression}\n    order:\n      limit: {stop}\n      expires: {size}\n"
        "  short: {when: close > 1, size: 1%}\n"
        f"exit:\n  when: {expression}\n  stop_loss: {stop}\n"
        f"  partial:\n    - at: {stop}\n      close: {size}\n"
        f"scale_in:\n  max_entries: {size}\n  min_distance: {stop}\n"
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
